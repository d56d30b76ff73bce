"""A person's file: everything the hub knows of one person, from where, and why each message was or was not sent.

It reads what the last run published, and of each message what the ledger's outbox says of it now, so that a run and
a reader never wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.errors import HubError
from hub.ledger import IN_WORDS, Ledger, Queued, State, Verdict
from hub.people.alike import what_agrees
from hub.people.provenance import Field, provenance
from hub.people.reading import Ask, Reading
from hub.project import Project
from hub.schema.shape import STORE

RECENT = 10
"""How many orders, web events and the like are shown; all are counted."""

BY_PROBABILITY = "match"
"""What `linked_by` says of a record that came to its person by probability."""

COUNTED_ELSEWHERE = ("source_record", "identifier", "consent", "message", "message_event")


class NobodyError(HubError):
    """No person, or no single person, goes by the given number, address or key."""


@dataclass(frozen=True)
class FormerId:
    """A number that the person had before a merge."""

    person_id: int
    since: datetime


@dataclass(frozen=True)
class SourceRecord:
    """One record of the person in a system, and why it is the person's."""

    record_id: str
    record_no: int
    connection: str
    at: datetime | None
    load_id: str | None
    linked_by: str | None
    linked_to: str | None
    agreed: str | None
    """How its names and date of birth compare with those of the record it is linked to; all that spoke, in a match."""
    likely: float | None = None
    """How likely the two are one person, 0 to 1, where that made the link."""


@dataclass(frozen=True)
class Identifier:
    """A value that points at the person."""

    type: str
    value: str
    record_id: str
    at: datetime | None


@dataclass(frozen=True)
class Statement:
    """What the person stated about consent; `newest` per channel and purpose."""

    channel: str
    purpose: str
    given: bool | None
    at: datetime | None
    text: str | None
    basis: str | None
    evidence: str | None
    record_id: str
    key: str
    newest: bool


@dataclass(frozen=True)
class Membership:
    """A segment that the person is in."""

    segment: str
    since: datetime


@dataclass(frozen=True)
class Transition:
    """When the person entered or left a segment."""

    segment: str
    kind: str
    at: datetime


@dataclass(frozen=True)
class MessageEvent:
    """What happened to a message."""

    type: str
    at: datetime | None
    url: str | None
    code: str | None


@dataclass(frozen=True)
class Outcome:
    """What became of a message that was decided: its state, the same in words, and why where that is known."""

    state: State
    in_words: str
    reason: str | None
    attempts: int
    first_at: datetime | None


@dataclass(frozen=True)
class Message:
    """A message to the person, with what happened to it in the order of time.

    One of the hub's own is here from the moment it was decided; `became` tells whether it went.
    """

    key: str
    connection: str
    channel: str | None
    campaign: str | None
    scenario: str | None
    step: str | None
    sent_at: datetime | None
    events: tuple[MessageEvent, ...]
    became: Outcome | None = None


@dataclass(frozen=True)
class Decision:
    """A message that was decided, or refused with the reason."""

    scenario: str
    step: str
    outcome: str
    channel: str | None
    connection: str | None
    reason: str | None
    consent_key: str | None
    at: datetime


@dataclass(frozen=True)
class Enrolment:
    """The person's way through one scenario."""

    scenario: str
    entered_at: datetime | None
    step: str | None
    due_at: datetime | None
    status: str
    reason: str | None
    ended_at: datetime | None


@dataclass(frozen=True)
class Recommendation:
    """A product that is recommended to the person, and why."""

    rank: int
    product: str
    """Its name; its key where it has none."""
    reason: str


