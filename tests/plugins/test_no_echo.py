"""Whatever connector writes to a system and reads it: what the hub wrote there is no news, and leads to none (R43)."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import duckdb
import pytest
import yaml

from hub import pipeline
from hub.project.load import load_project
from tests.plugins.sources.odoo_server import KEY, odoo_server

AS_OF = datetime(2026, 3, 2, 9, tzinfo=UTC)
MAPPING = {
    "from": "contacts",
    "key": "id",
    "updated_at": "updated_at",
    "identifiers": {"email": "email(email)"},
    "columns": {"given_name": "name", "profession": "tier"},
}
SYNC = {
    "sync": "tiers",
    "from": {"table": "source_record"},
    "to": {"connection": "crm", "object": "contacts"},
    "key": "source_key",
    "fields": {"tier": "case when person.order_count = 0 then 'prospect' else 'customer' end"},
    "mode": "update",
    "write_back": True,
}


@dataclass
class Outside:
    """A system behind a connector: how it is configured, what it holds, and how often it was written to."""

    connection: dict[str, Any]
    holds: Callable[[], str | None]
    rename: Callable[[str], None]
    writes: Callable[[], int]
    mapping: dict[str, Any] = field(default_factory=lambda: MAPPING)
    sync: dict[str, Any] = field(default_factory=lambda: SYNC)
    between: Callable[[], None] = lambda: None
    """What the system does by itself between two runs."""


@contextmanager
def a_table(folder: Path) -> Iterator[Outside]:
    """A table whose rows are stamped by the database."""
    file = folder / "crm.sqlite"
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.executescript(
            """
            CREATE TABLE contacts (id INTEGER PRIMARY KEY, email TEXT, name TEXT, tier TEXT, updated_at TIMESTAMP);
            CREATE TABLE written (number INTEGER);
            INSERT INTO contacts VALUES (1, 'anna@example.nl', 'Anna', NULL, '2026-03-01 09:00:00.000000');
            CREATE TRIGGER tell AFTER UPDATE OF tier ON contacts BEGIN INSERT INTO written VALUES (1); END;
            CREATE TRIGGER stamp AFTER UPDATE OF name, tier ON contacts BEGIN
                UPDATE contacts SET updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now') || '000' WHERE id = new.id;
            END;
            """
        )
        yield Outside(
            {
                "plugin": "sql",
                "url": f"sqlite:///{file}",
                "tables": ["contacts"],
                "cursor": "updated_at",
                "writes": {"contacts": {"key": "id"}},
            },
            lambda: database.execute("SELECT tier FROM contacts").fetchone()[0],
            lambda name: database.execute("UPDATE contacts SET name = ?", [name]) and None,
            lambda: int(database.execute("SELECT count(*) FROM written").fetchone()[0]),
        )


@contextmanager
def an_odoo(folder: Path) -> Iterator[Outside]:
    """Odoo, with a condition on the version that the hub has read."""
    with odoo_server() as odoo:
        anna = odoo.add("res.partner", {"name": "Anna", "email": "anna@example.nl"})
        record = lambda: odoo.records["res.partner"][anna]  # noqa: E731

        def rename(name: str) -> None:
            odoo.passes(minutes=7)
            odoo.add("res.partner", {**record(), "name": name, "write_date": odoo.now()})

        connection = {"plugin": "odoo", "url": odoo.url, "key": KEY, "allow_private": True, "resources": ["contacts"]}
        yield Outside(
            connection,
            lambda: record()["function"] or None,
            rename,
            lambda: sum(method == "web_save_multi" for _, method, _ in odoo.asked),
            {**MAPPING, "updated_at": "write_date", "columns": {"given_name": "name", "profession": "function"}},
            {**SYNC, "fields": {"function": SYNC["fields"]["tier"], "write_date": "source_time"}},
            lambda: odoo.passes(minutes=5),
        )


@contextmanager
def an_api(folder: Path) -> Iterator[Outside]:
    """A JSON API that gives what changed since a moment."""
    start = datetime(2026, 3, 1, 9, tzinfo=UTC)
    contact = {"id": 1, "email": "anna@example.nl", "name": "Anna", "tier": "new", "updated_at": start.isoformat()}
    patched: list[Any] = []

    def change(**fields: Any) -> None:
        moment = datetime.fromisoformat(str(contact["updated_at"])) + timedelta(minutes=1)
        contact.update(fields, updated_at=moment.isoformat())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            since = parse_qs(urlsplit(self.path).query).get("since", [""])[0]
            found = [contact] if not since or since <= str(contact["updated_at"]) else []
            self.answer({"data": found})

        def do_PATCH(self) -> None:
            patched.append(self.path)
            change(**json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer(contact)

        def answer(self, told: Any) -> None:
            body = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Outside(
            {
                "plugin": "rest",
                "url": f"http://127.0.0.1:{server.server_port}",
                "allow_private": True,
                "resources": {
                    "contacts": {
                        "path": "contacts",
                        "data": "data",
                        "cursor": {"field": "updated_at", "param": "since"},
                    }
                },
                "objects": {
                    "contacts": {"update": {"method": "PATCH", "path": "contacts/{key}", "body": {"tier": "{tier}"}}}
                },
            },
            lambda: contact["tier"],  # type: ignore[return-value]
            lambda name: change(name=name),
            lambda: len(patched),
            {**MAPPING, "updated_at": "timestamp(updated_at)"},
        )
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def files(folder: Path) -> Iterator[Outside]:
    """A system that takes files in, and exports all it has each night."""
    exports, taken = folder / "exports", folder / "taken"
    exports.mkdir()
    contact: dict[str, Any] = {
        "id": "1",
        "email": "anna@example.nl",
        "name": "Anna",
        "tier": "",
        "updated_at": "2026-03-01T09:00:00Z",
    }
    number = 0

    def export() -> None:
        nonlocal number
        number += 1
        for path in sorted(taken.glob("*.csv")):
            with path.open(newline="") as file:
                for row in csv.DictReader(file):
                    contact["tier"] = row["tier"]
            shutil.move(path, folder / path.name)
            contact["updated_at"] = f"2026-03-01T1{number}:00:00Z"
        with (exports / f"contacts-{number}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, contact)
            writer.writeheader()
            writer.writerow(contact)

    def rename(name: str) -> None:
        contact.update(name=name, updated_at=f"2026-03-01T1{number}:30:00Z")

    export()
    yield Outside(
        {
            "plugin": "files",
            "path": str(exports / "*.csv"),
            "table": "contacts",
            "writes": str(taken),
            "writes_as": "csv",
        },
        lambda: contact["tier"] or None,
        rename,
        lambda: len([*taken.glob("*.csv"), *folder.glob("contacts*.csv")]),
        {**MAPPING, "updated_at": "timestamp(updated_at)"},
        between=export,
    )


@pytest.mark.parametrize("system", [a_table, an_odoo, an_api, files])
def test_sync_load_map_sync_ends_without_requests_and_without_news_r43(
    system: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with system(tmp_path) as outside:
        for name in outside.connection.keys() & {"url", "key"}:
            monkeypatch.setenv(f"CRM_{name.upper()}", outside.connection[name])
            outside.connection[name] = f"${{CRM_{name.upper()}}}"
        folder = tmp_path / "project"
        for name, content in {
            "hub.yaml": {"name": "Echo", "connections": {"crm": outside.connection}},
            "mappings/crm.yaml": {"connection": "crm", "person": outside.mapping},
            "syncs/tiers.yaml": outside.sync,
        }.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(yaml.safe_dump(content, sort_keys=False))

        def run(hour: int) -> dict[str, Any]:
            report = pipeline.run(load_project(folder), AS_OF + timedelta(hours=hour))
            assert report.ok, report.failures
            outside.between()
            return {one.stage: one for one in report.reports}

        def told() -> Any:
            with duckdb.connect(str(folder / ".hub" / "published.duckdb"), read_only=True) as published:
                return published.execute(
                    "SELECT source_time, given_name, profession FROM store.source_record"
                ).fetchone()

        run(0)
        assert (outside.writes(), told()[1]) == (1, "Anna")
        first = told()[0]
        second = run(1)
        assert outside.holds() == "prospect"
        assert second["map"].counts["echoes"] == 1
        assert told() == (first, "Anna", "prospect")
        assert outside.writes() == 1
        third = run(2)
        assert all(third[stage].skipped for stage in ("resolve", "enrich", "segment", "activate"))
        outside.rename("Ans")
        outside.between()
        run(3)
        assert told()[0] > first
        assert told()[1:] == ("Ans", "prospect")
        assert outside.writes() == 1
