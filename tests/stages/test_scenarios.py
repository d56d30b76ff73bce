"""Scenarios on a simulated calendar: the welcome, the stock that runs low, the abandoned cart (R8, R11, R17-R19)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.project.traits import Trait
from hub.stages.activate.last_look import last_look
from hub.warehouse import Warehouse
from tests.stages.days import CART, STOCK_LOW, WELCOME, Calendar, at, days_in


@pytest.fixture
def days(warehouse: Warehouse, tmp_path: Path) -> Iterator[Calendar]:
    with days_in(tmp_path, warehouse) as opened:
        yield opened


# R17: the welcome


def test_who_does_nothing_is_reminded_once_after_seven_days_r17(days: Calendar) -> None:
    days.subscriber(1, "2026-03-02 08:00")
    assert days.run("2026-03-02 10:00")["queued"] == 1
    for local in ("2026-03-08 10:00", "2026-03-09 09:59"):
        assert days.run(local) == {}
    assert days.run("2026-03-09 10:00")["queued"] == 1
    for local in ("2026-03-16 10:00", "2026-06-01 10:00"):
        assert days.run(local) == {}
    assert days.sent() == [("2026-03-02 10:00", "welcome", "email"), ("2026-03-09 10:00", "reminder", "email")]
    assert days.status() == [("done", "message queued")]


def test_who_opens_and_clicks_gets_no_reminder_r17(days: Calendar) -> None:
    days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 10:00")
    days.react("clicked", "2026-03-03 12:00")
    days.run("2026-03-03 13:00")
    assert days.status() == [("done", "came to its end")]
    days.run("2026-03-09 10:00")
    assert len(days.sent()) == 1


def test_who_only_opens_is_reminded_r17(days: Calendar) -> None:
    days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 10:00")
    days.react("opened", "2026-03-03 12:00")
    assert days.run("2026-03-04 10:00") == {}
    assert days.run("2026-03-09 10:00")["queued"] == 1


def test_who_orders_without_opening_goes_on_and_is_reminded_as_the_rule_says_r17(days: Calendar) -> None:
    record = days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 10:00")
    days.react("opened", "2026-03-02 11:00")
    days.order(record, "2026-03-03 12:00")
    days.run("2026-03-03 13:00")
    assert days.status() == [("done", "came to its end")]  # opened and ordered
    assert len(days.sent()) == 1


def test_a_cancelled_order_and_one_of_the_future_are_no_reaction(days: Calendar) -> None:
    record = days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 10:00")
    days.react("opened", "2026-03-02 11:00")
    days.order(record, "2026-03-03 12:00", status="cancelled")
    days.order(record, "2026-03-20 12:00")
    assert days.run("2026-03-09 10:00")["queued"] == 1


def test_an_order_before_the_first_message_interrupts_r11(days: Calendar) -> None:
    record = days.subscriber(1, "2026-03-02 08:00")
    days.order(record, "2026-03-02 09:00")
    assert days.run("2026-03-02 10:00") == {"entered": 1, "interrupted": 1}
    assert days.sent() == []


def test_who_can_not_be_mailed_gets_the_sms_and_the_same_reminder_r17(days: Calendar) -> None:
    days.subscriber(1, "2026-03-02 08:00", consent=["sms"], email=None, phone="+31612345678")
    days.run("2026-03-02 10:00")
    days.run("2026-03-09 10:00")
    assert days.sent() == [("2026-03-02 10:00", "welcome", "sms"), ("2026-03-09 10:00", "reminder", "sms")]


def test_who_can_not_be_reached_at_all_gets_nothing_and_ends_in_time(days: Calendar) -> None:
    days.subscriber(1, "2026-03-02 08:00", consent=())
    assert days.run("2026-03-02 10:00") == {"entered": 1, "refused": 1}
    assert days.run("2026-03-16 07:59") == {"refused": 1}  # a new day: asked again
    assert days.run("2026-03-16 08:00") == {"expired": 1}
    assert days.status() == [("stopped", "too late: nothing could be sent in time")]


def test_a_withdrawal_between_the_messages_stops_the_reminder(days: Calendar) -> None:
    record = days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 10:00")
    days.consent(record, "email", False, "2026-03-05 10:00")
    assert days.run("2026-03-09 10:00") == {"refused": 1}
    assert days.shop.rows("decision", "step", "outcome", "reason") == [
        ("reminder", "refused", "email: consent withdrawn; sms: no phone"),
        ("welcome", "queued", "email: chosen"),
    ]


@pytest.mark.parametrize("state", ["bounced", "rejected"])
def test_a_message_that_does_not_arrive_is_followed_by_the_next_channel_r17(days: Calendar, state: str) -> None:
    days.subscriber(1, "2026-03-02 08:00", consent=["email", "sms"], phone="+31612345678")
    days.run("2026-03-02 10:00")
    days.come_back(state, "2026-03-02 10:05")
    assert days.run("2026-03-02 11:00") == {"failed": 1, "queued": 1}
    assert days.run("2026-03-02 12:00") == {}
    days.come_back(state, "2026-03-02 12:05")
    assert days.run("2026-03-02 13:00") == {"failed": 1}  # no channel is left
    assert days.sent() == [("2026-03-02 10:00", "welcome", "email"), ("2026-03-02 11:00", "welcome", "sms")]


def test_the_next_channel_follows_only_while_the_message_is_valid(days: Calendar) -> None:
    days.subscriber(1, "2026-03-02 08:00", consent=["email", "sms"], phone="+31612345678")
    short = {**WELCOME, "steps": WELCOME["steps"][:1]}
    days = days.with_(short)
    days.run("2026-03-02 10:00")
    days.come_back("bounced", "2026-03-16 07:00")
    assert days.run("2026-03-16 08:00") == {"failed": 1}


def test_each_channel_of_three_follows_the_one_that_failed_until_the_way_is_interrupted(days: Calendar) -> None:
    send = {**WELCOME["steps"][0], "by": ["email", "sms", "letter"]}
    days = days.with_({**WELCOME, "steps": [send], "stop_when": "ordered"})
    home = {"street": "Dorpsstraat", "house_number": "1", "postcode": "1234AB", "city": "Ons Dorp"}
    given = {"consent": ["email", "sms", "letter"], "phone": "+31612345678", **home}
    days.subscriber(1, "2026-03-02 08:00", **given)
    buyer = days.subscriber(2, "2026-03-02 08:00", **given)
    assert days.run("2026-03-02 10:00")["queued"] == 2
    days.come_back("bounced", "2026-03-02 10:05")
    assert days.run("2026-03-02 11:00") == {"failed": 2, "queued": 2}
    days.come_back("rejected", "2026-03-02 11:05")
    days.order(buyer, "2026-03-02 11:10")  # after the last step, and before the letter
    assert days.run("2026-03-02 12:00") == {"failed": 2, "queued": 1}
    assert [channel for _, _, channel in days.sent()] == ["email", "email", "sms", "sms", "letter"]


def test_a_message_that_fails_after_a_later_one_has_gone_is_followed_by_no_other_channel(days: Calendar) -> None:
    first, later = WELCOME["steps"][0], {"send": "reminder", "by": "sms"}
    days = days.with_({**WELCOME, "steps": [first, {"wait": "1 day"}, later]})
    days.subscriber(1, "2026-03-02 08:00", consent=["email", "sms"], phone="+31612345678")
    days.run("2026-03-02 10:00")
    with days.shop.ledger.engine.begin() as connection:
        mails = connection.execute(sa.text("SELECT id FROM outbox")).scalars().all()
    days.run("2026-03-03 10:00")
    days.shop.ledger.outbox.move(dict.fromkeys(mails, ""), "bounced", at("2026-03-03 11:00"))
    assert days.run("2026-03-03 12:00") == {"failed": 1}


def test_a_click_at_the_very_moment_of_the_deadline_is_in_time(days: Calendar) -> None:
    days.subscriber(1, "2026-03-02 08:00")
    days.run("2026-03-02 10:00")
    days.react("clicked", "2026-03-09 10:00")
    assert days.run("2026-03-09 10:00") == {}
    assert days.status() == [("done", "came to its end")]


def test_no_click_by_a_deadline_can_lead_to_another_channel(days: Calendar) -> None:
    steps = [
        WELCOME["steps"][0],
        {"wait": {"until": "clicked", "at_most": "2 days"}},
        {"if": "clicked", "then": "stop"},
        {"send": "reminder", "by": "sms"},
    ]
    days = days.with_({**WELCOME, "steps": steps})
    days.subscriber(1, "2026-03-02 08:00", consent=["email", "sms"], phone="+31612345678")
    days.run("2026-03-02 10:00")
    days.run("2026-03-04 10:00")
    assert [channel for _, _, channel in days.sent()] == ["email", "sms"]


def test_the_interruption_of_the_pinned_version_is_asked_again_when_the_message_goes_out(days: Calendar) -> None:
    record = days.subscriber(1, "2026-03-02 08:00")
    days = days.with_({**WELCOME, "stop_when": "ordered"})
    days.run("2026-03-02 10:00")
    days.order(record, "2026-03-02 10:01")
    days = days.with_({**WELCOME, "stop_when": "false"})
    due = days.shop.ledger.outbox.due("mail", at("2026-03-02 10:02"), 10)
    looked = last_look(days.shop.warehouse, days.shop.ledger, days.shop.project, due, at("2026-03-02 10:02"))
    assert list(looked.cancelled.values()) == ["interrupted: ordered"]


def test_a_message_whose_version_can_not_be_asked_any_more_does_not_go_and_the_others_do(days: Calendar) -> None:
    traits = {**days.shop.project.traits, "mood": Trait(**{"is": "'good'"})}
    short = {**WELCOME, "steps": WELCOME["steps"][:1], "stop_when": "false"}
    days.subscriber(1, "2026-03-02 08:00")
    days.with_({**short, "stop_when": "mood = 'bad'"}, traits=traits).run("2026-03-02 10:00")
    days = days.with_(short)
    days.subscriber(2, "2026-03-02 10:30")
    days.run("2026-03-02 11:00")
    due = days.shop.ledger.outbox.due("mail", at("2026-03-02 11:00"), 10)
    looked = last_look(days.shop.warehouse, days.shop.ledger, days.shop.project, due, at("2026-03-02 11:00"))
    assert list(looked.cancelled.values()) == ["its version of the scenario uses what is no longer there"]
    assert [one.address["email"] for one in looked.cleared] == ["person2@example.nl"]


# R18: the stock runs low


@pytest.mark.parametrize(
    ("product", "quiet", "goes"),
    [
        ("K1", ["2026-03-15 12:00", "2026-03-16 11:59"], "2026-03-16 12:00"),
        ("K2", ["2026-03-22 12:00", "2026-03-23 11:59"], "2026-03-23 12:00"),
    ],
)
def test_kibble_lasts_fourteen_days_and_an_xl_pack_twenty_one_r18(
    days: Calendar, product: str, quiet: list[str], goes: str
) -> None:
    days = days.with_(STOCK_LOW)
    record = days.subscriber(1, "2026-01-01 08:00")
    days.order(record, "2026-03-02 12:00", product)
    days.run("2026-03-02 13:00")
    for local in quiet:
        assert days.run(local) == {}
    assert days.run(goes)["queued"] == 1
    assert days.run("2026-03-24 12:00") == {}


def test_a_day_late_it_still_goes_r18(days: Calendar) -> None:
    days = days.with_(STOCK_LOW)
    days.order(days.subscriber(1, "2026-01-01 08:00"), "2026-03-02 12:00", "K1")
    assert days.run("2026-03-17 12:00")["queued"] == 1


def test_buying_again_interrupts_and_the_days_count_from_then_r18(days: Calendar) -> None:
    days = days.with_(STOCK_LOW)
    record = days.subscriber(1, "2026-01-01 08:00")
    days.order(record, "2026-03-02 12:00", "K1")
    days.run("2026-03-02 13:00")
    days.order(record, "2026-03-10 12:00", "K1")
    days.run("2026-03-10 13:00")
    assert days.run("2026-03-16 12:00") == {}
    assert days.run("2026-03-24 12:00")["queued"] == 1
    assert days.status() == [("done", "message queued"), ("stopped", "started afresh: triggered again")]


def test_toys_start_nothing_and_two_lines_of_one_order_start_one_r18(days: Calendar) -> None:
    days = days.with_(STOCK_LOW)
    record = days.subscriber(1, "2026-01-01 08:00")
    days.order(record, "2026-03-02 12:00", "T1")
    assert days.run("2026-03-02 13:00") == {}
    days.order(record, "2026-03-03 12:00", "K1")
    days.order(record, "2026-03-03 12:00", "K1")
    assert days.run("2026-03-03 13:00") == {"entered": 1}
    assert days.run("2026-03-17 12:00")["queued"] == 1


def test_who_can_not_be_mailed_does_not_start_r18(days: Calendar) -> None:
    days = days.with_(STOCK_LOW)
    days.order(days.subscriber(1, "2026-01-01 08:00", consent=()), "2026-03-02 12:00", "K1")
    assert days.run("2026-03-02 13:00") == {}


@pytest.mark.parametrize(
    ("bought", "early", "goes"),
    [
        ("2026-03-20 12:00", "2026-04-03 11:59", "2026-04-03 12:00"),  # the clock goes forward on 29 March
        ("2026-10-16 12:00", "2026-10-30 11:59", "2026-10-30 12:00"),  # and back on 25 October
        ("2026-03-15 02:30", "2026-03-29 03:29", "2026-03-29 03:30"),  # 02:30 is not there on that night
    ],
)
def test_days_end_at_the_same_time_on_the_clock_when_the_clock_changes(
    days: Calendar, bought: str, early: str, goes: str
) -> None:
    days = days.with_(STOCK_LOW)
    days.order(days.subscriber(1, "2026-01-01 08:00"), bought, "K1")
    days.run(bought)
    assert days.run(early) == {}
    assert days.run(goes)["queued"] == 1


# R19: the abandoned cart


def cart(days: Calendar, record: str, local: str, key: str = "c1", **columns: Any) -> None:
    row = {"status": "open", "total": 25, "changed_at": at(local), **columns}
    if key in days.shop.rows("cart", "source_key"):
        days.shop.update("cart", {"source_key": key}, **row)
    else:
        days.shop.insert("cart", connection="shop", source_key=key, record_id=record, **row)


def test_carts_left_during_the_day_are_written_about_in_one_run_a_day_r19(days: Calendar) -> None:
    days = days.with_(CART)
    first, second = days.subscriber(1, "2026-01-01 08:00"), days.subscriber(2, "2026-01-01 08:00")
    cart(days, first, "2026-03-02 11:00")
    cart(days, second, "2026-03-02 17:30", "c2")  # an hour before is too short: the next day's run
    days.run("2026-03-02 17:59")
    assert days.sent() == []
    assert days.run("2026-03-02 18:00")["queued"] == 1
    assert days.run("2026-03-03 18:00")["queued"] == 1
    assert days.run("2026-03-04 18:00") == {}
    contents = [json.loads(text)["species"] for text in days.shop.rows("decision", "content")]
    assert {float(text) for text in contents} == {25.0}


def test_a_purchase_before_sending_interrupts_r19(days: Calendar) -> None:
    days = days.with_(CART)
    record = days.subscriber(1, "2026-01-01 08:00")
    cart(days, record, "2026-03-02 11:00")
    days.run("2026-03-02 12:00")
    days.order(record, "2026-03-02 14:00")
    assert days.run("2026-03-02 18:00") == {"interrupted": 1}


def test_a_cart_that_was_emptied_interrupts_r19(days: Calendar) -> None:
    days = days.with_(CART)
    record = days.subscriber(1, "2026-01-01 08:00")
    cart(days, record, "2026-03-02 11:00")
    days.run("2026-03-02 12:00")
    cart(days, record, "2026-03-02 14:00", status="abandoned")
    assert days.run("2026-03-02 18:00") == {"interrupted": 1}


def test_a_cart_that_is_gone_interrupts_r19(days: Calendar) -> None:
    days = days.with_(CART)
    cart(days, days.subscriber(1, "2026-03-02 08:00"), "2026-03-02 10:00")
    days.run("2026-03-02 11:00")
    with days.shop.warehouse.begin() as transaction:
        transaction.execute(sa.delete(transaction.table("cart")))
    assert days.run("2026-03-02 18:00") == {"interrupted": 1}
    assert days.status() == [("stopped", "interrupted: the cart is gone")]


def test_a_cart_that_changes_again_starts_afresh_r19(days: Calendar) -> None:
    days = days.with_(CART)
    record = days.subscriber(1, "2026-01-01 08:00")
    cart(days, record, "2026-03-02 11:00")
    days.run("2026-03-02 12:00")
    cart(days, record, "2026-03-02 17:40")
    assert days.run("2026-03-02 18:00") == {"entered": 1, "restarted": 1}
    assert days.run("2026-03-03 18:00")["queued"] == 1


def test_two_carts_of_one_person_are_two_ways_and_one_communication_a_day_r8_r19(days: Calendar) -> None:
    days = days.with_(CART)
    record = days.subscriber(1, "2026-01-01 08:00")
    cart(days, record, "2026-03-02 11:00")
    cart(days, record, "2026-03-02 12:00", "c2")
    assert days.run("2026-03-02 18:00") == {"entered": 2, "queued": 1, "waiting": 1}
    assert days.run("2026-03-03 09:00")["queued"] == 1


def test_the_cart_of_nobody_starts_nothing_r19(days: Calendar) -> None:
    days = days.with_(CART)
    days.shop.insert("cart", connection="shop", source_key="c1", status="open", changed_at=at("2026-03-02 11:00"))
    assert days.run("2026-03-02 18:00") == {}


@pytest.mark.parametrize(
    ("left", "early", "goes"),
    [
        ("2026-03-28 20:00", "2026-03-29 17:59", "2026-03-29 18:00"),
        ("2026-10-24 20:00", "2026-10-25 17:59", "2026-10-25 18:00"),
    ],
)
def test_the_daily_run_keeps_its_hour_when_the_clock_changes_r19(
    days: Calendar, left: str, early: str, goes: str
) -> None:
    days = days.with_(CART)
    cart(days, days.subscriber(1, "2026-01-01 08:00"), left)
    days.run(left)
    assert "queued" not in days.run(early)
    assert days.run(goes)["queued"] == 1
