"""The scenario engine: triggers, entries, waits, splits, limits, versions, ticks that change nothing (R8, R16, R26)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.ledger.outbox import Outbox
from hub.project.segments import Segment
from hub.project.traits import Trait
from hub.stages.activate import activate
from hub.stages.decide import decide
from hub.warehouse import Warehouse
from tests.stages.days import CART, WELCOME, Calendar, at, days_in

ONE_MAIL = {**WELCOME, "steps": WELCOME["steps"][:1], "stop_when": "false"}
SEND, REMIND = WELCOME["steps"][0], WELCOME["steps"][3]


@pytest.fixture
def days(warehouse: Warehouse, tmp_path: Path) -> Iterator[Calendar]:
    with days_in(tmp_path, warehouse) as opened:
        yield opened


def started_by(trigger: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    return {**ONE_MAIL, "trigger": {"any": [trigger]}, **changes}


def steps(*steps: Any, **changes: Any) -> dict[str, Any]:
    return {**ONE_MAIL, "steps": list(steps), **changes}


# Triggers


def test_entering_and_leaving_a_segment_start_once_per_transition_r26(days: Calendar) -> None:
    days = days.with_(
        started_by({"enters": "families"}, scenario="welcome", per="person, each time"),
        started_by({"leaves": "families"}, scenario="bye", per="person, each time", purpose="service"),
        segments={"families": Segment(where="interests = 'family'")},
    )
    days.subscriber(1, "2025-01-01 08:00")
    assert days.run("2026-03-02 10:00") == {}
    days.shop.update("person", {"person_id": 1}, interests="family")
    assert days.run("2026-03-03 10:00") == {"entered": 1, "queued": 1}
    assert days.run("2026-03-04 10:00") == {}
    days.shop.update("person", {"person_id": 1}, interests=None)
    assert days.run("2026-03-05 10:00") == {"entered": 1, "queued": 1}
    assert [row[0] for row in days.shop.rows("enrolment", "scenario", "entered_at")] == ["bye", "welcome"]


def test_a_condition_that_comes_true_starts_and_one_that_is_true_at_first_does_not(days: Calendar) -> None:
    days = days.with_(started_by({"becomes": "order_count >= 2"}, per="person, each time"))
    first, second = days.subscriber(1, "2025-01-01 08:00"), days.subscriber(2, "2025-01-01 08:00")
    days.order(first, "2026-01-01 10:00")
    days.order(first, "2026-01-02 10:00")
    days.order(second, "2026-01-02 10:00")
    assert days.run("2026-03-02 10:00") == {}
    days.order(second, "2026-03-02 11:00")
    assert days.run("2026-03-02 12:00") == {"entered": 1, "queued": 1}
    assert days.run("2026-03-03 12:00") == {}
    assert days.shop.rows("enrolment", "record_id") == ["shop:2"]


def test_a_condition_that_nobody_met_at_first_can_come_true(days: Calendar) -> None:
    days = days.with_(started_by({"becomes": "order_count >= 1"}))
    record = days.subscriber(1, "2025-01-01 08:00")
    assert days.run("2026-03-02 10:00") == {}
    days.order(record, "2026-03-02 11:00")
    assert days.run("2026-03-02 12:00")["queued"] == 1


@pytest.mark.parametrize(
    ("born", "quiet", "goes"),
    [
        (date(1990, 3, 5), "2026-03-04 23:59", "2026-03-05 00:00"),
        (date(1992, 2, 29), "2026-02-28 23:59", "2026-03-01 00:00"),
        (date(1992, 2, 29), "2028-02-28 23:59", "2028-02-29 00:00"),
    ],
)
def test_a_date_that_comes_back_every_year_starts_on_its_day(days: Calendar, born: date, quiet: str, goes: str) -> None:
    birthday = started_by({"date": "anniversary(birth_date)"}, per="person, again after 300 days", valid_for="2 days")
    days = days.with_(birthday)
    days.subscriber(1, "2025-01-01 08:00", birth_date=born)
    days.subscriber(2, "2025-01-01 08:00")
    assert days.run(quiet) == {}
    assert days.run(goes) == {"entered": 1, "queued": 1}
    assert days.run(goes.replace("00:00", "12:00")) == {}


def test_the_calendar_starts_everybody_in_the_target_once_a_quarter(days: Calendar) -> None:
    days = days.with_(
        started_by({"every": "quarter"}, per="person, each time", target="interests = 'cat'", valid_for="3 days")
    )
    days.subscriber(1, "2025-01-01 08:00", interests="cat")
    days.subscriber(2, "2025-01-01 08:00")
    assert days.run("2026-03-31 23:59") == {}
    assert days.run("2026-04-01 00:00") == {"entered": 1, "queued": 1}
    assert days.run("2026-04-02 10:00") == {}
    assert days.run("2026-07-01 10:00")["entered"] == 1


def test_events_in_the_future_too_old_or_without_a_person_start_nothing(days: Calendar) -> None:
    days = days.with_(ONE_MAIL)
    record = days.subscriber(1, "2026-03-05 10:00")
    days.subscriber(2, "2020-01-01 10:00")
    row = {"connection": "shop", "type": "account_created", "at": at("2026-03-02 08:00")}
    days.shop.insert("activity", source_key="x1", record_id=None, **row)
    days.shop.insert("activity", source_key="x2", record_id="shop:unknown", **row)
    assert days.run("2026-03-02 10:00") == {}
    assert days.run("2026-03-05 10:00")["entered"] == 1  # its time has come, without any news
    assert days.shop.rows("enrolment", "record_id") == [record]


def test_an_event_from_before_the_account_counts_when_it_is_recent_enough(days: Calendar) -> None:
    days = days.with_(ONE_MAIL)
    days.shop.event("web:device", "newsletter_subscribed", at("2026-03-01 10:00"))
    assert days.run("2026-03-02 10:00") == {}
    days.shop.person(1, email="a@example.nl", consent=["email"])
    days.shop.insert("source_record", connection="web", source_key="device", record_id="web:device", person_id=1)
    assert days.run("2026-03-03 10:00")["queued"] == 1
    assert days.shop.rows("enrolment", "entered_at") == [at("2026-03-01 10:00")]


# Entries


def test_the_same_event_in_two_loads_and_two_ticks_counts_once(days: Calendar) -> None:
    days = days.with_({**ONE_MAIL, "per": "person, each time"})
    record = days.subscriber(1, "2026-03-02 08:00")
    days.shop.event(record, "account_created", at("2026-03-02 08:00"))
    assert days.run("2026-03-02 10:00")["entered"] == 1
    days.shop.event(record, "newsletter_subscribed", at("2026-03-02 07:00"))  # comes late, and is older
    assert days.run("2026-03-02 11:00") == {}
    days.shop.update("activity", {"source_key": "a1"}, subject="delivered again, with other bytes", load_id="9")
    assert days.run("2026-03-02 12:00") == {}
    days.shop.update("activity", {"source_key": "a1"}, at=at("2026-03-02 11:30"))  # the same row, happening anew
    assert days.run("2026-03-02 13:00")["entered"] == 1


def test_one_may_enter_again_after_the_time_that_is_asked(days: Calendar) -> None:
    days = days.with_({**ONE_MAIL, "per": "person, again after 90 days"})
    record = days.subscriber(1, "2026-01-10 08:00")
    assert days.run("2026-01-10 10:00")["entered"] == 1
    for local in ("2026-01-20 08:00", "2026-04-10 07:59"):
        days.shop.event(record, at=at(local))
        assert days.run(local) == {}
    days.shop.event(record, at=at("2026-04-10 08:00"))
    assert days.run("2026-04-10 08:00")["queued"] == 1
    assert days.shop.rows("enrolment", "occurrence") == [1, 2]


def test_two_entries_that_are_both_recent_are_both_made_in_one_tick(days: Calendar) -> None:
    days = days.with_({**ONE_MAIL, "per": "person, again after 1 day", "purpose": "service"})
    record = days.subscriber(1, "2026-03-02 08:00")
    days.shop.event(record, at=at("2026-03-04 08:00"))
    assert days.run("2026-03-05 10:00") == {"entered": 2, "queued": 2}
    assert days.run("2026-03-05 10:00") == {}


def test_who_enters_again_while_they_wait_for_a_date_has_two_ways(days: Calendar) -> None:
    waiting = steps({"wait": {"date": "birth_date + 13149 days"}}, SEND, per="person, again after 5 days")
    days = days.with_({**waiting, "target": "true", "purpose": "service"})
    record = days.subscriber(1, "2026-03-01 08:00", birth_date=date(1990, 3, 19))  # until 2026-03-19
    assert days.run("2026-03-01 10:00")["entered"] == 1
    days.shop.event(record, at=at("2026-03-07 08:00"))
    assert days.run("2026-03-07 10:00")["entered"] == 1
    assert days.status() == [("active", None), ("active", None)]
    assert days.run("2026-03-19 10:00")["queued"] == 2


def test_people_who_merge_while_both_wait_go_on_as_one(days: Calendar) -> None:
    days.subscriber(1, "2026-03-02 08:00")
    days.subscriber(2, "2026-03-02 09:00")
    days.run("2026-03-02 10:00")
    days.shop.merge(into=1, other=2)
    assert days.run("2026-03-03 10:00") == {"merged": 1}
    assert days.run("2026-03-09 10:00")["queued"] == 1
    assert Counter(template for _, template, _ in days.sent()) == {"welcome": 2, "reminder": 1}


# Waits and splits


@pytest.mark.parametrize(
    ("wait", "came", "early", "goes"),
    [
        ({"to": "working day"}, "2026-04-30 10:00", None, "2026-04-30 10:00"),
        ({"to": "working day"}, "2026-04-04 10:00", "2026-04-06 23:59", "2026-04-07 00:00"),  # Easter
        ({"to": "working day", "at": "09:00"}, "2026-04-02 08:00", "2026-04-02 08:59", "2026-04-02 09:00"),
        ({"to": "working day", "at": "09:00"}, "2026-04-03 10:00", "2026-04-07 08:59", "2026-04-07 09:00"),
        ({"at": "09:00"}, "2026-04-04 10:00", "2026-04-05 08:59", "2026-04-05 09:00"),
        ({"for": "36 hours"}, "2026-03-28 12:00", "2026-03-30 00:59", "2026-03-30 01:00"),  # exact hours
        ({"for": "2 days", "at": "09:00"}, "2026-03-02 12:00", "2026-03-05 08:59", "2026-03-05 09:00"),
        ({"date": "birth_date + 13149 days"}, "2026-03-02 12:00", "2026-03-08 23:59", "2026-03-09 00:00"),
        ({"date": "entered_at + 3 days"}, "2026-03-02 12:00", "2026-03-05 11:59", "2026-03-05 12:00"),
        ({"date": "birth_date"}, "2026-03-02 12:00", None, "2026-03-02 12:00"),  # it has passed
        ({"date": "birth_date", "to": "working day"}, "2026-03-02 12:00", None, "2026-03-02 12:00"),
    ],
)
def test_a_wait_ends_at_its_moment(
    days: Calendar, wait: dict[str, str], came: str, early: str | None, goes: str
) -> None:
    days = days.with_(steps({"wait": wait}, SEND, target="true"))
    days.subscriber(1, came, birth_date=date(1990, 3, 9))
    if early is not None:
        days.run(came)
        assert days.run(early) == {}
    assert days.run(goes)["queued"] == 1


def test_working_days_are_those_of_the_country(days: Calendar) -> None:
    hub = days.shop.project.hub.model_copy(update={"locale": "nl-BE"})
    days = Calendar(days.with_(steps({"wait": {"to": "working day"}}, SEND)).shop.with_(hub=hub))
    days.subscriber(1, "2026-04-27 10:00")  # a holiday in the Netherlands
    assert days.run("2026-04-27 10:00")["queued"] == 1
    days.subscriber(2, "2026-07-21 10:00")  # one in Belgium
    assert days.run("2026-07-21 10:00") == {"entered": 1}
    assert days.run("2026-07-22 00:00") == {"queued": 1}


def test_working_days_may_be_those_of_the_country_in_which_each_person_lives(days: Calendar) -> None:
    days = days.with_(steps({"wait": {"to": "working day of the person", "at": "09:00"}}, SEND))
    countries = ["NL", "BE", "be", "ZZ", None]
    for number, country in enumerate(countries):
        days.subscriber(number, "2026-07-21 08:00", country=country)  # a holiday in Belgium
        days.subscriber(10 + number, "2026-04-27 08:00", country=country)  # and one in the Netherlands
        days.subscriber(20 + number, "2026-03-28 12:00", country=country)  # the clock goes forward on Sunday
    gone = []
    for moment in ("2026-03-30 08:59", "2026-03-30 09:00", "2026-04-27 09:00", "2026-04-28 09:00"):
        gone.append(days.run(moment).get("queued", 0))
    for moment in ("2026-07-21 09:00", "2026-07-22 08:59", "2026-07-22 09:00"):
        gone.append(days.run(moment).get("queued", 0))
    assert gone == [0, 5, 2, 3, 3, 0, 2]


def test_who_has_no_date_to_wait_for_ends(days: Calendar) -> None:
    days = days.with_(steps({"wait": {"date": "birth_date"}}, SEND))
    days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 10:00")
    assert days.status() == [("stopped", "has no date to wait for")]


def test_waits_count_from_when_their_turn_was_not_from_when_the_hub_ran(days: Calendar) -> None:
    days = days.with_(steps({"wait": "1 day"}, {"wait": "1 day"}, SEND))
    days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 10:00")
    assert days.run("2026-03-03 23:00") == {}
    assert days.run("2026-03-04 08:00")["queued"] == 1


def test_a_hub_that_was_down_does_everything_that_is_due_and_nothing_that_is_too_late(days: Calendar) -> None:
    days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 10:00")
    assert days.run("2026-03-12 10:00")["queued"] == 1
    days.subscriber(2, "2026-03-12 11:00")
    days.run("2026-03-12 12:00")
    assert days.run("2026-04-10 12:00") == {"expired": 1}


def test_what_happened_since_the_entry_can_end_a_wait(days: Calendar) -> None:
    wait = {"wait": {"until": "happened('shop_visit')", "at_most": "7 days"}}
    days = days.with_(steps(wait, SEND))
    record = days.subscriber(1, "2026-03-02 08:00")
    days.shop.event(record, "shop_visit", at("2026-03-01 08:00"))
    assert days.run("2026-03-02 10:00") == {"entered": 1}
    days.shop.event(record, "shop_visit", at("2026-03-03 08:00"))
    assert days.run("2026-03-03 10:00")["queued"] == 1


def test_a_split_divides_people_by_a_draw_that_never_changes(days: Calendar) -> None:
    split = {"a": {"share": "50%", "steps": [SEND]}, "b": {"share": "50%", "steps": [{"end": "told nothing"}]}}
    days = days.with_(steps({"split": split}))
    for number in range(1, 31):
        days.subscriber(number, "2026-03-02 08:00")
    days.run("2026-03-02 10:00")
    drawn = days.shop.rows("enrolment", "record_id", "variant", "reason")
    assert 6 <= sum(variant == "a" for _, variant, _ in drawn) <= 24
    assert {(variant, reason) for _, variant, reason in drawn} == {("a", "message queued"), ("b", "told nothing")}
    with days.shop.warehouse.begin() as transaction:
        for table in ("enrolment", "decision", "message"):
            transaction.execute(sa.delete(transaction.table(table)))
    days.shop.event("shop:1", at=at("2026-03-02 09:00"))
    days.run("2026-03-02 11:00")
    assert days.shop.rows("enrolment", "record_id", "variant", "reason") == drawn


def test_both_ways_of_a_branch_come_together_again(days: Calendar) -> None:
    branch = {"if": "interests = 'cat'", "then": [{"wait": "1 day"}], "else": []}
    days = days.with_(steps(branch, SEND))
    days.subscriber(1, "2026-03-02 08:00", interests="cat")
    days.subscriber(2, "2026-03-02 08:00")
    assert days.run("2026-03-02 10:00")["queued"] == 1
    assert days.run("2026-03-03 08:00")["queued"] == 1


# Limits


def test_two_marketing_messages_in_seven_days_are_enough_r16(days: Calendar) -> None:
    others = [{**ONE_MAIL, "scenario": name, "priority": number} for number, name in enumerate(("c", "b", "a"), 10)]
    days = days.with_(*others)
    days.subscriber(1, "2026-03-02 08:00")
    assert days.run("2026-03-02 10:00") == {"entered": 3, "queued": 1, "waiting": 2}
    assert days.run("2026-03-03 10:00") == {"queued": 1, "waiting": 1}
    assert days.run("2026-03-04 10:00") == {"waiting": 1}
    assert ("active", "limit reached: 2 marketing messages in 7 days") in days.status()
    assert days.run("2026-03-09 09:59") == {"waiting": 1}
    assert days.run("2026-03-09 10:00") == {"queued": 1}  # the first has left the window


def test_a_message_that_did_not_arrive_does_not_count_r16(days: Calendar) -> None:
    days = days.with_(ONE_MAIL, {**ONE_MAIL, "scenario": "second"}).limited(marketing="1 per 7 days")
    days.subscriber(1, "2026-03-02 08:00")
    assert days.run("2026-03-02 10:00") == {"entered": 2, "queued": 1, "waiting": 1}
    days.come_back("bounced", "2026-03-02 11:00")
    assert days.run("2026-03-02 12:00") == {"failed": 1, "queued": 1}


def test_a_message_over_the_limit_can_be_dropped_and_its_way_goes_on(days: Calendar) -> None:
    drop = steps({**SEND, "if_capped": "drop"}, {"wait": "10 days"}, REMIND, valid_for="20 days")
    days = days.with_({**ONE_MAIL, "scenario": "first", "priority": 99}, drop).limited(marketing="1 per 7 days")
    days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 10:00")
    assert days.run("2026-03-03 00:00") == {"dropped": 1}
    assert days.shop.rows("decision", "scenario", "outcome", "reason")[1] == (
        "welcome",
        "dropped",
        "limit reached: 1 marketing messages in 7 days",
    )
    assert days.run("2026-03-13 00:00")["queued"] == 1


def test_service_messages_are_exempt_from_all_limits_r16(days: Calendar) -> None:
    days = days.with_({**ONE_MAIL, "purpose": "service"}).limited(
        marketing="0 per 7 days", quiet={"send": "09:00-20:00"}
    )
    days.subscriber(1, "2026-03-02 08:00")
    assert days.run("2026-03-02 23:00")["queued"] == 1


def test_a_channel_has_a_limit_of_its_own(days: Calendar) -> None:
    sms = {**ONE_MAIL, "steps": [{**SEND, "by": ["sms"]}, {"wait": "1 day"}, {**REMIND, "by": ["sms"]}]}
    days = days.with_(sms).limited(channels={"sms": "1 per 2 weeks"})
    days.subscriber(1, "2026-03-02 08:00", consent=["sms"], phone="+31612345678")
    days.run("2026-03-02 10:00")
    assert days.run("2026-03-03 10:00") == {"waiting": 1}
    assert ("active", "limit reached: 1 sms messages in 14 days") in days.status()


def test_a_household_has_a_limit_of_its_own(days: Calendar) -> None:
    home = {"street": "Dorpsstraat", "house_number": "1", "postcode": "1234AB", "city": "Ons Dorp", "household_id": 1}
    letter = steps({**SEND, "by": ["letter"]}, valid_for="60 days")
    days = days.with_(letter).limited(household={"letter": "1 per 30 days"})
    for number in (1, 2):
        days.subscriber(number, "2026-03-02 08:00", consent=["letter"], **home)
    days.subscriber(3, "2026-03-02 08:00", consent=["letter"], **{**home, "household_id": None})
    assert days.run("2026-03-02 10:00") == {"entered": 3, "queued": 2, "waiting": 1}
    assert ("active", "limit reached: 1 letter messages in 30 days to a household") in days.status()
    assert days.run("2026-04-01 10:00")["queued"] == 1


@pytest.mark.parametrize(
    ("came", "opens"),
    [
        ("2026-03-02 08:00", "2026-03-02 09:00"),
        ("2026-03-02 20:00", "2026-03-03 09:00"),
        ("2026-03-07 21:00", "2026-03-09 09:00"),  # a Sunday between
        ("2026-04-26 10:00", "2026-04-28 09:00"),  # a Sunday, then the King's birthday
        ("2026-03-28 20:30", "2026-03-30 09:00"),  # the clock goes forward
        ("2026-10-24 20:30", "2026-10-26 09:00"),  # and back
    ],
)
def test_messages_wait_for_the_quiet_hours_to_end(days: Calendar, came: str, opens: str) -> None:
    days = days.with_(ONE_MAIL).limited(quiet={"send": "09:00-20:00", "not_on": ["sunday", "holidays"]})
    days.subscriber(1, came)
    assert days.run(came) == {"entered": 1, "waiting": 1}
    with days.shop.warehouse.begin() as transaction:
        due = transaction.scalar(sa.select(transaction.table("enrolment").c.due_at))
    assert due == at(opens)
    days.run((at(opens) - timedelta(minutes=1)).astimezone(at(opens).tzinfo).isoformat()[:16].replace("T", " "))
    assert days.run(opens)["queued"] == 1


def test_consent_is_asked_again_when_the_quiet_hours_end(days: Calendar) -> None:
    days = days.with_(ONE_MAIL).limited(quiet={"send": "09:00-20:00"})
    record = days.subscriber(1, "2026-03-02 21:00")
    days.run("2026-03-02 21:30")
    days.consent(record, "email", False, "2026-03-02 22:00")
    assert days.run("2026-03-03 09:00") == {"refused": 1}


def test_what_was_queued_in_time_and_is_tried_again_waits_for_the_quiet_hours_to_end(days: Calendar) -> None:
    days = days.with_(ONE_MAIL).limited(quiet={"send": "09:00-20:00"})
    days.subscriber(1, "2026-03-02 19:00")
    days.run("2026-03-02 19:30")
    shop = days.shop
    assert activate(shop.warehouse, shop.ledger, shop.project, at("2026-03-02 20:30")).skipped
    assert activate(shop.warehouse, shop.ledger, shop.project, at("2026-03-03 09:00")).counts == {"accepted": 1}


# Ticks


def test_the_same_moment_twice_changes_nothing(days: Calendar) -> None:
    days = days.with_(WELCOME, CART)
    for number in range(1, 6):
        days.subscriber(number, "2026-03-02 08:00")
    for local in ("2026-03-02 10:00", "2026-03-09 10:00"):
        days.run(local)
        before = everything(days)
        with days.shop.warehouse.begin() as transaction:
            state = transaction.table("stage_state")
            transaction.execute(sa.delete(state).where(state.c.stage.like("decide %")))  # not even by the guard
        assert days.run(local) == {}
        assert everything(days) == before


def everything(days: Calendar) -> list[Any]:
    columns = {
        "enrolment": ("enrolment_id", "step", "since", "due_at", "status", "reason", "message_id"),
        "decision": ("decision_id", "outcome", "reason"),
        "message": ("source_key", "sent_at"),
    }
    return [days.shop.rows(table, *names) for table, names in columns.items()]


def test_a_tick_without_news_is_one_look(days: Calendar) -> None:
    days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 10:00")
    days.run("2026-03-02 10:30")
    statements: list[str] = []
    engine = days.shop.warehouse.engine
    sa.event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    moment = at("2026-03-02 11:00")
    assert decide(days.shop.warehouse, days.shop.ledger, days.shop.project, moment).skipped
    assert len(statements) <= 8, statements
    assert not any("enrolment" in text for text in statements)


def test_a_tick_that_dies_changes_nothing_and_the_next_one_does_it_all(
    days: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 10:00")
    before = everything(days)
    with monkeypatch.context() as patch:
        patch.setattr("hub.stages.decide.remembered_until", _break)
        with pytest.raises(RuntimeError):
            days.run("2026-03-09 10:00")
    assert everything(days) == before
    with monkeypatch.context() as patch:
        patch.setattr(Outbox, "add", _break)
        with pytest.raises(RuntimeError):
            days.run("2026-03-09 10:00")
    days.run("2026-03-09 10:00")
    assert days.shop.ledger.outbox.counts() == {"queued": 2}
    assert len(days.sent()) == 2


def _break(*_: object) -> str:
    raise RuntimeError("the machine stops here")


def test_who_has_no_traits_yet_stays_where_they_are(days: Calendar) -> None:
    days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 10:00")
    with days.shop.warehouse.begin() as transaction:
        transaction.execute(sa.text("DELETE FROM store.trait"))
    moment = at("2026-03-09 10:00")
    decide(days.shop.warehouse, days.shop.ledger, days.shop.project, moment)  # resolved, and not enriched
    assert days.shop.rows("enrolment", "step", "status") == [("if", "active")]
    assert days.run("2026-03-09 11:00")["queued"] == 1


# Versions


def test_who_entered_an_old_version_goes_on_with_it(days: Calendar) -> None:
    days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 10:00")
    days = days.with_({**WELCOME, "steps": [SEND]})
    days.subscriber(2, "2026-03-02 10:30")
    assert days.run("2026-03-02 11:00")["queued"] == 1
    assert days.run("2026-03-09 11:00")["queued"] == 1
    assert [template for _, template, _ in days.sent()] == ["welcome", "welcome", "reminder"]
    assert len(days.shop.rows("scenario_version", "version")) == 2


def test_those_under_way_move_to_the_new_version_where_it_says_so(days: Calendar) -> None:
    days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 10:00")
    shorter = [SEND, {"wait": "3 days"}, {**REMIND, "send": "welcome", "name": "second"}]
    days = days.with_({**WELCOME, "steps": shorter, "when_changed": "move"})
    assert days.run("2026-03-05 09:59") == {}
    assert days.run("2026-03-05 10:00")["queued"] == 1
    assert [template for _, template, _ in days.sent()] == ["welcome", "welcome"]


def test_a_message_that_a_move_leads_to_a_second_time_is_not_sent_again(days: Calendar) -> None:
    wait = {"wait": "7 days", "name": "week"}
    days = days.with_(steps(SEND, wait, REMIND))
    days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 10:00")
    days = days.with_(steps(wait, SEND, REMIND, when_changed="move"))
    assert days.run("2026-03-09 10:00")["queued"] == 1
    assert [template for _, template, _ in days.sent()] == ["welcome", "reminder"]
    assert days.status() == [("done", "message queued")]


def test_who_is_at_a_step_that_the_new_version_lacks_ends(days: Calendar) -> None:
    days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 10:00")
    days = days.with_({**WELCOME, "steps": [SEND], "when_changed": "move"})
    days.run("2026-03-03 10:00")
    assert days.status() == [("stopped", "its step is not in the new version of the scenario")]


def test_an_old_version_that_uses_what_is_gone_ends_those_under_way(days: Calendar) -> None:
    traits = {**days.shop.project.traits, "mood": Trait(**{"is": "'good'"})}
    days = days.with_({**WELCOME, "stop_when": "mood = 'bad'"}, traits=traits)
    days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 10:00")
    traits.pop("mood")
    days = days.with_(WELCOME, traits=traits)
    days.run("2026-03-03 10:00")
    assert days.status() == [("stopped", "its version of the scenario uses what is no longer there")]


def test_the_values_for_a_template_are_those_of_the_moment_it_was_queued(days: Calendar) -> None:
    days.subscriber(1, "2026-03-02 08:00", interests="dog")
    days.run("2026-03-02 10:00")
    (content,) = days.shop.rows("decision", "content")
    assert json.loads(content)["species"] == "dog"
