"""Ask: choose the questions of this run, and bring the answers as a source does.

A run that is killed before its answers are in the lake asks again; nothing else is lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.contracts import Check, Finding, Lookup, Question, Source
from hub.errors import TemporaryError
from hub.project import Connection, Project
from hub.register import asked, way_of
from hub.warehouse import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa
    from dlt.extract import DltResource

TABLE = "answers"
"""The raw table in which answers land."""
KEPT = ("found", "absent", "rejected")
CHANGED = "changed"
"""The status of a row by which somebody else tells that a company changed in the register, at `looked_up_at`."""
PORTION = 100


class Answers(Source):
    """The answers to the questions of one run, as a source that can be landed.

    `counts` tells what became of the questions, `failure` what ended the asking early.
    """

    name = "answers"

    def __init__(self, lookup: Lookup, questions: Sequence[Question], waiting: int, budget: int, as_of: datetime):
        super().__init__(lookup.config, lookup.place)
        self.name = lookup.name  # type: ignore[misc]  # failures name the plugin that was asked
        self.questions = questions
        self.failure = ""
        self.counts: Counter[str] = Counter()
        self._lookup = lookup
        self._waiting = waiting
        self._budget = budget
        self._as_of = as_of

    @property
    def waiting(self) -> int:
        """Count the questions that a next run will ask."""
        return self._waiting + len(self.questions) - sum(self.counts[status] for status in KEPT)

    def check(self) -> Check:
        """Ask the look-up."""
        return self._lookup.check()

    def resources(self) -> Iterable[DltResource]:
        """Give the table `answers`."""
        import dlt

        return [dlt.resource(self._pages(), name=TABLE)] if self.questions else []

    def _pages(self) -> Iterator[pa.Table]:
        page: list[Finding] = []
        for finding in self._findings():
            page.append(finding)
            if len(page) == PORTION:
                yield self._table(page)
                page = []
        if page:
            yield self._table(page)

    def _findings(self) -> Iterator[Finding]:
        """Give the answers worth keeping, until there are no more questions or no more requests to spend."""
        self.counts, self.failure = Counter(), ""
        try:
            for finding in self._lookup.look_up(self.questions):
                self.counts[finding.status] += 1
                self.counts["requests"] += finding.requests
                if finding.status in KEPT:
                    yield finding
                if self.counts["requests"] + self._lookup.limits.per_question > self._budget:
                    return
        except TemporaryError as error:
            if not any(self.counts[status] for status in KEPT):
                raise
            self.failure = str(error)

    def _table(self, findings: Sequence[Finding]) -> pa.Table:
        """Make the rows with all columns, so that a mapping finds those that nobody has filled yet."""
        import pyarrow as pa

        moment = pa.timestamp("us", tz="UTC")
        expires = self._as_of + self._lookup.limits.keep
        count = len(findings)
        own = {
            "asked": pa.array([finding.key for finding in findings], pa.string()),
            "status": pa.array([finding.status for finding in findings], pa.string()),
            "reason": pa.array([finding.reason for finding in findings], pa.string()),
            "requests": pa.array([finding.requests for finding in findings], pa.int64()),
            "asked_at": pa.array([self._as_of] * count, moment),
            "expires_at": pa.array([expires] * count, moment),
            "answer": pa.array([finding.answer for finding in findings], pa.string()),
        }
        found = {
            name: pa.array([finding.row.get(name) for finding in findings], pa.string())
            for name in self._lookup.columns
        }
        return pa.table(own | found)


def ask(warehouse: Warehouse, project: Project, connection: Connection, as_of: datetime) -> Answers:
    """Choose what to ask one look-up in this run: what was never asked first, then what expired longest ago.

    An answer expires early when its company is told to have changed since. Among equals each run begins elsewhere, so
    that a few questions to which the register never has an answer hold nobody up for ever.
    """
    lookup = connection.open()
    assert isinstance(lookup, Lookup)
    limits = lookup.limits
    with warehouse.begin() as transaction:
        organisation, profile = transaction.table("organisation"), transaction.table("organisation_profile")
        month = as_of.astimezone(ZoneInfo(project.hub.timezone)).replace(
            day=1, hour=0, minute=0, second=0, microsecond=0
        )
        spent = transaction.scalar(
            sa.select(sa.func.sum(profile.c.requests)).where(
                profile.c.connection == connection.name, profile.c.looked_up_at >= month
            )
        )
        budget = limits.per_run
        if limits.per_month is not None:
            budget = min(budget, max(0, limits.per_month - int(spent or 0)))
        names = list(dict.fromkeys(name for way in lookup.by for name in way))
        known = (
            sa.select(
                asked(type(lookup), organisation).label("asked"),
                way_of(type(lookup), organisation).label("way"),
                *(sa.cast(organisation.c[name], sa.Text()).label(name) for name in names),
            )
            .select_from(organisation)
            .subquery()
        )
        held = (
            sa.select(
                profile.c.asked,
                sa.func.max(profile.c.expires_at).label("expires"),
                sa.func.max(profile.c.looked_up_at).label("at"),
                sa.func.max(profile.c.kvk).label("kvk"),
            )
            .where(profile.c.connection == connection.name)
            .group_by(profile.c.asked)
            .subquery()
        )
        changed = (
            sa.select(profile.c.kvk, sa.func.max(profile.c.looked_up_at).label("at"))
            .where(profile.c.status == CHANGED)
            .group_by(profile.c.kvk)
            .subquery()
        )
        stale = sa.case((changed.c.at > held.c.at, changed.c.at))
        until = sa.case((sa.and_(stale.is_not(None), stale < held.c.expires), stale), else_=held.c.expires)
        company = sa.func.coalesce(held.c.kvk, known.c.kvk) if "kvk" in names else held.c.kvk
        due = transaction.hold(
            "due_question",
            sa.select(
                known.c.asked,
                sa.func.min(known.c.way).label("way"),
                *(sa.func.min(known.c[name]).label(name) for name in names),
                sa.func.min(until).label("until"),
            )
            .select_from(
                known.outerjoin(held, held.c.asked == known.c.asked).outerjoin(changed, changed.c.kvk == company)
            )
            .where(known.c.asked.is_not(None), sa.or_(until.is_(None), until <= as_of))
            .group_by(known.c.asked),
        )
        total = transaction.count(due)
        turn = sa.func.md5(due.c.asked + sa.literal(f"@{as_of.astimezone(UTC).isoformat()}"), type_=sa.Text())
        order = (due.c.until.asc().nulls_first(), turn, due.c.asked)
        now = sa.select(due).order_by(*order).limit(budget // limits.per_question)
        rows = [row for batch in transaction.arrow(now) for row in batch.to_pylist()]
    questions = [Question(row["asked"], _facts(row, lookup.by[row["way"]])) for row in rows]
    return Answers(lookup, questions, total - len(questions), budget, as_of)


def _facts(row: dict[str, Any], way: Sequence[str]) -> dict[str, str]:
    return {name: row[name].strip() for name in way}
