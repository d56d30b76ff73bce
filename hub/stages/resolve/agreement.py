"""Agreement: who shares a value and yet says to be somebody else is kept apart.

Most records that hang together tell one name, or none: they are one person, and nothing is left to judge. Where they
differ, they are put together again step by step. In every round those who share a value and agree join; who says
less (an initial, a surname only, nothing) joins those who say more, by the most telling value, and only where they are
not different people. A record without a name therefore never makes one person of two: where two are meant, it stays
apart, and is counted as ambiguous.

The result depends only on the records that hang together, in whatever order they came.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from hub.normalise.likeness import Likeness, birth_date_likeness, given_name_likeness, surname_likeness
from hub.stages.resolve.components import components
from hub.stages.resolve.links import FAR_NUMBER, Links, holdings, own_reasons
from hub.stages.resolve.names import Names
from hub.stages.resolve.rules import Kind, Rules
from hub.warehouse import Transaction, constructs

SAID = {"given_name": "given_no", "surname": "surname_no", "birth_date": "birth_date", "gender": "gender"}
"""What records say of themselves, and the columns that `find_names` holds it in: names are numbers here, dates too."""

LIKENESS: tuple[tuple[str, Callable[[str, str], Likeness]], ...] = (
    ("given_name", given_name_likeness),
    ("surname", surname_likeness),
    ("birth_date", birth_date_likeness),
)
"""What is compared, and how."""

SAME, NEAR, FAR, SILENT, OTHER = 3, 2, 1, 0, -1
"""How what two records say of one field compares; silent where one of them does not tell."""

_SCORES: dict[Likeness, int] = {"same": SAME, "near": NEAR, "far": FAR, "other": OTHER}

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


def agree(transaction: Transaction, links: Links, names: Names, roots: sa.TableClause, rules: Rules) -> Agreed | None:
    """Put the records together whose names differ within one component; None where there are no such records.

    `roots` gives (member, root) of the components over all shared values.
    """
    nodes = _differing(transaction, names.records, roots)
    if not transaction.count(nodes):
        return None
    held = holdings(transaction, links, rules, nodes)
    rounds = _Rounds(transaction, nodes, held, names, rules)
    told = rounds.run()
    reasons = own_reasons(transaction, "agreed_reason", held, told["people"], rules)
    ambiguous = transaction.scalar(sa.select(sa.func.count(told["ambiguous"].c.person.distinct())))
    return Agreed(told["people"], reasons, told["pairs"], told["profiles"], int(ambiguous or 0))


def _differing(transaction: Transaction, names: sa.TableClause, roots: sa.TableClause) -> sa.TableClause:
    """Hold (record_no, root, given_name, ...) of the records in components that tell more than one of any."""
    member = names.c.record_no
    root = sa.func.coalesce(roots.c.root, member)
    differs = sa.or_(*(sa.func.min(names.c[said]) < sa.func.max(names.c[said]) for said in SAID.values()))
    differing = transaction.hold(
        "differing",
        sa.select(root.label("root"))
        .select_from(names.outerjoin(roots, roots.c.member == member))
        .group_by(root)
        .having(differs),
    )
    everyone = sa.union_all(
        sa.select(roots.c.member.label("record_no"), roots.c.root).join_from(
            roots, differing, differing.c.root == roots.c.root
        ),
        sa.select(differing.c.root, differing.c.root),
    ).subquery()
    return transaction.hold(
        "node",
        sa.select(*everyone.c, *(_number(names.c[column]).label(said) for said, column in SAID.items())).select_from(
            everyone.outerjoin(names, names.c.record_no == everyone.c.record_no)
        ),
    )


def _number(told: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Write a date as the number of its digits, YYYYMMDD; leave all else."""
    if not isinstance(told.type, sa.Date):
        return told
    year, month, day = (sa.extract(part, told) for part in ("year", "month", "day"))
    return sa.cast(year * 10_000 + month * 100 + day, sa.BigInteger())


