"""A way through a scenario, told step by step, on DuckDB and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from hub.errors import ConfigurationError
from hub.people.story import Story, story
from hub.published import ask
from hub.warehouse import Warehouse
from tests.stages.days import WELCOME, ZONE, Calendar, days_in

SCENARIO = {
    **WELCOME,
    "target": "true",
    "stop_when": "happened('stopped')",
    "steps": [
        {"add_to": "newcomers", "for": "30 days"},
        {"set": {"species": "coalesce(interests, 'any')"}},
        {"send": "welcome", "by": ["email"], "content": {"species": "interests"}},
        {"task": "Ring to welcome", "to": "desk", "by": "phone"},
        {"wait": "7 days"},
        {"banner": "toys", "at": "home", "for": "2 days"},
    ],
}


@pytest.fixture
def days(engine: str, warehouse: Warehouse, tmp_path: Path) -> Iterator[Calendar]:
    with days_in(tmp_path, warehouse) as opened:
        hub = opened.shop.project.hub.model_copy(update={"engine": engine})
        yield Calendar(opened.shop.with_(hub=hub)).with_(SCENARIO)


def told(days: Calendar, who: str = "shop:1") -> Story:
    days.shop.warehouse.publish(True)
    return story(days.shop.project, partial(ask, days.shop.project), who, "welcome")


def test_the_way_is_told_in_the_order_of_time_with_every_reason(days: Calendar) -> None:
    days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 09:00")
    days.react("opened", "2026-03-02 12:00")
    days.run("2026-03-03 09:00")
    lines = [
        (f"{it.at.astimezone(ZONE):%m-%d %H:%M}" if it.at else "", it.step, it.what, it.why)
        for it in told(days).chapters
    ]
    assert lines == [
        ("03-02 08:00", "", "entered", ""),
        ("03-02 09:00", "welcome", "message by email", "email: chosen"),
        ("03-02 09:00", "add_to", "added to the audience newcomers", ""),
        ("03-02 09:00", "set", "species = any", ""),
        ("03-02 09:00", "task", "task for desk: Ring to welcome", ""),
        ("03-02 09:00", "task", "task refused", "phone: no phone"),
        ("03-02 12:00", "welcome", "opened", ""),
        ("03-09 09:00", "wait", "is here, until then at the latest", ""),
        ("04-01 09:00", "add_to", "leaves the audience newcomers", ""),
    ]


def test_who_never_entered_has_no_story_and_a_scenario_that_is_not_there_is_told(days: Calendar) -> None:
    days.subscriber(1, "2026-03-02 08:00")
    assert told(days).chapters == ()
    with pytest.raises(ConfigurationError, match=r"there is no scenario 'welcom'\. Did you mean 'welcome'\?"):
        story(days.shop.project, partial(ask, days.shop.project), "shop:1", "welcom")
