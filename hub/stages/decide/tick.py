"""A tick: one scenario's turn at one moment, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.ledger import Ledger
from hub.people.instance import Instances, instances
from hub.people.scope import People
from hub.project import Project
from hub.stages.decide.plan import Plan
from hub.warehouse import Transaction


@dataclass(frozen=True)
class Tick:
    """What every step of a turn works with."""

    transaction: Transaction
    ledger: Ledger
    project: Project
    plan: Plan
    people: People
    as_of: datetime
    bids: sa.TableClause | None = None
    """What scenarios of the same priority bid for people (scenario, person_id, value), where they contest."""
    alarms: list[datetime] = field(default_factory=list)
    """Moments at which the clock alone lets something go on that no instance's own alarm tells of."""

    @property
    def now(self) -> sa.ColumnElement[datetime]:
        """The moment, for statements."""
        return moment(self.as_of)

    @property
    def enrolment(self) -> sa.Table:
        """The table of instances."""
        return self.transaction.table("enrolment")

    @property
    def active(self) -> sa.ColumnElement[bool]:
        """The instances of this version that are under way."""
        enrolment = self.enrolment
        return sa.and_(
            enrolment.c.scenario == self.plan.name,
            enrolment.c.version == self.plan.version,
            enrolment.c.status == "active",
        )

    def at(self, step: str) -> sa.ColumnElement[bool]:
        """Those of them that are at a step."""
        return sa.and_(self.active, self.enrolment.c.step == step)

    def instances(self) -> Instances:
        """All instances of the scenario beside their people, as conditions see them."""
        return instances(self.project, self.people, self.plan.scenario, self.as_of)

    def of(self, plan: Plan) -> Tick:
        """Give the same turn for another version of the scenario."""
        return replace(self, plan=plan)

    def go_on(self, which: sa.ColumnElement[bool], to: str | None, since: Any = None, **more: Any) -> int:
        """Let instances go to a step, or to the end where `to` is None; return how many. `since` stays by default."""
        values: dict[str, Any] = {"due_at": None, "reason": None, **more}
        if since is not None:
            values["since"] = since
        if to is not None:
            values["step"] = to
        else:
            values |= {"status": "done", "ended_at": self.as_of, "reason": more.get("reason") or COMPLETED}
        return self.transaction.execute(sa.update(self.enrolment).where(which).values(**values)).rowcount

    def stop(self, which: sa.ColumnElement[bool], reason: Any) -> int:
        """End instances before their time; return how many."""
        values = {"status": "stopped", "reason": reason, "due_at": None, "ended_at": self.as_of}
        return self.transaction.execute(sa.update(self.enrolment).where(which).values(**values)).rowcount

    def among(self, held: sa.TableClause, *conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
        """Say which instances are in a temporary table."""
        return self.enrolment.c.enrolment_id.in_(sa.select(held.c.enrolment_id).where(*conditions))


COMPLETED = "came to its end"


def moment(at: datetime) -> sa.ColumnElement[datetime]:
    """Write a moment in a statement."""
    return sa.cast(sa.literal(at, sa.DateTime(timezone=True)), sa.DateTime(timezone=True))
