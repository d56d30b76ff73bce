"""Asking by POST: parameters in a body, and the errors that an answer of 200 may hold, as GraphQL's do."""

from __future__ import annotations

import json
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
