"""Activate: messages go out, and audiences at destinations become what the segments say."""

from __future__ import annotations

from datetime import datetime

from hub.ledger import Ledger
from hub.project import Project
from hub.report import Report
from hub.stages.activate.messages import send_messages
from hub.stages.activate.sync import run_syncs
from hub.statements import take_in
from hub.warehouse import Warehouse


def activate(warehouse: Warehouse, ledger: Ledger, project: Project, as_of: datetime) -> Report:
    """Send the messages that are due and bring every audience up to date.

    Rows in the report: messages and audience rows that were touched; out when the destination took them, set aside
    when it did not or they may not go. `parked` counts messages of which nobody knows whether they were taken.
    A destination that is down stops only its own queue and stands in `failures`.
    """
    take_in(warehouse, ledger, project, as_of)
    counts, failures = send_messages(warehouse, ledger, project, as_of)
    synced, sync_failures = run_syncs(warehouse, ledger, project, as_of)
    counts.update(synced)
    touched = sum(counts.values())
    taken = sum(counts[name] for name in TAKEN)
    counts["parked"] = len(ledger.outbox.parked())
    return Report(
        "activate",
        rows_in=touched,
        rows_out=taken,
        set_aside=touched - taken,
        counts={name: number for name, number in counts.items() if number},
        failures=(*failures, *sync_failures),
        skipped=not touched and not failures and not sync_failures,
    )


TAKEN = ("accepted", "synced", "removed")
