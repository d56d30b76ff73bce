"""Steps that do something else than write: audiences, fields, tasks, banners, rows for other systems."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Result, Row
from hub.errors import ConfigurationError
from hub.project import Connection
from hub.project.segments import Segment
from hub.project.traits import Trait
from hub.report import Report
from hub.stages.activate import activate
from hub.stages.decide import decide
from hub.warehouse import Warehouse
from tests.stages.days import WELCOME, Calendar, at, days_in

MORE = {"stop_when": "happened('stopped')", "target": "true"}


@pytest.fixture
def days(warehouse: Warehouse, tmp_path: Path) -> Iterator[Calendar]:
    with days_in(tmp_path, warehouse) as opened:
        yield opened


def doing(*steps: Mapping[str, Any] | str, **changes: Any) -> dict[str, Any]:
    return {**WELCOME, **MORE, "steps": list(steps), **changes}


def members(days: Calendar, audience: str = "winback") -> list[tuple[Any, ...]]:
    return [
        (record, since, until)
        for name, record, since, until in days.shop.rows("audience_member", "audience", "record_id", "since", "until")
        if name == audience
    ]


# audiences


def test_who_is_added_to_an_audience_is_in_it_until_a_step_removes_them(days: Calendar) -> None:
    steps = ({"add_to": "winback"}, {"wait": "3 days"}, {"remove_from": "winback"})
    days = days.with_(doing(*steps), segments={"won": Segment(where="in_audience('winback')")})
    record = days.subscriber(1, "2026-03-02 08:00")
    assert days.run("2026-03-02 09:00") == {"entered": 1, "added": 1}
    assert days.run("2026-03-02 10:00") == {}
    assert days.shop.rows("membership", "person_id", "segment") == [(1, "won")]
    assert days.run("2026-03-05 09:00")["removed"] == 1
    assert members(days) == [(record, at("2026-03-02 09:00"), at("2026-03-05 09:00"))]
    days.run("2026-03-05 10:00")
    assert days.shop.rows("membership", "person_id", "segment") == []


def test_a_place_in_an_audience_ends_by_itself_at_the_same_time_on_the_clock(days: Calendar) -> None:
    days = days.with_(
        doing({"add_to": "winback", "for": "30 days"}), segments={"won": Segment(where="in_audience('winback')")}
    )
    days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 09:00")
    days.run("2026-04-01 08:59")
    assert days.shop.rows("membership", "segment") == ["won"]  # the clock went forward in between
    days.run("2026-04-01 09:00")
    assert days.shop.rows("membership", "segment") == []


def test_who_is_in_an_audience_already_stays_as_long_as_the_longer_of_the_two(days: Calendar) -> None:
    first = doing({"add_to": "winback", "for": "30 days"})
    second = doing({"add_to": "winback", "for": "40 days"}, scenario="again")
    third = doing({"add_to": "winback", "for": "2 days"}, scenario="short")
    days = days.with_(first, second, third)
    record = days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 09:00")
    assert members(days) == [(record, at("2026-03-02 09:00"), at("2026-04-11 09:00"))]


def test_a_scenario_may_wait_for_an_audience_that_another_one_fills(days: Calendar) -> None:
    waiting = doing(
        {"wait": {"until": "in_audience('winback')", "at_most": "30 days"}},
        {"if": "in_audience('winback')", "then": [{"set": {"won": "true"}}]},
        scenario="waiting",
        priority=90,
    )
    days = days.with_(waiting, doing({"wait": "1 day"}, {"add_to": "winback"}))
    days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 09:00")
    assert days.run("2026-03-03 08:00")["added"] == 1
    assert days.run("2026-03-03 09:00")["fields"] == 1


def test_people_who_become_one_are_in_the_audience_once_and_leave_it_together(days: Calendar) -> None:
    days = days.with_(doing({"add_to": "winback"}, {"wait": "3 days"}, {"remove_from": "winback"}))
    days.subscriber(1, "2026-03-02 08:00")
    days.subscriber(2, "2026-03-02 08:30")
    days.run("2026-03-02 09:00")
    days.shop.merge(1, 2)
    days.run("2026-03-05 09:00")
    assert {until for _, _, until in members(days)} == {at("2026-03-05 09:00")}


# fields


def test_a_field_is_kept_with_its_moment_and_read_as_a_trait(days: Calendar) -> None:
    traits = {"offered": {"of": "person_field", "last": "value", "where": "field = 'offered'"}}
    days = days.with_(
        doing({"set": {"offered": "interests", "visits": "2"}}),
        traits={**days.shop.project.traits, **{name: Trait.model_validate(it) for name, it in traits.items()}},
        segments={"offered_denim": Segment(where="offered = 'denim'")},
    )
    days.subscriber(1, "2026-03-02 08:00", interests="denim")
    assert days.run("2026-03-02 09:00")["fields"] == 2
    assert days.shop.rows("person_field", "field", "value", "at") == [
        ("offered", "denim", at("2026-03-02 09:00")),
        ("visits", "2", at("2026-03-02 09:00")),
    ]
    days.run("2026-03-02 10:00")
    assert days.shop.rows("membership", "segment") == ["offered_denim"]


# tasks


RING = {
    "task": "Ring about the test drive",
    "to": "sales desk",
    "by": "phone",
    "due": "2 days",
    "done_when": "happened('test_drive')",
    "content": {"model": "interests"},
}


def tasks(days: Calendar) -> list[tuple[Any, ...]]:
    return days.shop.rows("task", "record_id", "state", "reason")


def test_a_task_is_given_once_with_what_goes_with_it(days: Calendar) -> None:
    days = days.with_(doing(RING))
    record = days.subscriber(1, "2026-03-02 08:00", ["phone"], phone="+31612345678", interests="estate")
    assert days.run("2026-03-02 09:00") == {"entered": 1, "tasks": 1}
    assert days.run("2026-03-02 10:00") == {}
    (row,) = days.shop.rows("task", "record_id", "subject", "assigned_to", "channel", "due_at", "state", "content")
    assert row[:6] == (record, RING["task"], "sales desk", "phone", at("2026-03-04 09:00"), "open")
    assert json.loads(row[6]) == {"model": "estate"}


@pytest.mark.parametrize(
    ("consent", "phone", "why"),
    [
        ([], "+31612345678", "phone: no consent"),
        (["phone"], None, "phone: no phone"),
    ],
)
def test_nobody_is_rung_without_consent_or_number_and_the_reason_is_kept(
    days: Calendar, consent: list[str], phone: str | None, why: str
) -> None:
    days = days.with_(doing(RING))
    record = days.subscriber(1, "2026-03-02 08:00", consent, phone=phone)
    assert days.run("2026-03-02 09:00")["refused"] == 1
    assert tasks(days) == [(record, "refused", why)]
    assert days.status() == [("done", "came to its end")]


def test_a_task_that_approaches_nobody_needs_no_consent(days: Calendar) -> None:
    days = days.with_(doing({"task": "Look into the complaint", "to": "service desk"}))
    record = days.subscriber(1, "2026-03-02 08:00", [])
    days.run("2026-03-02 09:00")
    assert tasks(days) == [(record, "open", None)]


def test_a_task_is_done_when_its_condition_tells_so_also_after_the_way_has_ended(days: Calendar) -> None:
    days = days.with_(doing({**RING, "by": None}))
    record = days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 09:00")
    assert days.status() == [("done", "came to its end")]
    days.shop.event(record, "test_drive", at("2026-03-03 11:00"))
    assert days.run("2026-03-03 12:00") == {"tasks_done": 1}
    assert days.shop.rows("task", "state", "closed_at") == [("done", at("2026-03-03 12:00"))]


def test_an_interruption_withdraws_the_task_and_ends_the_banner(days: Calendar) -> None:
    banner = {"banner": "toys", "at": "home", "for": "14 days", "content": {"name": "given_name"}}
    days = days.with_(doing({**RING, "by": None}, banner, {"wait": "10 days"}))
    record = days.subscriber(1, "2026-03-02 08:00")
    assert days.run("2026-03-02 09:00") == {"entered": 1, "tasks": 1, "banners": 1}
    (shown,) = days.shop.rows("banner", "banner", "place", "at", "until", "content")
    assert shown[:4] == ("toys", "home", at("2026-03-02 09:00"), at("2026-03-16 09:00"))
    assert json.loads(shown[4]) == {"name": "Person1"}
    days.shop.event(record, "stopped", at("2026-03-03 11:00"))
    assert days.run("2026-03-03 12:00") == {"interrupted": 1, "withdrawn": 2}
    assert tasks(days) == [(record, "withdrawn", "the way through the scenario ended before its time")]
    assert days.shop.rows("banner", "until") == [at("2026-03-03 12:00")]


def test_a_task_or_banner_that_comes_too_late_is_not_given(days: Calendar) -> None:
    days = days.with_(doing({"wait": "1 day"}, RING, valid_for="2 days"))
    days.subscriber(1, "2026-03-02 08:00", ["phone"], phone="+31612345678")
    days.run("2026-03-02 09:00")
    assert days.run("2026-03-05 08:00")["expired"] == 1
    assert tasks(days) == []


def test_a_step_under_a_new_version_is_not_done_twice(days: Calendar) -> None:
    before = doing({"task": "Look", "to": "desk"}, {"wait": "3 days"}, when_changed="move")
    after = doing({"wait": "3 days"}, {"task": "Look", "to": "desk"}, when_changed="move")
    days = days.with_(before)
    days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 09:00")
    days = days.with_(after)
    days.run("2026-03-05 09:00")
    assert [state for _, state, _ in tasks(days)] == ["open"]
    assert days.status() == [("done", "came to its end")]


# rows for other systems


POST = {"post": "warm_lead", "to": "ads", "content": {"email": "email", "visits": "3"}, "consent": {"channel": "email"}}


def posted(days: Calendar) -> list[tuple[Any, ...]]:
    return days.shop.rows("posted_row", "record_id", "state", "reason")


def go_out(days: Calendar, local: str) -> dict[str, int]:
    shop = days.shop
    return dict(activate(shop.warehouse, shop.ledger, shop.project, at(local)).counts)


def test_a_row_goes_out_once_under_a_key_that_is_always_the_same(days: Calendar) -> None:
    days = days.with_(doing(POST))
    record = days.subscriber(1, "2026-03-02 08:00")
    assert days.run("2026-03-02 09:00")["posted"] == 1
    assert go_out(days, "2026-03-02 09:01")["posted"] == 1
    assert go_out(days, "2026-03-02 09:02") == {}
    (taken,) = days.shop.taken("ads")
    key = days.shop.rows("posted_row", "source_key")[0]
    assert (taken["target"], taken["operation"], taken["key"]) == ("warm_lead", "upsert", key)
    assert (taken["email"], taken["visits"]) == ("person1@example.nl", 3)
    assert posted(days) == [(record, "taken", None)]


def test_without_consent_no_row_is_decided_and_who_withdraws_before_it_goes_is_not_sent(days: Calendar) -> None:
    days = days.with_(doing(POST))
    days.subscriber(1, "2026-03-02 08:00", [])
    second = days.subscriber(2, "2026-03-02 08:00")
    assert days.run("2026-03-02 09:00") == {"entered": 2, "posted": 1, "refused": 1}
    days.consent(second, "email", False, "2026-03-02 09:00")
    assert go_out(days, "2026-03-02 09:01") == {"rows_refused": 1}
    assert days.shop.taken("ads") == []
    assert [reason for _, _, reason in posted(days)] == ["email: no consent", "email: consent withdrawn"]


def test_a_row_that_is_not_taken_now_waits_and_one_that_is_refused_there_keeps_the_reason(days: Calendar) -> None:
    days = days.with_(doing(POST))
    record = days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 09:00")
    days.shop.answer("ads", lambda rows: [Result(row.key, "later", reason="busy") for row in rows])
    shop = days.shop
    report = activate(shop.warehouse, shop.ledger, shop.project, at("2026-03-02 09:01"))
    assert report.failures == ("ads: none of 1 rows was taken: 1 x busy",)
    assert posted(days) == [(record, "waiting", None)]
    days.shop.answer("ads", lambda rows: [Result(row.key, "rejected", reason="no such list") for row in rows])
    report = activate(shop.warehouse, shop.ledger, shop.project, at("2026-03-02 09:02"))
    assert report.failures == ("ads: none of 1 rows was taken: 1 x no such list",)
    assert posted(days) == [(record, "rejected", "no such list")]


def test_a_row_whose_connection_is_gone_waits_and_the_run_says_so(days: Calendar) -> None:
    days = days.with_(doing(POST))
    days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 09:00")
    left: dict[str, Connection] = {k: it for k, it in days.shop.project.connections.items() if k != "ads"}
    shop = days.with_(doing(POST), connections=left, syncs={}).shop
    report = activate(shop.warehouse, shop.ledger, shop.project, at("2026-03-02 09:01"))
    assert "rows wait for it" in report.failures[0]
    assert activate(shop.warehouse, shop.ledger, shop.project, at("2026-03-02 09:02")).failures == ()


def test_a_system_that_is_down_is_told_once_left_alone_and_tried_with_one_batch(days: Calendar) -> None:
    days = days.with_(doing(POST), syncs={})
    for number in range(1, 131):
        days.subscriber(number, "2026-03-02 08:00")
    days.run("2026-03-02 09:00")
    called: list[int] = []

    def is_down(rows: Sequence[Row]) -> Sequence[Result]:
        called.append(len(rows))
        raise ConfigurationError("the key is not valid any more")

    shop = days.shop
    shop.answer("ads", is_down)

    def run(local: str) -> Report:
        return activate(shop.warehouse, shop.ledger, shop.project, at(local))

    assert run("2026-03-02 09:01").failures == ("ads: the key is not valid any more",)
    assert called == [100], "the second batch does not go"
    assert run("2026-03-02 09:01").failures == ()
    assert called == [100], "it is left alone"
    assert run("2026-03-02 12:00").failures == (), "still in trouble is no news"
    assert called == [100, 100], "one batch is the trial"
    assert [health.trouble for health in shop.ledger.destinations.in_trouble()] == ["configuration"]
    shop.answer_again("ads")
    assert run("2026-03-02 18:00").counts["posted"] == 130
    assert shop.ledger.destinations.in_trouble() == []
    keys = [entry["key"] for entry in shop.taken("ads")]
    assert len(keys) == len(set(keys)) == 130


def test_a_tick_that_is_killed_in_the_middle_leaves_nothing_and_the_next_does_it_once(
    days: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = days.with_(doing({"add_to": "winback"}, {"task": "Look", "to": "desk"}))
    days.subscriber(1, "2026-03-02 08:00")

    def killed(*given: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("hub.stages.decide.remembered_until", killed)
        with pytest.raises(KeyboardInterrupt):
            days.run("2026-03-02 09:00")
    assert members(days) == tasks(days) == days.status() == []
    assert days.run("2026-03-02 09:05") == {"entered": 1, "added": 1, "tasks": 1}
    assert dict(decide(days.shop.warehouse, days.shop.ledger, days.shop.project, at("2026-03-02 09:06")).counts) == {}
