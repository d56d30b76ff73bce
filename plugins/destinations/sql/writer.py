"""Rows of one table: made, changed and removed by the column that tells them apart.

A batch is one transaction of a few statements. Where the database refuses it, its rows go one by one, each behind a
savepoint, so that the bad one is found and the others are written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from hub.contracts import Result, Row, SyncBatch
from hub.errors import ConfigurationError, RejectedError, suggest
from hub.templated import as_json


class TableWriter:
    """Writes to one table over one connection."""

    def __init__(self, connection: sa.Connection, table: sa.Table, key: str) -> None:
        self._connection = connection
        self._table = table
        self._key: sa.Column[Any] = table.columns[key]

    def write(self, batch: SyncBatch) -> list[Result]:
        """Write a batch. Raises ConfigurationError for a field that is no column, and what the database raises."""
        self._know({name for row in batch.rows for name in row.fields})
        results: dict[str, Result] = {}
        keyed: list[tuple[Row, Any]] = []
        for row in batch.rows:
            try:
                json.dumps(as_json(row.fields), ensure_ascii=False).encode()
                keyed.append((row, self._key_of(row)))
            except (TypeError, UnicodeEncodeError):
                results[row.key] = Result(row.key, "rejected", reason="a field holds what a table can't")
            except RejectedError as error:
                results[row.key] = Result(row.key, "rejected", reason=str(error))
        try:
            with self._connection.begin():
                results |= self._operate(batch.operation, keyed)
        except sa.exc.StatementError as error:
            if isinstance(error, sa.exc.OperationalError):
                raise
            with self._connection.begin():
                alone = [self._alone(batch.operation, one) for one in keyed]
            if isinstance(error, sa.exc.ProgrammingError) and {one.status for one in alone} == {"rejected"}:
                raise  # no row goes in: that is about the table or the user's rights
            results |= {one.id: one for one in alone}
        return [results[row.key] for row in batch.rows]

    def read(self, rows: Sequence[Row], fields: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Give what stands in the table, by key."""
        self._know(fields)
        wanted = {self._key_of(row): row.key for row in rows}
        columns = [self._table.columns[name] for name in fields]
        with self._connection.begin():
            found = self._connection.execute(sa.select(self._key, *columns).where(self._key.in_(wanted)))
            return {wanted[row[0]]: dict(zip(fields, row[1:], strict=True)) for row in found}

    def _operate(self, operation: str, keyed: Sequence[tuple[Row, Any]]) -> dict[str, Result]:
        if operation in ("remove", "delete"):
            self._connection.execute(sa.delete(self._table).where(self._key.in_([key for _, key in keyed])))
            return _accepted([row for row, _ in keyed])
        there = set(
            self._connection.execute(sa.select(self._key).where(self._key.in_([key for _, key in keyed]))).scalars()
        )
        known = [(row, key) for row, key in keyed if key in there]
        new = [(row, key) for row, key in keyed if key not in there]
        refused: dict[str, Result] = {}
        if operation == "update":
            refused = {row.key: Result(row.key, "rejected", reason="the table has no such row") for row, _ in new}
            new = []
        if operation in ("upsert", "update"):
            self._change(known)
        for group in _by_fields(new):
            values = [{**self._held(row), self._key.name: key} for row, key in group]
            self._connection.execute(sa.insert(self._table), values)
        return {**_accepted([row for row, _ in keyed]), **refused}

    def _change(self, known: Sequence[tuple[Row, Any]]) -> None:
        for group in _by_fields(known):
            names = [name for name in group[0][0].fields if name != self._key.name]
            if names:
                statement = (
                    sa.update(self._table)
                    .where(self._key == sa.bindparam("the_key"))
                    .values({name: sa.bindparam(f"to_{place}") for place, name in enumerate(names)})
                )
                values = [
                    {"the_key": key, **{f"to_{place}": held[name] for place, name in enumerate(names)}}
                    for row, key in group
                    for held in [self._held(row)]
                ]
                self._connection.execute(statement, values)

    def _held(self, row: Row) -> dict[str, Any]:
        """Give the fields as columns hold them: a list or object is JSON where the column is of no such type."""
        return {name: self._as_held(self._table.columns[name], value) for name, value in row.fields.items()}

    def _as_held(self, column: sa.Column[Any], value: Any) -> Any:
        if not isinstance(value, list | tuple | Mapping) or isinstance(column.type, sa.JSON | sa.ARRAY):
            return value
        return json.dumps(value, default=as_json, ensure_ascii=False)

    def _alone(self, operation: str, one: tuple[Row, Any]) -> Result:
        row, _ = one
        try:
            with self._connection.begin_nested():
                return self._operate(operation, [one])[row.key]
        except sa.exc.StatementError as error:
            if isinstance(error, sa.exc.OperationalError):
                raise
            kind = type(error.orig).__name__ if error.orig is not None else type(error).__name__
            return Result(row.key, "rejected", reason=f"the database refuses it ({kind})")

    def _know(self, fields: Sequence[str] | set[str]) -> None:
        for name in sorted(fields):
            if name not in self._table.columns:
                near = suggest(name, self._table.columns.keys())
                raise ConfigurationError(f"the table '{self._table.name}' has no column '{name}'.{near}")

    def _key_of(self, row: Row) -> Any:
        """Give the key as the column holds it. Raises RejectedError."""
        try:
            kind: Callable[[str], Any] = self._key.type.python_type
        except NotImplementedError:
            kind = str
        try:
            return kind(row.key)
        except (ValueError, ArithmeticError):
            raise RejectedError(f"its key does not fit the column '{self._key.name}'") from None


def _accepted(rows: Sequence[Row]) -> dict[str, Result]:
    return {row.key: Result(row.key, "accepted", row.key) for row in rows}


def _by_fields(keyed: Sequence[tuple[Row, Any]]) -> Iterable[list[tuple[Row, Any]]]:
    """Group rows that name the same fields: one statement each."""
    groups: dict[tuple[str, ...], list[tuple[Row, Any]]] = {}
    for row, key in keyed:
        groups.setdefault(tuple(row.fields), []).append((row, key))
    return groups.values()
