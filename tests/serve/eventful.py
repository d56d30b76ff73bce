"""A project that takes events: of a site, where consent is asked for, and of servers; used by the tests beside it."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from hub.ledger import Ledger
from hub.project import Project, load_project
from hub.registry import Registry
from tests.serve.mailing import KEY

SITE = "https://www.shop.example"
SITE_KEY = "site-write-key"
SERVER_KEY = "server-write-key"
BROWSER = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "origin": SITE}

HUB_YAML = f"""
name: shop
timezone: Europe/Amsterdam
connections:
  site: {{plugin: events, write_key: "${{SITE_KEY}}", origins: [{SITE}], categories: [analytics, C0002]}}
  backend: {{plugin: events, write_key: "${{SERVER_KEY}}", former_write_key: "${{OLD_KEY}}", consent: assumed}}
  strict: {{plugin: events, write_key: "${{STRICT_KEY}}", without_consent: drop}}
"""


def eventful(folder: Path, hub_yaml: str = HUB_YAML) -> Project:
    (folder / "hub.yaml").write_text(hub_yaml, encoding="utf-8")
    keys = f"SITE_KEY={SITE_KEY}\nSERVER_KEY={SERVER_KEY}\nOLD_KEY=former-key\nSTRICT_KEY=strict-key\n"
    (folder / ".env").write_text(f"HUB_KEY={KEY}\n{keys}", encoding="utf-8")
    plugin = EntryPoint("events", "plugins.sources.events", "hub")
    return load_project(folder, Registry({"events": plugin}))


def kept(ledger: Ledger, connection: str) -> dict[str, list[dict[str, Any]]]:
    """Give what is kept for a connection, by raw table, in the order of the calls' ids."""
    ledger.inbox.take(connection, "looked at")
    found: dict[str, list[dict[str, Any]]] = {}
    for page in ledger.inbox.read(connection, "looked at"):
        for push in page:
            for table, rows in push.rows([KEY.encode()]).items():
                found.setdefault(table, []).extend(dict(row) for row in rows)
    return {table: sorted(rows, key=lambda row: row["message_id"]) for table, rows in found.items()}
