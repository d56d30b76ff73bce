"""One API: requests made from templates, and what its answers mean."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from hub.contracts import Status
from hub.errors import RejectedError
from hub.oauth import Tokens
from hub.outgoing import Answer, NotSentError, Outgoing, clean_reason, reason_of, status_of
from hub.templated import as_json, as_text, filled, parsed, text_at, value_at, written
from plugins.destinations.rest.config import Request

UNWRITABLE = "a field holds what JSON can't: send text, numbers, dates or lists"


def missing(error: KeyError) -> str:
    """Say which placeholder has no value."""
    return f"there is no value for {{{error.args[0]}}}: no field of the sync has that name"


@dataclass(frozen=True)
class Api:
    """An open connection, what every request carries, and the statuses that mean: later."""

    outgoing: Outgoing
    headers: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str] = field(repr=False)
    retriable: Collection[int]
    tokens: Tokens | None = None
    """What hands out access tokens; one that is no longer taken is replaced once, for a 401 took nothing."""

    def call(self, request: Request, values: Mapping[str, Any]) -> Answer:
        """Make one request. Raises RejectedError where it can't be written, NotSentError and NoAnswerError."""
        try:
            path = written(request.path, values, _step)
            query = {name: as_text(value) for name, value in filled(request.query, values).items()}
            headers = {name: _one_line(written(text, values)) for name, text in request.headers.items()}
            content, kind = _content(request, values)
        except KeyError as error:
            raise RejectedError(missing(error)) from None
        except (TypeError, ValueError, RecursionError):
            raise RejectedError(UNWRITABLE) from None
        place = f"/{path.lstrip('/')}" if path else ""
        said = {"Accept": "application/json", **kind, **self.headers, **headers}
        if self.tokens is None:
            return self.outgoing.request(request.method, content, said, {**self.query, **query}, place)
        token = self.tokens.access()
        signed = {**said, "Authorization": f"Bearer {token}"}
        answer = self.outgoing.request(request.method, content, signed, {**self.query, **query}, place)
        if answer.status == 401:
            signed["Authorization"] = f"Bearer {self.tokens.access(refused=token)}"
            answer = self.outgoing.request(request.method, content, signed, {**self.query, **query}, place)
        return answer


@dataclass(frozen=True)
class Meaning:
    """What an answer means for everything that its request carried."""

    status: Status
    reason: str = ""


def meaning_of(request: Request, answer: Answer, retriable: Collection[int], personal: Collection[str]) -> Meaning:
    """Tell it by the status, by the error in an answer of 200, and by the refusal in one of 5xx.

    Raises NotSentError where the API takes nothing from us now.
    """
    known = answer.status in request.accepted and not answer.is_page
    if known or text_at(request.code_at, parsed(answer.body)) in request.done:
        return Meaning("accepted")
    if answer.status in request.missing and not answer.is_page:
        said = answer.body.decode("utf-8", "replace")
        return Meaning("rejected", clean_reason(f"HTTP {answer.status}: {said}", *personal).rstrip(": "))
    status = status_of(answer, retriable)
    place = {"accepted": request.error_at, "unknown": request.refused_at}.get(status)
    error = value_at(place, parsed(answer.body)) if place is not None else None
    if error:
        said = clean_reason(_as_said(error), *personal)
        busy = any(word.lower() in said.lower() for word in request.busy)
        told = "an answer of 200 with an error" if status == "accepted" else f"HTTP {answer.status}"
        return Meaning("later" if busy else "rejected", f"{told}: {said}")
    reason = reason_of(answer, *personal)
    if status == "later" and answer.holds_for_all:
        raise NotSentError(reason, answer.retry_after)
    return Meaning(status, reason)


def id_in(request: Request, answer: Answer) -> str:
    """Read the API's own id of what it took; empty where it does not tell."""
    if request.id_header is not None:
        return answer.headers.get(request.id_header.lower(), "")
    return text_at(request.id_at, parsed(answer.body))


def left_out(holds: Mapping[str, list[dict[str, Any]]], answer: Answer) -> list[str]:
    """Name what an answer would list, by place, and does not: it was passed over."""
    body = parsed(answer.body)
    return [
        " ".join(as_text(said) for said in entry.values())
        for place, entries in holds.items()
        for entry in entries
        if not any(entry.items() <= one.items() for one in _objects(value_at(place, body)))
    ]


def _objects(there: Any) -> list[Mapping[str, Any]]:
    return [one for one in there if isinstance(one, Mapping)] if isinstance(there, list) else []


def _content(request: Request, values: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
    if request.body is None:
        return b"", {}
    body = filled(request.body, values)
    if request.encoding == "form":
        form = {name: as_text(value) for name, value in body.items() if value is not None}
        return urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, default=as_json)
    return text.encode(), {"Content-Type": "application/json; charset=utf-8"}


def _step(text: str) -> str:
    """Write a value into a path. Without it, the path names everything of its kind."""
    if not text:
        raise RejectedError("a value that the address needs is empty")
    return quote(text, safe="")


def _as_said(error: Any) -> str:
    return error if isinstance(error, str) else json.dumps(error, ensure_ascii=False)


def _one_line(text: str) -> str:
    if any(letter < " " for letter in text) or not text.isascii():
        raise ValueError
    return text
