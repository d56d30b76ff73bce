"""Citizen service numbers (BSN): a company may not keep them, so a column that looks like them is left empty.

One value proves nothing: one in eleven numbers of nine digits passes the eleven-proof. A column does, with at least
`AT_LEAST` different values of which nearly all pass. What was found once holds for all further loads of the same
mapping, also where a load has too few rows to tell; a mapping that changed is looked at anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.stages.map.quarantine import NOTED, WHOLE_COLUMN
from hub.stages.map.rows import Rows, keep
from hub.warehouse import Transaction
from hub.warehouse.constructs import matches, replace_all, text_constant
from hub.warehouse.state import remember, seen

AT_LEAST = 10
SHARE = 0.9
SAMPLE = 10_000
"""So many rows of each load are looked at."""

KEY = "_key"
LOOKS = "looks like citizen service numbers (BSN), which a company may not keep"
REASON = f"{LOOKS}: it is left empty, leave it out"
KEY_REASON = f"the key {LOOKS}: take another key"
_DIGITS = text_constant("0123456789")
_NINE = text_constant("[0-9]{9}")
_WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2, -1)


@dataclass(frozen=True)
class Found:
    """How many columns were found now; and whether the key, which can't be left empty, is one of them."""

    columns: int = 0
    key: bool = False


def leave_out(transaction: Transaction, rows: Rows, connection: str, mapping: str, as_of: datetime) -> Found:
    """Empty what looks like citizen service numbers in the records of people, and report it once per column."""
    if rows.translation.table.name != "source_record":
        return Found()
    state = f"bsn:{connection}:{mapping}"
    known = (seen(transaction, state) or "").split()
    names = _names(rows)
    unknown = [label for label in names if label not in known]
    news = _found(transaction, rows.table, unknown) if unknown else []
    if KEY in news:
        return Found(len(news), key=True)
    if news:
        remember(transaction, state, " ".join(sorted({*known, *news})), as_of)
        _report(transaction, rows, connection, mapping, [names[label] for label in news])
    emptied = {column: sa.null() for label in {*known, *news} for column in _columns(rows, label)}
    if emptied:
        keep(transaction, rows, connection)
        transaction.execute(sa.update(rows.table).values(emptied))
    return Found(len(news))


def _names(rows: Rows) -> dict[str, str]:
    """Give the labels of the texts of a record, and what their mapping calls them."""
    found = {KEY: "key"}
    for name, element in rows.translation.columns.items():
        if isinstance(element.type, sa.Text):
            found[f"c_{name}"] = f"columns: {name}"
    for position, rule in enumerate(rows.translation.identifiers):
        if rule.type not in ("email", "phone"):
            found[f"i_{position}"] = f"identifiers: {rule.type}"
    return found


def _columns(rows: Rows, label: str) -> list[str]:
    """Name the columns of a label: an identifier is there as it was written too."""
    both = (label, f"o_{label.removeprefix('i_')}") if label.startswith("i_") else (label,)
    return [name for name in both if name in rows.table.c]


def _found(transaction: Transaction, table: sa.TableClause, labels: list[str]) -> list[str]:
    """Give the labels whose values look like citizen service numbers."""
    early = table.c["_row"] <= SAMPLE
    # engines give a column in which nothing is known a type of their own
    some = (
        sa.select(*(sa.cast(table.c[label], sa.Text()).label(label) for label in labels)).where(early).subquery("some")
    )
    counts = []
    for label in _with_nine_digits(transaction, some, labels):
        own = replace_all(some.c[label], text_constant("^[^:]*:"), text_constant(""))
        values = sa.select(own.label("value")).where(some.c[label] != "").distinct().subquery(f"of_{label}")
        passing = sa.func.count().filter(_passes(values.c.value))
        counts.append(sa.select(text_constant(label), sa.func.count(), passing))
    found = transaction.rows(sa.union_all(*counts)) if counts else []
    return [label for label, different, bsn in found if bsn >= AT_LEAST and bsn >= SHARE * different]


def _with_nine_digits(transaction: Transaction, some: sa.Subquery, labels: list[str]) -> list[str]:
    """Give the labels that could be found at all: mostly none, at the price of one look at the rows."""
    written = text_constant(f"(?:[^:]*:)?{_NINE.value}")
    found = transaction.rows(sa.select(*(sa.func.count().filter(matches(some.c[label], written)) for label in labels)))
    return [label for label, rows in zip(labels, found[0], strict=True) if rows >= AT_LEAST]


def _passes(value: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Say whether a text is nine digits that pass the eleven-proof; all zeros do not.

    A digit is its place in the row of digits: a cast would fail on other texts, which engines may compute as well.
    """
    one: sa.ColumnElement[int] = sa.literal_column("1")
    weighed: list[sa.ColumnElement[Any]] = [
        (sa.func.strpos(_DIGITS, sa.func.substr(value, sa.literal_column(str(place)), one)) - one)
        * sa.literal_column(f"({weight})")
        for place, weight in enumerate(_WEIGHTS, 1)
    ]
    proof = sum(weighed[1:], weighed[0]) % sa.literal_column("11") == sa.literal_column("0")
    return sa.and_(matches(value, _NINE), value != text_constant("000000000"), proof)


def _report(transaction: Transaction, rows: Rows, connection: str, mapping: str, names: list[str]) -> None:
    """Put one line per column into quarantine, without any value."""
    mapped = rows.translation.mapped
    load = max((count.load_id for count in rows.counts), default="")
    for name in names:
        transaction.execute(
            sa.insert(transaction.table("quarantine")).values(
                connection=connection,
                raw_table=mapped.mapping.from_,
                target=mapped.target,
                source_key=WHOLE_COLUMN,
                reason=f"{name} {REASON}",
                load_id=load,
                mapping=mapping,
                effect=NOTED,
            )
        )
