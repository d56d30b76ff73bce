"""What becomes of everything that is known, decided and sent when people turn out to be one, or two (R6, R26, R42)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.ledger import Suppression, digest, hashed
from hub.project.segments import Segment
from hub.report import Report
from hub.stages.activate import activate
from hub.stages.decide import decide
from hub.stages.enrich import enrich
from hub.stages.feedback import feedback
from hub.stages.resolve import resolve
from hub.stages.segment import segment
from hub.warehouse import Warehouse
from hub.warehouse.state import remember
from tests.stages.engagement import KEY, NOW, Recorder, Shop, gold, shop_in
from tests.stages.world import fact, record, rows

CARD = "crm:the card that both show"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

SEGMENTS = {"buyers": Segment(where="order_count > 0"), "reachable": Segment(where="consents('email', 'marketing')")}

_numbers = itertools.count(1)


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Iterator[Shop]:
    syncs = [gold(**{"from": {"segment": "buyers"}, "key": "email", "guards": {"removes": "100%"}})]
    with shop_in(tmp_path, warehouse, segments=SEGMENTS, syncs=syncs) as opened:
        yield opened
    Recorder.answers.clear()


def run(shop: Shop, at: datetime, *, but: tuple[str, ...] = ()) -> dict[str, Report]:
    """Walk the stages after map, as a run does."""
    stores, project = (shop.warehouse, shop.ledger), shop.project
    work = {
        "resolve": lambda: resolve(*stores, project, at),
        "feedback": lambda: feedback(*stores, project, at),
        "enrich": lambda: enrich(shop.warehouse, project, at),
        "segment": lambda: segment(shop.warehouse, project, at),
        "decide": lambda: decide(*stores, project, at),
        "activate": lambda: activate(*stores, project, at),
    }
    return {name: stage() for name, stage in work.items() if name not in but}


def news(shop: Shop, at: datetime) -> None:
    """Say that the mapping brought something."""
    with shop.warehouse.begin() as transaction:
        remember(transaction, "map", f"news {next(_numbers)}", at)


def person(shop: Shop, key: int, *channels: str, at: datetime = NOW - 3 * DAY, **given: Any) -> str:
    """Add a Kim with an address of her own, who consents over some channels."""
    name = f"crm:{key}"
    record(shop.warehouse, name, at, email=f"p{key}@example.nl", given_name="Kim", **given)
    for channel in channels:
        shop.consent(name, channel, at=at)
    return name


def join(shop: Shop, at: datetime, *records: str) -> None:
    """Give records something in common: they are one person from the next run on."""
    for name in records:
        fact(shop.warehouse, "identifier", name, name.split(":")[1], type="loyalty_card", value=CARD)
    news(shop, at)


def part(shop: Shop, at: datetime, *records: str) -> None:
    """Take from records what they had in common."""
    with shop.warehouse.begin() as transaction:
        table = transaction.table("identifier")
        transaction.execute(sa.delete(table).where(table.c.value == CARD, table.c.record_id.in_(records)))
    news(shop, at)


def people(shop: Shop) -> dict[str, int]:
    return dict(rows(shop.warehouse, "source_record", "record_id", "person_id"))


def aliases(shop: Shop) -> list[tuple[int, int]]:
    return [(old, now) for old, now in rows(shop.warehouse, "person_alias", "person_id", "now_person_id")]


def in_segment(shop: Shop, name: str) -> dict[int, datetime]:
    return {
        who: since
        for who, segment, since in rows(shop.warehouse, "membership", "person_id", "segment", "since")
        if segment == name
    }


def mailed(shop: Shop) -> list[str]:
    return sorted(entry["to"]["email"] for entry in shop.taken("mail"))


def audience(shop: Shop) -> list[str]:
    """Tell whom the destination holds, from all that it was told."""
    held: set[str] = set()
    for entry in shop.taken("ads"):
        (held.add if entry["operation"] == "upsert" else held.discard)(entry["key"])
    return sorted(held)


# old numbers


def test_an_old_number_leads_to_the_person_of_today_over_any_number_of_merges_r42(shop: Shop) -> None:
    one, two, three = (person(shop, key) for key in (1, 2, 3))
    run(shop, NOW)
    join(shop, NOW, two, three)
    run(shop, NOW + HOUR)
    assert aliases(shop) == [(3, 2)]
    join(shop, NOW + HOUR, one)
    run(shop, NOW + 2 * HOUR)
    assert people(shop) == {one: 1, two: 1, three: 1}
    assert aliases(shop) == [(2, 1), (3, 1)]
    since = dict(rows(shop.warehouse, "person_alias", "person_id", "since"))
    assert since == {2: NOW + 2 * HOUR, 3: NOW + HOUR}


def test_a_split_gives_the_old_number_back_and_takes_along_those_that_led_to_it(shop: Shop) -> None:
    one, two, three = (person(shop, key) for key in (1, 2, 3))
    run(shop, NOW)
    join(shop, NOW, one, two, three)
    run(shop, NOW + HOUR)
    assert aliases(shop) == [(2, 1), (3, 1)]
    part(shop, NOW + HOUR, one)
    run(shop, NOW + 2 * HOUR)
    assert people(shop) == {one: 1, two: 2, three: 2}
    assert aliases(shop) == [(3, 2)]
    part(shop, NOW + 2 * HOUR, two)
    run(shop, NOW + 3 * HOUR)
    assert aliases(shop) == []


def test_an_old_number_outlives_its_own_record(shop: Shop) -> None:
    one, two, three = (person(shop, key) for key in (1, 2, 3))
    run(shop, NOW)
    join(shop, NOW, one, two)
    run(shop, NOW + HOUR)
    with shop.warehouse.begin() as transaction:
        for table in (transaction.table("source_record"), transaction.table("identifier")):
            transaction.execute(sa.delete(table).where(table.c.record_id == one))
    news(shop, NOW + HOUR)
    run(shop, NOW + 2 * HOUR)
    assert people(shop) == {two: 2, three: 3}
    assert aliases(shop) == [(1, 2)]
    join(shop, NOW + 2 * HOUR, three)
    run(shop, NOW + 3 * HOUR)
    assert aliases(shop) == [(1, 2), (3, 2)]


def test_a_run_in_which_nobody_moves_changes_no_number(shop: Shop) -> None:
    one, two = person(shop, 1), person(shop, 2)
    run(shop, NOW)
    join(shop, NOW, one, two)
    counts = run(shop, NOW + HOUR)["resolve"].counts
    assert (counts["people_merged"], counts["people_split"]) == (1, 0)
    news(shop, NOW + HOUR)
    counts = run(shop, NOW + 2 * HOUR)["resolve"].counts
    assert (counts["people_merged"], counts["people_split"], counts["moved_records"]) == (0, 0, 0)
    assert aliases(shop) == [(2, 1)]


# orders, memberships, transitions


def order(shop: Shop, name: str, at: datetime = NOW - 2 * DAY) -> None:
    known = len(rows(shop.warehouse, "sales_order", "source_key"))
    fact(shop.warehouse, "sales_order", name, f"o{known + 1}", ordered_at=at, status="paid", total=20)


def orders(shop: Shop) -> dict[int, int]:
    with shop.warehouse.begin() as transaction:
        trait = sa.table("trait", sa.column("person_id"), sa.column("order_count"), schema="store")
        return {row.person_id: row.order_count for row in transaction.rows(sa.select(trait))}


def test_orders_and_memberships_follow_a_merge_and_come_back_with_a_split_r26(shop: Shop) -> None:
    one, two, three = (person(shop, key) for key in (1, 2, 3))
    order(shop, two)
    order(shop, two)
    order(shop, three)
    run(shop, NOW)
    assert in_segment(shop, "buyers") == {2: NOW, 3: NOW}
    join(shop, NOW, one, two, three)
    run(shop, NOW + DAY)
    assert orders(shop) == {1: 3}
    assert in_segment(shop, "buyers") == {1: NOW}
    part(shop, NOW + DAY, two)
    run(shop, NOW + 2 * DAY)
    assert orders(shop) == {1: 1, 2: 2}
    assert in_segment(shop, "buyers") == {1: NOW, 2: NOW}
    part(shop, NOW + 2 * DAY, one)
    run(shop, NOW + 3 * DAY)
    assert orders(shop) == {1: 0, 2: 2, 3: 1}
    assert in_segment(shop, "buyers") == {2: NOW, 3: NOW}
    assert rows(shop.warehouse, "transition", "person_id", "kind") == [(2, "entered"), (3, "entered")]


def test_who_left_while_merged_is_seen_to_leave_once(shop: Shop) -> None:
    one, two = person(shop, 1, "email"), person(shop, 2)
    run(shop, NOW)
    join(shop, NOW, one, two)
    run(shop, NOW + DAY)
    shop.consent(one, "email", given=False, at=NOW + DAY)
    news(shop, NOW + DAY)
    run(shop, NOW + 2 * DAY)
    part(shop, NOW + 2 * DAY, two)
    run(shop, NOW + 3 * DAY)
    assert in_segment(shop, "reachable") == {}
    assert rows(shop.warehouse, "transition", "person_id", "kind") == [(1, "entered"), (1, "left")]


def test_memberships_are_right_before_segments_are_computed_again(shop: Shop) -> None:
    one, two = person(shop, 1), person(shop, 2)
    order(shop, two)
    run(shop, NOW)
    join(shop, NOW, one, two)
    run(shop, NOW + HOUR, but=("enrich", "segment", "decide", "activate"))
    assert in_segment(shop, "buyers") == {1: NOW}
    part(shop, NOW + HOUR, two)
    run(shop, NOW + 2 * HOUR, but=("enrich", "segment", "decide", "activate"))
    assert in_segment(shop, "buyers") == {2: NOW}


# audiences


def test_an_audience_follows_a_merge_and_a_split_at_the_next_sync(shop: Shop) -> None:
    one, two = person(shop, 1, "ads"), person(shop, 2, "ads", at=NOW - 4 * DAY)
    order(shop, one)
    order(shop, two)
    run(shop, NOW)
    assert audience(shop) == ["p1@example.nl", "p2@example.nl"]
    join(shop, NOW, one, two)
    run(shop, NOW + HOUR)
    assert audience(shop) == ["p1@example.nl"]
    part(shop, NOW + HOUR, two)
    run(shop, NOW + 2 * HOUR)
    assert audience(shop) == ["p1@example.nl", "p2@example.nl"]


def test_an_audience_lets_go_of_who_turns_out_to_have_refused(shop: Shop) -> None:
    one, two = person(shop, 1, "ads"), person(shop, 2)
    shop.consent(two, "ads", given=False, at=NOW - 5 * DAY)
    order(shop, one)
    run(shop, NOW)
    assert audience(shop) == ["p1@example.nl"]
    join(shop, NOW, one, two)
    run(shop, NOW + HOUR)
    assert audience(shop) == []
    part(shop, NOW + HOUR, two)
    run(shop, NOW + 2 * HOUR)
    assert audience(shop) == ["p1@example.nl"]


# consent


def reachable(shop: Shop) -> list[int]:
    return sorted(in_segment(shop, "reachable"))


def test_the_strictest_consent_holds_after_a_merge_until_the_person_is_asked_again(shop: Shop) -> None:
    one, two = person(shop, 1, "email"), person(shop, 2)
    shop.consent(two, "email", given=False, at=NOW - 30 * DAY)
    run(shop, NOW)
    assert reachable(shop) == [1]
    join(shop, NOW, one, two)
    assert run(shop, NOW + HOUR)["resolve"].counts["refusals_kept"] == 1
    assert reachable(shop) == []
    news(shop, NOW + HOUR)
    assert run(shop, NOW + 2 * HOUR)["resolve"].counts["refusals_kept"] == 0
    shop.consent(one, "email", at=NOW + 2 * HOUR)
    news(shop, NOW + 2 * HOUR)
    run(shop, NOW + 3 * HOUR)
    assert reachable(shop) == [1]


def test_a_split_gives_each_part_its_own_consent_back(shop: Shop) -> None:
    one, two = person(shop, 1, "email"), person(shop, 2)
    shop.consent(two, "email", given=False, at=NOW - 30 * DAY)
    run(shop, NOW)
    join(shop, NOW, one, two)
    run(shop, NOW + HOUR)
    part(shop, NOW + HOUR, two)
    run(shop, NOW + 2 * HOUR)
    assert reachable(shop) == [1]
    join(shop, NOW + 2 * HOUR, two)
    run(shop, NOW + 3 * HOUR)
    assert reachable(shop) == []
    told = rows(shop.warehouse, "consent", "connection", "record_id", "given", "at", "evidence")
    assert [row for row in told if row[0] == "hub"] == [("hub", two, False, NOW + HOUR, "consent shop:c2")]


def test_only_what_was_refused_is_refused_again(shop: Shop) -> None:
    one, two = person(shop, 1, "email", "sms", "ads"), person(shop, 2, "sms")
    shop.consent(two, "email", given=False, at=NOW - 30 * DAY)
    shop.consent(two, "ads", given=False, at=NOW - DAY)
    shop.consent(two, "sms", given=False, at=NOW - 30 * DAY)
    run(shop, NOW)
    join(shop, NOW, one, two)
    run(shop, NOW + HOUR)
    told = rows(shop.warehouse, "consent", "connection", "channel", "purpose", "given")
    # the refusal of ads is the newest statement already; that of sms was taken back by the same person
    assert [row[1:] for row in told if row[0] == "hub"] == [("email", "marketing", False)]


def test_a_person_who_changed_his_mind_before_a_merge_keeps_his_last_word(shop: Shop) -> None:
    one, two = person(shop, 1, "email"), person(shop, 2)
    shop.consent(one, "email", given=False, at=NOW - 30 * DAY)
    run(shop, NOW)
    join(shop, NOW, one, two)
    assert run(shop, NOW + HOUR)["resolve"].counts["refusals_kept"] == 0
    assert reachable(shop) == [1]


def test_a_new_record_of_a_known_person_speaks_for_the_person(shop: Shop) -> None:
    one = person(shop, 1)
    shop.consent(one, "email", given=False, at=NOW - 30 * DAY)
    join(shop, NOW, one)
    run(shop, NOW)
    two = person(shop, 2, "email")
    join(shop, NOW, two)
    run(shop, NOW + HOUR)
    assert reachable(shop) == [1]


# enrolments, decisions, messages


def newcomer(shop: Shop, key: int, *channels: str, at: datetime = NOW - HOUR) -> str:
    """Add somebody who subscribed just now."""
    name = person(shop, key, *channels)
    shop.event(name, at=at)
    return name


def test_two_who_were_welcomed_are_not_welcomed_a_second_time_as_one(shop: Shop) -> None:
    one, two = newcomer(shop, 1, "email"), newcomer(shop, 2, "email")
    run(shop, NOW)
    assert mailed(shop) == ["p1@example.nl", "p2@example.nl"]
    join(shop, NOW, one, two)
    run(shop, NOW + HOUR)
    shop.event(one, "account_created", NOW + HOUR)
    news(shop, NOW + HOUR)
    run(shop, NOW + 2 * HOUR)
    assert len(mailed(shop)) == 2
    assert rows(shop.warehouse, "enrolment", "status") == [("done",), ("done",)]


def test_who_was_welcomed_under_one_record_is_not_welcomed_under_the_other(shop: Shop) -> None:
    one, two = newcomer(shop, 1), newcomer(shop, 2, "email")
    run(shop, NOW)
    assert mailed(shop) == ["p2@example.nl"]
    join(shop, NOW, one, two)
    run(shop, NOW + HOUR)
    assert mailed(shop) == ["p2@example.nl"]
    assert rows(shop.warehouse, "enrolment", "record_id", "status", "reason") == [
        (one, "stopped", "merged: the person is in this scenario already"),
        (two, "done", "message queued"),
    ]


def test_who_was_welcomed_and_is_joined_by_somebody_who_never_entered_is_not_welcomed_again(shop: Shop) -> None:
    one, two = person(shop, 1), newcomer(shop, 2, "email")
    run(shop, NOW)
    join(shop, NOW, one, two)
    shop.event(one, "account_created", NOW)
    run(shop, NOW + HOUR)
    assert mailed(shop) == ["p2@example.nl"]


def test_two_who_were_not_welcomed_yet_are_welcomed_once_as_one(shop: Shop) -> None:
    one, two = newcomer(shop, 1), newcomer(shop, 2)
    run(shop, NOW)
    assert mailed(shop) == []
    join(shop, NOW, one, two)
    shop.consent(two, "email", at=NOW)
    run(shop, NOW + HOUR)
    assert mailed(shop) == ["p1@example.nl"]
    assert sorted(status for (status,) in rows(shop.warehouse, "enrolment", "status")) == ["done", "stopped"]


def test_of_two_messages_that_wait_to_be_sent_to_one_person_one_goes(shop: Shop) -> None:
    one, two = newcomer(shop, 1, "email"), newcomer(shop, 2, "email")
    run(shop, NOW, but=("activate",))
    assert shop.ledger.outbox.counts() == {"queued": 2}
    join(shop, NOW, one, two)
    run(shop, NOW + HOUR)
    assert len(mailed(shop)) == 1
    assert shop.ledger.outbox.counts() == {"accepted": 1, "cancelled": 1}
    (told,) = {entry.reason for entry in outbox(shop) if entry.state == "cancelled"}
    assert told == "merged: the person gets this message already"


def test_where_the_first_of_two_messages_may_not_go_the_other_does(shop: Shop) -> None:
    one, two = newcomer(shop, 1, "email"), newcomer(shop, 2, "email")
    run(shop, NOW, but=("activate",))
    first = min(outbox(shop), key=lambda entry: entry.id).record
    blocked = next(number for number in (1, 2) if digest(f"crm:{number}") == first)
    mark = hashed(KEY, "email", f"p{blocked}@example.nl")
    shop.ledger.suppressions.add([Suppression(mark, "all", "bounced", "mail:1", NOW)])
    join(shop, NOW, one, two)
    run(shop, NOW + HOUR)
    assert mailed(shop) == [f"p{3 - blocked}@example.nl"]
    assert shop.ledger.outbox.counts() == {"accepted": 1, "refused": 1}


def test_a_message_that_waits_does_not_go_to_who_got_it_under_another_record(shop: Shop) -> None:
    two = newcomer(shop, 2, "email")
    run(shop, NOW)
    assert mailed(shop) == ["p2@example.nl"]
    one = newcomer(shop, 1, "email")
    news(shop, NOW)
    run(shop, NOW + HOUR, but=("activate",))
    join(shop, NOW + HOUR, one, two)
    run(shop, NOW + 2 * HOUR)
    assert mailed(shop) == ["p2@example.nl"]
    assert shop.ledger.outbox.counts() == {"accepted": 1, "cancelled": 1}


def test_who_is_taken_out_of_another_goes_on_where_the_merge_stopped_him(shop: Shop) -> None:
    one, two = newcomer(shop, 1), newcomer(shop, 2)
    run(shop, NOW)
    join(shop, NOW, one, two)
    run(shop, NOW + HOUR)
    assert ("stopped",) in rows(shop.warehouse, "enrolment", "status")
    part(shop, NOW + HOUR, two)
    shop.consent(one, "email", at=NOW + HOUR)
    shop.consent(two, "email", at=NOW + HOUR)
    run(shop, NOW + 2 * HOUR)
    assert mailed(shop) == ["p1@example.nl", "p2@example.nl"]


def test_who_is_taken_out_too_late_is_not_welcomed_any_more(shop: Shop) -> None:
    one, two = newcomer(shop, 1), newcomer(shop, 2)
    run(shop, NOW)
    join(shop, NOW, one, two)
    run(shop, NOW + HOUR)
    part(shop, NOW + HOUR, two)
    shop.consent(two, "email", at=NOW + HOUR)
    run(shop, NOW + 20 * DAY)
    assert mailed(shop) == []
    assert {reason for (reason,) in rows(shop.warehouse, "enrolment", "reason")} == {
        "too late: nothing could be sent in time"
    }


def outbox(shop: Shop) -> list[Any]:
    ids = [row[0] for row in rows(shop.warehouse, "decision", "decision_id")]
    return list(shop.ledger.outbox.among(ids).values())


# by hand


def by_hand(shop: Shop, one: str, other: str, same: bool, at: datetime) -> None:
    shop.ledger.verdicts.give(one, other, same, "anna", at, "she called")


def state(shop: Shop) -> dict[str, Any]:
    """Tell what a run leaves behind that follows from who is who."""
    return {
        "people": people(shop),
        "aliases": aliases(shop),
        "orders": orders(shop),
        "buyers": in_segment(shop, "buyers"),
        "reachable": in_segment(shop, "reachable"),
        "audience": audience(shop),
    }


def test_a_link_by_hand_joins_two_and_withdrawn_gives_the_old_state_back_r6(shop: Shop) -> None:
    one, two = person(shop, 1, "email", "ads"), person(shop, 2, "email", "ads", at=NOW - 4 * DAY)
    order(shop, one)
    order(shop, two)
    run(shop, NOW)
    before = state(shop)
    by_hand(shop, two, one, True, NOW)
    run(shop, NOW + HOUR)
    assert people(shop) == {one: 1, two: 1}
    assert aliases(shop) == [(2, 1)]
    assert orders(shop) == {1: 2}
    assert audience(shop) == ["p1@example.nl"]
    assert rows(shop.warehouse, "source_record", "record_id", "linked_by") == [(one, None), (two, "hand")]
    shop.ledger.verdicts.withdraw(one, two, "bram", NOW + HOUR, "a mistake")
    run(shop, NOW + 2 * HOUR)
    assert state(shop) == before


def test_unlinking_by_hand_splits_a_person_and_repairs_what_followed_r42(shop: Shop) -> None:
    one, two = person(shop, 1, "email", "ads"), person(shop, 2, "ads", at=NOW - 4 * DAY)
    shop.consent(two, "email", given=False, at=NOW - 30 * DAY)
    order(shop, one)
    order(shop, two)
    join(shop, NOW, one, two)
    run(shop, NOW)
    assert (people(shop), audience(shop)) == ({one: 1, two: 1}, ["p1@example.nl"])
    joined = state(shop)
    by_hand(shop, one, two, False, NOW)
    run(shop, NOW + HOUR)
    assert people(shop) == {one: 1, two: 2}
    assert orders(shop) == {1: 1, 2: 1}
    assert in_segment(shop, "buyers") == {1: NOW, 2: NOW + HOUR}
    assert reachable(shop) == [1]
    assert audience(shop) == ["p1@example.nl", "p2@example.nl"]
    shop.ledger.verdicts.withdraw(one, two, "bram", NOW + HOUR, "a mistake")
    run(shop, NOW + 2 * HOUR)
    again = state(shop)
    # the two were people of their own meanwhile, one of whom refuses: until asked again, both do as one
    assert again == {**joined, "aliases": [(2, 1)], "reachable": {}}


def test_a_merge_a_split_and_the_merge_again_end_where_the_merge_ended(shop: Shop) -> None:
    one, two = newcomer(shop, 1, "email", "ads"), newcomer(shop, 2, "email", "ads")
    for name in (one, two):
        order(shop, name)
    run(shop, NOW)
    apart = state(shop)
    for hours in (1, 3):
        by_hand(shop, one, two, True, NOW + hours * HOUR)
        run(shop, NOW + hours * HOUR)
        assert state(shop) == {
            "people": {one: 1, two: 1},
            "aliases": [(2, 1)],
            "orders": {1: 2},
            "buyers": {1: NOW},
            "reachable": {1: NOW},
            "audience": ["p1@example.nl"],
        }
        by_hand(shop, one, two, False, NOW + (hours + 1) * HOUR)
        run(shop, NOW + (hours + 1) * HOUR)
        assert state(shop) == apart
    assert mailed(shop) == ["p1@example.nl", "p2@example.nl"]
    assert shop.ledger.outbox.counts() == {"accepted": 2}


def test_a_verdict_is_news_and_without_one_there_is_none(shop: Shop) -> None:
    one, two = person(shop, 1), person(shop, 2)
    run(shop, NOW)
    assert run(shop, NOW + HOUR)["resolve"].skipped
    by_hand(shop, one, two, True, NOW + HOUR)
    assert run(shop, NOW + 2 * HOUR)["resolve"].counts["people_merged"] == 1
    assert run(shop, NOW + 3 * HOUR)["resolve"].skipped


def test_a_verdict_about_a_record_that_is_not_there_waits_for_it(shop: Shop) -> None:
    one = person(shop, 1)
    run(shop, NOW)
    by_hand(shop, one, "crm:2", True, NOW)
    run(shop, NOW + HOUR)
    two = person(shop, 2)
    news(shop, NOW + HOUR)
    run(shop, NOW + 2 * HOUR)
    assert people(shop) == {one: 1, two: 1}


def test_nobody_who_was_welcomed_is_welcomed_again_because_somebody_linked_him(shop: Shop) -> None:
    one, two = newcomer(shop, 1), newcomer(shop, 2, "email")
    run(shop, NOW)
    by_hand(shop, one, two, True, NOW)
    shop.consent(one, "email", at=NOW)
    run(shop, NOW + HOUR)
    assert mailed(shop) == ["p2@example.nl"]
