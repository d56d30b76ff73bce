"""Results: whom a scenario reached, what they did, and what it brought more than doing nothing would have (R35).

The control group is drawn by a hash of scenario and person, so the two groups differ in nothing but the messages. All
who entered count, those who could not be reached included: else the groups were not alike any more. Groups of few
people are not told, and none that would give such a one away (R39).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import sqlalchemy as sa

from hub.errors import ConfigurationError, suggest
from hub.people.goal import CONTROL, hits, ways, went_out
from hub.people.hiding import Sum, hide
from hub.people.instance import REACTIONS, tells
from hub.people.uplift import Interval, difference, share
from hub.project import Project
from hub.project.scenario import Goal, Scenario
from hub.warehouse import Transaction

TREATED = "treated"
WHOLE = "*"
"""Stands for all variants together; the name of a variant is a word."""


@dataclass(frozen=True)
class Group:
    """Those who entered and went one way. `over`: their time for the goal has passed; only these are measured.

    Where there are too few people to tell, everything but the names is None. So is what needs a goal without one.
    """

    group: str
    variant: str | None
    ways: int | None
    people: int | None
    over: int | None
    conversions: int | None
    rate: Interval | None
    revenue: Decimal | None
    uplift: Interval | None
    """How much higher the rate is than that of the control group, as a difference of shares."""


@dataclass(frozen=True)
class Message:
    """What became of the messages of one step by one channel. `conversions` and `revenue` came after the message.

    Of those that never went out (refused, expired, not taken) only their number counts, in `messages` and `failed`.
    `rate` and `uplift` are about the ways that got it and whose time is over, from their entry on, as those of a group
    are. Who gets a step or a channel is not drawn by lot, as a control group and the ways of a split are.
    """

    step: str
    channel: str
    messages: int | None
    people: int | None
    failed: int | None
    delivered: int | None
    opened: int | None
    clicked: int | None
    conversions: int | None
    revenue: Decimal | None
    cost: Decimal | None
    rate: Interval | None
    uplift: Interval | None = None


Measured = TypeVar("Measured", Group, Message)


@dataclass(frozen=True)
class Results:
    """What a scenario brought, as of the last run."""

    scenario: str
    as_of: datetime
    goal: str | None
    groups: tuple[Group, ...]
    messages: tuple[Message, ...]


def results(transaction: Transaction, project: Project, name: str) -> Results:
    """Measure a scenario. Raises ConfigurationError for a name that is none, or when nothing was decided yet."""
    scenario = project.scenarios.get(name)
    if scenario is None:
        raise ConfigurationError(f"there is no scenario '{name}'.{suggest(name, project.scenarios)}")
    state = transaction.table("stage_state")
    as_of = transaction.scalar(sa.select(sa.func.max(state.c["at"])).where(state.c.stage == f"decide {name}"))
    if as_of is None:
        raise ConfigurationError(f"nothing is decided for '{name}' yet: run `hub run` first")
    measuring = _Measuring(transaction, project, scenario, as_of)
    groups = measuring.groups()
    control = next((group.rate for group in groups if group.group == CONTROL), None)
    return Results(
        name,
        as_of,
        _told(scenario.goal) if scenario.goal is not None else None,
        tuple(_compared(group, control) for group in groups),
        tuple(_compared(message, control) for message in measuring.messages(project.hub.costs)),
    )


def _compared(measured: Measured, control: Interval | None) -> Measured:
    if measured.rate is None or control is None or (isinstance(measured, Group) and measured.group == CONTROL):
        return measured
    return replace(measured, uplift=difference(measured.rate, control))


def _told(goal: Goal) -> str:
    where = f" where {goal.where}" if goal.where is not None else ""
    return f"{goal.of}{where}, within {goal.within}"


class _Measuring:
    """Counts in statements that read and hold nothing on their way."""

    def __init__(self, transaction: Transaction, project: Project, scenario: Scenario, as_of: datetime) -> None:
        self.transaction = transaction
        self.project = project
        self.scenario = scenario
        self.fewest = project.hub.results.hide_below
        self.now = sa.cast(sa.literal(as_of, sa.DateTime(timezone=True)), sa.DateTime(timezone=True))
        self.ways = ways(transaction, project, scenario)
        goal = scenario.goal
        self.hits = hits(transaction, project, self.ways, goal, self.now) if goal is not None else None

    def groups(self) -> Sequence[Group]:
        """Give the treated and the control group; and the treated by the way on which a split led them."""
        rows = [*self._counted(by_variant=False), *self._counted(by_variant=True)]
        people = {(row["treated"], row["variant"]): int(row["people"]) for row in rows}
        parts = [it for it in people if it[0] and it[1] != WHOLE]
        hidden = hide(people, [Sum((True, WHOLE), parts)] if parts else [], self.fewest)
        found = [self._group(row, (row["treated"], row["variant"]) in hidden) for row in rows if row["variant"]]
        return sorted(found, key=lambda group: (group.variant is not None, group.group != TREATED, group.variant or ""))

    def _counted(self, by_variant: bool) -> Sequence[Mapping[str, Any]]:
        """Count ways with what came of them: those without a variant as the variant None, all together as `WHOLE`."""
        ways, treated = self.ways, self.ways.c.treated
        variant = ways.c.variant if by_variant else sa.literal(WHOLE)
        columns = [sa.func.count().label("ways"), sa.func.count(ways.c.person_id.distinct()).label("people")]
        source: sa.FromClause = ways
        if self.hits is not None:
            won = (
                sa.select(self.hits.c.enrolment_id, sa.func.sum(self.hits.c.value).label("value"))
                .group_by(self.hits.c.enrolment_id)
                .subquery("won")
            )
            source = ways.outerjoin(won, won.c.enrolment_id == ways.c.enrolment_id)
            over = ways.c.ends_at <= self.now
            columns += [
                sa.func.count().filter(over).label("over"),
                sa.func.count(won.c.enrolment_id).filter(over).label("conversions"),
                sa.func.sum(won.c.value).filter(over).label("revenue"),
            ]
        query = sa.select(treated, variant.label("variant"), *columns).select_from(source)
        query = query.group_by(treated, *([ways.c.variant] if by_variant else []))
        if by_variant:
            query = query.where(treated)
        return [dict(row._mapping) for row in self.transaction.rows(query)]

    def messages(self, costs: Mapping[Any, Decimal]) -> Sequence[Message]:
        """Give the messages by step and channel."""
        decision, ways = self.transaction.table("decision"), self.ways
        reacted, went = self._reacted(), went_out(decision.c.failed)
        columns = [
            sa.func.count().label("messages"),
            sa.func.count(ways.c.person_id.distinct()).label("people"),
            sa.func.count(decision.c.failed).label("failed"),
            sa.func.count().filter(went).label("went"),
            *(sa.func.count().filter(reacted.c[name]).label(name) for name in REACTIONS),
        ]
        source = decision.join(ways, ways.c.enrolment_id == decision.c.enrolment_id).outerjoin(
            reacted, reacted.c.message_key == decision.c.decision_id
        )
        if self.hits is not None:
            after, over = self._after(self.hits), sa.and_(ways.c.ends_at <= self.now, went)
            reached = sa.select(self.hits.c.enrolment_id).distinct().subquery("reached")
            source = source.outerjoin(after, after.c.decision_id == decision.c.decision_id).outerjoin(
                reached, reached.c.enrolment_id == ways.c.enrolment_id
            )
            columns += [
                sa.func.count(ways.c.enrolment_id.distinct()).filter(over).label("over"),
                sa.func.count(reached.c.enrolment_id.distinct()).filter(over).label("reached"),
                sa.func.count(after.c.decision_id).label("conversions"),
                sa.func.sum(after.c.value).label("revenue"),
            ]
        query = (
            sa.select(decision.c.step, decision.c.channel, *columns)
            .select_from(source)
            .where(decision.c.outcome == "queued")
            .group_by(decision.c.step, decision.c.channel)
            .order_by(decision.c.step, decision.c.channel)
        )
        return [self._message(dict(row._mapping), costs) for row in self.transaction.rows(query)]

    def _after(self, hits: sa.Subquery) -> sa.Subquery:
        decision = self.transaction.table("decision").alias("sent")
        return (
            sa.select(decision.c.decision_id, sa.func.sum(hits.c.value).label("value"))
            .join(hits, hits.c.enrolment_id == decision.c.enrolment_id)
            .where(hits.c.at > decision.c["at"], decision.c.outcome == "queued", went_out(decision.c.failed))
            .group_by(decision.c.decision_id)
            .subquery("after")
        )

    def _reacted(self) -> sa.Subquery:
        event = self.transaction.table("message_event")
        told = (sa.func.bool_or(tells(event, name)).label(name) for name in REACTIONS)
        return sa.select(event.c.message_key, *told).group_by(event.c.message_key).subquery("reacted")

    def _group(self, row: Mapping[str, Any], hidden: bool) -> Group:
        name, variant = TREATED if row["treated"] else CONTROL, row["variant"] if row["variant"] != WHOLE else None
        if hidden:
            return Group(name, variant, *[None] * 7)
        over, conversions = row.get("over"), row.get("conversions")
        rate = share(conversions, over) if over and conversions is not None else None
        worth = self.scenario.goal is not None and self.scenario.goal.value is not None
        revenue = (row["revenue"] or Decimal()) if worth else None
        return Group(name, variant, row["ways"], row["people"], over, conversions, rate, revenue, None)

    def _message(self, row: Mapping[str, Any], costs: Mapping[Any, Decimal]) -> Message:
        if row["people"] < self.fewest:
            return Message(row["step"], row["channel"], *[None] * 10)
        worth = self.scenario.goal is not None and self.scenario.goal.value is not None
        each = costs.get(row["channel"])
        over = row.get("over")
        return Message(
            **{name: row[name] for name in ("step", "channel", "messages", "people", "failed", *REACTIONS)},
            conversions=row.get("conversions"),
            revenue=(row["revenue"] or Decimal()) if worth else None,
            cost=each * row["went"] if each is not None else None,
            rate=share(row["reached"], over) if over else None,
        )
