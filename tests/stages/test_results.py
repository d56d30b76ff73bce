"""What a scenario brought: conversions against the control group, messages and reactions, by hand-made ways (R35)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.errors import ConfigurationError
from hub.people.results import Results, results
from hub.people.uplift import difference, share
from hub.warehouse import Warehouse
from hub.warehouse.state import remember
from tests.stages.days import WELCOME, Calendar, at, days_in

GOAL = {"of": "sales_order", "where": "status = 'paid'", "within": "30 days", "value": "total"}
ENTERED, NOW = at("2026-03-01 10:00"), at("2026-05-01 09:00")


@pytest.fixture
def days(warehouse: Warehouse, tmp_path: Path) -> Iterator[Calendar]:
    with days_in(tmp_path, warehouse) as opened:
        yield opened.with_({**WELCOME, "goal": GOAL})


class Ways:
    """Fills the warehouse with people who entered, what they were sent, and what they bought."""

    def __init__(self, days: Calendar) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.days = days
        self.number = 0

    def enter(self, many: int, bought: int = 0, **way: Any) -> None:
        """Let people enter; the first `bought` of them order for 10 a day later."""
        for number in range(many):
            self.number += 1
            key = str(self.number)
            record, entered_at = f"shop:{key}", way.get("entered_at", ENTERED)
            own = {"connection": "shop", "source_key": key, "record_id": record}
            self._add("source_record", **own, record_no=self.number, person_id=self.number)
            given = {"scenario": "welcome", "record_id": record, "row_key": "", "status": "done", **way}
            self._add("enrolment", enrolment_id=f"way{key}", **{"entered_at": entered_at, **given})
            if given["status"] != "control":
                sent = {"scenario": "welcome", "step": "welcome", "channel": "email", "record_id": record}
                moment = {"at": entered_at + timedelta(hours=1)}
                self._add(
                    "decision", decision_id=f"m{key}", enrolment_id=f"way{key}", outcome="queued", **sent, **moment
                )
            if number < bought:
                self.order(key, entered_at + timedelta(days=1))

    def order(self, key: str, ordered_at: Any, status: str = "paid", total: int = 10) -> None:
        number = f"o{len(self.rows.get('sales_order', []))}"
        own = {"connection": "shop", "source_key": number, "record_id": f"shop:{key}"}
        self._add("sales_order", **own, ordered_at=ordered_at, status=status, total=total)

    def react(self, key: str, type_: str) -> None:
        number = f"e{len(self.rows.get('message_event', []))}"
        self._add("message_event", connection="mail", source_key=number, message_key=f"m{key}", type=type_)

    def _add(self, table: str, **row: Any) -> None:
        self.rows.setdefault(table, []).append(row)

    def measure(self, days: Calendar | None = None) -> Results:
        with self.days.shop.warehouse.begin() as transaction:
            for table, rows in self.rows.items():
                for row in rows:
                    transaction.execute(sa.insert(transaction.table(table)).values(**row))
            self.rows = {}
            remember(transaction, "decide welcome", "done", NOW)
            return results(transaction, (days or self.days).shop.project, "welcome")


def test_the_treated_are_compared_with_the_control_group_r35(days: Calendar) -> None:
    ways = Ways(days)
    ways.enter(20, bought=8)
    ways.enter(15, bought=3, status="control")
    treated, control = ways.measure().groups
    assert (treated.group, treated.ways, treated.people, treated.over, treated.conversions) == (
        "treated",
        20,
        20,
        20,
        8,
    )
    assert (control.group, control.people, control.conversions, control.revenue) == ("control", 15, 3, Decimal(30))
    assert treated.revenue == Decimal(80)
    assert treated.uplift == difference(share(8, 20), share(3, 15))
    assert control.uplift is None


def test_only_orders_of_the_goal_and_within_its_time_count(days: Calendar) -> None:
    ways = Ways(days)
    ways.enter(10)
    ways.order("1", at("2026-02-28 10:00"))  # before the entry
    ways.order("2", at("2026-03-31 10:00"))  # 30 days, over the change of the clock
    ways.order("3", at("2026-03-31 10:01"))  # too late
    ways.order("4", at("2026-03-02 10:00"), status="cancelled")
    ways.order("5", at("2026-03-02 10:00"), total=1)
    ways.order("5", at("2026-03-03 10:00"), total=2)  # a second one adds value, and is one conversion
    (group,) = ways.measure().groups
    assert (group.conversions, group.revenue) == (2, Decimal(13))


def test_those_whose_time_is_not_over_are_not_measured_yet(days: Calendar) -> None:
    ways = Ways(days)
    ways.enter(10, bought=5)
    ways.enter(10, bought=10, entered_at=at("2026-04-20 10:00"))
    (group,) = ways.measure().groups
    assert (group.ways, group.over, group.conversions, group.revenue) == (20, 10, 5, Decimal(50))


def test_variants_are_measured_each_r35(days: Calendar) -> None:
    ways = Ways(days)
    ways.enter(10, bought=4, variant="red")
    ways.enter(12, bought=3, variant="blue")
    ways.enter(10, bought=1, status="control")
    found = ways.measure().groups
    assert [(it.group, it.variant, it.ways, it.conversions) for it in found] == [
        ("treated", None, 22, 7),
        ("control", None, 10, 1),
        ("treated", "blue", 12, 3),
        ("treated", "red", 10, 4),
    ]
    assert found[3].uplift == difference(share(4, 10), share(1, 10))


def test_groups_of_fewer_than_ten_people_are_hidden_r39(days: Calendar) -> None:
    ways = Ways(days)
    ways.enter(10, bought=4)
    ways.enter(9, bought=9, status="control")
    found = ways.measure()
    control = found.groups[1]
    hidden = (control.ways, control.people, control.over, control.conversions, control.rate, control.revenue)
    assert control.group == "control"
    assert set(hidden) == {None}
    assert found.groups[0].uplift is None


def test_messages_tell_their_reactions_conversions_and_cost_r35(days: Calendar) -> None:
    ways = Ways(days)
    ways.enter(12, bought=5)
    for key, type_ in (("1", "delivered"), ("1", "clicked"), ("1", "clicked"), ("2", "opened")):
        ways.react(key, type_)
    hub = days.shop.project.hub.model_copy(update={"costs": {"email": Decimal("0.5")}})
    ways.rows["decision"][0]["failed"] = "refused"  # it never went out: nothing followed it, and it cost nothing
    ways.rows["decision"][1]["failed"] = "bounced"
    (sent,) = ways.measure(Calendar(days.shop.with_(hub=hub))).messages
    assert (sent.step, sent.channel, sent.messages, sent.people) == ("welcome", "email", 12, 12)
    assert (sent.delivered, sent.opened, sent.clicked, sent.failed) == (2, 2, 1, 2)
    assert (sent.conversions, sent.revenue, sent.cost) == (4, Decimal(40), Decimal("5.5"))
    assert sent.rate == share(4, 11)


def test_each_step_and_channel_is_compared_with_the_control_group_r35(days: Calendar) -> None:
    ways = Ways(days)
    ways.enter(20, bought=8)
    ways.enter(10, bought=10, entered_at=at("2026-04-20 10:00"))  # their time is not over
    ways.enter(15, bought=3, status="control")
    more = {"scenario": "welcome", "step": "reminder", "channel": "sms", "outcome": "queued"}
    for number in range(1, 13):  # eight of them had ordered already, before this
        own = {"record_id": f"shop:{number}", "enrolment_id": f"way{number}", "decision_id": f"s{number}"}
        ways._add("decision", **more, **own, at=at("2026-03-20 10:00"))
    reminder, welcome = ways.measure().messages
    assert (welcome.step, welcome.channel, welcome.messages, welcome.conversions) == ("welcome", "email", 30, 18)
    assert (welcome.rate, welcome.uplift) == (share(8, 20), difference(share(8, 20), share(3, 15)))
    assert (reminder.step, reminder.channel, reminder.messages, reminder.conversions) == ("reminder", "sms", 12, 0)
    assert (reminder.rate, reminder.uplift) == (share(8, 12), difference(share(8, 12), share(3, 15)))


def test_a_scenario_without_a_goal_tells_whom_it_reached(days: Calendar) -> None:
    ways = Ways(days.with_(WELCOME))
    ways.enter(10, bought=5)
    found = ways.measure()
    assert (found.goal, found.groups[0].ways, found.groups[0].rate, found.messages[0].messages) == (None, 10, None, 10)


def test_another_goal_is_no_other_version(days: Calendar) -> None:
    scenario = days.shop.project.scenarios["welcome"]
    assert scenario.text == days.with_(WELCOME).shop.project.scenarios["welcome"].text


def test_the_draw_of_the_control_group_stays_with_the_person_r35(days: Calendar) -> None:
    days = days.with_({**WELCOME, "per": "person, each time", "control_group": "50%", "stop_when": "false"})
    for number in range(1, 9):
        days.subscriber(number, "2026-03-02 08:00")
    days.run("2026-03-02 09:00")
    first = days.shop.rows("enrolment", "record_id", "status")
    for number in range(1, 9):
        days.shop.event(f"shop:{number}", at=at("2026-03-04 08:00"))
    days.run("2026-03-04 09:00")
    in_control = {record for record, status in first if status == "control"}
    again = days.shop.rows("enrolment", "record_id", "status", "occurrence")
    assert 0 < len(in_control) < 8
    assert {record for record, status, occurrence in again if occurrence == 2 and status == "control"} == in_control
    stays, joins = min(in_control), min({record for record, _ in first} - in_control)
    days.shop.merge(into=int(stays[5:]), other=int(joins[5:]))
    for record in (stays, joins):
        days.shop.event(record, at=at("2026-03-06 08:00"))
    assert days.run("2026-03-06 09:00") == {"entered": 1, "control": 1, "restarted": 1}


def test_what_can_not_be_measured_is_told(days: Calendar) -> None:
    with days.shop.warehouse.begin() as transaction:
        with pytest.raises(ConfigurationError, match="there is no scenario 'welcom'"):
            results(transaction, days.shop.project, "welcom")
        with pytest.raises(ConfigurationError, match="nothing is decided for 'welcome' yet"):
            results(transaction, days.shop.project, "welcome")
