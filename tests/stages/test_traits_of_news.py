"""Traits after news: only who is touched is computed again, and all have what a look at everybody gives."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from hub.ledger import Ledger, open_ledger
from hub.people.traits import plan_traits
from hub.privacy.erase import erase_in_warehouse
from hub.privacy.raw import RawRows
from hub.privacy.stores import Stores
from hub.privacy.subject import subject_of
from hub.project import Project
from hub.project.traits import Trait
from hub.schema import BUILT_IN
from hub.schema.shape import Column, Table
from hub.stages.enrich import enrich
from hub.stages.enrich.aggregate import Aggregates, aggregates
from hub.stages.enrich.derive import derived
from hub.stages.map import map_loads
from hub.stages.resolve import resolve
from hub.warehouse import Warehouse
from hub.warehouse.changes import all_noted
from hub.warehouse.state import remember
from tests.stages import raw_lake

START = datetime(2026, 3, 20, 9, tzinfo=UTC)
"""A week before the clock goes forward, and the shortest month is just over."""

VISIT = Table(
    "visit",  # as a temporary table of resolve is called too
    "custom",
    "A visit to a shop.",
    (Column("at", "timestamp"), Column("page", "text"), Column("product_key", "text", references="product")),
    personal=True,
    time="at",
    custom=True,
)
SCHEMA = BUILT_IN.extended({}, [VISIT])

WEB = """
connection: web
person:
  from: customers
  key: id
  identifiers: {email: email(email)}
  updated_at: timestamp(changed)
  columns: {given_name: id}
sales_order:
  from: orders
  where: status <> 'test'
  key: id
  person: customer
  updated_at: timestamp(changed)
  columns: {ordered_at: timestamp(at), status: status, total: "money(total, 'EUR')"}
  checks: [total >= 0]
order_line:
  from: lines
  key: id
  person: {through: sales_order}
  updated_at: timestamp(changed)
  columns: {order_key: order_id, product_key: product, quantity: integer(quantity), ordered_at: timestamp(at)}
product:
  from: products
  key: id
  updated_at: timestamp(changed)
  columns: {category: category}
visit:
  from: visits
  key: id
  guest: {email: email(email)}
  updated_at: timestamp(changed)
  columns: {at: timestamp(at), page: page, product_key: product}
"""
TILL = """
connection: till
person: {from: customers, key: id, identifiers: {email: email(email)}, updated_at: timestamp(changed)}
sales_order:
  from: orders
  key: id
  person: customer
  updated_at: timestamp(changed)
  columns: {ordered_at: timestamp(at), status: status, total: "money(total, 'EUR')"}
