"""The outcome of a simulation: what the scenario did on which day, for whom it did nothing, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from hub.project.limits import cap
from hub.schema.actions import ACTIONS
from hub.simulation.scratch import EARLIER, Scratch
from hub.stages.decide.arbitrate import WAITS, WORTH_LESS
from hub.warehouse import Transaction


@dataclass(frozen=True)
class Day:
    """One local day: who entered on it by the time of their event, and what was sent, by channel."""

    day: date
    entries: int
    messages: Mapping[str, int]


@dataclass(frozen=True)
class Wait:
    """Why messages of the scenario had to wait, for how many people, and on how many days in all."""

    reason: str
    people: int
    days: int


@dataclass(frozen=True)
class Collision:
    """Another scenario that wanted to write on the same day: for how many people which of the two went first."""

    scenario: str
    went_first: int
    had_to_wait: int


@dataclass(frozen=True)
class Simulation:
    """What a scenario would have done. Numbers are ways through the scenario, unless they say people."""

    scenario: str
    first: date
    last: date
    people: int
    of_people: int
    entries: int
    entered_people: int
    control: int
    under_way: int
    days: tuple[Day, ...]
    exits: Mapping[str, int]
    messages: Mapping[str, int]
    steps: Mapping[str, Mapping[str, int]]
    done: Mapping[str, Mapping[str, int]]
    """What other steps did, by step: people added, fields set, tasks, banners and rows, those that were refused too."""
    refusals: Mapping[str, int]
    dropped: Mapping[str, int]
    consent_losses: Mapping[str, int]
    waits: tuple[Wait, ...]
    collisions: tuple[Collision, ...]
    over_cap: int | None
    """People who got more marketing messages than `limits: marketing` allows, those of other systems included."""
    cost: Mapping[str, Decimal] | None
    """By channel, where hub.yaml tells what each costs."""


def outcome(world: Scratch, name: str, moments: Sequence[datetime]) -> Simulation:
    """Count what happened to a scenario between the first and the last moment."""
    calendar = world.project.calendar
    with world.warehouse.begin() as transaction:
        found = _Counting(world, transaction, name, moments)
        entered = found.rows(
            "SELECT count(*), count(DISTINCT person_id), count(*) FILTER (status = 'control'), "
            "count(*) FILTER (status = 'active') FROM ways"
        )[0]
        by_channel = found.numbers("SELECT channel, count(*) FROM queued GROUP BY 1 ORDER BY 1")
        return Simulation(
            scenario=name,
            first=calendar.day(moments[0]),
            last=calendar.day(moments[-1]),
            people=world.people,
            of_people=world.everybody,
            entries=entered[0],
            entered_people=entered[1],
            control=entered[2],
            under_way=entered[3],
            days=found.days([calendar.day(moment) for moment in moments]),
            exits=found.numbers(EXITS),
            messages=by_channel,
            steps=found.steps(),
            done=found.done(),
            refusals=found.decided("refused"),
            dropped=found.decided("dropped"),
            consent_losses=found.numbers(LOSSES),
            waits=tuple(Wait(*row) for row in found.rows(WAITED)),
            collisions=tuple(Collision(*row) for row in found.rows(COLLISIONS)),
            over_cap=found.over_cap(),
            cost=found.cost(by_channel),
        )


DONE = {
    "audience_member": "added",
    "person_field": "fields set",
    "task": "tasks",
    "banner": "banners",
    "posted_row": "rows",
}
"""What the rows of a table that steps fill are called."""

EXITS = "SELECT reason, count(*) FROM ways WHERE status IN ('done', 'stopped') GROUP BY 1 ORDER BY 2 DESC, 1"

BY_STEP = "SELECT step, channel, count(*) FROM queued GROUP BY 1, 2 ORDER BY 1, 2"

DECIDED = """
SELECT d.reason, count(*) FROM store.decision AS d
WHERE d.scenario = :name AND d."at" >= :first AND d.outcome = :outcome GROUP BY 1 ORDER BY 2 DESC, 1
"""

ENTERED_ON = """
SELECT CAST(timezone(:zone, greatest(entered_at, :first)) AS DATE), count(*) FROM ways GROUP BY 1
"""

SENT_ON = """
SELECT CAST(timezone(:zone, "at") AS DATE), channel, count(*) FROM queued GROUP BY 1, 2 ORDER BY 1, 2
"""

LOSSES = """
SELECT c.channel, count(DISTINCT w.person_id)
FROM ways AS w
JOIN store.source_record AS r ON r.person_id = w.person_id
JOIN store.consent AS c ON c.record_id = r.record_id
WHERE c.given = false AND c.purpose = :purpose
    AND c."at" > w.entered_at AND c."at" <= coalesce(w.ended_at, :last)
