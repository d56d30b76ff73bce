"""Segment: say who belongs where, and since when.

All segments of a project are evaluated in one scan over people and traits, so that the hundredth segment costs no
more than its predicate. What changed since the last evaluation is kept as transitions, each exactly once (R26).
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from hub.people.segments import Evaluation, segment_conditions, tables_asked
from hub.people.span import next_moment, remembered_as, still_holds
from hub.project import Project
from hub.report import Report
from hub.schema.actions import FILLED_BY_DECIDE
from hub.warehouse import Transaction, Warehouse
from hub.warehouse.state import fingerprint, remember, seen


def segment(warehouse: Warehouse, project: Project, as_of: datetime) -> Report:
    """Refresh memberships as of a moment and record who entered or left.

    Evaluating twice for the same moment changes nothing. Where there was news in between, the second evaluation
    corrects the first: a person has one transition of a segment at one moment, and none who is where they were before.
    Memberships follow people through merges and splits where these happen (in resolve), so that nobody enters a second
    time. A run as of a moment before the last transition looks back: memberships are those of then, and nobody enters
    or leaves by being looked at; the next run forward goes on from where the transitions had led.
    """
    with warehouse.begin() as transaction:
        definitions = sorted((name, it.model_dump_json()) for name, it in project.segments.items())
        # what scenarios did is news only where a segment asks for it
        writers = ("enrich", "feedback", *(["decide"] if tables_asked(project) & FILLED_BY_DECIDE else []))
        mark = fingerprint(*(seen(transaction, stage) for stage in writers), definitions, project.terms.mark)
        if still_holds(seen(transaction, "segment"), mark, as_of):
            return Report("segment", skipped=True)
        evaluation = segment_conditions(transaction, project, as_of)
        members = _members(transaction, evaluation)
        looks_back = _at_the_place_in_time(transaction, as_of)
        entered, left = _difference(transaction, members, as_of, looks_back)
        people = transaction.count(transaction.table("person"))
        counts = {
            "segments": len(project.segments),
            "memberships": transaction.count(members),
            "entered": entered,
            "left": left,
        }
        consent = transaction.table("consent")
        times = [sa.func.coalesce(consent.c.at, consent.c.source_time), *evaluation.times]
        end = min(next_moment(transaction, times, as_of), project.terms.until(as_of))
        remember(transaction, "segment", remembered_as(mark, as_of, end), as_of)
    return Report("segment", rows_in=people, rows_out=people, counts=counts)


def _members(transaction: Transaction, evaluation: Evaluation) -> sa.TableClause:
    """Hold (person_id, segment) for everybody in each segment."""
    people, conditions = evaluation.people, evaluation.conditions
    columns = {name: f"segment_{number}" for number, name in enumerate(conditions)}
    evaluated = transaction.hold(
        "evaluated",
        sa.select(people.person_id.label("person_id"), *(conditions[name].label(columns[name]) for name in conditions)),
    )
    nobody = sa.select(evaluated.c.person_id, sa.literal("").label("segment")).where(sa.false())
    inside = (
        sa.select(evaluated.c.person_id, sa.literal(name).label("segment")).where(evaluated.c[column])
        for name, column in columns.items()
    )
    return transaction.hold("members", sa.union_all(nobody, *inside))


def _at_the_place_in_time(transaction: Transaction, as_of: datetime) -> bool:
    """Say whether a moment is before the last transition; memberships are those that the transitions had led to.

    Where time only goes forward, they are so already.
    """
    state, transition = transaction.table("stage_state"), transaction.table("transition")
    latest = transaction.scalar(sa.select(sa.func.max(transition.c["at"])))
    before = transaction.scalar(sa.select(state.c["at"]).where(state.c.stage == "segment"))
    if latest is None or before is None or latest <= min(before, as_of):
        return False
    membership, record = transaction.table("membership"), transaction.table("source_record")
    # a number that someone had then is a record's, and the record knows whose it is now
    place = sa.func.row_number().over(
        partition_by=[record.c.person_id, transition.c.segment],
        order_by=[transition.c["at"].desc(), transition.c.kind],
    )
    last = (
        sa.select(record.c.person_id, transition.c.segment, transition.c.kind, transition.c["at"], place.label("place"))
        .join_from(transition, record, record.c.record_no == transition.c.person_id)
        .where(record.c.person_id.is_not(None), transition.c["at"] <= as_of)
        .subquery("last")
    )
    inside = sa.select(last.c.person_id, last.c.segment, last.c["at"]).where(
        last.c.place == 1, last.c.kind == "entered"
    )
    transaction.execute(sa.delete(membership))
    transaction.execute(sa.insert(membership).from_select(["person_id", "segment", "since"], inside))
    return bool(as_of < latest)


def _difference(
    transaction: Transaction, members: sa.TableClause, as_of: datetime, looks_back: bool
) -> tuple[int, int]:
    """Write who entered and who left since the last evaluation; return how many: none when looking back."""
    membership, transition = transaction.table("membership"), transaction.table("transition")
    same = sa.and_(membership.c.person_id == members.c.person_id, membership.c.segment == members.c.segment)
    entered = transaction.hold(
        "entered", sa.select(members).where(~sa.exists(sa.select(membership.c.since).where(same)))
    )
    left = transaction.hold(
        "left_segment",
        sa.select(membership.c.person_id, membership.c.segment).where(
            ~sa.exists(sa.select(members.c.person_id).where(same))
        ),
    )
    counts = transaction.count(entered), transaction.count(left)
    at = sa.literal(as_of, sa.DateTime(timezone=True))
    if counts[1]:
        gone = sa.and_(left.c.person_id == membership.c.person_id, left.c.segment == membership.c.segment)
        transaction.execute(sa.delete(membership).where(sa.exists(sa.select(left.c.person_id).where(gone))))
    if counts[0]:
        transaction.execute(
            sa.insert(membership).from_select(
                ["person_id", "segment", "since"], sa.select(entered.c.person_id, entered.c.segment, at)
            )
        )
    if looks_back:
        return 0, 0
    for kind, rows, other in (("entered", entered, "left"), ("left", left, "entered")):
        undone = _undo(transaction, rows, other, as_of)
        same = sa.and_(undone.c.person_id == rows.c.person_id, undone.c.segment == rows.c.segment)
        transaction.execute(
            sa.insert(transition).from_select(
                ["person_id", "segment", "kind", "at"],
                sa.select(rows.c.person_id, rows.c.segment, sa.literal(kind), at).where(
                    ~sa.exists(sa.select(undone.c.number).where(same))
                ),
            )
        )
    return counts


def _undo(transaction: Transaction, rows: sa.TableClause, other: str, as_of: datetime) -> sa.TableClause:
    """Take back the transitions by which people went the other way at this very moment, and give whose these were.

    Whose leaving is taken back is inside since they had entered.
    """
    transition, record = transaction.table("transition"), transaction.table("source_record")
    membership = transaction.table("membership")
    at = sa.literal(as_of, sa.DateTime(timezone=True))
    # a number that someone had then is a record's, and the record knows whose it is now
    theirs = sa.and_(rows.c.person_id == record.c.person_id, rows.c.segment == transition.c.segment)
    undone = transaction.hold(
        f"undone_{other}",
        sa.select(transition.c.person_id.label("number"), rows.c.person_id, rows.c.segment)
        .join_from(transition, record, record.c.record_no == transition.c.person_id)
        .join(rows, theirs)
        .where(transition.c["at"] == at, transition.c.kind == other),
    )
    if not transaction.count(undone):
        return undone
    gone = sa.and_(undone.c.number == transition.c.person_id, undone.c.segment == transition.c.segment)
    this = sa.and_(transition.c["at"] == at, transition.c.kind == other)
    transaction.execute(sa.delete(transition).where(this, sa.exists(sa.select(undone.c.number).where(gone))))
    since = (
        sa.select(undone.c.person_id, undone.c.segment, sa.func.max(transition.c["at"]).label("since"))
        .join_from(undone, record, record.c.person_id == undone.c.person_id)
        .join(
            transition,
            sa.and_(transition.c.person_id == record.c.record_no, transition.c.segment == undone.c.segment),
        )
        .where(transition.c.kind == "entered", transition.c["at"] < at)
        .group_by(undone.c.person_id, undone.c.segment)
        .subquery("since_then")
    )
    transaction.execute(
        sa.update(membership)
        .where(membership.c.person_id == since.c.person_id, membership.c.segment == since.c.segment)
        .values(since=since.c.since)
    )
    return undone
