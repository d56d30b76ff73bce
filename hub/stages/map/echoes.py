"""Echoes: versions of rows in which nothing is new but what the hub itself wrote there (R43).

A system that is written to changes the row's time, and gives the row again. Taken for news, that would make all else
that the record says the newest of all, and send it on to the next system, which answers in the same way. So a version
counts from the time of the one before, if all its changes are in fields that a sync filled, with the values that the
system acknowledged; and where nothing differs at all, the stored row stays as it is. Which versions are echoes is
kept: mapped all over again, they are echoes still.

A value that is not the hub's own is a change by the system, and counts. Where the sync's `owner` is the hub, it is
written over, once for each other value: a system that keeps its own form of it gets the last word.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hub.expressions import Name, names_in
from hub.people.coming_back import MARK, Return, mark_of
from hub.project.models import TableMapping, Translated
from hub.stages.map.rows import Rows, keep
from hub.warehouse import Transaction
from hub.warehouse.constructs import text_constant


@dataclass(frozen=True)
class PutBack:
    """What became of the rows of a load: how many were echoes, whether all were, and whether any is written over."""

    echoes: int = 0
    only_echoes: bool = False
    overruled: bool = False


def came_back(returns: Sequence[Return], names: Mapping[str, Name]) -> dict[str, sa.ColumnElement[str]]:
    """Give the marks of the raw columns that syncs fill, as `b_<column>`, and raw keys as `k_<column>`."""
    filled = {name for one in returns for name in one.columns if name in names}
    keys = {one.key for one in returns if one.key is not None and one.key in names}
    return {
        **{f"b_{name}": mark_of(names[name]) for name in sorted(filled)},
        **{f"k_{name}": sa.cast(names[name].element, sa.Text()) for name in sorted(keys)},
    }


def put_back(transaction: Transaction, rows: Rows, returns: Sequence[Return], connection: str, stored: bool) -> PutBack:
    """Find the echoes among mapped rows, and give them the time from which they count.

    `rows.echoes` then holds them (`_load`, `_row`, whole): those that are the stored row all over are `whole`.
    """
    known = _Known(transaction, rows, connection)
    found, overruled = None, 0
    if not (returns and stored) and not known.any:
        return PutBack()
    keep(transaction, rows, connection)
    if returns and stored:
        written = [_Written(transaction, one, rows) for one in returns]
        found = transaction.hold("map_echo_found", _found(transaction, rows, written, connection))
        known.keep(found)
        overruled = sum(_overrule(transaction, one, rows, connection) for one in written if one.its.owner == "hub")
        transaction.let_go(*(one.state for one in written))
    rows.echoes = transaction.hold("map_echoes", known.among(found))
    known.apply()
    whole = transaction.count(rows.echoes, rows.echoes.c.whole)
    only = whole == transaction.count(rows.table)
    return PutBack(transaction.count(rows.echoes), only, overruled > 0)


class _Written:
    """What one sync has written of the rows, joined by the key under which the system knows them."""

    def __init__(self, transaction: Transaction, its: Return, rows: Rows) -> None:
        self.its = its
        self.state = transaction.hold(f"map_written_{its.sync}", _states(transaction, its))
        column = f"k_{its.key}" if its.key else "_key"
        self.joined = rows.table.c[column] == self.state.c.key if column in rows.table.c else sa.false()
        self.there = self.state.c.key.is_not(None)
        self.columns = {name: place for name, place in its.columns.items() if f"b_{name}" in rows.table.c}
        self._marks = {name: rows.table.c[f"b_{name}"] for name in self.columns}

    def is_ours(self, column: str) -> sa.ColumnElement[bool]:
        """Say whether a raw column holds what the sync wrote."""
        start = 1 + MARK * self.columns[column]
        ours = sa.func.substr(self.state.c.written, start, MARK, type_=sa.Text())
        return sa.and_(self.there, self._marks[column] == ours)

    @property
    def all_ours(self) -> sa.ColumnElement[bool]:
        """Say whether every field that comes back holds what the sync wrote."""
        return sa.and_(sa.true(), *(self.is_ours(name) for name in self.columns))

    @property
    def marks(self) -> sa.ColumnElement[str]:
        """Name what stands there."""
        return sa.func.md5(sa.func.concat("", *self._marks.values(), type_=sa.Text()), type_=sa.Text())


def _states(transaction: Transaction, its: Return) -> sa.Select[Any]:
    """Select what a sync has written (key, row_key, written) by the key under which the system gives it again.

    That is the id which the system gave for it, or else the key which the hub gave; one that is both is the former.
    """
    state = transaction.table("audience_state")
    columns = (state.c.row_key, state.c.written)
    mine = (state.c.sync == its.sync, state.c.written.is_not(None))
    by_key = sa.select(state.c.row_key.label("key"), *columns, sa.literal_column("2").label("place")).where(*mine)
    if its.key is not None:
        return by_key
    by_id = sa.select(state.c.remote_id.label("key"), *columns, sa.literal_column("1").label("place")).where(
        *mine, state.c.remote_id.is_not(None)
    )
    both = sa.union_all(by_id, by_key).subquery()
    place = sa.func.row_number().over(partition_by=both.c.key, order_by=[both.c.place, both.c.row_key])
    ranked = sa.select(both.c.key, both.c.row_key, both.c.written, place.label("rank")).subquery()
    return sa.select(ranked.c.key, ranked.c.row_key, ranked.c.written).where(ranked.c.rank == sa.literal_column("1"))


def _found(transaction: Transaction, rows: Rows, written: Sequence[_Written], connection: str) -> sa.Select[Any]:
    """Select the rows that are echoes of what was written: `_load`, `_row`, `_key`, `_time`, counts_from, whole."""
    table, target = rows.table, transaction.table(rows.translation.table.name)
    alike = _Alike(transaction, rows, target, written, connection)
    source: sa.FromClause = table.join(
        target, sa.and_(target.c.connection == text_constant(connection), target.c.source_key == table.c["_key"])
    )
    for one in written:
        source = source.outerjoin(one.state, one.joined)
    # what the system has changed of it since is its own news, unless the hub has the last word
    own = [sa.or_(sa.not_(it.there), it.all_ours) for it in written if it.its.owner == "system"]
    return (
        sa.select(
            table.c["_load"],
            table.c["_row"],
            table.c["_key"],
            table.c["_time"],
            target.c.source_time.label("counts_from"),
            (rows.record if rows.record is not None else sa.cast(sa.null(), sa.Text())).label("record"),
            alike.whole.label("whole"),
        )
        .select_from(source)
        .where(
            table.c["_reason"].is_(None),
            sa.or_(*(it.there for it in written)),
            *own,
            target.c.load_id.is_not(None),  # all is mapped anew where it is not: then the known echoes count
            sa.or_(target.c.source_time.is_(None), table.c["_time"] >= target.c.source_time),
            alike.but_for_the_hub,
        )
    )


class _Alike:
    """Whether a row says what the store holds already: by itself, or but for what the hub wrote."""

    def __init__(
        self, transaction: Transaction, rows: Rows, target: sa.Table, written: Sequence[_Written], connection: str
    ) -> None:
        self._transaction = transaction
        self._rows = rows
        self._target = target
        self._written = written
        self._connection = connection
        parts = [*self._columns(), *self._identifiers(), *self._statements()]
        self.whole = sa.and_(sa.true(), *(same for same, _ in parts))
        self.but_for_the_hub = sa.and_(sa.true(), *(sa.or_(same, by_hub) for same, by_hub in parts))

    def _by_hub(self, *texts: str | None) -> sa.ColumnElement[bool]:
        """Say whether all that expressions read holds what the hub wrote."""
        names = frozenset().union(*(names_in(text) for text in texts if text))
        filled = {name for one in self._written for name in one.columns}
        if not names or not names <= filled:
            return sa.false()
        return sa.and_(
            *(sa.or_(*(one.is_ours(name) for one in self._written if name in one.columns)) for name in sorted(names))
        )

    def _columns(self) -> list[tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]]:
        table, mapping = self._rows.table, self._rows.translation.mapped.mapping
        parts = []
        for name, rule in mapping.columns.items():
            if name in stamped(mapping):
                continue
            stored = self._target.c[name]
            same = sa.cast(table.c[f"c_{name}"], stored.type).is_not_distinct_from(stored)
            texts = (rule.from_, rule.else_) if isinstance(rule, Translated) else (rule,)
            parts.append((same, self._by_hub(*texts)))
        if self._rows.record is not None:
            parts.append((self._rows.record.is_not_distinct_from(self._target.c.record_id), sa.false()))
        return parts

    def _identifiers(self) -> list[tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]]:
        """Compare kind by kind: every value given is stored, and as many."""
        table, rules = self._rows.table, self._rows.translation.identifiers
        identifier = self._transaction.table("identifier")
        texts = [text for _, _, text in self._rows.translation.mapped.mapping.identifier_texts]
        parts = []
        for kind in dict.fromkeys(rule.type for rule in rules):
            places = [place for place, rule in enumerate(rules) if rule.type == kind]
            of_record = sa.and_(identifier.c.record_id == self._rows.owner, identifier.c.type == text_constant(kind))
            number = sa.select(sa.func.count()).select_from(identifier).where(of_record).scalar_subquery()
            given = sum((sa.case((table.c[f"i_{place}"].is_not(None), 1), else_=0) for place in places), sa.literal(0))
            there = [
                sa.or_(
                    table.c[f"i_{place}"].is_(None),
                    sa.exists().where(of_record, identifier.c.value == table.c[f"i_{place}"]),
                )
                for place in places
            ]
            parts.append((sa.and_(number == given, *there), self._by_hub(*(texts[place] for place in places))))
        return parts

    def _statements(self) -> list[tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]]:
        """A statement is no news where the last one of this record, channel and purpose said the same."""
        mapping, rules = self._rows.translation.mapped.mapping, self._rows.translation.statements
        written = [
            *((it.given, _own_moment(mapping, it.at), it.evidence) for it in mapping.consent),
            *((it.channel, _own_moment(mapping, it.at), None) for it in mapping.preference),
        ]
        table = self._rows.table
        parts = []
        for place, (rule, texts) in enumerate(zip(rules, written, strict=True)):
            said = "given" if rule.target == "consent" else "channel"
            stated = self._transaction.table(rule.target)
            mine = sa.and_(
                stated.c.connection == text_constant(self._connection),
                stated.c.record_id == self._rows.owner,
                *(stated.c[name] == text_constant(value) for name, value in _about(rule.constants)),
            )
            same_word = stated.c[said] == table.c[f"s_{place}_{said}"]

            def latest(*conditions: Any, moments: sa.Table = stated, of: Any = mine) -> sa.ScalarSelect[Any]:
                return sa.select(sa.func.max(moments.c["at"])).where(of, *conditions).scalar_subquery()

            same, other = latest(same_word), latest(sa.not_(same_word))
            so_far = sa.and_(same.is_not(None), sa.or_(other.is_(None), same >= other))
            if texts[1] is not None:
                so_far = sa.and_(so_far, same >= table.c[f"s_{place}_at"])
            parts.append((sa.or_(sa.not_(table.c[f"s_{place}"]), so_far), self._by_hub(*texts)))
        return parts


def _about(constants: Mapping[str, str]) -> Collection[tuple[str, str]]:
    return [(name, constants[name]) for name in ("channel", "purpose", "message_type") if name in constants]


def _own_moment(mapping: TableMapping, at: str | None) -> str | None:
    return None if at is None or at == mapping.updated_at else at


def stamped(mapping: TableMapping) -> frozenset[str]:
    """Name the columns that hold nothing but the time of the row's last change."""
    return frozenset(
        name for name, rule in mapping.columns.items() if mapping.updated_at is not None and rule == mapping.updated_at
    )