GROUP BY 1 ORDER BY 1
"""

WAITED = """
SELECT reason, count(DISTINCT person_id) AS people, count(*) AS days
FROM waited WHERE scenario = :name GROUP BY 1 ORDER BY 2 DESC, 1
"""

COLLISIONS = """
WITH sent AS (
    SELECT DISTINCT d.scenario, d."at", r.person_id
    FROM store.decision AS d JOIN store.source_record AS r USING (record_id)
    WHERE d.outcome = 'queued' AND d.purpose = 'marketing'
),
met AS (
    SELECT s.scenario AS other, w.person_id, true AS went_first
    FROM waited AS w JOIN sent AS s ON s.person_id = w.person_id AND s."at" = w."at"
    WHERE w.scenario = :name AND s.scenario <> :name AND w.reason IN (:waits, :worth_less)
    UNION ALL
    SELECT w.scenario, w.person_id, false
    FROM waited AS w JOIN sent AS s ON s.person_id = w.person_id AND s."at" = w."at"
    WHERE s.scenario = :name AND w.scenario <> :name AND w.reason IN (:waits, :worth_less)
)
SELECT other, count(DISTINCT person_id) FILTER (went_first), count(DISTINCT person_id) FILTER (NOT went_first)
FROM met GROUP BY 1 ORDER BY 1
"""

OVER_CAP = """
WITH counted AS (
    SELECT r.person_id, m.sent_at, count(*) OVER (
        PARTITION BY r.person_id ORDER BY timezone(:zone, m.sent_at)
        RANGE BETWEEN to_days(CAST(:days AS INTEGER)) - INTERVAL 1 MICROSECOND PRECEDING AND CURRENT ROW
    ) AS number
    FROM store.message AS m JOIN store.source_record AS r USING (record_id)
    WHERE m.purpose = 'marketing' AND m.sent_at <= :last
)
SELECT count(DISTINCT person_id) FROM counted WHERE number > :allowed AND sent_at >= :first
    AND person_id IN (SELECT person_id FROM queued)
"""


class _Counting:
    """Asks the scratch warehouse, which is always DuckDB, about the ways through one scenario."""

    def __init__(self, world: Scratch, transaction: Transaction, name: str, moments: Sequence[datetime]) -> None:
        self._project = world.project
        self._transaction = transaction
        self._given = {
            "name": name,
            "first": moments[0],
            "last": moments[-1],
            "zone": world.project.hub.timezone,
            "purpose": world.project.scenarios[name].purpose,
            "waits": WAITS,
            "worth_less": WORTH_LESS,
        }
        enrolment, record, decision = map(transaction.table, ("enrolment", "source_record", "decision"))
        ways = sa.select(enrolment, record.c.person_id).join(record, record.c.record_id == enrolment.c.record_id)
        mine = sa.and_(enrolment.c.scenario == name, enrolment.c.version != EARLIER)
        transaction.hold("ways", ways.where(mine))
        queued = sa.select(decision, record.c.person_id).join(record, record.c.record_id == decision.c.record_id)
        since = sa.and_(decision.c.scenario == name, decision.c["at"] >= moments[0], decision.c.outcome == "queued")
        transaction.hold("queued", queued.where(since))

    def rows(self, sql: str, **more: Any) -> Sequence[Any]:
        statement = sa.text(sql)
        given = {**self._given, **more}
        return self._transaction.execute(statement, {name: given[name] for name in statement._bindparams}).all()

    def numbers(self, sql: str, **more: Any) -> dict[str, int]:
        return {row[0]: row[1] for row in self.rows(sql, **more)}

    def steps(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for step, channel, number in self.rows(BY_STEP):
            found.setdefault(step, {})[channel] = number
        return found

    def done(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for table in ACTIONS:
            stored = self._transaction.table(table.name)
            by = [stored.c.step, *([stored.c.state] if "state" in stored.c else [])]
            mine = (stored.c.scenario == self._given["name"], stored.c[table.time or ""] >= self._given["first"])
            counted = sa.select(sa.func.count(), *by).where(*mine).group_by(*by).order_by(*by)
            for number, step, *became in self._transaction.rows(counted):
                found.setdefault(step, {})[" ".join([DONE[table.name], *became])] = number
        return found

    def decided(self, what: str) -> dict[str, int]:
        return self.numbers(DECIDED, outcome=what)

    def days(self, days: Sequence[date]) -> tuple[Day, ...]:
        """Give every day; who entered by an event from before the first day is counted on that day."""
        entries = self.numbers(ENTERED_ON)
        messages: dict[date, dict[str, int]] = {}
        for day, channel, number in self.rows(SENT_ON):
            messages.setdefault(day, {})[channel] = number
        return tuple(Day(day, entries.get(day, 0), messages.get(day, {})) for day in days)  # type: ignore[call-overload]

    def over_cap(self) -> int | None:
        allowed = cap(self._project.hub.limits.marketing)
        if allowed is None:
            return None
        return int(self.rows(OVER_CAP, days=allowed.days, allowed=allowed.number)[0][0])

    def cost(self, messages: Mapping[str, int]) -> dict[str, Decimal] | None:
        costs = {str(channel): cost for channel, cost in self._project.hub.costs.items()}
        if not costs:
            return None
        return {channel: number * costs.get(channel, Decimal()) for channel, number in messages.items()}
