"""Plans: what syncs would change, before they do; and applying a plan while it still holds.

The file of a plan holds counts and digests, no row and no key: it can be sent to who must agree. A digest stands for
exactly these rows with exactly these fields, treated alike. Applying compares again, and refuses where anything is
other than it was planned.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hub.contracts import Destination, Row
from hub.errors import ConfigurationError, RejectedError, suggest
from hub.failpoints import reach
from hub.project import Project
from hub.project.sync import Sync
from hub.stages.activate.deliver import deliver
from hub.stages.activate.difference import TAKEN_OUT, WRITTEN, Difference, Kind, digest
from hub.stages.activate.guards import held_by
from hub.stages.activate.journal import open_journal
from hub.stages.activate.pace import Pace
from hub.stages.activate.ship import Shipment, as_sync_batch
from hub.stages.activate.sync import Outcome, Stores, Way, compare, destination_of, run_ways
from hub.warehouse import Transaction
from hub.warehouse.state import fingerprint

FORM = 1
"""Of the file; another form is another version of the hub."""


@dataclass(frozen=True)
class Sample:
    """One row that would change: its fields as (before, after); before is None where nobody knows."""

    kind: Kind
    key: str
    fields: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Planned:
    """What one sync would do.

    `changes` counts rows by what is to become of them, `guard` and `why` say what would hold them. `configuration` and
    `data` are digests. `tried` counts what the destination said to a trial, as status and reason.
    """

    sync: str
    connection: str
    object: str
    configuration: str
    data: str
    source: int
    refused: int
    no_key: int
    shared_key: int
    unchanged: int
    changes: Mapping[str, int]
    guard: str = ""
    why: str = ""
    tried: Mapping[str, int] = field(default_factory=dict)
    samples: tuple[Sample, ...] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True)
class Plan:
    """What syncs would do as of a moment."""

    as_of: datetime
    syncs: tuple[Planned, ...]


@dataclass(frozen=True)
class Applied:
    """What became of one sync of a plan; `refused` says why nothing was sent."""

    sync: str
    counts: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[str, ...] = ()
    refused: str = ""


def named(project: Project, names: Sequence[str]) -> list[Sync]:
    """Find syncs by their names, all where none is named. Raises ConfigurationError."""
    for name in names:
        if name not in project.syncs:
            known = ", ".join(project.syncs) or "none"
            near = suggest(name, project.syncs) or f" Syncs: {known}."
            raise ConfigurationError(f"there is no sync '{name}'.{near}")
    return [project.syncs[name] for name in names] or list(project.syncs.values())


def make_plan(stores: Stores, syncs: Sequence[Sync], samples: int = 3, try_out: bool = False) -> Plan:
    """Compare, and change nothing. With `try_out`, destinations that can are asked what they would say to every row."""
    return Plan(stores.as_of, tuple(_planned(stores, sync, samples, try_out) for sync in syncs))


def write_plan(plan: Plan, file: Path) -> None:
    """Write a plan to a new file that only its owner can read. Raises ConfigurationError where that can't be."""
    syncs = []
    for planned in plan.syncs:
        told = asdict(planned)
        del told["samples"]
        syncs.append(told)
    body = {"plan": FORM, "as_of": plan.as_of.isoformat(), "syncs": syncs}
    text = json.dumps({**body, "digest": _digest(body)}, indent=2, ensure_ascii=False) + "\n"
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            reach("plan begun, not written")
            out.write(text)
    except OSError as error:
        raise ConfigurationError(f"{file} can't be written: {error.strerror}") from None


def read_plan(file: Path) -> Plan:
    """Read a plan. Raises ConfigurationError where it is none, RejectedError where it was changed."""
    try:
        body = json.loads(file.read_text("utf-8"))
        claimed = body.pop("digest")
        whole = claimed == _digest(body)
        form = body["plan"]
    except OSError as error:
        raise ConfigurationError(f"{file} can't be read: {error.strerror}") from None
    except (ValueError, KeyError, AttributeError, TypeError):
        raise ConfigurationError(f"{file} is no plan: `hub plan --out FILE` makes one") from None
    if form != FORM:
        raise ConfigurationError(f"{file} was made by another version of the hub: make a new plan")
    if not whole:
        raise RejectedError(f"{file} was changed since it was made: nothing was sent. Make a new plan with `hub plan`")
    return Plan(datetime.fromisoformat(body["as_of"]), tuple(Planned(**planned) for planned in body["syncs"]))


def apply_plan(
    stores: Stores, plan: Plan, override: str = "", by: str = "", limit: int | None = None, person_id: int | None = None
) -> list[Applied]:
    """Send what was planned. A sync that would send anything else is refused, and so is one that a guard holds.

    With `override`, guards hold nothing; who overrides, when and why is kept in the ledger. `limit` and `person_id` let
    only the first rows of each sync go, or those of one person.
    """
    refused: dict[str, Applied] = {}
    ways: list[tuple[Sync, Way]] = []
    for planned in plan.syncs:
        sync = stores.project.syncs.get(planned.sync)
        if sync is None or configuration_of(stores.project, sync) != planned.configuration:
            refused[planned.sync] = Applied(planned.sync, refused=_other("the configuration has"))
        elif planned.guard and not override.strip():
            refused[planned.sync] = Applied(
                planned.sync, refused=f"{planned.why}: look at it, then say `--override REASON`"
            )
        else:
            if planned.guard:
                what = f"sync {sync.sync}: {planned.guard}"
                stores.ledger.hand_work.add("override", sync.to.connection, "", what, by, stores.as_of, override)
                reach("override noted, nothing sent")
            way = Way("plan", planned.data, bool(planned.guard), limit, person_id)
            ways.append((sync, way))
    reach("plan holds, nothing sent")
    outcomes = {sync.sync: outcome for sync, outcome in run_ways(stores, ways)}
    return [refused.get(planned.sync) or _applied(planned.sync, outcomes[planned.sync]) for planned in plan.syncs]


