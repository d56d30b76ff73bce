"""Activate: messages and rows go out, and audiences at destinations become what the segments say."""

from __future__ import annotations

from datetime import datetime

from hub.ledger import Ledger
from hub.project import Project
from hub.report import Report
from hub.stages.activate.messages import send_messages
from hub.stages.activate.post import post_rows
from hub.stages.activate.sync import run_syncs
from hub.warehouse import Warehouse


def activate(warehouse: Warehouse, ledger: Ledger, project: Project, as_of: datetime) -> Report:
    """Send the messages and rows that are due, and bring every audience up to date.

    Rows in the report: messages, rows of scenarios and audience rows that were touched; out when the destination took
    them, set aside when it did not or they may not go. `parked` counts messages of which nobody knows whether they
    were taken, `waiting` those for a destination that is left alone. A destination that is down stops only its own
    queue and stands in `failures` of the run that found out.
    """
    counts, failures = send_messages(warehouse, ledger, project, as_of)
    waiting = counts.pop("waiting", 0)
    posted, post_failures = post_rows(warehouse, ledger, project, as_of)
    counts.update(posted)
    synced, sync_failures = run_syncs(warehouse, ledger, project, as_of)
    counts.update(synced)
    touched = sum(counts.values())
    taken = sum(counts[name] for name in TAKEN)
    counts.update(parked=sum(ledger.outbox.unknown().values()), waiting=waiting)
    return Report(
        "activate",
        rows_in=touched,
        rows_out=taken,
        set_aside=touched - taken,
        counts={name: number for name, number in counts.items() if number},
        failures=(*failures, *post_failures, *sync_failures),
        skipped=not touched and not failures and not post_failures and not sync_failures,
    )


TAKEN = ("accepted", "posted", "synced", "removed")
