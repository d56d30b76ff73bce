"""News: which records must be looked at again since the last time, so that a day costs what it changed.

Records that share a value, directly or over others, hang together; whose a record is depends only on those it hangs
together with. So it is enough to look at what hangs together with a record that is new, changed, gone or judged by
hand. Values that tie nobody together (crowds) are kept, and looked at when one may be no crowd any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hub.project import Project
from hub.stages.resolve.devices import PROFILING
from hub.stages.resolve.links import (
    HASH,
    Links,
    Values,
    blocked_identifier,
    find_values,
    hash_of,
    hashes_given,
    told_identifiers,
)
from hub.stages.resolve.names import find_names
from hub.stages.resolve.people import People
from hub.stages.resolve.records import numbered
from hub.stages.resolve.rules import Rules
from hub.warehouse import Transaction, constructs
from hub.warehouse.digest import way
from hub.warehouse.state import fingerprint, remember, seen

if TYPE_CHECKING:
    import pyarrow as pa

SETUP = "resolve:setup"
"""The state that names rules, mappings and schema as they were when all records were looked at."""

DECIDED = "resolve:verdicts"
"""The state that names the verdicts that hold."""


@dataclass(frozen=True)
class News:
    """What must be looked at.

    `records`: (record_no) of the records that hang together with news, before or now.
    `gone`: (record_no) of those that are there no more.
    `aside`: (type, value, key) of values that tie nobody together, as known from all records.
    """

    records: sa.TableClause
    gone: sa.TableClause
    aside: sa.TableClause


def setup(transaction: Transaction, rules: Rules, project: Project) -> str:
    """Name everything but the data that the result depends on: rules, schema, how the data was mapped, and numbered."""
    load = transaction.table("mapped_load")
    columns = (load.c.connection, load.c.raw_table, load.c.target, load.c.mapping)
    mappings = sorted(map(tuple, transaction.rows(sa.select(*columns).distinct())))
    identity = project.identity
    said = (rules.version, identity.golden, identity.scoped, identity.match, project.schema["source_record"])
    digests = transaction.scalar(way())
    return fingerprint(said, project.schema["person"], mappings, hashes_given(transaction), digests)


def find_news(
    transaction: Transaction,
    numbers: sa.TableClause,
    by_hand: pa.Table,
    rules: Rules,
    scoped: Sequence[str],
    form: str,
    decided: str,
) -> News | None:
    """Find what must be looked at; None means all of it.

    `numbers` are those of new records, `form` what `setup` gives, `decided` names the verdicts.
    """
    if seen(transaction, SETUP) != form:
        return None
    kept, record = transaction.table("resolved_record"), transaction.table("source_record")
    seeds = _seeds(transaction, numbers, by_hand, decided)
    there = sa.select(record.c.record_no).where(record.c.record_no.is_not(None))
    gone = transaction.hold("gone_record", sa.select(kept.c.record_no).where(kept.c.record_no.not_in(there)))
    if _unaccounted(transaction, seeds, gone, rules):
        return None
    names = find_names(transaction, seeds).records
    values = find_values(transaction, seeds, names, rules, scoped)
    aside, free = _aside(transaction, seeds, gone, values.derived, rules, scoped)
    asked = _asked(transaction, values, aside, free)
    sharing = _holders(transaction, asked, values.derived, aside, _partners(transaction, seeds, by_hand), numbers)
    moved = sa.union(
        sa.select(seeds.c.record_no), sa.select(sharing.c.record_no), sa.select(gone.c.record_no)
    ).subquery()
    components = sa.select(kept.c.component).where(kept.c.record_no.in_(sa.select(moved.c.record_no)))
    hanging = sa.select(kept.c.record_no).where(
        kept.c.component.in_(components), kept.c.record_no.not_in(sa.select(gone.c.record_no))
    )
    records = sa.union(hanging, sa.select(seeds.c.record_no), sa.select(sharing.c.record_no))
    return News(transaction.hold("news_record", records), gone, aside)


def keep(
    transaction: Transaction,
    news: News | None,
    links: Links,
    people: People,
    verdicts: sa.TableClause,
    form: str,
    decided: str,
    as_of: datetime,
) -> sa.TableClause | None:
    """Remember what was looked at; return (person_id) of everybody whose records were, None for everybody."""
    kept, keys = transaction.table("resolved_record"), transaction.table("resolved_key")
    known = transaction.table("resolved_load")
    touched = None
    if news is None:
        for table in (kept, keys, known):
            transaction.execute(sa.delete(table))
    else:
        looked_at = sa.union(sa.select(news.records.c.record_no), sa.select(news.gone.c.record_no)).subquery()
        among = sa.select(looked_at.c.record_no)
        touched = transaction.hold(
            "touched_person",
            sa.union(
                sa.select(kept.c.person_id).where(kept.c.record_no.in_(among)), sa.select(people.records.c.person_id)
            ),
        )
        for table in (kept, keys):
            transaction.execute(sa.delete(table).where(table.c.record_no.in_(among)))
    _keep_records(transaction, people, links.values, verdicts)
    derived = links.values.derived
    transaction.execute(
        sa.insert(keys).from_select(["record_no", "key"], sa.select(derived.c.record_no, derived.c.key))
    )
    _keep_aside(transaction, links)
    loads = sa.union(*(sa.select(it.c.connection, it.c.load_id).where(*of) for it, of in _sources(transaction)))
    fresh = loads.subquery()
    new = sa.select(fresh.c.connection, fresh.c.load_id).where(fresh.c.load_id.is_not(None), ~_known(known, fresh))
    transaction.execute(sa.insert(known).from_select(["connection", "load_id"], new))
    remember(transaction, SETUP, form, as_of)
    remember(transaction, DECIDED, decided, as_of)
    return touched


def _keep_records(transaction: Transaction, people: People, values: Values, verdicts: sa.TableClause) -> None:
    kept, told, hanging = transaction.table("resolved_record"), people.records, people.components
    facts = sa.union_all(*(sa.select(it.c.record_no) for it in (values.given, values.homes))).subquery()
    counted = sa.select(facts.c.record_no, sa.func.count().label("facts")).group_by(facts.c.record_no).subquery()
    judged = sa.union(sa.select(verdicts.c.low.label("record_no")), sa.select(verdicts.c.high)).subquery()
    query = sa.select(
        told.c.record_no,
        hanging.c.person,
        told.c.person_id,
        sa.func.coalesce(counted.c.facts, 0),
        judged.c.record_no.is_not(None),
    ).select_from(
        told.join(hanging, hanging.c.record_no == told.c.record_no)
        .outerjoin(counted, counted.c.record_no == told.c.record_no)
        .outerjoin(judged, judged.c.record_no == told.c.record_no)
    )
    transaction.execute(sa.insert(kept).from_select(["record_no", "component", "person_id", "facts", "judged"], query))


def _keep_aside(transaction: Transaction, links: Links) -> None:
    """Keep what ties nobody together: the crowds, and the hashes of blocked addresses."""
    stored, given, crowds = transaction.table("value_set_aside"), links.values.given, links.crowds
    before = transaction.hold("blocked_before", sa.select(stored.c.key).where(stored.c.reason == "blocked"))
    parts = [
        sa.select(given.c.type, given.c.value, given.c.key).where(given.c.type == HASH, given.c.blocked),
        sa.select(crowds.c.type, crowds.c.value, crowds.c.key).where(crowds.c.key.in_(sa.select(before.c.key))),
    ]
    if hashes_given(transaction):
        parts.append(sa.select(*hash_of(given.c.value)).where(given.c.type == "email", given.c.blocked))
    hashes = transaction.hold("blocked_hash", sa.union(*parts))
    transaction.execute(sa.delete(stored))
    crowd = crowds.c.key.not_in(sa.select(hashes.c.key))
    every = sa.union(
        sa.select(*hashes.c, sa.literal("blocked")), sa.select(*crowds.c, sa.literal("crowd")).where(crowd)
    )
    transaction.execute(sa.insert(stored).from_select(["type", "value", "key", "reason"], every))


# what changed --------------------------------------------------------------------------------------------------------


def _sources(transaction: Transaction) -> list[tuple[sa.Table, list[sa.ColumnElement[bool]]]]:
    """Give the tables whose rows say who is who, with what narrows them."""
    consent = transaction.table("consent")
    return [
        (transaction.table("source_record"), []),
        (transaction.table("identifier"), []),
        (transaction.table("address"), []),
        (consent, [consent.c.purpose == PROFILING]),
    ]


def _known(known: sa.Table, row: sa.FromClause) -> sa.ColumnElement[bool]:
    same = sa.and_(known.c.connection == row.c.connection, known.c.load_id == row.c.load_id)
    return sa.exists(sa.select(known.c.load_id).where(same))


def _seeds(transaction: Transaction, numbers: sa.TableClause, by_hand: pa.Table, decided: str) -> sa.TableClause:
    """Hold the records, as `numbered` does, that are new, have rows of new loads, or were judged anew."""
    known, record = transaction.table("resolved_load"), transaction.table("source_record")
    parts: list[sa.Select[Any]] = [sa.select(numbers.c.record_id)]
    for table, of in _sources(transaction):
        parts.append(sa.select(table.c.record_id).where(*of, ~_known(known, table)))
    if seen(transaction, DECIDED) != decided:
        given, kept = transaction.load("verdict_now", by_hand), transaction.table("resolved_record")
        parts += [sa.select(given.c.low), sa.select(given.c.high)]
        parts.append(
            sa.select(record.c.record_id)
            .join_from(record, kept, kept.c.record_no == record.c.record_no)
            .where(kept.c.judged)
        )
    changed = transaction.hold("changed_record", sa.union(*parts))
    number = sa.func.coalesce(record.c.record_no, numbers.c.number).label("record_no")
    among = record.outerjoin(numbers, numbers.c.record_id == record.c.record_id)
    found = sa.select(number).select_from(among).where(record.c.record_id.in_(sa.select(changed.c.record_id)))
    return numbered(transaction, numbers, transaction.hold("seed_no", found), "seed")


def _unaccounted(transaction: Transaction, seeds: sa.TableClause, gone: sa.TableClause, rules: Rules) -> bool:
    """Say whether identifiers or addresses came or went without news of their record: then all must be looked at."""
    kept = transaction.table("resolved_record")
    identifier, address = transaction.table("identifier"), transaction.table("address")
    facts: list[tuple[sa.Table, list[sa.ColumnElement[bool]]]]
    facts = [(identifier, told_identifiers(identifier, rules)), (address, [])]
    changed = sa.select(seeds.c.record_id)
    now = sum(transaction.count(it, *told, it.c.record_id.not_in(changed)) for it, told in facts)
    news = sa.union(sa.select(seeds.c.record_no), sa.select(gone.c.record_no)).subquery()
    others = kept.c.record_no.not_in(sa.select(news.c.record_no))
    before = transaction.scalar(sa.select(sa.func.coalesce(sa.func.sum(kept.c.facts), 0)).where(others))
    return now != int(before)


# values --------------------------------------------------------------------------------------------------------------


def _same(one: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(one.c.type == other.c.type, one.c.value == other.c.value)


def _aside(
    transaction: Transaction,
    seeds: sa.TableClause,
    gone: sa.TableClause,
    derived: sa.TableClause,
    rules: Rules,
    scoped: Sequence[str],
) -> tuple[sa.TableClause, sa.TableClause]:
    """Hold (type, value, key) of what still ties nobody together, and of what may tie again."""
    stored, keys = transaction.table("value_set_aside"), transaction.table("resolved_key")
    identifier = transaction.table("identifier")
    news = sa.union(sa.select(seeds.c.record_no), sa.select(gone.c.record_no)).subquery()
    held = sa.union_all(
        sa.select(stored.c.type, stored.c.key).join_from(identifier, stored, _same(identifier, stored)),
        sa.select(stored.c.type, stored.c.key)
        .join_from(keys, stored, keys.c.key == stored.c.key)
        .where(keys.c.record_no.not_in(sa.select(news.c.record_no))),
        sa.select(stored.c.type, stored.c.key).join_from(derived, stored, derived.c.key == stored.c.key),
    ).subquery()
    crowded = (
        sa.select(held.c.key)
        .group_by(held.c.type, held.c.key)
        .having(sa.func.count() > rules.limit(rules.rank(held.c.type)))
    )
    said = (stored.c.type, stored.c.value, stored.c.key)
    parts: list[sa.Select[Any]] = [sa.select(*said).where(stored.c.key.in_(crowded))]
    if transaction.count(stored, stored.c.reason == "blocked"):
        hashed = constructs.sha256_hex(identifier.c.value)
        blocked = sa.and_(identifier.c.type == "email", blocked_identifier(identifier, rules, scoped))
        hashes = sa.select(hashed.label("value")).where(blocked).distinct().subquery()
        parts.append(sa.select(*said).join_from(stored, hashes, hashes.c.value == stored.c.value))
    aside = transaction.hold("still_aside", sa.union(*parts))
    free = sa.select(*said).where(stored.c.key.not_in(sa.select(aside.c.key)))
    return aside, transaction.hold("freed_value", free)


def _asked(transaction: Transaction, values: Values, aside: sa.TableClause, free: sa.TableClause) -> sa.TableClause:
    """Hold (type, value, key) of whatever an identifier may say that ties it to the news."""
    given = values.given
    texts = [sa.select(given.c.type, given.c.value, given.c.key)]
    if hashes_given(transaction):
        texts.append(sa.select(*hash_of(given.c.value)).where(given.c.type == "email"))
    among = sa.select(aside.c.key)
    parts = [text.subquery() for text in texts]
    return transaction.hold(
        "asked_value",
        sa.union(*(sa.select(*it.c).where(it.c.key.not_in(among)) for it in parts), sa.select(*free.c)),
    )


def _partners(transaction: Transaction, seeds: sa.TableClause, by_hand: pa.Table) -> sa.CompoundSelect[Any]:
    """Select (record_id) of the records about which somebody decided together with one of the seeds."""
    given = transaction.load("verdict_near", by_hand)
    ids = sa.select(seeds.c.record_id)
    return sa.union(
        sa.select(given.c.low.label("record_id")).where(given.c.high.in_(ids)),
        sa.select(given.c.high).where(given.c.low.in_(ids)),
    )


def _holders(
    transaction: Transaction,
    asked: sa.TableClause,
    derived: sa.TableClause,
    aside: sa.TableClause,
    partners: sa.CompoundSelect[Any],
    numbers: sa.TableClause,
) -> sa.TableClause:
    """Hold (record_no) of all records that hold a value that is asked for or derived, and of the partners."""
    identifier, record = transaction.table("identifier"), transaction.table("source_record")
    keys = transaction.table("resolved_key")
    holding = sa.select(identifier.c.record_id).join_from(identifier, asked, _same(identifier, asked))
    ids = sa.union(holding, sa.select(partners.subquery().c.record_id)).subquery()
    number = sa.func.coalesce(record.c.record_no, numbers.c.number).label("record_no")
    among = record.join(ids, ids.c.record_id == record.c.record_id)
    there = sa.select(record.c.record_no).where(record.c.record_no.is_not(None))
    told = transaction.hold(
        "asked_key",
        sa.union(
            sa.select(asked.c.key),
            sa.select(derived.c.key).where(derived.c.key.not_in(sa.select(aside.c.key))),
        ),
    )
    same = sa.select(keys.c.record_no).join_from(keys, told, told.c.key == keys.c.key)
    return transaction.hold(
        "sharing_record",
        sa.union(
            sa.select(number).select_from(among.outerjoin(numbers, numbers.c.record_id == record.c.record_id)),
            same.where(keys.c.record_no.in_(there)),
        ),
    )
