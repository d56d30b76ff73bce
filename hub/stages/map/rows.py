"""Rows: the raw rows of one mapping as typed values, with a reason where they fail.

A temporary table, as several statements look at them; but for rows that say what they say, which DuckDB reads anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from hub.lake import LOAD_ID, ROW
from hub.stages.map.lookups import deciding, fill, joined, open_, stepped
from hub.stages.map.translate import IdentifierRule, Translation
from hub.warehouse import Transaction
from hub.warehouse.constructs import text_constant

KEY_IS_EMPTY = "key is empty"


@dataclass(frozen=True)
class LoadCount:
    """What one load package gave: rows that passed `where`, and those of them that failed."""

    load_id: str
    rows: int
    failed: int
    warned: int


@dataclass
class Rows:
    """The relation: `_load`, `_row`, `_key`, `_time`, `_reason`, and what follows; `record` is whose each row is.

    Per rule: `c_<column>` values (`u_<n>` unreadable and left empty), `i_<n>` identifiers (`o_<n>` as written, `n_<n>`
    unreadable), `gi_<n>` and so on for guests, `_person` (the key of the person's record), `s_<n>_...` statements,
    `w_<n>` checks that a row fails and stays, `b_<column>` marks of what the hub may have written. `older` holds
    (`_load`, `_row`) of rows that a newer version supersedes, `echoes` of those that tell only what the hub wrote.
    """

    translation: Translation
    table: sa.TableClause
    counts: Sequence[LoadCount]
    record: sa.ColumnElement[str] | None = None
    """The record that a row belongs to, or is; None where rows belong to nobody."""
    older: sa.TableClause | None = None
    echoes: sa.TableClause | None = None
    aside: sa.TableClause | None = None
    """The raw rows that may be set aside or noted; None where they were not kept apart."""
    superseded: dict[str, int] = field(default_factory=dict)
    """How many good rows are older versions, per load."""
    superseded_failed: dict[str, int] = field(default_factory=dict)
    """How many failed rows repeat another one, per load."""

    @property
    def failed(self) -> int:
        """Count the rows that failed."""
        return sum(count.failed for count in self.counts)

    @property
    def owner(self) -> sa.ColumnElement[str]:
        """Give the record, of rows that belong to people."""
        assert self.record is not None, "a mapping whose rows belong to nobody has no identifiers and no statements"
        return self.record

    def good(self) -> tuple[sa.FromClause, list[sa.ColumnElement[bool]]]:
        """Give relation and conditions of all rows that did not fail, older versions included."""
        return self.table, [self.table.c["_reason"].is_(None)] if self.failed else []

    def stating(self) -> tuple[sa.FromClause, list[sa.ColumnElement[bool]]]:
        """Give relation and conditions of the rows whose statements count: an echo states nothing."""
        source, conditions = self.good()
        if self.echoes is None:
            return source, conditions
        same = sa.and_(self.echoes.c["_load"] == self.table.c["_load"], self.echoes.c["_row"] == self.table.c["_row"])
        return source.outerjoin(self.echoes, same), [*conditions, self.echoes.c["_row"].is_(None)]

    def fresh(self) -> tuple[sa.FromClause, list[sa.ColumnElement[bool]]]:
        """Give relation and conditions of the newest good row per key."""
        source, conditions = self.good()
        return self._without_older(source, conditions)

    def set_aside(self) -> tuple[sa.FromClause, list[sa.ColumnElement[bool]]]:
        """Give relation and conditions of the rows that failed, each key once per reason."""
        return self._without_older(self.table, [self.table.c["_reason"].is_not(None)])

    def _without_older(
        self, source: sa.FromClause, conditions: list[sa.ColumnElement[bool]]
    ) -> tuple[sa.FromClause, list[sa.ColumnElement[bool]]]:
        if self.older is None:
            return source, conditions
        same = sa.and_(self.older.c["_load"] == self.table.c["_load"], self.older.c["_row"] == self.table.c["_row"])
        return source.outerjoin(self.older, same), [*conditions, self.older.c["_row"].is_(None)]


def read(transaction: Transaction, translation: Translation, raw: sa.FromClause, connection: str) -> Rows:
    """Evaluate a mapping over its raw rows and count what failed."""
    aside = None
    if translation.lookups:
        table, aside = _decided(transaction, translation, raw, connection)
    else:
        source = stepped(raw, translation.steps)
        query = _judged(transaction, translation, _given(translation, source, source), connection)
        keep = transaction.recall if translation.is_plain else transaction.hold
        table = keep("map_rows", query)
    record = _record(translation, table, connection)
    return Rows(translation, table, _count(transaction, translation, table), record, aside=aside)


def _decided(
    transaction: Transaction, translation: Translation, raw: sa.FromClause, connection: str
) -> tuple[sa.TableClause, sa.TableClause | None]:
    """Evaluate a mapping by what the engine decides, then once more where it needs a library.

    Gives the rows, and apart the raw rows of those that were left open, or failed.
    """
    lookups = translation.lookups
    source = stepped(raw, [*translation.steps, *deciding(lookups)])
    left_open = sa.or_(*(open_(lookup) for lookup in lookups)).label("_open")
    query = _judged(transaction, translation, _given(translation, source, source, left_open), connection)
    table = transaction.hold("map_rows", query)
    noted = [column for column in table.c if column.name.startswith(("n_", "gn_", "u_"))]
    doubtful = sa.or_(table.c["_open"], table.c["_reason"].is_not(None), *noted)
    if not transaction.count(table, doubtful):
        return table, None
    same = sa.and_(raw.c[LOAD_ID] == table.c["_load"], raw.c[ROW] == table.c["_row"])
    aside = transaction.hold("map_raw_aside", sa.select(*raw.c).select_from(table.join(raw, same)).where(doubtful))
    if transaction.count(table, table.c["_open"]):
        source = stepped(aside, translation.steps)
        fill(transaction, source, lookups)
        decided = sa.false().label("_open")
        given = _given(translation, source, joined(source, lookups), decided)
        again = _judged(transaction, translation, given, connection)
        transaction.execute(sa.delete(table).where(doubtful))
        transaction.execute(sa.insert(table).from_select([column.name for column in again.selected_columns], again))
    return table, aside


def whose(transaction: Transaction, translation: Translation, raw: sa.FromClause, connection: str) -> sa.Subquery:
    """Say whose each raw row is, also of those that the mapping leaves out: columns as of `Rows`, computed when asked.

    `_record` is there where rows of the table belong to people.
    """
    everything = replace(translation, where=None)
    source = stepped(raw, everything.steps)
    fill(transaction, source, everything.lookups)
    given = _given(everything, source, joined(source, everything.lookups))
    judged = _judged(transaction, everything, given, connection).subquery("judged")
    record = _record(everything, judged, connection)
    if record is None or "_record" in judged.c:
        return judged
    return sa.select(*judged.c, record.label("_record")).subquery("whose")


def _given(
    translation: Translation, raw: sa.FromClause, source: sa.FromClause, *more: sa.ColumnElement[Any]
) -> sa.Subquery:
    """Compute every expression once per raw row; `source` is `raw`, or has what is looked up joined to it."""
    columns: list[sa.ColumnElement[Any]] = [
        raw.c[LOAD_ID].label("_load"),
        raw.c[ROW].label("_row"),
        _required(translation.key).label("_key"),
        _required(translation.time).label("_time"),
        *more,
    ]
    columns += [element.label(f"c_{name}") for name, element in translation.columns.items()]
    columns += [element.label(f"r_{name}") for name, element in translation.raw_for_checks.items()]
    if translation.person is not None:
        columns.append(translation.person.label("_person"))
    columns += _identifier_columns("", translation.identifiers) + _identifier_columns("g", translation.guests)
    for position, statement in enumerate(translation.statements):
        columns.append(statement.says.label(f"s_{position}"))
        columns.append(statement.dated.label(f"s_{position}_dated"))
        columns += [element.label(f"s_{position}_{name}") for name, element in statement.computed.items()]
    columns += [element.label(name) for name, element in translation.came_back.items()]
    columns += [condition.label(f"f_{number}") for number, (condition, _) in enumerate(_failures(translation))]
    columns += [condition.label(f"u_{number}") for number, (condition, _) in enumerate(translation.left_empty)]
    query = sa.select(*columns).select_from(source)
    if translation.where is not None:
        query = query.where(translation.where)
    return query.subquery("given")


def _required(element: sa.ColumnElement[Any] | None) -> sa.ColumnElement[Any]:
    if element is None:
        raise TypeError("a translation with problems cannot be read")
    return element


def _identifier_columns(prefix: str, rules: Sequence[IdentifierRule]) -> list[sa.ColumnElement[Any]]:
    columns: list[sa.ColumnElement[Any]] = []
    for position, rule in enumerate(rules):
        columns += [rule.value.label(f"{prefix}i_{position}"), rule.original.label(f"{prefix}o_{position}")]
        if rule.unread is not None:
            columns.append(rule.unread.label(f"{prefix}n_{position}"))
    return columns


def _failures(translation: Translation) -> list[tuple[sa.ColumnElement[bool], str]]:
    """Give one condition per message."""
    by_message: dict[str, list[sa.ColumnElement[bool]]] = {}
    for condition, message in translation.failures:
        by_message.setdefault(message, []).append(condition)
    return [(sa.or_(*conditions), message) for message, conditions in by_message.items()]


def _judged(transaction: Transaction, translation: Translation, given: sa.Subquery, connection: str) -> sa.Select[Any]:
    """Say for each row why it fails, if it does; and whose it is, where another table says so."""
    source: sa.FromClause = given
    owned: list[sa.ColumnElement[Any]] = []
    if translation.through is not None:
        table, column = translation.through
        owner = transaction.table(table).alias("owner")
        owned.append(owner.c.record_id.label("_record"))
        source = given.outerjoin(
            owner,
            sa.and_(owner.c.connection == text_constant(connection), owner.c.source_key == given.c[f"c_{column}"]),
        )
    kept = [column for column in given.c if not column.name.startswith(("f_", "r_"))]
    reasons: list[tuple[Any, Any]] = [(given.c["_key"].is_(None), text_constant(KEY_IS_EMPTY))]
    for number, (_, message) in enumerate(_failures(translation)):
        reasons.append((given.c[f"f_{number}"], text_constant(message)))
    reasons += [
        (sa.not_(check.condition.self_group()), text_constant(check.text))
        for check in translation.checks
        if not check.warn
    ]
    columns: list[Any] = [*kept, sa.case(*reasons, else_=sa.cast(sa.null(), sa.Text())).label("_reason"), *owned]
    columns += [
        sa.not_(check.condition.self_group()).label(f"w_{number}")
        for number, check in enumerate(translation.checks)
        if check.warn
    ]
    return sa.select(*columns).select_from(source)


def _record(translation: Translation, table: sa.FromClause, connection: str) -> sa.ColumnElement[str] | None:
    """Name the record: the person's own, else a bare one for the first identifier that is there.

    It is put together when it is asked for: keeping a long text for each row costs more than doing so.
    """
    if translation.table.name == "source_record":
        return text_constant(f"{connection}:") + table.c["_key"]
    if translation.through is not None:
        return table.c["_record"]
    if not translation.table.personal:
        return None
    ways: list[tuple[Any, Any]] = []
    if translation.person is not None:
        person = table.c["_person"]
        ways.append((person.is_not(None), text_constant(f"{connection}:") + person))
    for position, rule in enumerate(translation.guests):
        value = table.c[f"gi_{position}"]
        ways.append((value.is_not(None), text_constant(f"{connection}:{rule.type}:") + value))
    null = sa.cast(sa.null(), sa.Text())
    return sa.case(*ways, else_=null) if ways else null


def take_out(transaction: Transaction, rows: Rows, found: sa.TableClause, connection: str) -> None:
    """Go on without some rows (`_load`, `_row`): what is left is kept, for the relation may be one that only reads."""
    table = rows.table
    same = sa.and_(found.c["_load"] == table.c["_load"], found.c["_row"] == table.c["_row"])
    left = sa.select(table).where(~sa.exists(sa.select(found.c["_row"]).where(same)))
    rows.table = transaction.hold("map_rows_left", left)
    rows.record = _record(rows.translation, rows.table, connection)
    rows.counts = _count(transaction, rows.translation, rows.table)


def keep(transaction: Transaction, rows: Rows, connection: str) -> None:
    """Keep the relation where it may be one that only reads, for who is to change it."""
    if rows.translation.is_plain:
        rows.table = transaction.hold("map_rows_kept", sa.select(rows.table))
        rows.record = _record(rows.translation, rows.table, connection)


def _count(transaction: Transaction, translation: Translation, table: sa.TableClause) -> list[LoadCount]:
    warnings = [number for number, check in enumerate(translation.checks) if check.warn]
    one: sa.ColumnElement[Any] = sa.literal_column("1")
    none: sa.ColumnElement[Any] = sa.literal_column("0")
    warned = none
    if warnings:
        any_warning = sa.or_(*(table.c[f"w_{number}"] for number in warnings))
        warned = sa.func.sum(sa.case((sa.and_(any_warning, table.c["_reason"].is_(None)), one), else_=none))
    load = table.c["_load"]
    found = transaction.rows(
        sa.select(load, sa.func.count(), sa.func.count(table.c["_reason"]), warned).group_by(load).order_by(load)
    )
    return [LoadCount(str(load_id), int(rows), int(failed), int(warned)) for load_id, rows, failed, warned in found]
