"""What people tell the hub itself holds at once: before any run, for every channel named, and however it is retried."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub import statements
from hub.errors import RejectedError
from hub.ledger import Statement, digest
from hub.project.models import HubFile
from hub.project.scenario import Confirms
from hub.stages.activate import activate
from hub.stages.decide import decide
from hub.stages.feedback import feedback
from hub.statements import Choice
from hub.warehouse import Warehouse
from tests.stages.engagement import NOW, WELCOME, Shop, gold, shop_in

HOUR = timedelta(hours=1)
SOON = NOW + timedelta(minutes=5)


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Iterator[Shop]:
    with shop_in(tmp_path, warehouse) as opened:
        yield opened


def queued(shop: Shop, number: int = 1, **columns: object) -> str:
    """Let a person be welcomed, and give the id of the message that waits."""
    shop.newcomer(number, **columns)  # type: ignore[arg-type]
    decide(shop.warehouse, shop.ledger, shop.project, NOW)
    return str(shop.rows("decision", "decision_id")[-1])


def state(shop: Shop, message_id: str) -> tuple[str, str | None]:
    found = shop.ledger.outbox.get(message_id)
    assert found is not None
    return found.state, found.reason


def stated(shop: Shop) -> list[tuple[str, str, bool, str]]:
    return [row for row in shop.rows("consent", "channel", "purpose", "given", "connection") if row[3] == "hub"]


def test_who_unsubscribes_while_a_message_waits_does_not_get_it_even_before_any_run(shop: Shop) -> None:
    message = queued(shop)
    assert statements.unsubscribe(shop.ledger, message, SOON)
    activate(shop.warehouse, shop.ledger, shop.project, NOW)
    assert shop.taken("mail") == []
    assert state(shop, message) == ("refused", "suppressed, unsubscribed")


def test_an_unsubscribe_lands_as_a_statement_with_its_evidence_and_suppresses_the_address(shop: Shop) -> None:
    message = queued(shop)
    statements.unsubscribe(shop.ledger, message, SOON)
    assert statements.take_in(shop.warehouse, shop.ledger, shop.project, NOW) == 1
    assert stated(shop) == [("email", "marketing", False, "hub")]
    assert f"unsubscribe: link in message {message}" in shop.rows("consent", "evidence")
    ((entry,),) = shop.ledger.suppressions.everything().values()
    assert (entry.purpose, entry.reason, entry.at) == ("marketing", "unsubscribed", SOON)


def test_an_unsubscribe_that_comes_twice_counts_once(shop: Shop) -> None:
    message = queued(shop)
    for _ in range(2):
        assert statements.unsubscribe(shop.ledger, message, SOON)
        statements.take_in(shop.warehouse, shop.ledger, shop.project, NOW)
    assert stated(shop) == [("email", "marketing", False, "hub")]
    assert shop.ledger.statements.waiting() == []


def test_a_run_that_is_killed_after_landing_lands_nothing_a_second_time(shop: Shop) -> None:
    message = queued(shop)
    statements.unsubscribe(shop.ledger, message, SOON)
    statements.take_in(shop.warehouse, shop.ledger, shop.project, NOW)
    with shop.ledger.engine.begin() as connection:  # as if the kill came before the ledger knew
        connection.execute(sa.text("UPDATE statement SET landed_at = NULL"))
    statements.take_in(shop.warehouse, shop.ledger, shop.project, NOW)
    assert stated(shop) == [("email", "marketing", False, "hub")]


def test_a_message_that_never_was_is_told_apart(shop: Shop) -> None:
    assert not statements.unsubscribe(shop.ledger, "nothing", SOON)
    assert not statements.choose(shop.ledger, "nothing", [Choice("email", "marketing", False)], SOON)
    assert not statements.confirm(shop.ledger, shop.project, "nothing", SOON)
    assert shop.ledger.statements.waiting() == []


def test_an_objection_to_marketing_withdraws_every_channel(shop: Shop) -> None:
    message = queued(shop, consent=["email", "sms", "letter"])
    statements.object_to_marketing(shop.ledger, message, SOON)
    feedback(shop.warehouse, shop.ledger, shop.project, SOON)
    assert stated(shop) == [("all", "marketing", False, "hub")]
    activate(shop.warehouse, shop.ledger, shop.project, SOON)
    assert state(shop, message)[0] == "refused"


def test_on_a_preference_page_one_channel_can_go_and_another_come(shop: Shop) -> None:
    message = queued(shop)
    choices = [Choice("email", "marketing", False), Choice("sms", "marketing", True, "page-v1")]
    statements.choose(shop.ledger, message, choices, SOON)
    statements.take_in(shop.warehouse, shop.ledger, shop.project, SOON)
    assert sorted(stated(shop)) == [("email", "marketing", False, "hub"), ("sms", "marketing", True, "hub")]
    assert "page-v1" in shop.rows("consent", "text")


def test_several_choices_of_one_page_each_suppress_what_they_withdraw(shop: Shop) -> None:
    message = queued(shop)
    choices = [Choice("email", "marketing", False), Choice("sms", "marketing", False)]
    statements.choose(shop.ledger, message, choices, SOON)
    statements.take_in(shop.warehouse, shop.ledger, shop.project, SOON)
    assert len(shop.ledger.suppressions.everything()) == 1


def test_who_says_yes_again_after_an_unsubscribe_gets_messages_again(shop: Shop) -> None:
    message = queued(shop)
    statements.unsubscribe(shop.ledger, message, NOW + HOUR)
    statements.choose(shop.ledger, message, [Choice("email", "marketing", True)], NOW + 2 * HOUR)
    activate(shop.warehouse, shop.ledger, shop.project, NOW + 3 * HOUR)
    assert state(shop, message)[0] == "accepted"


def test_a_withdrawal_beats_a_yes_that_was_there_before_with_a_later_date(shop: Shop) -> None:
    message = queued(shop)
    shop.consent("shop:1", "email", at=NOW + 10 * HOUR)  # the shop's clock runs ahead
    statements.unsubscribe(shop.ledger, message, NOW + HOUR)
    activate(shop.warehouse, shop.ledger, shop.project, NOW + 11 * HOUR)
    assert state(shop, message)[0] == "refused"
    assert shop.rows("consent", "at", "given")[-2:] == [(NOW + 10 * HOUR, False), (NOW + 10 * HOUR, True)]


def test_a_new_yes_that_came_in_after_the_withdrawal_counts_though_both_land_together(shop: Shop) -> None:
    message = queued(shop)
    shop.consent("shop:1", "email", at=NOW + 10 * HOUR)
    statements.unsubscribe(shop.ledger, message, NOW + HOUR)
    shop.consent("shop:1", "email", at=NOW + 12 * HOUR, load_id=str((NOW + 12 * HOUR).timestamp()))
    activate(shop.warehouse, shop.ledger, shop.project, NOW + 13 * HOUR)
    assert state(shop, message)[0] == "accepted"


def test_a_withdrawal_reaches_the_other_records_of_a_merged_person(shop: Shop) -> None:
    message = queued(shop)
    shop.person(2, consent=["email"], email="two@example.nl")
    shop.merge(1, 2)
    shop.event("shop:2")
    statements.unsubscribe(shop.ledger, message, SOON)
    decide(shop.warehouse, shop.ledger, shop.project, SOON)
    activate(shop.warehouse, shop.ledger, shop.project, SOON)
    assert shop.taken("mail") == []


def test_a_statement_about_a_person_who_is_not_there_waits(shop: Shop) -> None:
    message = queued(shop)
    statements.unsubscribe(shop.ledger, message, SOON)
    shop.update("source_record", {"record_id": "shop:1"}, record_id="shop:away")
    assert statements.take_in(shop.warehouse, shop.ledger, shop.project, SOON) == 0
    assert len(shop.ledger.statements.waiting()) == 1
    shop.update("source_record", {"record_id": "shop:away"}, record_id="shop:1")
    assert statements.take_in(shop.warehouse, shop.ledger, shop.project, SOON) == 1


def test_what_somebody_says_at_the_desk_counts_and_leaves_no_name_in_the_ledger(shop: Shop) -> None:
    shop.newcomer(1)
    choice = Choice("all", "marketing", False)
    statements.state_for_record(shop.ledger, "shop:1", choice, SOON, "call 4711")
    (waiting,) = shop.ledger.statements.waiting()
    assert waiting.record == digest("shop:1")
    assert "shop:1" not in repr(waiting)
    decide(shop.warehouse, shop.ledger, shop.project, SOON)
    assert shop.rows("decision", "outcome") == ["refused"]
    assert shop.rows("consent", "evidence")[0] == "hand: call 4711"


def test_an_audience_loses_who_withdrew_on_a_page_at_the_next_run(shop: Shop) -> None:
    with_sync = shop.with_(syncs={"gold": gold()})
    for number in (1, 2, 3, 4):
        shop.newcomer(number, consent=["email", "ads"])
        shop.insert("membership", person_id=number, segment="gold", since=NOW)
    decide(shop.warehouse, shop.ledger, with_sync.project, NOW)
    activate(shop.warehouse, shop.ledger, with_sync.project, NOW)
    message = next(row[0] for row in shop.rows("decision", "decision_id", "record_id") if row[1] == "shop:1")
    statements.object_to_marketing(shop.ledger, message, SOON)
    activate(shop.warehouse, shop.ledger, with_sync.project, SOON)
    assert [row["key"] for row in shop.taken("ads") if row["operation"] == "remove"] == ["1"]


# double opt-in


def asking(shop: Shop) -> Shop:
    asked = Confirms(channel="email", text="shop-newsletter-v3")
    scenario = WELCOME.model_copy(update={"purpose": "service", "confirms": asked})
    hub = HubFile(name="Shop", public_url="https://mail.shop.example")
    return shop.with_(scenarios={"welcome": scenario}, hub=hub)


def test_a_confirmation_is_a_yes_with_the_message_as_its_evidence(shop: Shop) -> None:
    ours = asking(shop)
    message = queued(ours, consent=[])
    activate(shop.warehouse, shop.ledger, ours.project, NOW)
    assert statements.confirm(shop.ledger, ours.project, message, SOON)
    statements.take_in(shop.warehouse, shop.ledger, ours.project, SOON)
    ((channel, given, text, basis, at, evidence),) = shop.rows(
        "consent", "channel", "given", "text", "basis", "at", "evidence"
    )
    assert (channel, given, text, basis, at) == ("email", True, "shop-newsletter-v3", "consent", SOON)
    assert evidence == f"confirm: link in message {message}"


def test_without_the_confirmation_nobody_has_consented(shop: Shop) -> None:
    ours = asking(shop)
    queued(ours, consent=[])
    activate(shop.warehouse, shop.ledger, ours.project, NOW)
    assert len(shop.taken("mail")) == 1
    assert shop.rows("consent", "given") == []


def test_a_message_of_a_scenario_that_asks_nothing_confirms_nothing(shop: Shop) -> None:
    message = queued(shop)
    assert not statements.confirm(shop.ledger, shop.project, message, SOON)


# what can not be stated


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"message_id": None}, "one message, or of one record"),
        ({"record": digest("shop:1")}, "one message, or of one record"),
        ({"channel": "all", "given": True}, "one channel at a time"),
        ({"at": NOW.replace(tzinfo=None)}, "with its time zone"),
    ],
)
def test_a_statement_that_could_not_be_proven_is_refused(changes: dict[str, object], complaint: str) -> None:
    good = Statement("m1", "email", "marketing", False, NOW, "unsubscribe")
    with pytest.raises(RejectedError, match=complaint):
        replace(good, **changes)
