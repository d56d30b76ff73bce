"""A small company with a canary in it: one customer whose every value says so, in every place that there is.

`kanarie` shares phone and address with Bert, who must survive. The systems stand outside of the project's folder, as
systems do: what is left in the folder is the hub's own.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import sqlalchemy as sa

from hub.pipeline import RunReport, run, workspace
from hub.privacy import Outcome, Stores, ask, go_on, look
from hub.project import Project, load_project

CANARY = "kanarie"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEY = "f3a9c17b5e2d48069b7c4d1e8a30f265"

HUB = """
name: Canary
engine: "${{CANARY_ENGINE}}"
ledger: "${{CANARY_LEDGER}}"
connections:
  crm: {{plugin: files, path: {systems}/crm/*.csv}}
  shop: {{plugin: files, path: {systems}/shop/*.csv}}
  ads: {{plugin: sql, url: "${{ADS_URL}}", writes: {{members: {{key: id}}}}}}
  post: {{plugin: print, folder: {systems}/letters}}
"""

CRM = """
connection: crm
person:
  from: customers
  key: id
  updated_at: timestamp(changed)
  identifiers: {email: email(email), phone: "phone(mobile, 'NL')", customer_number: id}
  columns:
    given_name: first
    surname: last
    prefix: prefix(last)
  consent:
    - {channel: email, given: newsletter = 'yes', at: timestamp(changed), text: form of 2026}
    - {channel: letter, given: newsletter = 'yes', at: timestamp(changed), text: form of 2026}
address:
  from: customers
  key: id
  person: id
  columns: {kind: "'home'", street: street, house_number: number, postcode: "postcode(postcode, 'NL')", city: city}
activity:
  from: customers
  key: id
  person: id
  columns: {type: "'account_created'", at: timestamp(changed)}
call:
  from: calls
  key: id
  person: customer
  columns: {notes: notes, at: timestamp(at)}
"""

SHOP = """
connection: shop
sales_order:
  from: orders
  key: number
  guest: {email: email(email)}
  updated_at: timestamp(at)
  columns: {ordered_at: timestamp(at), total: "money(total, 'EUR')", coupon: coupon}
  checks: [total >= 0]
order_line:
  from: lines
  key: id
  person: {through: sales_order}
  columns: {order_key: number, product_key: product}
cart:
  from: carts
  key: id
  guest: {email: email(email)}
  columns: {changed_at: timestamp(at), status: "'open'"}
cart_line:
  from: cart_lines
  key: id
  columns: {cart_key: cart, product_key: product}
"""

SYNC = """
sync: members
from: {segment: reachable}
to: {connection: ads, object: members}
key: email
mode: mirror
fields: {email: email, name: surname}
consent: {channel: email, purpose: marketing}
leaving: remove
"""

SCENARIO = """
scenario: welcome
who: everybody who makes an account
from: prospect
to: first order
trigger: {any: [{event: account_created}]}
target: "true"
stop_when: last_order_at > entered_at
valid_for: 14 days
steps:
  - send: welcome
    by: [letter]
    content: {city: city}
"""

LETTER = "Beste #data.salutation, welkom in #data.city.\n"

FILES = {
    "crm/customers.csv": """id,first,last,email,mobile,street,number,postcode,city,newsletter,changed
1,Kanarie,Kanarieberg,Kanarie@Example.nl,06-12345678,Laan,1,1234AB,Kanariestad,yes,2026-03-02T07:00:00
2,Bert,Bakker,bert@example.nl,06-12345678,Laan,1,1234AB,Utrecht,yes,2026-03-02T07:00:00
3,Carla,Smit,carla@example.nl,06-87654321,Weg,2,4321BA,Utrecht,yes,2026-03-02T07:00:00
""",
    "crm/calls.csv": """id,customer,notes,at
1,1,kanarie rang over kanaries,2026-02-02T10:00:00
2,2,bert rang,2026-02-02T10:00:00
""",
    "shop/orders.csv": """number,email,total,coupon,at
77,kanarie@example.nl,12.50,kanariekorting,2026-02-03T10:00:00
78,kanarie@example.nl,-1.00,kanariefout,2026-02-03T10:00:00
79,bert@example.nl,9.00,geen,2026-02-03T10:00:00
""",
    "shop/lines.csv": "id,number,product\n1,77,kanariezaad\n2,79,brood\n",
    "shop/carts.csv": "id,email,at\n1,kanarie@example.nl,2026-02-04T10:00:00\n2,bert@example.nl,2026-02-04T10:00:00\n",
    "shop/cart_lines.csv": "id,cart,product\n1,1,kanariekooi\n2,2,brood\n",
    "shop/notes.csv": "id,text\n1,mail van kanarie@example.nl: bedankt\n2,mail van bert@example.nl: bedankt\n",
}
"""`notes` is mapped by nobody; order 78 can't be mapped."""


@dataclass
class World:
    """The company: its systems, and a project that knows them. `engine` is DuckDB, or the URL of a PostgreSQL."""

    folder: Path
    systems: Path
    engine: str

    @property
    def project(self) -> Project:
        return load_project(self.folder)

    def point_at(self, engine: str) -> None:
        """Use another database from now on: a backup of the one before."""
        self.engine = engine
        ledger = "sqlite" if engine == "duckdb" else engine
        given = {"HUB_KEY": KEY, "ADS_URL": f"sqlite:///{self.systems}/ads.db"}
        given |= {"CANARY_ENGINE": engine, "CANARY_LEDGER": ledger}
        text = "".join(f"{name}={value}\n" for name, value in given.items())
        (self.folder / ".env").write_text(text, encoding="utf-8")

    def run(self, *stages: str, at: datetime = NOW) -> RunReport:
        return run(self.project, at, stages)

    @contextmanager
    def stores(self) -> Iterator[Stores]:
        with workspace(self.project) as open_:
            yield Stores(open_.project, open_.lake, open_.warehouse, open_.ledger)

    def erase(self, *people: int, at: datetime = NOW) -> Outcome:
        with self.stores() as stores:
            asked = ask(stores, look(stores, people, at), "anna", "asked for it", at)
            (outcome,) = [it for it in go_on(stores, at) if it.erasure.id == asked.id]
        return outcome

    def write(self, table: str, text: str, part: str = "") -> None:
        """Have a system write a file."""
        system = "crm" if table in ("customers", "calls") else "shop"
        (self.systems / system / f"{table}{part}.csv").write_text(text, encoding="utf-8")

    def members(self) -> list[str]:
        """Give who stands at the advertiser."""
        with sqlite3.connect(self.systems / "ads.db") as database:
            return [row[0] for row in database.execute("SELECT email FROM members ORDER BY id")]

    def letters(self) -> int:
        """Count the letters in the printer's drop."""
        return len(list((self.systems / "letters").glob("*.pdf")))

    def where(self, word: str = CANARY) -> list[str]:
        """Say where a word stands still: files of the project, and tables of its databases."""
        return [*self._files(word), *self._tables(word)]

    def _files(self, word: str) -> Iterator[str]:
        for path in sorted(self.folder.rglob("*")):
            if not path.is_file():
                continue
            text = path.read_bytes().decode("utf-8", errors="replace")
            if path.suffix == ".parquet":
                text = json.dumps(parquet.ParquetFile(path).read().to_pylist(), default=str)
            if word in text.lower():
                yield str(path.relative_to(self.folder))

    def _tables(self, word: str) -> Iterator[str]:
        engines = [sa.create_engine(f"sqlite:///{self.folder}/.hub/ledger.sqlite")]
        if self.engine != "duckdb":
            engines = [sa.create_engine(sa.make_url(self.engine).set(drivername="postgresql+psycopg"))]
        for engine in engines:
            inspected = sa.inspect(engine)
            schemas = [None] if engine.dialect.name == "sqlite" else ["store", "ledger"]
            for schema in schemas:
                for name in inspected.get_table_names(schema=schema):
                    place = f'"{schema}"."{name}"' if schema else f'"{name}"'
                    with engine.connect() as connection:
                        rows = connection.execute(sa.text(f"SELECT * FROM {place}")).all()
                    if word in json.dumps([list(row) for row in rows], default=str).lower():
                        yield f"{schema}.{name}"
            engine.dispose()


def company(folder: Path, engine: str) -> World:
    """Build the company; nothing has run yet."""
    systems, project = folder / "systems", folder / "project"
    for name, text in FILES.items():
        (systems / name).parent.mkdir(parents=True, exist_ok=True)
        (systems / name).write_text(text, encoding="utf-8")
    with sqlite3.connect(systems / "ads.db") as database:
        database.execute("CREATE TABLE members (id TEXT PRIMARY KEY, email TEXT, name TEXT)")
    given = {
        "hub.yaml": HUB.format(systems=systems),
        "mappings/crm.yaml": CRM,
        "mappings/shop.yaml": SHOP,
        "syncs/members.yaml": SYNC,
        "segments/all.yaml": "segments:\n  reachable: {where: email is not null}\n",
        "scenarios/welcome.yaml": SCENARIO,
        "templates/welcome/letter.typ": LETTER,
    }
    for name, text in given.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text, encoding="utf-8")
    world = World(project, systems, engine)
    world.point_at(engine)
    return world


def rows(world: World, sql: str) -> list[dict[str, Any]]:
    """Ask what was published."""
    from hub.published import ask

    found: list[dict[str, Any]] = ask(world.project, sql).to_pylist()
    return found
