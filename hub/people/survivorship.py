"""Survivorship: which of the values that a person's records give wins, and by which rule.

The rules of `golden:` in identity.yaml become keys in SQL, per field: of two rows, the one with the greater keys wins,
and the first key that differs is the rule that decided. The resolve stage chooses by them for everybody at once, and
a person's file tells by the same keys why a value won.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import KeyedColumnElement

from hub.project.survivorship import RULES, Golden
from hub.schema import Schema
from hub.schema.tables import POSTAL
from hub.warehouse.constructs import folded

SURNAME = ("surname", "prefix", "partner_prefix", "partner_surname", "partner_first")
"""Taken together from one record: `van` of one system and `Jansen` of another make no name."""

CONTACT = ("email", "phone")
"""The fields that come from a person's identifiers."""

ADDRESS = "address"
"""The name under which the postal columns are chosen, as a whole."""

DERIVED = ("person_id", "record_id", *CONTACT, "household_id", "household_head", "records")
"""The columns of `person` that no record has."""

COMPLETE = ("street", "house_number", "postcode", "city")
"""What an address needs, for somebody to live there."""

EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
"""Stands for a time that the system did not tell."""


@dataclass(frozen=True)
class Choice:
    """Fields that are chosen together, the first of which leads; and the rules, in order, that choose."""

    fields: tuple[str, ...]
    rules: tuple[str, ...]

    @property
    def leader(self) -> str:
        """Name the field that must not be empty."""
        return self.fields[0]


@dataclass(frozen=True)
class Key:
    """What one rule weighs, as a column of the rows: the greater goes first."""

    rule: str
    column: sa.ColumnElement[Any]


def own_fields(schema: Schema) -> tuple[str, ...]:
    """List the columns of `person` that records give themselves."""
    elsewhere = {*DERIVED, *(column.name for column in POSTAL)}
    return tuple(column.name for column in schema["person"].columns if column.name not in elsewhere)


def groups(golden: Golden) -> dict[str, tuple[str, ...]]:
    """Give the fields that come together, by the one that leads; a list that begins with `surname` adds to it."""
    found: dict[str, tuple[str, ...]] = {SURNAME[0]: SURNAME}
    for leader, *others in golden.from_one_record:
        found[leader] = (*found.get(leader, (leader,)), *others)
    return found


def weighs(rule: str, type_: str | None) -> bool:
    """Say whether a rule can weigh a field of a type; None stands for the address."""
    return rule != "longest" or type_ == "text"


def choices(schema: Schema, golden: Golden) -> tuple[Choice, ...]:
    """Give every choice that makes a golden record, in the order of the columns; contact and address come last."""
    together = groups(golden)
    led = {field for fields in together.values() for field in fields[1:]}
    types = {column.name: column.type for column in schema["person"].columns}
    leaders = [name for name in own_fields(schema) if name not in led]
    return tuple(
        Choice(together.get(name, (name,)), _rules(golden, name, types.get(name)))
        for name in (*leaders, *CONTACT, ADDRESS)
    )


def _rules(golden: Golden, field: str, type_: str | None) -> tuple[str, ...]:
    if field in golden.fields:
        return tuple(golden.fields[field])
    return tuple(rule for rule in golden.default if weighs(rule, type_)) or ("newest",)


def weigh(rows: sa.FromClause, chosen: Iterable[Choice]) -> tuple[sa.FromClause, Mapping[str, Sequence[Key]]]:
    """Give the rows with the keys of each choice, by its leader.

    `rows` says person_id, connection, verified, source_time, the value of each leader, and `rank`: the greater is the
    newer, which decides what no rule tells apart.
    """
    keys = {choice.leader: _keys(choice, rows) for choice in chosen}
    added = {
        f"{leader}__{number}": key
        for leader, found in keys.items()
        for number, key in enumerate(found)
        if key.column is not rows.c.rank
    }
    if not added:
        return rows, keys
    weighed = sa.select(*rows.c, *(key.column.label(name) for name, key in added.items())).subquery("weighed")
    return weighed, {
        leader: [
            Key(key.rule, weighed.c.get(f"{leader}__{number}", weighed.c.rank)) for number, key in enumerate(found)
        ]
        for leader, found in keys.items()
    }


def _keys(choice: Choice, rows: sa.FromClause) -> list[Key]:
    """Give the keys of a choice, the first to decide first; `newest` at the end needs no key beside the rank."""
    rules = choice.rules[:-1] if choice.rules[-1] == "newest" else choice.rules
    keys: list[Key] = []
    for known, together in groupby(rules, key=lambda rule: rule in RULES):
        if known:
            keys += [Key(rule, _weight(rule, choice.leader, rows)) for rule in together]
        else:
            keys.append(_sources(list(together), rows))
    return [*keys, Key("newest", rows.c.rank)]


def _weight(rule: str, leader: str, rows: sa.FromClause) -> sa.ColumnElement[Any]:
    value = rows.c[leader]
    match rule:
        case "newest":
            return _time(rows)
        case "longest":
            return sa.func.length(value)
        case "most frequent":
            same = folded(value) if isinstance(value.type, sa.Text) else value
            return sa.func.count(value).over(partition_by=[rows.c.person_id, same])
        case _:
            return sa.case((rows.c.verified, 1), else_=0)


def _sources(connections: Sequence[str], rows: sa.FromClause) -> Key:
    """Put the records of some connections before others, in their order."""
    first = {name: len(connections) - place for place, name in enumerate(connections)}
    return Key(", ".join(connections), sa.case(first, value=rows.c.connection, else_=0))


def newest_last(record: sa.FromClause) -> list[sa.ColumnElement[Any]]:
    """Give the order of records in which the newest, and of equals the one with the smallest number, comes last."""
    return [record.c.source_time.asc().nulls_first(), record.c.record_no.desc()]


def addresses(schema: Schema) -> sa.Select[Any]:
    """Select the addresses of people as rows that `weigh` takes, and whether each is complete and to live at."""
    address, record = schema.table("address"), schema.table("source_record")
    complete = sa.and_(*(filled(address.c[name]) for name in COMPLETE))
    passing = sa.func.coalesce(address.c.kind, "").in_(["delivery", "billing"])
    return sa.select(
        record.c.person_id,
        record.c.record_no,
        record.c.record_id,
        record.c.verified,
        address.c.connection,
        address.c.source_key,
        address.c.source_time,
        _time(address).label("rank"),
        complete.label("complete"),
        passing.label("passing"),
        *(unless_empty(address.c[column.name]) for column in POSTAL),
        sa.func.concat_ws(" ", *(address.c[column.name] for column in POSTAL), type_=sa.Text()).label(ADDRESS),
    ).join_from(address, record, record.c.record_id == address.c.record_id)


def best_address_first(rows: sa.FromClause, keys: Sequence[Key]) -> list[sa.ColumnElement[Any]]:
    """Give the order of weighed addresses in which a person's best comes first."""
    by_rule = (key.column.desc() for key in keys)
    return [rows.c.complete.desc(), rows.c.passing.asc(), *by_rule, rows.c.record_no, rows.c.source_key]


def filled(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Say whether a text is given."""
    return sa.and_(column.is_not(None), column != "")


def unless_empty(column: KeyedColumnElement[Any]) -> sa.Label[Any]:
    """Give a column without its empty texts."""
    value = sa.func.nullif(column, "", type_=column.type) if isinstance(column.type, sa.Text) else column
    return value.label(column.name)


def _time(rows: sa.FromClause) -> sa.ColumnElement[Any]:
    return sa.func.coalesce(rows.c.source_time, sa.literal(EARLIEST, sa.DateTime(timezone=True)))
