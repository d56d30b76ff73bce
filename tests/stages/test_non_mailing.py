"""Print to organisations: the objection in the KvK register blocks it, and what is not known blocks it too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Place
from hub.project import Connection
from hub.register.non_mailing import OBJECTS, UNKNOWN
from hub.stages.activate import activate
from hub.stages.decide import decide
from hub.warehouse import Warehouse
from plugins.sources.kvk import Kvk
from plugins.sources.kvk.config import KvkConfig
from tests.stages.engagement import CONNECTIONS, NOW, WELCOME, Shop, shop_in

OFFICE = {"street": "Keizerstraat", "house_number": "12", "postcode": "2583XL", "city": "Scheveningen"}
WORK = {**OFFICE, "consent": ["letter"], "email": None}


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Iterator[Shop]:
    with shop_in(tmp_path, warehouse) as opened:
        kvk = Connection("kvk", Kvk, KvkConfig(key="k"), Place("kvk", tmp_path))
        yield opened.with_(connections={**opened.project.connections, "kvk": kvk})


def organisation(shop: Shop, key: str, person: str, **columns: Any) -> None:
    given = {"name": "De Kattenbak", "kvk": f"1234567{key}", "postcode": "2583 XL", "house_number": "12", **columns}
    shop.insert("organisation", connection="shop", source_key=key, **given)
    shop.insert("role", connection="shop", source_key=f"r{key}", record_id=person, organisation_key=key)


def answer(shop: Shop, key: str, **said: Any) -> None:
    given = {"asked": f"kvk=1234567{key}", "status": "found", "kvk": f"1234567{key}", "looked_up_at": NOW, **said}
    shop.insert("organisation_profile", connection="kvk", source_key=f"{key}{len(said)}{said}", **given)


def outcome(shop: Shop) -> tuple[str, str]:
    decide(shop.warehouse, shop.ledger, shop.project, NOW)
    ((decided, reason),) = shop.rows("decision", "outcome", "reason")
    return decided, reason.rpartition("; letter: ")[2]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"non_mailing": True}, ("refused", OBJECTS)),
        ({"non_mailing": False}, ("queued", "chosen")),
        ({"non_mailing": None}, ("refused", UNKNOWN)),
        ({"status": "rejected", "kvk": None}, ("refused", UNKNOWN)),
        ({"status": "absent", "kvk": None}, ("queued", "chosen")),
        (None, ("refused", UNKNOWN)),
    ],
    ids=["objects", "does not object", "left open", "no answer", "not in the register", "not asked yet"],
)
def test_a_letter_to_an_organisation_goes_only_when_it_is_known_not_to_object(
    shop: Shop, said: dict[str, Any] | None, expected: tuple[str, str]
) -> None:
    person = shop.newcomer(1, **WORK)
    organisation(shop, "1", person)
    if said is not None:
        answer(shop, "1", **said)
    assert outcome(shop) == expected


def test_the_newest_answer_counts(shop: Shop) -> None:
    organisation(shop, "1", shop.newcomer(1, **WORK))
    answer(shop, "1", non_mailing=True, looked_up_at=NOW - timedelta(days=30))
    answer(shop, "1", non_mailing=False, looked_up_at=NOW - timedelta(days=1))
    assert outcome(shop) == ("queued", "chosen")


def test_an_objection_stays_when_the_register_does_not_find_the_organisation_any_more(shop: Shop) -> None:
    organisation(shop, "1", shop.newcomer(1, **WORK))
    answer(shop, "1", non_mailing=True, looked_up_at=NOW - timedelta(days=30))
    answer(shop, "1", status="absent", kvk=None)
    assert outcome(shop) == ("refused", OBJECTS)


def test_one_of_two_organisations_at_the_address_is_enough_to_block(shop: Shop) -> None:
    person = shop.newcomer(1, **WORK)
    organisation(shop, "1", person)
    organisation(shop, "2", person)
    answer(shop, "1", non_mailing=False)
    answer(shop, "2", non_mailing=True)
    assert outcome(shop) == ("refused", OBJECTS)


def test_the_address_in_the_register_counts_too(shop: Shop) -> None:
    organisation(shop, "1", shop.newcomer(1, **WORK), postcode=None, house_number=None)
    answer(shop, "1", non_mailing=True, postcode="2583XL", house_number="12")
    assert outcome(shop) == ("refused", OBJECTS)


@pytest.mark.parametrize(
    "columns",
    [{"postcode": "1000AA"}, {"country": "BE"}],
    ids=["a letter to somewhere else", "an organisation that the register does not cover"],
)
def test_other_letters_go(shop: Shop, columns: dict[str, str]) -> None:
    organisation(shop, "1", shop.newcomer(1, **WORK), **columns)
    assert outcome(shop) == ("queued", "chosen")


def test_a_neighbour_without_a_role_there_gets_the_letter(shop: Shop) -> None:
    organisation(shop, "1", shop.person(2))
    answer(shop, "1", non_mailing=True)
    shop.newcomer(1, **WORK)
    assert outcome(shop) == ("queued", "chosen")


def test_a_service_letter_is_no_advertising(shop: Shop) -> None:
    service = WELCOME.model_copy(update={"purpose": "service"})
    served = shop.with_(scenarios={"welcome": service})
    organisation(served, "1", served.newcomer(1, **WORK))
    answer(served, "1", non_mailing=True)
    assert outcome(served) == ("queued", "chosen")


def test_without_a_look_up_nothing_is_known_and_nobody_is_held_back(shop: Shop) -> None:
    plain = shop.with_(connections={name: shop.project.connections[name] for name in CONNECTIONS})
    organisation(plain, "1", plain.newcomer(1, **WORK))
    answer(plain, "1", non_mailing=True)
    assert outcome(plain) == ("queued", "chosen")


def test_an_objection_between_decision_and_sending_stops_the_letter(shop: Shop) -> None:
    organisation(shop, "1", shop.newcomer(1, **WORK))
    answer(shop, "1", non_mailing=False)
    assert outcome(shop) == ("queued", "chosen")
    answer(shop, "1", non_mailing=True, looked_up_at=NOW + timedelta(minutes=1))
    report = activate(shop.warehouse, shop.ledger, replace(shop.project), NOW + timedelta(minutes=2))
    assert shop.taken("post") == []
    assert report.counts["refused"] == 1
    (id_,) = shop.rows("decision", "decision_id")
    assert (message := shop.ledger.outbox.get(id_)) is not None
    assert (message.state, message.reason) == ("refused", OBJECTS)
