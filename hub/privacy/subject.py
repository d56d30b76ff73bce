"""The subject: whose data it is, as records of systems, numbers of the hub and the values that point at them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from hub.ledger import Mark, digest, mark_of
from hub.ledger.erased import CHANNELS
from hub.ledger.erasures import DIGEST, RECORD
from hub.recipients import identifier
from hub.warehouse import Transaction

TELLING = ("email", "phone", "loyalty_card", "device", "email_hash")
"""Kinds of values that tell whose a row is wherever they stand. A number such as a customer's may be anything."""

SHORTEST = 8
"""A shorter value is searched for nowhere: too much else is written the same."""


@dataclass(frozen=True)
class Known:
    """A value that points at a record: normalised, and as the system wrote it."""

    record_id: str
    type: str
    value: str
    original: str | None = None


@dataclass(frozen=True)
class Subject:
    """Some people, as the hub knows them.

    `numbers` are all that people and records of them ever had; none where only records are meant and not whole people.
    `shared` are the values among `known` that other people have too: nobody is told by them.
    """

    records: tuple[str, ...] = field(repr=False)
    numbers: tuple[int, ...] = ()
    known: tuple[Known, ...] = field(default=(), repr=False)
    shared: frozenset[tuple[str, str]] = field(default=frozenset(), repr=False)

    @property
    def own(self) -> list[Known]:
        """Give the values that point at nobody else."""
        return [it for it in self.known if (it.type, it.value) not in self.shared]

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """Give the texts, in lower case, that tell that a row is about these people, wherever it is."""
        spelled = {
            text.strip().lower()
            for it in self.own
            if it.type in TELLING
            for text in (it.value, it.original or "")
            if len(text.strip()) >= SHORTEST
        }
        return tuple(sorted(spelled))

    def named_in(self, text: str) -> bool:
        """Say whether a text in lower case holds one of the texts as a whole: anna@x.nl is not in joanna@x.nl."""
        return self._pattern is not None and self._pattern.search(text) is not None

    def marks(self, key: bytes) -> list[Mark]:
        """Give the marks by which these people are recognised: of their records, and of the values of their own."""
        marks = {mark_of(key, RECORD, record) for record in self.records}
        marks |= {mark_of(key, DIGEST, digest(record)) for record in self.records}
        marks |= {mark_of(key, CHANNELS.get(it.type, it.type), it.value) for it in self.own}
        # an address that was mapped as it came is suppressed in the spelling of those who send
        for it in self.own:
            if it.type == "email":
                marks.add(mark_of(key, "email", identifier("email", {"email": it.value})))
            elif it.type == "phone":
                marks.add(mark_of(key, "sms", identifier("sms", {"phone": it.value})))
        return sorted(marks, key=lambda mark: mark.hash)

    def with_known(self, transaction: Transaction, further: Iterable[Known]) -> Subject:
        """Give the subject with further values that once pointed at it."""
        known = tuple(sorted({*self.known, *further}, key=repr))
        return Subject(self.records, self.numbers, known, _shared(transaction, self.records, known))

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        if not self.texts:
            return None
        return re.compile(rf"(?<![\w.+%-])(?:{'|'.join(map(re.escape, self.texts))})(?![\w-]|\.\w)")

    def as_data(self) -> dict[str, Any]:
        """Give it as what JSON can hold."""
        return {
            "records": self.records,
            "numbers": self.numbers,
            "known": [[it.record_id, it.type, it.value, it.original] for it in self.known],
            "shared": sorted(self.shared),
        }


def from_data(data: Mapping[str, Any]) -> Subject:
    """Read what `as_data` gave."""
    return Subject(
        tuple(data["records"]),
        tuple(data["numbers"]),
        tuple(Known(*it) for it in data["known"]),
        frozenset((type_, value) for type_, value in data["shared"]),
    )


def subject_of(transaction: Transaction, people: Sequence[int]) -> Subject:
    """Give the subject that some people are, with every record that is theirs."""
    record, alias = transaction.table("source_record"), transaction.table("person_alias")
    found = transaction.rows(
        sa.select(record.c.record_id, record.c.record_no)
        .where(record.c.person_id.in_(people))
        .order_by(record.c.record_no)
    )
    former = transaction.rows(sa.select(alias.c.person_id).where(alias.c.now_person_id.in_(people)))
    numbers = {*people, *(int(row.record_no) for row in found), *(int(row.person_id) for row in former)}
    return _known_by(transaction, tuple(row.record_id for row in found), tuple(sorted(numbers)))


def subject_of_records(transaction: Transaction, records: Sequence[str]) -> Subject:
    """Give the subject that some records are; and the people who have no other ones."""
    record, alias = transaction.table("source_record"), transaction.table("person_alias")
    found = transaction.rows(
        sa.select(record.c.record_id, record.c.record_no, record.c.person_id).where(record.c.record_id.in_(records))
    )
    people = {int(row.person_id) for row in found if row.person_id is not None}
    others = sa.select(record.c.person_id).where(record.c.person_id.in_(people), record.c.record_id.not_in(records))
    whole = people - {int(row.person_id) for row in transaction.rows(others)} if people else set()
    numbers = {int(row.record_no) for row in found if row.record_no is not None and row.person_id in whole} | whole
    former = sa.select(alias.c.person_id).where(alias.c.now_person_id.in_(whole))
    numbers |= {int(row.person_id) for row in transaction.rows(former)} if whole else set()
    return _known_by(transaction, tuple(sorted(records)), tuple(sorted(numbers)))


def _known_by(transaction: Transaction, records: tuple[str, ...], numbers: tuple[int, ...]) -> Subject:
    identifier = transaction.table("identifier")
    columns = (identifier.c.record_id, identifier.c.type, identifier.c.value, identifier.c.original)
    found = transaction.rows(sa.select(*columns).where(identifier.c.record_id.in_(records)))
    known = tuple(sorted({Known(*row) for row in found}, key=repr))
    return Subject(records, numbers, known, _shared(transaction, records, known))


def _shared(transaction: Transaction, records: Sequence[str], known: Iterable[Known]) -> frozenset[tuple[str, str]]:
    """Find the values that records of others have too."""
    identifier = transaction.table("identifier")
    found = transaction.rows(
        sa.select(identifier.c.type, identifier.c.value)
        .where(identifier.c.value.in_({it.value for it in known}), identifier.c.record_id.not_in(records))
        .distinct()
    )
    return frozenset((row.type, row.value) for row in found)
