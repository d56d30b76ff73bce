"""Who may write today: value after priority, and what becomes of the message that loses (R8, R16)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hub.warehouse import Warehouse
from tests.stages.days import WELCOME, Calendar, at, days_in

ONE_MAIL = {**WELCOME, "steps": WELCOME["steps"][:1], "stop_when": "false", "target": "true"}


@pytest.fixture
def days(warehouse: Warehouse, tmp_path: Path) -> Iterator[Calendar]:
    with days_in(tmp_path, warehouse) as opened:
        yield opened


def one(name: str, value: str | None = None, template: str = "welcome", **changes: Any) -> dict[str, Any]:
    send = {
        "send": template,
        "by": changes.pop("by", ["email"]),
        "content": {"town": "city"},
        **changes.pop("send", {}),
    }
    return {**ONE_MAIL, "scenario": name, "value": value, "steps": [send], **changes}


def who_wrote(days: Calendar) -> list[tuple[str, str]]:
    return days.shop.rows("decision", "record_id", "scenario")


def status(days: Calendar, scenario: str) -> tuple[Any, ...]:
    rows = days.shop.rows("enrolment", "scenario", "status", "reason")
    (found,) = [row[1:] for row in rows if row[0] == scenario]
    return tuple(found)


def test_among_equal_priorities_the_one_that_is_worth_more_for_the_person_goes_first(days: Calendar) -> None:
    days = days.with_(one("a_cheap", "10"), one("b_dear", "case when interests = 'dog' then 50 else 5 end"))
    dog = days.subscriber(1, "2026-03-02 08:00", interests="dog")
    cat = days.subscriber(2, "2026-03-02 08:00", interests="cat")
    assert days.run("2026-03-02 09:00") == {"entered": 4, "queued": 2, "waiting": 2}
    assert who_wrote(days) == [(dog, "b_dear"), (cat, "a_cheap")]
    assert ("active", "another scenario is worth more today") in days.shop.rows("enrolment", "status", "reason")
    assert days.run("2026-03-02 10:00") == {}
    assert days.run("2026-03-03 09:00") == {"queued": 2}


def test_priority_goes_before_value_and_what_says_no_value_is_worth_nothing(days: Calendar) -> None:
    days = days.with_(one("first", None, priority=61), one("dear", "100"), one("silent"))
    days.subscriber(1, "2026-03-02 08:00")
    for day in ("02", "03"):
        days.run(f"2026-03-{day} 09:00")
    assert [scenario for _, scenario in sorted(who_wrote(days))] == ["dear", "first"]
    assert [template for _, template, _ in days.sent()] == ["welcome", "welcome"]
    assert status(days, "silent")[0] == "active"


def test_equal_values_go_by_the_name_of_the_scenario(days: Calendar) -> None:
    days = days.with_(one("b", "7"), one("a", "7"))
    record = days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 09:00")
    assert who_wrote(days) == [(record, "a")]


def test_who_can_not_be_reached_by_the_dearer_one_gets_the_other_the_same_day(days: Calendar) -> None:
    days = days.with_(one("a", "1"), one("b", "9", by=["sms"]))
    record = days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 09:00")
    assert ("a", "queued") in days.shop.rows("decision", "scenario", "outcome")
    assert (record, "a") in who_wrote(days)


def test_service_messages_neither_bid_nor_wait(days: Calendar) -> None:
    days = days.with_(one("a", "1"), one("b", "9", purpose="service"))
    days.subscriber(1, "2026-03-02 08:00")
    assert days.run("2026-03-02 09:00") == {"entered": 2, "queued": 2}


def test_a_contest_decides_the_same_when_it_is_run_twice_and_as_often_as_news_come(days: Calendar) -> None:
    days = days.with_(one("a", "1"), one("b", "9"))
    days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 09:00")
    days.subscriber(2, "2026-03-02 08:30")
    assert days.run("2026-03-02 09:30") == {"entered": 2, "queued": 1, "waiting": 2}
    assert sorted({scenario for _, scenario in who_wrote(days)}) == ["b"]


@pytest.mark.parametrize(
    ("loses", "after", "sent"),
    [
        ("wait", ("active", "another scenario goes first today"), "2026-03-03 09:00"),
        ("3 days", ("active", "another scenario goes first today: moved on by 3 days"), "2026-03-05 09:00"),
        ("drop", ("done", "came to its end"), None),
    ],
)
def test_what_another_scenario_outranks_waits_moves_or_is_dropped(
    days: Calendar, loses: str, after: tuple[str, str], sent: str | None
) -> None:
    days = days.with_(one("first", priority=90), one("second", send={"if_outranked": loses}))
    days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 09:00")
    assert status(days, "second") == after
    for day in ("03", "04", "05", "06"):
        days.run(f"2026-03-{day} 09:00")
    assert [moment for moment, _, _ in days.sent()][1:] == ([sent] if sent else [])
    if loses == "drop":
        assert ("second", "dropped", "another scenario goes first today") in days.shop.rows(
            "decision", "scenario", "outcome", "reason"
        )


def test_a_message_that_moved_is_still_interrupted_and_goes_before_it_is_too_late_from_then(days: Calendar) -> None:
    second = one("second", send={"if_outranked": "3 days"}, valid_for="2 days", stop_when="happened('stopped')")
    days = days.with_(one("first", priority=90), second)
    record, other = days.subscriber(1, "2026-03-02 08:00"), days.subscriber(2, "2026-03-02 08:00")
    days.run("2026-03-02 09:00")
    days.shop.event(record, "stopped", at("2026-03-03 08:00"))
    assert days.run("2026-03-03 09:00") == {"interrupted": 1}
    days.run("2026-03-05 09:00")
    assert [row for row in who_wrote(days) if row[1] == "second"] == [(other, "second")]


def test_two_ways_of_one_person_that_a_limit_holds_both_have_the_limit_for_a_reason(days: Calendar) -> None:
    cart = {"per": "cart, each time", "trigger": {"any": [{"of": "cart"}]}, "send": {"if_outranked": "drop"}}
    days = days.with_(one("first", priority=90), one("second", **cart)).limited(marketing="1 per 7 days")
    record = days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 09:00")
    for key in ("c1", "c2"):
        own = {"connection": "shop", "source_key": key, "record_id": record}
        days.shop.insert("cart", **own, changed_at=at("2026-03-03 08:00"))
    assert days.run("2026-03-03 09:00") == {"entered": 2, "waiting": 2}
    held = days.shop.rows("enrolment", "scenario", "reason")[1:]
    assert held == [("second", "limit reached: 1 marketing messages in 7 days")] * 2


CAPPED: Mapping[str, Any] = {"channels": {"email": "1 per 30 days"}}


def test_a_limit_of_a_channel_moves_the_message_to_the_next_one_with_the_reason(days: Calendar) -> None:
    steps = [
        {"send": "welcome", "by": "email", "content": {"town": "city"}},
        {"wait": "2 days"},
        {"send": "reminder", "by": ["email", "sms"], "if_capped": "next channel"},
    ]
    days = days.with_({**ONE_MAIL, "steps": steps}).limited(**CAPPED)
    days.subscriber(1, "2026-03-02 08:00", ["email", "sms"], phone="+31612345678")
    days.subscriber(2, "2026-03-02 08:00", ["email"])
    days.run("2026-03-02 09:00")
    assert days.run("2026-03-04 09:00") == {"queued": 1, "waiting": 1}
    assert ("2026-03-04 09:00", "reminder", "sms") in days.sent()
    reasons = days.shop.rows("decision", "step", "channel", "reason")
    assert ("reminder", "sms", "email: limit reached: 1 email messages in 30 days; sms: chosen") in reasons
    assert ("active", "limit reached: 1 email messages in 30 days") in days.status()


def test_a_limit_may_move_a_message_on(days: Calendar) -> None:
    steps = [
        {"send": "welcome", "by": "email", "content": {"town": "city"}},
        {"wait": "2 days"},
        {"send": "reminder", "by": "email", "if_capped": "1 week"},
    ]
    days = days.with_({**ONE_MAIL, "steps": steps}).limited(**CAPPED)
    days.subscriber(1, "2026-03-02 08:00")
    for day in ("2026-03-02", "2026-03-04", "2026-03-05", "2026-03-11", "2026-03-18", "2026-03-25", "2026-04-01"):
        days.run(f"{day} 09:00")
    assert [moment for moment, _, _ in days.sent()] == ["2026-03-02 09:00", "2026-04-01 09:00"]