"""
TRAITS: Mapping[str, Mapping[str, Any]] = {
    "recent": {"of": "sales_order", "count": True, "within": "5 days"},
    "spent": {"of": "sales_order", "sum": "total", "within": ["1 week", "1 month"], "where": "status = 'paid'"},
    "last_status": {"of": "sales_order", "last": "status"},
    "third": {"of": "sales_order", "last": "total / 3"},
    "thirds": {"is": "third * 1000"},
    "rhythm": {"of": "sales_order", "median_interval": True},
    "this_morning": {"of": "sales_order", "count": True, "where": "ordered_at > as_of - interval '12 hours'"},
    "favourite": {"of": "order_line", "favourite": "product.category", "by": "quantity", "within": "1 month"},
    "kinds": {"of": "order_line", "distinct": "product.category"},
    "paid_lines": {"of": "order_line", "count": True, "where": "sales_order.status = 'paid'"},
    "last_loaded": {"of": "sales_order", "maximum": "load_id"},
    "changed_last": {"of": "sales_order", "maximum": "source_time"},
    "visits": {"of": "visit", "count": True, "within": "3 days"},
    "saw": {"of": "visit", "last": "product.category"},
    "addresses": {"of": "identifier", "count": True},
    "days_quiet": {"is": "days_since(last_order_at)"},
    "place": {"rank": "spent_1m", "among": "recent > 0"},
}
STAGES = [*5 * [["map", "resolve", "enrich"]], ["map"], ["map", "resolve"], ["map", "enrich"], ["resolve", "enrich"]]
RAW = {
    "customers": ("email",),
    "orders": ("customer", "at", "status", "total"),
    "lines": ("order_id", "product", "quantity", "at"),
    "products": ("category",),
    "visits": ("email", "at", "page", "product"),
}


class World:
    """Two systems whose rows change, and a hub that follows them from day to day."""

    def __init__(self, warehouse: Warehouse, ledger: Ledger, folder: Path) -> None:
        self.warehouse, self.ledger = warehouse, ledger
        self.lake = raw_lake.Mapped(warehouse, folder).lake
        self.folder = folder
        self.now = START
        self.loads = self.changes = 0
        self.waiting: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
        self.mappings = [WEB, TILL]
        self.traits = dict(TRAITS)
        self.timezone = "Europe/Amsterdam"
        self.carried = 0

    # what systems say

    def say(self, connection: str, table: str, key: str, late: bool = False, **columns: Any) -> None:
        """Have a system say something of a row, which lands with the next run; `late`: it was so long ago."""
        self.changes += 1
        changed = START + timedelta(seconds=self.changes) - timedelta(days=100 * late)
        row = {"id": key, "changed": changed.isoformat(), **dict.fromkeys(RAW[table]), **columns}
        self.waiting.setdefault((connection, table), {})[key] = row

    def order(self, key: str, customer: int, hours: int = -1, connection: str = "web", **more: Any) -> None:
        at = (self.now + timedelta(hours=hours)).isoformat()
        late = more.pop("late", False)
        said = {"customer": str(customer), "at": at, "status": "paid", "total": "10", **more}
        self.say(connection, "orders", key, late, **said)

    def line(self, key: str, order: str, product: str, hours: int = -1, quantity: int = 1) -> None:
        at = (self.now + timedelta(hours=hours)).isoformat()
        self.say("web", "lines", key, order_id=order, product=product, quantity=str(quantity), at=at)

    def visit(self, key: str, email: str, hours: int = -1, product: str = "p0") -> None:
        at = (self.now + timedelta(hours=hours)).isoformat()
        self.say("web", "visits", key, email=email, at=at, page="/", product=product)

    # what the hub does

    @property
    def project(self) -> Project:
        its = raw_lake.project(*self.mappings)
        traits = {name: Trait.model_validate(trait) for name, trait in self.traits.items()}
        hub = its.hub.model_copy(update={"timezone": self.timezone})
        return replace(its, schema=SCHEMA, traits=traits, hub=hub, key=b"a key of the tests")

    def land(self) -> None:
        for connection in ("web", "till"):
            tables = {}
            for (of, table), rows in self.waiting.items():
                if of == connection:
                    form = pa.schema([(name, pa.string()) for name in ("id", "changed", *RAW[table])])
                    tables[table] = pa.Table.from_pylist(list(rows.values()), form)
            if tables:
                self.loads += 1
                raw_lake.load(self.folder, connection, f"{self.loads}.0", **tables)
        self.waiting = {}

    def map(self) -> None:
        self.land()
        report = map_loads(self.warehouse, self.project, self.lake, self.now)
        assert report.failures == (), report.failures

    def resolve(self) -> None:
        resolve(self.warehouse, self.ledger, self.project, self.now)

    def enrich(self) -> None:
        """Compute the traits; count the days on which the notes tell enough to look at some people only."""
        with self.warehouse.begin() as transaction:
            self.carried += all_noted(transaction)
        enrich(self.warehouse, self.project, self.now)

    def compare(self) -> None:
        """See that everybody has what a look at everybody gives."""
        its = self.project
        with self.warehouse.begin() as transaction:
            plan = plan_traits(its, self.now)
            names = list(plan.table().c.keys())
            kept = transaction.rows(sa.select(*plan.table().c))
            found = Aggregates(aggregates(transaction, its, plan.of_facts, self.now))
            every = derived(transaction, plan, found).subquery()
            anew = transaction.rows(sa.select(*(every.c[name] for name in names)))
        by_person = {row.person_id: row for row in kept}
        for row in anew:
            assert dict(by_person[row.person_id]._mapping) == dict(row._mapping)
        assert len(kept) == len(anew)

    def run(self, hours: int = 24) -> None:
        self.now += timedelta(hours=hours)
        self.map()
        self.resolve()
        self.enrich()

    def erase(self, choice: random.Random) -> None:
        with self.warehouse.begin() as transaction:
            person = transaction.table("person")
            known = sorted(transaction.rows(sa.select(person.c.person_id)))
            if not known:
                return
            whom = subject_of(transaction, [choice.choice(known)[0]])
        stores = Stores(self.project, self.lake, self.warehouse, self.ledger)
        erase_in_warehouse(stores, whom, RawRows(), str(self.changes), "seen", self.now)

    def looked_at(self, table: str) -> set[int]:
        """Tell whom the last run computed again from a table."""
        with self.warehouse.begin() as transaction:
            return set(transaction.connection.execute(sa.text(f"SELECT person_id FROM touched_by_{table}")).scalars())


@pytest.fixture
def world(open_on_engine: Any, tmp_path: Path) -> Iterator[World]:
    ledger = open_ledger("sqlite", tmp_path)
    yield World(open_on_engine(SCHEMA), ledger, tmp_path / "lake")
    ledger.close()


def begin(world: World, people: int = 18) -> None:
    for number in range(people):
        world.say("web", "customers", str(number), email=f"{number}@example.nl")
        world.say("web", "orders", f"o{number}", customer=str(number), at=START.isoformat(), status="paid", total="3")
        world.line(f"l{number}", f"o{number}", f"p{number % 3}")
        world.visit(f"v{number}", f"{number}@example.nl")
    world.say("till", "customers", "0", email="t0@example.nl")
    world.order("o0", 0, connection="till")
    for number in range(3):
        world.say("web", "products", f"p{number}", category="abc"[number])
    world.run(0)


def happens(world: World, choice: random.Random) -> None:
    """Let one thing happen in the systems, or to the hub."""
    who, hours = choice.randrange(6), choice.choice([-24 * 40, -24 * 6, -30, -2, 20, 24 * 4])
    connection = choice.choice(["web", "web", "till"])
    key, product = f"o{choice.randrange(9)}", f"p{choice.randrange(4)}"
    match choice.randrange(16):
        case 0 | 1 | 2:
            status = choice.choice(["paid", "paid", "open", "cancelled", "test"])
            total = choice.choice(["7", "12,50", "-1"])  # an order of less than nothing is set aside
            world.order(key, who, hours, connection, status=status, total=total, late=choice.random() < 0.2)
        case 3 | 4:
            world.line(f"l{choice.randrange(9)}", key, product, hours, choice.randrange(4))
        case 5 | 6:
            world.visit(f"v{choice.randrange(9)}", f"{choice.randrange(8)}@example.nl", hours, product)
        case 7:
            world.say("web", "products", product, category=choice.choice(["a", "b", None]))
        case 8 | 9:  # people merge and split as they take each other's address and give it up
            world.say(connection, "customers", str(who), email=f"{choice.randrange(8)}@example.nl")
        case 10:
            same, other = f"web:{who}", f"web:{(who + 1) % 6}"
            world.ledger.verdicts.give(same, other, choice.random() < 0.5, "an admin", world.now, "looked at both")
        case 11 if choice.random() < 0.3:
            world.erase(choice)
        case 12 if choice.random() < 0.3:
            status = choice.choice(["'test'", "'open'"])
            world.mappings[0] = WEB.replace("status <> 'test'", f"status <> {status}")
        case 13 if choice.random() < 0.3:
            world.traits["recent"] = {**TRAITS["recent"], "within": choice.choice(["5 days", "9 days"])}
        case 14 if choice.random() < 0.3:
            world.timezone = choice.choice(["Europe/Amsterdam", "Asia/Tokyo"])
        case 15 if choice.random() < 0.3:
            world.now -= timedelta(days=choice.choice([1, 12]))


@pytest.mark.parametrize("seed", range(2))
def test_whatever_happens_everybody_has_what_a_look_at_everybody_gives(world: World, seed: int) -> None:
    choice = random.Random(seed)
    if seed:
        del world.traits["paid_lines"]  # nothing of an order is read through its lines
    begin(world)
    for _ in range(7):
        for _ in range(choice.randrange(5)):
            happens(world, choice)
        world.now += timedelta(hours=choice.choice([0, 1, 23, 24, 25, 24 * 8]))
        # a run that is killed has done some of its stages, and nothing of the others
        stages = choice.choice(STAGES)
        for stage in stages:
            getattr(world, stage)()
        if "enrich" in stages:
            world.compare()
    world.run()
    world.compare()
    assert world.carried > 2


def test_only_those_whom_the_day_touches_are_computed_again(world: World) -> None:
    begin(world)
    person = dict(people(world))
    world.run()
    assert world.looked_at("sales_order") == set()  # nothing came, and no order left a window
    world.order("new", 3)
    world.line("new", "o4", "p1")
    world.order("o5", 5, -9, late=True)  # an older version says nothing
    world.run(1)
    assert world.looked_at("sales_order") == {person["web:3"]}
    assert world.looked_at("order_line") == {person["web:4"]}
    assert world.looked_at("visit") == set()
    world.order("o1", 2, -20)  # changes hands: its line follows
    world.run(1)
    assert world.looked_at("sales_order") == world.looked_at("order_line") == {person["web:1"], person["web:2"]}
    world.say("web", "products", "p9", category="new")  # nobody has bought it
    world.say("web", "customers", "7", email="7@example.nl")  # as it was
    world.run(1)
    assert world.looked_at("sales_order") == world.looked_at("order_line") == set()
    world.say("web", "customers", "8", email="7@example.nl")  # joins another, and leaves a visit behind
    world.run(1)
    alone = dict(people(world))["web:email:8@example.nl"]
    assert world.looked_at("sales_order") == {person["web:7"], person["web:8"], alone}
    world.order("soon", 6, 30)
    world.run(1)
    world.run(40)
    assert world.looked_at("sales_order") == {person["web:6"]}  # it has happened by now
    assert world.carried == 7


def test_what_was_not_noted_has_everybody_looked_at(world: World) -> None:
    begin(world)
    world.order("o1", 1, status="open")
    world.run()
    with world.warehouse.begin() as transaction:
        order = transaction.table("sales_order")
        transaction.execute(sa.update(order).where(order.c.source_key == "o2").values(total=99))
        remember(transaction, "map", "somebody else wrote", world.now)
    world.order("o3", 3, status="open")
    world.run()
    world.run()
    assert world.carried == 2  # the first day and the last


def people(world: World) -> list[tuple[str, int]]:
    """Tell whose each record is."""
    with world.warehouse.begin() as transaction:
        record = transaction.table("source_record")
        return [tuple(row) for row in transaction.rows(sa.select(record.c.record_id, record.c.person_id))]
