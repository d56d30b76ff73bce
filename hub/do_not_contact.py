"""Do-not-contact registers: consulted for every mailing right before it goes out, and the consultation is proven.

Which registers there are is said by the law's rules (a country's list for a channel) and by the project (a connection
with a register of its own). It fails closed: an address that a register must be asked about goes only when the
register answered now, from a version that is fresh enough, that the address is not listed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from hub.contracts import Consultation, DoNotContactRegister
from hub.errors import HubError
from hub.law import ChannelRule, registers
from hub.ledger import Consulted
from hub.project import Project

Name = TypeVar("Name", bound=Hashable)

AHEAD = timedelta(days=1)
"""A version may be dated so far ahead of our clock; one of a later day is a mistake."""


@dataclass(frozen=True)
class Approached:
    """An address that is about to be used, the country of its person (empty where it is not known), and for what."""

    address: str = field(repr=False)
    country: str
    mailing: str


@dataclass(frozen=True)
class Answers(Generic[Name]):
    """The reason of those that must not be used, and the consultations: whoever then goes out keeps them as proof."""

    refused: Mapping[Name, str]
    proofs: Sequence[Consulted]


def asks(project: Project, channel: str, at: datetime) -> bool:
    """Say whether there is any register to consult before marketing by a channel."""
    return bool(_opened(project, channel)) or bool(registers(channel, project.terms.day(at)))


def consult(project: Project, channel: str, asked: Mapping[Name, Approached], at: datetime) -> Answers[Name]:
    """Ask every register that a channel needs about addresses, each register in one go."""
    refused: dict[Name, str] = {}
    proofs: list[Consulted] = []
    for register, connection, plugin, names in _needed(project, channel, asked, at):
        if plugin is None:
            reason = f"the register {register} must be consulted, and no connection gives it"
            refused = dict.fromkeys(names, reason) | refused
            continue
        answer = _answer(plugin, sorted({asked[name].address for name in names}), at)
        if isinstance(answer, str):
            refused = dict.fromkeys(names, f"the register {register} {answer}") | refused
            continue
        hit = [name for name in names if asked[name].address in answer.listed]
        refused = dict.fromkeys(hit, f"listed in the register {register}") | refused
        proofs += _proof(connection, register, answer, [asked[name] for name in names], at)
    return Answers(refused, proofs)


def _needed(
    project: Project, channel: str, asked: Mapping[Name, Approached], at: datetime
) -> Iterator[tuple[str, str, DoNotContactRegister | None, list[Name]]]:
    """Give each register with its connection and those it must be asked about; no plugin where nothing gives it."""
    opened = _opened(project, channel)
    demanded = {rule.register: rule for rule in registers(channel, project.terms.day(at))}
    for name in sorted({*opened, *demanded}):
        rule = demanded.get(name)
        meant = [one for one, it in asked.items() if rule is None or _falls_under(rule, it)]
        if meant:
            connection_name, plugin_or_none = opened.get(name, ("", None))
            yield name, connection_name, plugin_or_none, meant


def _opened(project: Project, channel: str) -> dict[str, tuple[str, DoNotContactRegister]]:
    found = {}
    for connection in project.registers:
        plugin = connection.open()
        if isinstance(plugin, DoNotContactRegister) and channel in plugin.channels:
            found[plugin.register] = (connection.name, plugin)
    return found


def _falls_under(rule: ChannelRule, it: Approached) -> bool:
    """Say whether a country's register is about somebody: by where they live, or by the number itself."""
    return it.country in rule.countries or bool(rule.calling_code and it.address.startswith(rule.calling_code))


def _answer(plugin: DoNotContactRegister, addresses: Sequence[str], at: datetime) -> Consultation | str:
    try:
        answer = plugin.consult(addresses)
    except HubError as error:
        return f"does not answer: {error}"
    if answer.dated < at - plugin.good_for:
        return f"is of {answer.dated:%Y-%m-%d}, which is too old to rely on: get a newer version"
    if answer.dated > at + AHEAD:
        return f"is dated {answer.dated:%Y-%m-%d}, which is still to come: mend its date"
    return answer


def _proof(
    connection: str, register: str, answer: Consultation, asked: Sequence[Approached], at: datetime
) -> list[Consulted]:
    numbers = Counter(it.mailing for it in asked)
    hits = Counter(it.mailing for it in asked if it.address in answer.listed)
    return [
        Consulted(connection, register, mailing, at, answer.reference, answer.dated, number, hits[mailing])
        for mailing, number in sorted(numbers.items())
    ]
