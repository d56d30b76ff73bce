"""A shop that is busy everywhere at once, for runs that are killed: its project, its first days, and its end.

On the third day there are reactions to settle, a wait that is over, newcomers for three channels, a letter of which
nobody knows whether it was taken, audiences that change, and a destination that asks for ten minutes. A run passes
every fail point there is, but for those of the audience that goes by plan: an operator plans and applies that one.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hub.contracts import Place
from hub.errors import ConfigurationError
from hub.ledger import open_ledger, tables
from hub.project import Connection, Project
from hub.project.scenario import Scenario
from hub.recipients import Marks
from hub.report import Report
from hub.schema import BUILT_IN
from hub.stages.activate import activate
from hub.stages.activate.plan import apply_plan, make_plan, read_plan, write_plan
from hub.stages.activate.sync import Stores
from hub.stages.decide import decide
from hub.stages.enrich import enrich
from hub.stages.feedback import feedback
from hub.warehouse import open_warehouse
from plugins.destinations.webhook.config import WebhookConfig
from tests.recovery.provider import ONCE, SECRET, Post
from tests.stages.engagement import KEY, NOW, WELCOME, Shop, gold, project_in, shop_in

DAY = timedelta(days=1)
HOME = {"street": "Dorpsstraat", "house_number": "1", "postcode": "1234AB", "city": "Ons Dorp", "country": "NL"}
THIRD_DAY = {"letters": {"status": 503, "takes": False, "retry_after": 600}}
"""The trouble for as long as runs are killed."""

JOURNEY = Scenario.model_validate(
    {
        **WELCOME.model_dump(by_alias=True, exclude_unset=True),
        "stop_when": "ordered",
        "steps": [
            {"send": "welcome", "by": ["email", "sms", "letter"], "content": {"species": "'cat'"}},
            {"wait": {"until": "clicked", "at_most": "2 days"}},
            {"if": "clicked", "then": "stop"},
            {"send": "extra", "by": "email"},
            {"post": "no_answer", "to": "ads", "content": {"email": "email"}, "consent": {"channel": "email"}},
        ],
    }
)


GOLD = gold()
"""The audience that every run brings up to date."""
SILVER = gold(
    **{"sync": "silver", "from": {"segment": "silver"}, "to": {"connection": "ads", "object": "Customers B"}},
    guards={"removes": "5%"},
)
"""The audience that goes by plan, for a guard holds it."""
OBJECTS = {sync.sync: sync.to.object for sync in (GOLD, SILVER)}
"""What the provider calls the audiences."""


def project(folder: Path, url: str) -> Project:
    """Give the project, with the provider's account at `url`; the same to whoever is killed and to whoever goes on."""
    common = {"secret": SECRET, "allow_private": True, "batch_size": 2, "timeout": 10}
    configs = {
        ONCE: {"channel": "email", "idempotency_window": "7 days", "concurrency": 2},
        "texts": {"channel": "sms"},
        "letters": {"channel": "letter", "batch_size": 1},
        "ads": {"concurrency": 2},
    }
    connections = {
        name: Connection(
            name,
            Post,
            WebhookConfig.model_validate({**common, **config, "url": f"{url}/{name}"}),
            Place(name, folder, KEY),
        )
        for name, config in configs.items()
    }
    made = project_in(folder, scenarios=[JOURNEY], syncs=[GOLD, SILVER], connections={})
    return Project(**{**vars(made), "connections": connections})


@contextmanager
def opened(folder: Path, engine: str, url: str) -> Iterator[Shop]:
    """Open the stores: a process has a DuckDB file to itself."""
    warehouse = open_warehouse(engine, BUILT_IN, folder / ".hub", [folder])
    ledger = open_ledger("sqlite" if engine == "duckdb" else engine, folder / ".hub")
    try:
        yield Shop(project(folder, url), warehouse, ledger)
    finally:
        ledger.close()
        warehouse.close()


def run(shop: Shop, day: float) -> Report:
    """Walk enrich, feedback, decide and activate so many days after the beginning."""
    as_of = NOW + day * DAY
    enrich(shop.warehouse, shop.project, as_of)
    feedback(shop.warehouse, shop.ledger, shop.project, as_of)
    decide(shop.warehouse, shop.ledger, shop.project, as_of)
    return activate(shop.warehouse, shop.ledger, shop.project, as_of, [GOLD])


def plan_and_apply(shop: Shop, day: float) -> None:
    """Do what an operator does: plan, look, apply; and plan again where the plan is half written or holds no longer."""
    stores = Stores(shop.warehouse, shop.ledger, shop.project, NOW + day * DAY, Marks(KEY))
    file = shop.project.folder / "silver.plan"
    for _ in range(2):
        if not file.exists():
            write_plan(make_plan(stores, [SILVER]), file)
        try:
            (applied,) = apply_plan(stores, read_plan(file), override="they did leave", by="an operator")
            wrong = applied.refused
        except ConfigurationError as half_written:
            wrong = str(half_written)
        file.unlink()
        if not wrong and not applied.failures:
            return
    raise RuntimeError(f"a new plan can't be applied: {wrong or applied.failures}")


