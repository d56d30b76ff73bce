"""Erasing: one request per record, the first one described for which everything is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from hub.contracts import Erasable, Result
from hub.in_turn import in_turn
from hub.outgoing import NoAnswerError, NotSentError, words_of
from plugins.destinations.rest.api import Api, meaning_of
from plugins.destinations.rest.config import Erase


def erase_records(api: Api, requests: Sequence[Erase], records: Sequence[Erasable]) -> list[Result]:
    """Erase records; what came without an answer goes again, for erasing twice changes nothing."""
    return in_turn(records, lambda record: [record.key], lambda record: [_erase(api, requests, record)])


def _erase(api: Api, requests: Sequence[Erase], record: Erasable) -> Result:
    values = asdict(record)
    request = next((it for it in requests if all(values[name] for name in it.needs)), None)
    if request is None:
        needs = " or ".join(sorted({", ".join(sorted(it.needs)) for it in requests}))
        return Result(record.key, "rejected", reason=f"the hub does not know its {needs}")
    try:
        answer = api.call(request, values)
    except NoAnswerError as error:
        raise NotSentError(str(error)) from None
    meaning = meaning_of(request, answer, api.retriable, words_of([*values.values()]))
    if meaning.status == "accepted" and request.takes_time and answer.status not in request.accepted:
        return Result(record.key, "unknown", reason="it erases in its own time")
    return Result(record.key, meaning.status, "", meaning.reason)
