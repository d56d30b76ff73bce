"""The rules of the law: dated, by country, and never made looser by what a project adds."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.law import Span, Stricter, Terms, age_groups, basis_groups, registers
from hub.law.table import AGE_RULES, CHANNEL_RULES

TODAY = date(2026, 11, 22)
COUNTRIES = ("NL", "BE", "FR", "")


def bases(channel: str, country: str, day: date = TODAY, *stricter: Stricter) -> frozenset[str]:
    """Give what a yes may rest on: exactly one group tells."""
    (found,) = [
        group.bases
        for group in basis_groups(day, stricter)
        if channel in group.channels and (country in group.countries) == group.named
    ]
    return found


def age(country: str, *stricter: Stricter) -> int:
    (found,) = [group.age for group in age_groups(stricter) if (country in group.countries) == group.named]
    return found


def test_electronic_marketing_is_opt_in_and_soft_opt_in_is_known_in_two_countries() -> None:
    assert bases("email", "NL") == bases("sms", "BE") == {"consent", "soft opt-in"}
    assert bases("email", "FR") == bases("email", "") == {"consent"}


def test_the_dutch_exception_for_customers_on_the_telephone_ended_on_the_first_of_july_2026() -> None:
    assert bases("phone", "NL", date(2026, 6, 30)) == {"consent", "soft opt-in"}
    assert bases("phone", "NL", date(2026, 7, 1)) == {"consent"}


def test_before_a_rule_was_in_force_the_strictest_one_holds() -> None:
    assert bases("phone", "NL", date(2020, 1, 1)) == {"consent"}


def test_the_age_of_ones_own_consent_differs_by_country() -> None:
    assert (age("NL"), age("BE"), age("FR"), age("")) == (16, 13, 16, 16)


def test_who_calls_belgium_consults_the_list() -> None:
    assert [rule.register for rule in registers("phone", TODAY)] == ["bel-me-niet-meer"]
    assert registers("email", TODAY) == []


def test_every_rule_says_where_it_comes_from_and_ends_after_it_began() -> None:
    assert all(rule.source for rule in (*CHANNEL_RULES, *AGE_RULES))
    assert all(rule.since < rule.until for rule in CHANNEL_RULES)


STRICTER = st.builds(
    Stricter,
    channels=st.sampled_from([(), ("email",), ("phone", "letter")]),
    countries=st.sampled_from([(), ("NL",), ("FR", "BE"), ("US",)]),
    without=st.frozensets(st.sampled_from(["consent", "soft opt-in", "contract", "legitimate interest"])),
    age=st.one_of(st.none(), st.integers(1, 120)),
)


@given(st.lists(STRICTER, max_size=4), st.dates(date(2000, 1, 1), date(2040, 1, 1)))
def test_nothing_that_a_project_writes_makes_a_rule_looser(added: list[Stricter], day: date) -> None:
    for country in COUNTRIES:
        assert age(country, *added) >= age(country)
        for channel in ("email", "sms", "phone", "letter", "ads", "push"):
            assert bases(channel, country, day, *added) <= bases(channel, country, day)


def test_what_a_project_asks_of_one_country_reaches_those_whose_country_is_not_known() -> None:
    strict = Stricter(countries=("NL",), without=frozenset({"consent"}))
    assert bases("ads", "NL", TODAY, strict) == bases("ads", "", TODAY, strict) == frozenset()
    assert bases("ads", "FR", TODAY, strict) == {"consent"}
    assert bases("email", "BE", TODAY, strict) == {"consent", "soft opt-in"}


def test_an_age_that_is_asked_in_one_country_is_not_asked_in_another() -> None:
    strict = Stricter(countries=("NL",), age=18)
    assert [age(country, strict) for country in ("NL", "", "BE", "FR")] == [18, 18, 13, 16]


# terms


@pytest.mark.parametrize(
    ("written", "before"),
    [
        ("24 months", datetime(2024, 2, 28, 12, tzinfo=UTC)),
        ("2 years", datetime(2024, 2, 28, 12, tzinfo=UTC)),
        ("3 months", datetime(2025, 11, 28, 12, tzinfo=UTC)),
        ("2 weeks", datetime(2026, 2, 14, 12, tzinfo=UTC)),
    ],
)
def test_a_length_of_time_is_counted_by_the_calendar(written: str, before: datetime) -> None:
    assert Span.parse(written).before(datetime(2026, 2, 28, 12, tzinfo=UTC)) == before


def test_the_last_day_of_a_shorter_month_stands_for_the_31st() -> None:
    assert Span.parse("1 month").before(datetime(2026, 3, 31, tzinfo=UTC)) == datetime(2026, 2, 28, tzinfo=UTC)


@pytest.mark.parametrize("written", ["24", "two years", "0 days", "1000 years", "-1 day"])
def test_what_is_no_length_of_time_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="24 months"):
        Span.parse(written)


def test_the_day_of_the_law_is_the_day_where_the_project_is() -> None:
    terms = Terms(timezone="Europe/Amsterdam")
    assert terms.day(datetime(2026, 6, 30, 22, 0, tzinfo=UTC)) == date(2026, 7, 1)
    assert terms.until(datetime(2026, 6, 1, tzinfo=UTC)) == datetime(2026, 6, 30, 22, 0, tzinfo=UTC)


def test_other_terms_have_another_mark_and_the_same_ones_the_same() -> None:
    strict = Stricter(without=frozenset({"soft opt-in", "contract", "consent"}))
    marks = {Terms().mark, Terms(texts=()).mark, Terms(stricter=(strict,)).mark, Terms(timezone="Europe/Brussels").mark}
    assert len(marks) == 4
    again = Stricter(without=frozenset({"consent", "contract", "soft opt-in"}))
    assert Terms(stricter=(again,)).mark == Terms(stricter=(strict,)).mark
