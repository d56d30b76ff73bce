"""Which statement holds: over records, moments, grounds, texts, ages and countries. Nothing of it can be got around."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub import consent
from hub.law import Span, Stricter, Terms, Text
from hub.warehouse import Warehouse
from tests.stages.engagement import NOW, Shop, shop_in

DAY = timedelta(days=1)
WORDS = "shop-newsletter-v3"
TEXT = Text(WORDS, ("email",), "marketing", NOW - 100 * DAY, NOW - 10 * DAY)


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Iterator[Shop]:
    with shop_in(tmp_path, warehouse) as opened:
        yield opened


def standing(
    shop: Shop, terms: Terms = Terms(), purpose: str = "marketing", as_of: datetime = NOW, **more: Any
) -> dict[str, bool]:
    """Give the consent in effect of person 1: channel -> given."""
    with shop.warehouse.begin() as transaction:
        person = transaction.table("person")
        people = sa.select(person.c.person_id).where(person.c.person_id == 1).subquery()
        rows = transaction.rows(consent.in_effect(transaction, terms, people, purpose, as_of, **more))
    assert len({row.channel for row in rows}) == len(rows), "one row per channel"
    if not more.pop("soft_opt_in", False):
        at_once = {channel: answer(shop, terms, channel, purpose, as_of, **more) for channel in consent.CHANNELS}
        assert {row.channel: (row.given, row.at) for row in rows} == {name: it for name, it in at_once.items() if it}
    return {row.channel: row.given for row in rows}


def answer(
    shop: Shop, terms: Terms, channel: str, purpose: str, as_of: datetime, **more: Any
) -> tuple[bool, datetime] | None:
    """Give the same of person 1 as audiences ask for it: for one channel, of everybody."""
    with shop.warehouse.begin() as transaction:
        asked = consent.answers(transaction, terms, channel, purpose, as_of, **more).subquery()
        rows = transaction.rows(sa.select(asked.c.given, asked.c.at).where(asked.c.person_id == 1))
    assert len(rows) <= 1, "one row per person"
    return (rows[0].given, rows[0].at) if rows else None


# over records and moments


def test_the_newest_statement_counts_over_all_records_of_a_person(shop: Shop) -> None:
    one, other = shop.person(1), shop.person(2)
    shop.consent(one, "email", given=False, at=NOW - 3 * DAY)
    shop.consent(other, "email", given=True, at=NOW - 2 * DAY)
    shop.merge(1, 2)
    assert standing(shop) == {"email": True}


def test_two_records_that_disagree_at_one_moment_are_a_refusal(shop: Shop) -> None:
    one, other = shop.person(1), shop.person(2)
    shop.consent(one, "email", given=True)
    shop.consent(other, "email", given=False)
    shop.merge(1, 2)
    assert standing(shop) == {"email": False}


def test_an_unclear_statement_is_no_consent(shop: Shop) -> None:
    shop.consent(shop.person(1), "email", given=None)
    assert standing(shop) == {"email": False}


def test_a_yes_without_a_moment_proves_nothing_and_a_refusal_without_one_holds(shop: Shop) -> None:
    person = shop.person(1)
    shop.consent(person, "email", given=True, at=None)
    assert standing(shop) == {}
    shop.consent(person, "email", given=True, at=NOW - DAY)
    shop.consent(person, "email", given=False, at=None)
    assert standing(shop) == {"email": False}


def test_a_yes_from_a_clock_that_runs_ahead_does_not_count_yet_and_a_withdrawal_does(shop: Shop) -> None:
    person = shop.person(1)
    shop.consent(person, "sms", given=True, at=NOW + timedelta(minutes=1))
    shop.consent(person, "email", given=True, at=NOW - DAY)
    shop.consent(person, "email", given=False, at=NOW + timedelta(hours=23))
    assert standing(shop) == {"email": False}


def test_before_something_goes_out_a_withdrawal_counts_however_late_it_is_dated(shop: Shop) -> None:
    person = shop.person(1, consent=["email"])
    shop.consent(person, "email", given=False, at=NOW + 400 * DAY)
    assert standing(shop) == {"email": True}
    assert standing(shop, ahead=None) == {"email": False}


def test_a_withdrawal_of_all_channels_takes_back_each_and_a_later_yes_gives_its_own_again(shop: Shop) -> None:
    person = shop.person(1, consent=["email", "sms"])
    shop.consent(person, "all", given=False, at=NOW - timedelta(hours=2))
    assert standing(shop) == dict.fromkeys(consent.CHANNELS, False)
    shop.consent(person, "sms", given=True, at=NOW - timedelta(hours=1))
    assert standing(shop)["sms"] is True
    assert standing(shop)["email"] is False


def test_a_yes_to_all_channels_is_no_yes_to_any(shop: Shop) -> None:
    shop.consent(shop.person(1), "all", given=True)
    assert standing(shop) == {}


# proof


@pytest.mark.parametrize(
    ("statement", "holds"),
    [
        ({"text": WORDS, "basis": "consent"}, True),
        ({"text": "another", "basis": "consent"}, False),
        ({"text": "", "basis": "consent"}, False),
        ({"text": None, "basis": "consent"}, False),
        ({"text": WORDS, "basis": None}, False),
        ({"text": WORDS, "basis": "consent", "channel": "sms"}, False),
        ({"text": WORDS, "basis": "consent", "at": NOW - 101 * DAY}, False),
        ({"text": WORDS, "basis": "consent", "at": NOW - 10 * DAY}, False),
    ],
    ids=[
        "it names a text",
        "a text that is not declared",
        "no text",
        "nothing where the text was",
        "no ground",
        "the text of another channel",
        "before the text was shown",
        "after it was shown",
    ],
)
def test_where_texts_are_declared_a_yes_holds_only_with_the_words_that_were_shown(
    shop: Shop, statement: dict[str, Any], holds: bool
) -> None:
    shop.consent(shop.person(1), **{"channel": "email", "at": NOW - 50 * DAY, **statement})
    assert standing(shop, Terms(texts=(TEXT,))) == ({"email": True} if holds else {})


def test_a_refusal_holds_without_text_ground_or_proof(shop: Shop) -> None:
    person = shop.person(1)
    shop.consent(person, "email", at=NOW - 50 * DAY, text=WORDS, basis="consent")
    shop.consent(person, "email", given=False, at=NOW - 40 * DAY)
    assert standing(shop, Terms(texts=(TEXT,))) == {"email": False}


def test_a_yes_that_can_not_be_proven_leaves_an_older_refusal_standing(shop: Shop) -> None:
    person = shop.person(1)
    shop.consent(person, "email", given=False, at=NOW - 60 * DAY)
    shop.consent(person, "email", given=True, at=NOW - 50 * DAY, text="another", basis="consent")
    assert standing(shop, Terms(texts=(TEXT,))) == {"email": False}


def test_without_declared_texts_a_yes_needs_none(shop: Shop) -> None:
    shop.person(1, consent=["email"])
    assert standing(shop) == {"email": True}


def test_where_nothing_is_declared_but_the_file_is_there_nobody_has_consented(shop: Shop) -> None:
    shop.consent(shop.person(1), "email", text=WORDS, basis="consent")
    assert standing(shop, Terms(texts=())) == {}


def test_a_yes_expires_and_a_refusal_does_not(shop: Shop) -> None:
    person = shop.person(1)
    shop.consent(person, "email", at=NOW - 800 * DAY)
    shop.consent(person, "sms", at=NOW - 700 * DAY)
    shop.consent(person, "ads", given=False, at=NOW - 800 * DAY)
    assert standing(shop, Terms(valid_for=Span.parse("24 months"))) == {"sms": True, "ads": False}


# the law


@pytest.mark.parametrize(
    ("conditions", "message_meets_them", "holds"),
    [
        ({"from_sale": True, "refusal_offered": True}, True, True),
        ({"from_sale": True, "refusal_offered": True}, False, False),
        ({"from_sale": False, "refusal_offered": True}, True, False),
        ({"from_sale": True, "refusal_offered": False}, True, False),
        ({"from_sale": True}, True, False),
        ({}, True, False),
    ],
)
def test_a_soft_opt_in_holds_only_if_all_of_its_conditions_do(
    shop: Shop, conditions: dict[str, bool], message_meets_them: bool, holds: bool
) -> None:
    shop.consent(shop.person(1, country="NL"), "email", basis="soft opt-in", **conditions)
    assert standing(shop, soft_opt_in=message_meets_them) == ({"email": True} if holds else {})


def test_a_soft_opt_in_that_does_not_hold_leaves_the_consent_before_it_standing(shop: Shop) -> None:
    person = shop.person(1, country="NL", consent=["email"])
    shop.consent(person, "email", at=NOW - timedelta(hours=1), basis="soft opt-in", from_sale=True)
    assert standing(shop, soft_opt_in=True) == {"email": True}


@pytest.mark.parametrize(
    ("channel", "country", "basis", "as_of", "holds"),
    [
        ("email", "NL", "soft opt-in", NOW, True),
        ("sms", " be ", "soft opt-in", NOW, True),
        ("email", "FR", "soft opt-in", NOW, False),
        ("email", None, "soft opt-in", NOW, False),
        ("email", None, "consent", NOW, True),
        ("email", "NL", "contract", NOW, False),
        ("email", "NL", "legitimate interest", NOW, False),
        ("letter", "NL", "legitimate interest", NOW, True),
        ("letter", "BE", "contract", NOW, True),
        ("letter", "FR", "legitimate interest", NOW, False),
        ("ads", "NL", "soft opt-in", NOW, False),
        ("ads", "NL", "consent", NOW, True),
        ("phone", "NL", "soft opt-in", datetime(2026, 6, 30, 21, 59, tzinfo=UTC), True),
        ("phone", "NL", "soft opt-in", datetime(2026, 6, 30, 22, 0, tzinfo=UTC), False),
        ("phone", "NL", "consent", datetime(2026, 7, 1, 9, 0, tzinfo=UTC), True),
        ("phone", "BE", "soft opt-in", NOW, False),
    ],
)
def test_the_ground_of_a_yes_must_be_one_that_the_law_of_the_country_takes_that_day(
    shop: Shop, channel: str, country: str | None, basis: str, as_of: datetime, holds: bool
) -> None:
    person = shop.person(1, country=country)
    shop.consent(person, channel, basis=basis, from_sale=True, refusal_offered=True)
    terms = Terms(timezone="Europe/Amsterdam")
    assert standing(shop, terms, as_of=as_of, soft_opt_in=True) == ({channel: True} if holds else {})


@pytest.mark.parametrize(
    ("country", "born", "holds"),
    [
        ("NL", date(2010, 3, 1), True),
        ("NL", date(2010, 3, 2), False),
        ("BE", date(2010, 3, 2), True),
        ("BE", date(2013, 3, 2), False),
        (None, date(2010, 3, 2), False),
        ("NL", None, True),
        ("NL", date(2008, 2, 29), True),
    ],
)
def test_a_child_gives_no_consent_of_its_own(shop: Shop, country: str | None, born: date | None, holds: bool) -> None:
    shop.consent(shop.person(1, country=country, birth_date=born), "email", at=NOW - DAY)
    assert standing(shop) == ({"email": True} if holds else {})


def test_what_a_child_agreed_to_does_not_count_when_it_has_grown_up(shop: Shop) -> None:
    shop.consent(shop.person(1, country="NL", birth_date=date(2010, 3, 2)), "email", at=NOW - DAY)
    assert standing(shop, as_of=NOW + 500 * DAY) == {}


def test_the_refusal_of_a_child_holds(shop: Shop) -> None:
    shop.consent(shop.person(1, country="NL", birth_date=date(2015, 1, 1)), "email", given=False)
    assert standing(shop) == {"email": False}


@pytest.mark.parametrize(
    ("stricter", "holds"),
    [
        (Stricter(without=frozenset({"soft opt-in"})), False),
        (Stricter(countries=("BE",), without=frozenset({"soft opt-in"})), True),
        (Stricter(channels=("sms",), without=frozenset({"soft opt-in"})), True),
        (Stricter(countries=("NL",), age=18), False),
        (Stricter(age=10), True),
        (Stricter(age=17), True),
    ],
)
def test_a_project_can_make_a_rule_stricter(shop: Shop, stricter: Stricter, holds: bool) -> None:
    person = shop.person(1, country="NL", birth_date=date(2008, 6, 1))
    shop.consent(person, "email", basis="soft opt-in", from_sale=True, refusal_offered=True)
    assert standing(shop, Terms(stricter=(stricter,)), soft_opt_in=True) == ({"email": True} if holds else {})


def test_a_service_message_needs_no_ground_and_a_refusal_stops_it(shop: Shop) -> None:
    person = shop.person(1, birth_date=date(2015, 1, 1))
    shop.consent(person, "email", purpose="service", basis="contract")
    assert standing(shop, Terms(texts=()), "service") == {"email": True}
    shop.consent(person, "email", given=False, purpose="service", at=NOW)
    assert standing(shop, Terms(texts=()), "service") == {"email": False}


# whatever comes together


@dataclass(frozen=True)
class Said:
    record: int
    channel: str
    given: bool | None
    days: int | None
    basis: str | None
    text: str | None


SAID = st.builds(
    Said,
    record=st.sampled_from([1, 2]),
    channel=st.sampled_from(["email", "sms", "all"]),
    given=st.sampled_from([True, True, False, None]),
    days=st.one_of(st.none(), st.integers(-3, 3)),
    basis=st.sampled_from(["consent", "contract", None]),
    text=st.sampled_from([WORDS, "another", None]),
)


def expected(said: Sequence[Said], terms: Terms) -> dict[str, bool]:
    """Say the same as the SQL, statement by statement."""
    found = {}
    for channel in consent.CHANNELS:
        counting: list[tuple[int, bool]] = []
        for one in said:
            days = 0 if one.days is None and not one.given else one.days
            if one.channel not in (channel, "all") or days is None:
                continue
            if not one.given:
                counting += [(days, False)] if days <= 1 else []
            elif one.channel == channel and days <= 0:
                words = terms.texts is None or (one.text == WORDS and channel == "email" and one.basis is not None)
                if words and one.basis != "contract":
                    counting.append((days, True))
        if counting:
            newest = max(days for days, _ in counting)
            found[channel] = all(given for days, given in counting if days == newest)
    return found


@pytest.mark.parametrize(
    "texts", [None, (Text(WORDS, ("email",), "marketing", NOW - 10 * DAY),)], ids=["free", "texts"]
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.lists(SAID, max_size=5))
def test_over_any_statements_of_two_records_the_strictest_valid_one_wins(
    shop: Shop, texts: tuple[Text, ...] | None, said: list[Said]
) -> None:
    with shop.warehouse.begin() as transaction:
        for name in ("consent", "source_record", "person"):
            transaction.execute(sa.delete(transaction.table(name)))
    shop.person(1, country="NL")
    shop.person(2)
    shop.merge(1, 2)
    for one in said:
        at = None if one.days is None else NOW + one.days * DAY
        shop.consent(f"shop:{one.record}", one.channel, one.given, at, basis=one.basis, text=one.text)
    assert standing(shop, Terms(texts=texts)) == expected(said, Terms(texts=texts))
