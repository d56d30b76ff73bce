"""Agreement: who shares a value and yet says to be somebody else is kept apart.

Most records that hang together tell one name, or none: they are one person, and nothing is left to judge. Where they
differ, they are put together again step by step. In every round those who share a value and agree join; who says
less (an initial, a surname only, nothing) joins those who say more, by the most telling value, and only where they are
not different people. A record without a name therefore never makes one person of two: where two are meant, it stays
apart, and is counted as ambiguous.

The result depends only on the records that hang together, in whatever order they came.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from hub.normalise.likeness import Likeness, given_name_likeness, surname_likeness
from hub.stages.resolve import rules as hub_rules
from hub.stages.resolve.components import components
from hub.stages.resolve.links import Links, holdings, own_reasons
from hub.stages.resolve.rules import Kind, Rules
from hub.warehouse import Transaction, constructs

SAID = ("given_name", "surname", "birth_date", "gender")
"""What records say of themselves, as `find_names` holds it."""

SAME, NEAR, FAR, SILENT, OTHER = 3, 2, 1, 0, -1
"""How what two records say of one field compares; silent where one of them does not tell."""

FULL, UNDATED, INITIALS, PARTIAL, NAMELESS = range(5)
"""How much a record says: given name and date of birth; given name; initials and surname; less; nothing."""


@dataclass(frozen=True)
class Agreed:
    """What became of the records whose names differ from those of others they hang together with.

    `people`: (record_no, person) of each such record.
    `reasons`: (record_no, type, partner) for those who are not alone.
    `pairs`: (low, high, rank, given_name, surname, birth_date): people kept apart though they share a value (the
    smallest record of each), and how their fields compare.
    `profiles`: (person, ..., level): what each of them says.
    `ambiguous`: how many might be several people.
    """

    people: sa.TableClause
    reasons: sa.TableClause
    pairs: sa.TableClause
    profiles: sa.TableClause
    ambiguous: int


def agree(
    transaction: Transaction, links: Links, names: sa.TableClause, roots: sa.TableClause, rules: Rules
) -> Agreed | None:
    """Put the records together whose names differ within one component; None where there are no such records.

    `roots` gives (member, root) of the components over all shared values.
    """
    nodes = _differing(transaction, names, roots)
    if not transaction.count(nodes):
        return None
    held = holdings(transaction, links, rules, nodes)
    rounds = _Rounds(transaction, nodes, held, rules)
    people = rounds.run()
    reasons = own_reasons(transaction, "agreed_reason", held, people, rules)
    ambiguous = transaction.scalar(sa.select(sa.func.count(rounds.upward.c.person.distinct())))
    return Agreed(people, reasons, rounds.pairs, rounds.profiles, int(ambiguous or 0))


def _differing(transaction: Transaction, names: sa.TableClause, roots: sa.TableClause) -> sa.TableClause:
    """Hold (record_no, given_name, surname, birth_date, gender) of components that tell more than one of any."""
    member = names.c.record_no
    root = sa.func.coalesce(roots.c.root, member)
    differs = sa.or_(*(sa.func.min(names.c[said]) < sa.func.max(names.c[said]) for said in SAID))
    differing = transaction.hold(
        "differing",
        sa.select(root.label("root"))
        .select_from(names.outerjoin(roots, roots.c.member == member))
        .group_by(root)
        .having(differs),
    )
    everyone = sa.union_all(
        sa.select(roots.c.member.label("record_no")).join_from(roots, differing, differing.c.root == roots.c.root),
        sa.select(differing.c.root),
    ).subquery()
    return transaction.hold(
        "node",
        sa.select(everyone.c.record_no, *(names.c[said] for said in SAID)).select_from(
            everyone.outerjoin(names, names.c.record_no == everyone.c.record_no)
        ),
    )


@dataclass
class _Rounds:
    transaction: Transaction
    nodes: sa.TableClause
    held: sa.TableClause
    rules: Rules
    likeness: dict[tuple[str, str, str], Likeness] = field(default_factory=dict)
    pairs: sa.TableClause = field(init=False)
    """The pairs of the last round: nobody among them joins any more."""
    profiles: sa.TableClause = field(init=False)
    upward: sa.TableClause = field(init=False)
    """Those of the last round who fit others that say more, and join none of them."""

    def run(self) -> sa.TableClause:
        """Join until nobody joins any more; return (record_no, person)."""
        people = self.transaction.hold("person_of_0", self._by_hand())
        number = 0
        while True:
            number += 1
            self.profiles = self._profiles(people)
            self.pairs = self._pairs(people, self.profiles)
            edges = self._edges(self.profiles)
            if not self.transaction.count(edges):
                return people
            joined = components(self.transaction, edges, "joined")
            people = self.transaction.hold(
                f"person_of_{number % 2}",
                sa.select(
                    people.c.record_no, sa.func.coalesce(joined.c.root, people.c.person).label("person")
                ).select_from(people.outerjoin(joined, joined.c.member == people.c.person)),
            )

    def _by_hand(self) -> sa.Select[Any]:
        """Select (record_no, person) with those joined whom somebody joined by hand."""
        one, other = self.held.alias("one"), self.held.alias("other")
        edges = self.transaction.hold(
            "edge_by_hand",
            sa.select(one.c.record_no.label("high"), other.c.record_no.label("low"))
            .join_from(one, other, sa.and_(one.c.type == other.c.type, one.c.value == other.c.value))
            .where(one.c.type == hub_rules.HAND, other.c.record_no < one.c.record_no),
        )
        nodes = self.nodes
        if not self.transaction.count(edges):
            return sa.select(nodes.c.record_no, nodes.c.record_no.label("person"))
        joined = components(self.transaction, edges, "joined")
        return sa.select(
            nodes.c.record_no, sa.func.coalesce(joined.c.root, nodes.c.record_no).label("person")
        ).select_from(nodes.outerjoin(joined, joined.c.member == nodes.c.record_no))

    def _profiles(self, people: sa.TableClause) -> sa.TableClause:
        """Hold (person, given_name, surname, birth_date, gender, level): what each group of records says together."""
        nodes = self.nodes
        number = nodes.c.record_no
        short = sa.case((nodes.c.given_name.like("%."), 1), else_=0)
        said = {name: constructs.earliest(nodes.c[name], number) for name in SAID}
        said["given_name"] = constructs.earliest(nodes.c.given_name, short, number)
        told = (
            sa.select(people.c.person, *(column.label(name) for name, column in said.items()))
            .join_from(people, nodes, number == people.c.record_no)
            .group_by(people.c.person)
            .subquery()
        )
        given, surname, born = told.c.given_name, told.c.surname, told.c.birth_date
        level = sa.case(
            (sa.and_(given.not_like("%."), born.is_not(None)), FULL),
            (given.not_like("%."), UNDATED),
            (sa.and_(given.is_not(None), surname.is_not(None)), INITIALS),
            (sa.or_(given.is_not(None), surname.is_not(None), born.is_not(None)), PARTIAL),
            else_=NAMELESS,
        )
        return self.transaction.hold("profile", sa.select(*told.c, level.label("level")))

    def _pairs(self, people: sa.TableClause, profiles: sa.TableClause) -> sa.TableClause:
        """Hold (low, high, rank, given_name, surname, birth_date): groups that share a value, and how they compare.

        A record speaks for itself where it says something, else its group speaks for it.
        """
        nodes, held = self.nodes, self.held
        short = sa.or_(nodes.c.given_name.is_(None), nodes.c.given_name.like("%."))
        spoken: dict[str, sa.ColumnElement[Any]] = {
            name: sa.func.coalesce(nodes.c[name], profiles.c[name]) for name in SAID
        }
        spoken["given_name"] = sa.case((short, profiles.c.given_name), else_=nodes.c.given_name)
        member = self.transaction.hold(
            "spoken",
            sa.select(
                held.c.type,
                held.c.value,
                held.c.rank,
                people.c.person,
                *(column.label(name) for name, column in spoken.items()),
            )
            .select_from(
                held.join(people, people.c.record_no == held.c.record_no)
                .join(nodes, nodes.c.record_no == held.c.record_no)
                .join(profiles, profiles.c.person == people.c.person)
            )
            .distinct(),
        )
        one, other = member.alias("one"), member.alias("other")
        met = self.transaction.hold(
            "met",
            sa.select(
                one.c.person.label("low"),
                other.c.person.label("high"),
                one.c.rank,
                *(one.c[name].label(f"low_{name}") for name in SAID),
                *(other.c[name].label(f"high_{name}") for name in SAID),
            )
            .join_from(one, other, sa.and_(one.c.type == other.c.type, one.c.value == other.c.value))
            .where(one.c.person < other.c.person)
            .distinct(),
        )
        givens = self._likeness(met, "given_name", given_name_likeness)
        families = self._likeness(met, "surname", surname_likeness)
        given, surname = _compared(met, "given_name", givens), _compared(met, "surname", families)
        sexes = sa.and_(given < SAME, met.c.low_gender != met.c.high_gender)
        return self.transaction.hold(
            "compared",
            sa.select(
                met.c.low,
                met.c.high,
                met.c.rank,
                sa.case((sexes, OTHER), else_=given).label("given_name"),
                surname.label("surname"),
                _births(met.c.low_birth_date, met.c.high_birth_date).label("birth_date"),
            ).select_from(
                met.outerjoin(givens, _is_pair(met, "given_name", givens)).outerjoin(
                    families, _is_pair(met, "surname", families)
                )
            ),
        )

    def _likeness(self, met: sa.TableClause, name: str, compare: Any) -> sa.TableClause:
        """Hold (one, other, likeness) for every two different names that meet: compared once per pair of names."""
        import pyarrow as pa

        low, high = met.c[f"low_{name}"], met.c[f"high_{name}"]
        differing = sa.select(low, high).where(low != high).distinct()
        rows: list[tuple[str, str, int]] = []
        for batch in self.transaction.arrow(differing):
            for one, other in zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True):
                key = (name, one, other)
                if key not in self.likeness:
                    self.likeness[key] = compare(one, other)
                rows.append((one, other, {"same": SAME, "near": NEAR, "far": FAR, "other": OTHER}[self.likeness[key]]))
        columns = list(zip(*rows, strict=True)) or [(), (), ()]
        table = pa.table(
            {
                "one": pa.array(columns[0], pa.string()),
                "other": pa.array(columns[1], pa.string()),
                "likeness": pa.array(columns[2], pa.int64()),
            }
        )
        return self.transaction.load(f"{name}_likeness", table)

    def _edges(self, profiles: sa.TableClause) -> sa.TableClause:
        """Hold (high, low) of the groups that join in this round."""
        pairs = self.pairs
        fits = self.transaction.hold(
            "fit", sa.select(pairs.c.low, pairs.c.high, pairs.c.rank).where(agrees(pairs, self.rules)).distinct()
        )
        first, second = profiles.alias("first"), profiles.alias("second")
        levelled = self.transaction.hold(
            "levelled",
            sa.select(
                fits.c.low,
                fits.c.high,
                fits.c.rank,
                first.c.level.label("low_level"),
                second.c.level.label("high_level"),
            ).select_from(fits.join(first, first.c.person == fits.c.low).join(second, second.c.person == fits.c.high)),
        )
        upward = self.upward = self._upward(levelled, profiles)
        alike = levelled.c.low_level == levelled.c.high_level
        asking = sa.select(upward.c.person)
        free = sa.and_(levelled.c.low.not_in(asking), levelled.c.high.not_in(asking))
        joins = self._chosen(upward)
        edges = self.transaction.hold(
            "join",
            sa.union(
                sa.select(
                    sa.func.greatest(joins.c.person, joins.c.target).label("high"),
                    sa.func.least(joins.c.person, joins.c.target).label("low"),
                ),
                sa.select(levelled.c.high, levelled.c.low).where(alike, free),
            ),
        )
        if self.transaction.count(edges):
            return edges
        # those who can't tell whose they are still are each other's
        return self.transaction.hold(
            "join",
            sa.select(levelled.c.high, levelled.c.low)
            .where(alike, levelled.c.low.in_(asking), levelled.c.high.in_(asking))
            .distinct(),
        )

    def _upward(self, levelled: sa.TableClause, profiles: sa.TableClause) -> sa.TableClause:
        """Hold (person, rank, target, and what the target says): groups that fit and say more."""
        up = sa.union_all(
            sa.select(levelled.c.high.label("person"), levelled.c.rank, levelled.c.low.label("target")).where(
                levelled.c.low_level < levelled.c.high_level
            ),
            sa.select(levelled.c.low, levelled.c.rank, levelled.c.high).where(
                levelled.c.high_level < levelled.c.low_level
            ),
        ).subquery()
        return self.transaction.hold(
            "upward",
            sa.select(*up.c, *(profiles.c[name] for name in SAID)).join_from(
                up, profiles, profiles.c.person == up.c.target
            ),
        )

    def _chosen(self, upward: sa.TableClause) -> sa.Subquery:
        """Select (person, target): by the most telling kind of value whose holders do not differ from each other."""
        differs = sa.or_(*(sa.func.min(upward.c[name]) < sa.func.max(upward.c[name]) for name in SAID))
        clear = (
            sa.select(upward.c.person, upward.c.rank)
            .group_by(upward.c.person, upward.c.rank)
            .having(sa.not_(sa.func.coalesce(differs, sa.false())))
            .subquery()
        )
        best = sa.select(clear.c.person, sa.func.min(clear.c.rank).label("rank")).group_by(clear.c.person).subquery()
        return (
            sa.select(upward.c.person, upward.c.target)
            .join_from(upward, best, sa.and_(best.c.person == upward.c.person, best.c.rank == upward.c.rank))
            .subquery()
        )


def agrees(pairs: sa.FromClause, rules: Rules) -> sa.ColumnElement[bool]:
    """Say whether two groups that share a value agree as far as its kind asks."""
    conditions = {place: _agrees(pairs, kind) for place, kind in enumerate(rules.kinds)}
    return sa.case(*((pairs.c.rank == place, condition) for place, condition in conditions.items()), else_=sa.false())


def _agrees(pairs: sa.FromClause, kind: Kind) -> sa.ColumnElement[bool]:
    given, surname, born = pairs.c.given_name, pairs.c.surname, pairs.c.birth_date
    if not kind.agree:
        return sa.true()
    refused: list[sa.ColumnElement[bool]] = []
    if "name" in kind.agree:
        refused += [sa.and_(given.in_([FAR, OTHER]), surname < NEAR), sa.and_(surname == OTHER, given < NEAR)]
    if "given_name" in kind.agree:
        # a marriage changes the surname: the same given name is enough, or a similar one with the date of birth
        married = sa.or_(given == SAME, sa.and_(given == NEAR, born == SAME))
        much = [surname >= NEAR, *([born >= NEAR] if "birth_date" in kind.agree else [])]
        refused += [given == OTHER, sa.and_(given == FAR, sa.not_(sa.and_(*much)))]
        refused.append(sa.and_(surname == OTHER, sa.not_(married)))
    if "surname" in kind.agree:
        refused.append(surname == OTHER)
    if "birth_date" in kind.agree:
        refused += [born == OTHER, sa.and_(born == NEAR, given < NEAR)]
    else:
        refused.append(sa.and_(born == OTHER, sa.or_(given < SAME, surname < NEAR)))
    return sa.not_(sa.or_(*refused))


def _is_pair(met: sa.TableClause, name: str, likeness: sa.TableClause) -> sa.ColumnElement[bool]:
    return sa.and_(likeness.c.one == met.c[f"low_{name}"], likeness.c.other == met.c[f"high_{name}"])


def _compared(met: sa.TableClause, name: str, likeness: sa.TableClause) -> sa.ColumnElement[int]:
    low, high = met.c[f"low_{name}"], met.c[f"high_{name}"]
    return sa.case((sa.or_(low.is_(None), high.is_(None)), SILENT), (low == high, SAME), else_=likeness.c.likeness)


def _births(low: sa.ColumnElement[Any], high: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """Compare two dates of birth: near where one digit differs, two are swapped, or day and month are."""
    one, other = (sa.func.replace(sa.cast(date, sa.Text()), "-", "") for date in (low, high))
    digits = [(sa.func.substr(one, place, 1), sa.func.substr(other, place, 1)) for place in range(1, 9)]
    wrong = sum((sa.case((a != b, 1), else_=0) for a, b in digits), sa.literal(0))
    swapped = [sa.and_(a == d, b == c) for (a, c), (b, d) in pairwise(digits)]
    turned = sa.and_(
        sa.func.substr(one, 1, 4) == sa.func.substr(other, 1, 4),
        sa.func.substr(one, 5, 2) == sa.func.substr(other, 7, 2),
        sa.func.substr(one, 7, 2) == sa.func.substr(other, 5, 2),
    )
    near = sa.or_(wrong == 1, sa.and_(wrong == 2, sa.or_(*swapped)), turned)
    return sa.case((sa.or_(low.is_(None), high.is_(None)), SILENT), (low == high, SAME), (near, NEAR), else_=OTHER)
