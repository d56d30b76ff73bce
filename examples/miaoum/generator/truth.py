"""The answer key: which record belongs to whom, who agreed to what, who must be welcomed. Read by tests only."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from examples.miaoum.generator.newcomers import Newcomer
from examples.miaoum.generator.people import Person


@dataclass(frozen=True)
class Consent:
    """One statement of one person about one channel; the latest one holds."""

    person: str
    channel: str
    given: bool
    at: datetime
    system: str


@dataclass
class Truth:
    """Collects, while the systems are written, what their records really mean."""

    #: system, table, key, person (None for staff tests and unknown visitors)
    records: list[tuple[str, str, str, str | None]] = field(default_factory=list)
    consents: list[Consent] = field(default_factory=list)
    #: system, table, key, column, value, why it is false
    false_values: list[tuple[str, str, str, str, str, str]] = field(default_factory=list)
    #: order number, person (None for staff tests), status, cents or None when the total is unreadable
    orders: list[tuple[str, str | None, str, int | None, datetime]] = field(default_factory=list)
    quantities: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def record(self, system: str, table: str, key: str, person: str | None) -> None:
        self.records.append((system, table, key, person))

    def consent(self, person: str, channel: str, given: bool, at: datetime, system: str) -> None:
        self.consents.append(Consent(person, channel, given, at, system))

    def false_value(self, system: str, table: str, key: str, column: str, value: str, why: str) -> None:
        self.false_values.append((system, table, key, column, value, why))

    def consenting(self, channel: str, at: datetime) -> set[str]:
        """Who had agreed to a channel at a moment."""
        state: dict[str, tuple[datetime, bool]] = {}
        for consent in self.consents:
            known = state.get(consent.person)
            if consent.channel == channel and consent.at <= at and (known is None or known[0] <= consent.at):
                state[consent.person] = (consent.at, consent.given)
        return {person for person, (_, given) in state.items() if given}


def write_truth(truth: Truth, people: list[Person], plan: dict[str, Newcomer], end: datetime, folder: Path) -> None:
    """`records`, `persons`, `orders`, `welcome` and `false_values` as Parquet."""
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "records.parquet", ("system", "table", "key", "person"), truth.records)
    write(
        folder / "orders.parquet",
        ("order_no", "person", "status", "total_cents", "created_at"),
        truth.orders,
        pa.schema(
            [
                ("order_no", pa.string()),
                ("person", pa.string()),
                ("status", pa.string()),
                ("total_cents", pa.int64()),
                ("created_at", pa.timestamp("us", "UTC")),
            ]
        ),
    )
    write(folder / "false_values.parquet", ("system", "table", "key", "column", "value", "why"), truth.false_values)
    write_persons(truth, people, end, folder / "persons.parquet")
    rows = [
        (key, part.kind, part.channel, part.reason, part.subscribed_at, part.account_at)
        for key, part in sorted(plan.items())
    ]
    moment = pa.timestamp("us", "UTC")
    write(
        folder / "welcome.parquet",
        ("person", "kind", "channel", "reason", "subscribed_at", "account_at"),
        rows,
        pa.schema(
            [
                ("person", pa.string()),
                ("kind", pa.string()),
                ("channel", pa.string()),
                ("reason", pa.string()),
                ("subscribed_at", moment),
                ("account_at", moment),
            ]
        ),
    )


def write_persons(truth: Truth, people: list[Person], end: datetime, path: Path) -> None:
    orders: Counter[str] = Counter()
    paid: Counter[str] = Counter()
    for _, person, status, cents, _ in truth.orders:
        if person is not None and cents is not None:
            orders[person] += 1
            paid[person] += cents if status == "P" else 0
    known = {person for _, _, _, person in truth.records if person}
    agreed = {channel: truth.consenting(channel, end) for channel in ("email", "sms", "letter")}
    rows = [
        (
            person.key,
            person.household,
            person.gender,
            person.given,
            person.prefix,
            person.surname,
            person.born,
            person.address.country,
            person.key in known,
            orders[person.key],
            paid[person.key],
            favourite(truth.quantities[person.key]),
            person.key in agreed["email"],
            person.key in agreed["sms"],
            person.key in agreed["letter"],
            person.email,
            person.mobile,
        )
        for person in people
    ]
    schema = pa.schema(
        [
            ("person", pa.string()),
            ("household", pa.string()),
            ("gender", pa.string()),
            ("given", pa.string()),
            ("prefix", pa.string()),
            ("surname", pa.string()),
            ("born", pa.date32()),
            ("country", pa.string()),
            ("known", pa.bool_()),
            ("orders", pa.int64()),
            ("paid_cents", pa.int64()),
            ("favourite_species", pa.string()),
            ("email_consent", pa.bool_()),
            ("sms_consent", pa.bool_()),
            ("letter_consent", pa.bool_()),
            ("email", pa.string()),
            ("mobile", pa.string()),
        ]
    )
    write(path, tuple(schema.names), rows, schema)


def favourite(quantities: Counter[str]) -> str | None:
    """The species bought most; none where two are equally liked."""
    ranked = quantities.most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


def write(path: Path, names: tuple[str, ...], rows: list, schema: pa.Schema | None = None) -> None:
    shape = schema or pa.schema([(name, pa.string()) for name in names])
    pq.write_table(pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], shape), path)
