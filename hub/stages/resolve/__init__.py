"""Resolve: say which records are the same person, and why, and choose the best value of each field.

Records that share a strong identifier and do not contradict each other are one person, over any number of steps. A
person is named by the smallest number among those records, so that a merge keeps the older name and a split gives the
old names back. What people decided by hand goes before all rules. Devices only attach anonymous visits (R3), and
households only group (R6): neither merges people.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.ledger import Ledger
from hub.project import Project
from hub.report import Report
from hub.stages.resolve.companies import find_companies
from hub.stages.resolve.follow import follow
from hub.stages.resolve.golden import rewrite_people
from hub.stages.resolve.match import compare, match
from hub.stages.resolve.match.kept import forget, kept_model
from hub.stages.resolve.news import News, find_news, keep, setup
from hub.stages.resolve.people import ByRules, by_rules, find_people
from hub.stages.resolve.records import assign, new_numbers, numbered
from hub.stages.resolve.rules import rules_of
from hub.stages.resolve.wider import every_number, widen
from hub.warehouse import Transaction, Warehouse
from hub.warehouse.changes import Changes
from hub.warehouse.state import fingerprint, remember, seen

_ROOM = "match"
"""The folder, in the project's state, for what comparing does not hold in memory."""


def resolve(warehouse: Warehouse, ledger: Ledger, project: Project, as_of: datetime) -> Report:
    """Give every record its number and its person, and every person a golden record and a household.

    Without news from the mapping, from hand or in the rules nothing is done. With news, only records that hang
    together with those that are new, changed or gone are looked at (`rows_in`), with the result of looking at all;
    after a change of rules or mappings, and where `match` trains its model, it is all. Records whose person and reason
    stay the same are not written.
    """
    rules = rules_of(project.identity)
    scoped = project.identity.scoped
    decided, matching = fingerprint(ledger.verdicts.standing()), project.identity.match
    with warehouse.begin() as transaction:
        form = setup(transaction, rules, project)
        mark = fingerprint(seen(transaction, "map"), form, decided)
        record = transaction.table("source_record")
        if seen(transaction, "resolve") == mark and not transaction.count(record, record.c.person_id.is_(None)):
            return Report("resolve", skipped=True)
        changes = Changes(transaction, "resolve")
        by_hand = ledger.verdicts.current()
        numbers = new_numbers(transaction, as_of)
        model = kept_model(transaction, matching) if matching is not None else None
        trained = matching is None or model is not None
        # without a model everybody is compared
        news = find_news(transaction, numbers, by_hand, rules, scoped, form, decided) if trained else None

        def judge(news: News | None) -> ByRules:
            records = numbered(transaction, numbers, news.records if news else None)
            return by_rules(transaction, records, by_hand, rules, scoped, news.aside if news else None)

        judged, matched = judge(news), None
        if matching is None:
            forget(transaction)
        else:
            near = every_number(transaction, news) if news else None
            compared = compare(transaction, matching, model, judged.told, near, as_of, project.state / _ROOM)
            wider = widen(transaction, news, compared) if news else None
            if wider is not news:
                news, judged = wider, judge(wider)
            matched = match(transaction, matching, compared, judged.told, project.state / _ROOM)
        records, links, verdicts = judged.records, judged.links, judged.verdicts
        people = find_people(transaction, judged, matched, rules)
        new, moved = assign(transaction, records, people.records, changes)
        followed = follow(transaction, project.terms, moved, as_of)
        _offer(transaction, people.candidates, records if news else None, as_of)
        touched = keep(transaction, news, links, people, verdicts, form, decided, as_of)
        changed = rewrite_people(transaction, links, project, touched)
        companies = find_companies(transaction)
        remember(transaction, "resolve", mark, as_of)
        changes.vouch(as_of)
        looked_at = transaction.count(records)
        persons = transaction.count(transaction.table("person"))
        aside = transaction.table("value_set_aside")
        counts = {
            "persons": persons,
            "merged": transaction.count(record) - persons,
            "new_records": new,
            "moved_records": transaction.count(moved),
            "people_merged": followed.merged,
            "people_split": followed.split,
            "refusals_kept": followed.refusals,
            "changed_persons": changed,
            "households": transaction.count(transaction.table("household")),
            "companies": companies,
            **people.counts,
            "crowds": transaction.count(aside, aside.c.reason == "crowd"),
            "candidates": transaction.count(transaction.table("match_candidate")),
        }
    return Report("resolve", rows_in=looked_at, rows_out=looked_at, counts=counts)


def _offer(
    transaction: Transaction, candidates: sa.Select[Any] | None, within: sa.TableClause | None, as_of: datetime
) -> None:
    """Keep the pairs that people should look at; those that were there already keep their moment.

    Only pairs `within` some records (record_id) are looked at, and those of records that are gone; None: all.
    """
    stored, record = transaction.table("match_candidate"), transaction.table("source_record")
    columns = ("low_record", "high_record", "found_by", "score", "reason")
    pair = (stored.c.low_record, stored.c.high_record)
    looked_at: list[sa.ColumnElement[bool]] = []
    if within is not None:
        near = (it.in_(sa.select(within.c.record_id)) for it in pair)
        gone = (~sa.exists(sa.select(record.c.record_id).where(record.c.record_id == it)) for it in pair)
        touched = transaction.hold(
            "touched_candidate", sa.union(*(sa.select(*pair).where(condition) for condition in (*near, *gone)))
        )
        both = sa.and_(touched.c.low_record == pair[0], touched.c.high_record == pair[1])
        looked_at.append(sa.exists(sa.select(touched.c.low_record).where(both)))
    if candidates is None:
        transaction.execute(sa.delete(stored).where(*looked_at))
        return
    found = transaction.hold("candidate", candidates)
    same = sa.and_(*(stored.c[name].is_not_distinct_from(found.c[name]) for name in columns))
    transaction.execute(sa.delete(stored).where(*looked_at, ~sa.exists(sa.select(found.c.low_record).where(same))))
    fresh = sa.select(*(found.c[name] for name in columns), sa.literal(as_of, sa.DateTime(timezone=True)))
    news = fresh.where(~sa.exists(sa.select(stored.c.low_record).where(same)))
    transaction.execute(sa.insert(stored).from_select([*columns, "as_of"], news))
