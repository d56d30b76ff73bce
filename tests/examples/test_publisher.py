"""De Leeskamer: R27 to R30 (welcome, banner, ten years, other title, exclusions), walked through once on a calendar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest

from tests.examples.playing import Example, Sent, example

DAYS = (
    "2026-02-28 10:00",
    "2026-03-01 10:00",
    "2026-03-02 09:00",
    "2026-03-02 10:10",
    "2026-03-02 12:00",
    "2026-03-02 16:00",
    "2026-03-02 16:00",
    "2026-03-03 10:10",
    "2026-03-05 10:00",
    "2026-03-28 10:00",
    "2026-03-29 09:59",
    "2026-03-29 10:00",
    "2026-03-30 09:00",
    "2026-04-01 10:00",
    "2026-07-01 10:00",
    "2026-10-24 10:00",
    "2026-10-25 09:59",
    "2026-10-25 10:00",
    "2026-10-26 09:00",
)
SUBSCRIPTIONS = "number,account,sku,started_on,status,changed_at"
NEWS = {
    "2026-03-02 16:00": "A90,22,S,2026-03-02,active,2026-03-02 15:00:00",
    "2026-03-30 09:00": "A5,16,S,2016-03-29,ended,2026-03-29 12:00:00",
}
"""Before these runs a subscription comes in: Victor takes Smaak, Petra ends hers."""


@dataclass(frozen=True)
class Readers:
    """The example after its walk, and who was on which list of the site after each run."""

    played: Example
    lists: Mapping[str, Mapping[str, Mapping[str, Mapping[str, Any]]]]

    def times(self, scenario: str, name: str) -> list[str]:
        return [sent.at for sent in self.played.sent(scenario, name)]

    def shown(self, audience: str, name: str) -> list[str]:
        """After which runs the site had a reader on a list."""
        visitor = sha256(f"{name.lower()}@example.nl".encode()).hexdigest()
        return [
            day
            for day, lists in self.lists.items()
            if any(row["visitor"] == visitor for row in lists.get(audience, {}).values())
        ]


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Readers]:
    lists = {}
    with example("publisher", tmp_path_factory.mktemp("publisher")) as played:
        for day in DAYS:
            if day in NEWS:
                played.add(f"subscriptions-{day[:10]}.csv", SUBSCRIPTIONS, NEWS[day])
            played.run(day)
            lists[day] = {name: dict(rows) for name, rows in played.postbox.members.items()}
        yield Readers(played, lists)


# R27: account created


def test_r27_an_account_is_welcomed_once_without_any_marketing_consent(readers: Readers) -> None:
    assert readers.played.sent("welcome", "Anna") == [Sent("2026-03-02 10:10", "Anna", "welcome", "email")]
    (anna,) = readers.played.mails("anna@example.nl")
    assert anna.subject == "Welkom bij De Leeskamer"


def test_r27_who_did_not_look_around_is_told_how_it_works_a_day_later(readers: Readers) -> None:
    """At the same time on the wall, also when the clock changed in that night."""
    assert readers.times("welcome", "Els") == ["2026-03-28 10:00", "2026-03-29 10:00"]
    assert readers.times("welcome", "Freek") == ["2026-10-24 10:00", "2026-10-25 10:00"]
    assert [mail.subject for mail in readers.played.mails("els@example.nl")][1] == "Zo haal je alles uit je account"


def test_r27_who_closes_the_account_before_the_run_gets_nothing(readers: Readers) -> None:
    assert readers.times("welcome", "Cora") == []
    assert readers.played.ways("welcome", "Cora") == [("stopped", "interrupted: happened('account_closed')")]


def test_r27_a_wrong_mail_address_falls_back_to_a_letter(readers: Readers) -> None:
    sent = [(one.template, one.channel) for one in readers.played.sent("welcome", "Bram")]
    assert sent[:2] == [("welcome", "email"), ("welcome", "letter")]
    assert readers.played.refused("welcome", "Bram")[0] == "rejected"


def test_r27_who_has_no_address_at_all_is_told_of(readers: Readers) -> None:
    assert readers.times("welcome", "Dirk") == []
    assert readers.played.refused("welcome", "Dirk") == ["email: no email; letter: no complete address"]


def test_r27_the_first_look_around_brings_the_chatbot_for_a_week(readers: Readers) -> None:
    shown = readers.shown("chatbot", "Anna")
    assert shown[0] == "2026-03-02 12:00"
    assert shown[-1] == "2026-03-05 10:00"
    assert readers.shown("chatbot", "Els") == []


# R28: viewed "speelgoed" several times, no order


def test_r28_three_looks_at_toys_bring_a_banner_with_that_toy_until_an_order(readers: Readers) -> None:
    shown = readers.shown("banner", "Gijs")
    assert (shown[0], shown[-1]) == ("2026-03-02 09:00", "2026-03-03 10:10")
    (row,) = (
        row
        for row in readers.lists["2026-03-02 09:00"]["banner"].values()
        if row["visitor"] == sha256(b"gijs@example.nl").hexdigest()
    )
    assert row["item"] == "Houten blokken"


def test_r28_no_banner_for_two_looks_or_with_an_order(readers: Readers) -> None:
    assert readers.shown("banner", "Ian") == []
    assert readers.shown("banner", "Hilde") == []


def test_r28_no_banner_without_consent_to_a_personal_site(readers: Readers) -> None:
    assert "Julia" in {row["given_name"] for row in entered(readers.played, "toys_not_bought")}
    assert readers.shown("banner", "Julia") == []


def test_r28_looks_count_for_thirty_days_also_over_a_change_of_the_clock(readers: Readers) -> None:
    """Karel looked on 27 February: 29 March is day 30, 30 March is day 31."""
    assert readers.shown("banner", "Karel")[-1] == "2026-03-29 10:00"


# R29: ten years, frequent visitors, another title


def test_r29_ten_years_to_the_day_are_thanked_for_once(readers: Readers) -> None:
    assert readers.times("ten_years", "Loes") == ["2026-03-02 09:00"]
    assert readers.played.mails("loes@example.nl")[0].text.startswith("Beste mevrouw Lezer,")
    (way,) = readers.played.ask("""
        select e.entered_at from enrolment e join source_record r on r.record_id = e.record_id
        join person p on p.person_id = r.person_id where e.scenario = 'ten_years' and p.given_name = 'Mees'
    """)
    assert f"{way['entered_at']:%Y-%m-%d %H:%M}" == "2026-02-28 23:00"  # midnight of 1 March here: 29 February


def test_r29_thanks_go_on_the_first_working_day(readers: Readers) -> None:
    """1 March and 25 October are Sundays; in the second night the clock changes."""
    assert readers.times("ten_years", "Mees") == ["2026-03-02 09:00"]
    assert readers.times("ten_years", "Quirine") == ["2026-10-26 09:00"]


def test_r29_who_ended_the_subscription_is_not_thanked(readers: Readers) -> None:
    assert readers.played.ways("ten_years", "Nora") == []
    assert readers.times("ten_years", "Petra") == []
    ((status, reason),) = readers.played.ways("ten_years", "Petra")
    assert (status, reason) == ("stopped", "interrupted: not has('subscription', status = 'active')")


def test_r29_who_wants_post_is_thanked_by_letter(readers: Readers) -> None:
    assert readers.played.sent("ten_years", "Otto") == [Sent("2026-03-02 09:00", "Otto", "thank_you", "letter")]


def test_r29_four_days_on_the_site_bring_the_call_to_action_and_three_do_not(readers: Readers) -> None:
    assert readers.shown("call_to_action", "Rik")[0] == "2026-03-02 09:00"
    assert readers.shown("call_to_action", "Sara") == []


def test_r29_readers_of_one_title_are_offered_the_other_once(readers: Readers) -> None:
    assert readers.times("other_title", "Tom") == ["2026-03-02 16:00"]
    assert "Omdat je graag over de tuin leest" in readers.played.mails("tom@example.nl")[0].text


def test_r29_who_has_the_other_title_or_takes_it_in_time_is_not_offered_it(readers: Readers) -> None:
    assert readers.played.ways("other_title", "Uma") == []
    assert readers.times("other_title", "Victor") == []
    assert readers.played.ways("other_title", "Victor")[0][0] == "stopped"


# R30: exclusion rules


def test_r30_a_25_year_old_is_never_offered_reading_glasses(readers: Readers) -> None:
    assert readers.played.ways("reading_glasses", "Wim") == []


def test_r30_neither_is_somebody_whose_age_nobody_knows(readers: Readers) -> None:
    assert readers.played.ways("reading_glasses", "Yara") == []


def test_r30_from_the_fortieth_birthday_on_it_may_be_offered_once(readers: Readers) -> None:
    """1 April is Ad's birthday; Zoe's is a day later, so that she waits for the next quarter."""
    assert readers.times("reading_glasses", "Xandra") == ["2026-04-01 10:00"]
    assert readers.times("reading_glasses", "Ad") == ["2026-04-01 10:00"]
    assert readers.times("reading_glasses", "Zoe") == ["2026-07-01 10:00"]


def entered(played: Example, segment: str) -> list[Mapping[str, Any]]:
    return played.ask(f"""
        select p.given_name from transition t join person p on p.person_id = t.person_id
        where t.segment = '{segment}' and t.kind = 'entered'
    """)
