"""Banners over real HTTP: a site asks what scenarios decided to show, on embedded and on a server (R12, R28)."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import structlog

from hub.ledger import Ledger
from hub.pipeline import run, workspace
from hub.project import Project
from hub.statements import Choice, state_for_record
from hub.warehouse.state import remember
from tests.serve.conftest import Serving
from tests.serve.eventful import HUB_YAML, SERVER_KEY, SITE, SITE_KEY, eventful
from tests.serve.shop import NOW

AGREED = {"consent": {"categoryPreferences": {"analytics": True}}}

SCENARIO = """
scenario: toys_again
who: visitors who looked at toys
from: visitor
to: order
trigger:
  any: [{of: web_event, where: type = 'view' and subject = 'Speelgoed'}]
target: age is null or age >= 16
stop_when: ordered or happened('login')
valid_for: 3 days
steps:
  - banner: toys
    at: home
    for: 14 days
    content: {subject: "'speelgoed'"}
  - wait: 14 days                             # a way that is open can be interrupted
"""


@pytest.fixture
def made(ledger: Ledger, tmp_path: Path) -> Project:
    """Give a project that takes events: all of it embedded, then all of it on a server."""
    url = ledger.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    own = "" if ledger.engine.dialect.name == "sqlite" else f"engine: {url}\nledger: {url}\n"
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "toys.yaml").write_text(SCENARIO, encoding="utf-8")
    return eventful(tmp_path, HUB_YAML + own)


@pytest.fixture
def clock() -> list[datetime]:
    return [NOW]


@pytest.fixture
def client(serving: Serving, made: Project, clock: list[datetime]) -> httpx.Client:
    return serving(made, clock=lambda: clock[0])


class World:
    """What the last run published, written by hand."""

    def __init__(self, made: Project) -> None:
        self._made = made
        self._runs = 0
        self._rows: list[tuple[str, dict[str, Any]]] = []

    def person(self, number: int, **identifiers: str) -> World:
        """Add a record `site:<number>` of person <number>, who goes by these identifiers."""
        return self.record(f"site:{number}", number, **identifiers)

    def record(self, record_id: str, person: int, **identifiers: str) -> World:
        connection, key = record_id.split(":")
        mine = {"connection": connection, "source_key": key, "record_id": record_id}
        self._rows.append(("source_record", {**mine, "person_id": person, "load_id": "1"}))
        for kind, value in identifiers.items():
            self._rows.append(("identifier", {**mine, "type": kind, "value": value}))
        return self

    def banner(self, number: int, name: str = "toys", **given: Any) -> World:
        key = f"{number}-{name}-{given.get('place', 'home')}"
        row = {"connection": "hub", "source_key": key, "record_id": f"site:{number}", "banner": name, "place": "home"}
        row |= {"at": NOW - timedelta(hours=1), "until": NOW + timedelta(days=7), "content": '{"subject": "speelgoed"}'}
        self._rows.append(("banner", {**row, "scenario": "toys_again", "step": "banner", **given}))
        return self

    def consent(self, number: int, channel: str, purpose: str, given: bool) -> World:
        row = {"connection": "site", "source_key": f"{number}-{channel}-{purpose}", "record_id": f"site:{number}"}
        row |= {"channel": channel, "purpose": purpose, "given": given, "at": NOW - timedelta(days=1)}
        self._rows.append(("consent", row))
        return self

    def publish(self) -> None:
        self._runs += 1
        with workspace(self._made) as stores:
            with stores.warehouse.begin() as transaction:
                for table, row in self._rows:
                    transaction.execute(sa.insert(transaction.table(table)).values(**row))
                remember(transaction, "decide", f"run {self._runs}", NOW)
            stores.warehouse.publish()
        self._rows.clear()

    def interrupt(self, number: int, at: datetime) -> None:
        self._runs += 1
        with workspace(self._made) as stores:
            with stores.warehouse.begin() as transaction:
                banner = transaction.table("banner")
                mine = banner.c.record_id == f"site:{number}"
                transaction.execute(sa.update(banner).where(mine).values(until=at))
                remember(transaction, "decide", f"run {self._runs}", NOW)
            stores.warehouse.publish()


@pytest.fixture
def world(made: Project) -> World:
    return World(made)


def asked(client: httpx.Client, **call: Any) -> httpx.Response:
    """Ask as a page does: text/plain, the write key in the body."""
    body = {"writeKey": SITE_KEY, "anonymousId": "a-1", "context": AGREED, **call}
    return client.post("/v1/banners", json=body, headers={"origin": SITE, "content-type": "text/plain"})


def shown(client: httpx.Client, **call: Any) -> list[str]:
    answer = asked(client, **call)
    assert answer.status_code == 200
    return [banner["banner"] for banner in answer.json()["banners"]]


def test_a_page_gets_what_scenarios_decided_for_who_is_at_the_device_and_nothing_else_about_them(
    client: httpx.Client, world: World
) -> None:
    world.person(1, device="a-1", email="anna@example.nl", customer_number="site:u7").banner(1).publish()
    answer = asked(client, place="home")
    until = (NOW + timedelta(days=7)).isoformat()
    assert answer.json() == {
        "banners": [{"banner": "toys", "place": "home", "until": until, "content": {"subject": "speelgoed"}}]
    }
    assert answer.headers["access-control-allow-origin"] == SITE
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers


def test_only_what_is_for_that_place_is_told_and_without_a_place_all_of_it_the_newest_first(
    client: httpx.Client, world: World
) -> None:
    world.person(1, device="a-1").banner(1).banner(1, "belts", place="cart", at=NOW - timedelta(minutes=1)).publish()
    assert shown(client, place="home") == ["toys"]
    assert shown(client, place="nowhere") == []
    assert shown(client) == ["belts", "toys"]


def test_a_banner_holds_from_its_moment_until_its_time_is_over_or_the_way_is_interrupted(
    client: httpx.Client, world: World, clock: list[datetime]
) -> None:
    world.person(1, device="a-1").banner(1, at=NOW).publish()
    for at, found in (
        (NOW - timedelta(seconds=1), []),
        (NOW, ["toys"]),
        (NOW + timedelta(days=7, seconds=-1), ["toys"]),
        (NOW + timedelta(days=7), []),
    ):
        clock[0] = at
        assert shown(client) == found
    clock[0] = NOW
    world.interrupt(1, NOW - timedelta(minutes=5))
    clock[0] = NOW + timedelta(minutes=1)
    assert shown(client) == []


def test_who_did_not_agree_to_be_recognised_is_shown_nothing(client: httpx.Client, world: World) -> None:
    world.person(1, device="a-1").banner(1).publish()
    refusal = {"consent": {"categoryPreferences": {"analytics": False}}}
    for context in ({}, {"consent": {}}, refusal, None, "yes"):
        assert shown(client, context=context) == []
    assert shown(client) == ["toys"]


@pytest.mark.parametrize(
    ("channel", "purpose", "given", "found"),
    [
        ("email", "profiling", False, []),
        ("all", "marketing", False, []),
        ("ads", "marketing", False, []),
        ("email", "marketing", False, ["toys"]),
        ("ads", "marketing", True, ["toys"]),
    ],
)
def test_who_refused_profiling_or_this_kind_of_marketing_is_shown_none(
    client: httpx.Client, world: World, channel: str, purpose: str, given: bool, found: list[str]
) -> None:
    world.person(1, device="a-1").banner(1).consent(1, channel, purpose, given).publish()
    assert shown(client) == found


def test_a_refusal_counts_before_any_run_has_seen_it(
    client: httpx.Client, world: World, ledger: Ledger, clock: list[datetime]
) -> None:
    world.person(1, device="a-1").banner(1).person(2, device="a-2").banner(2).publish()
    assert shown(client) == ["toys"]
    state_for_record(ledger, "site:1", Choice("all", "marketing", False), NOW, "note 12")
    clock[0] = NOW + timedelta(seconds=5)
    assert shown(client) == []
    assert shown(client, anonymousId="a-2") == ["toys"]


def test_a_device_of_two_people_is_nobodys(client: httpx.Client, world: World) -> None:
    world.person(1, device="a-1").banner(1).person(2, device="a-1").publish()
    assert shown(client) == []


def test_a_page_cannot_ask_by_a_number_that_anybody_could_guess_and_a_server_can(
    client: httpx.Client, world: World
) -> None:
    world.record("backend:u7", 1, customer_number="backend:u7").record("site:1", 1, customer_number="site:u7")
    world.banner(1).publish()
    assert shown(client, anonymousId="", userId="u7") == []
    answer = client.post("/v1/banners", json={"userId": "u7"}, auth=(SERVER_KEY, ""))
    assert [banner["banner"] for banner in answer.json()["banners"]] == ["toys"]


def test_who_is_not_known_gets_the_same_answer_as_who_has_no_banner(client: httpx.Client, world: World) -> None:
    world.person(1, device="a-1").publish()
    assert asked(client).content == asked(client, anonymousId="x").content == b'{"banners":[]}'


def test_only_the_pages_of_the_site_may_ask_and_browsers_are_told_so(client: httpx.Client, world: World) -> None:
    world.person(1, device="a-1").banner(1).publish()
    stranger = {"origin": "https://stranger.example"}
    body = {"writeKey": SITE_KEY, "anonymousId": "a-1", "context": AGREED}
    assert client.post("/v1/banners", json=body, headers=stranger).status_code == 403
    assert client.post("/v1/banners", json={**body, "writeKey": "guessed"}).status_code == 401
    assert client.options("/v1/banners", headers={"origin": SITE}).headers["access-control-allow-origin"] == SITE
    assert client.options("/v1/banners", headers=stranger).status_code == 403
    assert client.get("/v1/banners").status_code == 405


@pytest.mark.parametrize("body", [b"", b"[]", b"not json", b'{"writeKey": 7}', b"x" * 40_000])
def test_what_cannot_be_read_is_refused(client: httpx.Client, body: bytes) -> None:
    assert client.post("/v1/banners", content=body, headers={"origin": SITE}).status_code in (400, 401, 413)


def test_before_anything_is_published_a_site_is_asked_to_come_back(client: httpx.Client) -> None:
    answer = asked(client)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")


def test_no_log_line_tells_who_was_shown_what(client: httpx.Client, world: World) -> None:
    world.person(1, device="a-1").banner(1).publish()
    with structlog.testing.capture_logs() as logs:
        asked(client)
    for hidden in ("a-1", SITE_KEY, "toys", "127.0.0.1"):
        assert hidden not in str(logs)


def test_what_a_visitor_does_on_the_site_brings_the_banner_there_and_an_order_takes_it_away_r28(
    client: httpx.Client, made: Project, clock: list[datetime]
) -> None:
    page = {"context": {**AGREED, "page": {"title": "Speelgoed", "url": f"{SITE}/speelgoed"}}}
    login = {"type": "identify", "userId": "u7", "traits": {"email": "anna@example.nl"}, "context": AGREED}
    calls = [{**login, "messageId": "1"}, {"type": "page", "messageId": "2", **page}]
    for call in calls:
        body = {"anonymousId": "a-1", "writeKey": SITE_KEY, **call}
        assert client.post(f"/v1/{call['type']}", json=body, headers={"origin": SITE}).status_code == 200
    assert run(made, NOW + timedelta(minutes=10), ["listen"]).ok
    assert run(made, NOW + timedelta(minutes=10)).ok
    clock[0] = NOW + timedelta(minutes=11)
    assert shown(client, place="home") == ["toys"]
    body = {"type": "track", "event": "Signed In", "anonymousId": "a-1", "writeKey": SITE_KEY, "context": AGREED}
    assert client.post("/v1/track", json=body, headers={"origin": SITE}).status_code == 200
    assert run(made, NOW + timedelta(minutes=20), ["listen"]).ok
    assert run(made, NOW + timedelta(minutes=20)).ok
    clock[0] = NOW + timedelta(minutes=21)
    assert shown(client, place="home") == []
