"""The plan of a project's traits: what is computed from which rows, and what builds on what."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from hub.expressions import Compiled, ExpressionType
from hub.people.facts import PersonFacts
from hub.people.window import Window
from hub.schema.shape import SQL_TYPES, STORE

DECAYED = "decayed"
"""The way of a part of a score: a sum in which rows count half after every half-life."""

REASON = "_reason"
"""What a score's name is followed by in the name of the trait that says what gave most."""


@dataclass(frozen=True)
class FactTrait:
    """A trait computed from a person's rows of one table; `condition` has both `where` and `within`.

    `since` is the window over the rows before they are narrowed, so that older ones need not be read; `where` holds
    the conditions apart from the window, and `window` the window and the column that it is over. Names with a dot are
    parts of scores: they are computed like traits and kept by nobody.
    """

    name: str
    type: ExpressionType
    way: str
    facts: PersonFacts
    value: Compiled | None = None
    weight: Compiled | None = None
    condition: sa.ColumnElement[bool] | None = None
    since: sa.ColumnElement[bool] | None = None
    used: frozenset[str] = frozenset()
    half_life: timedelta | None = None
    where: tuple[sa.ColumnElement[bool], ...] = ()
    window: tuple[Window, str] | None = None


@dataclass(frozen=True)
class DerivedTrait:
    """A trait computed from columns of the person and other traits, all of which `element` names bare."""

    name: str
    type: ExpressionType
    element: sa.ColumnElement[Any] = field(compare=False)
    needs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class TraitPlan:
    """All traits of a project, ready to compute: `derived` in an order that works."""

    of_facts: tuple[FactTrait, ...]
    derived: tuple[DerivedTrait, ...]
    scores: tuple[str, ...] = ()
    by_scorers: tuple[str, ...] = ()
    """The scores that scorers compute, when the traits are known."""

    @property
    def computed(self) -> Mapping[str, ExpressionType]:
        """Give the type of each trait that the engine computes, by name."""
        found = {trait.name: trait.type for trait in self.of_facts if "." not in trait.name}
        return {**found, **{trait.name: trait.type for trait in self.derived}}

    @property
    def types(self) -> Mapping[str, ExpressionType]:
        """Give the type of each trait, by name, in the order of the trait table's columns."""
        found: dict[str, ExpressionType] = dict(self.computed)
        for name in self.by_scorers:
            found |= {name: "number", name + REASON: "text"}
        return found

    def narrowed(self, read: Collection[str], uses: Mapping[str, Collection[str]]) -> TraitPlan:
        """Give the plan of the traits that are read, and of those that they build on.

        `uses` says what each score of a scorer looks at.
        """
        by_scorers = tuple(name for name in self.by_scorers if {name, name + REASON} & set(read))
        wanted = set(read).union(*(uses[name] for name in by_scorers))
        derived = []
        for trait in reversed(self.derived):
            if trait.name in wanted:
                derived.append(trait)
                wanted |= trait.needs
        wanted |= {*by_scorers, *(name + REASON for name in by_scorers)}
        return replace(
            self,
            of_facts=tuple(trait for trait in self.of_facts if trait.name in wanted),
            derived=tuple(reversed(derived)),
            scores=tuple(name for name in self.scores if {name, name + REASON} <= wanted),
            by_scorers=by_scorers,
        )

    def table(self) -> sa.TableClause:
        """Give the stored table of traits: person_id and one column per trait."""
        columns = [sa.column(name, SQL_TYPES[type_]) for name, type_ in self.types.items()]  # type: ignore[index]
        return sa.table("trait", sa.column("person_id", sa.BigInteger()), *columns, schema=STORE)
