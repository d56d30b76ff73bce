"""Feedback: settle what reactions mean, before anything new is decided.

Reactions land and are mapped like everything else, so they are in the person's file already. Here they reach the
ledger (a receipt moves its message on; bounces, complaints and unsubscribes suppress the address) and the consent of
the channel. Each event counts once, by its own key, in whatever order and however often it comes in.

By RFC 3463 and 5965: 5.1.x, or a hard bounce without a code: the address does not exist, nothing goes there any more.
5.2.2, 4.x.x and other failures: soft; three in 30 days suppress. 5.7.x: a policy of the other side, which the report
counts for a person to look at; the address is fine. A complaint or an unsubscribe stops marketing to the address.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from hub.contracts import Channel
from hub.failpoints import reach
from hub.ledger import EVERYTHING, Ledger, Reaction, State, Suppression, hashed
from hub.ledger.reactions import Load
from hub.ledger.states import LEADS_TO
from hub.project import Project
from hub.recipients import identifier
from hub.report import Report
from hub.statements import take_in, withdraw_later
from hub.warehouse import Transaction, Warehouse
from hub.warehouse.state import fingerprint, remember, seen

SETTLED_HERE = ("delivered", "bounced", "soft_bounced", "complained", "unsubscribed")
SOFT_LIMIT = 3
SOFT_WINDOW = timedelta(days=30)
PORTION = 5_000

Meaning = Literal["delivered", "gone", "soft", "policy", "complained", "unsubscribed"]


@dataclass(frozen=True)
class Event:
    """A reaction that was not settled yet. `address` is null where nobody knows where the message went."""

    connection: str
    source_key: str
    type: str
    at: datetime | None
    code: str | None
    message_id: str | None
    """The message of the hub that it is about; null where another system sent it, or nobody knows it."""
    is_known: bool
    channel: Channel
    address: Mapping[str, Any] | None

    @property
    def key(self) -> tuple[str, str]:
        """Name the event, uniquely."""
        return self.connection, self.source_key

    @property
    def meaning(self) -> Meaning:
        """Say what it means, by its type and status code."""
        code = self.code or ""
        if self.type in ("bounced", "soft_bounced"):
            if code.startswith("5.7"):
                return "policy"
            if self.type == "soft_bounced" or (code and not code.startswith("5.1")):
                return "soft"
            return "gone"
        return self.type  # type: ignore[return-value]  # the types that are left are meanings

    @property
    def state(self) -> State | None:
        """Say which state it moves its message to, if any: a delay (4.x.x) is no failure yet."""
        if self.type == "delivered":
            return "delivered"
        code = self.code or ""
        failed = code.startswith("5") or (self.type == "bounced" and not code.startswith("4"))
        return "bounced" if failed and self.type in ("bounced", "soft_bounced") else None


def feedback(warehouse: Warehouse, ledger: Ledger, project: Project, as_of: datetime) -> Report:
    """Settle the reactions that are new, and the statements that the hub itself received. Twice changes nothing.

    Events in the report: in when new; set aside when neither their message nor their person is known (they stay in
    the file of events, and are counted).
    """
    from hub.warehouse.arrow import rows_of

    stated = take_in(warehouse, ledger, project, as_of)
    with warehouse.begin() as transaction:
        loads = _loads(transaction)
        open_loads = _changed(loads, ledger.reactions.loads())
        if not open_loads:
            return Report("feedback", counts={"stated": stated} if stated else {}, skipped=not stated)
        fresh = transaction.hold("fresh", _fresh(transaction, open_loads))
        withdrawn = _withdraw_consent(transaction, fresh, as_of)
        events = [event for batch in transaction.arrow(sa.select(fresh)) for event in _events(rows_of(batch))]
    counts = Counter(withdrawn=withdrawn, stated=stated)
    for start in range(0, len(events), PORTION):
        counts.update(_settle(ledger, project, events[start : start + PORTION], as_of))
    reach("applied, loads not finished")
    ledger.reactions.finish(loads)
    taken_in, unknown = counts.pop("events", 0), counts["unknown_message"]
    return Report(
        "feedback",
        rows_in=taken_in,
        rows_out=taken_in - unknown,
        set_aside=unknown,
        counts={name: number for name, number in counts.items() if number},
        skipped=not taken_in and not withdrawn and not stated,
    )


def _loads(transaction: Transaction) -> dict[Load, int]:
    """Count the events that are settled here, by load package and type."""
    event = transaction.table("message_event")
    counted = (
        sa.select(event.c.connection, event.c.load_id, event.c.type, sa.func.count())
        .where(event.c.type.in_(SETTLED_HERE))
        .group_by(event.c.connection, event.c.load_id, event.c.type)
    )
    return {(row[0], row[1] or "", row[2]): row[3] for row in transaction.rows(counted)}


def _changed(loads: Mapping[Load, int], known: Mapping[Load, int]) -> list[Load]:
    return [load for load, events in loads.items() if known.get(load) != events]


def _fresh(transaction: Transaction, loads: Sequence[Load]) -> sa.Select:
    """Give the events of loads, with the message they are about and the address it went to.

    That another system's mail was delivered settles nothing, so it is left out.
    """
    import pyarrow as pa

    from hub.warehouse.arrow import texts

    columns = [texts([load[place] for load in loads]) for place in range(3)]
    wanted = transaction.load("wanted_loads", pa.table(columns, names=["connection", "load_id", "type"]))
    event, message, decision = (transaction.table(name) for name in ("message_event", "message", "decision"))
    new = sa.and_(
        wanted.c.connection == event.c.connection,
        wanted.c.load_id == sa.func.coalesce(event.c.load_id, ""),
        wanted.c.type == event.c.type,
    )
    settling = sa.or_(event.c.type != "delivered", event.c.message_key.is_not(None))
    mail = _only_email(transaction, sa.select(event.c.record_id).join(wanted, new).where(settling))
    known = sa.or_(message.c.source_key.is_not(None), event.c.record_id.is_not(None))
    return (
        sa.select(
            event.c.connection,
            event.c.source_key,
            event.c.type,
            event.c.at,
            event.c.code,
            event.c.message_key,
            sa.func.coalesce(message.c.record_id, event.c.record_id).label("record_id"),
            sa.func.coalesce(decision.c.channel, message.c.channel, "email").label("channel"),
            sa.func.coalesce(message.c.purpose, "marketing").label("purpose"),
            decision.c.decision_id,
            decision.c.address,
            mail.c.email,
        )
        .join(wanted, new)
        .outerjoin(
            message,
            sa.and_(message.c.connection == event.c.connection, message.c.source_key == event.c.message_key),
        )
        .outerjoin(
            decision,
            sa.and_(decision.c.decision_id == event.c.message_key, decision.c.connection == event.c.connection),
        )
        .outerjoin(mail, mail.c.record_id == event.c.record_id)
        .where(sa.not_(sa.and_(event.c.type == "delivered", decision.c.decision_id.is_(None), known)))
    )


def _only_email(transaction: Transaction, records: sa.Select[Any]) -> sa.Subquery:
    """Give the address of those `records` that have exactly one: another system's mail to that record went there."""
    known = transaction.table("identifier")
    return (
        sa.select(known.c.record_id, sa.func.min(known.c.value).label("email"))
        .where(known.c.type == "email", known.c.record_id.in_(records))
        .group_by(known.c.record_id)
        .having(sa.func.min(known.c.value) == sa.func.max(known.c.value))
        .subquery("mail")
    )


