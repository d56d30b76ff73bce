"""One catalogue per household, over a scenario and over a sync (R6, R21): on DuckDB and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.project.segments import Segment
from hub.stages.activate import activate
from hub.stages.decide import decide
from hub.stages.enrich import enrich
from hub.stages.segment import segment
from hub.warehouse import Warehouse
from tests.stages.engagement import NOW, WELCOME, Shop, gold, shop_in
from tests.stages.world import fact, record, resolve, rows

HOME = {"street": "Dorpsstraat", "house_number": "9", "postcode": "1234AB", "city": "Ede", "country": "NL"}
PEOPLE = {
    1: ("Boer", None, HOME),
    2: ("Vries", "Boer", HOME),
    3: ("Boer", None, HOME),
    4: ("Smit", None, {**HOME, "house_number": "11"}),
    5: ("Bakker", None, {}),
}
CATALOGUE = WELCOME.model_copy(
    update={
        "target": "household_head",
        "steps": [WELCOME.steps[0].model_copy(update={"by": ["letter"]})],
    }
)


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Iterator[Shop]:
    """A shop with a couple and their child, a neighbour, and somebody without an address; some refuse letters."""
    sync = gold(
        key="coalesce(household_id, person_id)",
        shared_key="first",
        fields={"name": "given_name"},
        consent={"channel": "letter"},
        **{"from": {"segment": "catalogue"}},
    )
    with shop_in(
        tmp_path, warehouse, scenarios=[CATALOGUE], segments={"catalogue": Segment(where="true")}, syncs=[sync]
    ) as opened:
        for number, (surname, partner, home) in PEOPLE.items():
            its = f"crm:{number}"
            record(warehouse, its, NOW, given_name=f"P{number}", surname=surname, partner_surname=partner)
            fact(warehouse, "address", its, its, source_time=NOW, **home)
            opened.event(its)
        yield opened


def send(shop: Shop, *letters_to: int) -> None:
    for number in letters_to:
        shop.consent(f"crm:{number}", "letter")
    resolve(shop.warehouse, shop.project, NOW)
    enrich(shop.warehouse, shop.project, NOW)
    segment(shop.warehouse, shop.project, NOW)


def test_r6_each_household_has_one_head_and_who_lives_alone_is_one_too(shop: Shop) -> None:
    send(shop)
    assert rows(shop.warehouse, "person", "person_id", "household_id", "household_head") == [
        (1, 1, True),
        (2, 1, False),
        (3, 1, False),
        (4, 4, True),
        (5, None, True),
    ]


def test_r21_a_scenario_that_targets_heads_sends_one_catalogue_per_household(shop: Shop) -> None:
    send(shop, 1, 2, 3, 4, 5)
    decide(shop.warehouse, shop.ledger, shop.project, NOW)
    assert shop.rows("decision", "record_id", "outcome", "channel") == [
        ("crm:1", "queued", "letter"),
        ("crm:4", "queued", "letter"),
        ("crm:5", "refused", None),
    ]


def test_r6_a_sync_by_household_sends_one_row_for_each_also_where_its_head_refuses(shop: Shop) -> None:
    send(shop, 2, 3, 4, 5)
    assert dict(activate(shop.warehouse, shop.ledger, shop.project, NOW).counts) == {"synced": 3}
    assert sorted((it["key"], it["name"]) for it in shop.taken("ads")) == [("1", "P2"), ("4", "P4"), ("5", "P5")]
