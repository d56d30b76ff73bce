"""Scorers: scores that a plugin computes from traits, of everybody at once.

A scorer may look at people as of any earlier moment, to learn from what came after. One that refuses gives nobody a
score, and its reason is logged and kept; one that fails stops the stage and is named.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
import structlog

from hub.contracts import Scored, Scoring
from hub.errors import HubError, PluginError
from hub.people.plan import REASON, TraitPlan
from hub.people.traits import plan_traits
from hub.project import Project
from hub.project.scores import Score
from hub.schema.shape import SQL_TYPES
from hub.stages.enrich.aggregate import Aggregates, aggregates
from hub.stages.enrich.derive import derived
from hub.warehouse import Transaction

if TYPE_CHECKING:
    import pyarrow as pa

log = structlog.get_logger(__name__)


def with_scorers(
    transaction: Transaction, project: Project, plan: TraitPlan, computed: sa.Select[Any], as_of: datetime
) -> tuple[sa.Select[Any], dict[str, Scored]]:
    """Select the traits with the scores of scorers beside them; and give what each scorer gave, by score."""
    traits = transaction.hold("computed_traits", computed)
    relation: sa.FromClause = traits
    columns: list[sa.ColumnElement[Any]] = list(traits.c)
    answers: dict[str, Scored] = {}
    for number, name in enumerate(plan.by_scorers):
        score = project.scores[name]
        given = answers[name] = _ask(transaction, project, score, traits, as_of)
        if given.rows is None:
            log.warning("score_refused", score=name, scorer=score.by, reason=given.refused)
        scored = transaction.load(f"scored_{number}", _in_form(given.rows, score))
        relation = relation.outerjoin(scored, scored.c.person_id == traits.c.person_id)
        columns.append(sa.cast(scored.c.value, SQL_TYPES["number"]).label(name))
        columns.append(scored.c.reason.label(name + REASON))
    return sa.select(*columns).select_from(relation), answers


def _ask(transaction: Transaction, project: Project, score: Score, traits: sa.FromClause, as_of: datetime) -> Scored:
    def people(moment: datetime) -> pa.Table:
        if moment > as_of:
            raise ValueError("nobody knows what is after the as-of moment")
        known = traits if moment == as_of else _as_of(transaction, project, moment)
        person = transaction.table("person")
        used = [known.c[name] if name in known.c else person.c[name] for name in score.uses]
        query = sa.select(known.c.person_id, *used).join_from(known, person, person.c.person_id == known.c.person_id)
        return transaction.arrow(query.order_by(known.c.person_id)).read_all()

    scorer = project.scorers[score.by or ""]
    try:
        return scorer.call(Scoring(as_of, score.options, people))
    except HubError:
        raise
    except Exception as error:
        raise PluginError(
            f"the scorer '{scorer.name}' of the score '{score.score}' fails with {type(error).__name__}: report it to "
            "its author, or take the score out"
        ) from error


def _as_of(transaction: Transaction, project: Project, moment: datetime) -> sa.FromClause:
    """Hold the traits of an earlier moment, as they can be told today."""
    plan = plan_traits(project, moment)
    found = Aggregates(aggregates(transaction, project, plan.of_facts, moment))
    return transaction.hold("earlier_traits", derived(transaction, plan, found))


def _in_form(rows: pa.Table | None, score: Score) -> pa.Table:
    """Bring what a scorer gave into form: person_id, value and reason, a person once; no rows where it refused."""
    import pyarrow as pa
    import pyarrow.compute as pc

    form = pa.schema([("person_id", pa.int64()), ("value", pa.float64()), ("reason", pa.string())])
    if rows is None:
        return form.empty_table()
    wrong = None
    if not {"person_id", "value"} <= set(rows.column_names):
        wrong = "gives no columns person_id and value"
    elif len(rows.column("person_id").unique()) != rows.num_rows:
        wrong = "gives a person more than one row"
    elif not pc.all(pc.is_finite(rows.column("value").cast(pa.float64())), min_count=0).as_py():
        wrong = "gives a value that is no number"
    if wrong is not None:
        raise PluginError(f"the scorer '{score.by}' of the score '{score.score}' {wrong}: report it to its author")
    reason = rows.column("reason") if "reason" in rows.column_names else pa.nulls(rows.num_rows, pa.string())
    return pa.table([rows.column("person_id"), rows.column("value"), reason], names=form.names).cast(form)
