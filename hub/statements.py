"""What people tell the hub itself about consent: heard at once, and landed in the warehouse before anything goes out.

A page of the hub calls `unsubscribe`, `choose`, `object_to_marketing` or `confirm` with the id of the message that its
token led back to; a person at the desk is heard by `state_for_record`. Each is a row of the ledger, written before
the page answers. Whatever sends or syncs calls `take_in` first, so that no run has to come in between.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from hub.contracts import Channel
from hub.ledger import EVERY_CHANNEL, UNSUBSCRIBED, Ledger, Queued, Statement, Suppression, digest, hashed
from hub.ledger.forget import ERASED
from hub.project import Project
from hub.recipients import identifier
from hub.warehouse import Transaction, Warehouse
from hub.warehouse.state import fingerprint, remember, seen

CONNECTION = "hub"
"""The hub's own name, as the system that a statement comes from."""

RECEIVED = "received:"
"""How the key of a received statement begins in the table `consent`."""

Source = Literal["unsubscribe", "preferences", "confirm", "hand"]


@dataclass(frozen=True)
class Choice:
    """One answer on a preference page: whether a channel may be used for a purpose; `text` names the words shown."""

    channel: str
    purpose: str
    given: bool
    text: str = ""


# hearing


def unsubscribe(ledger: Ledger, message_id: str, at: datetime) -> bool:
    """Withdraw consent for the channel and purpose of a message; False where no such message was ever queued."""
    message = ledger.outbox.get(message_id)
    if message is None:
        return False
    _hear(ledger, message, [Choice(message.channel, message.purpose, False)], at, "unsubscribe")
    return True


def object_to_marketing(ledger: Ledger, message_id: str, at: datetime) -> bool:
    """Withdraw consent for marketing by every channel; False where no such message was ever queued."""
    return choose(ledger, message_id, [Choice(EVERY_CHANNEL, "marketing", False)], at)


def choose(ledger: Ledger, message_id: str, choices: Sequence[Choice], at: datetime) -> bool:
    """Take what somebody chose on a preference page; False where no such message was ever queued.

    Write down only what was changed: a box that was left as it was is no new statement.
    """
    message = ledger.outbox.get(message_id)
    if message is None:
        return False
    _hear(ledger, message, choices, at, "preferences")
    return True


def confirm(ledger: Ledger, project: Project, message_id: str, at: datetime) -> bool:
    """Take the second yes of a double opt-in: what the message's scenario says it `confirms`.

    False where no such message was ever queued, or its scenario confirms nothing (any more). Call it for the press of
    a button, never for a link that was merely opened: scanners open links.
    """
    message = ledger.outbox.get(message_id)
    scenario = project.scenarios.get(message.scenario) if message is not None else None
    if message is None or scenario is None or scenario.confirms is None:
        return False
    asked = scenario.confirms
    _hear(ledger, message, [Choice(asked.channel, asked.purpose, True, asked.text)], at, "confirm")
    return True


def state_for_record(ledger: Ledger, record_id: str, choice: Choice, at: datetime, evidence: str) -> None:
    """Write down what somebody said at the desk or by telephone. `evidence` points at the proof, without names."""
    said = vars(choice) | {"at": at, "source": "hand", "evidence": evidence}
    ledger.statements.receive(Statement(message_id=None, record=digest(record_id), **said))


def _hear(ledger: Ledger, message: Queued, choices: Iterable[Choice], at: datetime, source: Source) -> None:
    if message.record == ERASED:
        return  # nobody is written to any more, and nothing is kept of whom it was
    evidence = f"link in message {message.id}"
    ledger.statements.receive(
        *(Statement(message.id, at=at, source=source, evidence=evidence, **vars(choice)) for choice in choices)
    )


# landing


def take_in(warehouse: Warehouse, ledger: Ledger, project: Project, as_of: datetime) -> int:
    """Land the statements that are waiting in the table `consent`, and suppress the addresses that were unsubscribed.

    Statements about a person that the warehouse does not have wait on. Taking in twice changes nothing, and a kill in
    between is completed by the next one. Returns how many landed.
    """
    waiting = ledger.statements.waiting()
    if not waiting:
        return 0
    with warehouse.begin() as transaction:
        said = transaction.hold("said", _said(transaction, ledger, waiting))
        _suppress(transaction, ledger, project, waiting)
        number = _state(transaction, said)
        number += withdraw_later(transaction, said)
        if number:
            # consent is a fact like those that `map` brings: what depends on facts must look again
            remember(transaction, "map", fingerprint(seen(transaction, "map"), "statements", as_of), as_of)
        landed = [row.id for row in transaction.rows(sa.select(said.c.id))]
    ledger.statements.land(landed, as_of)
    return len(landed)


def _said(transaction: Transaction, ledger: Ledger, waiting: Sequence[Statement]) -> sa.Select[Any]:
    """Give the statements with the record that each is about, where the warehouse has it."""
    import pyarrow as pa

    sent = ledger.outbox.among([one.message_id for one in waiting if one.message_id is not None])
    texts = ("channel", "purpose", "source", "text", "evidence")
    columns = {
        "id": pa.array([one.id for one in waiting], pa.string()),
        "message": pa.array([one.message_id for one in waiting], pa.string()),
        "record": pa.array([_record(one, sent) for one in waiting], pa.string()),
        "given": pa.array([one.given for one in waiting], pa.bool_()),
        "at": pa.array([one.at for one in waiting], pa.timestamp("us", "UTC")),
        **{name: pa.array([getattr(one, name) for one in waiting], pa.string()) for name in texts},
    }
    heard = transaction.load("heard", pa.table(columns))
    record, decision = transaction.table("source_record"), transaction.table("decision")
    own = [column for column in heard.c if column.name not in ("message", "record")]
    by_message = (
        sa.select(*own, record.c.record_id, record.c.person_id)
        .join(decision, decision.c.decision_id == heard.c.message)
        .join(record, record.c.record_id == decision.c.record_id)
    )
    decided = sa.select(decision.c.decision_id)
    others = sa.or_(heard.c.message.is_(None), heard.c.message.not_in(decided))
    if not transaction.count(heard, others, heard.c.record.is_not(None)):
        return by_message
    by_digest = (
        sa.select(*own, record.c.record_id, record.c.person_id)
        .join(record, sa.func.md5(record.c.record_id, type_=sa.Text()) == heard.c.record)
        .where(others)
    )
    both = sa.union_all(by_message, by_digest).subquery("both_ways")
    return sa.select(*both.c)


