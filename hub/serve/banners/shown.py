"""What is shown: the banners that hold, by the devices and customer numbers of the people they are for.

The last run's banners are copied into memory, so that a question costs one look by its name, whatever a run is doing.
They are copied again when a run has published; what people said since then about consent is asked of the ledger.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from threading import Lock

import sqlalchemy as sa

from hub import consent
from hub.errors import TemporaryError
from hub.ledger import EVERY_CHANNEL, Statement
from hub.serve.site import Site
from hub.warehouse import Transaction
from hub.warehouse.reading import reading
from hub.warehouse.state import fingerprint, seen

LOOKED = timedelta(seconds=30)
"""So long a copy is used before it is asked whether a run has published since."""

HEARD = timedelta(seconds=2)
"""So long what the ledger heard about consent is believed to be all."""

MOST = 10
"""How many banners are told at once, the newest first."""

CHANNEL = "ads"
"""Of the channels of consent, the one that a banner on a site goes by."""

WRITERS = ("map", "resolve", "decide")

Row = tuple[str, str, str, str]

_TABLES = """
    CREATE TABLE shown (
        person INTEGER, banner TEXT, place TEXT, at TEXT, until TEXT, content TEXT, purpose TEXT
    );
    CREATE TABLE holder (name TEXT, person INTEGER);
    CREATE TABLE record (digest TEXT, person INTEGER);
"""
_INDEXES = """
    CREATE INDEX of_person ON shown (person);
    CREATE INDEX by_name ON holder (name);
    CREATE INDEX by_digest ON record (digest);
"""
_OF = """
    SELECT person, purpose, banner, place, until, content
    FROM shown JOIN holder USING (person)
    WHERE name = ? AND until > ? AND at <= ? AND ? IN ('', place)
    ORDER BY at DESC, banner, place
"""


class Shown:
    """The banners of one project, as the server tells them. It may be asked from many threads at once."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._lock = Lock()
        self._taking = Lock()
        self._copy: sqlite3.Connection | None = None
        self._mark = ""
        self._looked_at = self._heard_at = datetime.min.replace(tzinfo=UTC)
        self._refused: frozenset[tuple[int, str]] = frozenset()

    def to(self, names: Iterable[str], place: str, now: datetime) -> Sequence[Row]:
        """Give banner, place, until, content of what holds now for who goes by these names; nowhere in particular: all.

        Names of two people are nobody's. Raises ConfigurationError when nothing is published yet, TemporaryError when
        the ledger or the warehouse does not answer.
        """
        try:
            copy = self._fresh(now)
        except sa.exc.SQLAlchemyError as error:  # of a warehouse that no run has filled, or that is away
            raise TemporaryError(f"the warehouse can't be read: {type(error).__name__}") from None
        with self._lock:
            at = _written(now)
            found = [copy.execute(_OF, (name, at, at, place)).fetchall() for name in names]
            people = {row[0] for rows in found for row in rows}
            if len(people) != 1:
                return []
            refused = self._heard(copy, now)
        once = dict.fromkeys(row[2:] for rows in found for row in rows if (row[0], row[1]) not in refused)
        return [*once][:MOST]

    def _fresh(self, now: datetime) -> sqlite3.Connection:
        """Give the copy, taken again where a run has published since; meanwhile the others are given the former one."""
        former = self._copy
        if former is not None and _within(LOOKED, self._looked_at, now):
            return former
        if not self._taking.acquire(blocking=former is None) and former is not None:
            return former
        try:
            return self._taken(now)
        finally:
            self._taking.release()

    def _taken(self, now: datetime) -> sqlite3.Connection:
        project = self._site.project
        with reading(project.hub.engine, project.schema, project.state) as transaction:
            mark = fingerprint(*(seen(transaction, stage) for stage in WRITERS))
            if self._copy is None or mark != self._mark:
                taken = sqlite3.connect(":memory:", check_same_thread=False)
                self._take(transaction, taken, now)
                self._copy, self._mark = taken, mark
                self._heard_at = datetime.min.replace(tzinfo=UTC)
        self._looked_at = now
        return self._copy

    def _take(self, transaction: Transaction, copy: sqlite3.Connection, now: datetime) -> None:
        """Copy the banners that hold or will hold, and who they are for."""
        copy.executescript(_TABLES)
        for insert, query in (
            ("INSERT INTO shown VALUES (?, ?, ?, ?, ?, ?, ?)", self._banners(transaction, now)),
            ("INSERT INTO holder VALUES (?, ?)", _holders(transaction, now)),
            ("INSERT INTO record VALUES (?, ?)", _records(transaction, now)),
        ):
            rows = transaction.connection.execute(query)
            copy.executemany(insert, ([_plain(value) for value in row] for row in rows))
        copy.executescript(_INDEXES)

    def _banners(self, transaction: Transaction, now: datetime) -> sa.Select:
        """Select what may be shown: nothing to who refused profiling, nor marketing to who refused that by ads."""
        holding = _holding(transaction, now).subquery("holding")
        services = sorted(name for name, one in self._site.project.scenarios.items() if one.purpose == "service")
        purpose = sa.case((holding.c.scenario.in_(services), sa.literal("service")), else_=sa.literal("marketing"))
        refusing = [
            _refuses(transaction, self._site, holding, "profiling", now),
            sa.and_(purpose == "marketing", _refuses(transaction, self._site, holding, "marketing", now)),
        ]
        names = ("person_id", "banner", "place", "at", "until", "content")
        return sa.select(*(holding.c[name] for name in names), purpose).where(sa.not_(sa.or_(*refusing)))

    def _heard(self, copy: sqlite3.Connection, now: datetime) -> frozenset[tuple[int, str]]:
        """Give person and purpose of the refusals that no run has seen yet."""
        if not _within(HEARD, self._heard_at, now):
            found: set[tuple[int, str]] = set()
            for said in self._site.ledger.statements.waiting():
                whose = self._whose(copy, said)
                if whose is not None and not said.given and said.channel in (CHANNEL, EVERY_CHANNEL):
                    both = ("marketing", "service") if said.purpose == "profiling" else (said.purpose,)
                    found |= {(whose, purpose) for purpose in both}
            self._refused, self._heard_at = frozenset(found), now
        return self._refused

    def _whose(self, copy: sqlite3.Connection, said: Statement) -> int | None:
        named = said.record
        if said.message_id is not None:
            message = self._site.ledger.outbox.get(said.message_id)
            named = message.record if message is not None else None
        row = copy.execute("SELECT person FROM record WHERE digest = ?", (named,)).fetchone()
        return row[0] if row is not None else None