def _withdraw_consent(transaction: Transaction, fresh: sa.TableClause, as_of: datetime) -> int:
    """Write a statement for every unsubscribe of a known person; the event is the evidence. Returns their number."""
    consent = transaction.table("consent")
    key = sa.literal("unsubscribed:") + fresh.c.source_key
    at = sa.func.coalesce(fresh.c.at, sa.literal(as_of, sa.DateTime(timezone=True)))
    row: dict[str, sa.ColumnElement[Any]] = {
        "connection": fresh.c.connection,
        "source_key": key,
        "source_time": at,
        "record_id": fresh.c.record_id,
        "channel": fresh.c.channel,
        "purpose": fresh.c.purpose,
        "given": sa.false(),
        "at": at,
        "text": sa.literal("unsubscribed from a message"),
        "basis": sa.literal("consent"),
        "evidence": sa.literal("message_event ") + fresh.c.connection + ":" + fresh.c.source_key,
    }
    new = transaction.hold(
        "withdrawn",
        sa.select(*(element.label(name) for name, element in row.items()))
        .outerjoin_from(
            fresh, consent, sa.and_(consent.c.connection == fresh.c.connection, consent.c.source_key == key)
        )
        .where(fresh.c.type == "unsubscribed", fresh.c.record_id.is_not(None), consent.c.source_key.is_(None)),
    )
    number = transaction.count(new)
    if number:
        transaction.execute(sa.insert(consent).from_select(list(row), sa.select(*(new.c[name] for name in row))))
        record = transaction.table("source_record")
        about = ("text", "evidence", "record_id", "channel", "purpose", "given", "at")
        said = sa.select(
            sa.func.md5(new.c.evidence, type_=sa.Text()).label("id"),
            sa.literal("unsubscribe").label("source"),
            *(new.c[name] for name in about),
            record.c.person_id,
        ).join(record, record.c.record_id == new.c.record_id)
        withdraw_later(transaction, transaction.hold("withdrawn_said", said))
        # consent is a fact like those that `map` brings: what depends on facts must look again
        remember(transaction, "map", fingerprint(seen(transaction, "map"), "feedback", as_of), as_of)
    return number