class _Known:
    """The echoes that are known of a table, for good: a version stays one, however often it is mapped."""

    def __init__(self, transaction: Transaction, rows: Rows, connection: str) -> None:
        self._transaction = transaction
        self._rows = rows
        self._connection = connection
        self._target = rows.translation.mapped.target
        self._echo = transaction.table("echo")

    @property
    def _mine(self) -> sa.ColumnElement[bool]:
        return sa.and_(
            self._echo.c.connection == text_constant(self._connection),
            self._echo.c.target == text_constant(self._target),
        )

    @property
    def any(self) -> bool:
        """Say whether there are any."""
        return self._transaction.scalar(sa.select(sa.literal_column("1")).where(self._mine).limit(1)) is not None

    def keep(self, found: sa.TableClause) -> None:
        """Keep those that were found, where they have a time of their own to put back."""
        new = self._transaction.hold(
            "map_new_echoes",
            sa.select(
                text_constant(self._connection).label("connection"),
                text_constant(self._target).label("target"),
                found.c["_key"].label("source_key"),
                found.c["_time"].label("source_time"),
                sa.func.min(found.c.counts_from).label("counts_from"),
                sa.func.min(found.c.record).label("record_id"),
            )
            .where(found.c["_time"] > found.c.counts_from)
            .group_by(found.c["_key"], found.c["_time"]),
        )
        self._transaction.merge(self._echo, new, insert_only=True)

    def among(self, found: sa.TableClause | None) -> sa.Select[Any] | sa.CompoundSelect[Any]:
        """Select the rows that are echoes: those known before, and those just found."""
        table, echo = self._rows.table, self._echo
        known = (
            sa.select(table.c["_load"], table.c["_row"], sa.false().label("whole"))
            .join(echo, sa.and_(echo.c.source_key == table.c["_key"], echo.c.source_time == table.c["_time"]))
            .where(self._mine, table.c["_reason"].is_(None))
        )
        if found is None:
            return known
        every = sa.union_all(known, sa.select(found.c["_load"], found.c["_row"], found.c.whole)).subquery()
        whole = sa.func.bool_or(every.c.whole, type_=sa.Boolean()).label("whole")
        return sa.select(every.c["_load"], every.c["_row"], whole).group_by(every.c["_load"], every.c["_row"])

    def apply(self) -> None:
        """Give the rows the time from which they count, also in columns that hold nothing but that time."""
        table, echo = self._rows.table, self._echo
        columns = [table.c["_time"]]
        columns += [table.c[f"c_{name}"] for name in sorted(stamped(self._rows.translation.mapped.mapping))]
        self._transaction.execute(
            sa.update(table)
            .values({column.name: sa.cast(echo.c.counts_from, column.type) for column in columns})
            .where(self._mine, echo.c.source_key == table.c["_key"], echo.c.source_time == table.c["_time"])
        )


