"""Versions: who entered under a version of a scenario goes on with it, as it was written then.

Every version that somebody entered is kept in the warehouse in its canonical form. A scenario may say that those
under way move to the new version instead (`when_changed: move`): each to the step of the same name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import sqlalchemy as sa

from hub.expressions import ExpressionError, compile_condition, compile_expression
from hub.people.instance import versions_of
from hub.project.scenario import Send, expressions_in
from hub.stages.decide.plan import Plan, plan_of
from hub.stages.decide.tick import Tick

UNKNOWN = "its version of the scenario is not known any more"
BROKEN = "its version of the scenario uses what is no longer there"
GONE = "its step is not in the new version of the scenario"


def pin(tick: Tick) -> None:
    """Keep the version that people enter from now on."""
    version = tick.transaction.table("scenario_version")
    known = sa.and_(version.c.scenario == tick.plan.name, version.c.version == tick.plan.version)
    if not tick.transaction.count(version, known):
        tick.transaction.execute(
            sa.insert(version).values(
                scenario=tick.plan.name, version=tick.plan.version, form=tick.plan.scenario.text, at=tick.as_of
            )
        )


def move(tick: Tick) -> Counter[str]:
    """Bring those under way to the current version, where the scenario says so."""
    if tick.plan.scenario.when_changed != "move":
        return Counter()
    enrolment, by_name = tick.enrolment, tick.plan.program.by_name
    under_way = sa.and_(
        enrolment.c.scenario == tick.plan.name,
        enrolment.c.status == "active",
        enrolment.c.version != tick.plan.version,
    )
    ended = tick.stop(sa.and_(under_way, enrolment.c.step.not_in(list(by_name))), GONE)
    moved = tick.transaction.execute(
        sa.update(enrolment).where(under_way).values(version=tick.plan.version, due_at=None, reason=None)
    ).rowcount
    return Counter(changed=ended + moved)


def older(tick: Tick) -> tuple[list[Plan], Counter[str]]:
    """Give the other versions that people are under way in; those that can't be carried on end here."""
    enrolment = tick.enrolment
    mine = sa.and_(enrolment.c.scenario == tick.plan.name, enrolment.c.version != tick.plan.version)
    under_way = sa.and_(mine, enrolment.c.status == "active")
    # those that have ended still matter while a next channel may follow
    found = tick.transaction.rows(sa.select(enrolment.c.version).where(mine, _matters(tick)).distinct())
    forms = versions_of(tick.transaction, tick.plan.name)
    known: list[Plan] = []
    counts: Counter[str] = Counter()
    for (version,) in sorted(found):
        form = forms.get(version)
        plan = plan_of(tick.project, form) if form is not None else None
        why = UNKNOWN if plan is None else BROKEN if any(_mistakes(tick, plan)) else ""
        if plan is not None and not why:
            known.append(plan)
        else:
            counts["changed"] += tick.stop(sa.and_(under_way, enrolment.c.version == version), why)
    return known, counts


def _matters(tick: Tick) -> sa.ColumnElement[bool]:
    decision = tick.transaction.table("decision")
    failing = sa.select(decision.c.decision_id).where(decision.c.failed.is_not(None), decision.c.expires_at > tick.now)
    task = tick.transaction.table("task")
    to_do = sa.select(task.c.enrolment_id).where(task.c.scenario == tick.plan.name, task.c.state == "open")
    enrolment = tick.enrolment
    return sa.or_(
        enrolment.c.status == "active", enrolment.c.message_id.in_(failing), enrolment.c.enrolment_id.in_(to_do)
    )


def _mistakes(tick: Tick, plan: Plan) -> Iterator[str]:
    """Find what an older version says that does not hold any more: columns, traits and templates may be gone."""
    scope = tick.of(plan).instances().scope
    conditions = [plan.scenario.stop_when]
    values: list[str] = [plan.scenario.value] if plan.scenario.value is not None else []
    for op in plan.program.ops:
        for _, kind, text in expressions_in(op.step):
            (conditions if kind == "condition" else values).append(text)
        if isinstance(op.step, Send) and not (tick.project.templates / op.step.send).is_dir():
            yield f"there is no template {op.step.send}"
    for compiled, texts in ((compile_condition, conditions), (compile_expression, values)):
        for text in texts:
            try:
                compiled(text, scope)
            except ExpressionError as error:
                yield error.message
