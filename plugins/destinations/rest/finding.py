"""Finding: ask whether a thing is there before it is made, and whether it is the row's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.contracts import Result, Row
from hub.errors import RejectedError
from hub.templated import parsed, text_at, value_at, written
from plugins.destinations.rest.api import Api, meaning_of, missing, words_of
from plugins.destinations.rest.config import Find


def look_for(api: Api, find: Find, row: Row, values: Mapping[str, Any]) -> str | Result:
    """Give what the API calls the row's thing, empty where it is not there; a result where it can't be written."""
    try:
        answer = api.call(find, values)
        ours = {place: written(template, values) for place, template in find.ours.items()}
    except RejectedError as error:
        return Result(row.key, "rejected", reason=str(error))
    except KeyError as error:
        return Result(row.key, "rejected", reason=missing(error))
    if answer.status in find.accepted:
        return ""
    meaning = meaning_of(find, answer, api.retriable, words_of(list(row.fields.values())))
    if meaning.status == "unknown":
        return Result(row.key, "later", reason=meaning.reason)  # it was only asked: nothing was written
    if meaning.status != "accepted":
        return Result(row.key, meaning.status, reason=meaning.reason, retry_after=meaning.retry_after)
    thing = value_at(find.at, parsed(answer.body))
    if not thing:
        return ""
    if any(text_at(place, thing).casefold() != said.casefold() for place, said in ours.items()):
        return Result(row.key, "rejected", reason="it is there already, and is something else's: it is left alone")
    return text_at(find.id_at, thing) or Result(row.key, "rejected", reason=f"what is there has no '{find.id_at}'")
