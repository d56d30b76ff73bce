"""The people of the last days: who subscribed or made an account, and who of them must be welcomed, how, or why not.

They are the heart of the example's answer key, so their records carry typing noise but no false values. In the nine
days before their window nobody subscribes or registers (the shop was moving to another host), which keeps the edge of
the window free of doubt.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from examples.miaoum.generator.notation import break_email
from examples.miaoum.generator.people import Person

WINDOW_DAYS = 11
QUIET_DAYS = 9

#: kind -> (how many of 5,000 people, channel of the welcome, why there is none)
KINDS: dict[str, tuple[int, str, str]] = {
    "newsletter": (80, "email", ""),
    "both_one_day": (60, "email", ""),
    "both_days_apart": (20, "email", ""),
    "account_only": (30, "", "no consent"),
    "mobile_only": (25, "sms", ""),
    "broken_email": (5, "sms", ""),
    "post_only": (15, "letter", ""),
    "withdrawn_in_crm": (6, "", "consent withdrawn"),
    "withdrawn_by_mail": (6, "", "consent withdrawn"),
    "under_16": (10, "", "under 16"),
    "ordered": (15, "", "ordered since"),
}


@dataclass(frozen=True)
class Newcomer:
    """What one person did in the window. `typed_email` is the unusable address that the till noted down."""

    kind: str
    subscribed_at: datetime | None
    account_at: datetime | None
    withdrawn_at: datetime | None = None
    ordered_at: datetime | None = None
    typed_email: str | None = None

    @property
    def at_the_till(self) -> bool:
        return self.kind in {"mobile_only", "broken_email", "post_only"}

    @property
    def channel(self) -> str:
        return KINDS[self.kind][1]

    @property
    def reason(self) -> str:
        return KINDS[self.kind][2]

    @property
    def triggered_at(self) -> datetime:
        moments = [moment for moment in (self.subscribed_at, self.account_at) if moment]
        return min(moments)


def window_start(until: date) -> datetime:
    return datetime.combine(until - timedelta(days=WINDOW_DAYS), time(0), UTC)


def quiet_start(until: date) -> datetime:
    """Nobody outside the plan subscribes or registers at or after this moment."""
    return window_start(until) - timedelta(days=QUIET_DAYS)


def choose_newcomers(people: list[Person], rng: Random, until: date) -> tuple[list[Person], dict[str, Newcomer]]:
    """Give people who live alone a part in the plan; returns all people (adjusted) and the plan by person key."""
    sizes: dict[str, int] = {}
    for person in people:
        sizes[person.household] = sizes.get(person.household, 0) + 1
    free = [p for p in people if sizes[p.household] == 1 and p.company is None and p.email and p.mobile]
    rng.shuffle(free)
    parts = list(parts_to_give(len(people)))
    if len(free) < len(parts):
        raise ValueError(f"{len(people)} people are too few for the example; take at least 200.")
    plan: dict[str, Newcomer] = {}
    cast: dict[str, Person] = {}
    for person, kind in zip(free, parts, strict=False):
        plan[person.key] = write_part(kind, person, rng, until)
        cast[person.key] = play_part(kind, person, rng, until)
    return [cast.get(person.key, person) for person in people], plan


def parts_to_give(people: int) -> Iterator[str]:
    for kind, (of_5000, _, _) in KINDS.items():
        yield from [kind] * max(1, round(of_5000 * people / 5000))


def write_part(kind: str, person: Person, rng: Random, until: date) -> Newcomer:
    early = kind.startswith("withdrawn")
    moment = shop_hours(window_start(until) + timedelta(days=rng.randint(0, 3 if early else WINDOW_DAYS - 3)), rng)
    if kind == "newsletter":
        return Newcomer(kind, subscribed_at=moment, account_at=None)
    if kind == "account_only":
        return Newcomer(kind, subscribed_at=None, account_at=moment)
    if kind == "both_one_day":
        return Newcomer(kind, subscribed_at=moment + timedelta(minutes=rng.randint(0, 90)), account_at=moment)
    if kind == "both_days_apart":
        return Newcomer(kind, subscribed_at=moment + timedelta(days=2), account_at=moment)
    if kind == "broken_email":
        return Newcomer(kind, None, moment, typed_email=break_email(person.email or "", rng))
    if kind in {"mobile_only", "post_only"}:
        return Newcomer(kind, None, moment)
    if early:
        withdrawn = shop_hours(datetime.combine(until - timedelta(days=rng.randint(2, 3)), time(0), UTC), rng)
        return Newcomer(kind, subscribed_at=moment, account_at=moment, withdrawn_at=withdrawn)
    if kind == "ordered":
        return Newcomer(kind, moment, moment, ordered_at=moment + timedelta(hours=rng.randint(2, 40)))
    return Newcomer(kind, subscribed_at=moment, account_at=moment)


def play_part(kind: str, person: Person, rng: Random, until: date) -> Person:
    person = replace(person, second_email=None, debtor=False, contacts=min(person.contacts, 1))
    if kind == "newsletter":
        return replace(person, accounts=0)
    if kind in {"both_one_day", "both_days_apart"}:
        return replace(person, accounts=1)
    alone = replace(person, accounts=1, contacts=0, buys=False, registrations=0)
    if kind in {"mobile_only", "broken_email"}:
        return replace(alone, contacts=1, surfs=False, email=None)
    if kind == "post_only":
        return replace(alone, contacts=1, surfs=False, email=None, mobile=None)
    if kind == "withdrawn_in_crm":
        return replace(alone, contacts=1)
    if kind == "under_16":
        return replace(alone, born=until - timedelta(days=rng.randint(9 * 366, 15 * 365)))
    return alone


def shop_hours(day: datetime, rng: Random) -> datetime:
    return day.replace(hour=rng.randint(8, 19), minute=rng.randint(0, 59), second=rng.randint(0, 59))
