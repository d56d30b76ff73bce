"""Provenance: for one person, which record won each field, by which rule, and which other values lost.

It asks the published tables by the same keys as the stage that chose. Nothing of it is stored: for a person it is
a handful of rows, for everybody it would be as much as all records together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.people.survivorship import (
    ADDRESS,
    CONTACT,
    Choice,
    Key,
    addresses,
    best_address_first,
    choices,
    newest_last,
    own_fields,
    unless_empty,
    weigh,
)
from hub.project import Project
from hub.schema.tables import POSTAL

Rows = Callable[[sa.Select[Any]], Sequence[Mapping[str, Any]]]
"""Runs one query on what was published."""

ONLY = "only value"
NUMBER = "smallest record number"


@dataclass(frozen=True)
class Other:
    """A value that a record gives and the person does not keep.

    `passed_over`: by the rules it would go first, but it is a false value, a crowd's, or not the first of its record.
    """

    value: Any
    record_id: str
    at: datetime | None
    passed_over: bool = False


@dataclass(frozen=True)
class Field:
    """One field of the golden record: the record that it came from, the rule that decided, and what else was said.

    `rule` is a rule of identity.yaml, `only value` where the records agree, `smallest record number` where nothing
    else tells them apart, and None where the rules have changed since the last run.
    """

    name: str
    value: Any
    record_id: str | None
    at: datetime | None
    rule: str | None = None
    others: tuple[Other, ...] = ()


@dataclass(frozen=True)
class _Candidate:
    """What one record, identifier or address says for the fields of a choice, and its keys."""

    values: Mapping[str, Any]
    record_id: str
    at: datetime | None
    keys: tuple[tuple[str, Any], ...]


def provenance(project: Project, rows: Rows, golden: Mapping[str, Any]) -> Iterator[Field]:
    """Tell of each field that a person has where it came from; `golden` is the person's row."""
    found: dict[str, Field] = {}
    for choice, candidates in _candidates(project, rows, golden["person_id"]):
        fields = tuple(column.name for column in POSTAL) if choice.leader == ADDRESS else choice.fields
        found |= {it.name: it for it in _decided(choice, fields, candidates, golden)}
    for name, value in golden.items():
        if value is not None and name in found:
            yield found[name]


def _candidates(project: Project, rows: Rows, person_id: int) -> Iterator[tuple[Choice, list[_Candidate]]]:
    """Give what was said for each choice, the best first."""
    every = choices(project.schema, project.identity.golden)
    of_records = [choice for choice in every if choice.leader not in (*CONTACT, ADDRESS)]
    weighed, keys = weigh(_records(project, person_id), of_records)
    said = rows(sa.select(weighed))
    for choice in of_records:
        given = [row for row in said if row[choice.leader] is not None]
        candidates = [_candidate(row, choice.fields, keys[choice.leader]) for row in given]
        yield choice, sorted(candidates, key=lambda it: [weight for _, weight in it.keys], reverse=True)
    for choice in every:
        if choice.leader in CONTACT:
            weighed, keys = weigh(_identifiers(project, person_id, choice.leader), [choice])
            order = [*(key.column.desc() for key in keys[choice.leader]), weighed.c[choice.leader]]
            told = rows(sa.select(weighed).order_by(*order))
            yield choice, [_candidate(row, choice.fields, keys[choice.leader]) for row in told]
        elif choice.leader == ADDRESS:
            of_person = addresses(project.schema)
            mine = of_person.where(of_person.selected_columns.person_id == person_id).subquery("lived")
            weighed, keys = weigh(mine, [choice])
            whole = [
                Key("complete", weighed.c.complete),
                Key("to live at", sa.not_(weighed.c.passing).label("living")),
                *keys[ADDRESS],
            ]
            query = sa.select(*weighed.c, whole[1].column).order_by(*best_address_first(weighed, keys[ADDRESS]))
            yield choice, [_candidate(row, [column.name for column in POSTAL], whole) for row in rows(query)]


def _records(project: Project, person_id: int) -> sa.Subquery:
    record = project.schema.table("source_record")
    fields = (unless_empty(record.c[name]) for name in own_fields(project.schema) if name in record.c)
    return sa.select(*_who(record), *fields).where(record.c.person_id == person_id).subquery("said")


def _identifiers(project: Project, person_id: int, kind: str) -> sa.Subquery:
    record, identifier = project.schema.table("source_record"), project.schema.table("identifier")
    return (
        sa.select(*_who(record), identifier.c.value.label(kind))
        .join_from(identifier, record, record.c.record_id == identifier.c.record_id)
        .where(record.c.person_id == person_id, identifier.c.type == kind, identifier.c.value.is_not(None))
        .subquery("said")
    )


def _who(record: sa.Table) -> list[sa.ColumnElement[Any]]:
    names = ("person_id", "record_no", "record_id", "connection", "source_time", "verified")
    rank = sa.func.dense_rank().over(order_by=newest_last(record)).label("rank")
    return [*(record.c[name] for name in names), rank]


def _candidate(row: Mapping[str, Any], fields: Iterable[str], keys: Sequence[Key]) -> _Candidate:
    weights = tuple((key.rule, row[key.column.name]) for key in keys)
    return _Candidate({name: row[name] for name in fields}, row["record_id"], row["source_time"], weights)


def _decided(
    choice: Choice, fields: Sequence[str], candidates: Sequence[_Candidate], golden: Mapping[str, Any]
) -> Iterator[Field]:
    """Find the winner, which gives what the person keeps, and what it was weighed against."""
    kept = {name: golden.get(name) for name in fields}
    place = next((place for place, it in enumerate(candidates) if dict(it.values) == kept), None)
    if place is None:
        yield from (Field(name, value, None, None) for name, value in kept.items())
        return
    winner, before, after = candidates[place], candidates[:place], candidates[place + 1 :]
    losers = [it for it in after if dict(it.values) != kept]
    unusable = choice.leader in CONTACT
    rule = None if before and not unusable else _rule(winner, losers)
    for name, value in kept.items():
        others = [
            *_others(name, value, before, passed_over=unusable),
            *_others(name, value, losers, passed_over=False),
        ]
        yield Field(name, value, winner.record_id, winner.at, rule, tuple(others))


def _rule(winner: _Candidate, losers: Sequence[_Candidate]) -> str:
    if not losers:
        return ONLY
    best = losers[0]
    for (rule, ours), (_, theirs) in zip(winner.keys, best.keys, strict=True):
        if ours != theirs:
            return rule if rule != "newest" or winner.at != best.at else NUMBER
    return NUMBER


def _others(name: str, value: Any, candidates: Iterable[_Candidate], passed_over: bool) -> Iterator[Other]:
    """Give each other value once, with the best record that says it."""
    told = {value, None}
    for it in candidates:
        if it.values[name] not in told:
            told.add(it.values[name])
            yield Other(it.values[name], it.record_id, it.at, passed_over)
