"""The receiver's answer: a result per row, which nobody promised to be well-formed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, get_args

from hub.contracts import Result, Status
from hub.outgoing import clean_reason
from plugins.destinations.webhook.payload import Written

_STATUSES: dict[str, Status] = {status: status for status in get_args(Status)}
_LONGEST_ID = 200


def read_results(body: bytes, items: Sequence[Written]) -> dict[str, Result]:
    """Read {"results": [...]} of a 2xx answer; without a body everything was taken.

    A row without a result, or with one that can't be read, is unknown.
    """
    if not body.strip():
        return {item.id: Result(item.id, "accepted") for item in items}
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or not isinstance(answer.get("results", []), list):
        reason = "the answer is not {results: [...]} as JSON"
        return {item.id: Result(item.id, "unknown", reason=reason) for item in items}
    if "results" not in answer:
        return {item.id: Result(item.id, "accepted") for item in items}
    told = {_identity(entry): entry for entry in answer["results"] if isinstance(entry, dict)}
    return {item.id: _result(item, told.get(item.id)) for item in items}


def _identity(entry: dict[str, Any]) -> str:
    """Rows are told by their key; messages, which have none, by their id."""
    return str(entry["key"] if "key" in entry else entry.get("id"))


def _result(item: Written, entry: dict[str, Any] | None) -> Result:
    if entry is None:
        return Result(item.id, "unknown", reason="the answer says nothing about it")
    status = _STATUSES.get(str(entry.get("status")))
    if status is None:
        return Result(item.id, "unknown", reason="the answer gives it no status that we know")
    remote_id = str(entry.get("id") or "")[:_LONGEST_ID] if "key" in entry else ""
    reason = clean_reason(str(entry.get("reason") or ""), *item.personal)
    if status == "rejected" and not reason:
        reason = "refused without a reason"
    retry_after = entry.get("retry_after")
    wait = float(retry_after) if isinstance(retry_after, int | float) and retry_after >= 0 else None
    return Result(item.id, status, remote_id, reason, wait)
