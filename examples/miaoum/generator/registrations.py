"""Who came to the workshops: one Excel file from the booking tool, in Dutch, dates sometimes typed by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random

from openpyxl import Workbook

from examples.miaoum.generator.newcomers import quiet_start, shop_hours
from examples.miaoum.generator.notation import (
    break_email,
    dutch_date,
    local_time,
    mistype,
    spell_email,
    spell_international,
)
from examples.miaoum.generator.people import Person
from examples.miaoum.generator.truth import Truth

HEADER = (
    "Nr",
    "Workshop",
    "Datum",
    "Voornaam",
    "Achternaam",
    "E-mail",
    "Telefoon",
    "Aanwezig",
    "Nieuwsbrief",
    "Aangemeld op",
)
WORKSHOPS = ("Puppytraining", "Kattengedrag begrijpen", "EHBO voor huisdieren", "Knaagdieren verzorgen", "Seniorhond")


def write_registrations(people: list[Person], until: date, rng: Random, truth: Truth, path: Path) -> None:
    """`registrations.xlsx`, one sheet; everybody registered before the quiet days."""
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("Inschrijvingen")
    sheet.append(HEADER)
    number = 0
    for person in people:
        for _ in range(person.registrations):
            number += 1
            sheet.append(registration(f"W{number:05d}", person, until, rng, truth))
            truth.record("events", "registrations", f"W{number:05d}", person.key)
    path.parent.mkdir(parents=True, exist_ok=True)
    workbook.save(path)


def registration(key: str, person: Person, until: date, rng: Random, truth: Truth) -> tuple[object, ...]:
    day = quiet_start(until).date() - timedelta(days=rng.randint(1, 500))
    registered = shop_hours(datetime.combine(day - timedelta(days=rng.randint(1, 30)), time(9), UTC), rng)
    held: object = datetime.combine(day, time(0))
    chance = rng.random()
    if chance < 0.08:
        held = dutch_date(day)
    elif chance < 0.09:
        held = "31-09-2026"
        truth.false_value("events", "registrations", key, "Datum", "31-09-2026", "no such date")
    email = write_email(key, person, rng, truth)
    newsletter = rng.choices(("ja", "nee", ""), (35, 45, 20))[0]
    if newsletter == "ja":
        truth.consent(person.key, "email", True, registered, "events")
    return (
        key,
        rng.choice(WORKSHOPS),
        held,
        person.given,
        mistype(person.full_surname, rng) if rng.random() < 0.05 else person.full_surname,
        email,
        spell_international(person.mobile, rng) if person.mobile and rng.random() < 0.7 else None,
        rng.choice(("ja", "ja", "ja", "nee", "")),
        newsletter,
        local_time(registered),
    )


def write_email(key: str, person: Person, rng: Random, truth: Truth) -> str | None:
    if person.email is None:
        return None
    if rng.random() < 0.02:
        value = break_email(person.email, rng)
        truth.false_value("events", "registrations", key, "E-mail", value, "no such address")
        return value
    return spell_email(person.email, rng)