@dataclass(frozen=True)
class _Round:
    """One round: who is whose after it, (root, moved) of the components where several are left, and what it saw."""

    people: sa.TableClause
    left: sa.TableClause
    told: dict[str, sa.TableClause]


@dataclass
class _Rounds:
    """The rounds, each over those components in which somebody joined in the round before."""

    transaction: Transaction
    nodes: sa.TableClause
    held: sa.TableClause
    names: Names
    rules: Rules
    likeness: dict[tuple[int, int, int], int] = field(default_factory=dict)
    done: list[_Round] = field(default_factory=list)

    def run(self) -> dict[str, sa.TableClause]:
        """Join until nobody joins any more; return people, pairs, profiles and ambiguous, of all components."""
        by_hand = self._by_hand()
        people = self.transaction.hold("people_0", self._alone() if by_hand is None else by_hand)
        while True:
            number = len(self.done) + 1
            alone = number == 1 and by_hand is None
            profiles = self._own_profiles() if alone else self._profiles(number, people)
            pairs = self._pairs(number, people, self.nodes if alone else self._speaking(people, profiles))
            upward, edges = self._edges(number, pairs, profiles)
            joined = components(self.transaction, edges, "joined")
            now, left = self._joined(number, people, joined)
            self.done.append(_Round(now, left, {"pairs": pairs, "profiles": profiles, "ambiguous": upward}))
            going = sa.select(left.c.root).where(left.c.moved)
            people = self.transaction.hold(f"going_{number % 2}", sa.select(*now.c).where(now.c.root.in_(going)))
            if not self.transaction.count(people):
                return self._settled()

    def _joined(
        self, number: int, people: sa.TableClause, joined: sa.TableClause
    ) -> tuple[sa.TableClause, sa.TableClause]:
        """Hold who is whose now; and (root, moved) of the components where more than one person is left."""
        person = sa.func.coalesce(joined.c.root, people.c.person).label("person")
        moved = joined.c.root.is_not(None).label("moved")
        among = people.outerjoin(joined, joined.c.member == people.c.person)
        now = self.transaction.hold(
            f"people_{number}", sa.select(people.c.record_no, people.c.root, person, moved).select_from(among)
        )
        several = sa.func.min(now.c.person) < sa.func.max(now.c.person)
        moved = (sa.func.count().filter(now.c.moved) > 0).label("moved")
        left = self.transaction.hold(
            f"left_{number}", sa.select(now.c.root, moved).group_by(now.c.root).having(several)
        )
        return now, left

    def _settled(self) -> dict[str, sa.TableClause]:
        """Put together what each round says of the components that it was the last for.

        Those of which one person is left have no pairs any more.
        """
        apart = self.transaction.hold(
            "apart",
            sa.union_all(
                *(
                    sa.select(sa.literal(number).label("round"), it.people.c.person)
                    .join_from(it.people, it.left, it.left.c.root == it.people.c.root)
                    .where(sa.not_(it.left.c.moved))
                    for number, it in enumerate(self.done)
                )
            ),
        )
        parts: dict[str, list[sa.Select[Any]]] = {"people": [], "pairs": [], "profiles": [], "ambiguous": []}
        for number, it in enumerate(self.done):
            going = sa.select(it.left.c.root).where(it.left.c.moved)
            parts["people"].append(
                sa.select(it.people.c.record_no, it.people.c.person).where(it.people.c.root.not_in(going))
            )
            among = sa.select(apart.c.person).where(apart.c.round == number)
            for name, table in it.told.items():
                one = table.c.low if name == "pairs" else table.c.person
                parts[name].append(sa.select(*table.c).where(one.in_(among)))
        return {name: self.transaction.hold(f"agreed_{name}", sa.union_all(*every)) for name, every in parts.items()}

    def _alone(self) -> sa.Select[Any]:
        """Select (record_no, root, person) with everybody alone."""
        return sa.select(self.nodes.c.record_no, self.nodes.c.root, self.nodes.c.record_no.label("person"))

    def _by_hand(self) -> sa.Select[Any] | None:
        """Select (record_no, root, person) with those joined whom somebody joined by hand; None if nobody did."""
        one, other, nodes = self.held.alias("one"), self.held.alias("other"), self.nodes
        edges = self.transaction.hold(
            "edge_by_hand",
            sa.select(one.c.record_no.label("high"), other.c.record_no.label("low"))
            .join_from(one, other, one.c.value_no == other.c.value_no)
            .where(one.c.rank == 0, other.c.record_no < one.c.record_no),
        )
        if not self.transaction.count(edges):
            return None
        joined = components(self.transaction, edges, "joined")
        person = sa.func.coalesce(joined.c.root, nodes.c.record_no).label("person")
        among = nodes.outerjoin(joined, joined.c.member == nodes.c.record_no)
        return sa.select(nodes.c.record_no, nodes.c.root, person).select_from(among)

    def _own_profiles(self) -> sa.TableClause:
        """Hold (person, root, given_name, surname, birth_date, gender, level) of records that are alone."""
        nodes = self.nodes
        told = (nodes.c.record_no.label("person"), nodes.c.root, *(nodes.c[name] for name in SAID))
        return self.transaction.hold("profile_1", sa.select(*told, _level(nodes).label("level")))

    def _profiles(self, number: int, people: sa.TableClause) -> sa.TableClause:
        """Hold (person, root, given_name, surname, birth_date, gender, level): what each group of records says."""
        nodes = self.nodes
        record = nodes.c.record_no
        said = {name: constructs.earliest(nodes.c[name], record) for name in SAID}
        whole_first = sa.case((nodes.c.given_name < 0, record + FAR_NUMBER), else_=record)
        said["given_name"] = constructs.earliest(nodes.c.given_name, whole_first)
        told = (
            sa.select(people.c.person, people.c.root, *(column.label(name) for name, column in said.items()))
            .join_from(people, nodes, record == people.c.record_no)
            .group_by(people.c.person, people.c.root)
            .subquery()
        )
        return self.transaction.hold(f"profile_{number}", sa.select(*told.c, _level(told).label("level")))

    def _pairs(self, number: int, people: sa.TableClause, speaking: sa.TableClause) -> sa.TableClause:
        """Hold (low, high, rank, given_name, surname, birth_date): groups that share a value, and how they compare.

        A record speaks for itself where it says something, else its group speaks for it: `speaking`.
        """
        held = self.held
        holder = self.transaction.hold(
            "holder",
            sa.select(held.c.value_no, held.c.rank, people.c.record_no, people.c.person).join_from(
                held, people, people.c.record_no == held.c.record_no
            ),
        )
        mine, theirs = holder.alias("mine"), holder.alias("theirs")
        one, other = speaking.alias("one"), speaking.alias("other")
        sharing = self.transaction.hold(
            "sharing",
            sa.select(
                mine.c.person.label("low"),
                theirs.c.person.label("high"),
                mine.c.record_no.label("one"),
                theirs.c.record_no.label("other"),
                mine.c.rank,
            )
            .join_from(mine, theirs, theirs.c.value_no == mine.c.value_no)
            .where(mine.c.person < theirs.c.person)
            .distinct(),
        )
        pair = sa.select(sharing.c.one, sharing.c.other).distinct().subquery()
        met = self.transaction.hold(
            "met",
            sa.select(
                pair.c.one,
                pair.c.other,
                *(one.c[name].label(f"low_{name}") for name in SAID),
                *(other.c[name].label(f"high_{name}") for name in SAID),
            ).select_from(pair.join(one, one.c.record_no == pair.c.one).join(other, other.c.record_no == pair.c.other)),
        )
        compared = self._compared(met).subquery()
        how = [compared.c[name] for name in ("given_name", "surname", "birth_date")]
        both = sa.and_(compared.c.one == sharing.c.one, compared.c.other == sharing.c.other)
        return self.transaction.hold(
            f"pair_{number}",
            sa.select(sharing.c.low, sharing.c.high, sharing.c.rank, *how)
            .join_from(sharing, compared, both)
            .distinct(),
        )

    def _speaking(self, people: sa.TableClause, profiles: sa.TableClause) -> sa.TableClause:
        """Hold (record_no, given_name, surname, birth_date, gender): what each record says, or its group."""
        nodes = self.nodes
        short = sa.or_(nodes.c.given_name.is_(None), nodes.c.given_name < 0)
        said: dict[str, sa.ColumnElement[Any]]
        said = {name: sa.func.coalesce(nodes.c[name], profiles.c[name]) for name in SAID}
        said["given_name"] = sa.case((short, profiles.c.given_name), else_=nodes.c.given_name)
        among = people.join(nodes, nodes.c.record_no == people.c.record_no).join(
            profiles, profiles.c.person == people.c.person
        )
        columns = (column.label(name) for name, column in said.items())
        return self.transaction.hold("speaking", sa.select(people.c.record_no, *columns).select_from(among))

    def _compared(self, met: sa.TableClause) -> sa.Select[Any]:
        """Select (one, other, given_name, surname, birth_date): how the fields of two records compare."""
        found = self._likeness(met)
        likeness = {name: found.alias(f"{name}_likeness") for name, _ in LIKENESS}
        how = {name: _alike(met, name, it) for name, it in likeness.items()}
        sexes = sa.and_(how["given_name"] < SAME, met.c.low_gender != met.c.high_gender)
        how["given_name"] = sa.case((sexes, OTHER), else_=how["given_name"])
        among: sa.FromClause = met
        for place, (name, it) in enumerate(likeness.items()):
            among = among.outerjoin(it, sa.and_(it.c.field == place, _is_pair(met, name, it)))
        return sa.select(met.c.one, met.c.other, *(it.label(name) for name, it in how.items())).select_from(among)

    def _likeness(self, met: sa.TableClause) -> sa.TableClause:
        """Hold (field, one, other, likeness) for every two different values that meet: compared once per pair."""
        from hub.warehouse.arrow import numbers

        parts = []
        for place, (name, _) in enumerate(LIKENESS):
            low, high = met.c[f"low_{name}"], met.c[f"high_{name}"]
            told = (sa.literal(place).label("field"), low.label("one"), high.label("other"))
            parts.append(sa.select(*told).where(low != high).distinct())
        met_now = self.transaction.arrow(sa.union_all(*parts)).read_all()
        written = (self.names.given_names, self.names.surnames, None)
        scores = []
        for met_pair in zip(*(column.to_pylist() for column in met_now.columns), strict=True):
            if met_pair not in self.likeness:
                place, *pair = met_pair
                texts = written[place]
                one, other = (f"{it:08}" if texts is None else texts[abs(it)] for it in pair)
                self.likeness[met_pair] = _SCORES[LIKENESS[place][1](one, other)]
            scores.append(self.likeness[met_pair])
        return self.transaction.load("likeness", met_now.append_column("likeness", numbers(scores)))

    def _edges(
        self, number: int, pairs: sa.TableClause, profiles: sa.TableClause
    ) -> tuple[sa.TableClause, sa.TableClause]:
        """Hold who fits others that say more, and (high, low) of the groups that join in this round."""
        fits = sa.select(pairs.c.low, pairs.c.high, pairs.c.rank).where(agrees(pairs, self.rules)).distinct().subquery()
        first, second = profiles.alias("first"), profiles.alias("second")
        levels = (first.c.root, first.c.level.label("low_level"), second.c.level.label("high_level"))
        among = fits.join(first, first.c.person == fits.c.low).join(second, second.c.person == fits.c.high)
        levelled = self.transaction.hold("levelled", sa.select(*fits.c, *levels).select_from(among))
        upward = self._upward(number, levelled, profiles)
        asking = sa.select(upward.c.person)
        alike = levelled.c.low_level == levelled.c.high_level
        free = sa.and_(levelled.c.low.not_in(asking), levelled.c.high.not_in(asking))
        joins = self._chosen(upward)
        edges = sa.union(
            sa.select(
                sa.func.greatest(joins.c.person, joins.c.target).label("high"),
                sa.func.least(joins.c.person, joins.c.target).label("low"),
                joins.c.root,
            ),
            sa.select(levelled.c.high, levelled.c.low, levelled.c.root).where(alike, free),
        ).cte("join_first")
        # where nobody joins, those who can't tell whose they are still are each other's
        lost = sa.and_(levelled.c.low.in_(asking), levelled.c.high.in_(asking))
        still = levelled.c.root.not_in(sa.select(edges.c.root))
        others = sa.select(levelled.c.high, levelled.c.low).where(alike, lost, still)
        every = sa.union(sa.select(edges.c.high, edges.c.low), others)
        return upward, self.transaction.hold("join", every)

    def _upward(self, number: int, levelled: sa.TableClause, profiles: sa.TableClause) -> sa.TableClause:
        """Hold (person, root, rank, target, and what the target says): groups that fit and say more."""
        up = sa.union_all(
            sa.select(
                levelled.c.high.label("person"), levelled.c.root, levelled.c.rank, levelled.c.low.label("target")
            ).where(levelled.c.low_level < levelled.c.high_level),
            sa.select(levelled.c.low, levelled.c.root, levelled.c.rank, levelled.c.high).where(
                levelled.c.high_level < levelled.c.low_level
            ),
        ).subquery()
        return self.transaction.hold(
            f"upward_{number}",
            sa.select(*up.c, *(profiles.c[name] for name in SAID)).join_from(
                up, profiles, profiles.c.person == up.c.target
            ),
        )

    def _chosen(self, upward: sa.TableClause) -> sa.Subquery:
        """Select (person, root, target): by the most telling kind of value whose holders do not differ."""
        differs = sa.or_(*(sa.func.min(upward.c[name]) < sa.func.max(upward.c[name]) for name in SAID))
        clear = (
            sa.select(upward.c.person, upward.c.rank)
            .group_by(upward.c.person, upward.c.rank)
            .having(sa.not_(sa.func.coalesce(differs, sa.false())))
            .subquery()
        )
        best = sa.select(clear.c.person, sa.func.min(clear.c.rank).label("rank")).group_by(clear.c.person).subquery()
        return (
            sa.select(upward.c.person, upward.c.root, upward.c.target)
            .join_from(upward, best, sa.and_(best.c.person == upward.c.person, best.c.rank == upward.c.rank))
            .subquery()
        )


def _level(told: sa.FromClause) -> sa.ColumnElement[int]:
    """Say how much is told; the number of initials is negative."""
    given, surname, born = told.c.given_name, told.c.surname, told.c.birth_date
    return sa.case(
        (sa.and_(given > 0, born.is_not(None)), FULL),
        (given > 0, UNDATED),
        (sa.and_(given.is_not(None), surname.is_not(None)), INITIALS),
        (sa.or_(given.is_not(None), surname.is_not(None), born.is_not(None)), PARTIAL),
        else_=NAMELESS,
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


def _is_pair(met: sa.TableClause, name: str, likeness: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(likeness.c.one == met.c[f"low_{name}"], likeness.c.other == met.c[f"high_{name}"])


def _alike(met: sa.TableClause, name: str, likeness: sa.FromClause) -> sa.ColumnElement[int]:
    low, high = met.c[f"low_{name}"], met.c[f"high_{name}"]
    return sa.case((sa.or_(low.is_(None), high.is_(None)), SILENT), (low == high, SAME), else_=likeness.c.likeness)
