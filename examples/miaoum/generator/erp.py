"""The ERP's nightly exports: `;`, cp1252, `1.234,56`, `31-12-2025`; some lines hold dates and amounts that can't be."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random

from examples.miaoum.generator.newcomers import Newcomer
from examples.miaoum.generator.notation import dutch_amount, dutch_date, mistype, spell_email, spell_phone
from examples.miaoum.generator.people import Person
from examples.miaoum.generator.truth import Truth

DEBTOR = (
    "Debiteurnr",
    "Naam",
    "Voorletters",
    "Voorvoegsel",
    "Straat",
    "Huisnr",
    "Postcode",
    "Plaats",
    "Land",
    "Telefoon",
    "E-mail",
    "Klantnr webshop",
    "Kvknr",
    "Kredietlimiet",
    "Gewijzigd",
)
INVOICE = ("Factuurnr", "Debiteurnr", "Factuurdatum", "Vervaldatum", "Bedrag incl.", "Betaald op", "Omschrijving")


def write_erp(
    people: list[Person],
    plan: dict[str, Newcomer],
    accounts: dict[str, list[int]],
    until: date,
    rng: Random,
    truth: Truth,
    folder: Path,
) -> None:
    """`debtors_1..2.csv` and `invoices_1..3.csv`."""
    debtors: list[tuple[str, ...]] = []
    invoices: list[tuple[str, ...]] = []
    for person in people:
        if person.debtor and person.key not in plan:
            number = str(50001 + len(debtors))
            numbered = accounts.get(person.key, []) if rng.random() < 0.85 else []
            debtors.append(debtor(number, person, numbered, until, rng))
            truth.record("erp", "debtors", number, person.key)
            for _ in range(rng.randint(1, 6)):
                invoices.append(invoice(f"F{2024_00001 + len(invoices)}", number, until, rng, truth))
    folder.mkdir(parents=True, exist_ok=True)
    save(folder, "debtors", DEBTOR, debtors, 2)
    save(folder, "invoices", INVOICE, invoices, 3)


def debtor(number: str, person: Person, accounts: list[int], until: date, rng: Random) -> tuple[str, ...]:
    address = person.address
    company = person.company
    house = f"{address.number}{address.letter}{'-' + address.addition if address.addition else ''}"
    if address.box:
        house += f" bus {address.box}"
    surname = mistype(person.surname, rng) if rng.random() < 0.05 else person.surname
    phone = person.mobile or person.landline
    changed = datetime.combine(until - timedelta(days=rng.randint(3, 700)), time(0), UTC)
    name = f"{company.name} t.a.v. {person.full_surname}" if company else surname
    email = company.email if company else spell_email(person.email, rng) if person.email and rng.random() < 0.8 else ""
    initials = "".join(f"{part[0]}." for part in person.given.split())
    return (
        number,
        name,
        initials,
        "" if company else person.prefix,
        address.street,
        house,
        address.postcode,
        address.city,
        {"NL": "Nederland", "BE": "België"}[address.country],
        spell_phone(phone, rng) if phone and rng.random() < 0.8 else "",
        email,
        str(accounts[0]) if accounts else "",
        company.kvk if company else "",
        f"€ {dutch_amount(rng.choice((0, 50_000, 100_000, 250_000)))}",
        dutch_date(changed.date()),
    )


def invoice(number: str, debtor_number: str, until: date, rng: Random, truth: Truth) -> tuple[str, ...]:
    day = until - timedelta(days=rng.randint(3, 800))
    due = day + timedelta(days=30)
    paid = dutch_date(min(until, day + timedelta(days=rng.randint(1, 60)))) if rng.random() < 0.9 else ""
    amount = dutch_amount(rng.choice((rng.randint(900, 9_000), rng.randint(9_000, 480_000))))
    written = dutch_date(day)
    chance = rng.random()
    if chance < 0.006:
        written = rng.choice(("2025-02-30", "30-02-2025", "31-11-2025", "00-00-0000"))
        truth.false_value("erp", "invoices", number, "Factuurdatum", written, "no such date")
    elif chance < 0.010:
        amount = rng.choice(("zie bijlage", "??", "1,2,3"))
        truth.false_value("erp", "invoices", number, "Bedrag incl.", amount, "no such amount")
    elif chance < 0.05:
        amount = f"{amount} EUR"
    elif chance < 0.07:
        amount = f"-{amount}"
    return (
        number,
        debtor_number,
        written,
        dutch_date(due),
        amount,
        paid,
        rng.choice(("Webshop", "Winkel", "Café Le Chat Noir", "Abonnement")),
    )


def save(folder: Path, name: str, header: tuple[str, ...], rows: list[tuple[str, ...]], files: int) -> None:
    share = -(-len(rows) // files)
    for part in range(files):
        # Names of people from outside Western Europe don't fit cp1252; the ERP prints a question mark there, as such
        # systems do.
        path = folder / f"{name}_{part + 1}.csv"
        with path.open("w", encoding="cp1252", errors="replace", newline="") as stream:
            writer = csv.writer(stream, delimiter=";", lineterminator="\r\n")
            writer.writerow(header)
            writer.writerows(rows[part * share : (part + 1) * share])
