"""What remains of a file with mistakes, so that the rest of it is checked in the same round.

A value that is wrong is left out, with as little around it as can be; of a list, what comes after a wrong entry is left
out too, so that every place stays where it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from hub.project.form import wrong_paths
from hub.project.yaml import KeyPath

Form = TypeVar("Form", bound=BaseModel)

ROUNDS = 8
"""Leaving one thing out may make what is around it wrong; a file that is never right has nothing that remains."""


def what_remains(model: type[Form], given: Any) -> tuple[Form | None, set[KeyPath]]:
    """Make a model of what is right in a file's value; the set holds the places that were left out."""
    left_out: set[KeyPath] = set()
    for _ in range(ROUNDS):
        try:
            return model.model_validate(given), left_out
        except ValidationError as error:
            wrong = wrong_paths(error, given)
        if () in wrong:
            break
        left_out |= wrong
        given = _without(given, wrong)
    return None, left_out


def _without(value: Any, paths: Iterable[KeyPath]) -> Any:
    """Copy a value without what stands at some paths below it."""
    below: dict[Any, list[KeyPath]] = {}
    for path in paths:
        below.setdefault(path[0], []).append(path[1:])
    gone = {key for key, rests in below.items() if () in rests}
    if isinstance(value, list):
        kept = value[: min(gone, default=len(value))]
        return [_without(entry, below[number]) if number in below else entry for number, entry in enumerate(kept)]
    return {
        key: _without(entry, below[key]) if key in below else entry for key, entry in value.items() if key not in gone
    }
