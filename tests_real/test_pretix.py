"""The vendor `pretix` against a real pretix: who books, who comes, who was there, and what pretix tells by itself."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hub.errors import ConfigurationError
from hub.lake import Lake
from hub.project import Project
from hub.testing.sources import Landing, landed
from tests_real import projects
from tests_real.harness import answers, free_port
from tests_real.projects import plugin, rows, run
from tests_real.systems.pretix import Pretix

CONNECTION = """
  tickets:
    plugin: pretix
    url: "{url}"
    organizer: miaoum
    token: "${{PRETIX_TOKEN}}"
    webhook_secret: "${{PRETIX_PUSH}}"
    allow_private: true
"""


@dataclass(frozen=True)
class Fair:
    """An event with a workshop and a list at the door."""

    pretix: Pretix
    item: int
    door: int

    def book(self, email: str, *guests: tuple[str, str, str | None]) -> dict[str, Any]:
        """Order a ticket for each guest: given name, surname and e-mail address."""
        positions = [
            {
                "positionid": number,
                "item": self.item,
                "attendee_name_parts": {"_scheme": "given_family", "given_name": given, "family_name": family},
                "attendee_email": address,
            }
            for number, (given, family, address) in enumerate(guests, 1)
        ]
        order = {"email": email, "locale": "en", "status": "p", "payment_provider": "manual", "positions": positions}
        return dict(self.pretix.ask("POST", "events/kattendag/orders/", order))

    def come(self, order: dict[str, Any]) -> None:
        """Show the first ticket at the door."""
        seen = {"secret": order["positions"][0]["secret"], "lists": [self.door]}
        assert self.pretix.ask("POST", "checkinrpc/redeem/", seen)["status"] == "ok"


@pytest.fixture(scope="module")
def fair(pretix: Pretix) -> Fair:
    event = {
        "name": {"en": "Cat Day", "nl": "Kattendag"},
        "slug": "kattendag",
        "live": False,
        "testmode": False,
        "currency": "EUR",
        "date_from": "2026-12-01T10:00:00Z",
        "location": {"en": "Utrecht"},
        "timezone": "Europe/Amsterdam",
    }
    pretix.ask("POST", "events/", event)
    item = {"name": {"en": "Grooming", "nl": "Borstelen"}, "default_price": "25.00", "admission": True}
    number = pretix.ask("POST", "events/kattendag/items/", {**item, "active": True, "personalized": True})["id"]
    pretix.ask("POST", "events/kattendag/quotas/", {"name": "zaal", "size": 500, "items": [number], "variations": []})
    door = pretix.ask("POST", "events/kattendag/checkinlists/", {"name": "deur", "all_products": True})["id"]
    return Fair(pretix, number, door)


@pytest.fixture
def project(pretix: Pretix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("PRETIX_TOKEN", pretix.token)
    monkeypatch.setenv("PRETIX_PUSH", "einde-van-het-adres")
    monkeypatch.setenv("HUB_KEY", "een sleutel voor proeven die lang genoeg is")
    return projects.project(tmp_path, CONNECTION.format(url=pretix.url))


def source(pretix: Pretix, **given: Any) -> Any:
    return plugin("pretix", **{"url": pretix.url, "organizer": "miaoum", "token": pretix.token, **given})


def test_the_check_tells_what_is_there(pretix: Pretix, fair: Fair) -> None:
    tickets = source(pretix)
    assert tickets.check().message.startswith("lists: events (1 on the first page)")
    assert pretix.version.startswith(tickets.proven[0].version), "it claims another version"


def test_a_wrong_token_and_a_wrong_organiser_are_told_in_words(pretix: Pretix, tmp_path: Path) -> None:
    wrong = source(pretix, token="verlopen")
    assert "the API refuses the login (401); mend `token`" in wrong.check().message
    with pytest.raises(ConfigurationError, match=r"refuses the login \(401\)"):
        Landing(wrong, tmp_path).run()
    assert "the API refuses the login (403)" in source(pretix, organizer="anders").check().message


def test_who_books_who_comes_and_who_was_there(fair: Fair, project: Project) -> None:
    order = fair.book("Anna@Example.nl", ("Bram", "van 't Wolkje", "bram@example.nl"), ("Zoë", "Özil", None))
    run(project)
    booked, second = rows(project, "registration")
    assert (booked["workshop"], booked["attended"], booked["status"]) == ("Borstelen", False, "registered")
    people = {row["record_id"]: row for row in rows(project, "source_record")}
    assert (people[booked["record_id"]]["given_name"], people[booked["record_id"]]["prefix"]) == ("Bram", "van 't")
    assert people[second["record_id"]]["source_key"] == f"kattendag-{order['code']}"
    (event,) = rows(project, "event")
    assert (event["name"], event["place"]) == ("Kattendag", "Utrecht")
    (sale,) = rows(project, "sales_order")
    assert (sale["status"], float(sale["total"]), sale["currency"]) == ("paid", 50.0, "EUR")
    fair.come(order)
    run(project)
    assert [row["attended"] for row in rows(project, "registration")] == [True, False]
    fair.pretix.ask("POST", f"events/kattendag/orders/{order['code']}/mark_canceled/", {"send_email": False})
    run(project)
    assert [row["status"] for row in rows(project, "registration")] == ["cancelled", "cancelled"]
    assert rows(project, "sales_order")[0]["status"] == "cancelled"


def test_nothing_that_opens_a_door_lands(fair: Fair, pretix: Pretix, tmp_path: Path) -> None:
    order = fair.book("cato@example.nl", ("Cato", "Prins", None))
    landing = Landing(source(pretix, resources=["events", "items", "orders"]), tmp_path)
    landing.run()
    landed = repr([landing.rows("orders"), landing.rows("positions")])
    assert order["code"] in landed
    assert order["secret"] not in landed
    assert order["positions"][0]["secret"] not in landed


def test_pages_lose_and_double_nothing(fair: Fair, pretix: Pretix, tmp_path: Path) -> None:
    for number in range(7):
        fair.book(f"gast{number}@example.nl", (f"Gast {number}", "Jansen", None))
    tickets = source(pretix, resources=["events", "items", "orders"])
    orders = tickets.config.resources["orders"]
    small = orders.paginate.model_copy(update={"size": 2})
    tickets.config.resources["orders"] = orders.model_copy(update={"paginate": small})
    landing = Landing(tickets, tmp_path)
    landing.run()
    there = sorted(order["code"] for order in pretix.ask("GET", "orders/")["results"])
    assert sorted(row["code"] for row in landing.rows("orders")) == there
    assert landing.run().loads == ()
    fair.come(fair.book("gast3@example.nl", ("Gast 3", "Jansen", None)))
    assert landing.run().rows == {"orders": 1, "positions": 1}


def test_pretix_tells_of_an_order_and_the_next_run_fetches_it(fair: Fair, project: Project) -> None:
    run(project)
    with serving(project) as address:
        hook = {
            "enabled": True,
            "target_url": f"{address}/in/tickets/einde-van-het-adres",
            "all_events": True,
            "limit_events": [],
            "action_types": ["pretix.event.order.placed", "pretix.event.order.paid"],
        }
        made = fair.pretix.ask("POST", "webhooks/", hook)
        order = fair.book("dirk@example.nl", ("Dirk", "Bezoeker", None))
        fair.pretix.ask("DELETE", f"webhooks/{made['id']}/")
    run(project)
    told = landed(Lake(project.lake), "tickets", "notifications")
    assert {(row["code"], row["event"]) for row in told} == {(order["code"], "kattendag")}
    assert {row["action"] for row in told} == {"pretix.event.order.placed", "pretix.event.order.paid"}
    assert f"kattendag-{order['code']}" in [row["source_key"] for row in rows(project, "sales_order")]


@contextmanager
def serving(project: Project) -> Iterator[str]:
    """Run `hub serve` for a project, as a process of its own."""
    port = free_port()
    start = [sys.executable, "-c", "from hub.cli import main; main()", "serve"]
    command = [*start, "--project", str(project.folder), "--port", str(port)]
    said = project.folder / "serve.log"
    with said.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + 60
        while not answers(port):
            assert process.poll() is None, said.read_text()
            assert time.monotonic() < until
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)
