"""Rows: a sync's batch becomes requests, and the answers become one result per row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hub.contracts import Operation, Result, Row, SyncBatch
from hub.errors import RejectedError, suggest
from hub.in_turn import in_turn
from hub.outgoing import Answer, clean_reason, words_of
from hub.templated import as_text, filled, parsed, placeholders, text_at, value_at, written
from plugins.destinations.rest.api import UNWRITABLE, Api, id_in, left_out, meaning_of, missing
from plugins.destinations.rest.config import Find, Results, RowRequest, WrittenObject
from plugins.destinations.rest.finding import Found, look_for

Given = tuple[Row, Mapping[str, Any]]
"""A row, and the values that templates may use."""


def write_rows(api: Api, thing: WrittenObject, batch: SyncBatch) -> list[Result]:
    """Write a batch; an API that is away, or takes nothing now, lets the rest wait."""
    size, write = _writer(api, thing, batch.operation)
    lost = {row.key: Result(row.key, "rejected", reason=wrong) for row, wrong in _lost(thing, batch.rows)}
    named = thing.named
    given = [(row, {**row.fields, **_own(row, batch, named)}) for row in batch.rows if row.key not in lost]
    told = in_turn(_parts(given, size), lambda part: [row.key for row, _ in part], write)
    results = lost | {result.id: result for result in told}
    return [results[row.key] for row in batch.rows]


def _lost(thing: WrittenObject, rows: Iterable[Row]) -> Iterator[tuple[Row, str]]:
    """Find rows with a field that no request holds: it would go nowhere."""
    known = thing.fields
    if known is None:
        return
    for row in rows:
        if lost := sorted(row.fields.keys() - known):
            near = suggest(lost[0], known)
            yield row, f"no request holds the field '{lost[0]}'.{near} Fields: {', '.join(sorted(known))}"


def _writer(
    api: Api, thing: WrittenObject, operation: Operation
) -> tuple[int, Callable[[Sequence[Given]], list[Result]]]:
    """Say how many rows are written at once, and how."""
    find = thing.find
    if find is not None and operation in ("upsert", "add", "update"):
        return 1, lambda part: [_write_found(api, thing, find, operation, row, it) for row, it in part]
    request = dict(thing.requests())[operation]
    return request.batch, lambda part: _write(api, request, part)


def _write_found(
    api: Api, thing: WrittenObject, find: Find, operation: Operation, row: Row, values: Mapping[str, Any]
) -> Result:
    """Make what is not there, and change what is."""
    known = row.remote_id if thing.update is not None and not find.keep else ""
    found = Found(known) if known else look_for(api, find, row, values)
    if isinstance(found, Result):
        return found
    remote_id = found.remote_id
    if not remote_id:
        if operation == "update" or thing.add is None:
            return Result(row.key, "rejected", reason="it is not there")
        return _write_one(api, thing.add, row, values)
    if operation == "add" or thing.update is None:
        return Result(row.key, "accepted", remote_id)
    known_there = {**values, "remote_id": remote_id, "found": found.kept}
    return _write_one(api, thing.update, replace(row, remote_id=remote_id), known_there)


def _own(row: Row, batch: SyncBatch, named: Collection[str]) -> dict[str, Any]:
    fields = dict(row.fields)
    others = {name: value for name, value in fields.items() if name not in named}
    its = {"key": row.key, "remote_id": row.remote_id, "object": batch.target}
    return {**its, "fields": fields, "others": others, "found": {}}


def _parts(given: Sequence[Given], size: int) -> Iterable[Sequence[Given]]:
    return (given[start : start + size] for start in range(0, len(given), size))


def _write(api: Api, request: RowRequest, part: Sequence[Given]) -> list[Result]:
    if request.row is None:
        return [_write_one(api, request, row, values) for row, values in part]
    refused: dict[str, Result] = {}
    going: list[Given] = []
    bodies: list[Any] = []
    for row, values in part:
        try:
            bodies.append(_filled(request.row, values))
            going.append((row, values))
        except RejectedError as error:
            refused[row.key] = Result(row.key, "rejected", reason=str(error))
    if not going:
        return list(refused.values())
    answer = api.call(request, {"rows": bodies, "object": going[0][1]["object"]})
    personal = words_of([value for row, _ in going for value in row.fields.values()])
    meaning = meaning_of(request, answer, api.retriable, personal)
    if meaning.status != "accepted" or request.results is None or answer.status in request.accepted:
        return [*refused.values(), *(Result(row.key, meaning.status, reason=meaning.reason) for row, _ in going)]
    return [*refused.values(), *read_results(request.results, going, answer)]


def _write_one(api: Api, request: RowRequest, row: Row, values: Mapping[str, Any]) -> Result:
    if not row.remote_id and "remote_id" in placeholders([request.path, request.query, request.body]):
        return Result(row.key, "rejected", reason="the hub does not know what it is called there: take it out there")
    holds = _filled(request.holds, values)
    answer = api.call(request, values)
    personal = words_of([*row.fields.values(), *values["found"].values()])
    meaning = meaning_of(request, answer, api.retriable, personal)
    if meaning.status != "accepted":
        return Result(row.key, meaning.status, row.remote_id, meaning.reason)
    if lost := left_out(holds, answer):
        return Result(row.key, "rejected", row.remote_id, f"the answer leaves out {', '.join(lost)}: not known there")
    remote_id = id_in(request, answer) or row.remote_id
    said = parsed(answer.body)
    if out := [f"{place}: {word}" for place, word in request.unless.items() if text_at(place, said) == word]:
        return Result(row.key, "rejected", remote_id, f"it stays out there ({', '.join(out)}): mend that there")
    return Result(row.key, "accepted", remote_id)


def _filled(template: Any, values: Mapping[str, Any]) -> Any:
    try:
        body = filled(template, values)
        as_text(body).encode()
    except KeyError as error:
        raise RejectedError(missing(error)) from None
    except (TypeError, ValueError, RecursionError):
        raise RejectedError(UNWRITABLE) from None
    return body


def read_results(how: Results, given: Sequence[Given], answer: Answer) -> list[Result]:
    """Read what became of each row. A row about which the answer is unclear is unknown."""
    entries = value_at(how.at, parsed(answer.body))
    if entries is None and how.only != "all":
        entries = []
    if not isinstance(entries, list):
        return _unclear(given, f"the answer has no list at '{how.at}'" if how.at else "the answer is no list")
    if how.key_at is None and how.index_at is None:
        if len(entries) != len(given):
            return _unclear(given, f"the answer speaks of {len(entries)} rows, and {len(given)} were sent")
        return [_result(how, row, entry) for (row, _), entry in zip(given, entries, strict=True)]
    by_name = {text_at(how.key_at or how.index_at or "", entry): entry for entry in entries}
    names = [written(how.key, values) if how.key_at else str(place) for place, (_, values) in enumerate(given)]
    strange = by_name.keys() - set(names)  # it may be about any row that no entry names
    return [
        _result(how, row, by_name.get(name))
        if name in by_name or not strange
        else Result(row.key, "unknown", reason="the answer speaks of a row that was not sent")
        for (row, _), name in zip(given, names, strict=True)
    ]


def _result(how: Results, row: Row, entry: Any) -> Result:
    if entry is None:
        match how.only:
            case "failed":
                return Result(row.key, "accepted", row.remote_id)
            case "taken":
                return Result(row.key, "rejected", reason="the answer does not name it among the rows that were taken")
            case "all":
                return Result(row.key, "unknown", reason="the answer says nothing about it")
    status = as_text(value_at(how.status_at, entry)) if how.status_at else ""
    if status in how.accepted or (how.status_at is None and how.only == "taken"):
        return Result(row.key, "accepted", text_at(how.id_at, entry) or row.remote_id)
    said = as_text(value_at(how.reason_at, entry)) or status or "refused without a reason"
    reason = clean_reason(said, *words_of(list(row.fields.values())))
    return Result(row.key, "later" if status in how.later else "rejected", reason=reason)


def _unclear(given: Sequence[Given], why: str) -> list[Result]:
    return [Result(row.key, "unknown", reason=why) for row, _ in given]
