"""Ways around consent, tried: whatever comes in again, merges, retries or is spelled otherwise, nothing goes out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub import statements
from hub.contracts import Channel, Message, Result
from hub.ledger import Suppression, hashed
from hub.recipients import identifier
from hub.stages.activate import activate
from hub.stages.decide import decide
from hub.stages.feedback import feedback
from hub.warehouse import Warehouse
from tests.stages.engagement import KEY, NOW, WELCOME, Shop, gold, shop_in

SOON = NOW + timedelta(minutes=5)
LATER = NOW + timedelta(hours=2)
HOME = {"street": "Keizerstraat", "house_number": "12", "postcode": "2583XL", "city": "Scheveningen"}


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Iterator[Shop]:
    with shop_in(tmp_path, warehouse) as opened:
        yield opened


def queued(shop: Shop) -> str:
    decide(shop.warehouse, shop.ledger, shop.project, NOW)
    return str(shop.rows("decision", "decision_id")[0])


def state(shop: Shop, message_id: str) -> tuple[str, str | None]:
    found = shop.ledger.outbox.get(message_id)
    assert found is not None
    return found.state, found.reason


def test_the_old_yes_that_is_imported_again_does_not_undo_an_unsubscribe(shop: Shop) -> None:
    shop.newcomer(1)
    message = queued(shop)
    statements.unsubscribe(shop.ledger, message, SOON)
    feedback(shop.warehouse, shop.ledger, shop.project, SOON)
    shop.consent("shop:1", "email", at=NOW - timedelta(days=1), load_id="200.0")
    activate(shop.warehouse, shop.ledger, shop.project, LATER)
    assert state(shop, message)[0] == "refused"


def test_the_same_address_under_another_record_is_not_written_to_either(shop: Shop) -> None:
    shop.newcomer(1, email="anna@example.nl")
    message = queued(shop)
    statements.unsubscribe(shop.ledger, message, SOON)
    activate(shop.warehouse, shop.ledger, shop.project, SOON)
    shop.newcomer(2, email="anna@example.nl")
    decide(shop.warehouse, shop.ledger, shop.project, LATER)
    activate(shop.warehouse, shop.ledger, shop.project, LATER)
    assert shop.taken("mail") == []


def test_a_suppressed_postal_address_is_known_in_another_spelling(shop: Shop) -> None:
    spelled = {**HOME, "house_letter": "a", "country": "nl", "postcode": " 2583xl "}
    mark = hashed(KEY, "letter", identifier("letter", {**HOME, "house_letter": "A", "country": "NL"}))
    shop.ledger.suppressions.add([Suppression(mark, "marketing", "complained", "post:1", NOW)])
    shop.newcomer(1, consent=["letter"], email=None, **spelled)
    decide(shop.warehouse, shop.ledger, shop.project, NOW)
    assert shop.rows("decision", "outcome") == ["refused"]


@pytest.mark.parametrize(
    ("channel", "known", "spelled"),
    [
        ("email", {"email": "anna@example.nl"}, {"email": " Anna@Example.NL "}),
        ("sms", {"phone": "+31612345678"}, {"phone": "+31 6 1234 5678"}),
        ("letter", HOME, {**HOME, "postcode": "2583 xl"}),
    ],
)
def test_an_address_that_a_mapping_did_not_normalise_is_suppressed_all_the_same(
    shop: Shop, channel: Channel, known: dict[str, str], spelled: dict[str, str]
) -> None:
    mark = hashed(KEY, channel, identifier(channel, known))
    shop.ledger.suppressions.add([Suppression(mark, "marketing", "complained", "x:1", NOW)])
    shop.newcomer(1, consent=[channel], **{"email": None, **spelled})
    decide(shop.warehouse, shop.ledger, shop.project, NOW)
    (reason,) = shop.rows("decision", "reason")
    assert f"{channel}: suppressed, complained" in reason
    assert shop.rows("decision", "outcome") == ["refused"]


def test_a_message_that_is_to_be_tried_again_is_looked_at_again_after_a_withdrawal(shop: Shop) -> None:
    def busy(batch: Any) -> list[Result]:
        return [Result(message.id, "later", reason="busy") for message in batch if isinstance(message, Message)]

    shop.newcomer(1)
    message = queued(shop)
    shop.answer("mail", busy)
    activate(shop.warehouse, shop.ledger, shop.project, NOW)
    assert state(shop, message)[0] == "queued"
    statements.unsubscribe(shop.ledger, message, SOON)
    shop.answer("mail", lambda batch: [Result(one.id, "accepted") for one in batch])
    activate(shop.warehouse, shop.ledger, shop.project, LATER)
    assert state(shop, message)[0] == "refused"


def test_what_was_refused_stays_so_also_if_the_person_agrees_again_in_time(shop: Shop) -> None:
    record = shop.newcomer(1)
    message = queued(shop)
    statements.unsubscribe(shop.ledger, message, SOON)
    activate(shop.warehouse, shop.ledger, shop.project, LATER)
    assert state(shop, message)[0] == "refused"
    shop.consent(record, "email", at=LATER)
    activate(shop.warehouse, shop.ledger, shop.project, LATER + timedelta(hours=1))
    assert state(shop, message)[0] == "refused"
    assert shop.taken("mail") == []


def test_a_person_who_is_merged_with_one_who_agrees_stays_refused(shop: Shop) -> None:
    shop.newcomer(1)
    message = queued(shop)
    statements.unsubscribe(shop.ledger, message, SOON)
    shop.person(2, consent=["email"], email="two@example.nl")
    shop.merge(1, 2)
    activate(shop.warehouse, shop.ledger, shop.project, LATER)
    assert state(shop, message)[0] == "refused"


def test_an_audience_does_not_take_a_suppressed_address(shop: Shop) -> None:
    with_sync = shop.with_(syncs={"gold": gold(consent={"channel": "email"})})
    for number in (1, 2):
        shop.newcomer(number, email=f"Person{number}@example.nl".lower())
        shop.insert("membership", person_id=number, segment="gold", since=NOW)
    mark = hashed(KEY, "email", "person1@example.nl")
    shop.ledger.suppressions.add([Suppression(mark, "marketing", "complained", "mail:1", NOW)])
    activate(shop.warehouse, shop.ledger, with_sync.project, NOW)
    assert [row["key"] for row in shop.taken("ads")] == ["2"]


def test_an_audience_never_rests_on_a_soft_opt_in(shop: Shop) -> None:
    with_sync = shop.with_(syncs={"gold": gold(consent={"channel": "email"})})
    person = shop.newcomer(1, consent=[], country="NL")
    shop.consent(person, "email", basis="soft opt-in", from_sale=True, refusal_offered=True)
    shop.insert("membership", person_id=1, segment="gold", since=NOW)
    activate(shop.warehouse, shop.ledger, with_sync.project, NOW)
    assert shop.taken("ads") == []


# a soft opt-in rests on the message too


def soft(shop: Shop, **scenario: Any) -> Shop:
    """Give somebody who bought and was offered a refusal, and a scenario about similar products."""
    person = shop.newcomer(1, consent=[], country="NL")
    shop.consent(person, "email", basis="soft opt-in", from_sale=True, refusal_offered=True)
    told = WELCOME.model_copy(update={"own_similar_products": True, **scenario})
    return shop.with_(scenarios={"welcome": told})


def test_a_soft_opt_in_allows_a_message_about_similar_products_that_offers_a_refusal(shop: Shop) -> None:
    ours = soft(shop)
    decide(shop.warehouse, shop.ledger, ours.project, NOW)
    activate(shop.warehouse, shop.ledger, ours.project, NOW)
    assert len(shop.taken("mail")) == 1


def test_it_allows_no_message_about_anything_else(shop: Shop) -> None:
    ours = soft(shop, own_similar_products=False)
    decide(shop.warehouse, shop.ledger, ours.project, NOW)
    assert shop.rows("decision", "outcome") == ["refused"]


def test_it_allows_no_message_that_offers_no_refusal(shop: Shop) -> None:
    ours = soft(shop)
    (shop.project.templates / "welcome" / "email.txt").write_text("Nieuw: {{ species }}", encoding="utf-8")
    decide(shop.warehouse, shop.ledger, ours.project, NOW)
    activate(shop.warehouse, shop.ledger, ours.project, NOW)
    assert shop.taken("mail") == []
    assert state(shop, str(shop.rows("decision", "decision_id")[0])) == ("refused", "no consent")


def test_a_scenario_that_stopped_being_about_similar_products_sends_nothing_of_what_waits(shop: Shop) -> None:
    ours = soft(shop)
    decide(shop.warehouse, shop.ledger, ours.project, NOW)
    activate(shop.warehouse, shop.ledger, shop.with_(scenarios={"welcome": WELCOME}).project, NOW)
    assert shop.taken("mail") == []
