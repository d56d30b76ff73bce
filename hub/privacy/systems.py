"""Systems: what connected systems hold of some people, and asking each to let it go.

One task per audience that people are in, and one per system that gave their records or got messages for them. A task
is pending until the system says so; one that can't erase is told to the operator, who does it by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from hub.contracts import Destination, Erasable, Plugin, Result, Row, SyncBatch
from hub.expressions import compile_expression
from hub.ledger import Task, TaskState
from hub.people.scope import person_scope
from hub.people.synced import synced
from hub.privacy.holdings import Holding
from hub.privacy.stores import Stores
from hub.privacy.subject import Subject
from hub.project import Project
from hub.project.erasure import Legal
from hub.project.sync import Sync
from hub.project.sync_check import for_refusers, taking_out
from hub.schema.actions import HUB
from hub.stages.activate.deliver import Answer, deliver
from hub.warehouse import Transaction

RECORDS = "records"
"""What a task is about that is about no audience: the records, rows and messages of the people at that system."""


@dataclass(frozen=True)
class Audience:
    """Rows of a sync that are about a subject and about nobody else: key -> the destination's own reference."""

    sync: Sync
    rows: Mapping[str, str]


def audiences(transaction: Transaction, stores: Stores, subject: Subject, as_of: datetime) -> list[Audience]:
    """Find what syncs wrote of a subject, as destinations acknowledged it."""
    known = transaction.table("audience_state")
    found = []
    for sync, theirs in _keys_of(transaction, stores, subject, known, as_of):
        asked = sa.select(known.c.row_key, known.c.remote_id).where(known.c.sync == sync.sync, theirs)
        rows = {row.row_key: row.remote_id or "" for row in transaction.rows(asked)}
        if rows:
            found.append(Audience(sync, dict(sorted(rows.items()))))
    return found


def written(transaction: Transaction, stores: Stores, subject: Subject, as_of: datetime) -> Iterator[Holding]:
    """Give what the hub keeps of rows that syncs wrote of a subject; also of syncs that are no longer there."""
    values = sorted({it.value for it in subject.own})
    for name in ("audience_state", "sync_change", "changed_there"):
        table = transaction.table(name)
        conditions = [
            sa.and_(table.c.sync == sync.sync, theirs)
            for sync, theirs in _keys_of(transaction, stores, subject, table, as_of)
        ]
        yield Holding(table, sa.or_(table.c.row_key.in_(values), *conditions))


def _keys_of(
    transaction: Transaction, stores: Stores, subject: Subject, table: sa.Table, as_of: datetime
) -> Iterator[tuple[Sync, sa.ColumnElement[bool]]]:
    """Give the condition on a table's `row_key`, sync by sync: keys of the subject, and of nobody else."""
    wrote = {row.sync for row in transaction.rows(sa.select(table.c.sync).distinct())}
    syncs = [sync for sync in stores.project.syncs.values() if sync.sync in wrote]
    if not syncs:
        return
    everybody = person_scope(transaction, stores.project, as_of)
    values = {it.value for it in subject.own}
    for sync in syncs:
        source = synced(transaction, stores.project, everybody, sync, as_of)
        if source.person_id is None:
            continue
        key = compile_expression(sync.row_key, source.scope)
        keys = (
            sa.select(sa.cast(key.element, sa.Text()).label("row_key"), source.person_id.label("person_id"))
            .select_from(source.relation(key.names))
            .subquery("keys_of_people")
        )
        theirs = keys.c.person_id.in_(subject.numbers)
        own = sa.select(keys.c.row_key).where(theirs)
        others = sa.select(keys.c.row_key).where(sa.not_(theirs), keys.c.row_key.is_not(None))
        once = values | ({str(number) for number in subject.numbers} if sync.row_key == "person_id" else set())
        yield (
            sync,
            sa.and_(
                sa.or_(table.c.row_key.in_(own), table.c.row_key.in_(sorted(once))), table.c.row_key.not_in(others)
            ),
        )


def tasks(transaction: Transaction, stores: Stores, subject: Subject, found: Sequence[Audience]) -> list[Task]:
    """Say what each system is to do."""
    planned = [
        Task(it.sync.to.connection, f"audience {it.sync.sync}", len(it.rows), rows=dict(it.rows)) for it in found
    ]
    by_connection: dict[str, list[Erasable]] = {}
    for connection, record in [
        *_records(subject),
        *_messages(transaction, stores, subject),
        *_posted(transaction, subject),
    ]:
        by_connection.setdefault(connection, []).append(record)
    for audience in found:
        to = audience.sync.to
        known = stores.project.connections.get(to.connection)
        if to.connection in by_connection or (known is not None and known.open().can_erase):
            rows = [_written(subject, key, id_, to.object) for key, id_ in audience.rows.items()]
            by_connection.setdefault(to.connection, []).extend(rows)
    for connection, records in sorted(by_connection.items()):
        if connection != HUB:
            planned.append(Task(connection, RECORDS, len(records), rows=[asdict(record) for record in records]))
    return planned


def _records(subject: Subject) -> Iterator[tuple[str, Erasable]]:
    """Give the records that systems brought, with the addresses that they gave.

    Of somebody whom a system knows by an address only, the record is named by that: the system has no name for it.
    """
    known: dict[str, dict[str, str]] = {}
    for it in subject.known:
        known.setdefault(it.record_id, {}).setdefault(it.type, it.value)
    for record in subject.records:
        connection, _, key = record.partition(":")
        has = known.get(record, {})
        bare = any(key == f"{type_}:{value}" for type_, value in has.items())
        yield connection, Erasable(key, "" if bare else key, has.get("email", ""), has.get("phone", ""))


