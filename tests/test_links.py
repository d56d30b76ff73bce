"""The links that a message offers: one per page of the hub, each with a token of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from hub.contracts import Place
from hub.links import links
from hub.project.models import HubFile
from hub.tokens import subject_of
from tests.stages.engagement import KEY

MESSAGE = "5d41402abc4b2a76b9719d911017c592"
PUBLIC = "https://mail.miaoum.example"


def test_every_link_leads_to_its_own_page_and_back_to_the_message() -> None:
    offered = links(KEY, PUBLIC, MESSAGE)
    assert sorted(offered) == ["confirm_url", "preferences_url", "survey_url"]
    start, page, token = offered["confirm_url"].rsplit("/", 2)
    assert (start, page) == (PUBLIC, "confirm")
    assert subject_of(KEY, "confirm", token) == MESSAGE


def test_without_a_public_address_the_links_are_empty() -> None:
    assert set(links(KEY, None, MESSAGE).values()) == {""}


def test_a_destination_without_an_address_of_its_own_offers_the_page_of_the_hub() -> None:
    from plugins.destinations.print import Print

    place = Place("post", Path(), KEY, PUBLIC)
    assert Print(None, place).unsubscribe_url("t") == f"{PUBLIC}/unsubscribe/t"
    assert Print(None, Place("post", Path(), KEY)).unsubscribe_url("t") == ""


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("mail.miaoum.example", "write a full address"),
        ("http://mail.miaoum.example", "need https"),
        ("https://mail.miaoum.example/?page=1", "write a full address"),
        ('https://mail.miaoum.example/">', "write a full address"),
    ],
)
def test_links_begin_with_a_full_and_safe_address(address: str, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        HubFile(name="Shop", public_url=address)


def test_on_this_machine_links_need_no_certificate() -> None:
    assert HubFile(name="Shop", public_url="http://127.0.0.1:8000/").public_url == "http://127.0.0.1:8000"