@dataclass(frozen=True)
class Facts:
    """What one table holds about the person: how many rows, and the most recent ones."""

    table: str
    count: int
    recent: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class PersonFile:
    """Everything about one person; lists have the newest first."""

    person_id: int
    fields: tuple[Field, ...]
    household: int | None
    records: tuple[SourceRecord, ...]
    identifiers: tuple[Identifier, ...]
    consents: tuple[Statement, ...]
    traits: Mapping[str, Any]
    segments: tuple[Membership, ...]
    transitions: tuple[Transition, ...]
    messages: tuple[Message, ...]
    other_events: tuple[MessageEvent, ...] = field(default=())
    """Events of messages that another system sent without telling of the message itself."""
    enrolments: tuple[Enrolment, ...] = ()
    decisions: tuple[Decision, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()
    """The best first."""
    facts: tuple[Facts, ...] = ()
    former_ids: tuple[FormerId, ...] = ()
    """Numbers of people who were merged into this one."""
    verdicts: tuple[Verdict, ...] = ()
    """What people decided by hand about the person's records, the first first; the last one on a pair counts."""


def find_person(project: Project, ask: Ask, text: str) -> int:
    """Find who goes by a person's number, record, e-mail address, phone, customer number or card.

    A number that a person had before a merge finds the person of today. Raises NobodyError.
    """
    reading = Reading(project, ask)
    record, identifier = project.schema.table("source_record"), project.schema.table("identifier")
    text = text.strip()
    if text.isdecimal() and len(text) < 19:
        found = reading.rows(sa.select(record.c.person_id).where(record.c.record_no == int(text)))
        if not found and reading.there("person_alias"):
            alias = project.schema.table("person_alias")
            found = reading.rows(
                sa.select(alias.c.now_person_id.label("person_id")).where(alias.c.person_id == int(text))
            )
        if found:
            return int(found[0]["person_id"])
    values = sorted(spellings(project, text))
    by_value = (
        sa.select(record.c.person_id)
        .join_from(identifier, record, record.c.record_id == identifier.c.record_id)
        .where(
            sa.or_(
                identifier.c.value.in_(values),
                sa.and_(
                    identifier.c.type.in_(["customer_number", "loyalty_card"]),
                    identifier.c.value.endswith(f":{text}", autoescape=True),
                ),
            )
        )
    )
    by_record = sa.select(record.c.person_id).where(record.c.record_id == text)
    people = [int(row["person_id"]) for row in reading.rows(sa.union(by_value, by_record)) if row["person_id"]]
    if not people:
        raise NobodyError("nobody goes by this number, address or key: give a person's number, e-mail, phone or record")
    if len(people) > 1:
        listed = ", ".join(str(person) for person in sorted(people)[:RECENT])
        raise NobodyError(f"{len(people)} people go by this: ask again by a person's number: {listed}")
    return people[0]


def explain(project: Project, ask: Ask, text: str, ledger: Ledger | None = None) -> PersonFile:
    """Gather everything about the person whom `text` points at (see `find_person`). Raises NobodyError.

    Without a ledger nothing is known of what became of messages, and of verdicts.
    """
    person_id = find_person(project, ask, text)
    found = _Reading(project, ask).file(person_id)
    if ledger is None:
        return found
    return replace(
        found,
        messages=_with_outcomes(found.messages, ledger),
        verdicts=tuple(ledger.verdicts.history(records=[record.record_id for record in found.records])),
    )


def _with_outcomes(messages: Sequence[Message], ledger: Ledger) -> tuple[Message, ...]:
    held = ledger.outbox.among([message.key for message in messages])
    return tuple(replace(message, became=_outcome(held.get(message.key))) for message in messages)


def _outcome(queued: Queued | None) -> Outcome | None:
    if queued is None:
        return None
    return Outcome(queued.state, IN_WORDS[queued.state], queued.reason, queued.attempts, queued.first_at)


def spellings(project: Project, text: str) -> set[str]:
    """Give the ways in which a value may be stored."""
    from hub.normalise.email import normalise_email
    from hub.normalise.phone import parse_phone

    region = project.hub.locale.rpartition("-")[2].upper()
    phone = parse_phone(text, region)
    return {text, text.lower(), *filter(None, [normalise_email(text), phone.e164 if phone else None])}


class _Reading(Reading):
    """Reads everything about one person."""

    def file(self, person_id: int) -> PersonFile:
        records = self.among("source_record", "person_id", [person_id], "record_no")
        ids = [str(record["record_id"]) for record in records]
        former = tuple(self._former_ids(person_id))
        numbers = {*(int(record["record_no"]) for record in records), *(it.person_id for it in former)}
        identifiers = self._of("identifier", ids, "source_time")
        golden = self._one(self.table("person"), person_id)
        consents = self._of("consent", ids, "at")
        newest: dict[tuple[str, str], Any] = {}
        for row in consents:
            newest.setdefault((row["channel"], row["purpose"]), row["at"])
        messages, others = self._messages(ids)
        return PersonFile(
            person_id=person_id,
            fields=tuple(provenance(self.project, self.rows, golden)) if golden else (),
            household=golden.get("household_id"),
            records=tuple(_records(records, self._matches(records))),
            identifiers=tuple(_made(Identifier, row, at=row["source_time"]) for row in identifiers),
            consents=tuple(
                _made(
                    Statement,
                    row,
                    key=f"{row['connection']}:{row['source_key']}",
                    newest=newest[row["channel"], row["purpose"]] == row["at"],
                )
                for row in consents
            ),
            traits=self._traits(person_id),
            segments=tuple(
                _made(Membership, row) for row in self.among("membership", "person_id", [person_id], "segment")
            ),
            transitions=tuple(
                _made(Transition, row) for row in self.among("transition", "person_id", numbers, "at", newest=True)
            ),
            messages=messages,
            other_events=others,
            enrolments=tuple(_made(Enrolment, row) for row in self._of("enrolment", ids, "entered_at")),
            decisions=tuple(_made(Decision, row) for row in self._of("decision", ids, "at")),
            recommendations=tuple(self._recommendations(person_id)),
            facts=tuple(self._facts(ids)),
            former_ids=former,
        )

    def _matches(self, records: Sequence[Mapping[str, Any]]) -> dict[frozenset[str], Mapping[str, Any]]:
        """Give the links by probability within the person, by their two records."""
        ids = [row["record_id"] for row in records]
        if not any(row["linked_by"] == BY_PROBABILITY for row in records) or not self.there("match_link"):
            return {}
        pairs = self.among("match_link", "low_record", ids, "low_record")
        return {frozenset((row["low_record"], row["high_record"])): row for row in pairs}

    def _one(self, table: sa.Table | sa.TableClause, person_id: int) -> dict[str, Any]:
        found = self.rows(sa.select(table).where(table.c.person_id == person_id))
        return found[0] if found else {}

    def _of(self, table_name: str, record_ids: list[str], order: str) -> list[dict[str, Any]]:
        return self.among(table_name, "record_id", record_ids, order, newest=True)

    def _traits(self, person_id: int) -> dict[str, Any]:
        if not self.there("trait"):
            return {}
        trait = sa.table("trait", sa.column("person_id", sa.BigInteger()), schema=STORE)
        query: sa.Select[Any] = (
            sa.select(sa.literal_column("*")).select_from(trait).where(trait.c.person_id == person_id)
        )
        found = self.rows(query)
        return {name: value for name, value in found[0].items() if name != "person_id"} if found else {}

    def _former_ids(self, person_id: int) -> Iterable[FormerId]:
        if self.there("person_alias"):
            for row in self.among("person_alias", "now_person_id", [person_id], "person_id"):
                yield _made(FormerId, row)

    def _messages(self, record_ids: list[str]) -> tuple[tuple[Message, ...], tuple[MessageEvent, ...]]:
        happened = self._of("message_event", record_ids, "at")
        sent = self._of("message", record_ids, "sent_at")
        events: dict[str, list[MessageEvent]] = {str(row["source_key"]): [] for row in sent}
        others: list[MessageEvent] = []
        for row in happened:
            events.get(row["message_key"], others).append(_made(MessageEvent, row))
        messages = (
            _made(Message, row, key=row["source_key"], events=tuple(reversed(events[row["source_key"]])), became=None)
            for row in sent
        )
        return tuple(messages), tuple(others)

    def _recommendations(self, person_id: int) -> Iterable[Recommendation]:
        if not self.there("recommendation"):
            return
        found, product = self.table("recommendation"), self.table("product")
        same = sa.and_(product.c.connection == found.c.connection, product.c.source_key == found.c.product_key)
        named = sa.func.coalesce(product.c.name, found.c.product_key).label("product")
        query = sa.select(found.c.rank, named, found.c.reason).join_from(found, product, same, isouter=True)
        for row in self.rows(query.where(found.c.person_id == person_id).order_by(found.c.rank)):
            yield _made(Recommendation, row)

    def _facts(self, record_ids: list[str]) -> Iterable[Facts]:
        """Count the person's rows of every table, and show the most recent ones."""
        tables = [
            it
            for it in self.project.schema
            if it.personal and it.mapped and it.name not in COUNTED_ELSEWHERE and it.name in self.published
        ]
        counts = self.rows(
            sa.union_all(
                *(
                    sa.select(sa.literal(table.name).label("name"), sa.func.count().label("rows")).where(
                        self.table(table.name).c.record_id.in_(record_ids)
                    )
                    for table in tables
                )
            )
        )
        number = {row["name"]: int(row["rows"]) for row in counts}
        for table in tables:
            if not number[table.name]:
                continue
            stored = self.table(table.name)
            query = (
                sa.select(stored)
                .where(stored.c.record_id.in_(record_ids))
                .order_by(stored.c[table.time or "source_time"].desc().nulls_last(), stored.c.source_key)
                .limit(RECENT)
            )
            recent = ({name: value for name, value in row.items() if value is not None} for row in self.rows(query))
            yield Facts(table.name, number[table.name], tuple(recent))


def _records(
    rows: Sequence[Mapping[str, Any]], matches: Mapping[frozenset[str], Mapping[str, Any]]
) -> Iterable[SourceRecord]:
    """Give each record with what it says alike with the one that it is linked to."""
    by_id = {row["record_id"]: row for row in rows}
    for row in rows:
        partner = by_id.get(row["linked_to"])
        agreed, likely = what_agrees(row, partner) if partner is not None else None, None
        match = matches.get(frozenset((row["record_id"], row["linked_to"])))
        if row["linked_by"] == BY_PROBABILITY and match is not None:
            agreed, likely = match["reason"], float(match["score"])
        yield _made(SourceRecord, row, at=row["source_time"], agreed=agreed, likely=likely)


def _made(kind: Any, row: Mapping[str, Any], **given: Any) -> Any:
    """Make a part of the file from the row's columns of the same names."""
    from dataclasses import fields

    return kind(**{it.name: given[it.name] if it.name in given else row[it.name] for it in fields(kind)})