def _overrule(transaction: Transaction, written: _Written, rows: Rows, connection: str) -> int:
    """Have the sync write again over what somebody changed there; return over how many rows."""
    if not written.columns:
        return 0
    table, target = rows.table, transaction.table(rows.translation.table.name)
    there, state = transaction.table("changed_there"), transaction.table("audience_state")
    mine = there.c.sync == written.its.sync
    same_row = sa.and_(target.c.connection == text_constant(connection), target.c.source_key == table.c["_key"])
    came = sa.and_(
        table.c["_reason"].is_(None),
        target.c.load_id.is_not(None),
        sa.or_(target.c.source_time.is_(None), table.c["_time"] > target.c.source_time),
    )
    source = table.join(written.state, written.joined).join(target, same_row)
    taken = sa.select(written.state.c.row_key).select_from(source).where(came, written.all_ours)
    transaction.execute(sa.delete(there).where(mine, there.c.row_key.in_(taken)))
    found = transaction.hold(
        "map_overruled",
        sa.select(
            sa.literal(written.its.sync).label("sync"),
            written.state.c.row_key,
            sa.func.max(written.marks, type_=sa.Text()).label("mark"),
        )
        .select_from(source.outerjoin(there, sa.and_(mine, there.c.row_key == written.state.c.row_key)))
        .where(came, sa.not_(written.all_ours), written.marks.is_distinct_from(there.c.mark))
        .group_by(written.state.c.row_key),
    )
    number = transaction.count(found)
    if number:
        transaction.merge(there, found)
        again = sa.select(found.c.row_key)
        transaction.execute(
            sa.update(state).values(row_hash="").where(state.c.sync == written.its.sync, state.c.row_key.in_(again))
        )
    return number
