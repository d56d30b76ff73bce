"""`zendesk` against a server that keeps to the documentation of its ticketing API (v2)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Place
from hub.registry import Registry
from hub.testing.http_sources import HttpSourceSuite, HttpSourceWorld
from hub.testing.sources import CONNECTION, Landing

from .served import Answered, Asked, basic, served

TOKEN = "kattenluik"
LOGIN = basic("anna@shop.example.nl/token", TOKEN)
Zendesk: Any = Registry().get("zendesk")


class Desk:
    """Users, and an export of tickets from a moment on, in pages of two; the last page has a link as well."""

    def __init__(self) -> None:
        self.users: list[dict[str, Any]] = []
        self.tickets: dict[int, dict[str, Any]] = {}
        self.url = ""

    def __call__(self, asked: Asked) -> Answered:
        if asked.headers.get("authorization") != LOGIN:
            return Answered(401, {"error": "Couldn't authenticate you"})
        if asked.path == "/api/v2/users" and not asked.query.keys() - {"page[size]", "page[after]", "role"}:
            start = int(asked.query.get("page[after]", 0))
            meta = {"has_more": start + 2 < len(self.users), "after_cursor": str(start + 2)}
            links = {"next": f"{self.url}/api/v2/users?page[size]=100&page[after]={start + 2}"}
            return Answered(200, {"users": self.users[start : start + 2], "meta": meta, "links": links})
        if asked.path == "/api/v2/incremental/tickets/cursor":
            return self.export(asked.query)
        return Answered(404, {"error": "InvalidEndpoint", "description": "Not found"})

    def export(self, query: dict[str, str]) -> Answered:
        if query.keys() - {"start_time", "cursor", "per_page"} or len(query.keys() & {"start_time", "cursor"}) != 1:
            return Answered(400, {"error": "InvalidValue", "description": "start_time or cursor is needed"})
        last = tuple(int(part) for part in query.get("cursor", f"{query.get('start_time')}-0").split("-"))
        found = sorted(self.tickets.values(), key=place)
        found = [one for one in found if place(one) > last]
        following = "-".join(str(part) for part in (place(found[:2][-1]) if found else last))
        return Answered(
            200,
            {
                "tickets": found[:2],
                "after_url": f"{self.url}/api/v2/incremental/tickets/cursor?cursor={following}",
                "after_cursor": following,
                "end_of_stream": len(found) <= 2,
            },
        )


def place(ticket: dict[str, Any]) -> tuple[int, int]:
    """Say where a ticket stands in the export, whatever changes before it."""
    return ticket["generated_timestamp"], ticket["id"]


class DeskWorld(HttpSourceWorld):
    plugin = Zendesk
    table = "tickets"
    secrets = (TOKEN, "wr0ng-token")

    def __init__(self, desk: Desk) -> None:
        self.desk, self.url = desk, desk.url

    def config(self, token: str = TOKEN, resources: tuple[str, ...] = ("tickets",)) -> Any:
        told = {"url": self.url, "user": "anna@shop.example.nl", "token": token, "export_rate": "1000/s"}
        return Zendesk.config_model(**told, allow_private=True, resources=list(resources))

    def wrong_config(self) -> Any:
        return self.config("wr0ng-token")

    def write(self, records: Any) -> None:
        for record in records:
            moment = datetime.fromisoformat(record["changed_at"]).replace(tzinfo=UTC)
            self.desk.tickets[record["id"]] = {**record, "generated_timestamp": int(moment.timestamp())}

    def remove(self, id_: int) -> None:
        del self.desk.tickets[id_]


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    with served(made) as api:
        made.url = api.url
        yield made


class TestZendeskTickets(HttpSourceSuite):
    @pytest.fixture
    def world(self, desk: Desk) -> DeskWorld:
        return DeskWorld(desk)


@pytest.mark.parametrize("query", [{"since": "2026"}, {"start_time": "0", "cursor": "0-2"}, {}])
def test_the_server_refuses_what_the_documentation_does_not_know(desk: Desk, query: dict[str, str]) -> None:
    asked = Asked("GET", "/api/v2/incremental/tickets/cursor", query, {"authorization": LOGIN}, b"")
    assert desk(asked).status == 400


def test_users_of_all_pages_land_once(desk: Desk, tmp_path: Path) -> None:
    desk.users = [{"id": number, "updated_at": f"2026-03-0{number}T10:00:00Z"} for number in range(1, 6)]
    plugin = Zendesk(DeskWorld(desk).config(resources=("users",)), Place(CONNECTION, tmp_path))
    landing = Landing(plugin, tmp_path)
    assert landing.run().rows == {"users": 5}
    assert landing.run().loads == ()
