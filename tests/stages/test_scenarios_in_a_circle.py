"""Scenarios that trigger each other: what the check can't see goes round once per run, and the limits hold (R16)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.project.segments import Segment
from hub.warehouse import Warehouse
from tests.stages.days import WELCOME, ZONE, Calendar, at, days_in

ROUND = {**WELCOME, "per": "person, each time", "target": "true", "stop_when": "false"}
SEND = WELCOME["steps"][0]


@pytest.fixture
def days(warehouse: Warehouse, tmp_path: Path) -> Iterator[Calendar]:
    with days_in(tmp_path, warehouse) as opened:
        yield opened


def passing_on(name: str, to: str, *triggers: Mapping[str, Any]) -> dict[str, Any]:
    """Give a scenario that takes the person out of its audience, into the one that starts the other, and writes."""
    steps = [{"remove_from": name}, {"add_to": to}, SEND]
    return {**ROUND, "scenario": name, "trigger": {"any": list(triggers)}, "steps": steps}


def test_a_circle_over_segments_goes_round_once_per_run_and_writes_no_more_than_the_limit(days: Calendar) -> None:
    days = days.with_(
        passing_on("there", "back", {"event": "account_created"}, {"enters": "there"}),
        passing_on("back", "there", {"enters": "back"}),
        segments={name: Segment(where=f"in_audience('{name}')") for name in ("there", "back")},
    )
    record = days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 09:00")
    days.shop.event(record, "account_created", at("2026-03-02 09:30"))
    entered = []
    for hours in (1, 2, 3, 4, 23, 24, 25):
        local = (at("2026-03-02 09:00") + timedelta(hours=hours)).astimezone(ZONE)
        entered.append(days.run(f"{local:%Y-%m-%d %H:%M}").get("entered", 0))
    assert sum(entered) == len(entered)  # it does go round
    assert max(entered) == 1  # one of the two in a run
    per_day = Counter(sent[:10] for sent, _, _ in days.sent())
    assert set(per_day.values()) == {1}
    assert len(days.sent()) == 2
