"""Members of an audience: what a platform is to know each by, and what it was told before.

What was acknowledged is kept as the row's remote id: the identifiers as they were sent, as JSON. So a person who leaves
is taken out by what the platform has, though the person's fields are gone, and a changed address does not stay behind.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from hub.contracts import Result, Row, SyncBatch
from hub.errors import ConfigurationError, suggest
from hub.templated import as_text

FIELDS = ("email", "phone", "given_name", "surname", "city", "postcode", "country")
CONSENT = ("ad_user_data", "ad_personalization")
"""Both must be true: that data about a person goes to the platform, and that it may be used to personalise ads."""

Identify = Callable[[Mapping[str, str]], dict[str, str]]

NO_CONSENT = (
    "no consent: map `ad_user_data` and `ad_personalization`, for example to consents('ads'), and both must hold"
)
NOBODY = "nothing to know the person by: no valid e-mail address, and no telephone number with its country code"


@dataclass(frozen=True)
class Member:
    """One row on its way: `new` is what the platform is to know it by, `gone` what it no longer should."""

    key: str
    new: Mapping[str, str] = field(repr=False)
    gone: Mapping[str, str] = field(repr=False)

    @property
    def remote_id(self) -> str:
        """Write what the platform then knows."""
        return json.dumps(self.new, separators=(",", ":"), sort_keys=True)


@dataclass(frozen=True)
class Prepared:
    """A batch, sorted: members to write, members to take out, and what became of the others already."""

    writing: Sequence[Member]
    leaving: Sequence[Member]
    results: Mapping[str, Result]


def prepared(batch: SyncBatch, identify: Identify, alone: Collection[str]) -> Prepared:
    """Sort a batch. Who may not be written and is there is taken out. Raises ConfigurationError for an unknown field.

    `alone` are the kinds of identifiers that tell somebody apart by themselves: a former one is taken out.
    """
    writing: list[Member] = []
    leaving: list[Member] = []
    results: dict[str, Result] = {}
    for row in batch.rows:
        known = _acknowledged(row)
        new, refused = ({}, "") if batch.operation == "remove" else _identified(row, identify)
        if batch.operation == "remove" or refused:
            if known:
                leaving.append(Member(row.key, {}, known))
            results[row.key] = (
                Result(row.key, "rejected", reason=refused) if refused else Result(row.key, "accepted", row.remote_id)
            )
        else:
            gone = {kind: value for kind, value in known.items() if kind in alone and new.get(kind) != value}
            writing.append(Member(row.key, new, gone))
    return Prepared(writing, leaving, results)


def _identified(row: Row, identify: Identify) -> tuple[dict[str, str], str]:
    """Give what somebody is known by, or the reason why nothing may go."""
    for given in sorted(row.fields.keys() - {*FIELDS, *CONSENT}):
        near = suggest(given, (*FIELDS, *CONSENT))
        raise ConfigurationError(f"an audience has no field '{given}'.{near} It has: {', '.join((*FIELDS, *CONSENT))}")
    if not all(row.fields.get(name) is True for name in CONSENT):
        return {}, NO_CONSENT
    try:
        found = identify({name: as_text(row.fields.get(name)) for name in FIELDS})
    except (TypeError, ValueError, RecursionError):
        return {}, "a field holds what is no text"
    return found, "" if found else NOBODY


def _acknowledged(row: Row) -> dict[str, str]:
    try:
        known = json.loads(row.remote_id) if row.remote_id else {}
    except ValueError:
        known = {}
    return {str(kind): str(value) for kind, value in known.items()} if isinstance(known, dict) else {}
