"""The order of the stages, written once.

    land -> map -> look_up -> resolve -> feedback -> enrich -> segment -> decide -> activate -> measure
     ^                                                                                  |
     +------------------------ reactions come back in as raw data ---------------------+

`look_up` asks registers about organisations that map just brought; the answers land and are mapped in the same run.

Reactions land with everything else; `feedback` settles what they mean for receipts and suppressions before anything
new is decided. `hub run` walks this in-process; `flows/` gives the same stages schedules and retries.
"""

from __future__ import annotations

import atexit
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from hub import log, settings
from hub.consent_texts import pin_texts
from hub.contracts import Destination, Lookup, Source
from hub.errors import ConfigurationError, HubError, suggest
from hub.lake import Lake
from hub.ledger import Ledger, is_there, open_ledger
from hub.privacy import Stores, go_on, replay
from hub.project import Connection, Project
from hub.project.sync import Sync
from hub.report import Report
from hub.stages.activate import activate, bring_up_to_date
from hub.stages.decide import decide
from hub.stages.enrich import enrich
from hub.stages.feedback import feedback
from hub.stages.land import land
from hub.stages.land.pushes import Pushes
from hub.stages.look_up import ask, signals
from hub.stages.map import map_loads
from hub.stages.measure import measure
from hub.stages.resolve import resolve
from hub.stages.segment import segment
from hub.warehouse import Warehouse, open_warehouse
from hub.warehouse.state import fingerprint, seen

Stage = Literal["land", "map", "look_up", "resolve", "feedback", "enrich", "segment", "decide", "activate", "measure"]

STAGES: tuple[Stage, ...] = (
    "land",
    "map",
    "look_up",
    "resolve",
    "feedback",
    "enrich",
    "segment",
    "decide",
    "activate",
    "measure",
)

FLOWS: dict[str, tuple[Stage, ...]] = {
    "ingest": ("land", "map", "look_up"),
    "build": ("resolve", "feedback", "enrich", "segment", "measure"),
    "engage": ("decide", "activate", "measure"),
    "listen": ("land", "map", "resolve", "feedback"),
}
"""The parts of a run that have schedules of their own; `listen` lands what destinations tell and what was pushed."""

SYNC = "sync:"
"""Before the name of a sync: a part of a run that is that sync alone."""

Progress = Callable[[Stage, str, Report | None], None]
"""Called when a stage starts (without a report) and when it ends, with the connection where there is one."""

Work = Callable[[], Report]
Step = Callable[[Stage, str, Work], Report]
"""Does one piece of work of a stage: here by calling it, in `flows/` as a Prefect task."""


atexit.register(gc.freeze)  # a process that ends leaves nothing to collect: the system takes it all

_RARELY = 100_000
"""So many new objects before the collector looks; by default 700, for programs that live on cycles of objects."""


@dataclass(frozen=True)
class Workspace:
    """Everything that stages work on, open."""

    project: Project
    lake: Lake
    warehouse: Warehouse
    ledger: Ledger


