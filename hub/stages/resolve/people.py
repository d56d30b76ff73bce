"""People: whose each record is, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hub.stages.resolve.agreement import Agreed, agree, agrees
from hub.stages.resolve.candidates import grey_pairs
from hub.stages.resolve.components import components
from hub.stages.resolve.devices import attach
from hub.stages.resolve.links import Links, find_links, reasons
from hub.stages.resolve.match import Matched
from hub.stages.resolve.match.said import Told
from hub.stages.resolve.names import Names, find_names
from hub.stages.resolve.rules import Rules
from hub.stages.resolve.verdicts import find_verdicts, part
from hub.warehouse import Transaction

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class People:
    """Whose each record is.

    `records`: (record_no, person_id, linked_by, partner) for every record.
    `components`: (record_no, person): the smallest record number among all that it hangs together with over any value,
    devices included, before names are compared; and by probability, where that is asked for.
    """

    records: sa.TableClause
    components: sa.TableClause
    candidates: sa.Select[Any] | None
    counts: dict[str, int]


@dataclass(frozen=True)
class ByRules:
    """Who is one person by the rules and by what people decided, among some records; it takes no others to say so.

    `records`: (record_id, record_no, ...) of those looked at. `whose`: (record_no, person). `roots`:
    (member, root) of who hang together over values that link. `tied`: (record_no, type, partner), the telling
    ones first.
    """

    records: sa.TableClause
    names: Names
    verdicts: sa.TableClause
    links: Links
    whose: sa.TableClause
    roots: sa.TableClause
    tied: tuple[sa.TableClause, ...]
    agreed: Agreed | None
    parted: int

    @property
    def told(self) -> Told:
        """Give what is compared by probability."""
        values, crowds = self.links.values.given, self.links.crowds
        return Told(self.records, self.names.records, values, crowds, self.whose, self.verdicts)


def by_rules(
    transaction: Transaction,
    records: sa.TableClause,
    by_hand: pa.Table,
    rules: Rules,
    scoped: Sequence[str],
    aside: sa.TableClause | None,
) -> ByRules:
    """Say who hang together, who of them agree, and what people decided.

    `records` are what `numbered` gives, `aside` the values that are known to tie nobody, from records beyond these.
    """
    names = find_names(transaction, records)
    verdicts = find_verdicts(transaction, records, by_hand)
    links = find_links(transaction, records, names.records, verdicts, rules, scoped, aside)
    roots = components(transaction, links.edges)
    agreed = agree(transaction, links, names, roots, rules)
    tied = [reasons(transaction, links, rules)]
    whose = _whose(transaction, "hanging", records, roots, roots.c.member, roots.c.root)
    if agreed is not None:
        whose = _whose(transaction, "agreeing", whose, agreed.people, agreed.people.c.record_no, agreed.people.c.person)
        tied.insert(0, agreed.reasons)
    parted = part(transaction, links, whose, verdicts, rules)
    if parted is not None:
        people, own = parted
        whose = _whose(transaction, "parting", whose, people, people.c.record_no, people.c.person)
        tied.insert(0, own)
    apart = transaction.count(parted[0]) if parted is not None else 0
    return ByRules(records, names, verdicts, links, whose, roots, tuple(tied), agreed, apart)


def find_people(transaction: Transaction, judged: ByRules, matched: Matched | None, rules: Rules) -> People:
    """Say whose each record is: by the rules and by hand, then who is likely one, then whose visits.

    `matched` is what comparing those that the rules made gave.
    """
    records, names, links, agreed, verdicts = (
        judged.records,
        judged.names,
        judged.links,
        judged.agreed,
        judged.verdicts,
    )
    number = records.c.record_no
    hanging = _hanging(transaction, judged, matched)
    whose, tied = judged.whose, list(judged.tied)
    if matched is not None:
        whose = matched.people
        tied.insert(0, matched.reasons)
    attached = attach(transaction, records, names.records, links, whose, rules)
    person: sa.ColumnElement[int] = whose.c.person
    if attached is not None:
        person = sa.func.coalesce(attached.c.person, whose.c.person)
        tied.insert(0, attached)
    alone = person == number
    linked_by = sa.case((alone, sa.null()), else_=sa.func.coalesce(*(it.c.type for it in tied), type_=sa.Text()))
    partner = sa.case((alone, sa.null()), else_=sa.func.coalesce(*(it.c.partner for it in tied)))
    source = records.join(whose, whose.c.record_no == number)
    for it in tied:
        source = source.outerjoin(it, it.c.record_no == number)
    told = transaction.hold(
        "record_person",
        sa.select(
            number,
            person.label("person_id"),
            sa.type_coerce(linked_by, sa.Text()).label("linked_by"),
            sa.type_coerce(partner, sa.BigInteger()).label("partner"),
        ).select_from(source),
    )
    refused = _refused(transaction, agreed, rules) if agreed is not None else 0
    return People(
        told,
        hanging,
        _candidates(
            transaction,
            grey_pairs(agreed.pairs, agreed.profiles, records, verdicts, rules) if agreed is not None else None,
            matched,
            records,
        ),
        {
            "blocked_identifiers": links.blocked,
            "refused_pairs": refused,
            "ambiguous_records": agreed.ambiguous if agreed is not None else 0,
            "parted_by_hand": judged.parted,
            **(matched.counts if matched is not None else {}),
        },
    )


def _hanging(transaction: Transaction, judged: ByRules, matched: Matched | None) -> sa.TableClause:
    """Hold (record_no, person): the smallest record number of all that a record hangs together with.

    With `matched` those hang together who are likely one, and those of whom somebody decided that they are two: what
    becomes of the one may change what becomes of the other.
    """
    links, roots, name = judged.links, judged.roots, "hanging"
    tables = [links.visits] if transaction.count(links.visits) else []
    if matched is not None:
        tables += [table for table in (matched.pairs, judged.verdicts) if transaction.count(table)]
    if tables:
        every = sa.union_all(*(sa.select(edges.c.high, edges.c.low) for edges in (links.edges, *tables)))
        roots = components(transaction, transaction.hold("every_edge", every), "wider")
        name = "hanging_wider"
    return _whose(transaction, name, judged.records, roots, roots.c.member, roots.c.root)


def _candidates(
    transaction: Transaction, grey: sa.Select[Any] | None, matched: Matched | None, records: sa.TableClause
) -> sa.Select[Any] | None:
    """Put both kinds of grey pairs together, each once; those joined by probability are no longer open."""
    if matched is None:
        return grey
    likely = transaction.hold("likely_candidate", matched.candidates)
    if grey is None:
        return sa.select(likely)
    doubtful = transaction.hold("doubtful_candidate", grey)
    one, other = records.alias("one_doubtful"), records.alias("other_doubtful")
    low, high = matched.people.alias("low_doubtful"), matched.people.alias("high_doubtful")
    # in two steps: an engine that sees the inequality first would pair everybody with everybody
    owned = transaction.hold(
        "owned_candidate",
        sa.select(*doubtful.c, low.c.person.label("low_person"), high.c.person.label("high_person")).select_from(
            doubtful.join(one, one.c.record_id == doubtful.c.low_record)
            .join(other, other.c.record_id == doubtful.c.high_record)
            .join(low, low.c.record_no == one.c.record_no)
            .join(high, high.c.record_no == other.c.record_no)
        ),
    )
    twice = sa.exists(
        sa.select(likely.c.low_record).where(
            likely.c.low_record == owned.c.low_record, likely.c.high_record == owned.c.high_record
        )
    )
    others = sa.select(*(owned.c[column.name] for column in likely.c)).where(
        owned.c.low_person != owned.c.high_person, sa.not_(twice)
    )
    every = transaction.hold("every_candidate", sa.union_all(sa.select(likely), others))
    return sa.select(every)


def _whose(
    transaction: Transaction,
    name: str,
    before: sa.TableClause,
    judged: sa.TableClause,
    member: sa.ColumnElement[int],
    person: sa.ColumnElement[int],
) -> sa.TableClause:
    """Hold (record_no, person): as judged, else as it was before, else everybody is alone."""
    number = before.c.record_no
    known = before.c.person if "person" in before.c else number
    return transaction.hold(
        name,
        sa.select(number, sa.func.coalesce(person, known).label("person")).select_from(
            before.outerjoin(judged, member == number)
        ),
    )


def _refused(transaction: Transaction, agreed: Agreed, rules: Rules) -> int:
    """Count the pairs that share a value and contradict each other."""
    pairs = agreed.pairs
    refused = sa.select(pairs.c.low, pairs.c.high).where(sa.not_(agrees(pairs, rules))).distinct().subquery()
    return transaction.count(refused)
