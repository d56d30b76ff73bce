"""Who really exists: people, their households, and where the six systems meet them.

Everything else in the generator is a distorted copy of this. The hub never sees it.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random

from examples.miaoum.generator import names

SPECIES = ("cat", "dog", "rodent", "bird")


@dataclass(frozen=True)
class Address:
    """A postal address; `box` exists in Belgium only, letter and addition in the Netherlands only."""

    street: str
    number: int
    letter: str
    addition: str
    box: str
    postcode: str
    city: str
    country: str


@dataclass(frozen=True)
class Company:
    """A business customer with one mailbox for everybody."""

    key: str
    name: str
    kvk: str
    email: str
    phone: str
    city: str


@dataclass(frozen=True)
class Person:
    """A human being. Phones are E.164, e-mail addresses lower-case; both may be absent or shared in the household."""

    key: str
    household: str
    gender: str
    given: str
    prefix: str
    surname: str
    born: date
    address: Address
    email: str | None
    second_email: str | None
    mobile: str | None
    landline: str | None
    species: str
    company: Company | None = None
    #: How many records of this person each system keeps.
    contacts: int = 0
    accounts: int = 0
    buys: bool = False
    debtor: bool = False
    registrations: int = 0
    surfs: bool = False

    @property
    def full_surname(self) -> str:
        return f"{self.prefix} {self.surname}".strip()


@dataclass
class Registry:
    """Makes unique e-mail addresses and telephone numbers."""

    rng: Random
    taken: set[str] = field(default_factory=set)

    def email(self, given: str, surname: str, country: str) -> str:
        mailboxes = names.MAILBOXES_BE if country == "BE" else names.MAILBOXES_NL
        name, family = letters(given), letters(surname)
        while True:
            form = self.rng.choice((f"{name}.{family}", f"{name}{family}", f"{name[0]}.{family}", f"{name}_{family}"))
            number = self.rng.choice(("", "", str(self.rng.randint(1, 99)), str(self.rng.randint(1950, 2005))))
            address = f"{form}{number}@{self.rng.choice(mailboxes)}"
            if self.claim(address):
                return address

    def mobile(self, country: str) -> str:
        while True:
            if country == "BE":
                number = f"+324{self.rng.randint(70, 99)}{self.rng.randint(0, 999999):06d}"
            else:
                number = f"+316{self.rng.randint(1, 5)}{self.rng.randint(0, 9999999):07d}"
            if number != "+31612345678" and self.claim(number):
                return number

    def landline(self, country: str, area: str) -> str:
        length = (8 if country == "BE" else 9) - len(area)
        while True:
            digits = f"{self.rng.randint(2, 4)}" + "".join(str(self.rng.randint(0, 9)) for _ in range(length - 1))
            number = f"+{'32' if country == 'BE' else '31'}{area}{digits}"
            if self.claim(number):
                return number

    def claim(self, value: str) -> bool:
        if value in self.taken:
            return False
        self.taken.add(value)
        return True


def letters(name: str) -> str:
    """The ASCII letters of a name, lower-case: what people put into an e-mail address."""
    folded = unicodedata.normalize("NFKD", name.replace("ı", "i"))
    return "".join(letter for letter in folded.lower() if letter.isascii() and letter.isalnum())


def make_people(count: int, rng: Random, until: date) -> list[Person]:
    """So many people, in households of one to four; members share address, landline and sometimes the mobile."""
    registry = Registry(rng)
    companies = make_companies(max(3, count // 60), registry)
    people: list[Person] = []
    household = 0
    while len(people) < count:
        household += 1
        size = min(rng.choices((1, 2, 3, 4), (62, 24, 8, 6))[0], count - len(people))
        people.extend(make_household(f"H{household:05d}", size, len(people), registry, until))
    return [employ(person, companies, rng) for person in people]


def make_companies(count: int, registry: Registry) -> list[Company]:
    rng = registry.rng
    companies = []
    for number in range(1, count + 1):
        kind = rng.choice(names.COMPANY_KINDS)
        family = " ".join(part for part in rng.choice(names.SURNAMES) if part)
        town, _, _, area = rng.choice(names.TOWNS_NL)
        email = f"info@{letters(kind)}{letters(family)}{number}.nl"
        kvk = f"{rng.randint(1, 99_999_999):08d}"
        companies.append(Company(f"B{number:04d}", f"{kind} {family}", kvk, email, registry.landline("NL", area), town))
    return companies


def make_household(key: str, size: int, start: int, registry: Registry, until: date) -> list[Person]:
    rng = registry.rng
    address, area = make_address(rng)
    landline = registry.landline(address.country, area) if rng.random() < 0.45 else None
    family = rng.choice(names.SURNAMES)
    shared_mobile = registry.mobile(address.country) if size > 1 and rng.random() < 0.12 else None
    members = []
    for position in range(size):
        own_name = rng.choice(names.SURNAMES) if position == 1 and rng.random() < 0.6 else family
        child = position >= 2
        members.append(
            make_person(
                f"P{start + position + 1:05d}", key, own_name, address, landline, shared_mobile, child, registry, until
            )
        )
    return members


def make_address(rng: Random) -> tuple[Address, str]:
    if rng.random() < 0.18:
        town, first, last, area = rng.choice(names.TOWNS_BE)
        box = str(rng.randint(1, 40)) if rng.random() < 0.3 else ""
        postcode = str(rng.randint(first, last))
        return Address(rng.choice(names.STREETS_BE), rng.randint(1, 320), "", "", box, postcode, town, "BE"), area
    town, first, last, area = rng.choice(names.TOWNS_NL)
    letter = rng.choice("abc") if rng.random() < 0.1 else ""
    addition = rng.choice(("II", "III", "hs", "2", "bis")) if rng.random() < 0.08 else ""
    postcode = f"{rng.randint(first, last)}{rng.choice('ABCDEGHJKLMNPRTVWXZ')}{rng.choice('ABCDEGHJKLMNPRTVWXZ')}"
    return Address(rng.choice(names.STREETS_NL), rng.randint(1, 240), letter, addition, "", postcode, town, "NL"), area


def make_person(
    key: str,
    household: str,
    name: tuple[str, str],
    address: Address,
    landline: str | None,
    shared_mobile: str | None,
    child: bool,
    registry: Registry,
    until: date,
) -> Person:
    rng = registry.rng
    gender = rng.choices(("F", "M", ""), (58, 38, 4))[0]
    given = rng.choice({"F": names.FEMALE, "M": names.MALE, "": names.NEUTRAL}[gender])
    if rng.random() < 0.04:
        given = f"{given} {rng.choice(names.NEUTRAL)}"
    prefix, surname = name
    years = rng.randint(8, 24) if child else rng.randint(18, 86)
    born = until - timedelta(days=years * 365 + rng.randint(30, 390))
    email = registry.email(given.split()[0], prefix + surname, address.country) if rng.random() < 0.93 else None
    second = (
        registry.email(given.split()[0], prefix + surname, address.country) if email and rng.random() < 0.12 else None
    )
    mobile = shared_mobile or (registry.mobile(address.country) if rng.random() < 0.85 else None)
    buys = rng.random() < 0.62
    account = rng.random() < (0.8 if buys else 0.2)
    contact = rng.random() < 0.74
    surfs = rng.random() < (0.5 if account else 0.2)
    registrations = rng.choices((0, 1, 2), (92, 6, 2))[0]
    return Person(
        key=key,
        household=household,
        gender=gender,
        given=given,
        prefix=prefix,
        surname=surname,
        born=born,
        address=address,
        email=email,
        second_email=second,
        mobile=mobile,
        landline=landline,
        species=rng.choices(SPECIES, (45, 38, 10, 7))[0],
        contacts=(2 if rng.random() < 0.07 else 1) if contact or not (buys or account or registrations) else 0,
        accounts=(2 if rng.random() < 0.06 else 1) if account and email else 0,
        buys=buys,
        debtor=rng.random() < (0.25 if account else 0.06),
        registrations=registrations,
        surfs=surfs,
    )


def employ(person: Person, companies: list[Company], rng: Random) -> Person:
    """One in twenty buys for a company and is met at its shared mailbox in the CRM."""
    if rng.random() < 0.05:
        return replace(person, company=rng.choice(companies), contacts=max(1, person.contacts), debtor=True)
    return person
