"""Requests with {placeholders}, and values of JSON answers by their path: what plugins that are configured share.

Only whole names are replaced, nothing is evaluated. A text that is one placeholder and nothing else becomes the value
itself, a number or a list too; within a longer text a value is written as text. `{name:number}`, alone, makes a text
that holds a whole number one, `{name:text}` writes a number as text, and `{name:bit}` does, with 1 and 0 for yes and
no. The entries of the value under a key `+` stand among those beside it; a list of such values is taken in its order,
the later over the earlier. An object with a key `?` is there only where that holds something. One in a list with a key
`*` is there once for each entry of what that holds, which is `{name}` and `{value}` in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

AMONG = "+"
ONLY_WITH = "?"
FOR_EACH = "*"
_ABSENT = object()

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_AS_TYPE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*):(number|text|bit)\}")


def placeholders(template: Any) -> set[str]:
    """List the names that are used, at any depth."""
    if isinstance(template, Mapping):
        whole = {name for place, value in template.items() if place != FOR_EACH for name in placeholders(value)}
        return whole - {"name", "value"} | placeholders(template[FOR_EACH]) if FOR_EACH in template else whole
    if isinstance(template, list):
        return {name for value in template for name in placeholders(value)}
    if not isinstance(template, str):
        return set()
    return {*_PLACEHOLDER.findall(template), *(name for name, _ in _AS_TYPE.findall(template))}


def filled(template: Any, values: Mapping[str, Any]) -> Any:
    """Put the values in; one that holds braces itself stays as it is.

    Raises KeyError, which names what has no value, ValueError for a text that holds no whole number, and TypeError for
    what is to be listed entry by entry and has none.
    """
    done = _filled(template, values)
    return {} if done is _ABSENT else done


def _filled(template: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(template, Mapping):
        return _object(template, values)
    if isinstance(template, list):
        return [done for value in template for done in _entries(value, values) if done is not _ABSENT]
    if isinstance(template, str):
        if whole := _PLACEHOLDER.fullmatch(template):
            return values[whole[1]]
        if typed := _AS_TYPE.fullmatch(template):
            return _typed(values[typed[1]], typed[2])
        return written(template, values)
    return template


def _typed(value: Any, kind: str) -> int | str:
    if kind == "number":
        return int(value)
    return as_text(int(value) if kind == "bit" and isinstance(value, bool) else value)


def _entries(template: Any, values: Mapping[str, Any]) -> list[Any]:
    """Give what an entry of a list becomes: itself, or one for each entry of what stands under `*`."""
    if not isinstance(template, Mapping) or FOR_EACH not in template:
        return [_filled(template, values)]
    each = _filled(template[FOR_EACH], values)
    if not isinstance(each, Mapping):
        raise TypeError
    one = {place: value for place, value in template.items() if place != FOR_EACH}
    return [_filled(one, {**values, "name": name, "value": value}) for name, value in each.items()]


def _object(template: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    if ONLY_WITH in template and not _holds(template[ONLY_WITH], values):
        return _ABSENT
    named = {name: _filled(value, values) for name, value in template.items() if name != ONLY_WITH}
    done = {name: value for name, value in named.items() if value is not _ABSENT}
    among = done.pop(AMONG, {})
    some = among if isinstance(among, list) else [among]
    return {name: value for part in (*some, done) for name, value in part.items()}


def _holds(condition: Any, values: Mapping[str, Any]) -> bool:
    """Tell whether there is something; a value that nobody gave is nothing."""
    return placeholders(condition) <= values.keys() and bool(_filled(condition, values))


def written(template: str, values: Mapping[str, Any], quote: Callable[[str], str] = str) -> str:
    """Put the values into a text; None is written as nothing, `quote` guards each value."""
    return _PLACEHOLDER.sub(lambda match: quote(as_text(values[match[1]])), template)


def as_text(value: Any) -> str:
    """Write a value as text: moments in ISO 8601, yes and no as true and false, what is structured as JSON."""
    if value is None:
        return ""
    plain = as_json(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False, allow_nan=False)


def as_json(value: Any) -> Any:
    """Give a value as JSON can hold it. Raises TypeError for what it can't."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {name: as_json(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(inner) for inner in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError


def value_at(path: str, answer: Any) -> Any:
    """Read a value of an answer by its path (`messages.0.id`; empty: the whole); None where there is none."""
    for step in filter(None, path.split(".")):
        if isinstance(answer, Mapping) and step in answer:
            answer = answer[step]
        elif isinstance(answer, list) and step.isdigit() and int(step) < len(answer):
            answer = answer[int(step)]
        else:
            return None
    return answer


def text_at(path: str, answer: Any) -> str:
    """Read a text or number of an answer by its path; empty where there is none."""
    value = value_at(path, answer)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def parsed(body: bytes) -> Any:
    """Read an answer as JSON; None where it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
