"""A project that texts its customers: one of them, who said yes, and a gateway that pushes back what happened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml

from hub.ledger import Ledger
from hub.pipeline import run, workspace
from hub.project import Project, load_project

PHONE = "+31612345678"
SECRET = "kattenluik"
MORNING = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
"""A Monday; the customer said yes the day before."""

CUSTOMERS = f"id,mobile,agreed_at,visited_at\n1,{PHONE},2026-03-01T10:00:00Z,2026-03-02T09:00:00Z\n"
MAPPING = """
connection: crm
person:
  from: customers
  key: id
  identifiers: {phone: "phone(mobile, 'NL')"}
  consent: [{channel: sms, given: "true", at: timestamp(agreed_at), text: form 2026}]
web_event:
  from: customers
  key: id || visited_at
  person: id
  columns: {type: "'visited'", at: timestamp(visited_at)}
"""
SCENARIO = """
scenario: greeting
who: visitors
from: visitor
to: customer
trigger: {any: [{of: web_event, where: type = 'visited'}]}
per: person, each time
target: "true"
stop_when: "false"
priority: 50
valid_for: 10 days
steps: [{send: greeting, by: sms, content: {name: "coalesce(given_name, '')"}}]
"""
PUSHES = {
    "secret": "${SMS_SECRET}",
    "receipts": {"status": "status", "delivered": ["1"], "failed": ["2", "16"], "at": "at"},
    "replies": {"id": "reply", "at": "at", "confirmation": "Je krijgt geen sms meer."},
}


def texting(
    folder: Path,
    gateway: Mapping[str, Any],
    engine: str = "duckdb",
    hub_url: str = "https://hub.example",
    password: str = "",
) -> Project:
    """Lay the project down and load it. `gateway` is how sms_http sends; it reaches the hub at `hub_url`."""
    texts = {"plugin": "sms_http", "allow_private": True, "pushes": {**PUSHES, "url": hub_url}, **gateway}
    hub = {
        "name": "Miaoum",
        "locale": "nl-NL",
        "engine": engine,
        "connections": {"crm": {"plugin": "files", "path": "./data/*.csv"}, "sms": texts},
    }
    files = {
        "hub.yaml": yaml.safe_dump(hub),
        ".env": f"HUB_KEY=5f0c3b7a9d1e4c6f8a2b\nSMS_SECRET={SECRET}\nSMS_PASSWORD={password}\n",
        "data/customers.csv": CUSTOMERS,
        "mappings/crm.yaml": MAPPING,
        "scenarios/greeting.yaml": SCENARIO,
        "templates/greeting/sms.txt": "Dag! Antwoord STOP om te stoppen.",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return load_project(folder)


def posted(url: str) -> dict[str, Any]:
    """Describe a gateway that takes JSON."""
    return {"url": url, "body": {"to": "{phone}", "text": "{text}", "report": "{receipt_url}"}}


def walk(project: Project, as_of: datetime) -> None:
    """Run everything as of a moment; what fails fails the test."""
    report = run(project, as_of)
    assert report.ok, report.failures


def states(ledger: Ledger) -> list[str]:
    """Give the states of all messages, in the order in which they were decided."""
    with ledger.engine.begin() as connection:
        return list(connection.scalars(sa.text("SELECT state FROM outbox ORDER BY queued_at, id")))


def asked(project: Project, question: str) -> list[tuple[Any, ...]]:
    """Ask the warehouse something."""
    with workspace(project) as open_, open_.warehouse.begin() as transaction:
        return [tuple(row) for row in transaction.rows(sa.text(question))]