def _written(subject: Subject, key: str, id_: str, object_: str) -> Erasable:
    """Give a row that a sync wrote; where these people have one address, it is theirs."""
    emails = sorted({it.value for it in subject.own if it.type == "email"})
    email = key if key in emails else emails[0] if len(emails) == 1 else ""
    return Erasable(key, id_, email, object=object_)


def _messages(transaction: Transaction, stores: Stores, subject: Subject) -> Iterator[tuple[str, Erasable]]:
    """Give the messages of the hub that went out to the people."""
    decision = transaction.table("decision")
    asked = sa.select(decision.c.decision_id).where(
        decision.c.record_id.in_(subject.records), decision.c.outcome == "queued"
    )
    held = stores.ledger.outbox.among(sorted(row.decision_id for row in transaction.rows(asked)))
    for id_, message in sorted(held.items()):
        if message.attempts:
            yield message.connection, Erasable(id_, message.remote_id or "")


def _posted(transaction: Transaction, subject: Subject) -> Iterator[tuple[str, Erasable]]:
    """Give the rows that scenarios posted to other systems."""
    posted = transaction.table("posted_row")
    asked = sa.select(posted.c.destination, posted.c.target, posted.c.source_key, posted.c.remote_id).where(
        posted.c.record_id.in_(subject.records), posted.c.state == "taken"
    )
    for row in transaction.rows(asked.order_by(*asked.selected_columns)):
        yield row.destination, Erasable(row.source_key, row.remote_id or "", object=row.target or "")


# doing it ------------------------------------------------------------------------------------------------------------


def carry_out(project: Project, task: Task, at: datetime) -> Task:
    """Ask a system once; give the task as it stands then, with what is left of it."""
    known = project.connections.get(task.place)
    legal = project.hub.erasure.keep.get(task.place)
    if task.what == RECORDS and legal is not None:
        return _settled(task, "refused", told(legal, at))
    if known is None:
        return _settled(task, "unsupported", "the project no longer has this connection")
    plugin = known.open()
    if task.what == RECORDS:
        if not plugin.can_erase:
            return _settled(task, "unsupported", "the hub can't erase there")
        records = [Erasable(**row) for row in task.rows]
        return _concluded(task, _each(records, plugin))
    sync = project.syncs.get(task.what.removeprefix("audience "))
    if sync is None or not isinstance(plugin, Destination):
        return _settled(task, "unsupported", "the project no longer has this sync")
    return _taken_out(task, sync, plugin)


def told(legal: Legal, at: datetime) -> str:
    """Say why a system keeps what it has, and until when at the latest."""
    until = legal.until(at)
    return f"{legal.why} (until {until:%Y-%m-%d})" if until is not None else legal.why


def _taken_out(task: Task, sync: Sync, plugin: Destination) -> Task:
    can = plugin.capabilities
    way = for_refusers(sync, can)
    operation = taking_out(way, can) if way is not None else None
    if operation is None:
        return _settled(task, "unsupported", "its rows can't be taken out by the sync")
    nothing = dict.fromkeys(sync.fields) if way == "clear" else {}
    rows = [Row(key, nothing, remote_id) for key, remote_id in task.rows.items()]
    batches = [rows[start : start + can.batch_size] for start in range(0, len(rows), can.batch_size)]
    answers = [_deliver(batch, partial(plugin.sync, SyncBatch(sync.to.object, operation, batch))) for batch in batches]
    # whether a removal was taken is not known for sure: it is asked once more, and changes nothing then
    return _concluded(task, answers, unknown="pending")


def _each(records: Sequence[Erasable], plugin: Plugin) -> list[Answer]:
    return [_deliver(some, partial(plugin.erase, some)) for some in _distinct(records)]


def _deliver(asked: Sequence[Row | Erasable], call: Callable[[], Sequence[Result]]) -> Answer:
    return deliver([one.key for one in asked], call)


def _distinct(records: Sequence[Erasable]) -> Iterator[list[Erasable]]:
    """Give records so that no key comes twice in one call."""
    left = list(records)
    while left:
        now = list({record.key: record for record in reversed(left)}.values())
        yield now
        chosen = set(map(id, now))
        left = [record for record in left if id(record) not in chosen]


def _concluded(task: Task, answers: Sequence[Answer], unknown: TaskState = "sent") -> Task:
    """Say how a task stands by the answers: as the worst of its rows; what is pending stays to be done."""
    results = {result.id: result for answer in answers for result in answer.results}
    failure = next((answer.failure for answer in answers if answer.failure), "")
    states = {key: _state(result, unknown) for key, result in results.items()}
    if failure:
        return replace(task, state="pending", reason=failure)
    worst: tuple[TaskState, ...] = ("pending", "unsupported", "sent")
    for state in worst:
        found = [key for key, it in states.items() if it == state]
        if found:
            undone = {key for key, it in states.items() if it in ("pending", "unsupported")}
            left = _left(task.rows, undone) if undone else None
            return replace(task, state=state, reason=results[found[0]].reason, rows=left)
    return _settled(task, "confirmed")


def _state(result: Result, unknown: TaskState) -> TaskState:
    by_status: Mapping[str, TaskState] = {
        "accepted": "confirmed",
        "later": "pending",
        "rejected": "unsupported",
        "unknown": unknown,
    }
    return by_status[result.status]


def _left(rows: Any, keys: set[str]) -> Any:
    if isinstance(rows, Mapping):
        return {key: value for key, value in rows.items() if key in keys}
    return [row for row in rows if row["key"] in keys]


def _settled(task: Task, state: TaskState, reason: str = "") -> Task:
    return replace(task, state=state, reason=reason)
