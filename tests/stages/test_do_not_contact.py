"""Do-not-contact registers: nothing goes out without a fresh consultation, and each one is proven."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub.contracts import Place
from hub.do_not_contact import Approached, consult
from hub.ledger import Consulted
from hub.project import Connection
from hub.stages.activate import activate
from hub.stages.decide import decide
from hub.warehouse import Warehouse
from plugins.registers.file import RegisterFile, RegisterFileConfig
from tests.stages.engagement import NOW, WELCOME, Shop, gold, shop_in

HOME = {"street": "Keizerstraat", "house_number": "12", "postcode": "2583XL", "city": "Scheveningen"}
NUMBER = "+32470123456"


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Iterator[Shop]:
    with shop_in(tmp_path, warehouse) as opened:
        yield opened


def with_register(shop: Shop, *entries: str, day: str = "2026-03-01", name: str = "own-list", channel: str) -> Shop:
    """Give the shop a register of these entries."""
    file = shop.project.folder / f"{name}-{day}.csv"
    file.write_text("\n".join(["entry", *entries, ""]), encoding="utf-8")
    given = {"path": f"{name}-{{date}}.csv", "register": name, "channels": [channel], "region": "BE"}
    place = Place(name, shop.project.folder)
    register = Connection(name, RegisterFile, RegisterFileConfig.model_validate(given), place)
    return shop.with_(connections={**shop.project.connections, name: register})


def sent(shop: Shop) -> tuple[int, list[str]]:
    """Activate; tell how many mails went, and why the others did not."""
    activate(shop.warehouse, shop.ledger, shop.project, NOW)
    ids = shop.rows("decision", "decision_id")
    reasons = [queued.reason for queued in shop.ledger.outbox.among(ids).values() if queued.state == "refused"]
    return len(shop.taken("mail")), [reason or "" for reason in reasons]


def waiting(shop: Shop, *numbers: int) -> None:
    for number in numbers:
        shop.newcomer(number)
    decide(shop.warehouse, shop.ledger, shop.project, NOW)


def test_who_is_listed_gets_no_marketing_and_the_others_do(shop: Shop) -> None:
    waiting(shop, 1, 2)
    ours = with_register(shop, "Person1@example.nl", channel="email")
    assert sent(ours) == (1, ["listed in the register own-list"])


def test_each_mailing_has_its_proof_of_consultation(shop: Shop) -> None:
    waiting(shop, 1, 2)
    ours = with_register(shop, "person1@example.nl", channel="email")
    sent(ours)
    (proof,) = shop.ledger.consultations.of("welcome/welcome")
    dated = datetime(2026, 3, 1, tzinfo=UTC)
    assert proof == Consulted("own-list", "own-list", "welcome/welcome", NOW, proof.reference, dated, 2, 1)
    assert proof.reference.startswith("own-list-2026-03-01.csv sha256:")
    assert "person1" not in repr(proof)


def test_what_is_asked_in_portions_adds_up_to_one_proof(shop: Shop) -> None:
    ours = with_register(shop, "a@example.nl", channel="email")
    for address in ("a@example.nl", "b@example.nl"):
        answers = consult(ours.project, "email", {1: Approached(address, "", "news/1")}, NOW)
        shop.ledger.consultations.add(answers.proofs)
    assert [(it.asked, it.listed) for it in shop.ledger.consultations.of("news/1")] == [(2, 1)]
    assert [(it.asked, it.listed) for it in shop.ledger.consultations.of()] == [(2, 1)]


@pytest.mark.parametrize(
    ("day", "reason"),
    [("2026-01-15", "is of 2026-01-15, which is too old to rely on"), ("2026-04-01", "which is still to come")],
)
def test_a_register_that_is_not_of_these_days_lets_nothing_out(shop: Shop, day: str, reason: str) -> None:
    waiting(shop, 1)
    number, (why,) = sent(with_register(shop, "x@example.nl", day=day, channel="email"))
    assert number == 0
    assert reason in why


def test_a_register_that_does_not_answer_lets_nothing_out(shop: Shop) -> None:
    waiting(shop, 1)
    ours = with_register(shop, "x@example.nl", channel="email")
    (shop.project.folder / "own-list-2026-03-01.csv").unlink()
    number, (why,) = sent(ours)
    assert number == 0
    assert "does not answer: there is no file" in why


def test_who_is_listed_is_written_to_by_the_next_channel(shop: Shop) -> None:
    ours = with_register(shop, "person1@example.nl", channel="email")
    shop.newcomer(1, consent=["email", "letter"], **HOME)
    decide(shop.warehouse, shop.ledger, ours.project, NOW)
    assert shop.rows("decision", "outcome", "channel") == [("queued", "letter")]
    assert shop.rows("decision", "reason")[0].startswith("email: listed in the register own-list")


def test_who_was_held_back_by_an_old_register_is_written_to_when_there_is_a_new_one(shop: Shop) -> None:
    shop.newcomer(1)
    old = with_register(shop, "x@example.nl", day="2026-01-15", channel="email")
    decide(shop.warehouse, shop.ledger, old.project, NOW)
    assert shop.rows("decision", "outcome") == ["refused"]
    renewed = with_register(shop, "x@example.nl", channel="email")
    tomorrow = NOW + timedelta(days=1)
    decide(shop.warehouse, shop.ledger, renewed.project, tomorrow)
    assert shop.rows("decision", "outcome") == ["queued"]


def test_a_service_message_asks_no_register(shop: Shop) -> None:
    service = WELCOME.model_copy(update={"purpose": "service"})
    served = shop.with_(scenarios={"welcome": service})
    waiting(served, 1)
    ours = with_register(served, "person1@example.nl", channel="email")
    assert sent(ours) == (1, [])
    assert shop.ledger.consultations.of() == []


def test_a_register_for_another_channel_is_not_asked(shop: Shop) -> None:
    waiting(shop, 1)
    assert sent(with_register(shop, "person1@example.nl", channel="sms")) == (1, [])


CALLING = WELCOME.model_validate(
    {
        **WELCOME.model_dump(by_alias=True),
        "steps": [{"task": "Ring", "to": "sales desk", "by": "phone", "done_when": "happened('shop_visit')"}],
    }
)


def test_nobody_is_called_whom_the_belgian_list_names_and_the_consultation_is_proven(shop: Shop) -> None:
    for number, phone in ((1, NUMBER), (2, "+32470123457"), (3, "+31612345678")):
        shop.newcomer(number, consent=["phone"], phone=phone, country="BE" if number < 3 else "NL")
    calling = shop.with_(scenarios={"welcome": CALLING})
    ours = with_register(calling, "0470 12 34 56", name="bel-me-niet-meer", channel="phone")
    decide(shop.warehouse, shop.ledger, ours.project, NOW)
    assert shop.rows("task", "record_id", "state", "reason") == [
        ("shop:1", "refused", "phone: listed in the register bel-me-niet-meer"),
        ("shop:2", "open", None),
        ("shop:3", "open", None),
    ]
    assert [(it.register, it.asked, it.listed) for it in shop.ledger.consultations.of()] == [("bel-me-niet-meer", 2, 1)]


def test_without_the_list_nobody_in_belgium_is_called(shop: Shop) -> None:
    for number, phone in ((1, NUMBER), (2, "+31612345678")):
        shop.newcomer(number, consent=["phone"], phone=phone)
    calling = shop.with_(scenarios={"welcome": CALLING})
    decide(shop.warehouse, shop.ledger, calling.project, NOW)
    assert shop.rows("task", "record_id", "state") == [("shop:1", "refused"), ("shop:2", "open")]


def test_a_list_to_call_has_nobody_whom_the_register_names_and_who_is_named_later_leaves_it(shop: Shop) -> None:
    for number, phone in ((1, NUMBER), (2, "+32470123457"), (3, "+32470123458"), (4, "+31612345678")):
        shop.person(number, consent=["phone"], phone=phone, country="BE" if number < 4 else "NL")
        shop.insert("membership", person_id=number, segment="gold", since=NOW)
    calling = shop.with_(syncs={"gold": gold(consent={"channel": "phone"})})
    ours = with_register(calling, "0470 12 34 56", name="bel-me-niet-meer", channel="phone")
    activate(shop.warehouse, shop.ledger, ours.project, NOW)
    assert sorted(row["key"] for row in shop.taken("ads")) == ["2", "3", "4"]
    (proof,) = shop.ledger.consultations.of("sync/gold")
    assert (proof.register, proof.asked, proof.listed) == ("bel-me-niet-meer", 3, 1)
    longer = with_register(
        calling, "0470 12 34 56", "0470 12 34 57", day="2026-03-02", name="bel-me-niet-meer", channel="phone"
    )
    activate(shop.warehouse, shop.ledger, longer.project, NOW + timedelta(hours=1))
    assert [row["key"] for row in shop.taken("ads") if row["operation"] == "remove"] == ["2"]


@pytest.mark.parametrize("country", ["BE", ""], ids=["by the country", "by the number"])
def test_who_calls_belgium_must_consult_the_list_and_without_a_connection_nobody_is_called(
    shop: Shop, country: str
) -> None:
    asked = {1: Approached(NUMBER, country, "calls")}
    answers = consult(shop.project, "phone", asked, NOW)
    assert answers.refused == {1: "the register bel-me-niet-meer must be consulted, and no connection gives it"}


def test_the_belgian_list_answers_for_belgians_only(shop: Shop) -> None:
    ours = with_register(shop, "0470 12 34 56", name="bel-me-niet-meer", channel="phone")
    asked = {
        "listed": Approached(NUMBER, "BE", "calls"),
        "free": Approached("+32470123457", "BE", "calls"),
    }
    assert consult(ours.project, "phone", asked, NOW).refused == {"listed": "listed in the register bel-me-niet-meer"}
    dutch = {"dutch": Approached("+31612345678", "NL", "calls")}
    assert consult(ours.project, "phone", dutch, NOW).proofs == []
    assert consult(ours.project, "phone", dutch, NOW + timedelta(days=90)).refused == {}
    assert "too old" in consult(ours.project, "phone", asked, NOW + timedelta(days=90)).refused["free"]
