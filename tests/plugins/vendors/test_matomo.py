"""`matomo` against a server that answers as Matomo 5.3 does; tests_real runs it against a real one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from hub.contracts import Place
from hub.errors import ConfigurationError
from hub.registry import Registry
from hub.testing.http_sources import HttpSourceSuite, HttpSourceWorld
from hub.testing.sources import CONNECTION, Landing

from .served import Answered, Asked, Served, served

TOKEN = "2a177d4d0eb35e409480ba1e1892f66d"
Matomo: Any = Registry().get("matomo")


class Statistics:
    """Visits after a second, in the order of their last action. It takes tokens in a form only, as safe ones are."""

    def __init__(self) -> None:
        self.visits: dict[int, dict[str, Any]] = {}
        self.refuses_with = 401

    def __call__(self, asked: Asked) -> Answered:
        if parse_qs(asked.body.decode()).get("token_auth") != [TOKEN] or asked.method != "POST":
            said = "Unable to authenticate with the provided token. It is either invalid or expired."
            return Answered(self.refuses_with, {"result": "error", "message": said})
        assert (asked.path, asked.query["method"]) == ("/index.php", "Live.getLastVisitsDetails")
        since, start = int(asked.query.get("minTimestamp", -1)), int(asked.query.get("filter_offset", 0))
        found = [one for one in self.visits.values() if one["lastActionTimestamp"] > since]
        found.sort(key=lambda one: (one["lastActionTimestamp"], one["id"]))
        newest = max((one["lastActionTimestamp"] for one in self.visits.values()), default=0)
        date = {"Date": format_datetime(datetime.fromtimestamp(newest, UTC), usegmt=True)}
        return Answered(200, found[start : start + int(asked.query["filter_limit"])], date)


class StatisticsWorld(HttpSourceWorld):
    plugin = Matomo
    table = "visits"
    secrets = (TOKEN, "0" * 32)

    def __init__(self, statistics: Statistics, api: Served) -> None:
        self.statistics = statistics
        self.api, self.url = api, api.url

    def config(self, token: str = TOKEN) -> Any:
        return Matomo.config_model(url=self.url, site="1", token=token, allow_private=True)

    def wrong_config(self) -> Any:
        return self.config("0" * 32)

    def write(self, records: Any) -> None:
        for record in records:
            moment = datetime.fromisoformat(record["changed_at"]).replace(tzinfo=UTC)
            self.statistics.visits[record["id"]] = {**record, "lastActionTimestamp": int(moment.timestamp())}

    def remove(self, id_: int) -> None:
        del self.statistics.visits[id_]


@pytest.fixture
def world() -> Iterator[StatisticsWorld]:
    statistics = Statistics()
    with served(statistics) as api:
        yield StatisticsWorld(statistics, api)


class TestMatomoVisits(HttpSourceSuite):
    @pytest.fixture
    def world(self, world: StatisticsWorld) -> StatisticsWorld:
        return world


def test_visits_of_many_pages_and_one_second_land_once(world: StatisticsWorld, tmp_path: Path) -> None:
    world.write([{"id": number, "changed_at": f"2026-03-01 10:00:0{number // 130}"} for number in range(300)])
    landing = Landing(Matomo(world.config(), Place(CONNECTION, tmp_path)), tmp_path)
    landing.run()
    assert sorted(row["id"] for row in landing.rows("visits")) == list(range(300))
    assert landing.run().loads == ()


def test_a_refusal_that_comes_as_200_is_told(world: StatisticsWorld, tmp_path: Path) -> None:
    world.statistics.refuses_with = 200
    wrong = Matomo(world.wrong_config(), Place(CONNECTION, tmp_path))
    assert "either invalid or expired" in wrong.check().message
    with pytest.raises(ConfigurationError, match="an answer of 200 with an error"):
        Landing(wrong, tmp_path).run()


def test_the_token_is_in_no_address(world: StatisticsWorld, tmp_path: Path) -> None:
    Landing(Matomo(world.config(), Place(CONNECTION, tmp_path)), tmp_path).run()
    assert world.api.asked
    assert all(TOKEN not in repr(asked.query) for asked in world.api.asked)
