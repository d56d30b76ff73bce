"""Activate: messages and rows go out, and audiences at destinations become what the segments say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from hub.ledger import Ledger
from hub.project import Project
from hub.project.sync import Sync
from hub.report import Report
from hub.stages.activate.messages import send_messages
from hub.stages.activate.post import post_rows
from hub.stages.activate.sync import run_syncs
from hub.statements import take_in
from hub.warehouse import Warehouse


def activate(
    warehouse: Warehouse, ledger: Ledger, project: Project, as_of: datetime, syncs: Sequence[Sync] | None = None
) -> Report:
    """Send the messages and rows that are due, and bring every audience up to date, or those of `syncs`.

    Rows in the report: messages, rows of scenarios and audience rows that were touched; out when the destination took
    them, set aside when it did not or they may not go. `parked` counts messages of which nobody knows whether they
    were taken, `waiting` those for a destination that is left alone. A destination that is down stops only its own
    queue and stands in `failures` of the run that found out.
    """
    take_in(warehouse, ledger, project, as_of)
    counts, failures = send_messages(warehouse, ledger, project, as_of)
    waiting = counts.pop("waiting", 0)
    posted, post_failures = post_rows(warehouse, ledger, project, as_of)
    counts.update(posted)
    synced, sync_failures = run_syncs(warehouse, ledger, project, as_of, syncs)
    counts.update(synced)
    more = {"parked": sum(ledger.outbox.unknown().values()), "waiting": waiting}
    return _report(counts, (*failures, *post_failures, *sync_failures), more)


def bring_up_to_date(
    warehouse: Warehouse, ledger: Ledger, project: Project, as_of: datetime, syncs: Sequence[Sync]
) -> Report:
    """Run syncs at a time of their own, and nothing else."""
    take_in(warehouse, ledger, project, as_of)
    counts, failures = run_syncs(warehouse, ledger, project, as_of, syncs)
    return _report(counts, failures, {}, ", ".join(sync.sync for sync in syncs))


def _report(counts: Counter[str], failures: Sequence[str], more: Mapping[str, int], subject: str = "") -> Report:
    touched = sum(counts.values())
    taken = sum(counts[name] for name in TAKEN)
    told = {name: number for name, number in {**counts, **more}.items() if number}
    return Report(
        "activate",
        rows_in=touched,
        rows_out=taken,
        set_aside=touched - taken,
        counts=told,
        failures=tuple(failures),
        subject=subject,
        skipped=not touched and not failures,
    )


TAKEN = ("accepted", "posted", "synced", "removed")
