"""Veloce: R21 (score, question, printed catalogue, next visit), walked through once on a simulated calendar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest
from pypdf import PdfReader

from tests.examples.playing import Example, Sent, example

DAYS = (
    "2026-03-01 21:00",
    "2026-03-02 21:00",
    "2026-03-03 21:00",
    "2026-03-04 08:59",
    "2026-03-04 09:00",
    "2026-03-04 09:00",
    "2026-03-04 12:00",
    "2026-03-10 12:00",
    "2026-03-13 12:00",
    "2026-03-28 13:00",
    "2026-03-29 09:00",
    "2026-03-30 08:59",
    "2026-03-30 09:00",
    "2026-10-24 13:00",
    "2026-10-25 09:00",
    "2026-10-26 09:00",
)


@dataclass(frozen=True)
class Visitors:
    """The example after its walk, and what the site's lists held after each run."""

    played: Example
    lists: Mapping[str, Mapping[str, Mapping[str, Mapping[str, Any]]]]

    def listed(self, day: str, audience: str) -> dict[str, Mapping[str, Any]]:
        """Who is on a list after a run, by given name."""
        names = {
            sha256(str(row["email"]).encode()).hexdigest(): str(row["given_name"])
            for row in self.played.ask("select email, given_name from person")
        }
        return {names[row["visitor"]]: row for row in self.lists[day].get(audience, {}).values()}


@pytest.fixture(scope="module")
def veloce(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitors]:
    lists = {}
    with example("car", tmp_path_factory.mktemp("car")) as played:
        for day in DAYS:
            played.run(day)
            lists[day] = {name: dict(rows) for name, rows in played.postbox.members.items()}
        yield Visitors(played, lists)


def test_r21_who_reaches_the_threshold_is_asked_and_who_stays_below_it_is_not(veloce: Visitors) -> None:
    """Anna has 51 points, Cas exactly 50, Ben 49: a like more would have done."""
    assert veloce.listed("2026-03-01 21:00", "question") == {}
    asked = veloce.listed("2026-03-02 21:00", "question")
    assert set(asked) == {"Anna", "Cas", "Dora", "Emil", "Fien"}
    assert asked["Anna"]["model"] == "Familia"


def test_r21_nobody_is_asked_without_consent_to_a_personal_site(veloce: Visitors) -> None:
    """Gus did what Dora did."""
    scores = veloce.played.ask("select p.given_name from score s join person p on p.person_id = s.person_id")
    assert {"Dora", "Gus"} <= {row["given_name"] for row in scores}
    assert all("Gus" not in veloce.listed(day, "question") for day in DAYS)


def test_r21_who_answered_is_not_asked_again(veloce: Visitors) -> None:
    assert "Dora" not in veloce.listed("2026-03-03 21:00", "question")


def test_r21_the_answer_brings_one_catalogue_on_the_next_working_day_at_nine(veloce: Visitors) -> None:
    assert veloce.played.sent("catalogue", "Anna") == [Sent("2026-03-04 09:00", "Anna", "catalogue", "letter")]
    assert veloce.played.ways("catalogue", "Cas") == []


def test_r21_the_catalogue_speaks_of_car_and_habits(veloce: Visitors) -> None:
    text = printed(veloce, "Anna")
    assert "Je rijdt nu een stationwagen, vooral voor: gezin." in text
    assert "Veloce Familia Plus" in text


def test_r21_the_next_visit_shows_exactly_the_printed_models(veloce: Visitors) -> None:
    """On 9 March Anna answers anew, for the city: her catalogue is printed, and the site keeps to it."""
    for day in ("2026-03-04 12:00", "2026-03-10 12:00"):
        models = veloce.listed(day, "next_visit")["Anna"]["models"]
        assert models == "Familia, Familia Plus"
        assert [f"Veloce {model}" in printed(veloce, "Anna") for model in models.split(", ")] == [True, True]
    assert "Pico" not in printed(veloce, "Anna")


def test_r21_who_wants_no_post_gets_the_catalogue_by_mail_and_sees_the_same_models(veloce: Visitors) -> None:
    (dora,) = veloce.played.mails("dora@example.nl")
    models = veloce.listed("2026-03-10 12:00", "next_visit")["Dora"]["models"]
    assert models == "Familia, Pico"
    assert f"Daar passen deze modellen bij: {models}." in dora.text


def test_r21_who_bought_a_car_sees_the_site_as_it_is(veloce: Visitors) -> None:
    assert "Dora" not in veloce.listed("2026-03-13 12:00", "next_visit")


def test_r21_buying_a_car_before_the_printers_hour_interrupts(veloce: Visitors) -> None:
    assert veloce.played.sent("catalogue", "Fien") == []
    assert veloce.played.ways("catalogue", "Fien") == [("stopped", "interrupted: ordered")]


def test_r21_who_can_be_reached_by_no_channel_is_told_of_and_has_no_models_to_see(veloce: Visitors) -> None:
    assert veloce.played.refused("catalogue", "Emil") == ["letter: consent withdrawn; email: consent withdrawn"]
    assert all("Emil" not in veloce.listed(day, "next_visit") for day in DAYS)


def test_r21_the_printers_hour_is_nine_on_the_wall_after_both_changes_of_the_clock(veloce: Visitors) -> None:
    """Both changes come in a weekend: the catalogue waits for Monday."""
    assert [sent.at for sent in veloce.played.sent("catalogue", "Hugo")] == ["2026-03-30 09:00"]
    assert [sent.at for sent in veloce.played.sent("catalogue", "Ilse")] == ["2026-10-26 09:00"]


def printed(veloce: Visitors, name: str) -> str:
    """The text of somebody's letter, on one line."""
    (row,) = veloce.played.ask(f"""
        select d.decision_id from decision d join source_record r on r.record_id = d.record_id
        join person p on p.person_id = r.person_id
        where p.given_name = '{name}' and d.channel = 'letter' and d.outcome = 'queued'
    """)
    (letter,) = (file for file in veloce.played.letters if file.stem == row["decision_id"])
    return " ".join(" ".join(page.extract_text() for page in PdfReader(letter).pages).split())
