"""Decide: who gets what, over which channel, and who does not, and why.

Per scenario, or for several of one priority that contest, in one transaction: those whose trigger came enter; those
who are interrupted leave; everybody else goes as far along the steps as time and facts allow. At a send a channel is
chosen by reachability and consent, and limits over all scenarios say what may go now, the higher priority first. What
was decided is then handed over to the ledger's outbox, by deterministic ids: a run that is killed in between loses
nothing, for the next one hands over what is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby

import sqlalchemy as sa

from hub.ledger import Ledger
from hub.people.scope import person_scope
from hub.people.span import still_holds
from hub.project import Project
from hub.report import Report
from hub.stages.decide.act import ACTED, close_tasks
from hub.stages.decide.advance import advance
from hub.stages.decide.contest import all_bids, contests
from hub.stages.decide.enrol import enrol
from hub.stages.decide.fallback import fall_back, receipts
from hub.stages.decide.hand_over import hand_over
from hub.stages.decide.leave import leave, retire
from hub.stages.decide.news import mark_of, remembered_until
from hub.stages.decide.plan import Plan, plans
from hub.stages.decide.tick import Tick
from hub.stages.decide.versions import move, older, pin
from hub.stages.decide.withdraw import withdraw
from hub.statements import take_in
from hub.warehouse import Warehouse
from hub.warehouse.state import fingerprint, remember, seen


def decide(
    warehouse: Warehouse, ledger: Ledger, project: Project, as_of: datetime, only: Collection[str] | None = None
) -> Report:
    """Decide every scenario (or `only` some) as of a moment, and hand the decided messages over to the ledger.

    Deciding twice for the same moment changes nothing. People in the report: out when a message was queued, set aside
    when they stopped, wait, were refused or are in the control group.
    """
    take_in(warehouse, ledger, project, as_of)
    planned = plans(project)
    counts = Counter(failed=receipts(warehouse, ledger, as_of))
    counts["retired"] = retire(warehouse, planned, as_of)
    asked = [plan for plan in planned if only is None or plan.name in only]
    for _, group in groupby(asked, key=lambda plan: plan.scenario.priority):
        equals = list(group)
        for together in [equals] if contests(equals) else [[plan] for plan in equals]:
            counts.update(_turns(warehouse, ledger, project, together, as_of))
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


def _turns(
    warehouse: Warehouse, ledger: Ledger, project: Project, together: Sequence[Plan], as_of: datetime
) -> Counter[str]:
    """Take the turn of a scenario, or of several that contest, unless nothing has changed for it since its last one."""
    counts: Counter[str] = Counter()
    with warehouse.begin() as transaction:
        state = transaction.table("stage_state")
        known = {row.stage: row.fingerprint for row in transaction.rows(sa.select(state))}
        marks = {plan.name: mark_of(known, ledger, project, plan) for plan in together}
        due = [plan for plan in together if not still_holds(known.get(_stage(plan)), marks[plan.name], as_of)]
        if not due:
            return counts
        people = person_scope(transaction, project, as_of)
        turns = [_Turn(Tick(transaction, ledger, project, plan, people, as_of)) for plan in due]
        for turn in turns:
            turn.begin()
        bids: list[sa.TableClause] = []
        if len(turns) > 1:
            for turn in turns:
                turn.walk(bids)
        contested = all_bids(turns[0].tick, bids)
        for turn in turns:
            turn.walk(contested=contested)
            counts.update(turn.end(marks[turn.tick.plan.name]))
    return counts


def _stage(plan: Plan) -> str:
    return f"decide {plan.name}"


@dataclass
class _Turn:
    """The turn of one scenario: its own version and those that people are still under way in."""

    tick: Tick
    ticks: list[Tick] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def begin(self) -> None:
        """Let people enter, leave, and go by another channel."""
        pin(self.tick)
        self.counts.update(enrol(self.tick) + move(self.tick))
        versions, ended = older(self.tick)
        self.counts.update(ended)
        self.ticks = [self.tick, *(self.tick.of(version) for version in versions)]
        for one in self.ticks:
            self.counts.update(leave(one))
            self.counts.update(close_tasks(one))
            self.counts.update(fall_back(one))

    def walk(self, bids: list[sa.TableClause] | None = None, contested: sa.TableClause | None = None) -> None:
        """Bring everybody as far as they can come; with `bids`, only tell what the messages are worth."""
        for one in self.ticks:
            self.counts.update(advance(replace(one, bids=contested), bids))

    def end(self, mark: str) -> Counter[str]:
        """Remember what was done, and until when there is nothing more to do."""
        tick, counts = self.tick, self.counts
        if counts["changed"]:
            counts["withdrawn"] = withdraw(tick.transaction, tick.as_of)
        if any(counts[it] for it in ("queued", "withdrawn", *ACTED)):
            # traits may count the hub's own messages, tasks and so on
            news = fingerprint(seen(tick.transaction, "decide"), tick.plan.name, tick.as_of)
            remember(tick.transaction, "decide", news, tick.as_of)
        remember(tick.transaction, _stage(tick.plan), remembered_until(tick, mark), tick.as_of)
        return counts