def _holding(transaction: Transaction, now: datetime) -> sa.Select:
    """Select the banners that hold or will hold, with their person."""
    banner, record = transaction.table("banner"), transaction.table("source_record")
    names = ("banner", "place", "at", "until", "content", "scenario")
    return (
        sa.select(record.c.person_id, *(banner.c[name] for name in names))
        .join_from(banner, record, record.c.record_id == banner.c.record_id)
        .where(record.c.person_id.is_not(None), banner.c.until > now)
    )


def _refuses(
    transaction: Transaction, site: Site, people: sa.FromClause, purpose: str, now: datetime
) -> sa.ColumnElement[bool]:
    said = consent.in_effect(transaction, site.project.terms, people, purpose, now, ahead=None).subquery(
        f"said_{purpose}"
    )
    mine = [said.c.person_id == people.c.person_id, sa.not_(said.c.given)]
    if purpose != "profiling":
        mine.append(said.c.channel == CHANNEL)
    return sa.exists().where(*mine)


def _holders(transaction: Transaction, now: datetime) -> sa.Select:
    """Select by what names those people go; a device or number of two people is nobody's."""
    identifier, record = transaction.table("identifier"), transaction.table("source_record")
    value = identifier.c.value
    number = sa.func.substr(value, sa.func.length(sa.func.split_part(value, ":", 1)) + 2)
    name = sa.case(
        (identifier.c.type == "device", sa.literal("device|") + value),
        else_=sa.literal("user|") + identifier.c.connection + sa.literal("|") + number,
    )
    named = (
        sa.select(name.label("name"), record.c.person_id)
        .join_from(identifier, record, record.c.record_id == identifier.c.record_id)
        .where(identifier.c.type.in_(["device", "customer_number"]), record.c.person_id.is_not(None))
        .subquery("named")
    )
    shown = sa.select(_holding(transaction, now).subquery("holding").c.person_id)
    return (
        sa.select(named.c.name, sa.func.min(named.c.person_id))
        .group_by(named.c.name)
        .having(
            sa.func.min(named.c.person_id) == sa.func.max(named.c.person_id),
            sa.func.min(named.c.person_id).in_(shown),
        )
    )


def _records(transaction: Transaction, now: datetime) -> sa.Select:
    record = transaction.table("source_record")
    shown = sa.select(_holding(transaction, now).subquery("holding").c.person_id)
    named = sa.func.md5(record.c.record_id, type_=sa.Text())
    return sa.select(named, record.c.person_id).where(record.c.person_id.in_(shown))


def _within(length: timedelta, since: datetime, now: datetime) -> bool:
    """Say whether no more time has gone by; a clock that was set back is asked again."""
    return timedelta() <= now - since < length


def _plain(value: object) -> object:
    return _written(value) if isinstance(value, datetime) else value


def _written(moment: datetime) -> str:
    """Write a moment so that the later one is the greater text."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
