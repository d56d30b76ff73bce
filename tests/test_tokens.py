"""Tokens in links can't be guessed, changed, or used for another purpose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import ConfigurationError
from hub.tokens import SUBJECT, subject_of, token

KEY = b"a key of 32 signs, for the tests"
OTHER = b"another key of 32 signs, as good"
MESSAGE = "5d41402abc4b2a76b9719d911017c592"


def test_a_token_leads_back_to_its_subject() -> None:
    assert subject_of(KEY, "unsubscribe", token(KEY, "unsubscribe", MESSAGE)) == MESSAGE


def test_a_token_is_the_same_at_every_attempt_and_fits_into_an_sms() -> None:
    assert token(KEY, "confirm", MESSAGE) == token(KEY, "confirm", MESSAGE)
    assert len(token(KEY, "confirm", MESSAGE)) == 55


def test_a_token_of_one_kind_does_nothing_as_another() -> None:
    assert subject_of(KEY, "confirm", token(KEY, "unsubscribe", MESSAGE)) is None


def test_a_token_of_one_message_can_not_be_moved_to_another() -> None:
    signature = token(KEY, "unsubscribe", MESSAGE).partition(".")[2]
    assert subject_of(KEY, "unsubscribe", f"{MESSAGE[:-1]}3.{signature}") is None


def test_a_replaced_key_opens_its_old_links_while_it_is_named() -> None:
    old = token(OTHER, "unsubscribe", MESSAGE)
    assert subject_of(KEY, "unsubscribe", old) is None
    assert subject_of(KEY, "unsubscribe", old, former=[OTHER]) == MESSAGE


@given(st.text(max_size=300))
def test_nothing_that_comes_in_is_a_token_by_chance_or_breaks_the_check(text: str) -> None:
    assert subject_of(KEY, "survey", text) is None
    assert subject_of(KEY, "survey", f"{MESSAGE}.{text}") is None


@given(st.from_regex(SUBJECT, fullmatch=True).filter(lambda text: len(text) < 100))
def test_every_subject_that_can_stand_in_a_link_comes_back(subject: str) -> None:
    assert subject_of(KEY, "preferences", token(KEY, "preferences", subject)) == subject


def test_an_address_is_no_subject() -> None:
    with pytest.raises(ValueError, match="letters, digits, - and _"):
        token(KEY, "preferences", "shop:email:anna@example.nl")


def test_without_a_key_there_are_no_links() -> None:
    with pytest.raises(ConfigurationError, match="HUB_KEY is not set"):
        token(b"", "unsubscribe", MESSAGE)
    with pytest.raises(ConfigurationError, match="HUB_KEY is not set"):
        subject_of(b"", "unsubscribe", f"{MESSAGE}.x")
