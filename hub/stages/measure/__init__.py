"""Measure: what the messages of scenarios came to, by channel, way, time and group, without persons (R35, R39).

What became of each message is remembered, and looked at again while its time to have an effect lasts; so is the group
in which its reader was when it was decided. Both are added up per scenario, and what is told of a few people is hidden
before anybody can read it.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from hub.people.groups import groupings
from hub.people.scope import person_scope
from hub.project import Project
from hub.project.scenario import Scenario
from hub.report import Report
from hub.stages.measure.cells import add_up, write
from hub.stages.measure.groups import keep_groups
from hub.stages.measure.outcomes import keep_outcomes
from hub.warehouse import Transaction, Warehouse
from hub.warehouse.state import fingerprint, remember, seen

READS = ("map", "resolve", "feedback", "receipts", "decide")


def measure(warehouse: Warehouse, project: Project, as_of: datetime) -> Report:
    """Bring the results of each scenario up to date as of a moment; those without news stay as they are.

    Counts: the messages of which something changed, and the scenarios whose results were added up again.
    """
    changed = measured = 0
    with warehouse.begin() as transaction:
        news = fingerprint(*(seen(transaction, stage) for stage in READS))
        for scenario in project.scenarios.values():
            stage, rules = f"measure {scenario.scenario}", _rules(project, scenario)
            before = seen(transaction, stage)
            if before == f"{rules} {news}":
                continue
            again = before is None or not before.startswith(f"{rules} ")
            outcomes = keep_outcomes(transaction, project, scenario, as_of, again)
            if outcomes.new and project.hub.results.groups:
                people = person_scope(transaction, project, as_of)
                keep_groups(transaction, people, groupings(project, people.scope), outcomes.rows, as_of)
            if outcomes.changed or again:
                write(transaction, scenario, add_up(transaction, project, scenario), as_of)
                measured += 1
            changed += outcomes.changed
            remember(transaction, stage, f"{rules} {news}", as_of)
        measured += _forget(transaction, project)
    counts = {"messages": changed, "scenarios": measured}
    return Report("measure", rows_in=changed, rows_out=changed, counts=counts if measured else {}, skipped=not measured)


def _rules(project: Project, scenario: Scenario) -> str:
    """Name all of the configuration that results depend on."""
    goal = scenario.goal.model_dump_json() if scenario.goal is not None else None
    hub = project.hub
    return fingerprint(goal, hub.timezone, sorted(hub.costs.items()), hub.results.model_dump_json())


def _forget(transaction: Transaction, project: Project) -> int:
    """Take out the results of scenarios that are gone; return of how many."""
    result = transaction.table("scenario_result")
    known = [row[0] for row in transaction.rows(sa.select(result.c.scenario).distinct())]
    gone = [name for name in known if name not in project.scenarios]
    for name in gone:
        for table in (result, transaction.table("message_outcome")):
            transaction.execute(sa.delete(table).where(table.c.scenario == name))
        state = transaction.table("stage_state")
        transaction.execute(sa.delete(state).where(state.c.stage == f"measure {name}"))
    return len(gone)
