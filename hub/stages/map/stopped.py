"""Stopped: a connection that a check stopped is not mapped again while nothing has changed that could let it go on.

What could: a load package, a mapping, a check or an acceptance; another day, for checks that the calendar decides; and
where a check demands that rows are there which are referred to, whatever else was mapped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.project import Project
from hub.stages.map.groups import Seen
from hub.stages.map.groups import mark as mark_of_mapping
from hub.stages.map.raw import RawData
from hub.warehouse import Transaction
from hub.warehouse.state import fingerprint, remember

_KEY = "map:stopped:"
"""How the state begins under which it is kept; the connection follows."""

Known = Mapping[str, Mapping[str, Seen]]
"""What was mapped so far: by connection and target."""


@dataclass(frozen=True)
class Stopped:
    """The state in which a connection was stopped, and the words in which that is told."""

    state: str
    words: str


def state(project: Project, data: RawData, known: Known, connection: str, accepted: str | None, as_of: datetime) -> str:
    """Name everything that decides whether a connection is stopped."""
    own = [mapped for mapped in project.mappings if mapped.connection == connection]
    timezone = project.hub.timezone
    settings = project.connections.get(connection)
    notation = settings.notation if settings else "iso"
    marks = [mark_of_mapping(it, project.schema, project.identity, notation, timezone) for it in own]
    demands = [
        *(repr(check) for it in own for check in (*(check for _, check in it.mapping.row_checks), *it.shared_checks)),
        repr(project.quality),
    ]
    refers = any(check.refers for checks in project.quality.checks.values() for check in checks)
    by_the_clock = any("as_of" in demand for demand in demands)
    return fingerprint(
        [(load.load_id, load.mended) for load in data.loads(connection)],
        marks,
        demands,
        accepted,
        as_of if by_the_clock else as_of.astimezone(ZoneInfo(timezone)).date(),
        _mapped(known if refers else {connection: known.get(connection, {})}),
    )


def _mapped(known: Known) -> Sequence[object]:
    return sorted(
        (connection, target, mapping, sorted(loads))
        for connection, targets in known.items()
        for target, before in targets.items()
        for mapping, loads in before.loads.items()
    )


def stopped(transaction: Transaction) -> dict[str, Stopped]:
    """Give what is stopped, by connection."""
    kept = transaction.table("stage_state")
    found = sa.select(kept.c.stage, kept.c.fingerprint).where(kept.c.stage.startswith(_KEY, autoescape=True))
    return {stage.removeprefix(_KEY): Stopped(**json.loads(text)) for stage, text in transaction.rows(found)}


def keep_stopped(transaction: Transaction, connection: str, how: Stopped, as_of: datetime) -> None:
    """Remember that a connection is stopped."""
    remember(transaction, _KEY + connection, json.dumps(asdict(how)), as_of)


def go_on(transaction: Transaction, connection: str) -> None:
    """Forget that a connection was stopped."""
    kept = transaction.table("stage_state")
    transaction.execute(sa.delete(kept).where(kept.c.stage == _KEY + connection))
