"""A simulation gives what the engine itself gives when it is run day by day, on both engines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.expressions import ExpressionError, compile_condition
from hub.people.needed import needed
from hub.people.scope import reading_scope
from hub.project.segments import Segment
from hub.project.traits import Trait
from hub.simulation import Simulation, simulate
from hub.warehouse import Warehouse
from tests.stages.days import STOCK_LOW, WELCOME, ZONE, Calendar, at, days_in

FIRST, LAST = date(2026, 3, 26), date(2026, 4, 2)
"""With the day on which the clock goes forward, and the first of a month."""

BUYERS: Mapping[str, Any] = {
    **WELCOME,
    "scenario": "buyers",
    "trigger": {"any": [{"enters": "busy"}, {"becomes": "spent_14d > 50"}]},
    "per": "person, again after 2 days",
    "target": "life_cycle <> 'inactive' and not member_of('spenders')",
    "stop_when": "false",
    "value": "spent_14d",
    "steps": [
        {"if": "orders_7d >= 2", "then": [{"wait": "1 day"}]},
        {"send": "extra", "by": "email", "content": {"pack": "coalesce(kibble_pack, 'any')"}},
    ],
}
QUIET: Mapping[str, Any] = {
    **BUYERS,
    "scenario": "quiet",
    "trigger": {"any": [{"leaves": "busy"}, {"every": "month"}]},
    "target": "order_count > 0 and written_to = 0",
    "value": "days_since_last_order",
    "steps": [{"send": "welcome", "by": ["email", "sms"], "content": {"species": "rfm"}}],
}
TRAITS = {
    "orders_7d": {"of": "sales_order", "count": True, "within": "7 days"},
    "spent_14d": {"of": "sales_order", "sum": "total", "within": "14 days"},
    "written_to": {"of": "message", "count": True, "within": "3 days"},
    "unread": {"of": "message", "count": True, "where": "channel = 'letter'"},
}
SEGMENTS = {
    "busy": Segment(where="orders_7d > 0 and member_of('reached')"),
    "reached": Segment(where="consents('email', 'marketing')"),
    "spenders": Segment(where="spent_14d > 200"),
    "of_no_use": Segment(where="unread > 0"),
}


@pytest.fixture
def days(engine: str, warehouse: Warehouse, tmp_path: Path) -> Iterator[Calendar]:
    """Twelve people who subscribe, order and withdraw their consent, and four scenarios that want to write to them."""
    with days_in(tmp_path, warehouse) as opened:
        hub = opened.shop.project.hub.model_copy(update={"engine": engine})
        if engine != "duckdb":
            hub = hub.model_copy(update={"ledger": engine})
        traits = {**opened.shop.project.traits, **{name: Trait.model_validate(it) for name, it in TRAITS.items()}}
        shop = opened.shop.with_(hub=hub, traits=traits, segments=SEGMENTS)
        opened = Calendar(shop).with_(WELCOME, STOCK_LOW, BUYERS, QUIET).limited(marketing="2 per 7 days")
        for number in range(1, 13):
            came = FIRST - timedelta(days=40) if number % 3 else FIRST + timedelta(days=number)
            record = opened.subscriber(number, f"{came} 08:00", ["email"] if number % 5 else [])
            for turn in range(number % 4):
                day = FIRST + timedelta(days=(number * 5 + turn * 7) % 24 - 9)
                if day >= came:
                    opened.order(record, f"{day} {10 + turn}:00", ["K1", "K2", "T1"][turn])
            if number % 4 == 0:
                opened.consent(record, "email", False, f"{FIRST + timedelta(days=number)} 10:00")
        with warehouse.begin() as transaction:
            orders = transaction.table("sales_order")
            transaction.execute(sa.update(orders).values(total=20 * sa.func.length(orders.c.record_id)))
        yield opened


def simulated(days: Calendar, name: str) -> Simulation:
    return simulate(days.shop.project, name, FIRST, LAST)


def told(days: Calendar, name: str) -> dict[str, Any]:
    """What the stores say of a scenario after real runs."""
    decided = days.shop.rows("decision", "scenario", "outcome", "at", "step", "channel", "reason")
    mine = [row for row in decided if row[0] == name]
    sent = [row for row in mine if row[1] == "queued"]
    ways = [row for row in days.shop.rows("enrolment", "scenario", "status", "reason") if row[0] == name]
    return {
        "entries": len(ways),
        "under way": sum(status == "active" for _, status, _ in ways),
        "exits": dict(Counter(reason for _, status, reason in ways if status in ("done", "stopped"))),
        "messages": dict(Counter((row[2].astimezone(ZONE).date(), row[4]) for row in sent)),
        "steps": dict(Counter((row[3], row[4]) for row in sent)),
        "refusals": dict(Counter(row[5] for row in mine if row[1] == "refused")),
    }


def told_by(found: Simulation) -> dict[str, Any]:
    """The same of a simulation."""
    return {
        "entries": found.entries,
        "under way": found.under_way,
        "exits": dict(found.exits),
        "messages": {(day.day, channel): number for day in found.days for channel, number in day.messages.items()},
        "steps": {(step, by): number for step, channels in found.steps.items() for by, number in channels.items()},
        "refusals": dict(found.refusals),
    }


def test_a_simulation_tells_what_the_engine_does_day_by_day(days: Calendar) -> None:
    names = ("buyers", "quiet")
    days.shop.warehouse.publish(True)
    wanted = {name: told_by(simulated(days, name)) for name in names}
    days.run(f"{FIRST - timedelta(days=1)} 09:00")
    with days.shop.warehouse.begin() as transaction:
        for table in ("enrolment", "decision", "message", "transition", "condition_met"):
            transaction.execute(sa.delete(transaction.table(table)))
    for number in range((LAST - FIRST).days + 1):
        days.run(f"{FIRST + timedelta(days=number)} 09:00")
    assert {name: told(days, name) for name in names} == wanted
    assert all(found["messages"] for found in wanted.values()), wanted


def test_only_what_decides_is_computed(days: Calendar) -> None:
    project = needed(days.shop.project)
    assert set(project.segments) == {"busy", "reached", "spenders"}
    assert project.reads is not None
    assert {"spent_14d", "orders_7d", "written_to", "life_cycle", "days_since_last_order"} <= project.reads
    assert not {"unread", "rfm"} & project.reads


def test_a_condition_on_what_is_not_computed_fails_rather_than_tells_a_wrong_number(days: Calendar) -> None:
    narrow = replace(days.shop.project, reads=frozenset({"orders_7d"}))
    scope = reading_scope(narrow, at(f"{FIRST} 09:00")).scope
    assert compile_condition("orders_7d > 0", scope).type == "boolean"
    with pytest.raises(ExpressionError, match="spent_14d"):
        compile_condition("spent_14d > 0", scope)
