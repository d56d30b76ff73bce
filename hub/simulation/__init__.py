"""Simulate: what a scenario would have done in a span of days, on the real engine over what was known each day.

The stages themselves run, once a simulated day, in a scratch space; every queued message counts as accepted. Nothing
of the project is written and nothing leaves the hub. The same history always gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from hub.errors import ConfigurationError, suggest
from hub.project import Project
from hub.project.calendar import clock
from hub.simulation.outcome import Day, Simulation, outcome
from hub.simulation.scratch import Scratch, scratch
from hub.simulation.waits import note_waits, waits_table
from hub.stages.decide import decide
from hub.stages.enrich import enrich
from hub.stages.segment import segment

__all__ = ["Day", "Simulation", "simulate"]


def simulate(
    project: Project,
    name: str,
    first: date,
    last: date,
    people: int | None = None,
    on_day: Callable[[date], None] = lambda day: None,
) -> Simulation:
    """Replay the days from `first` to `last`, both included, with all scenarios of the project, and tell of one.

    The scenarios behave as if they had been switched on at the first moment. Raises ConfigurationError for a
    scenario that there is not, days in the wrong order, or a project that has published nothing.
    """
    if name not in project.scenarios:
        raise ConfigurationError(f"there is no scenario '{name}'.{suggest(name, project.scenarios)}")
    if last < first:
        raise ConfigurationError(f"the simulation ends ({last}) before it begins ({first})")
    minute = clock(project.hub.schedules.engage)
    days = [first + timedelta(days=number) for number in range(-1, (last - first).days + 1)]
    before, *moments = [project.calendar.at(day, minute) for day in days]
    start, end = (project.calendar.start(day) for day in (first, last + timedelta(days=1)))
    with scratch(project, start, end, people) as world:
        _remember_segments(world, before)
        waits = waits_table(world.warehouse)
        for day, as_of in zip(days[1:], moments, strict=True):
            world.reach(as_of)
            enrich(world.warehouse, world.project, as_of, facts_stay=True)
            if world.project.segments:
                segment(world.warehouse, world.project, as_of)
            decide(world.warehouse, world.ledger, world.project, as_of)
            note_waits(world.warehouse, waits, as_of)
            on_day(day)
        return outcome(world, name, moments)


def _remember_segments(world: Scratch, before: datetime) -> None:
    """Know on the first day who was in which segment the day before: they do not enter it then."""
    if not world.project.segments:
        return
    enrich(world.warehouse, world.project, before, facts_stay=True)
    segment(world.warehouse, world.project, before)
    with world.warehouse.begin() as transaction:
        transaction.execute(sa.delete(transaction.table("transition")))
