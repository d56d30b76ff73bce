"""Contest: scenarios of one priority that want to write to the same person today, and what each is worth.

Before any of them queues a message, each bids for the people it could write to now: what its `value` says for them.
Arbitration then lets the highest bid go first; equal bids go by the name of the scenario.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from hub.expressions import compile_expression
from hub.project.program import Op
from hub.project.scenario import Send
from hub.stages.decide.arbitrate import arbitrate
from hub.stages.decide.channels import choose
from hub.stages.decide.plan import Plan
from hub.stages.decide.queue import has_turn, turn_of
from hub.stages.decide.tick import Tick

NUMBER = sa.Numeric(18, 4)


def contests(plans: Sequence[Plan]) -> bool:
    """Say whether scenarios of one priority have to bid: several of them write, and one says what it is worth."""
    marketing = [plan for plan in plans if plan.is_marketing]
    return len(marketing) > 1 and any(plan.scenario.value is not None for plan in marketing)


def bid(tick: Tick, op: Op, send: Send, number: int) -> sa.TableClause | None:
    """Hold scenario, person_id and value of everybody whom a send could reach now; None where there is nobody."""
    if not tick.plan.is_marketing or not tick.transaction.count(tick.enrolment, has_turn(tick, op)):
        return None
    turn = tick.transaction.hold("turn", turn_of(tick, has_turn(tick, op)))
    found = arbitrate(tick, choose(tick, send.by, turn))
    under_way = tick.instances()
    written = tick.plan.scenario.value
    value = compile_expression(written, under_way.scope).element if written is not None else sa.literal(0)
    able = under_way.relation.join(found, found.c.enrolment_id == under_way.enrolment.c.enrolment_id)
    return tick.transaction.hold(
        f"bid_{number}",
        sa.select(
            sa.literal(tick.plan.name).label("scenario"),
            found.c.person_id,
            sa.cast(sa.func.coalesce(value, 0), NUMBER).label("value"),
        )
        .select_from(able)
        .where(found.c.outcome == "queued", found.c.held.is_(None)),
    )


def all_bids(tick: Tick, bids: Sequence[sa.TableClause]) -> sa.TableClause | None:
    """Bring bids together."""
    if not bids:
        return None
    return tick.transaction.hold("bids", sa.union_all(*(sa.select(one) for one in bids)))
