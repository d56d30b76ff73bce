"""Cases of scenarios: who, what happens on which day, and what must have been decided when their days are over.

The engine itself walks the days, at each time at which the schedule `engage` comes (or daily at nine). Only the case's
own scenario decides, nobody is in its control group, and every message arrives unless the case says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.cases.comparing import Row, differences
from hub.cases.result import CaseResult
from hub.cases.world import Case, World, case_of, world
from hub.errors import suggest
from hub.people.needed import needed
from hub.project import Project
from hub.project.cases import Expected, ScenarioCase
from hub.project.program import program
from hub.project.scenario import Scenario
from hub.stages.decide import decide
from hub.warehouse import Transaction

LONGEST = 800
"""Days after which a case is over, however long its waits are."""
AROUND = frozenset({"membership", "recommendation", "score", "trait", "transition"})
"""The tables that show more than what decides who gets what."""
MESSAGE = ("step", "template", "channel", "on", "at", "person")
"""What may be expected of a message."""


def run_scenario_cases(project: Project) -> list[CaseResult]:
    """Run the cases of every scenario, in the order of their names and cases."""
    return [result for name in sorted(project.scenarios) for result in _of(project, project.scenarios[name])]


@dataclass(frozen=True)
class _Days:
    """The first and the last day of a case."""

    first: date
    last: date


def _of(project: Project, scenario: Scenario) -> Iterator[CaseResult]:
    if not scenario.cases:
        return
    alone = replace(
        project,
        scenarios={**project.scenarios, scenario.scenario: scenario.model_copy(update={"control_group": 0.0})},
    )
    cases = [case_of(name, number, it, alone) for number, (name, it) in enumerate(scenario.cases.items(), 1)]
    spans = {case.name: _days(case, scenario) for case in cases}
    for case in cases:
        case.problems += _form(case, scenario.cases[case.name].expect)
    able = [case for case in cases if not case.problems]
    if not any(_looks_around(it) for it in scenario.cases.values()):
        alone = needed(alone, scenario)
    told: dict[str, list[str]] = {case.name: case.problems for case in cases}
    if able:
        with world(alone, able) as opened:
            _walk(opened, scenario, able, spans)
    origin = project.origins["scenario", scenario.scenario]
    for name in scenario.cases:
        place = origin.at_key("cases", name, message="")
        yield CaseResult(place.file, place.line, f"{scenario.scenario}: {name}", tuple(told[name]))


def _days(case: Case, scenario: Scenario) -> _Days:
    """Give the days of a case; its problems tell where it has none."""
    given = case.given
    assert isinstance(given, ScenarioCase)
    calendar = case.project.calendar
    if case.first is None or case.last is None:
        case.problems.append("nothing happens: give a row with a time")
        return _Days(date.min, date.min)
    first, last = calendar.day(case.first), calendar.day(case.last)
    if given.until is None:
        longest = program(scenario).longest + scenario.valid_for + timedelta(days=2)
        end, farthest = last + longest, first + timedelta(days=LONGEST)
        while end < farthest and not calendar.ticks(case.project.hub.schedules.engage, end):
            end += timedelta(days=1)
        return _Days(first, min(end, farthest))
    try:
        until = date.fromisoformat(given.until)
    except ValueError:
        case.problems.append(f"until: '{given.until}' is no day: write 2026-03-31")
        return _Days(first, first)
    if until < last or (until - first).days > LONGEST:
        case.problems.append(f"until: {until} lies before its last row, or more than {LONGEST} days after its first")
    return _Days(first, until)


def _walk(opened: World, scenario: Scenario, cases: Sequence[Case], spans: Mapping[str, _Days]) -> None:
    """Let the days of the cases go by, each once, and look at each case when its last day is over."""
    calendar = opened.project.calendar
    days = sorted({day for case in cases for day in _each(spans[case.name])})
    opened.settle_in(calendar.start(days[0]))
    # segments know who was in them the day before: nobody enters one because the hub first looks
    opened.reach(calendar.start(days[0]) - timedelta(microseconds=1))
    with opened.warehouse.begin() as transaction:
        transaction.execute(sa.delete(transaction.table("transition")))
    by_days = _goes_on(scenario, cases)
    waiting = list(cases)
    for day in days:
        for as_of in calendar.ticks(opened.project.hub.schedules.engage, day):
            opened.reach(as_of)
            decide(opened.warehouse, opened.ledger, opened.project, as_of, only={scenario.scenario})
        is_over = not by_days and not any(case.rows for case in cases) and _is_over(opened)
        for case in [case for case in waiting if is_over or spans[case.name].last <= day]:
            waiting.remove(case)
            if not case.problems:
                found = _Finding(opened, scenario, case)
                case.problems += found.differences(scenario.cases[case.name].expect)
        if is_over:
            return


def _goes_on(scenario: Scenario, cases: Sequence[Case]) -> bool:
    """Say whether days alone may start somebody, or change what a case looks at."""
    by_rows = all(trigger.event is not None or trigger.of is not None for trigger in scenario.trigger.any)
    looks_at = {table for case in cases for table in scenario.cases[case.name].expect.tables}
    return not by_rows or bool(looks_at & {"membership", "transition", "score"})


def _looks_around(case: ScenarioCase) -> bool:
    """Say whether a case looks at more than what decides who gets what: then all must be computed."""
    looked_at = case.expect.tables
    return bool(looked_at.keys() & AROUND) or any("content" in row for row in looked_at.get("decision", ()))


def _is_over(opened: World) -> bool:
    """Say whether nobody is under way any more."""
    with opened.warehouse.begin() as transaction:
        enrolment = transaction.table("enrolment")
        return not transaction.count(enrolment, enrolment.c.status == "active")


def _each(span: _Days) -> Iterator[date]:
    return (span.first + timedelta(days=number) for number in range((span.last - span.first).days + 1))


def _form(case: Case, expect: Expected) -> Iterator[str]:
    """Find what can't be expected: columns and tables that there are not."""
    if not expect.model_fields_set and not expect.tables:
        yield "expect: say what must be so: messages, ends, entries, or a table with its rows"
    for row in expect.messages if isinstance(expect.messages, list) else ():
        for name in row:
            if name not in MESSAGE:
                remedy = suggest(str(name), MESSAGE) or f" Known: {', '.join(MESSAGE)}."
                yield f"messages have no '{name}'.{remedy}"
    for table, rows in expect.tables.items():
        shape = case.project.schema.get(table)
        known = [column.name for column in shape.all_columns] if shape is not None else []
        if shape is None or not {"record_id", "person_id"} & set(known):
            able = [it.name for it in case.project.schema if it.personal]
            yield f"expect: there is no table '{table}' with rows of people.{suggest(table, able)}"
            continue
        for name in dict.fromkeys(name for row in rows for name in row if name not in ("person", *known)):
            yield f"expect: {table} has no column '{name}'.{suggest(name, known)}"