@dataclass(frozen=True)
class RunReport:
    """What a run did: one report per stage (land: per connection), in the order they ended."""

    run_id: str
    as_of: datetime
    reports: tuple[Report, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall seconds per stage."""

    @property
    def failures(self) -> tuple[str, ...]:
        """Say what went wrong, over all stages."""
        return tuple(failure for report in self.reports for failure in report.failures)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Say what a person should look at, over all stages."""
        return tuple(warning for report in self.reports for warning in report.warnings)

    @property
    def ok(self) -> bool:
        """Say whether everything went well."""
        return not self.failures


@contextmanager
def _settled(stage: Stage) -> Iterator[None]:
    """Let the garbage collector look rarely, and not at what is loaded already: a stage leaves it next to nothing.

    Not while systems are read: their pages pass through objects that hold each other, and would pile up.
    """
    if stage in ("land", "look_up"):
        yield
        return
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_RARELY, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@contextmanager
def workspace(project: Project) -> Iterator[Workspace]:
    """Open the warehouse and the ledger for writing; one run of a project at a time has them.

    Who was erased before a backup was brought back is erased again first, and so is who was about to be when a run
    was killed.

    Raises TemporaryError when another run has them, and ConfigurationError where the ledger of earlier runs is gone.
    """
    project.state.mkdir(parents=True, exist_ok=True)
    lake = Lake(project.lake, project.lake_copies)
    readable = [lake.local] if lake.local is not None else []
    memory = settings.load(project.folder).memory
    warehouse = open_warehouse(project.hub.engine, project.schema, project.state, readable, memory)
    try:
        with warehouse.claim():
            _not_without_ledger(warehouse, project)
            ledger = open_ledger(project.hub.ledger, project.state)
            try:
                stores = Stores(project, lake, warehouse, ledger)
                replay(stores, datetime.now(UTC))
                go_on(stores, datetime.now(UTC))
                yield Workspace(project, lake, warehouse, ledger)
            finally:
                ledger.close()
    finally:
        warehouse.close()
        lake.close()


def _not_without_ledger(warehouse: Warehouse, project: Project) -> None:
    """Refuse to go on with a new ledger beside a warehouse that has seen runs: nobody would be suppressed any more."""
    if is_there(project.hub.ledger, project.state):
        return
    with warehouse.begin() as transaction:
        if seen(transaction, "map") is not None:
            raise ConfigurationError(
                "the ledger is gone, and the warehouse has seen runs: who unsubscribed and what was sent stood in it. "
                "Bring it back from the backup, with the warehouse of the same moment; or, to begin anew, remove both"
            )


def syncs_of(project: Project, names: Sequence[str]) -> list[Sync]:
    """Give the syncs that take part in a run: those that it names, else all; `engage` leaves out the scheduled ones.

    Raises ConfigurationError for a name that is none.
    """
    wanted = [name.removeprefix(SYNC) for name in names if name.startswith(SYNC)]
    for name in wanted:
        if name not in project.syncs:
            raise ConfigurationError(f"there is no sync '{name}'.{suggest(name, project.syncs)}")
    if wanted:
        return [project.syncs[name] for name in wanted]
    return [sync for sync in project.syncs.values() if sync.schedule is None or "engage" not in names]


def chosen(names: Sequence[str]) -> tuple[Stage, ...]:
    """Turn names of stages, flows and syncs into stages in their order; no names mean all of them."""
    wanted: set[Stage] = {"activate" for name in names if name.startswith(SYNC)}
    for name in (name for name in names if not name.startswith(SYNC)):
        if name not in STAGES and name not in FLOWS:
            raise ConfigurationError(
                f"there is no stage or flow '{name}'.{suggest(name, [*STAGES, *FLOWS])} "
                f"Stages: {', '.join(STAGES)}. Flows: {', '.join(FLOWS)}. One sync: {SYNC}NAME."
            )
        wanted |= set(FLOWS.get(name, (name,)))  # type: ignore[arg-type]
    return tuple(stage for stage in STAGES if stage in wanted or not names)


def run(
    project: Project,
    as_of: datetime,
    names: Sequence[str] = (),
    on_progress: Progress = lambda stage, subject, report: None,
    step: Step = lambda stage, subject, work: work(),
) -> RunReport:
    """Walk the chosen stages (all by default) as of a moment, and publish the result to readers.

    A connection that fails to land does not stop the others; its failure is in the report. Any other stage that
    fails ends the run with its error: what was committed until then stays, and the next run goes on from there.
    """
    stages, syncs = chosen(names), syncs_of(project, names)
    only_syncs = bool(names) and all(name.startswith(SYNC) for name in names)
    only_destinations = tuple(names) == ("listen",)
    part = stages if not only_syncs else tuple(names)
    run_id = fingerprint(project.folder.name, as_of, part)[:12]
    reports: list[Report] = []
    seconds: dict[str, float] = {}
    with log.bound(run=run_id), workspace(project) as open_workspace:
        for stage in stages:
            started = time.perf_counter()
            for subject, work in _work(stage, open_workspace, as_of, only_destinations, syncs, only_syncs):
                on_progress(stage, subject, None)
                named = log.bound(stage=stage, connection=subject) if subject else log.bound(stage=stage)
                with _settled(stage), named:
                    report = step(stage, subject, work)
                    _tell(report)
                reports.append(report)
                on_progress(stage, subject, report)
            seconds[stage] = time.perf_counter() - started
        result = RunReport(run_id, as_of, tuple(reports), seconds)
        open_workspace.warehouse.publish(any(not report.skipped for report in reports if report.stage != "land"))
        open_workspace.ledger.record_run(run_id, as_of, reports)
    return result


def _work(
    stage: Stage,
    open_: Workspace,
    as_of: datetime,
    only_destinations: bool,
    syncs: Sequence[Sync],
    only_syncs: bool,
) -> Iterator[tuple[str, Work]]:
    """Give the pieces of work of a stage: one per connection for land, else one."""
    project, warehouse, ledger = open_.project, open_.warehouse, open_.ledger
    match stage:
        case "land":
            waiting = ledger.inbox.waiting()
            for connection in project.connections.values():
                pushes = connection.name in waiting
                asked = not issubclass(connection.plugin, (Lookup, Source) if only_destinations else Lookup)
                if asked or pushes:
                    yield (
                        connection.name,
                        lambda connection=connection, pushes=pushes, asked=asked: land_connection(  # type: ignore[misc]
                            open_, connection, as_of, pushes, asked
                        ),
                    )
            ledger.inbox.tidy(as_of)
        case "map":
            pin_texts(project, ledger, as_of)
            yield "", lambda: map_loads(warehouse, project, open_.lake, as_of, ledger.hand_work.accepted(), ledger)
        case "look_up":
            for connection in project.lookups:
                yield (
                    connection.name,
                    lambda connection=connection: look_up_connection(open_, connection, as_of),  # type: ignore[misc]
                )
            if project.lookups:
                accepted = ledger.hand_work.accepted()
                yield (
                    "map",
                    lambda: replace(
                        map_loads(warehouse, project, open_.lake, as_of, accepted, ledger), stage="look_up"
                    ),
                )
                yield "signals", lambda: signals(warehouse, project, as_of)
        case "resolve":
            yield "", lambda: resolve(warehouse, ledger, project, as_of)
        case "feedback":
            yield "", lambda: feedback(warehouse, ledger, project, as_of)
        case "enrich":
            yield "", lambda: enrich(warehouse, project, as_of)
        case "segment":
            yield "", lambda: segment(warehouse, project, as_of)
        case "decide":
            yield "", lambda: decide(warehouse, ledger, project, as_of)
        case "activate" if only_syncs:
            for sync in syncs:
                yield sync.sync, lambda sync=sync: bring_up_to_date(warehouse, ledger, project, as_of, [sync])  # type: ignore[misc]
        case "activate":
            yield "", lambda: activate(warehouse, ledger, project, as_of, syncs)
        case "measure":
            yield "", lambda: measure(warehouse, project, as_of)


def land_connection(
    open_: Workspace, connection: Connection, as_of: datetime, pushes: bool = False, asks: bool = True
) -> Report:
    """Land one connection: what its plugin fetches, if it `asks`, and with `pushes` what waits in the inbox.

    A failure is its own, and stands in the report.
    """
    plugin = connection.open()
    project = open_.project
    waiting = Pushes(plugin, open_.ledger.inbox, project.former_keys, only_pushes=not asks) if pushes else None
    lands = waiting or plugin
    if not isinstance(lands, Source | Destination):
        return Report("land", subject=connection.name, skipped=True)
    try:
        landed = land(open_.lake, connection.name, lands, project.state / "dlt", as_of)
        if waiting is not None:
            waiting.let_go()
    except HubError as error:
        return Report("land", subject=connection.name, failures=(str(error),))
    rows = sum(landed.rows.values())
    return Report(
        "land",
        rows_in=rows + landed.set_aside,
        rows_out=rows,
        set_aside=landed.set_aside,
        counts=dict(landed.rows),
        subject=connection.name,
        skipped=not landed.loads,
    )


def look_up_connection(open_: Workspace, connection: Connection, as_of: datetime) -> Report:
    """Ask one look-up and land its answers; a failure is its own, and stands in the report."""
    try:
        answers = ask(open_.warehouse, open_.project, connection, as_of)
        landed = land(open_.lake, connection.name, answers, open_.project.state / "dlt", as_of)
    except HubError as error:
        return Report("look_up", subject=connection.name, failures=(str(error),))
    counts = {name: answers.counts[name] for name in ("found", "absent", "rejected", "requests")}
    return Report(
        "look_up",
        rows_in=sum(landed.rows.values()) + landed.set_aside,
        rows_out=sum(landed.rows.values()),
        set_aside=landed.set_aside,
        counts={**counts, "waiting": answers.waiting},
        failures=(f"{connection.name}: {answers.failure}",) if answers.failure else (),
        subject=connection.name,
        skipped=not landed.loads and not answers.waiting,
    )


def _tell(report: Report) -> None:
    logger = log.get("hub.pipeline")
    if report.warnings:
        logger.warning("look at this", warnings=list(report.warnings))
    if report.failures:
        logger.error("failed", failures=len(report.failures), reasons=list(report.failures))
    elif report.skipped:
        logger.debug("no news")
    else:
        told = {"rows_in": report.rows_in, "rows_out": report.rows_out, "set_aside": report.set_aside}
        counts = {f"{name}_rows" if name == "event" else name: count for name, count in report.counts.items()}
        logger.info("done", **told, **counts)  # `event` is the name of a table, and of what is logged