def run_again(stores: Stores, sync: Sync, override: str = "", by: str = "") -> Applied:
    """Send every row of a sync, changed or not, and take out what it once sent and should not be there."""
    if override.strip():
        what = f"sync {sync.sync}: resync"
        stores.ledger.hand_work.add("override", sync.to.connection, "", what, by, stores.as_of, override)
    ((_, outcome),) = run_ways(stores, [(sync, Way("resync", override=bool(override.strip())))])
    return _applied(sync.sync, outcome)


def configuration_of(project: Project, sync: Sync) -> str:
    """Name what is written about a sync and its connection; secrets do not count."""
    connection = project.connections[sync.to.connection]
    return fingerprint(sync.model_dump_json(), connection.plugin.name, connection.config.model_dump_json())


def _planned(stores: Stores, sync: Sync, samples: int, try_out: bool) -> Planned:
    destination = destination_of(stores.project, sync)
    with stores.warehouse.begin() as reading:
        before = open_journal(reading, sync.sync)
        differs = compare(reading, stores, sync, destination)
        held = held_by(sync, differs, before.source)
        counts = differs.counts
        return Planned(
            sync.sync,
            sync.to.connection,
            sync.to.object,
            configuration_of(stores.project, sync),
            digest(reading, differs),
            counts.source,
            counts.refused,
            counts.no_key,
            counts.shared,
            differs.unchanged,
            {kind: differs.by_kind[kind] for kind in (*WRITTEN, *TAKEN_OUT) if kind in differs.by_kind},
            held.guard if held is not None else "",
            held.why if held is not None else "",
            _tried(stores, reading, sync, destination, differs) if try_out else {},
            tuple(_samples(reading, sync, destination, differs, samples)),
        )


def _samples(
    transaction: Transaction, sync: Sync, destination: Destination, differs: Difference, number: int
) -> list[Sample]:
    """Show the first rows of each kind, with what stands there where the destination can say so."""
    found: list[Sample] = []
    changes = differs.changes
    for kind in (*WRITTEN, *TAKEN_OUT):
        if kind not in differs.by_kind:
            continue
        first = transaction.hold(
            "first_changes",
            sa.select(changes).where(changes.c.kind == kind).order_by(changes.c.row_key).limit(number),
        )
        if kind in TAKEN_OUT:
            keys = transaction.rows(sa.select(first.c.row_key).order_by(first.c.row_key))
            found += [Sample(kind, row.row_key) for row in keys]
            continue
        asked = differs.audience.with_fields(first)
        rows = sorted(transaction.arrow(asked).read_all().to_pylist(), key=lambda row: str(row["row_key"]))
        after = {row["row_key"]: {name: row[f"f{place}"] for place, name in enumerate(sync.fields)} for row in rows}
        there: Mapping[str, Mapping[str, Any]] = {}
        if kind != "new" and destination.capabilities.can_read:
            asked_for = [Row(row["row_key"], {}, row["remote_id"] or "") for row in rows]
            there = destination.read_back(sync.to.object, asked_for, list(sync.fields))
        found += [Sample(kind, key, _compared(fields, there.get(key))) for key, fields in after.items()]
    return found


def _compared(after: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, tuple[Any, Any]]:
    """Put the fields side by side; those that do not differ are left out where it is known what stands there."""
    if before is None:
        return {name: (None, value) for name, value in after.items()}
    return {name: (before.get(name), value) for name, value in after.items() if before.get(name) != value}


def _tried(
    stores: Stores, transaction: Transaction, sync: Sync, destination: Destination, differs: Difference
) -> dict[str, int]:
    """Ask the destination about every row that would go."""
    if differs.by_kind and not destination.capabilities.can_try:
        return {f"{sync.to.connection} can't try rows": sum(differs.by_kind.values())}
    pace = Pace(destination.capabilities.rates, stores.ledger.allowances, sync.to.connection)
    said: Counter[str] = Counter()
    for batch in Shipment(sync, destination.capabilities, differs).batches(transaction, differs.changes):
        if not pace.take(batch.rows.num_rows):
            break
        ready = as_sync_batch(sync, batch)
        answer = deliver(ready.keys, lambda ready=ready: destination.try_out(ready))  # type: ignore[misc]
        said.update(": ".join(filter(None, (result.status, result.reason))) for result in answer.results)
        if answer.failure:
            break
    return dict(said)


def _applied(name: str, outcome: Outcome) -> Applied:
    if outcome.changed:
        return Applied(name, refused=_other("the rows that would change have"))
    held = (outcome.held.why,) if outcome.held is not None and not outcome.failures() else ()
    return Applied(
        name, {what: number for what, number in outcome.counts.items() if number}, (*outcome.failures(), *held)
    )


def _other(what: str) -> str:
    return f"{what} changed since the plan was made: nothing was sent. Make a new plan with `hub plan`"


def _digest(body: Mapping[str, Any]) -> str:
    return sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
