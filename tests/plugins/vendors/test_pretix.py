"""`pretix` against a server that answers as pretix 2026.8 does; tests_real runs it against a real one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Place, Pushed
from hub.errors import RejectedError, UnsignedError
from hub.registry import Registry
from hub.testing.http_sources import HttpSourceSuite, HttpSourceWorld
from hub.testing.sources import CONNECTION, Landing

from .served import Answered, Asked, served

TOKEN = "00mfpmytdgv23a53ut9xfi29o90x07"
PUSH = "einde-van-het-adres"
BASE = "/api/v1/organizers/miaoum"
FILTERS = {"ordering", "include_canceled_positions", "exclude", "page", "page_size", "modified_since"}
TOLD = {"notification_id": 7, "organizer": "miaoum", "event": "kattendag", "code": "TJCWC", "action": "paid"}
Pretix: Any = Registry().get("pretix")


class Tickets:
    """Events, what is sold, and orders in the order of their last change; a page beyond the last is an error."""

    def __init__(self) -> None:
        self.orders: dict[int, dict[str, Any]] = {}
        self.items = {"kattendag": [{"id": 1, "name": {"nl": "Borstelen"}}], "hondendag": [{"id": 2, "name": {}}]}

    def __call__(self, asked: Asked) -> Answered:
        if asked.headers.get("authorization") != f"Token {TOKEN}":
            return Answered(401, {"detail": "Invalid token."})
        if asked.path == f"{BASE}/events/":
            return self.page([{"slug": slug, "currency": "EUR"} for slug in self.items], asked)
        if asked.path == f"{BASE}/subevents/":
            return self.page([], asked)
        if asked.path.startswith(f"{BASE}/events/") and asked.path.endswith("/items/"):
            return self.page(self.items[asked.path.split("/")[-3]], asked)
        if asked.path == f"{BASE}/orders/" and asked.query.keys() <= FILTERS:
            since = asked.query.get("modified_since", "")
            found = [one for one in self.orders.values() if one["last_modified"] >= since]
            return self.page(sorted(found, key=lambda one: (one["last_modified"], one["id"])), asked)
        return Answered(404, {"detail": "Not found."})

    def page(self, found: list[dict[str, Any]], asked: Asked) -> Answered:
        size, number = min(int(asked.query["page_size"]), 50), int(asked.query.get("page", 1))
        start = size * (number - 1)
        if number > 1 and start >= len(found):
            return Answered(404, {"detail": "Invalid page."})
        newest = max((one["last_modified"] for one in self.orders.values()), default="2026-01-01T00:00:00Z")
        date = {"Date": format_datetime(datetime.fromisoformat(newest), usegmt=True)}
        return Answered(200, {"count": len(found), "next": None, "results": found[start : start + size]}, date)


class TicketsWorld(HttpSourceWorld):
    plugin = Pretix
    table = "orders"
    secrets = (TOKEN, "verlopen", PUSH)

    def __init__(self, tickets: Tickets, url: str) -> None:
        self.tickets = tickets
        self.url = url

    def config(self, token: str = TOKEN, **given: Any) -> Any:
        more = {"webhook_secret": PUSH, "resources": ["events", "items", "orders"], **given}
        return Pretix.config_model(url=self.url, organizer="miaoum", token=token, allow_private=True, **more)

    def wrong_config(self) -> Any:
        return self.config("verlopen")

    def write(self, records: Any) -> None:
        for record in records:
            moment = datetime.fromisoformat(record["changed_at"]).replace(tzinfo=UTC)
            stamp = moment.isoformat().replace("+00:00", "Z")
            self.tickets.orders[record["id"]] = {**record, "event": "kattendag", "last_modified": stamp}

    def remove(self, id_: int) -> None:
        del self.tickets.orders[id_]


@pytest.fixture
def world() -> Iterator[TicketsWorld]:
    tickets = Tickets()
    tickets.items = {}
    with served(tickets) as api:
        yield TicketsWorld(tickets, api.url)


class TestPretixOrders(HttpSourceSuite):
    @pytest.fixture
    def world(self, world: TicketsWorld) -> TicketsWorld:
        return world


def pushed(body: bytes, path: str = PUSH) -> Pushed:
    return Pushed("POST", path, {}, {}, body, datetime(2026, 3, 1, tzinfo=UTC))


def test_what_is_sold_is_read_per_event_and_names_the_tickets(world: TicketsWorld, tmp_path: Path) -> None:
    world.tickets.items = Tickets().items
    ticket = {"id": 12, "item": 1, "attendee_name": "Bram"}
    world.write([{"id": 1, "code": "TJCWC", "changed_at": "2026-03-01 10:00:00", "positions": [ticket]}])
    landing = Landing(Pretix(world.config(), Place(CONNECTION, tmp_path)), tmp_path)
    landing.run()
    assert sorted((row["id"], row["event"]) for row in landing.rows("items")) == [(1, "kattendag"), (2, "hondendag")]
    (row,) = landing.rows("positions")
    assert (row["order_code"], row["item_name"], row["event"]) == ("TJCWC", '{"nl":"Borstelen"}', "kattendag")
    assert [row["currency"] for row in landing.rows("orders")] == ["EUR"]


def test_orders_of_many_pages_and_one_moment_land_once(world: TicketsWorld, tmp_path: Path) -> None:
    world.write([{"id": number, "changed_at": f"2026-03-01 10:00:0{number // 70}"} for number in range(160)])
    landing = Landing(Pretix(world.config(), Place(CONNECTION, tmp_path)), tmp_path)
    landing.run()
    assert sorted(row["id"] for row in landing.rows("orders")) == list(range(160))
    assert landing.run().loads == ()


def test_what_pretix_tells_is_kept_once_under_its_number(world: TicketsWorld, tmp_path: Path) -> None:
    plugin = Pretix(world.config(), Place(CONNECTION, tmp_path))
    told = plugin.webhook(pushed(json.dumps(TOLD).encode()))
    assert told.rows == {"notifications": [TOLD]}
    assert told.id == plugin.webhook(pushed(json.dumps(TOLD).encode())).id
    assert told.id != plugin.webhook(pushed(json.dumps({**TOLD, "notification_id": 8}).encode())).id


def test_who_does_not_know_the_address_tells_nothing(world: TicketsWorld, tmp_path: Path) -> None:
    plugin = Pretix(world.config(), Place(CONNECTION, tmp_path))
    with pytest.raises(UnsignedError, match="does not end in the secret"):
        plugin.webhook(pushed(json.dumps(TOLD).encode(), "geraden"))


@pytest.mark.parametrize(
    ("body", "told"),
    [(b"<xml>", "no JSON"), (b"[1]", "holds no object"), (b'{"code": "TJCWC"}', "does not say notification_id")],
)
def test_what_can_not_be_read_is_refused(world: TicketsWorld, tmp_path: Path, body: bytes, told: str) -> None:
    with pytest.raises(RejectedError, match=told):
        Pretix(world.config(), Place(CONNECTION, tmp_path)).webhook(pushed(body))


def test_without_a_secret_nothing_is_taken(world: TicketsWorld, tmp_path: Path) -> None:
    plugin = Pretix(world.config(webhook_secret=None), Place(CONNECTION, tmp_path))
    with pytest.raises(RejectedError, match="takes no pushes"):
        plugin.webhook(pushed(json.dumps(TOLD).encode()))
    assert Pretix.receives()
    assert not Registry().get("redmine").receives()
