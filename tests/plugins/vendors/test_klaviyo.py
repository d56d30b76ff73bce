"""`klaviyo` against a server that keeps to the published contract of its API (revision 2026-07-15)."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from hub.contracts import Destination, Place, Row, SyncBatch
from hub.registry import Registry
from hub.testing.http import HttpDestinationSuite
from hub.testing.http_sources import HttpSourceSuite, HttpSourceWorld
from hub.testing.sources import CONNECTION, Landing

from .served import Answered, Asked, served

KEY = "pk_kattenluik"
HEADERS = {"authorization": f"Klaviyo-API-Key {KEY}", "revision": "2026-07-15"}
PARAMETERS = {
    "additional-fields[profile]",
    "fields[profile]",
    "filter",
    "include",
    "page[cursor]",
    "page[size]",
    "sort",
}
ATTRIBUTES = {"email", "phone_number", "external_id", "first_name", "last_name", "organization", "properties"}
FROM_THE_FIRST = "greater-or-equal(datetime,1970-01-01T00:00:00Z)"
Klaviyo: Any = Registry().get("klaviyo")


class Account:
    """Profiles and lists in pages of two, which lead to the next; `greater-than` leaves its own moment out."""

    def __init__(self) -> None:
        self.profiles: dict[str, dict[str, Any]] = {}
        self.lists: dict[str, dict[str, Any]] = {}
        self.segments: list[dict[str, Any]] = []
        self.metrics: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.url = ""

    def __call__(self, asked: Asked) -> Answered:
        if asked.headers.get("authorization") != HEADERS["authorization"]:
            return refusal(401, "not_authenticated", "Missing or invalid authentication credentials.")
        if asked.headers.get("revision") != HEADERS["revision"]:
            return refusal(400, "invalid", "A valid revision header is required.")
        match asked.method, asked.path.removeprefix("/api/"):
            case "GET", "profiles":
                return self.page("profiles", list(self.profiles.values()), asked.query, PARAMETERS)
            case "GET", "lists":
                return self.page("lists", list(self.lists.values()), asked.query, {"page[cursor]", "filter", "sort"})
            case "GET", "segments":
                return self.page("segments", self.segments, asked.query, {"page[cursor]", "filter", "sort"})
            case "GET", "metrics":
                return self.page("metrics", self.metrics, asked.query, {"page[cursor]", "filter"})
            case "GET", "events":
                return self.page_of_events(asked.query)
            case "POST", "profile-import" if asked.headers.get("content-type") == "application/vnd.api+json":
                return self.write(asked.json["data"])
        return refusal(404, "not_found", "The path could not be found.")

    def page(self, name: str, items: list[Any], query: dict[str, str], known: set[str]) -> Answered:
        if query.keys() - known or not 1 <= int(query.get("page[size]", 20)) <= 100:
            return refusal(400, "invalid", "A query parameter is not valid.")
        if asked := query.get("filter"):
            since = re.fullmatch(r"greater-than\(updated,([^()]+)\)", asked)
            if since is None:
                return refusal(400, "invalid", "Invalid filter provided.")
            items = [item for item in items if item["attributes"]["updated"] > since[1]]
        if query.get("sort") == "updated":
            items = sorted(items, key=place)
        rest = [item for item in items if place(item) > query.get("page[cursor]", "")]
        part, following = rest[:2], {}
        if len(rest) > 2:
            following = {"next": f"{self.url}/{name}?{urlencode({**query, 'page[cursor]': place(part[-1])})}"}
        return Answered(200, {"data": part, "links": {"self": self.url, **following}})

    def page_of_events(self, query: dict[str, str]) -> Answered:
        since = re.fullmatch(r"greater-or-equal\(datetime,([^()]+)\)", query.get("filter", FROM_THE_FIRST))
        if since is None or query.get("sort") != "datetime":
            return refusal(400, "invalid", "Invalid filter provided.")
        first = datetime.fromisoformat(since[1])
        events = [one for one in self.events if datetime.fromisoformat(one["attributes"]["datetime"]) >= first]
        events.sort(key=lambda one: str(one["attributes"]["datetime"]))
        known = {"page[cursor]", "page[size]", "filter", "sort"}
        rest = {name: value for name, value in query.items() if name not in ("filter", "sort", "page[size]")}
        if query.keys() - known or not 1 <= int(query["page[size]"]) <= 1000:
            return refusal(400, "invalid", "A query parameter is not valid.")
        answer = self.page("events", events, rest, known)
        if "next" in answer.body["links"]:
            answer.body["links"]["next"] += "&" + urlencode(
                {name: query[name] for name in known - rest.keys() if name in query}
            )
        return answer

    def write(self, data: dict[str, Any]) -> Answered:
        given = data["attributes"]
        if data["type"] != "profile" or given.keys() - ATTRIBUTES or not isinstance(given["properties"], dict):
            return refusal(400, "invalid", "Invalid input.")
        if "@" not in given["email"]:
            return refusal(400, "invalid", f"Invalid email address {given['email']}")
        new = given["email"] not in self.profiles
        id_ = f"01-{len(self.profiles)}"
        fresh = {"type": "profile", "id": id_, "links": {"self": f"{self.url}/profiles/{id_}"}}
        known = self.profiles.setdefault(given["email"], fresh)
        known["attributes"] = given
        return Answered(201 if new else 200, {"data": known})


def place(item: dict[str, Any]) -> str:
    """Say where an item stands in its list, whatever goes or comes before it."""
    return f"{item['attributes'].get('updated', '')} {item['id']:>8}"


def refusal(status: int, code: str, detail: str) -> Answered:
    return Answered(status, {"errors": [{"id": "0", "code": code, "title": code, "detail": detail, "source": {}}]})


class AccountWorld(HttpSourceWorld):
    plugin = Klaviyo
    table = "profiles"
    columns = ("id", "attributes_first_name")
    secrets = (KEY, "pk_wr0ng")

    def __init__(self, account: Account) -> None:
        self.account, self.url = account, account.url

    def config(self, key: str = KEY) -> Any:
        return Klaviyo.config_model(url=self.url, key=key, allow_private=True, resources=["profiles"])

    def wrong_config(self) -> Any:
        return self.config("pk_wr0ng")

    def write(self, records: Any) -> None:
        for record in records:
            moment = record["changed_at"].replace(" ", "T") + "+00:00"
            attributes = {"first_name": record["name"], "updated": moment}
            known = {**record, "type": "profile", "id": str(record["id"]), "attributes": attributes}
            self.account.profiles[str(record["id"])] = known

    def remove(self, id_: int) -> None:
        del self.account.profiles[str(id_)]


@pytest.fixture
def account() -> Iterator[Account]:
    made = Account()
    with served(made) as api:
        made.url = f"{api.url}/api"
        yield made


class TestKlaviyoProfiles(HttpSourceSuite):
    @pytest.fixture
    def world(self, account: Account) -> AccountWorld:
        return AccountWorld(account)


class TestKlaviyoWrites(HttpDestinationSuite):
    plugin = Klaviyo
    target = "profiles"

    @pytest.fixture
    def config(self, account: Account) -> Mapping[str, Any]:
        return {"url": account.url, "key": KEY, "allow_private": True}


def plugin(account: Account, tmp_path: Path, **settings: Any) -> Destination:
    config = Klaviyo.config_model(url=account.url, key=KEY, allow_private=True, **settings)
    made: Destination = Klaviyo(config, Place(CONNECTION, tmp_path))
    return made


@pytest.mark.parametrize("query", [{"page[size]": "9999"}, {"since": "2026"}, {"filter": "updated>2026"}])
def test_the_server_refuses_what_the_contract_does_not_know(account: Account, query: dict[str, str]) -> None:
    assert account(Asked("GET", "/api/profiles", query, HEADERS, b"")).status == 400


def test_the_server_refuses_a_request_without_a_revision(account: Account) -> None:
    without = {"authorization": HEADERS["authorization"]}
    assert account(Asked("GET", "/api/profiles", {}, without, b"")).status == 400


def test_lists_land_with_their_names(account: Account, tmp_path: Path) -> None:
    for number in range(3):
        account.lists[str(number)] = {"type": "list", "id": f"L{number}", "attributes": {"name": f"Nieuws {number}"}}
    landing = Landing(plugin(account, tmp_path, resources=["lists"]), tmp_path)
    assert landing.run().rows == {"lists": 3}
    assert [row["attributes_name"] for row in landing.rows("lists")] == ["Nieuws 0", "Nieuws 1", "Nieuws 2"]


def event(number: int, at: str, metric: str, **properties: str) -> dict[str, Any]:
    related = {
        "profile": {"data": {"type": "profile", "id": "01-1"}},
        "metric": {"data": {"type": "metric", "id": metric}},
    }
    return {
        "type": "event",
        "id": f"e{number}",
        "attributes": {"datetime": at, "event_properties": properties, "uuid": f"u{number}", "timestamp": number},
        "relationships": related,
        "links": {"self": f"https://a.klaviyo.com/api/events/e{number}"},
    }


def test_events_land_once_with_the_names_of_their_metrics_also_one_that_came_late(
    account: Account, tmp_path: Path
) -> None:
    account.metrics = [
        {"type": "metric", "id": id_, "attributes": {"name": name}, "links": {"self": account.url}}
        for id_, name in (("M1", "Opened Email"), ("M2", "Placed Order"), ("M3", "Clicked Email"))
    ]
    account.events = [
        event(0, "2025-12-31T10:00:00+00:00", "M1"),
        event(1, "2026-03-01T10:00:00+00:00", "M1", Subject="Lente"),
        event(2, "2026-03-01T10:30:00+00:00", "M2"),
        event(3, "2026-03-01T11:00:00+00:00", "M3", **{"Campaign Name": "Lente 2026", "URL": "https://example.nl/x"}),
    ]
    read = ["tracked_events", "metrics"]
    landing = Landing(plugin(account, tmp_path, resources=read, events_since="2026-01-01T00:00:00Z"), tmp_path)
    assert landing.run().rows == {"tracked_events": 3, "metrics": 3}
    opened, ordered, clicked = sorted(landing.rows("tracked_events"), key=lambda row: str(row["id"]))
    assert (opened["metric"], opened["subject"], opened["profile"]) == ("Opened Email", "Lente", "01-1")
    assert (ordered["metric"], clicked["campaign"], clicked["url"]) == (
        "Placed Order",
        "Lente 2026",
        "https://example.nl/x",
    )
    late = datetime.now(UTC) - timedelta(minutes=30)
    account.events.append(event(4, late.isoformat(timespec="seconds"), "M1"))
    assert landing.run().rows == {"tracked_events": 1}


def test_a_profile_is_known_by_the_hubs_key_and_its_fields_are_properties(account: Account, tmp_path: Path) -> None:
    rows = [Row("p1", {"email": "anna@example.nl", "tier": "gold"}), Row("p2", {"email": "kanarieberg"})]
    taken, refused = plugin(account, tmp_path).sync(SyncBatch("profiles", "upsert", rows))
    assert (taken.status, taken.remote_id, refused.status) == ("accepted", "01-0", "rejected")
    assert "kanarieberg" not in refused.reason
    (profile,) = account.profiles.values()
    assert (profile["attributes"]["external_id"], profile["attributes"]["properties"]["tier"]) == ("p1", "gold")
