"""Decide: who gets what, over which channel, and who does not, and why.

Per scenario, in one transaction: people whose trigger came enter (each once, ever); those who are too late or
interrupted leave; one communication per person and day is left, the higher priority first; a channel is chosen by
reachability and consent. What was decided is then handed over to the ledger's outbox, by deterministic ids: a run
that is killed in between loses nothing, for the next one hands over what is missing.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from hub.ledger import Ledger
from hub.project import Project
from hub.report import Report
from hub.stages.decide.enrol import enrol
from hub.stages.decide.hand_over import expect_hand_over, hand_over
from hub.stages.decide.leave import leave, retire
from hub.stages.decide.plan import Plan, plans
from hub.stages.decide.queue import queue
from hub.warehouse import Warehouse
from hub.warehouse.state import fingerprint, remember, seen


def decide(warehouse: Warehouse, ledger: Ledger, project: Project, as_of: datetime) -> Report:
    """Decide every scenario as of a moment, and hand the decided messages over to the ledger.

    Deciding twice for the same moment changes nothing. People in the report: those in a scenario now, out when a
    message was queued, set aside when they stopped, wait, were refused or are in the control group.
    """
    planned = plans(project)
    counts = Counter(retired=retire(warehouse, planned, as_of))
    for plan in planned:
        counts.update(_decide(warehouse, ledger, project, plan, as_of))
    counts["handed_over"] = hand_over(warehouse, ledger, project, planned)
    set_aside = sum(counts[reason] for reason in NOT_SENT)
    news = counts["entered"] + counts["retired"] + counts["changed"] + counts["handed_over"]
    return Report(
        "decide",
        rows_in=counts["queued"] + set_aside,
        rows_out=counts["queued"],
        set_aside=set_aside,
        counts={name: number for name, number in counts.items() if number and name != "changed"},
        skipped=not news,
    )


NOT_SENT = ("control", "expired", "interrupted", "merged", "waiting", "refused")
"""Why a person in a scenario gets nothing in this run."""


def _decide(warehouse: Warehouse, ledger: Ledger, project: Project, plan: Plan, as_of: datetime) -> Counter[str]:
    with warehouse.begin() as transaction:
        counts = enrol(transaction, project, plan, as_of)
        counts.update(leave(transaction, project, plan, as_of))
        counts.update(queue(transaction, ledger, project, plan, as_of))
        if counts["queued"]:
            expect_hand_over(transaction, as_of)
            remember(transaction, "decide", fingerprint(seen(transaction, "decide"), plan.name, as_of), as_of)
    return counts
