"""Finding: ask whether a thing is there before it is made, and whether it is the row's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.contracts import Result, Row
from hub.errors import RejectedError
from hub.outgoing import words_of
from hub.templated import parsed, text_at, value_at, written
from plugins.destinations.rest.api import Api, meaning_of, missing
from plugins.destinations.rest.config import Find


@dataclass(frozen=True)
class Found:
    """What the API calls a row's thing, empty where it is not there, and what is kept of what it says."""

    remote_id: str = ""
    kept: Mapping[str, Any] = field(default_factory=dict)


def look_for(api: Api, find: Find, row: Row, values: Mapping[str, Any]) -> Found | Result:
    """Look for the row's thing; a result where it can't be written. Raises what `Api.call` raises."""
    answer = api.call(find, values)
    try:
        ours = {place: written(template, values) for place, template in find.ours.items()}
    except KeyError as error:
        raise RejectedError(missing(error)) from None
    if answer.status in find.accepted:
        return Found()
    meaning = meaning_of(find, answer, api.retriable, words_of(list(row.fields.values())))
    if meaning.status == "unknown":
        return Result(row.key, "later", reason=meaning.reason)  # it was only asked: nothing was written
    if meaning.status != "accepted":
        return Result(row.key, meaning.status, reason=meaning.reason)
    thing = value_at(find.at, parsed(answer.body))
    if not thing:
        return Found()
    if any(text_at(place, thing).casefold() != said.casefold() for place, said in ours.items()):
        return Result(row.key, "rejected", reason="it is there already, and is something else's: it is left alone")
    if not (remote_id := text_at(find.id_at, thing)):
        return Result(row.key, "rejected", reason=f"what is there has no '{find.id_at}'")
    return Found(remote_id, {name: value for name in find.keep if (value := value_at(name, thing)) is not None})
