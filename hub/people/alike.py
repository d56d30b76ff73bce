"""What two records of one person say alike of who they are: the other half of the reason for their link."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.normalise.likeness import given_name_key, given_name_likeness, surname_key, surname_likeness

_WORDS = {"same": "agrees", "near": "is similar", "far": "is related", "other": "differs"}


def what_agrees(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """Tell how names and dates of birth compare, as far as both tell them: "given name agrees, surname differs".

    Both are rows of source_record. None where they have no field in common.
    """
    told = []
    given = _given(one), _given(other)
    if given[0] and given[1]:
        told.append(f"given name {_WORDS[given_name_likeness(given[0], given[1])]}")
    family = _family(one), _family(other)
    if family[0] and family[1]:
        told.append(f"surname {_WORDS[surname_likeness(family[0], family[1])]}")
    if one["birth_date"] and other["birth_date"]:
        told.append(f"date of birth {'agrees' if one['birth_date'] == other['birth_date'] else 'differs'}")
    return ", ".join(told) or None


def _given(row: Mapping[str, Any]) -> str | None:
    return given_name_key(row["given_name"] or row["initials"] or "")


def _family(row: Mapping[str, Any]) -> str | None:
    return surname_key(" ".join(filter(None, (row["surname"], row["partner_surname"]))))
