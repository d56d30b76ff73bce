"""Decide: who gets what, over which channel, and who does not, and why.

Per scenario, in one transaction: those whose trigger came enter; those who are interrupted leave; everybody else goes
as far along the steps as time and facts allow. At a send a channel is chosen by reachability and consent, and limits
over all scenarios say what may go now, the higher priority first. What was decided is then handed over to the
ledger's outbox, by deterministic ids: a run that is killed in between loses nothing, for the next one hands over what
is missing.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import sqlalchemy as sa

from hub.ledger import Ledger
from hub.people.scope import person_scope
from hub.people.span import still_holds
from hub.project import Project
from hub.report import Report
from hub.stages.decide.advance import advance
from hub.stages.decide.enrol import enrol
from hub.stages.decide.fallback import fall_back, receipts
from hub.stages.decide.hand_over import hand_over
from hub.stages.decide.leave import leave, retire
from hub.stages.decide.news import mark_of, remembered_until
from hub.stages.decide.plan import Plan, plans
from hub.stages.decide.tick import Tick
from hub.stages.decide.versions import move, older, pin
from hub.statements import take_in
from hub.warehouse import Warehouse
from hub.warehouse.state import fingerprint, remember, seen


def decide(warehouse: Warehouse, ledger: Ledger, project: Project, as_of: datetime) -> Report:
    """Decide every scenario as of a moment, and hand the decided messages over to the ledger.

    Deciding twice for the same moment changes nothing. People in the report: out when a message was queued, set aside
    when they stopped, wait, were refused or are in the control group.
    """
    take_in(warehouse, ledger, project, as_of)
    planned = plans(project)
    counts = Counter(failed=receipts(warehouse, ledger, as_of))
    counts["retired"] = retire(warehouse, planned, as_of)
    for plan in planned:
        counts.update(_turn(warehouse, ledger, project, plan, as_of))
    counts["handed_over"] = hand_over(warehouse, ledger, project, planned)
    set_aside = sum(counts[reason] for reason in NOT_SENT)
    news = counts["failed"] + counts["retired"] + counts["changed"] + counts["handed_over"]
    return Report(
        "decide",
        rows_in=counts["queued"] + set_aside,
        rows_out=counts["queued"],
        set_aside=set_aside,
        counts={name: number for name, number in counts.items() if number and name != "changed"},
        skipped=not news,
    )


NOT_SENT = ("control", "expired", "interrupted", "merged", "restarted", "waiting", "refused", "dropped")
"""Why a person in a scenario gets nothing in this run."""


def _turn(warehouse: Warehouse, ledger: Ledger, project: Project, plan: Plan, as_of: datetime) -> Counter[str]:
    """Take one scenario's turn, unless nothing has changed for it since its last one."""
    stage = f"decide {plan.name}"
    with warehouse.begin() as transaction:
        state = transaction.table("stage_state")
        known = {row.stage: row.fingerprint for row in transaction.rows(sa.select(state))}
        mark = mark_of(known, ledger, project, plan)
        if still_holds(known.get(stage), mark, as_of):
            return Counter()
        tick = Tick(transaction, ledger, project, plan, person_scope(transaction, project, as_of), as_of)
        pin(tick)
        counts = enrol(tick) + move(tick)
        versions, ended = older(tick)
        counts.update(ended)
        for one in (tick, *(tick.of(version) for version in versions)):
            counts.update(leave(one))
            counts.update(fall_back(one))
            counts.update(advance(one))
        if counts["queued"]:
            # traits may count the hub's own messages
            remember(transaction, "decide", fingerprint(seen(transaction, "decide"), plan.name, as_of), as_of)
        remember(transaction, stage, remembered_until(tick, mark), as_of)
    return counts
