"""`redmine` against a server that answers as a Redmine 5.0 does; tests_real runs it against a real one."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Place
from hub.errors import ConfigurationError
from hub.registry import Registry
from hub.testing.http_sources import HttpSourceSuite, HttpSourceWorld
from hub.testing.sources import CONNECTION, Landing

from .served import Answered, Asked, served

KEY = "7aa6b972266a525d6e85d0d65cc85204597fa74c"
Redmine: Any = Registry().get("redmine")
FILTERS = {"status_id", "sort", "limit", "offset", "updated_on"}


class Desk:
    """Users and public tickets. Its pages hold two, however many one asks for; strangers may read the tickets.

    It cuts moments to seconds, and answers `>=` with those of the second before as well.
    """

    def __init__(self) -> None:
        self.users: list[dict[str, Any]] = []
        self.tickets: dict[int, dict[str, Any]] = {}
        self.after_each_page = lambda: None

    def __call__(self, asked: Asked) -> Answered:
        known = asked.headers.get("x-redmine-api-key") == KEY
        if asked.path == "/users/current.json":
            return Answered(200, {"user": {"id": 1}}) if known else Answered(401, b"")
        if asked.path == "/users.json" and asked.query.keys() <= {"status", "limit", "offset"}:
            return self.page("users", self.users, asked) if known else Answered(401, b"")
        if asked.path == "/issues.json" and asked.query.keys() <= FILTERS:
            assert asked.query["sort"] == "updated_on:asc"
            since = a_second_before(asked.query.get("updated_on", ">=0001-01-01T00:00:01Z").removeprefix(">="))
            found = [one for one in self.tickets.values() if one["updated_on"] >= since]
            return self.page("issues", sorted(found, key=lambda one: (one["updated_on"], one["id"])), asked)
        return Answered(404, b"")

    def page(self, name: str, found: list[dict[str, Any]], asked: Asked) -> Answered:
        start = int(asked.query.get("offset", 0))
        answer = {name: list(found[start : start + 2]), "total_count": len(found), "offset": start, "limit": 2}
        newest = max((one["updated_on"] for one in self.tickets.values()), default="2026-01-01T00:00:00Z")
        self.after_each_page()
        return Answered(200, answer, {"Date": format_datetime(datetime.fromisoformat(newest), usegmt=True)})


def a_second_before(stamp: str) -> str:
    return (datetime.fromisoformat(stamp) - timedelta(seconds=1)).isoformat().replace("+00:00", "Z")


class DeskWorld(HttpSourceWorld):
    plugin = Redmine
    table = "tickets"
    secrets = (KEY, "0" * 40)

    def __init__(self, desk: Desk, url: str) -> None:
        self.desk = desk
        self.url = url

    def config(self, key: str = KEY, resources: tuple[str, ...] = ("tickets",)) -> Any:
        return Redmine.config_model(url=self.url, key=key, allow_private=True, resources=list(resources))

    def wrong_config(self) -> Any:
        return self.config("0" * 40)

    def write(self, records: Any) -> None:
        for record in records:
            moment = datetime.fromisoformat(record["changed_at"]).replace(tzinfo=UTC)
            stamp = moment.isoformat().replace("+00:00", "Z")
            self.desk.tickets[record["id"]] = {**record, "updated_on": stamp}

    def remove(self, id_: int) -> None:
        del self.desk.tickets[id_]


@pytest.fixture
def world() -> Iterator[DeskWorld]:
    desk = Desk()
    with served(desk) as api:
        yield DeskWorld(desk, api.url)


class TestRedmineTickets(HttpSourceSuite):
    @pytest.fixture
    def world(self, world: DeskWorld) -> DeskWorld:
        return world


def landing(world: DeskWorld, folder: Path, *resources: str) -> Landing:
    return Landing(Redmine(world.config(resources=resources), Place(CONNECTION, folder)), folder)


def at(second: int) -> str:
    return f"2026-03-01 10:00:{second:02}"


def test_a_key_that_redmine_takes_for_a_strangers_is_noticed(world: DeskWorld, tmp_path: Path) -> None:
    world.write([{"id": 1, "name": "Openbaar", "changed_at": at(1)}])
    wrong = Redmine(world.wrong_config(), Place(CONNECTION, tmp_path))
    with pytest.raises(ConfigurationError, match=r"users/current\.json: the API refuses the login \(401\)"):
        Landing(wrong, tmp_path).run()


def test_many_tickets_of_one_second_land_once(world: DeskWorld, tmp_path: Path) -> None:
    world.write([{"id": number, "name": str(number), "changed_at": at(number // 6)} for number in range(13)])
    desk = landing(world, tmp_path, "tickets")
    desk.run()
    assert sorted(row["id"] for row in desk.rows("tickets")) == list(range(13))
    assert desk.run().loads == ()


def test_tickets_that_change_or_go_between_two_pages_hide_no_other(world: DeskWorld, tmp_path: Path) -> None:
    world.write([{"id": number, "name": str(number), "changed_at": at(number)} for number in range(8)])

    def meanwhile() -> None:
        world.desk.after_each_page = lambda: None
        del world.desk.tickets[0]
        world.write([{"id": 1, "name": "Anders", "changed_at": at(30)}])

    world.desk.after_each_page = meanwhile
    desk = landing(world, tmp_path, "tickets")
    desk.run()
    landed = [(row["id"], row["name"]) for row in desk.rows("tickets")]
    assert landed == [*((number, str(number)) for number in range(8)), (1, "Anders")]


def test_a_ticket_that_shows_late_with_an_earlier_time_is_not_missed(world: DeskWorld, tmp_path: Path) -> None:
    world.write([{"id": 1, "name": "Snel", "changed_at": at(50)}])
    desk = landing(world, tmp_path, "tickets")
    desk.run()
    world.write([{"id": 2, "name": "Traag", "changed_at": at(2)}])
    assert desk.run().rows == {"tickets": 1}
    assert desk.run().loads == ()


def test_a_user_that_goes_between_two_pages_hides_no_other(world: DeskWorld, tmp_path: Path) -> None:
    world.desk.users = [{"id": number, "updated_on": f"2026-03-01T10:00:0{number}Z"} for number in range(6)]

    def meanwhile() -> None:
        world.desk.after_each_page = lambda: None
        del world.desk.users[0]

    world.desk.after_each_page = meanwhile
    desk = landing(world, tmp_path, "users")
    desk.run()
    assert {row["id"] for row in desk.rows("users")} == set(range(6))
