"""Opening the ledger, and what belongs to it as a whole: its engine, its runs, its pinned templates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from hub.errors import ConfigurationError, TemporaryError
from hub.ledger import migrations, tables
from hub.ledger.allowances import Allowances
from hub.ledger.consent_texts import ConsentTexts
from hub.ledger.consultations import Consultations
from hub.ledger.day_salts import DaySalts
from hub.ledger.destinations import Destinations
from hub.ledger.erasures import Erasures
from hub.ledger.hand_work import HandWorks
from hub.ledger.inbox import Inbox
from hub.ledger.outbox import Outbox
from hub.ledger.reactions import Reactions
from hub.ledger.senders import Senders
from hub.ledger.statements import Statements
from hub.ledger.suppression import Suppressions
from hub.ledger.upsert import insert_new
from hub.ledger.verdicts import Verdicts
from hub.report import Report
from hub.unanswered import unanswered

SCHEMA = "ledger"
"""The database schema on PostgreSQL, so that ledger and warehouse can share one database."""

FILE = "ledger.sqlite"

BUSY_SECONDS = 30


class Ledger:
    """One project's ledger; its subjects are `outbox`, `suppressions`, `reactions`, `verdicts`, `hand_work`, `inbox`,
    `day_salts`, `erasures`, and of consent `statements`, `consent_texts`, `consultations`.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.outbox = Outbox(engine)
        self.senders = Senders(engine)
        self.destinations = Destinations(engine, self.senders)
        self.allowances = Allowances(engine)
        self.suppressions = Suppressions(engine)
        self.reactions = Reactions(engine)
        self.verdicts = Verdicts(engine)
        self.hand_work = HandWorks(engine)
        self.inbox = Inbox(engine)
        self.day_salts = DaySalts(engine)
        self.statements = Statements(engine)
        self.consent_texts = ConsentTexts(engine)
        self.consultations = Consultations(engine)
        self.erasures = Erasures(engine)

    def pin(self, templates: Mapping[str, str]) -> None:
        """Keep template texts by their hash; texts that are there stay as they are."""
        rows = [{"hash": name, "text": text} for name, text in templates.items()]
        with self.engine.begin() as connection:
            insert_new(connection, tables.template, rows)

    def templates(self, hashes: Iterable[str]) -> dict[str, str]:
        """Return pinned template texts."""
        table = tables.template
        with self.engine.begin() as connection:
            found = connection.execute(sa.select(table).where(table.c.hash.in_(list(hashes))))
            return {row.hash: row.text for row in found}

    def record_run(self, run_id: str, as_of: datetime, reports: Sequence[Report]) -> None:
        """Keep what a run did; the same run recorded again replaces its first record."""
        text = json.dumps([asdict(report) for report in reports], default=str)
        with self.engine.begin() as connection:
            connection.execute(sa.delete(tables.run).where(tables.run.c.run_id == run_id))
            connection.execute(sa.insert(tables.run).values(run_id=run_id, as_of=as_of, reports=text))

    def runs(self, limit: int = 20) -> list[tuple[str, datetime, list[dict[str, Any]]]]:
        """Return the latest runs: id, as-of moment and stage reports."""
        table = tables.run
        with self.engine.begin() as connection:
            found = connection.execute(sa.select(table).order_by(table.c.as_of.desc(), table.c.run_id).limit(limit))
            return [(row.run_id, row.as_of, json.loads(row.reports)) for row in found]

    def close(self) -> None:
        """Let go of the engine."""
        self.engine.dispose()


def open_ledger(url: str, state: Path) -> Ledger:
    """Open the ledger of a project and bring its tables up to date.

    `url` is `sqlite` (one file in the folder `state`) or a `postgresql://` URL. Raises TemporaryError when the
    server does not answer.
    """
    if url == "sqlite":
        state.mkdir(parents=True, exist_ok=True)
        engine = _sqlite(state / FILE)
    else:
        engine = _postgresql(url)
    with _answering(engine), engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.schema.CreateSchema(SCHEMA, if_not_exists=True))
        migrations.lay_out(connection)
    sa.event.listen(engine, "handle_error", _tell, retval=True)
    return Ledger(engine)


def is_there(url: str, state: Path) -> bool:
    """Say whether a project has its ledger already. Raises TemporaryError when the server does not answer."""
    with reading_ledger(url, state) as ledger:
        return ledger is not None


@contextmanager
def reading_ledger(url: str, state: Path) -> Iterator[Ledger | None]:
    """Open the ledger of a project to look at it, beside a run that writes; None where there is none yet.

    What it gives can't be written to; one of an older hub is brought up to date first. Raises
    TemporaryError when the server does not answer.
    """
    if url == "sqlite":
        if not (state / FILE).exists():
            yield None
            return
        engine = sa.create_engine(f"sqlite:///file:{quote(str(state.absolute() / FILE))}?mode=ro&uri=true")
    else:
        engine = _postgresql(url, "-cdefault_transaction_read_only=on")
    try:
        with _answering(engine):
            there = sa.inspect(engine).has_table(tables.run.name)
            with engine.connect() as connection:
                old = there and not migrations.up_to_date(connection)
        if old:
            open_ledger(url, state).close()
        yield Ledger(engine) if there else None
    finally:
        engine.dispose()


def _tell(context: sa.engine.ExceptionContext) -> BaseException | None:
    """Make TemporaryError of what an operator has to mend: a full disk, a server that is down, a file that is locked.

    What the database says in its first line names files and hosts, and no value.
    """
    if not isinstance(context.sqlalchemy_exception, sa.exc.OperationalError):
        return None
    said = str(context.original_exception).strip().partition("\n")[0]
    return TemporaryError(f"the ledger can't be used: {said}. Nothing goes out until it can.")


@contextmanager
def _answering(engine: sa.Engine) -> Iterator[None]:
    try:
        yield
    except sa.exc.OperationalError as error:
        engine.dispose()
        raise unanswered("the ledger", error) from None
    except sa.exc.DatabaseError as error:
        engine.dispose()
        if engine.dialect.name != "sqlite":
            raise
        said = str(error.orig).partition("\n")[0]
        raise ConfigurationError(
            f"{FILE} is damaged ({said}): bring it back from the backup, with the warehouse of the same moment"
        ) from None


def _sqlite(file: Path) -> sa.Engine:
    """SQLite with a write-ahead log: readers never wait; writers queue up instead of failing half-way."""
    engine = sa.create_engine(f"sqlite:///{file}", connect_args={"timeout": BUSY_SECONDS})

    @sa.event.listens_for(engine, "connect")
    def _prepare(raw: Any, _record: Any) -> None:
        raw.isolation_level = None
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("PRAGMA synchronous = FULL")  # `sending` must be on disk before the call goes out

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _postgresql(url: str, *options: str) -> sa.Engine:
    if not url.startswith(("postgresql:", "postgresql+psycopg:")):
        raise ConfigurationError(
            f"ledger '{url.split(':')[0]}' is not known: use sqlite, or postgresql://user:password@host/database"
        )
    return sa.create_engine(
        sa.make_url(url).set(drivername="postgresql+psycopg"),
        connect_args={"options": " ".join([f"-csearch_path={SCHEMA}", *options])},
    )
