"""Asking by POST: parameters in a body; and the answers of 200 that are none: errors, as GraphQL's, or no list."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from hub.errors import ConfigurationError, TemporaryError
from hub.outgoing import clean_reason
from hub.templated import value_at
from plugins.sources.rest.config import RestResource


def with_values(body: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Put values into a copy of a body, by paths such as variables.after."""
    filled = deepcopy(dict(body))
    for path, value in values.items():
        *above, name = path.split(".")
        place = filled
        for step in above:
            place = place.setdefault(step, {})
        place[name] = value
    return filled


def refuse_error(settings: RestResource, where: str, answer: Any) -> None:
    """Raise what an answer of 200 says that went wrong: TemporaryError if `busy` names it, else ConfigurationError."""
    error = value_at(settings.error_at, answer) if settings.error_at is not None else None
    if not error:
        return
    said = clean_reason(error if isinstance(error, str) else json.dumps(error, ensure_ascii=False))
    if any(word.lower() in said.lower() for word in settings.busy):
        raise TemporaryError(f"{where}: the API is busy: {said}")
    raise ConfigurationError(f"{where}: an answer of 200 with an error: {said}; mend `body`, or the rights of its user")


def refuse_absence(settings: RestResource, where: str, answer: Any) -> None:
    """Raise where an answer lacks the list that `data` names: an error in a form of its own, or another API."""
    if settings.data is None and isinstance(answer, Mapping) and (answer.get("error") or answer.get("errors")):
        raise ConfigurationError(
            f"{where}: an answer of 200 with an error in the place of a list; mend `auth` or `path`, or say in `data` "
            "where the list is"
        )
    if settings.data is None or settings.may_lack or not _PLAIN.fullmatch(settings.data):
        return
    holder = answer
    for step in settings.data.split("."):
        if holder is None:
            return  # it says itself that there is nothing
        if not (isinstance(holder, Mapping) and step in holder) and not (isinstance(holder, list) and step.isdigit()):
            raise ConfigurationError(
                f"{where}: the answer has nothing at '{settings.data}'; mend `data`, or say `may_lack: true` if the "
                "API leaves an empty list out"
            )
        holder = value_at(step, holder)


_PLAIN = re.compile(r"[\w-]+(\.[\w-]+)*")