def _events(rows: Sequence[Mapping[str, Any]]) -> Iterator[Event]:
    for row in rows:
        address = json.loads(row["address"]) if row["address"] else None
        if address is None and row["channel"] == "email" and row["email"]:
            address = {"email": row["email"]}
        yield Event(
            connection=row["connection"],
            source_key=row["source_key"],
            type=row["type"],
            at=row["at"],
            code=row["code"],
            message_id=row["decision_id"],
            is_known=row["decision_id"] is not None or row["record_id"] is not None,
            channel=row["channel"],
            address=address,
        )


def _settle(ledger: Ledger, project: Project, events: Sequence[Event], as_of: datetime) -> Counter[str]:
    """Settle a portion: what an event leads to comes first, that it was settled last; a kill between repeats it."""
    new = _not_applied(ledger, events)
    marks = {
        (event.connection, event.source_key): hashed(
            project.key, event.channel, identifier(event.channel, event.address)
        )
        for event in new
        if event.address is not None
    }
    counts = Counter(event.type for event in new)
    counts["events"] = len(new)
    counts["unknown_message"] = sum(not event.is_known for event in new)
    counts["policy"] = sum(event.meaning == "policy" for event in new)
    reach("consent withdrawn, nothing settled")
    counts["suppressed"] = ledger.suppressions.add(list(_suppressions(ledger, new, marks, as_of)))
    reach("suppressed, messages not moved")
    _move(ledger, new, as_of)
    reach("moved, not marked as applied")
    ledger.reactions.add(
        [
            Reaction(
                event.connection,
                event.source_key,
                {"soft": "soft_bounced", "policy": "policy"}.get(event.meaning, event.type),
                event.at or as_of,
                event.message_id,
                marks.get(event.key),
                event.code,
            )
            for event in new
        ]
    )
    return counts


def _not_applied(ledger: Ledger, events: Sequence[Event]) -> list[Event]:
    keys: dict[str, list[str]] = {}
    for event in events:
        keys.setdefault(event.connection, []).append(event.source_key)
    applied = {connection: ledger.reactions.applied(connection, listed) for connection, listed in keys.items()}
    return [event for event in events if event.source_key not in applied[event.connection]]


def _suppressions(
    ledger: Ledger, events: Sequence[Event], marks: Mapping[tuple[str, str], str], as_of: datetime
) -> Iterator[Suppression]:
    soft: Counter[str] = Counter()
    for event in events:
        mark = marks.get(event.key)
        if mark is None:
            continue
        source, at = f"{event.connection}:{event.source_key}", event.at or as_of
        if event.meaning == "gone":
            yield Suppression(mark, EVERYTHING, f"bounced {event.code or ''}".strip(), source, at)
        elif event.meaning in ("complained", "unsubscribed"):
            yield Suppression(mark, "marketing", event.meaning, source, at)
        elif event.meaning == "soft" and as_of - SOFT_WINDOW < at <= as_of:
            soft[mark] += 1
    before = ledger.reactions.soft_bounces(list(soft), as_of - SOFT_WINDOW, as_of)
    for mark, number in soft.items():
        if number + before.get(mark, 0) >= SOFT_LIMIT:
            yield Suppression(mark, EVERYTHING, "bounced three times in 30 days", "soft bounces", as_of)


def _move(ledger: Ledger, events: Sequence[Event], as_of: datetime) -> None:
    """Move messages on; a bounce goes before a delivery. What was never sent can't have been delivered: it stays."""
    wanted: dict[str, tuple[State, str]] = {}
    for event in events:
        if event.message_id is None or event.state is None:
            continue
        if event.state == "bounced" or event.message_id not in wanted:
            wanted[event.message_id] = (event.state, f"{event.type} {event.code or ''}".strip())
    found = ledger.outbox.attempted(list(wanted))
    for state in ("delivered", "bounced"):
        moving = {
            id_: reason if to == "bounced" else ""
            for id_, (to, reason) in wanted.items()
            if to == state and id_ in found and state in LEADS_TO[found[id_]]
        }
        ledger.outbox.move(moving, state, as_of)
