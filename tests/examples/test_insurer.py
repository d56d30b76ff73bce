"""Zeker Gezond: R24 (quarterly churn campaign, explicit consent), walked through once on a simulated calendar."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

import pytest

from tests.examples.playing import Example, Sent, example

DAYS = (
    "2026-01-01 10:00",
    "2026-01-02 09:59",
    "2026-01-02 10:00",
    "2026-03-31 10:00",
    "2026-04-01 08:30",
    "2026-04-01 09:59",
    "2026-04-01 10:00",
    "2026-04-01 10:00",
    "2026-04-02 10:00",
    "2026-07-01 10:00",
)
MEMBERS = (
    "lidnummer;aanhef;voornaam;achternaam;email;straat;huisnummer;postcode;plaats;mail;post;gezondheid;gezondheid_op;gewijzigd",
    "8;heer;Hans;Mol;hans@example.nl;Dorpsstraat;8;3811 AB;Amersfoort;ja;nee;nee;01-04-2026 09:30;01-04-2026 09:30",
)
POLICIES = "nummer;lidnummer;polis;vanaf;stand;gewijzigd", "P5;5;Basis;01-01-2024;opgezegd;01-04-2026 09:00"

ACROSS_THE_CLOCK = (
    "2026-09-30 10:00",
    "2026-10-01 09:59",
    "2026-10-01 10:00",
    "2026-10-26 10:00",
    "2027-01-01 10:00",
    "2027-01-04 09:59",
    "2027-01-04 10:00",
)
KEES = (
    MEMBERS[0],
    "11;heer;Kees;Bos;kees@example.nl;Dorpsstraat;11;3811 AB;Amersfoort;ja;nee;ja;01-09-2026 09:30;01-09-2026 09:30",
)
HIS_POLICY = POLICIES[0], "P11;11;Basis;01-01-2024;loopt;01-09-2026 09:00"
HIS_CALLS = (
    "id;lidnummer;op;onderwerp",
    *(
        f"G11{number};11;{at};opzeggen"
        for number, at in enumerate(("29-09-2026 10:00", "30-09-2026 09:00", "30-12-2026 10:00", "31-12-2026 09:00"))
    ),
)


@pytest.fixture(scope="module")
def insurer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    """At half past nine on 1 April Hans withdraws his explicit consent; Els has ended her policy at nine."""
    with example("insurer", tmp_path_factory.mktemp("insurer")) as opened:
        for day in DAYS:
            if day == "2026-04-01 09:59":
                opened.add("leden-2026-04-01.csv", *MEMBERS)
                opened.add("polissen-2026-04-01.csv", *POLICIES)
            opened.run(day)
        yield opened


@pytest.fixture(scope="module")
def autumn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    """Kees thinks of leaving before both quarters between which the clock goes back, on 25 October."""
    with example("insurer", tmp_path_factory.mktemp("autumn")) as opened:
        for file, lines in (("leden", KEES), ("polissen", HIS_POLICY), ("gesprekken", HIS_CALLS)):
            opened.add(f"{file}-2026-09-01.csv", *lines)
        for day in ACROSS_THE_CLOCK:
            opened.run(day)
        yield opened


def times(insurer: Example, name: str) -> list[str]:
    return [sent.at for sent in insurer.sent("stay", name)]


def test_r24_on_the_first_day_of_a_quarter_high_risks_are_written_to_once(insurer: Example) -> None:
    """Not on 31 March, and on 1 April at ten on the wall, in summer as in winter; a score of 50 is enough."""
    assert times(insurer, "Anna") == ["2026-04-01 10:00"]
    assert times(insurer, "Dirk")[0] == "2026-04-01 10:00"
    assert len(insurer.mails("anna@example.nl")) == 1


def test_r24_new_years_day_is_no_working_day(insurer: Example) -> None:
    assert times(insurer, "Jaap") == ["2026-01-02 10:00"]


def test_r24_quarters_begin_at_midnight_on_the_wall_on_both_sides_of_the_clock_going_back(autumn: Example) -> None:
    """In summer the first of October begins at ten in the evening UTC, in winter the first of January at eleven.

    Ten is ten on the wall after it too: New Year's Day is a holiday and a Friday, so the next mail goes on Monday.
    """
    assert times(autumn, "Kees") == ["2026-10-01 10:00", "2027-01-04 10:00"]
    entered = autumn.ask("""
        select e.entered_at from enrolment e join source_record r on r.record_id = e.record_id
        join person p on p.person_id = r.person_id where e.scenario = 'stay' and p.given_name = 'Kees' order by 1
    """)
    assert [row["entered_at"].astimezone(UTC).isoformat() for row in entered] == [
        "2026-09-30T22:00:00+00:00",
        "2026-12-31T23:00:00+00:00",
    ]


def test_r24_who_is_still_in_doubt_a_quarter_later_is_written_to_again(insurer: Example) -> None:
    assert times(insurer, "Dirk") == ["2026-04-01 10:00", "2026-07-01 10:00"]


def test_r24_the_mail_speaks_of_what_changed(insurer: Example) -> None:
    (anna,) = insurer.mails("anna@example.nl")
    assert "Gefeliciteerd met de kleine!" in anna.text
    assert "kleine" not in insurer.mails("dirk@example.nl")[0].text


def test_r24_a_score_below_fifty_is_no_high_risk(insurer: Example) -> None:
    assert insurer.ways("stay", "Ina") == []


def test_r24_without_explicit_consent_nothing_goes_however_high_the_risk(insurer: Example) -> None:
    """Ben never gave it, Cato refused it; their scores are 60 and 50."""
    scores = insurer.ask("""
        select p.given_name, s.value from score s join person p on p.person_id = s.person_id
        where s.score = 'churn_risk' and p.given_name in ('Ben', 'Cato')
    """)
    assert {row["given_name"] for row in scores} == {"Ben", "Cato"}
    assert insurer.ways("stay", "Ben") == insurer.ways("stay", "Cato") == []


def test_r24_a_life_event_told_without_explicit_consent_never_comes_in(insurer: Example) -> None:
    rows = insurer.ask("select p.given_name from activity a join person p on p.person_id = a.person_id order by 1")
    assert [row["given_name"] for row in rows] == ["Anna", "Els"]


def test_r24_withdrawing_explicit_consent_before_ten_interrupts(insurer: Example) -> None:
    assert times(insurer, "Hans") == []
    assert insurer.ways("stay", "Hans") == [
        ("stopped", "interrupted: not consents('email', 'profiling') or not insured")
    ]


def test_r24_who_has_left_already_is_not_asked_to_stay(insurer: Example) -> None:
    assert times(insurer, "Els") == []
    assert insurer.ways("stay", "Els")[0][0] == "stopped"


def test_r24_a_mailbox_that_does_not_exist_falls_back_to_a_letter(insurer: Example) -> None:
    assert insurer.sent("stay", "Frits") == [
        Sent("2026-04-01 10:00", "Frits", "stay", "email"),
        Sent("2026-04-01 10:00", "Frits", "stay", "letter"),
    ]
    assert len(insurer.letters) == 1


def test_r24_who_can_be_reached_by_no_channel_is_told_of(insurer: Example) -> None:
    assert insurer.refused("stay", "Gea") == ["email: consent withdrawn; letter: consent withdrawn"]
