"""Zonder Zorgen: R22 (the route planner was used), walked through once on a simulated calendar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from tests.examples.playing import ZONE, Example, Sent, example

DAYS = (
    "2026-03-28 19:00",
    "2026-03-29 03:30",
    "2026-03-29 08:59",
    "2026-03-29 09:00",
    "2026-04-27 14:00",
    "2026-04-28 09:00",
    "2026-05-06 13:59",
    "2026-05-06 14:00",
    "2026-05-06 14:00",
    "2026-05-06 21:30",
    "2026-05-07 09:00",
    "2026-05-20 14:00",
    "2026-10-24 19:00",
    "2026-10-25 01:45",
    "2026-10-25 08:59",
    "2026-10-25 09:00",
)


@dataclass(frozen=True)
class Travellers:
    """The example after its walk, and when each way that waited was due after each run."""

    played: Example
    due: Mapping[str, Mapping[str, str]]

    def times(self, name: str) -> list[str]:
        return [sent.at for sent in self.played.sent("insurance", name)]


def due(played: Example) -> dict[str, str]:
    rows = played.ask("select row_key, due_at from enrolment where status = 'active' and step = 'wait'")
    return {row["row_key"]: f"{row['due_at'].astimezone(ZONE):%Y-%m-%d %H:%M %z}" for row in rows}


@pytest.fixture(scope="module")
def travel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Travellers]:
    found = {}
    with example("travel", tmp_path_factory.mktemp("travel")) as played:
        for day in DAYS:
            played.run(day)
            found[day] = due(played)
        yield Travellers(played, found)


def test_r22_two_hours_after_planning_a_mail_goes_and_not_a_minute_earlier(travel: Travellers) -> None:
    assert travel.times("Anna")[0] == "2026-05-06 14:00"


def test_r22_the_words_follow_destination_and_transport(travel: Travellers) -> None:
    """Anna drove to France, and flew to the United States two weeks later: each journey has its mail, once."""
    france, states = travel.played.mails("anna@example.nl")
    assert france.subject == "Met de auto op reis? Pech hoort er niet bij"
    assert "Europadekking" in france.text
    assert "pechhulp" in france.text
    assert "voor 01-06-2026" in france.text
    assert states.subject == "Vlucht vertraagd of koffer kwijt?"
    assert "werelddekking" in states.text
    assert "bagage" in states.text
    assert travel.times("Anna") == ["2026-05-06 14:00", "2026-05-20 14:00"]


def test_r22_a_journey_at_home_needs_no_travel_insurance(travel: Travellers) -> None:
    assert travel.played.ways("insurance", "Bram") == []


def test_r22_who_is_insured_is_left_alone(travel: Travellers) -> None:
    assert travel.played.ways("insurance", "Carla") == []


def test_r22_without_consent_to_mail_a_text_message_goes(travel: Travellers) -> None:
    assert travel.played.sent("insurance", "Dirk") == [Sent("2026-05-06 14:00", "Dirk", "insurance", "sms")]


def test_r22_a_mailbox_that_does_not_exist_falls_back_to_a_text_message(travel: Travellers) -> None:
    assert [one.channel for one in travel.played.sent("insurance", "Frits")] == ["email", "sms"]
    assert len(travel.played.mails("+31612345606")) == 1


def test_r22_who_can_be_reached_by_no_channel_is_told_of(travel: Travellers) -> None:
    assert travel.played.refused("insurance", "Els") == ["email: consent withdrawn; sms: consent withdrawn"]
    assert travel.played.ways("insurance", "Els") == [("stopped", "too late: nothing could be sent in time")]


def test_r22_taking_the_insurance_before_the_mail_goes_interrupts(travel: Travellers) -> None:
    """Gea planned in the evening, her mail waited for the morning, and by then she was insured."""
    ((status, reason),) = travel.played.ways("insurance", "Gea")
    assert (status, reason) == ("stopped", "interrupted: member_of('insured') or route.leaves_on < as_of")


def test_r22_a_journey_that_has_begun_interrupts(travel: Travellers) -> None:
    assert travel.times("Jaap") == []
    assert travel.played.ways("insurance", "Jaap")[0][0] == "stopped"


def test_r22_on_a_public_holiday_nothing_goes(travel: Travellers) -> None:
    """27 April is the king's day."""
    assert travel.times("Max") == ["2026-04-28 09:00"]


def test_r22_two_hours_are_two_hours_also_in_the_nights_the_clock_changes(travel: Travellers) -> None:
    """Planned at 01:30: in March the clock then shows 04:30, in October 02:30 for the second time."""
    assert travel.due["2026-03-29 03:30"]["site:r9"] == "2026-03-29 04:30 +0200"
    assert travel.due["2026-10-25 01:45"]["site:r13"] == "2026-10-25 02:30 +0100"


def test_r22_the_quiet_night_ends_at_nine_on_the_wall_on_both_days_the_clock_changes(travel: Travellers) -> None:
    assert travel.times("Kim") == travel.times("Hans") == ["2026-03-29 09:00"]
    assert travel.times("Ina") == travel.times("Lena") == ["2026-10-25 09:00"]