def first_days(folder: Path, engine: str, url: str) -> None:
    """Welcome eight people, one by a letter whose answer is lost; then comes what the third day has to deal with."""
    warehouse = open_warehouse(engine, BUILT_IN, folder / ".hub", [folder])
    with shop_in(folder, warehouse) as shop:
        for number in range(1, 9):
            _newcomer(shop, number, "letter" if number == 8 else "sms" if number > 5 else "email")
            for segment in ("gold", "silver")[0 if number <= 5 else 1 :]:
                shop.insert("membership", person_id=number, segment=segment, since=NOW)
    warehouse.close()
    _post(f"{url}/trouble", {"letters": {"status": 500, "takes": True}})
    with opened(folder, engine, url) as shop:
        run(shop, 0)
        plan_and_apply(shop, 0)
        ids = dict(shop.rows("decision", "record_id", "decision_id"))
        reactions = [(1, "clicked", None), (2, "clicked", None), (2, "delivered", None), (3, "soft_bounced", "4.2.2")]
        reactions += [(4, "delivered", None), (5, "unsubscribed", None), (6, "bounced", "5.1.1")]
        for place, (number, type_, code) in enumerate(reactions):
            record, by = f"shop:{number}", "texts" if number > 5 else ONCE
            row = {"record_id": record, "message_key": ids[record], "type": type_, "code": code, "at": NOW + DAY}
            shop.insert("message_event", connection=by, source_key=f"e{place}", load_id="load1", **row)
        bought = {"record_id": "shop:3", "ordered_at": NOW + DAY, "status": "paid"}
        shop.insert("sales_order", connection="shop", source_key="1", **bought)
        for number, channel in enumerate(["email"] * 3 + ["sms"] * 3 + ["letter"] * 2, start=11):
            _newcomer(shop, number, channel)
        shop.update("membership", {"person_id": 5, "segment": "gold"}, person_id=11)
        for left, came in ((1, 11), (2, 12), (3, 13)):
            shop.update("membership", {"person_id": left, "segment": "silver"}, person_id=came)
        shop.update("person", {"person_id": 4}, given_name="Renamed")


def _newcomer(shop: Shop, number: int, channel: str) -> None:
    address = {"email": {}, "sms": {"phone": f"+316123456{number:02d}"}, "letter": HOME}[channel]
    shop.newcomer(number, consent=[channel, "ads"], **address)


@dataclass(frozen=True)
class End:
    """Where everybody came and what was sent; without the times of the runs and the counts of attempts."""

    enrolments: list[Any]
    decisions: list[Any]
    consent: list[Any]
    audience: list[Any]
    suppressions: list[Any]
    reactions: list[Any]
    outbox: dict[str, str]
    """The state of every message."""
    told: int
    """How many unknown messages the last report told."""
    taken: list[tuple[str, str]]
    """What the provider took, and what it counted."""
    rows: dict[str, Any]
    """Whom the provider has in its audiences, and the rows that scenarios gave it."""
    posted: list[Any]


def finish(folder: Path, engine: str, url: str, day: float) -> End:
    """Go on undisturbed, hour by hour, until no message waits any more, and read where it all ended.

    What a destination took later waits longer every time, and half a day at most.
    """
    _post(f"{url}/trouble", {})
    with opened(folder, engine, url) as shop:
        for hour in range(1, 13):
            report = run(shop, day + hour / 24)
            if hour >= 4 and not shop.ledger.outbox.waiting():
                break
        plan_and_apply(shop, day + hour / 24)
        account = json.loads(urllib.request.urlopen(url).read())
        return End(
            shop.rows("enrolment", "enrolment_id", "record_id", "step", "status", "reason", "message_id"),
            shop.rows("decision", "decision_id", "record_id", "step", "outcome", "channel", "connection"),
            shop.rows("consent", "connection", "source_key", "record_id", "channel", "given"),
            shop.rows("audience_state", "sync", "row_key", "row_hash"),
            _ledger(shop, tables.suppression.c.hash, tables.suppression.c.purpose, tables.suppression.c.reason),
            _ledger(shop, tables.applied_reaction.c.connection, tables.applied_reaction.c.source_key),
            dict(_ledger(shop, tables.outbox.c.id, tables.outbox.c.state)),
            report.counts.get("parked", 0),
            sorted((connection, id_) for connection, id_ in account["taken"]),
            account["audience"],
            shop.rows("posted_row", "source_key", "record_id", "state"),
        )


def copy_account(url: str, other: str) -> None:
    """Let the provider's account at `url` begin as another one is, with the trouble of the third day."""
    _post(f"{url}/copy/{other}", {})
    _post(f"{url}/trouble", THIRD_DAY)


def _post(url: str, body: Any) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request).close()


def _ledger(shop: Shop, *columns: sa.Column[Any]) -> list[Any]:
    with shop.ledger.engine.begin() as connection:
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(*columns))]
