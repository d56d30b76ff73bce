"""Rows: a sync's batch becomes requests, and the answers become one result per row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hub.contracts import Result, Row, SyncBatch
from hub.errors import RejectedError
from hub.outgoing import Answer, NoAnswerError, NotSentError, clean_reason
from hub.templated import as_text, filled, parsed, text_at, value_at, written
from plugins.destinations.rest.api import SILENCES, UNWRITABLE, Api, id_in, meaning_of, missing, words_of
from plugins.destinations.rest.config import Results, RowRequest

Given = tuple[Row, Mapping[str, Any]]
"""A row, and the values that templates may use."""


def write_rows(api: Api, request: RowRequest, batch: SyncBatch) -> list[Result]:
    """Write a batch; an API that is away lets the rest wait."""
    given = [(row, {**row.fields, **_own(row, batch)}) for row in batch.rows]
    results: dict[str, Result] = {}
    silences, gone = 0, ""
    for part in _parts(given, request.batch):
        if gone:
            results |= _same(part, Result("", "later", reason=gone))
            continue
        try:
            results |= _write(api, request, part)
            silences = 0
        except NotSentError as error:
            gone = str(error)
            results |= _same(part, Result("", "later", reason=gone, retry_after=error.retry_after))
        except NoAnswerError as error:
            silences += 1
            gone = f"not tried: {error}" if silences == SILENCES else ""
            results |= _same(part, Result("", "unknown", reason=str(error)))
    return [results[row.key] for row in batch.rows]


def _own(row: Row, batch: SyncBatch) -> dict[str, Any]:
    return {"key": row.key, "remote_id": row.remote_id, "object": batch.target, "fields": dict(row.fields)}


def _parts(given: Sequence[Given], size: int) -> Iterable[Sequence[Given]]:
    return (given[start : start + size] for start in range(0, len(given), size))


def _write(api: Api, request: RowRequest, part: Sequence[Given]) -> dict[str, Result]:
    if request.row is None:
        row, values = part[0]
        return {row.key: _write_one(api, request, row, values)}
    refused: dict[str, Result] = {}
    going: list[Given] = []
    bodies: list[Any] = []
    for row, values in part:
        try:
            bodies.append(_row_body(request, values))
            going.append((row, values))
        except RejectedError as error:
            refused[row.key] = Result(row.key, "rejected", reason=str(error))
    if not going:
        return refused
    answer = api.call(request, {"rows": bodies, "object": going[0][1]["object"]})
    personal = words_of([value for row, _ in going for value in row.fields.values()])
    meaning = meaning_of(request, answer, api.retriable, personal)
    if meaning.status != "accepted" or request.results is None or answer.status in request.accepted:
        told = Result("", meaning.status, reason=meaning.reason, retry_after=meaning.retry_after)
        return {**refused, **_same(going, told)}
    return {**refused, **read_results(request.results, going, answer)}


def _write_one(api: Api, request: RowRequest, row: Row, values: Mapping[str, Any]) -> Result:
    try:
        answer = api.call(request, values)
    except RejectedError as error:
        return Result(row.key, "rejected", reason=str(error))
    meaning = meaning_of(request, answer, api.retriable, words_of(list(row.fields.values())))
    remote_id = id_in(request, answer) if meaning.status == "accepted" else ""
    return Result(row.key, meaning.status, remote_id or row.remote_id, meaning.reason, meaning.retry_after)


def _row_body(request: RowRequest, values: Mapping[str, Any]) -> Any:
    try:
        body = filled(request.row, values)
        as_text(body)
    except KeyError as error:
        raise RejectedError(missing(error)) from None
    except (TypeError, ValueError, RecursionError):
        raise RejectedError(UNWRITABLE) from None
    return body


def read_results(how: Results, given: Sequence[Given], answer: Answer) -> dict[str, Result]:
    """Read what became of each row. A row about which the answer is unclear is unknown."""
    entries = value_at(how.at, parsed(answer.body))
    if entries is None and how.only != "all":
        entries = []
    if not isinstance(entries, list):
        reason = f"the answer has no list at '{how.at}'" if how.at else "the answer is no list"
        return _same(given, Result("", "unknown", reason=reason))
    if how.key_at is None and how.index_at is None:
        if len(entries) != len(given):
            told = f"the answer speaks of {len(entries)} rows, and {len(given)} were sent"
            return _same(given, Result("", "unknown", reason=told))
        return {row.key: _result(how, row, entry) for (row, _), entry in zip(given, entries, strict=True)}
    by_name = {text_at(how.key_at or how.index_at or "", entry): entry for entry in entries}
    return {
        row.key: _result(how, row, by_name.get(written(how.key, values) if how.key_at else str(place)))
        for place, (row, values) in enumerate(given)
    }


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


def _same(given: Sequence[Given], told: Result) -> dict[str, Result]:
    return {row.key: Result(row.key, told.status, reason=told.reason, retry_after=told.retry_after) for row, _ in given}
