"""How people and systems write things down: many notations, typing errors, and values that are plainly false."""

from __future__ import annotations

from datetime import date, datetime
from random import Random
from zoneinfo import ZoneInfo

FALSE_PHONES = ("0000000000", "06-1234abcd", "geen", "112", "0612345", "n.v.t.")
#: A number that many people give because it looks like one: valid, and nobody's.
CROWD_PHONE = "0612345678"


def crowd_share(people: int) -> float:
    """The share of records with that number: a crowd is a crowd in a small shop too."""
    return max(0.01, 60 / people)


FALSE_EMAILS = ("onbekend", "geen e-mail", "test@test.nl", "noreply@", "-")


def spell_phone(number: str, rng: Random) -> str:
    """An E.164 number as a Dutch or Belgian person types it."""
    country, national = number[:3], number[3:]
    if country == "+32":
        if len(national) == 9:
            a, b, c, d = national[:3], national[3:5], national[5:7], national[7:]
            return rng.choice(
                (f"0{a} {b} {c} {d}", f"+32 {a} {b} {c} {d}", f"0{a}/{b}.{c}.{d}", f"+32 (0){a}/{b}.{c}.{d}", number)
            )
        return rng.choice((f"0{national}", f"+32 {national}", f"+32 (0){national}", number))
    if national.startswith("6"):
        rest = national[1:]
        pairs = " ".join(rest[at : at + 2] for at in range(0, 8, 2))
        forms = (
            f"06-{rest}",
            f"06 {pairs}",
            f"06{rest}",
            f"+31 6 {rest}",
            f"00316{rest}",
            f"+31 (0)6 {rest}",
            f"06 - {rest}",
            number,
        )
        return rng.choice(forms)
    area = (
        2
        if national[:2]
        in {"10", "20", "23", "24", "26", "30", "35", "38", "40", "43", "50", "55", "70", "71", "73", "76"}
        else 3
    )
    return rng.choice(
        (f"0{national[:area]}-{national[area:]}", f"0{national}", f"+31 {national[:area]} {national[area:]}", number)
    )


def spell_international(number: str, rng: Random) -> str:
    """A number for a system that does not know the caller's country: Belgians write theirs with +32."""
    if number.startswith("+32"):
        return rng.choice((number, f"+32 {number[3:]}", f"0032{number[3:]}"))
    return spell_phone(number, rng)


def spell_email(email: str, rng: Random) -> str:
    """The same address in another case or with spaces around it; still the same address."""
    chance = rng.random()
    if chance < 0.10:
        local, _, domain = email.partition("@")
        return f"{local.title()}@{domain.capitalize() if rng.random() < 0.4 else domain}"
    if chance < 0.13:
        return email.upper()
    if chance < 0.18:
        return rng.choice((f" {email}", f"{email} ", f"  {email} "))
    return email


def break_email(email: str, rng: Random) -> str:
    """An address that can't be used: a space inside, a comma for a dot, no at sign."""
    local, _, domain = email.partition("@")
    return rng.choice(
        (f"{local} @{domain}", f"{local}@{domain.replace('.', ',')}", f"{local}{domain}", f"{local}@@{domain}")
    )


def mistype(word: str, rng: Random) -> str:
    """One slip of the fingers: two letters exchanged, one doubled or one lost."""
    if len(word) < 4:
        return word
    at = rng.randint(1, len(word) - 2)
    slip = rng.randint(0, 2)
    if slip == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if slip == 1:
        return word[:at] + word[at] + word[at:]
    return word[:at] + word[at + 1 :]


def dutch_date(day: date) -> str:
    return day.strftime("%d-%m-%Y")


def dutch_amount(cents: int) -> str:
    """`123456` cents as `1.234,56`."""
    sign = "-" if cents < 0 else ""
    whole, part = divmod(abs(cents), 100)
    return f"{sign}{whole:,}".replace(",", ".") + f",{part:02d}"


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def local_time(moment: datetime) -> datetime:
    """What the shop's clock on the wall says."""
    return moment.astimezone(ZoneInfo("Europe/Amsterdam")).replace(tzinfo=None)


def sql_time(moment: datetime) -> str:
    """The shop's database and its booking tool keep local time, as they do."""
    return local_time(moment).strftime("%Y-%m-%d %H:%M:%S")
