"""Derive: put the aggregates beside each person, then compute what builds on them, layer upon layer.

Ranks among all people are computed apart, from the few columns that they look at: sorting people with all that is known
of them costs more than all the rest.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from hub.people.plan import DerivedTrait, TraitPlan
from hub.schema.shape import SQL_TYPES
from hub.stages.enrich.aggregate import Aggregates
from hub.warehouse import Transaction

WITHOUT_ROWS = {"count": 0, "distinct": 0, "exists": False}
"""What people without a single row have; other traits are null for them."""


def derived(transaction: Transaction, plan: TraitPlan, known: Aggregates) -> sa.Select[Any]:
    """Select person_id and all traits, in the order of the plan's types."""
    person = transaction.table("person")
    relation: sa.FromClause = person
    for held in dict.fromkeys([*known.found.values(), *known.touched.values(), *known.before]):
        relation = relation.outerjoin(held, held.c.person_id == person.c.person_id)
    base: list[sa.ColumnElement[Any]] = [column for column in person.c if column.name not in plan.computed]
    for trait in plan.of_facts:
        value: sa.ColumnElement[Any] = known.found[trait.name].c[trait.name]
        if trait.way in WITHOUT_ROWS:
            value = sa.func.coalesce(value, WITHOUT_ROWS[trait.way])
        if trait.name in known.touched:
            is_new = known.touched[trait.name].c.person_id.is_not(None)
            value = sa.case((is_new, value), else_=known.before[0].c[trait.name])
        # what others build on a trait is the same whether it was computed today or kept
        base.append((value if "." in trait.name else sa.cast(value, SQL_TYPES[trait.type])).label(trait.name))  # type: ignore[index]
    layer = sa.select(*base).select_from(relation).subquery("layer_0")
    for number, traits in enumerate(_layers(plan.derived), start=1):
        ranks = [trait for trait in traits if _is_rank(trait)]
        relation = layer
        columns: list[Any] = [trait.element.label(trait.name) for trait in traits if trait not in ranks]
        if ranks:
            held = transaction.hold(
                f"trait_ranks_{number}",
                sa.select(layer.c.person_id.label("_person"), *(trait.element.label(trait.name) for trait in ranks)),
            )
            relation = layer.join(held, held.c._person == layer.c.person_id)
            columns += [held.c[trait.name] for trait in ranks]
        layer = sa.select(*layer.c, *columns).select_from(relation).subquery(f"layer_{number}")
    return sa.select(
        layer.c.person_id,
        *(sa.cast(layer.c[name], SQL_TYPES[type_]).label(name) for name, type_ in plan.computed.items()),  # type: ignore[index]
    )


def _is_rank(trait: DerivedTrait) -> bool:
    """Say whether a trait looks at all people."""
    return any(isinstance(part, sa.Over) for part in visitors.iterate(trait.element))


def _layers(traits: tuple[DerivedTrait, ...]) -> list[list[DerivedTrait]]:
    """Group traits so that each uses only those of groups before its own."""
    height: dict[str, int] = {}
    for trait in traits:
        height[trait.name] = 1 + max((height[name] for name in trait.needs if name in height), default=-1)
    return [
        [trait for trait in traits if height[trait.name] == level]
        for level in range(max(height.values(), default=-1) + 1)
    ]
