"""What scenarios brought, by channel, way, time and group, in tables without persons (R35, R39): on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.privacy.holdings import holdings
from hub.privacy.subject import Subject
from hub.project.models import HubFile
from hub.project.scenario import Scenario
from hub.project.segments import Segment
from hub.report import Report
from hub.stages.measure import measure
from hub.warehouse import Warehouse
from tests.stages.days import WELCOME, at
from tests.stages.engagement import Shop, shop_in

GOAL = {"of": "sales_order", "where": "status = 'paid'", "within": "30 days", "value": "total"}
NOW = at("2026-03-10 12:00")


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Iterator[Shop]:
    scenario = Scenario.model_validate({**WELCOME, "goal": GOAL})
    with shop_in(tmp_path, warehouse, scenarios=[scenario]) as opened:
        yield opened


def with_results(shop: Shop, **results: Any) -> Shop:
    given = {"name": "Shop", "results": results, "costs": {"email": "0.5"}}
    return shop.with_(hub=HubFile.model_validate(given))


class Sent:
    """Fills a shop with people who were sent a message, and with what they did."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.number = 0

    def to(self, many: int, local: str = "2026-03-10 11:00", **given: Any) -> list[int]:
        """Send to so many people; `gender` is theirs, the rest is about the message."""
        person = {name: given.pop(name) for name in ("gender",) if name in given}
        sent = []
        for _ in range(many):
            self.number += 1
            sent.append(self.number)
            key, record = str(self.number), self.shop.person(self.number, **person)
            entered = at(local) - timedelta(hours=1)
            self.shop.insert(
                "enrolment",
                enrolment_id=f"way{key}",
                scenario="welcome",
                record_id=record,
                row_key="",
                entered_at=entered,
                status="active",
                variant=given.get("variant"),
            )
            told = {"scenario": "welcome", "step": "welcome", "channel": "email", "outcome": "queued"}
            told |= {name: it for name, it in given.items() if name != "variant"}
            self.shop.insert(
                "decision", decision_id=f"m{key}", enrolment_id=f"way{key}", record_id=record, at=at(local), **told
            )
        return sent

    def react(self, number: int, type_: str, **given: Any) -> None:
        key = f"e{len(self.shop.rows('message_event', 'source_key'))}"
        self.shop.insert(
            "message_event", connection="mail", source_key=key, message_key=f"m{number}", type=type_, **given
        )

    def order(self, number: int, local: str, total: int = 10) -> None:
        key = f"o{len(self.shop.rows('sales_order', 'source_key'))}"
        moment = {"ordered_at": at(local), "status": "paid", "total": total}
        self.shop.insert("sales_order", connection="shop", source_key=key, record_id=f"shop:{number}", **moment)


def run(shop: Shop, as_of: Any = NOW) -> Report:
    return measure(shop.warehouse, shop.project, as_of)


def told(shop: Shop, cut: str, *columns: str) -> list[Any]:
    with shop.warehouse.begin() as transaction:
        result = transaction.table("scenario_result")
        chosen = [result.c[name] for name in columns]
        found = transaction.rows(sa.select(*chosen).where(result.c.cut == cut).order_by(*chosen))
    return [tuple(row) for row in found]


def test_messages_are_told_by_channel_with_what_followed_r35(shop: Shop) -> None:
    shop, sent = with_results(shop, groups=[]), Sent(shop)
    sent.to(12)
    sent.to(1, failed="cancelled")
    for number, type_ in ((1, "delivered"), (2, "opened"), (3, "clicked"), (3, "unsubscribed"), (4, "bounced")):
        sent.react(number, type_)
    sent.react(5, "complained")
    sent.order(1, "2026-03-10 11:30")
    sent.order(1, "2026-03-10 11:40")
    run(shop)
    counts = ("people", "sent", "delivered", "opened", "clicked", "unsubscribed", "bounced", "complained")
    assert told(shop, "channel", "channel", *counts) == [("email", 12, 12, 3, 2, 1, 1, 1, 1)]
    assert told(shop, "channel", "conversions", "revenue", "cost") == [(1, Decimal(20), Decimal(6))]
    assert told(shop, "channel", "roi") == [(Decimal("2.3333"),)]
    assert told(shop, "all", "sent", "channel") == [(12, None)]


