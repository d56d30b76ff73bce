"""The CRM: contacts (with duplicates), companies with KvK numbers, and call notes. `servers/crm.py` serves it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random

from examples.miaoum.generator.newcomers import Newcomer, quiet_start, shop_hours
from examples.miaoum.generator.notation import (
    CROWD_PHONE,
    FALSE_EMAILS,
    FALSE_PHONES,
    break_email,
    iso,
    mistype,
    spell_email,
    spell_phone,
)
from examples.miaoum.generator.people import Company, Person
from examples.miaoum.generator.truth import Truth

NOTES = (
    "Vraagt naar levertijd van brokken.",
    "Klacht: zak was gescheurd, nieuwe gestuurd.",
    "Wil advies over voer voor een pup.",
    "Adreswijziging doorgegeven.",
    "Vraagt of de workshop nog plek heeft.",
    "Tevreden over de bezorging.",
    "Terugbellen na 17.00 uur.",
    "Kat heeft nierdieet nodig; doorverwezen naar dierenarts.",
)

Row = dict[str, object]


@dataclass
class Crm:
    """The CRM while it is being filled. `accounts` are the shop's customer numbers, which some contacts carry."""

    until: date
    rng: Random
    truth: Truth
    accounts: dict[str, list[int]]
    crowd: float
    contacts: list[Row] = field(default_factory=list)
    companies: list[Row] = field(default_factory=list)
    calls: list[Row] = field(default_factory=list)