def _record(statement: Statement, sent: Mapping[str, Queued]) -> str | None:
    """Give the digest of the record that a statement is about: its own, or that of its message."""
    if statement.message_id is None:
        return statement.record
    message = sent.get(statement.message_id)
    return message.record if message is not None else None


def _state(transaction: Transaction, said: sa.TableClause) -> int:
    """Write the statements that are not there yet."""
    row: dict[str, sa.ColumnElement[Any]] = {
        "connection": sa.literal(CONNECTION),
        "source_key": sa.literal(RECEIVED) + said.c.id,
        "source_time": said.c.at,
        "record_id": said.c.record_id,
        "channel": said.c.channel,
        "purpose": said.c.purpose,
        "given": said.c.given,
        "at": said.c.at,
        "text": said.c.text,
        "basis": sa.literal("consent"),
        "evidence": said.c.source + ": " + said.c.evidence,
    }
    return _insert(transaction, row, sa.select(*(element.label(name) for name, element in row.items())))


def withdraw_later(transaction: Transaction, said: sa.FromClause) -> int:
    """Withdraw what is dated later than a withdrawal, but was here before it: a clock that runs ahead wins nothing.

    `said` has id, source, text, evidence, record_id, person_id, channel, purpose, given and at. What came in after the
    withdrawal may be a new yes, and stays. Returns how many statements it took.
    """
    consent, record = transaction.table("consent"), transaction.table("source_record")
    at = sa.func.coalesce(consent.c.at, consent.c.source_time)
    against = sa.func.md5(consent.c.connection + ":" + consent.c.source_key, type_=sa.Text())
    # the number of a load package is the moment that it came in, in seconds
    here_before = sa.cast(consent.c.load_id, sa.Double()) <= sa.cast(sa.extract("epoch", said.c.at), sa.Double())
    row: dict[str, sa.ColumnElement[Any]] = {
        "connection": sa.literal(CONNECTION),
        "source_key": sa.literal(RECEIVED) + said.c.id + ":" + against,
        "source_time": said.c.at,
        "record_id": said.c.record_id,
        "channel": consent.c.channel,
        "purpose": said.c.purpose,
        "given": sa.false(),
        "at": at,
        "text": said.c.text,
        "basis": sa.literal("consent"),
        "evidence": said.c.source + ": " + said.c.evidence,
    }
    later = (
        sa.select(*(element.label(name) for name, element in row.items()))
        .select_from(said)
        .join(record, record.c.person_id == said.c.person_id)
        .join(consent, consent.c.record_id == record.c.record_id)
        .where(
            sa.not_(said.c.given),
            consent.c.given,
            consent.c.purpose == said.c.purpose,
            sa.or_(said.c.channel == EVERY_CHANNEL, consent.c.channel == said.c.channel),
            consent.c.connection != CONNECTION,
            at > said.c.at,
            sa.or_(consent.c.load_id.is_(None), here_before),
        )
    )
    return _insert(transaction, row, later)


def _insert(transaction: Transaction, row: Mapping[str, sa.ColumnElement[Any]], statements: sa.Select[Any]) -> int:
    consent = transaction.table("consent")
    stated = statements.subquery("stated")
    there = sa.and_(consent.c.connection == stated.c.connection, consent.c.source_key == stated.c.source_key)
    fresh = transaction.hold(
        "fresh_statement",
        sa.select(stated).outerjoin_from(stated, consent, there).where(consent.c.source_key.is_(None)),
    )
    number = transaction.count(fresh)
    if number:
        transaction.execute(sa.insert(consent).from_select(list(row), sa.select(*(fresh.c[name] for name in row))))
    return number


def _suppress(transaction: Transaction, ledger: Ledger, project: Project, waiting: Sequence[Statement]) -> None:
    """Suppress the address that a message went to when its reader withdraws the consent that let it go."""
    withdrawn: dict[str, list[Statement]] = {}
    for one in waiting:
        if one.message_id is not None and not one.given and one.purpose == "marketing":
            withdrawn.setdefault(one.message_id, []).append(one)
    if not withdrawn:
        return
    import pyarrow as pa

    ids = transaction.load("withdrawn_by_link", pa.table({"id": pa.array(list(withdrawn), pa.string())}))
    decision = transaction.table("decision")
    went = transaction.rows(
        sa.select(decision.c.decision_id, decision.c.channel, decision.c.address)
        .join(ids, ids.c.id == decision.c.decision_id)
        .where(decision.c.address.is_not(None))
    )
    entries = []
    for id_, name, address in went:
        channel: Channel = name
        mark = hashed(project.key, channel, identifier(channel, json.loads(address)))
        entries += [
            Suppression(mark, one.purpose, UNSUBSCRIBED, f"{one.source}:{id_}", one.at)
            for one in withdrawn[id_]
            if one.channel in (channel, EVERY_CHANNEL)
        ]
    ledger.suppressions.add(entries)