def test_what_a_machine_opened_was_delivered_and_nobody_read_it_r39(shop: Shop) -> None:
    sent = Sent(shop)
    sent.to(10)
    sent.react(1, "opened", machine=True)
    sent.react(2, "clicked", machine=True)
    sent.react(3, "opened", machine=False)
    run(shop)
    assert told(shop, "channel", "delivered", "opened", "clicked") == [(3, 1, 0)]


def test_hours_and_days_are_those_of_the_projects_clock_also_when_it_changes(shop: Shop) -> None:
    sent = Sent(shop)
    sent.to(10, "2026-03-28 23:30")  # a Saturday; UTC+1
    sent.to(10, "2026-03-29 23:30")  # the Sunday on which the clock changed; UTC+2
    run(shop, at("2026-03-30 12:00"))
    assert told(shop, "hour", "hour", "sent") == [(23, 20)]
    assert told(shop, "weekday", "weekday", "sent") == [(6, 10), (7, 10)]


def test_each_way_of_a_split_is_told_and_without_splits_there_is_no_such_cut(shop: Shop) -> None:
    sent = Sent(shop)
    sent.to(10)
    run(shop)
    assert told(shop, "variant", "variant") == []
    sent.to(11, variant="red")
    run(shop)
    assert told(shop, "variant", "variant", "sent") == [("none", 10), ("red", 11)]


def test_a_message_counts_for_the_group_in_which_its_reader_was_when_it_was_decided_r39(shop: Shop) -> None:
    gold = {"gold": Segment(where="true")}
    shop = with_results(shop, groups=["gender", "gold"]).with_(segments=gold)
    sent = Sent(shop)
    sent.to(10, gender="F")
    sent.to(10, gender="M")
    for number in range(1, 11):
        shop.insert("membership", person_id=number, segment="gold", since=NOW)
    run(shop)
    expected = [("gender", "F", 10), ("gender", "M", 10), ("gold", "no", 10), ("gold", "yes", 10)]
    assert told(shop, "group", "grouped_by", "group_value", "sent") == expected
    shop.update("person", {"gender": "F"}, gender="M")
    sent.react(1, "clicked")
    run(shop, NOW + timedelta(hours=1))
    assert told(shop, "group", "grouped_by", "group_value", "clicked")[:2] == [("gender", "F", 1), ("gender", "M", 0)]
    assert told(shop, "group_hour", "grouped_by", "group_value", "hour", "clicked")[0] == ("gender", "F", 11, 1)


def test_the_group_at_a_moment_long_ago_is_unknown(shop: Shop) -> None:
    sent = Sent(with_results(shop, groups=["gender"]))
    sent.to(10, "2026-02-10 11:00", gender="F")
    run(sent.shop)
    assert told(shop, "group", "group_value", "sent") == [("unknown", 10)]


def test_small_groups_are_hidden_and_no_sum_gives_them_away_r39(shop: Shop) -> None:
    shop = with_results(shop, groups=["gender"])
    sent = Sent(shop)
    sent.to(15, gender="F")
    sent.to(12, gender="M")
    sent.to(4, gender="X")
    run(shop)
    assert told(shop, "all", "hidden", "people") == [(False, 31)]
    assert told(shop, "group", "group_value", "hidden", "people", "opened") == [
        ("F", False, 15, 0),
        ("M", True, None, None),
        ("X", True, None, None),
    ]


def test_how_small_is_too_small_stands_in_the_configuration(shop: Shop) -> None:
    sent = Sent(with_results(shop, groups=[], hide_below=3))
    sent.to(3)
    run(sent.shop)
    assert told(shop, "all", "hidden", "people") == [(False, 3)]
    run(with_results(shop, groups=[], hide_below=4))
    assert told(shop, "all", "hidden", "people") == [(True, None)]


