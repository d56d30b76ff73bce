"""A small shop with real stores, for the tests of decide, activate and feedback.

`Recorder` is a destination that writes what it was given to a file, one JSON line per message or row, so that a
process that is killed leaves its traces too. It takes the same message id once, as a provider with idempotency does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, get_args

import sqlalchemy as sa

from hub.contracts import (
    Capabilities,
    Channel,
    Check,
    ConnectionConfig,
    Destination,
    Message,
    Operation,
    Place,
    Result,
    Row,
    Sent,
    SyncBatch,
)
from hub.ledger import Ledger, open_ledger
from hub.people.traits import plan_traits
from hub.project import Connection, Project
from hub.project.models import HubFile
from hub.project.scenario import Scenario
from hub.project.segments import Segment
from hub.project.sync import Sync
from hub.schema import BUILT_IN, Schema
from hub.units import Rates
from hub.warehouse import Transaction, Warehouse
from hub.warehouse.state import fingerprint, remember, seen

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEY = b"a key of the tests"

Answer = Callable[[Sequence[Any]], Sequence[Result]]


class RecorderConfig(ConnectionConfig):
    channel: Channel | None = None
    syncs: bool = False
    window: timedelta | None = None
    rate: Rates = ()
    batch_size: int = 100
    concurrency: int = 1
    one_by_one: bool = False
    can_ask: bool = False
    operations: frozenset[Operation] = frozenset(get_args(Operation))
    stands: dict[str, dict[str, Any]] | None = None
    """What stood there before us; with it, the destination can be read, and asked to try."""


class Recorder(Destination):
    name = "recorder"
    config_model = RecorderConfig
    answers: ClassVar[dict[tuple[Path, str], Answer]] = {}

    @property
    def capabilities(self) -> Capabilities:
        config = self.config
        return Capabilities(
            config.channel,
            config.operations if config.syncs else frozenset(),
            config.batch_size,
            config.rate,
            config.window,
            can_ask=config.can_ask,
            concurrency=config.concurrency,
            one_by_one=config.one_by_one,
            can_read=config.stands is not None,
            can_try=config.stands is not None,
        )

    def check(self) -> Check:
        return Check(True, "records")

    def send(self, batch: Sequence[Message]) -> Sequence[Result]:
        answer = self.answers.get((self.place.folder, self.place.connection))
        if answer is not None:
            return answer(batch)
        return [self.take(message) for message in batch]

    def ask(self, sent: Sequence[Sent]) -> Sequence[Result]:
        return self.answers[self.place.folder, f"{self.place.connection} asked"](sent)

    def sync(self, batch: SyncBatch) -> Sequence[Result]:
        answer = self.answers.get((self.place.folder, self.place.connection))
        results = answer(batch.rows) if answer is not None else [Result(row.key, "accepted") for row in batch.rows]
        for row, result in zip(batch.rows, results, strict=True):
            self.write({"target": batch.target, "operation": batch.operation, "key": row.key, **row.fields}, result)
        return results

    def read_back(self, target: str, rows: Sequence[Row], fields: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        there = {key: dict(row) for key, row in (self.config.stands or {}).items()}
        file = self.place.folder / f"{self.place.connection}.jsonl"
        for entry in map(json.loads, file.read_text().splitlines() if file.exists() else ()):
            if entry["operation"] in ("remove", "delete"):
                there.pop(entry["key"], None)
            else:
                there.setdefault(entry["key"], {}).update(entry)
        return {row.key: {name: there[row.key].get(name) for name in fields} for row in rows if row.key in there}

    def try_out(self, batch: SyncBatch) -> Sequence[Result]:
        return [
            Result(row.key, "accepted")
            if "@" in (row.fields.get("email") or "@")
            else Result(row.key, "rejected", reason="no address")
            for row in batch.rows
        ]

    def take(self, message: Message) -> Result:
        self.write({"id": message.id, "to": vars(message.recipient), "content": dict(message.content)})
        return Result(message.id, "accepted", f"remote-{message.id}")

    def unsubscribe_url(self, token: str) -> str:
        return f"https://shop.example/out?token={token}"

    def write(self, entry: dict[str, Any], result: Result | None = None) -> None:
        with (self.place.folder / f"{self.place.connection}.jsonl").open("a") as file:
            file.write(json.dumps({**entry, **({"status": result.status} if result else {})}, default=str) + "\n")


TEMPLATES = {
    "welcome/subject.txt": "Welkom",
    "welcome/email.txt": "{% if salutation %}Beste {{ salutation }}{% else %}Dag{% endif %}: {{ species }} "
    "{{ unsubscribe_url }}",
    "welcome/sms.txt": "Dag {{ given_name }}: {{ species }}",
    "welcome/letter.typ": "#let given = json(bytes(sys.inputs.data))",
    "extra/subject.txt": "Extra",
    "extra/email.txt": "Extra voor {{ given_name }}",
}

WELCOME = Scenario.model_validate(
    {
        "scenario": "welcome",
        "who": "new people",
        "from": "prospect",
        "to": "first order",
        "trigger": {"any": [{"event": "newsletter_subscribed"}, {"event": "account_created"}]},
        "target": "birth_date is null or age(birth_date) >= 16",
        "stop_when": "last_order_at > entered_at",
        "valid_for": "14 days",
        "steps": [
            {"send": "welcome", "by": ["email", "sms", "letter"], "content": {"species": "coalesce(interests, 'cat')"}}
        ],
    }
)

SYNC = {
    "sync": "gold",
    "from": {"segment": "gold"},
    "to": {"connection": "ads", "object": "Customers A"},
    "fields": {"email": "email", "first_name": "given_name"},
    "consent": {"channel": "ads"},
    "guards": {"removes": "50%"},
}


def gold(**changes: Any) -> Sync:
    return Sync.model_validate({**SYNC, **changes})


CONNECTIONS: Mapping[str, RecorderConfig] = {
    "mail": RecorderConfig(channel="email"),
    "texts": RecorderConfig(channel="sms"),
    "post": RecorderConfig(channel="letter"),
    "ads": RecorderConfig(syncs=True),
}


def project_in(
    folder: Path,
    *,
    scenarios: Sequence[Scenario] = (WELCOME,),
    segments: Mapping[str, Segment] | None = None,
    syncs: Sequence[Sync] = (),
    connections: Mapping[str, RecorderConfig] = CONNECTIONS,
    schema: Schema = BUILT_IN,
    key: bytes = KEY,
) -> Project:
    """Make a project with templates in a folder, and recorders for destinations."""
    for name, text in TEMPLATES.items():
        file = folder / "templates" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return Project(
        folder=folder,
        hub=HubFile(name="Shop"),
        schema=schema,
        connections={
            name: Connection(name, Recorder, config, Place(name, folder, key)) for name, config in connections.items()
        },
        mappings=(),
        traits={},
        segments=segments or {},
        scenarios={scenario.scenario: scenario for scenario in scenarios},
        syncs={sync.sync: sync for sync in syncs},
        key=key,
    )


@dataclass(frozen=True)
class Shop:
    """A project with its stores, and short words to fill them."""

    project: Project
    warehouse: Warehouse
    ledger: Ledger

    def insert(self, table: str, **values: Any) -> None:
        with self.warehouse.begin() as transaction:
            transaction.execute(sa.insert(transaction.table(table)).values(**values))
            tell_news(transaction)

    def update(self, table: str, where: Mapping[str, Any], **values: Any) -> None:
        with self.warehouse.begin() as transaction:
            stored = transaction.table(table)
            transaction.execute(
                sa.update(stored).where(*(stored.c[name] == value for name, value in where.items())).values(**values)
            )
            tell_news(transaction)

    def rows(self, table: str, *columns: str) -> list[Any]:
        with self.warehouse.begin() as transaction:
            stored = transaction.table(table)
            chosen = [stored.c[name] for name in columns]
            found = transaction.rows(sa.select(*chosen).order_by(*chosen))
        return [row[0] if len(columns) == 1 else tuple(row) for row in found]

    def person(self, number: int, *, consent: Sequence[str] = (), **columns: Any) -> str:
        """Add a person with one record; `consent` lists the channels with marketing consent."""
        record = f"shop:{number}"
        self.insert(
            "source_record",
            connection="shop",
            source_key=str(number),
            record_id=record,
            record_no=number,
            person_id=number,
        )
        self.insert("person", person_id=number, record_id=record, records=1, **columns)
        self.trait(number)
        for channel in consent:
            self.consent(record, channel)
        return record

    def trait(self, number: int, **values: Any) -> None:
        """Keep traits of a person, in the form in which enrich leaves them."""
        table = plan_traits(self.project, NOW).table()
        with self.warehouse.begin() as transaction:
            transaction.execute(sa.delete(table).where(table.c.person_id == number))
            transaction.execute(sa.insert(table).values(person_id=number, **values))
            tell_news(transaction)

    def consent(
        self,
        record: str,
        channel: str,
        given: bool | None = True,
        at: datetime | None = NOW - timedelta(days=1),
        **more: Any,
    ) -> None:
        known = len(self.rows("consent", "source_key"))
        self.insert(
            "consent",
            connection="shop",
            source_key=f"c{known + 1}",
            record_id=record,
            channel=channel,
            given=given,
            at=at,
            **{"purpose": "marketing", **more},
        )

    def event(self, record: str, type_: str = "newsletter_subscribed", at: datetime = NOW - timedelta(hours=2)) -> None:
        known = len(self.rows("activity", "source_key"))
        self.insert("activity", connection="shop", source_key=f"a{known + 1}", record_id=record, type=type_, at=at)

    def newcomer(self, number: int, consent: Sequence[str] = ("email",), **columns: Any) -> str:
        """Add somebody who subscribed just now and can be reached by e-mail, unless told otherwise."""
        given = {"email": f"person{number}@example.nl", "given_name": f"Person{number}", **columns}
        record = self.person(number, consent=consent, **given)
        self.event(record)
        return record

    def merge(self, into: int, other: int) -> None:
        """Make two people one, as resolve does."""
        self.update("source_record", {"person_id": other}, person_id=into)
        with self.warehouse.begin() as transaction:
            person = transaction.table("person")
            transaction.execute(sa.delete(person).where(person.c.person_id == other))

    def taken(self, connection: str) -> list[dict[str, Any]]:
        """Tell what a destination was given."""
        file = self.project.folder / f"{connection}.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def answer(self, connection: str, answer: Answer) -> None:
        """Let a destination answer in its own way; `mail asked` is what it says when it is asked."""
        Recorder.answers[self.project.folder, connection] = answer

    def answer_again(self, connection: str) -> None:
        """Let a destination take what it gets."""
        del Recorder.answers[self.project.folder, connection]

    def connected(self, **configs: RecorderConfig) -> Shop:
        """Give the same shop with some connections configured in another way."""
        folder = self.project.folder
        changed = {name: Connection(name, Recorder, it, Place(name, folder, KEY)) for name, it in configs.items()}
        return self.with_(connections={**self.project.connections, **changed})

    def with_(self, **changes: Any) -> Shop:
        """Give the same shop with a changed project."""
        return replace(self, project=replace(self.project, **changes))


def tell_news(transaction: Transaction) -> None:
    """Note that facts changed, as the stages that bring them do."""
    remember(transaction, "map", fingerprint(seen(transaction, "map")), NOW)


@contextmanager
def shop_in(folder: Path, warehouse: Warehouse, **project: Any) -> Iterator[Shop]:
    """Open a shop on a warehouse; its ledger is on SQLite beside DuckDB, and on the same PostgreSQL otherwise."""
    url = "sqlite" if warehouse.name == "duckdb" else warehouse.engine.url.render_as_string(hide_password=False)
    ledger = open_ledger(url, folder / ".hub")
    shop = Shop(project_in(folder, **project), warehouse, ledger)
    columns = [
        sa.cast(sa.null(), column.type).label(column.name) for column in plan_traits(shop.project, NOW).table().c
    ]
    with warehouse.begin() as transaction:
        transaction.replace("trait", sa.select(*columns).where(sa.false()))
    yield shop
    ledger.close()
