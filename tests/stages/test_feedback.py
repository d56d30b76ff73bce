"""Feedback: what reactions mean for messages, addresses and consent; each counts once (RFC 3463, 5965; R39, R43)."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Result
from hub.ledger import hashed
from hub.recipients import identifier
from hub.report import Report
from hub.stages.activate import activate
from hub.stages.decide import decide
from hub.stages.feedback import feedback
from hub.warehouse import Warehouse
from hub.warehouse.state import seen
from tests.recovery.mailroom import HOME
from tests.stages.engagement import KEY, NOW, Shop, shop_in
from tests.stages.test_decide import visit

DAY = timedelta(days=1)
MARK = hashed(KEY, "email", "person1@example.nl")


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Iterator[Shop]:
    """A shop that has welcomed person 1 by mail."""
    with shop_in(tmp_path, warehouse) as opened:
        opened.newcomer(1)
        decide(opened.warehouse, opened.ledger, opened.project, NOW)
        activate(opened.warehouse, opened.ledger, opened.project, NOW)
        yield opened


def message_id(shop: Shop) -> str:
    return next(
        str(id_) for record_id, id_ in shop.rows("decision", "record_id", "decision_id") if record_id == "shop:1"
    )


def react(shop: Shop, key: str, type_: str, code: str | None = None, **more: Any) -> None:
    values = {
        "connection": "mail",
        "message_key": message_id(shop),
        "at": NOW,
        "load_id": "load1",
        "record_id": "shop:1",
    }
    shop.insert("message_event", source_key=key, type=type_, code=code, **{**values, **more})


def settle(shop: Shop, later: timedelta = DAY) -> Report:
    return feedback(shop.warehouse, shop.ledger, shop.project, NOW + later)


def state(shop: Shop) -> str:
    return shop.ledger.outbox.states([message_id(shop)])[message_id(shop)]


def reasons(shop: Shop) -> dict[str, str]:
    return {entry.purpose: entry.reason for entry in shop.ledger.suppressions.among([MARK]).get(MARK, [])}


def test_a_receipt_moves_its_message_on(shop: Shop) -> None:
    react(shop, "e1", "delivered")
    report = settle(shop)
    assert (report.rows_in, report.rows_out, dict(report.counts)) == (1, 1, {"delivered": 1})
    assert state(shop) == "delivered"


def test_without_news_nothing_is_done(shop: Shop) -> None:
    assert settle(shop).skipped
    react(shop, "e1", "delivered")
    settle(shop)
    assert settle(shop).skipped


def test_opens_and_clicks_settle_nothing(shop: Shop) -> None:
    react(shop, "e1", "opened")
    react(shop, "e2", "clicked")
    assert settle(shop).skipped
    assert state(shop) == "accepted"


@pytest.mark.parametrize(
    ("type_", "code", "becomes", "suppressed"),
    [
        ("bounced", "5.1.1", "bounced", {"all": "bounced 5.1.1"}),
        ("bounced", "5.1.10", "bounced", {"all": "bounced 5.1.10"}),
        ("bounced", None, "bounced", {"all": "bounced"}),
        ("bounced", "5.2.2", "bounced", {}),
        ("bounced", "5.7.1", "bounced", {}),
        ("soft_bounced", "5.2.2", "bounced", {}),
        ("soft_bounced", "4.4.7", "accepted", {}),
        ("soft_bounced", "5.7.26", "bounced", {}),
        ("bounced", "4.2.1", "accepted", {}),
        ("complained", None, "accepted", {"marketing": "complained"}),
        ("unsubscribed", None, "accepted", {"marketing": "unsubscribed"}),
    ],
)
def test_what_each_reaction_means(
    shop: Shop, type_: str, code: str | None, becomes: str, suppressed: dict[str, str]
) -> None:
    react(shop, "e1", type_, code)
    settle(shop)
    assert state(shop) == becomes
    assert reasons(shop) == suppressed


def test_a_letter_that_came_back_suppresses_its_address_for_letters(warehouse: Warehouse, tmp_path: Path) -> None:
    with shop_in(tmp_path, warehouse) as shop:
        shop.newcomer(1, consent=["letter"], **HOME)
        decide(shop.warehouse, shop.ledger, shop.project, NOW)
        activate(shop.warehouse, shop.ledger, shop.project, NOW)
        react(shop, "r1", "bounced", connection="post")
        assert settle(shop).counts["suppressed"] == 1
        assert state(shop) == "bounced"
        mark = hashed(KEY, "letter", identifier("letter", HOME))
        assert [entry.reason for entry in shop.ledger.suppressions.among([mark])[mark]] == ["bounced"]


def test_a_refusal_by_policy_is_counted_for_a_person_to_look_at(shop: Shop) -> None:
    react(shop, "e1", "bounced", "5.7.1")
    assert dict(settle(shop).counts) == {"bounced": 1, "policy": 1}


def test_three_soft_bounces_in_thirty_days_suppress_and_two_or_older_ones_do_not(shop: Shop) -> None:
    react(shop, "e0", "soft_bounced", "4.2.2", at=NOW - 30 * DAY)
    react(shop, "e1", "soft_bounced", "4.2.2", at=NOW - 29 * DAY)
    settle(shop, timedelta(0))
    react(shop, "e2", "bounced", "5.2.2", load_id="load2")
    settle(shop, timedelta(0))
    assert shop.ledger.suppressions.empty()
    react(shop, "e3", "soft_bounced", "4.2.2", load_id="load3")
    assert settle(shop, timedelta(0)).counts["suppressed"] == 1
    assert reasons(shop) == {"all": "bounced three times in 30 days"}


def test_a_policy_of_the_other_side_is_no_bounce_of_the_address(shop: Shop) -> None:
    for number in range(2):
        react(shop, f"p{number}", "soft_bounced", "5.7.26", load_id=f"load{number}")
        settle(shop, timedelta(0))
    react(shop, "e1", "soft_bounced", "4.2.2", load_id="load2")
    settle(shop, timedelta(0))
    assert shop.ledger.suppressions.empty()


def test_the_same_event_twice_counts_once(shop: Shop) -> None:
    for load in ("load1", "load2", "load3"):
        react(shop, "e1", "soft_bounced", "4.2.2", load_id=load)
        settle(shop)
        with shop.warehouse.begin() as transaction:
            transaction.execute(transaction.table("message_event").delete())
    assert shop.ledger.suppressions.empty()


@pytest.mark.parametrize("order", [("delivered", "bounced"), ("bounced", "delivered")])
@pytest.mark.parametrize("together", [True, False])
def test_a_bounce_holds_whatever_comes_first(shop: Shop, order: tuple[str, str], together: bool) -> None:
    for number, type_ in enumerate(order):
        react(shop, f"e{number}", type_, load_id=f"load{number}")
        if not together:
            settle(shop)
    settle(shop)
    assert state(shop) == "bounced"


def test_an_unsubscribe_withdraws_consent_with_the_event_as_evidence(shop: Shop) -> None:
    react(shop, "e1", "unsubscribed", at=NOW + timedelta(hours=3))
    assert settle(shop).counts["withdrawn"] == 1
    assert shop.rows("consent", "source_key", "record_id", "channel", "purpose", "given", "at", "evidence")[1] == (
        "unsubscribed:e1",
        "shop:1",
        "email",
        "marketing",
        False,
        NOW + timedelta(hours=3),
        "message_event mail:e1",
    )
    settle(shop)
    assert len(shop.rows("consent", "source_key")) == 2


def test_after_an_unsubscribe_nothing_is_decided_for_that_channel(shop: Shop) -> None:
    react(shop, "e1", "unsubscribed")
    settle(shop)
    shop.event("shop:1", "shop_visit", NOW + DAY)
    report = decide(
        shop.warehouse, shop.ledger, shop.with_(scenarios={"visit": visit()}).project, NOW + DAY + timedelta(hours=1)
    )
    assert report.counts["refused"] == 1
    assert shop.rows("decision", "scenario", "reason")[0] == ("visit", "email: consent withdrawn")


def test_who_subscribes_again_after_an_unsubscribe_is_written_to_again_and_after_a_complaint_is_not(shop: Shop) -> None:
    later = shop.with_(scenarios={"visit": visit()})
    react(shop, "e1", "unsubscribed")
    settle(shop)
    shop.consent("shop:1", "email", at=NOW + DAY)
    shop.event("shop:1", "shop_visit", NOW + DAY)
    moment = NOW + DAY + timedelta(hours=1)
    assert decide(later.warehouse, later.ledger, later.project, moment).counts["queued"] == 1
    react(shop, "e2", "complained", load_id="l2")
    settle(shop, 2 * DAY)
    shop.consent("shop:1", "email", at=NOW + 2 * DAY)
    assert dict(activate(later.warehouse, later.ledger, later.project, NOW + 3 * DAY).counts) == {"refused": 1}


def test_an_unsubscribe_takes_back_a_yes_that_was_here_before_it_and_is_dated_later(shop: Shop) -> None:
    shop.consent("shop:1", "email", at=NOW + 2 * DAY, load_id=str(NOW.timestamp()))  # the shop's clock runs ahead
    shop.consent("shop:1", "email", at=NOW + 3 * DAY, load_id=str((NOW + 3 * DAY).timestamp()))
    react(shop, "e1", "unsubscribed", at=NOW + timedelta(hours=3))
    settle(shop)
    stated = shop.rows("consent", "at", "given", "connection")
    assert (NOW + 2 * DAY, False, "hub") in stated
    assert (NOW + 3 * DAY, False, "hub") not in stated


def test_a_withdrawal_is_news_for_what_depends_on_facts(shop: Shop) -> None:
    def mark() -> str | None:
        with shop.warehouse.begin() as transaction:
            return seen(transaction, "map")

    before = mark()
    react(shop, "e1", "unsubscribed")
    settle(shop)
    after = mark()
    assert after not in (before, None)
    settle(shop)
    assert mark() == after


def test_an_unknown_message_is_kept_and_counted(shop: Shop) -> None:
    react(shop, "e1", "bounced", "5.1.1", message_key="nobody", record_id=None)
    react(shop, "e2", "delivered", message_key="nobody", record_id=None)
    report = settle(shop)
    assert (report.rows_in, report.set_aside) == (2, 2)
    assert dict(report.counts) == {"bounced": 1, "delivered": 1, "unknown_message": 2}
    assert settle(shop).skipped


def test_what_was_never_sent_can_not_be_delivered(shop: Shop) -> None:
    shop.newcomer(2)
    decide(shop.warehouse, shop.ledger, shop.project, NOW)
    (forged,) = shop.ledger.outbox.due("mail", NOW, 10)
    react(shop, "e1", "delivered", message_key=forged.id)
    settle(shop)
    assert shop.ledger.outbox.states([forged.id]) == {forged.id: "queued"}


def test_a_receipt_settles_a_message_of_which_nobody_knew(shop: Shop) -> None:
    shop.newcomer(2)
    shop.answer("mail", lambda batch: [Result(message.id, "unknown") for message in batch])
    decide(shop.warehouse, shop.ledger, shop.project, NOW)
    activate(shop.warehouse, shop.ledger, shop.project, NOW)
    (parked,) = shop.ledger.outbox.parked()
    react(shop, "e1", "delivered", message_key=parked.id)
    settle(shop)
    assert shop.ledger.outbox.parked() == []


def test_the_mail_of_another_system_suppresses_the_only_address_of_its_record(shop: Shop) -> None:
    shop.person(7)
    shop.person(8)
    for number, addresses in [(7, ["one@example.nl"]), (8, ["one@example.nl", "two@example.nl"])]:
        for place, address in enumerate(addresses):
            shop.insert(
                "identifier",
                connection="news",
                source_key=f"{number}{place}",
                record_id=f"shop:{number}",
                type="email",
                value=address,
            )
    values = {"connection": "news", "message_key": "n1", "load_id": "news1"}
    react(shop, "n1", "bounced", "5.1.1", record_id="shop:7", **values)
    react(shop, "n2", "bounced", "5.1.1", record_id="shop:8", **values)
    react(shop, "n3", "unsubscribed", record_id="shop:8", **values)
    react(shop, "n4", "delivered", record_id="shop:8", **values)
    report = settle(shop)
    assert dict(report.counts) == {"bounced": 2, "unsubscribed": 1, "suppressed": 1, "withdrawn": 1}
    assert shop.rows("consent", "connection", "record_id", "given")[0] == ("news", "shop:8", False)


def test_an_event_that_was_mapped_anew_in_another_way_is_seen(shop: Shop) -> None:
    react(shop, "e1", "opened")
    settle(shop)
    shop.update("message_event", {"source_key": "e1"}, type="complained")
    assert dict(settle(shop).counts) == {"complained": 1, "suppressed": 1}
