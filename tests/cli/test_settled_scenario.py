"""A message of which nobody knows whether it arrived holds no next channel back for ever: a person settles it (R16)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.project.scenario import Scenario
from hub.schema import BUILT_IN
from hub.stages.decide import decide
from hub.warehouse import open_warehouse
from tests.stages.engagement import NOW, WELCOME, Shop, shop_in

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

STEPS = [
    {"send": "welcome", "by": ["email", "sms"], "content": {"species": "'cat'"}},
    {"wait": "2 days"},
    {"send": "extra", "by": "email"},
]


@pytest.fixture
def shop(corner: Path) -> Iterator[Shop]:
    """Give a shop of which the first mail to one newcomer was cut off by a kill."""
    scenario = Scenario.model_validate({**WELCOME.model_dump(by_alias=True, exclude_unset=True), "steps": STEPS})
    warehouse = open_warehouse("duckdb", BUILT_IN, corner / ".hub", [corner])
    with shop_in(corner, warehouse, scenarios=[scenario]) as opened:
        opened.newcomer(1, consent=["email", "sms"], phone="+31612345678")
        assert run(opened) == {"entered": 1, "queued": 1, "handed_over": 1}
        opened.ledger.outbox.start(opened.rows("decision", "decision_id"), NOW)
        opened.ledger.outbox.abandon(NOW)
        yield opened
    warehouse.close()


def run(shop: Shop, later: timedelta = timedelta(0)) -> dict[str, int]:
    return dict(decide(shop.warehouse, shop.ledger, shop.project, NOW + later).counts)


def sent(shop: Shop) -> list[tuple[str, str]]:
    return [(template, channel) for _, template, channel in shop.rows("decision", "at", "template", "channel")]


def settle(hub: Any, shop: Shop, found_out: str) -> None:
    (message,) = shop.ledger.outbox.parked()
    folder = str(shop.project.folder)
    done = hub("deliveries", "settle", message.id, found_out, "--why", "read in their log", "--project", folder)
    assert done.exit_code == 0, done.output


def test_while_nobody_knows_no_next_channel_is_used(shop: Shop) -> None:
    assert run(shop, HOUR) == {}
    assert sent(shop) == [("welcome", "email")]


def test_what_was_not_sent_after_all_follows_by_the_next_channel_and_the_scenario_goes_on(hub: Any, shop: Shop) -> None:
    settle(hub, shop, "--not-sent")
    assert run(shop, HOUR) == {"failed": 1, "queued": 1, "handed_over": 1}
    assert sent(shop) == [("welcome", "email"), ("welcome", "sms")]
    assert run(shop, 3 * DAY)["queued"] == 1
    assert sent(shop)[2:] == [("extra", "email")]


def test_what_was_sent_after_all_is_not_repeated_and_the_scenario_goes_on(hub: Any, shop: Shop) -> None:
    settle(hub, shop, "--sent")
    assert run(shop, HOUR) == {}
    assert run(shop, 3 * DAY)["queued"] == 1
    assert sent(shop) == [("welcome", "email"), ("extra", "email")]
    assert shop.rows("enrolment", "status") == ["done"]