@dataclass(frozen=True)
class _Finding:
    """What is there of one case at its end."""

    world: World
    scenario: Scenario
    case: Case

    def differences(self, expect: Expected) -> Iterator[str]:
        """Tell what is not as it must be."""
        zone = ZoneInfo(self.world.project.hub.timezone)
        with self.world.warehouse.begin() as transaction:
            if expect.messages is not None:
                yield from self._messages(expect.messages, self._sent(transaction, zone), zone)
            ways = self._ways(transaction)
            if expect.entries is not None and expect.entries != len(ways):
                yield f"entries: expected {expect.entries}, but there are {len(ways)}"
            if expect.ends is not None:
                yield from self._ends([expect.ends] if isinstance(expect.ends, str) else expect.ends, ways)
            for table, rows in expect.tables.items():
                yield from differences(table, rows, self._rows(transaction, table, rows), zone)

    def _messages(self, wanted: int | Sequence[Row], sent: Sequence[Row], zone: ZoneInfo) -> Iterator[str]:
        if isinstance(wanted, int):
            if wanted != len(sent):
                told = "; ".join(f"{it['step']} by {it['channel']} on {it['on']}" for it in sent) or "none"
                yield f"messages: expected {wanted}, but there are {len(sent)}: {told}"
            return
        columns = [name for name in MESSAGE if any(name in row for row in wanted)] or ["step", "channel", "on"]
        yield from differences("messages", wanted, [{name: row[name] for name in columns} for row in sent], zone)

    def _sent(self, transaction: Transaction, zone: ZoneInfo) -> list[Row]:
        decision = transaction.table("decision")
        columns = (decision.c.record_id, decision.c.step, decision.c.template, decision.c.channel, decision.c["at"])
        found = transaction.rows(
            sa.select(*columns)
            .where(
                decision.c.scenario == self.scenario.scenario,
                decision.c.outcome == "queued",
                decision.c.record_id.in_(list(self.case.records)),
            )
            .order_by(decision.c["at"], decision.c.decision_id)
        )
        return [
            {
                "step": row.step,
                "template": row.template,
                "channel": row.channel,
                "on": row.at.astimezone(zone).date().isoformat(),
                "at": row.at,
                "person": self.case.records[row.record_id],
            }
            for row in found
        ]

    def _ways(self, transaction: Transaction) -> list[tuple[str, str]]:
        enrolment = transaction.table("enrolment")
        found = transaction.rows(
            sa.select(enrolment.c.status, enrolment.c.reason)
            .where(
                enrolment.c.scenario == self.scenario.scenario,
                enrolment.c.record_id.in_(list(self.case.records)),
            )
            .order_by(enrolment.c.entered_at, enrolment.c.enrolment_id)
        )
        return [(row.status, row.reason or "") for row in found]

    def _ends(self, wanted: Sequence[str], ways: Sequence[tuple[str, str]]) -> Iterator[str]:
        left = list(ways)
        for told in wanted:
            match = next((way for way in left if told == way[0] or way[1].startswith(told)), None)
            if match is None:
                there = "; ".join(reason or status for status, reason in left) or "nobody entered"
                yield f"ends: expected '{told}', but there is: {there}"
                return
            left.remove(match)
        for status, reason in left:
            yield f"ends: there is one too many: {reason or status}"

    def _rows(self, transaction: Transaction, table: str, wanted: Sequence[Row]) -> list[dict[str, Any]]:
        stored = transaction.table(table)
        columns = list(dict.fromkeys(name for row in wanted for name in row if name != "person"))
        columns = columns or [stored.c[-1].name]
        by_record = "record_id" in stored.c
        whose = stored.c.record_id if by_record else stored.c.person_id
        mine = self.case.records if by_record else {number: key for key, number in self.case.people.items()}
        query = sa.select(*(stored.c[name] for name in columns), whose.label("whose")).where(whose.in_(list(mine)))
        rows = transaction.rows(query.order_by(*(stored.c[name] for name in stored.info["key"])))
        named = any("person" in row for row in wanted)
        return [
            {**dict(zip(columns, row[:-1], strict=True)), **({"person": mine[row[-1]]} if named else {})}
            for row in rows
        ]
