"""What a scenario would have done on last year's days, on both engines; the project stays as it was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from hub.errors import ConfigurationError
from hub.ledger import Suppression, hashed
from hub.project.calendar import clock
from hub.project.segments import Segment
from hub.simulation import Simulation, simulate
from hub.warehouse import Warehouse
from tests.stages.days import WELCOME, Calendar, at, days_in
from tests.stages.engagement import project_in

SIMPLE = {**WELCOME, "steps": WELCOME["steps"][:1], "stop_when": "false"}


@pytest.fixture
def days(engine: str, warehouse: Warehouse, tmp_path: Path) -> Iterator[Calendar]:
    with days_in(tmp_path, warehouse) as opened:
        hub = opened.shop.project.hub.model_copy(update={"engine": engine})
        if engine != "duckdb":
            hub = hub.model_copy(update={"ledger": engine})
        yield Calendar(opened.shop.with_(hub=hub))


def replay(days: Calendar, first: str, last: str, name: str = "welcome", people: int | None = None) -> Simulation:
    days.shop.warehouse.publish(True)
    return simulate(days.shop.project, name, date.fromisoformat(first), date.fromisoformat(last), people)


def test_the_welcome_is_replayed_day_by_day_r17(days: Calendar) -> None:
    days.subscriber(1, "2026-03-02 08:00")
    days.subscriber(2, "2026-03-03 08:00", ["sms"], email=None, phone="+31612345678")
    found = replay(days, "2026-03-01", "2026-03-12")
    assert [(day.day.isoformat(), day.entries, day.messages) for day in found.days if day.entries or day.messages] == [
        ("2026-03-02", 1, {"email": 1}),
        ("2026-03-03", 1, {"sms": 1}),
        ("2026-03-09", 0, {"email": 1}),
        ("2026-03-10", 0, {"sms": 1}),
    ]
    assert found.steps == {"reminder": {"email": 1, "sms": 1}, "welcome": {"email": 1, "sms": 1}}
    assert (found.entries, found.entered_people, found.under_way, found.messages) == (2, 2, 0, {"email": 2, "sms": 2})


def test_the_project_stays_as_it_was_and_nothing_leaves(days: Calendar) -> None:
    days.subscriber(1, "2026-03-02 08:00")
    before = {name: days.shop.rows(name, "source_key") for name in ("message", "activity", "consent")}
    assert replay(days, "2026-03-01", "2026-03-04").messages == {"email": 1}
    assert {name: days.shop.rows(name, "source_key") for name in before} == before
    assert days.shop.rows("enrolment", "status") == days.shop.rows("decision", "outcome") == []
    assert days.shop.ledger.outbox.counts() == {}
    assert days.shop.taken("mail") == []


def test_the_same_days_give_the_same_numbers_and_a_sample_is_always_the_same(days: Calendar) -> None:
    for number in range(1, 13):
        days.subscriber(number, "2026-03-02 08:00", ["email"] if number % 2 else [])
    first, again = (replay(days, "2026-03-01", "2026-03-04", people=6) for _ in range(2))
    assert first == again
    assert (first.people, first.of_people, first.entries) == (6, 12, 6)
    everybody = replay(days, "2026-03-01", "2026-03-04", people=1000)
    assert (everybody.people, everybody.entries, everybody.messages) == (12, 12, {"email": 6})
    assert sum(everybody.refusals.values()) == 6


def test_what_came_later_does_not_count_yet(days: Calendar) -> None:
    """Facts, orders, consent and people are known from their own moment on."""
    scenario = {**SIMPLE, "trigger": {"any": [{"every": "month"}]}, "target": "order_count = 0"}
    days = days.with_({**scenario, "valid_for": "2 days"})
    early, late = days.subscriber(1, "2026-01-02 08:00"), days.subscriber(2, "2026-03-10 08:00", [])
    days.order(early, "2026-03-20 10:00")
    days.consent(late, "email", True, "2026-03-12 10:00")
    march = replay(days, "2026-03-01", "2026-03-31")
    assert [(day.day.isoformat(), day.entries) for day in march.days if day.entries] == [("2026-03-01", 1)]
    april = replay(days, "2026-04-01", "2026-04-02")
    assert (april.entries, april.messages) == (1, {"email": 1})


def test_a_segment_is_entered_by_those_who_were_not_in_it_the_day_before_r26(days: Calendar) -> None:
    scenario = {**SIMPLE, "trigger": {"any": [{"enters": "buyers"}]}}
    days = days.with_(scenario, segments={"buyers": Segment(where="order_count > 0")})
    old, new = days.subscriber(1, "2026-01-02 08:00"), days.subscriber(2, "2026-01-02 08:00")
    days.order(old, "2026-02-01 10:00")
    days.order(new, "2026-03-03 10:00")
    found = replay(days, "2026-03-01", "2026-03-08")
    assert [(day.day.isoformat(), day.messages) for day in found.days if day.messages] == [("2026-03-04", {"email": 1})]


def test_who_has_been_in_a_scenario_once_does_not_enter_again(days: Calendar) -> None:
    record = days.subscriber(1, "2026-03-01 08:00")
    days.run("2026-03-01 09:00")
    days.shop.event(record, "account_created", at("2026-03-04 08:00"))
    assert replay(days, "2026-03-03", "2026-03-10").entries == 0
    assert replay(days, "2026-03-01", "2026-03-10").messages == {"email": 2}


def test_the_messages_of_the_time_before_count_for_the_limit_r16(days: Calendar) -> None:
    days = days.with_(SIMPLE)
    record = days.subscriber(1, "2026-03-04 08:00")
    for number in range(2):
        moment = at(f"2026-03-0{number + 1} 10:00")
        given = {"record_id": record, "channel": "email", "purpose": "marketing", "sent_at": moment}
        days.shop.insert("message", connection="mailer", source_key=str(number), **given)
    found = replay(days, "2026-03-03", "2026-03-12")
    assert [day.day.isoformat() for day in found.days if day.messages] == ["2026-03-09"]
    reason = "limit reached: 2 marketing messages in 7 days"
    assert [(wait.reason, wait.people, wait.days) for wait in found.waits] == [(reason, 1, 5)]
    assert found.over_cap == 0


def test_people_over_the_limit_are_those_whom_other_systems_wrote_to_as_well_r16(days: Calendar) -> None:
    days = days.with_(SIMPLE)
    record = days.subscriber(1, "2026-03-04 08:00")
    for number in range(2):
        moment = at(f"2026-03-0{number + 5} 10:00")
        given = {"record_id": record, "channel": "email", "purpose": "marketing", "sent_at": moment}
        days.shop.insert("message", connection="mailer", source_key=str(number), **given)
    assert replay(days, "2026-03-03", "2026-03-12").over_cap == 1


def test_a_collision_says_which_scenario_went_first_r8(days: Calendar) -> None:
    days = days.with_(SIMPLE, {**SIMPLE, "scenario": "other", "priority": 90})
    days.subscriber(1, "2026-03-04 08:00")
    met = replay(days, "2026-03-03", "2026-03-08").collisions
    assert [(it.scenario, it.went_first, it.had_to_wait) for it in met] == [("other", 1, 0)]
    met = replay(days, "2026-03-03", "2026-03-08", "other").collisions
    assert [(it.scenario, it.went_first, it.had_to_wait) for it in met] == [("welcome", 0, 1)]


def test_lost_consent_and_interruptions_are_told(days: Calendar) -> None:
    days = days.with_({**WELCOME, "stop_when": "ordered"})
    quits, buys = days.subscriber(1, "2026-03-02 08:00"), days.subscriber(2, "2026-03-02 08:00")
    days.consent(quits, "email", False, "2026-03-05 10:00")
    days.order(buys, "2026-03-06 10:00")
    found = replay(days, "2026-03-01", "2026-03-30")
    assert found.consent_losses == {"email": 1}
    assert found.exits == {"interrupted: ordered": 1, "too late: nothing could be sent in time": 1}
    assert found.messages == {"email": 2}
    assert found.refusals == {"email: consent withdrawn; sms: no phone": 1}


def test_an_address_is_suppressed_from_the_moment_on_that_it_was(days: Calendar) -> None:
    days = days.with_(SIMPLE)
    for number, moment in ((1, "2026-03-02 08:00"), (2, "2026-03-06 08:00")):
        days.subscriber(number, moment, email="one@example.nl")
    mark = hashed(days.shop.project.key, "email", "one@example.nl")
    days.shop.ledger.suppressions.add([Suppression(mark, "marketing", "complained", "mail", at("2026-03-04 10:00"))])
    found = replay(days, "2026-03-01", "2026-03-10")
    assert [day.day.isoformat() for day in found.days if day.messages] == ["2026-03-02"]
    assert list(found.refusals) == ["email: suppressed, complained; sms: no phone"]


def test_reactions_that_a_message_really_had_count_again(days: Calendar) -> None:
    days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 09:00")
    days.react("opened", "2026-03-03 10:00")
    days.react("clicked", "2026-03-03 10:01")
    assert replay(days, "2026-03-01", "2026-03-20").steps == {"welcome": {"email": 1}}


def test_costs_are_told_where_the_project_knows_them_r35(days: Calendar) -> None:
    days.subscriber(1, "2026-03-02 08:00", ["sms"], email=None, phone="+31612345678")
    assert replay(days, "2026-03-01", "2026-03-12").cost is None
    hub = days.shop.project.hub.model_copy(update={"costs": {"sms": Decimal("0.07")}})
    assert replay(Calendar(days.shop.with_(hub=hub)), "2026-03-01", "2026-03-12").cost == {"sms": Decimal("0.14")}


def test_the_control_group_gets_nothing_r35(days: Calendar) -> None:
    days = days.with_({**SIMPLE, "control_group": "100%"})
    days.subscriber(1, "2026-03-02 08:00")
    found = replay(days, "2026-03-01", "2026-03-12")
    assert (found.entries, found.control, found.messages) == (1, 1, {})


def test_a_day_decides_at_the_time_of_the_schedule() -> None:
    assert clock(None) == clock("*/5 * * * *") == 9 * 60
    assert clock("30 18 * * mon-fri") == 18 * 60 + 30


def test_a_wrong_name_wrong_days_and_nothing_published_are_told(days: Calendar) -> None:
    day = date(2026, 3, 1)
    with pytest.raises(ConfigurationError, match=r"there is no scenario 'welcom'\. Did you mean 'welcome'"):
        simulate(days.shop.project, "welcom", day, day)
    with pytest.raises(ConfigurationError, match="before it begins"):
        simulate(days.shop.project, "welcome", day, date(2026, 2, 28))


def test_nothing_published_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nothing is published yet: run `hub run` first"):
        simulate(project_in(tmp_path), "welcome", date(2026, 3, 1), date(2026, 3, 1))


def test_what_other_steps_do_is_told_by_step_and_stays_in_the_scratch_space(days: Calendar) -> None:
    steps = [
        {"add_to": "newcomers"},
        {"task": "Ring", "to": "desk", "by": "phone"},
        {"banner": "toys", "at": "home", "for": "2 days"},
    ]
    days = days.with_({**SIMPLE, "steps": steps})
    days.subscriber(1, "2026-03-02 08:00", ["phone"], phone="+31612345678")
    days.subscriber(2, "2026-03-03 08:00", [])
    found = replay(days, "2026-03-01", "2026-03-04")
    assert found.done == {
        "add_to": {"added": 2},
        "banner": {"banners": 2},
        "task": {"tasks open": 1, "tasks refused": 1},
    }
    assert days.shop.rows("task", "state") == []