def test_a_goal_that_is_reached_counts_for_the_last_message_before_it_once(shop: Shop) -> None:
    sent = Sent(shop)
    sent.to(10, "2026-03-01 11:00")
    for number in range(1, 11):
        shop.insert(
            "decision",
            decision_id=f"r{number}",
            enrolment_id=f"way{number}",
            scenario="welcome",
            step="reminder",
            channel="sms",
            record_id=f"shop:{number}",
            outcome="queued",
            at=at("2026-03-08 11:00"),
        )
    sent.order(1, "2026-03-05 12:00", 7)
    sent.order(1, "2026-03-09 12:00", 5)
    sent.order(2, "2026-03-09 12:00", 5)
    run(shop)
    columns = ("channel", "conversions", "revenue")
    assert told(shop, "channel", *columns) == [("email", 1, Decimal(7)), ("sms", 2, Decimal(10))]
    assert told(shop, "all", "conversions", "revenue") == [(3, Decimal(17))]
    assert told(shop, "step", "step", "sent") == [("reminder", 10), ("welcome", 10)]


def test_without_news_nothing_is_done_and_news_cost_what_they_change(shop: Shop) -> None:
    sent = Sent(shop)
    sent.to(10)
    assert not run(shop).skipped
    assert run(shop).skipped
    sent.react(1, "clicked")
    assert run(shop).counts == {"messages": 1, "scenarios": 1}
    shop.insert("activity", connection="shop", source_key="x", record_id="shop:1", type="login", at=NOW)
    assert run(shop).skipped


def test_what_comes_long_after_a_message_changes_nothing_any_more(shop: Shop) -> None:
    sent = Sent(shop)
    sent.to(10)
    run(shop)
    sent.react(1, "opened")
    run(shop, NOW + timedelta(days=61))
    assert told(shop, "all", "opened") == [(0,)]
    run(with_results(shop, groups=["gender"]), NOW + timedelta(days=61))
    assert told(shop, "all", "opened") == [(1,)]


def test_results_of_a_scenario_that_is_gone_go_too(shop: Shop) -> None:
    sent = Sent(shop)
    sent.to(10)
    run(shop)
    run(shop.with_(scenarios={}))
    assert shop.rows("scenario_result", "scenario") == []
    assert shop.rows("message_outcome", "decision_id") == []


def test_no_table_of_results_names_a_person(shop: Shop) -> None:
    columns = {
        column.name for name in ("scenario_result", "message_outcome") for column in shop.project.schema[name].columns
    }
    assert not columns & {"person_id", "record_id", "address", "source_key", "email"}


def test_a_merge_makes_two_readers_one(shop: Shop) -> None:
    sent = Sent(shop)
    sent.to(11)
    run(shop)
    shop.merge(into=1, other=2)
    sent.react(1, "opened")
    run(shop)
    assert told(shop, "all", "people", "sent") == [(10, 11)]


def test_measured_at_once_or_step_by_step_the_results_are_the_same(shop: Shop) -> None:
    sent = Sent(shop)
    sent.to(10)
    run(shop)
    sent.react(1, "opened")
    sent.to(10)
    run(shop)
    stepwise = [*told(shop, "hour", "hour", "sent", "opened"), *told(shop, "all", "sent", "opened")]
    again = replace(shop.project, hub=shop.project.hub.model_copy(update={"costs": {"sms": Decimal(1)}}))
    measure(shop.warehouse, again, NOW)
    assert [*told(shop, "hour", "hour", "sent", "opened"), *told(shop, "all", "sent", "opened")] == stepwise


def test_of_somebody_who_is_erased_no_message_is_kept_r40(shop: Shop) -> None:
    shop = with_results(shop, groups=["gender"])
    sent = Sent(shop)
    sent.to(11, gender="F")
    shop.insert("echo", connection="shop", target="person", source_key="1", record_id="shop:1")
    run(shop)
    subject = Subject(records=("shop:1",), numbers=(1,))
    with shop.warehouse.begin() as transaction:
        held = {it.name: transaction.count(it.table, it.condition) for it in holdings(transaction, subject)}
    assert (held["message_outcome"], held["message_group"], held["echo"], held["decision"]) == (1, 1, 1, 1)
    assert list(held).index("message_outcome") < list(held).index("decision")
