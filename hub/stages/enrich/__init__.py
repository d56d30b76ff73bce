"""Enrich: give every person all traits, as of a moment; only those whom something touches are computed again.

All traits over one table are aggregated in one pass over it; scores and expressions over traits follow in the order
of what they use. A fact counts for the person whose record it belongs to, and only if it happened by the moment.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from hub import __version__
from hub.contracts import Scored
from hub.people.span import next_moment, remembered_as, still_holds
from hub.people.traits import definitions, plan_traits, tables_read
from hub.project import Project
from hub.report import Report
from hub.schema.actions import FILLED_BY_DECIDE
from hub.stages.enrich.aggregate import Aggregates, aggregates
from hub.stages.enrich.carry import of_touched
from hub.stages.enrich.derive import derived
from hub.stages.enrich.recommend import keep_recommendations, recommended_from
from hub.stages.enrich.satisfaction import keep_satisfaction
from hub.stages.enrich.scorers import with_scorers
from hub.stages.enrich.scores import keep_scores
from hub.stages.enrich.trials import keep_trials
from hub.warehouse import Warehouse
from hub.warehouse.changes import all_noted, look_anew
from hub.warehouse.state import fingerprint, remember, seen
from hub.warehouse.warehouse import fingerprint as schema_fingerprint

SETUP = "enrich:setup"
"""The state that names what traits meant when everybody's were computed: whoever was not touched since keeps theirs."""


def enrich(warehouse: Warehouse, project: Project, as_of: datetime, facts_stay: bool = False) -> Report:
    """Make the table `trait` hold one row per person with all traits, and `recommendation` what suits them.

    Windows count calendar days in the project's time zone, so that the same data on the same day needs no second run
    (unless a fact in it is dated between the two moments). Where the notes of `hub.warehouse.changes` tell
    of all that was written since the last run, only people for whom something was, or for whom something happened or
    left a window, are computed again, which comes to the same. Where `facts_stay`, as in a simulation, nothing is ever
    written to this warehouse but by this stage and those after it.
    """
    with warehouse.begin() as transaction:
        today = as_of.astimezone(ZoneInfo(project.hub.timezone)).date()
        traits = definitions(project)
        # what scenarios did is news only where a trait looks at it
        writers = ("map", "resolve", *(["decide"] if tables_read(project) & FILLED_BY_DECIDE else []))
        asked = fingerprint(
            project.hub.timezone,
            sorted((name, trait.model_dump_json()) for name, trait in traits.items()),
            sorted((name, score.model_dump_json()) for name, score in project.scores.items()),
        )
        mark = fingerprint(*(seen(transaction, stage) for stage in writers), today, asked, project.recommendations)
        if still_holds(seen(transaction, "enrich"), mark, as_of) and transaction.exists("trait", stored=True):
            return Report("enrich", skipped=True)
        plan = plan_traits(project, as_of)
        form = fingerprint(asked, schema_fingerprint(project.schema), __version__)
        if facts_stay or (seen(transaction, SETUP) == form and all_noted(transaction)):
            found = of_touched(transaction, project, plan, as_of, facts_stay)
        else:
            found = Aggregates(aggregates(transaction, project, plan.of_facts, as_of))
        computed = derived(transaction, plan, found)
        given: dict[str, Scored] = {}
        if plan.by_scorers:
            computed, given = with_scorers(transaction, project, plan, computed, as_of)
        transaction.replace("trait", computed)
        people = transaction.count(plan.table())
        keep_scores(transaction, plan, as_of)
        keep_trials(transaction, project, given, as_of)
        keep_satisfaction(transaction, as_of)
        recommended = keep_recommendations(transaction, project, as_of)
        times = {trait.facts.table.name: trait.facts.facts.time for trait in plan.of_facts}
        moments = [time.element for time in times.values() if time is not None and time.type == "timestamp"]
        moments += recommended_from(transaction, project)
        look_anew(transaction, as_of)
        remember(transaction, SETUP, form, as_of)
        remember(transaction, "enrich", remembered_as(mark, as_of, next_moment(transaction, moments, as_of)), as_of)
    refused = sum(scored.rows is None for scored in given.values())
    counts = {"traits": len(plan.types), "scores_refused": refused, "recommendations": recommended}
    told = {name: number for name, number in counts.items() if number or name == "traits"}
    return Report("enrich", rows_in=people, rows_out=people, counts=told)
