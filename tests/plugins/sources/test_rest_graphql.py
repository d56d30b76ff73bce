"""Lists that are asked for by POST: paths in a body, pages by cursor, and errors that come as 200."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Place
from hub.testing.sources import CONNECTION, Landing
from plugins.sources.rest import Rest, RestConfig
from tests.plugins.vendors.served import Answered, Asked, Served, served

QUERY = "query($first: Int!, $after: String, $query: String) { orders { nodes { id } } }"


class Shop:
    """Orders in pages of two; what it was asked decides what it answers."""

    def __init__(self) -> None:
        self.orders = [{"id": number, "at": f"2026-03-0{number}"} for number in range(1, 6)]
        self.errors: list[Any] = []

    def __call__(self, asked: Asked) -> Answered:
        if self.errors:
            return Answered(200, {"errors": [self.errors.pop()]})
        values = asked.json["variables"]
        assert asked.json["query"] == QUERY
        found = [order for order in self.orders if order["at"] >= values.get("query", "at:>=").removeprefix("at:>=")]
        start = int(values.get("after") or 0)
        end = start + values["first"]
        info = {"hasNextPage": end < len(found), "endCursor": str(end)}
        return Answered(200, {"data": {"orders": {"nodes": found[start:end], "pageInfo": info}}})


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def api(shop: Shop) -> Iterator[Served]:
    with served(shop) as found:
        yield found


def rest(api: Served, folder: Path) -> Rest:
    orders = {
        "path": "graphql.json",
        "body": {"query": QUERY, "variables": {}},
        "error_at": "errors",
        "busy": ["THROTTLED"],
        "data": "data.orders.nodes",
        "paginate": {
            "by": "cursor",
            "size": 2,
            "size_param": "variables.first",
            "next": "data.orders.pageInfo.endCursor",
            "param": "variables.after",
            "until": {"data.orders.pageInfo.hasNextPage": False},
        },
        "cursor": {"field": "at", "param": "variables.query", "write": "at:>={value}"},
    }
    config = RestConfig.model_validate({"url": api.url, "allow_private": True, "resources": {"orders": orders}})
    return Rest(config, Place(CONNECTION, folder))


def test_pages_and_news_are_asked_for_in_the_body(shop: Shop, api: Served, tmp_path: Path) -> None:
    landing = Landing(rest(api, tmp_path), tmp_path)
    landing.run()
    assert sorted(row["id"] for row in landing.rows("orders")) == [1, 2, 3, 4, 5]
    assert [asked.json["variables"].get("after") for asked in api.asked] == [None, "2", "4"]
    shop.orders.append({"id": 6, "at": "2026-03-06"})
    landing.run()
    assert api.asked[-1].json["variables"] == {"first": 2, "query": "at:>=2026-03-05"}
    assert sorted(row["id"] for row in landing.rows("orders")) == [1, 2, 3, 4, 5, 6]


def test_a_busy_api_that_answers_200_is_asked_again(shop: Shop, api: Served, tmp_path: Path) -> None:
    shop.errors = [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]
    assert rest(api, tmp_path).check().ok
    assert len(api.asked) == 2


def test_an_error_that_comes_as_200_is_told_with_its_remedy(shop: Shop, api: Served, tmp_path: Path) -> None:
    shop.errors = [{"message": "Access denied for orders field. Required access: read_orders"}] * 9
    check = rest(api, tmp_path).check()
    assert not check.ok
    assert "read_orders" in check.message
    assert "mend `body`, or the rights of its user" in check.message
