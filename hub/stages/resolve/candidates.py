"""Candidates: pairs that the rules keep apart although much agrees. People decide those, in the review queue."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from hub.stages.resolve.agreement import FAR, NAMELESS, NEAR, OTHER, SAME, SILENT, agrees
from hub.stages.resolve.rules import Rules
from hub.warehouse.constructs import in_order

_HOW = {SAME: "same", NEAR: "similar", FAR: "related", SILENT: "not told", OTHER: "different"}


def grey_pairs(
    pairs: sa.TableClause, profiles: sa.TableClause, records: sa.TableClause, verdicts: sa.TableClause, rules: Rules
) -> sa.Select[Any]:
    """Select (low_record, high_record, found_by, reason) of people kept apart who may yet be one.

    Grey is: a similar given name with another surname; the same names with another date of birth; another given name
    with the same surname and date of birth (a name called by, or a twin); and initials or a surname that fit several
    people. `pairs` and `profiles` are those of the last round of `agree`. A pair stands here once, by the most telling
    value that it shares, and not after a verdict.
    """
    given, surname, born = pairs.c.given_name, pairs.c.surname, pairs.c.birth_date
    fits = agrees(pairs, rules)
    grey = sa.or_(
        sa.and_(given >= NEAR, surname == OTHER),
        sa.and_(given == SAME, surname >= NEAR, born == OTHER),
        sa.and_(given == OTHER, surname >= NEAR, born >= NEAR),
        sa.and_(given == FAR, surname >= NEAR),
    )
    kinds = {number: kind.name for number, kind in enumerate(rules.kinds)}
    low, high = profiles.alias("low_profile"), profiles.alias("high_profile")
    told = sa.and_(low.c.level < NAMELESS, high.c.level < NAMELESS)
    place = sa.func.row_number().over(
        partition_by=[pairs.c.low, pairs.c.high],
        order_by=[pairs.c.rank, given.desc(), surname.desc(), born.desc()],
    )
    found = (
        sa.select(
            pairs.c.low,
            pairs.c.high,
            sa.case(kinds, value=pairs.c.rank).label("found_by"),
            _reason(pairs, fits).label("reason"),
            place.label("place"),
        )
        .select_from(pairs.join(low, low.c.person == pairs.c.low).join(high, high.c.person == pairs.c.high))
        .where(told, sa.or_(fits, grey))
        .subquery()
    )
    one, other = records.alias("one"), records.alias("other")
    judged = sa.exists(sa.select(verdicts.c.low).where(verdicts.c.low == found.c.low, verdicts.c.high == found.c.high))
    low_record, high_record = in_order(one.c.record_id, other.c.record_id)
    return (
        sa.select(
            low_record.label("low_record"),
            high_record.label("high_record"),
            found.c.found_by,
            sa.cast(sa.null(), sa.Numeric(18, 4)).label("score"),
            found.c.reason,
        )
        .select_from(found.join(one, one.c.record_no == found.c.low).join(other, other.c.record_no == found.c.high))
        .where(found.c.place == 1, sa.not_(judged))
    )


def _reason(pairs: sa.TableClause, fits: sa.ColumnElement[bool]) -> sa.ColumnElement[str]:
    """Tell how the fields compare, in words."""
    fields = {"given name": pairs.c.given_name, "surname": pairs.c.surname, "date of birth": pairs.c.birth_date}
    told = [sa.literal(f"{name} ") + sa.case(_HOW, value=column, else_="") for name, column in fields.items()]
    why = sa.case((fits, "fits several people; "), else_="")
    return sa.func.concat(why, told[0], ", ", told[1], ", ", told[2], type_=sa.Text())
