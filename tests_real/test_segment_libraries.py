"""The source `events` against the libraries that sites and servers have: unchanged, over a line that loses answers."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from hub.lake import Lake
from hub.project import Project
from hub.testing.sources import landed
from plugins.sources.events import Events
from tests_real import projects
from tests_real.harness import answers, free_port
from tests_real.projects import rows, run
from tests_real.systems.segment_libraries import SegmentLibraries

SITE = "https://www.shop.example"
KEYS = {"SITE_KEY": "site-write-key", "SERVER_KEY": "server-write-key"}
CONNECTIONS = f"""
  site: {{plugin: events, write_key: "${{SITE_KEY}}", origins: [{SITE}]}}
  backend: {{plugin: events, write_key: "${{SERVER_KEY}}", consent: assumed}}
"""
PROGRAM = "from hub.cli import main; main()"

Played = dict[str, Any]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("shop")
    lines = [f"{name}={value}\n" for name, value in {"HUB_KEY": "k" * 32, **KEYS}.items()]
    (folder / ".env").write_text("".join(lines))
    return projects.project(folder, CONNECTIONS)


@pytest.fixture(scope="module")
def hub(segment_libraries: SegmentLibraries, shop: Project) -> Iterator[str]:
    port = free_port()
    options = ["--project", str(shop.folder), "--port", str(port)]
    server = segment_libraries.serve("hub", [sys.executable, "-c", PROGRAM, "serve", *options])
    server.wait_until(lambda: answers(port))
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture(scope="module")
def visited(segment_libraries: SegmentLibraries, hub: str, shop: Project) -> Played:
    """Two visits to the site, one of them by a library that sends batches, and a server's day; then the hub has run."""
    played = segment_libraries.play("browser", HUB=hub, SITE=SITE, **KEYS)
    segment_libraries.play("server", HUB=hub, SITE=SITE, **KEYS)
    run(shop)
    return played


def raw(shop: Project, connection: str, table: str) -> list[dict[str, Any]]:
    return landed(Lake(shop.lake), connection, table)


def test_each_call_of_a_browser_arrives_once_although_it_was_sent_twice(visited: Played, shop: Project) -> None:
    assert visited["repeated"] == 6 + 1
    assert {"Authorization", "X-Retry-Count"} <= set(visited["asked"]), "the browser did not ask before it sent"
    for table, number in {"events": 6, "people": 2, "groups": 2, "aliases": 2}.items():
        found = [row["message_id"] for row in raw(shop, "site", table)]
        assert (len(found), len(set(found))) == (number, number), table
    events = {row["message_id"]: row for row in raw(shop, "site", "events")}
    seen = events["anna-page"]
    assert (seen["campaign"], seen["library"], seen["recognised"]) == ("lente", "analytics.js", "yes")
    assert (seen["url"], seen["title"], seen["name"]) == (f"{SITE}/katten?utm_campaign=lente", "Katten", "Katten")
    assert events["cas-track"]["user_id"] == "cas"


def test_who_logs_in_has_the_visit_and_who_did_not_agree_has_no_name(visited: Played, shop: Project) -> None:
    person = {row["record_id"]: row["person_id"] for row in rows(shop, "source_record")}
    events = {row["source_key"]: row for row in rows(shop, "web_event")}
    for who in ("anna", "cas"):
        page, track = events[f"{who}-page"], events[f"{who}-track"]
        assert (page["type"], page["device"]) == ("view", visited["devices"][who])
        assert (track["type"], track["product_key"]) == ("view", "T1")
        assert person[page["record_id"]] == person[track["record_id"]]
        unasked = events[f"{who}-unasked"]
        assert unasked["device"].startswith("day-")
        assert unasked["url"] == f"{SITE}/katten"
        assert person[unasked["record_id"]] != person[page["record_id"]]
        (mail,) = (row for row in rows(shop, "identifier") if row["value"] == f"{who}@example.nl")
        assert person[mail["record_id"]] == person[page["record_id"]]


def test_a_call_that_a_server_sends_again_after_a_run_still_counts_once(
    segment_libraries: SegmentLibraries, hub: str, visited: Played, shop: Project
) -> None:
    again = segment_libraries.play("server", HUB=hub, SITE=SITE, **KEYS)
    assert again["asked"] == []
    run(shop)
    done = [row for row in rows(shop, "web_event") if row["connection"] == "backend"]
    assert Counter(row["type"] for row in done) == {"order": 1, "view": 2}
    (order,) = (row for row in done if row["type"] == "order")
    who = {(row["type"], row["value"]) for row in rows(shop, "identifier") if row["record_id"] == order["record_id"]}
    assert (order["source_key"], who) == ("order-o1", {("customer_number", "backend:u1")})
    assert {row["locale"] for row in raw(shop, "backend", "events") if row["event"] == "page"} == {"nl-BE"}
    assert {row["name"] for row in raw(shop, "backend", "groups")} == {"Mia BV"}
    assert {row["previous_id"] for row in raw(shop, "backend", "aliases")} == {"a-0"}


def test_what_was_tried_is_what_is_claimed(segment_libraries: SegmentLibraries) -> None:
    assert segment_libraries.version in [proof.version for proof in Events.proven]