def write_crm(people: list[Person], plan: dict[str, Newcomer], crm: Crm, folder: Path) -> None:
    """`contacts.json`, `companies.json` and `calls.json`, each a list of objects as the API shows them."""
    companies: dict[str, Company] = {}
    for person in people:
        if person.company:
            companies[person.company.key] = person.company
        for copy in range(person.contacts):
            add_contact(crm, person, plan.get(person.key), copy)
    for company in sorted(companies.values(), key=lambda company: company.key):
        add_company(crm, company)
    add_staff_tests(crm, max(2, len(people) // 500))
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("contacts", crm.contacts), ("companies", crm.companies), ("calls", crm.calls)):
        lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        (folder / f"{name}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def add_contact(crm: Crm, person: Person, part: Newcomer | None, copy: int) -> None:
    rng = crm.rng
    key = f"C-{10001 + len(crm.contacts)}"
    noisy = part is None
    created = shop_hours(quiet_start(crm.until) - timedelta(days=rng.randint(2, 1000)), rng)
    if part and part.at_the_till:
        created = part.triggered_at
    accounts = crm.accounts.get(person.key, [])
    numbered = bool(accounts) and (not noisy or rng.random() < 0.55)
    address = person.address
    contact: Row = {
        "id": key,
        "customer_number": str(accounts[0]) if numbered else None,
        "company_id": person.company.key if person.company else None,
        "gender": {"F": "female", "M": "male", "": "unknown"}[person.gender] if rng.random() < 0.9 else None,
        "given_name": person.given if rng.random() < 0.85 or copy == 0 else f"{person.given[0]}.",
        "prefix": person.prefix or None,
        "surname": write_surname(crm, person, key, noisy, copy),
        "birth_date": write_birth(crm, person, key, noisy, part),
        "email": write_email(crm, person, part, key, copy),
        "phone": spell_phone(person.landline, rng) if person.landline and rng.random() < 0.8 else None,
        "mobile": write_mobile(crm, person, key, noisy),
        "street": address.street,
        "house_number": str(address.number),
        "house_letter": address.letter or None,
        "house_addition": address.addition or None,
        "box": address.box or None,
        "postcode": address.postcode if address.country == "BE" else f"{address.postcode[:4]} {address.postcode[4:]}",
        "city": address.city,
        "country": address.country,
        "profession": rng.choice(
            ("leerkracht", "verpleegkundige", "zelfstandige", "gepensioneerd", "student", None, None, None)
        ),
    }
    consents, changed = write_consents(crm, person, part, created)
    contact |= consents
    contact["created_at"] = iso(created)
    contact["updated_at"] = iso(changed)
    crm.contacts.append(contact)
    crm.truth.record("crm", "contacts", key, person.key)
    if noisy and rng.random() < 0.2:
        add_call(crm, key, changed)


def write_surname(crm: Crm, person: Person, key: str, noisy: bool, copy: int) -> str | None:
    rng = crm.rng
    if noisy and rng.random() < 0.012:
        value = rng.choice(("", ".", "onbekend"))
        crm.truth.false_value("crm", "contacts", key, "surname", value, "no surname")
        return value
    return mistype(person.surname, rng) if noisy and rng.random() < (0.4 if copy else 0.04) else person.surname


def write_birth(crm: Crm, person: Person, key: str, noisy: bool, part: Newcomer | None) -> str | None:
    rng = crm.rng
    if noisy and rng.random() < 0.01:
        value = rng.choice(("2025-02-30", "0000-00-00", "1985-13-01"))
        crm.truth.false_value("crm", "contacts", key, "birth_date", value, "no such date")
        return value
    return person.born.isoformat() if rng.random() < 0.5 or (part and part.kind == "under_16") else None


def write_email(crm: Crm, person: Person, part: Newcomer | None, key: str, copy: int) -> str | None:
    rng = crm.rng
    if part:
        return part.typed_email or (spell_email(person.email, rng) if person.email else None)
    if person.company and copy == 0:
        return person.company.email
    chance = rng.random()
    if chance < 0.01:
        value = rng.choice(FALSE_EMAILS)
        crm.truth.false_value("crm", "contacts", key, "email", value, "nobody's address")
        return value
    if person.email is None or chance > (0.7 if copy else 0.92):
        return None
    email = person.second_email if person.second_email and rng.random() < 0.3 else person.email
    if chance < 0.025:
        value = break_email(email, rng)
        crm.truth.false_value("crm", "contacts", key, "email", value, "no such address")
        return value
    return spell_email(email, rng)


def write_mobile(crm: Crm, person: Person, key: str, noisy: bool) -> str | None:
    rng = crm.rng
    chance = rng.random()
    if noisy and chance < 0.02:
        value = rng.choice(FALSE_PHONES)
        crm.truth.false_value("crm", "contacts", key, "mobile", value, "no such number")
        return value
    if noisy and chance < 0.02 + crm.crowd:
        crm.truth.false_value("crm", "contacts", key, "mobile", CROWD_PHONE, "nobody's number")
        return CROWD_PHONE
    if person.mobile is None or (noisy and chance > 0.9):
        return None
    return spell_phone(person.mobile, rng)


def write_consents(crm: Crm, person: Person, part: Newcomer | None, created: datetime) -> tuple[Row, datetime]:
    """What the person said per channel, with the moment (null = never asked); and when the contact last changed."""
    rng = crm.rng
    asked = min(created + timedelta(days=rng.randint(0, 300)), quiet_start(crm.until) - timedelta(hours=3))
    email = rng.choices((None, True, False), (55, 37, 8))[0]
    sms = rng.choices((None, True, False), (65, 25, 10))[0]
    refuses_print = rng.choices((None, False, True), (55, 33, 12))[0]
    if part:
        asked = part.withdrawn_at or part.triggered_at
        email = False if part.kind == "withdrawn_in_crm" else None
        sms = True if part.kind in {"mobile_only", "broken_email"} else None
        refuses_print = False if part.kind == "post_only" else None
    said = (("email", email), ("sms", sms), ("letter", None if refuses_print is None else not refuses_print))
    for channel, given in said:
        if given is not None:
            crm.truth.consent(person.key, channel, given, asked, "crm")
    moment = iso(asked)
    row: Row = {
        "email_opt_in": email,
        "email_opt_in_at": None if email is None else moment,
        "sms_opt_in": sms,
        "sms_opt_in_at": None if sms is None else moment,
        "print_opt_out": refuses_print,
        "print_opt_out_at": None if refuses_print is None else moment,
    }
    answered = any(given is not None for _, given in said)
    return row, max(created, asked) if answered else created


def add_company(crm: Crm, company: Company) -> None:
    moment = iso(
        shop_hours(datetime.combine(crm.until - timedelta(days=crm.rng.randint(30, 900)), time(9), UTC), crm.rng)
    )
    crm.companies.append(
        {
            "id": company.key,
            "name": company.name,
            "kvk_number": company.kvk,
            "email": company.email,
            "phone": company.phone,
            "city": company.city,
            "employees": crm.rng.randint(1, 60),
            "updated_at": moment,
        }
    )
    crm.truth.record("crm", "companies", company.key, None)


def add_call(crm: Crm, contact: str, after: datetime) -> None:
    moment = min(after + timedelta(days=crm.rng.randint(0, 200)), datetime.combine(crm.until, time(16), UTC))
    direction = crm.rng.choice(("in", "out"))
    crm.calls.append(
        {
            "id": f"T-{len(crm.calls) + 1}",
            "contact_id": contact,
            "direction": direction,
            "seconds": crm.rng.randint(20, 1200),
            "note": crm.rng.choice(NOTES),
            "at": iso(moment),
            "updated_at": iso(moment),
        }
    )


def add_staff_tests(crm: Crm, count: int) -> None:
    for _ in range(count):
        key = f"C-{10001 + len(crm.contacts)}"
        blank = dict.fromkeys(crm.contacts[0])
        moment = iso(quiet_start(crm.until) - timedelta(days=crm.rng.randint(5, 700)))
        crm.contacts.append(
            blank
            | {
                "id": key,
                "given_name": "Test",
                "surname": "Test",
                "email": "test@test.nl",
                "mobile": "0000000000",
                "country": "NL",
                "created_at": moment,
                "updated_at": moment,
            }
        )
        crm.truth.record("crm", "contacts", key, None)
        crm.truth.false_value("crm", "contacts", key, "email", "test@test.nl", "nobody's address")
