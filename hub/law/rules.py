"""Rules: what a yes must rest on, by channel, country and day.

Of the law's rules, the one that names the country holds, else the one for all others. What a project adds holds beside
them: a yes has to meet both, so nothing that is added can make a rule looser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

Basis = Literal["consent", "soft opt-in", "contract", "legitimate interest"]

FIRST, LAST = date.min, date.max

UNKNOWN = ""
"""The country of somebody whose country is not known."""

OTHERS = "*"
"""A country that no rule names."""


@dataclass(frozen=True)
class ChannelRule:
    """What allows marketing by some channels in some countries (none named: in all others) between two days.

    `bases` are the grounds of which one is needed. `register` must be consulted, freshly, before a mailing; an address
    that begins with `calling_code` is looked for in it whatever the country is said to be.
    """

    channels: tuple[str, ...]
    countries: tuple[str, ...]
    bases: frozenset[str]
    source: str
    register: str = ""
    calling_code: str = ""
    since: date = FIRST
    until: date = LAST

    def holds(self, day: date) -> bool:
        """Say whether it is in force."""
        return self.since <= day < self.until


@dataclass(frozen=True)
class AgeRule:
    """From which age people of some countries (none named: of all others) give consent of their own."""

    countries: tuple[str, ...]
    age: int
    source: str


@dataclass(frozen=True)
class Stricter:
    """What a project asks beyond the law: of some countries or all, by some channels or all.

    It reaches people whose country is not known too. It can only take away: grounds that do not count, a higher age.
    """

    channels: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    without: frozenset[str] = frozenset()
    age: int | None = None


@dataclass(frozen=True)
class BasisGroup:
    """The people of some countries (`named`), or of all others, and what a yes by some channels may rest on there."""

    channels: tuple[str, ...]
    countries: tuple[str, ...]
    named: bool
    bases: frozenset[str]


@dataclass(frozen=True)
class AgeGroup:
    """The people of some countries (`named`), or of all but those, and the age of their own consent."""

    countries: tuple[str, ...]
    named: bool
    age: int


def basis_groups(day: date, stricter: Sequence[Stricter] = ()) -> list[BasisGroup]:
    """Give for every channel what a yes for marketing must rest on, country by country, on a day.

    Each country falls into one group of a channel. A channel without a rule in force has no ground: there, no yes
    counts.
    """
    from hub.law.table import CHANNEL_RULES

    rules = [rule for rule in CHANNEL_RULES if rule.holds(day)]
    found: dict[tuple[tuple[str, ...], bool, frozenset[str]], list[str]] = {}
    for channel in dict.fromkeys(channel for rule in CHANNEL_RULES for channel in rule.channels):
        of_channel = [rule for rule in rules if channel in rule.channels]
        own = [one for one in stricter if one.without and (not one.channels or channel in one.channels)]
        named = _named([*(rule.countries for rule in of_channel), *(one.countries for one in own)])
        others = _bases(of_channel, own, OTHERS)
        ruled = {country: _bases(of_channel, own, country) for country in named}
        for bases in sorted({*ruled.values()} - {others}, key=sorted):
            alike = tuple(country for country in named if ruled[country] == bases)
            found.setdefault((alike, True, bases), []).append(channel)
        apart = tuple(country for country in named if ruled[country] != others)
        found.setdefault((apart, False, others), []).append(channel)
    return [BasisGroup(tuple(channels), *group) for group, channels in found.items()]


def age_groups(stricter: Sequence[Stricter] = ()) -> list[AgeGroup]:
    """Give the age from which people give consent of their own, country by country."""
    from hub.law.table import AGE_RULES

    own = [one for one in stricter if one.age is not None]
    named = _named([*(rule.countries for rule in AGE_RULES), *(one.countries for one in own)])
    return [
        *(AgeGroup((country,), True, _age(AGE_RULES, own, country)) for country in named),
        AgeGroup(named, False, _age(AGE_RULES, own, OTHERS)),
    ]


def _bases(rules: Sequence[ChannelRule], own: Sequence[Stricter], country: str) -> frozenset[str]:
    """Give the grounds that count in a country."""
    ruling = [rule for rule in rules if country in rule.countries] or [rule for rule in rules if not rule.countries]
    bases = frozenset.intersection(*(rule.bases for rule in ruling)) if ruling else frozenset()
    return bases.difference(*(one.without for one in own if _reaches(one, country)))


def _age(rules: Sequence[AgeRule], own: Sequence[Stricter], country: str) -> int:
    ruling = [rule for rule in rules if country in rule.countries] or [rule for rule in rules if not rule.countries]
    return max([*(rule.age for rule in ruling), *(one.age or 0 for one in own if _reaches(one, country))])


def _reaches(one: Stricter, country: str) -> bool:
    return not one.countries or country == UNKNOWN or country in one.countries


def _named(all_countries: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Give the countries that any rule names, and the unknown one: rules for some countries may be about it too."""
    return tuple(sorted({UNKNOWN, *(country for countries in all_countries for country in countries)}))


def registers(channel: str, day: date) -> list[ChannelRule]:
    """Give the rules in force that ask for the consultation of a register before marketing by a channel."""
    from hub.law.table import CHANNEL_RULES

    return [rule for rule in CHANNEL_RULES if rule.register and channel in rule.channels and rule.holds(day)]


def changing_days() -> list[date]:
    """Give the days on which the law's rules change, in their order."""
    from hub.law.table import CHANNEL_RULES

    return sorted({day for rule in CHANNEL_RULES for day in (rule.since, rule.until)} - {FIRST, LAST})
