"""News: whether a scenario has anything to do at a moment. A tick without costs one look at what was remembered.

What a tick leaves behind holds until its data, its configuration or the limits change, or until the first moment at
which time alone changes something: an alarm of an instance, a fact that is dated later, the next local day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from hub.expressions import names_in
from hub.ledger import Ledger
from hub.people import audiences
from hub.people.instance import EVENT_TABLES
from hub.people.segments import tables_named
from hub.people.span import next_moment, remembered_as
from hub.project import Project
from hub.project.scenario import Scenario, expressions
from hub.schema.actions import FILLED_BY_DECIDE
from hub.stages.decide.plan import Plan
from hub.stages.decide.tick import Tick
from hub.stages.decide.trigger import tables_of
from hub.warehouse.state import fingerprint

DEPENDS_ON = ("map", "resolve", "enrich", "segment", "receipts", "scenarios")
"""The stages and steps whose news may change what is decided."""


def mark_of(remembered: Mapping[str, str], ledger: Ledger, project: Project, plan: Plan) -> str:
    """Name everything that a scenario's tick depends on, but for the moment."""
    return fingerprint(
        *(remembered.get(stage) for stage in _depends_on(plan.scenario)),
        plan.version,
        sorted(plan.destinations.items()),
        project.hub.limits.model_dump_json(),
        project.hub.timezone,
        project.hub.locale,
        ledger.suppressions.state(),
        project.terms.mark,
        project.takes_soft_opt_in(plan.name),
    )


def remembered_until(tick: Tick, mark: str) -> str:
    """Write a mark with the span in which a tick without news has nothing to do."""
    return remembered_as(mark, tick.as_of, _until(tick))


def _until(tick: Tick) -> datetime:
    if any("as_of" in names_in(text) for text in expressions(tick.plan.scenario)):
        return tick.as_of
    calendar = tick.project.calendar
    tomorrow = calendar.start(calendar.day(tick.as_of) + timedelta(days=1))
    enrolment = tick.enrolment
    alarm = tick.transaction.scalar(
        sa.select(sa.func.min(enrolment.c.due_at)).where(
            enrolment.c.scenario == tick.plan.name, enrolment.c.status == "active"
        )
    )
    consent = tick.transaction.table("consent")
    times = [sa.func.coalesce(consent.c.at, consent.c.source_time), *_times(tick)]
    known = [tomorrow, next_moment(tick.transaction, times, tick.as_of), *tick.alarms]
    return min([*known, alarm] if alarm is not None else known)


def _depends_on(scenario: Scenario) -> tuple[str, ...]:
    """Name the stages whose news count: what scenarios did themselves only where this one looks at it."""
    return (*DEPENDS_ON, "decide") if _asked(scenario) & FILLED_BY_DECIDE else DEPENDS_ON


def _asked(scenario: Scenario) -> frozenset[str]:
    """Name the tables that a scenario starts from, or whose rows its conditions ask for."""
    started = (name for trigger in scenario.trigger.any for name in tables_of(trigger))
    return frozenset(started).union(*(tables_named(text) for text in expressions(scenario)))


def _times(tick: Tick) -> Iterator[sa.ColumnElement[datetime]]:
    """Give the times of the facts that triggers and steps look at: some are dated later than the moment."""
    if audiences.TABLE in _asked(tick.plan.scenario):
        yield from audiences.moments(tick.project.schema)
    tables = {"sales_order", "message_event", *EVENT_TABLES}
    tables |= {name for trigger in tick.plan.scenario.trigger.any for name in tables_of(trigger)}
    for name in sorted(tables):
        table = tick.project.schema[name]
        column = table.column(table.time or "")
        if column is not None and column.type == "timestamp":
            yield tick.transaction.table(name).c[column.name]
