"""Which value a person keeps where the records differ: on DuckDB and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from hub.schema import BUILT_IN, Column, Schema
from hub.warehouse import Warehouse
from tests.stages.world import NOON, add, fact, project, record, resolve, rows

MONDAY, TUESDAY, WEDNESDAY = (datetime(2026, 11, day, tzinfo=UTC) for day in (16, 17, 18))
ANNA: dict[str, Any] = {"customer_number": "shop:1"}
"""Ties records to one person without being a field of the golden record."""


def keeps(warehouse: Warehouse, golden: dict[str, Any], *columns: str) -> tuple[Any, ...]:
    """Resolve by these rules, and give what the one person keeps."""
    whatever = {"customer_number": {"agree": []}}
    resolve(warehouse, project(identity={"golden": golden, "identifiers": whatever}), NOON)
    (found,) = rows(warehouse, "person", *columns)
    return found


def test_r42_the_first_system_of_the_list_that_says_something_goes_first(warehouse: Warehouse) -> None:
    record(warehouse, "web:1", WEDNESDAY, given_name="annie", language="fr", **ANNA)
    record(warehouse, "crm:1", MONDAY, given_name="", language=None, **ANNA)
    record(warehouse, "erp:1", TUESDAY, given_name="Anna", language="nl", **ANNA)
    rules = {"fields": {"given_name": ["crm", "erp", "newest"]}}
    assert keeps(warehouse, rules, "given_name", "language") == ("Anna", "fr")


def test_r42_systems_that_are_not_in_the_list_come_after_it(warehouse: Warehouse) -> None:
    record(warehouse, "web:1", MONDAY, given_name="Annie", **ANNA)
    record(warehouse, "shop:1", TUESDAY, given_name="Ans", **ANNA)
    assert keeps(warehouse, {"fields": {"given_name": "crm"}}, "given_name") == ("Ans",)


def test_r42_the_most_frequent_value_wins_whatever_its_capitals_and_accents(warehouse: Warehouse) -> None:
    for key, at, name in (
        ("a:1", MONDAY, "zoé"),
        ("b:1", TUESDAY, "Zoe"),
        ("c:1", WEDNESDAY, "Chloé"),
        ("d:1", None, ""),
    ):
        record(warehouse, key, at, given_name=name, **ANNA)
    assert keeps(warehouse, {"fields": {"given_name": "most frequent"}}, "given_name") == ("Zoe",)


def test_r42_the_most_frequent_date_wins_over_a_newer_one(warehouse: Warehouse) -> None:
    for key, at, born in (("a:1", MONDAY, 1), ("b:1", MONDAY, 1), ("c:1", WEDNESDAY, 2)):
        record(warehouse, key, at, birth_date=date(1980, 1, born), **ANNA)
    assert keeps(warehouse, {"fields": {"birth_date": "most frequent"}}, "birth_date") == (date(1980, 1, 1),)


def test_r42_the_longest_text_wins_and_of_equals_the_newest(warehouse: Warehouse) -> None:
    for key, at, name in (("a:1", MONDAY, "Johanna"), ("b:1", TUESDAY, "Johanne"), ("c:1", WEDNESDAY, "J.")):
        record(warehouse, key, at, given_name=name, **ANNA)
    assert keeps(warehouse, {"fields": {"given_name": "longest"}}, "given_name") == ("Johanne",)


def test_r42_an_email_address_that_its_system_verified_goes_before_a_newer_one(warehouse: Warehouse) -> None:
    record(warehouse, "mail:1", MONDAY, email="anna@example.nl", verified=True, **ANNA)
    record(warehouse, "shop:1", TUESDAY, email="anna@exmaple.nl", phone="+31612345678", verified=False, **ANNA)
    record(warehouse, "crm:1", WEDNESDAY, email="a@example.nl", **ANNA)
    rules = {"fields": {"email": ["verified", "newest"]}}
    assert keeps(warehouse, rules, "email", "phone") == ("anna@example.nl", "+31612345678")


def test_r42_the_next_rule_decides_where_the_one_before_finds_equals(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", MONDAY, given_name="An", **ANNA)
    record(warehouse, "crm:2", MONDAY, given_name="Annabel", **ANNA)
    record(warehouse, "shop:1", MONDAY, given_name="Anna-Isabella", **ANNA)
    assert keeps(warehouse, {"fields": {"given_name": ["newest", "crm", "longest"]}}, "given_name") == ("Annabel",)


def test_r42_a_default_holds_for_every_field_that_it_can_weigh(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", MONDAY, given_name="Johanna", birth_date=date(1980, 1, 1), profession="kok", **ANNA)
    record(warehouse, "shop:1", TUESDAY, given_name="Jo", birth_date=date(1981, 1, 1), profession="chef-kok", **ANNA)
    assert keeps(warehouse, {"default": "longest"}, "given_name", "birth_date", "profession") == (
        "Johanna",
        date(1981, 1, 1),
        "chef-kok",
    )


def test_r42_the_rule_of_the_surname_brings_its_prefix_along(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", MONDAY, prefix="van der", surname="Valk", partner_first=True, **ANNA)
    record(warehouse, "shop:1", TUESDAY, surname="Jansen", prefix="de", **ANNA)
    record(warehouse, "web:1", WEDNESDAY, prefix="ter", **ANNA)
    assert keeps(warehouse, {"fields": {"surname": "crm"}}, "prefix", "surname", "partner_first") == (
        "van der",
        "Valk",
        True,
    )


HOME = {"street": "Dorpsstraat", "house_number": "9", "postcode": "1234AB", "city": "Ede", "country": "NL"}


@pytest.mark.parametrize(
    ("rules", "city"),
    [("newest", "Zwolle"), (["crm", "newest"], "Ede"), ("most frequent", "Epe"), ("verified", "Assen")],
)
def test_r42_an_address_is_chosen_as_a_whole_by_its_rules(warehouse: Warehouse, rules: Any, city: str) -> None:
    said = (
        ("crm:1", MONDAY, "Ede", "9", None),
        ("shop:1", TUESDAY, "Epe", "9", None),
        ("shop:2", TUESDAY, "EPE", "9", None),
        ("gym:1", TUESDAY, "Assen", "8", True),
        ("web:1", WEDNESDAY, "Zwolle", "10", None),
    )
    for key, at, place, number, verified in said:
        record(warehouse, key, at, verified=verified, **ANNA)
        fact(warehouse, "address", key, key, source_time=at, **{**HOME, "city": place, "house_number": number})
    fact(warehouse, "address", "crm:1", "part", source_time=WEDNESDAY, city="Haren")
    found = keeps(warehouse, {"fields": {"address": rules}}, "city", "house_number")
    assert (found[0].title(), found[1]) == (city, {"Zwolle": "10", "Assen": "8"}.get(city, "9"))


@pytest.fixture
def own(open_on_engine: Callable[[Schema], Warehouse]) -> tuple[Warehouse, Schema]:
    """Give a warehouse with columns of one's own on person."""
    columns = [Column("tier", "text"), Column("points", "integer"), Column("joined", "date"), Column("vip", "boolean")]
    schema = BUILT_IN.extended({"person": columns, "source_record": columns}, [])
    return open_on_engine(schema), schema


def test_r42_fields_of_ones_own_come_together_from_the_record_of_their_leader(own: tuple[Warehouse, Schema]) -> None:
    warehouse, schema = own
    said: tuple[dict[str, Any], ...] = (
        {"tier": "gold", "points": 900, "joined": date(2020, 1, 1), "vip": False},
        {"tier": "silver", "points": None, "joined": None, "vip": True},
        {"tier": None, "points": 7, "joined": date(2025, 1, 1), "vip": None},
    )
    for number, (at, given) in enumerate(zip((MONDAY, TUESDAY, WEDNESDAY), said, strict=True)):
        place = {"connection": "crm", "source_key": str(number), "record_id": f"crm:{number}", "source_time": at}
        add(warehouse, "source_record", {**place, **given})
        add(warehouse, "identifier", {**place, "type": "loyalty_card", "value": "crm:1"})
    its = project(schema=schema, identity={"golden": {"from_one_record": [["tier", "points", "vip"]]}})
    resolve(warehouse, its, NOON)
    assert rows(warehouse, "person", "tier", "points", "vip", "joined") == [("silver", None, True, date(2025, 1, 1))]
    its = project(
        schema=schema,
        identity={"golden": {"fields": {"tier": "longest"}, "from_one_record": [["tier", "points", "vip"]]}},
    )
    with warehouse.begin() as transaction:
        record_table = transaction.table("source_record")
        transaction.execute(sa.update(record_table).values(tier="platinum").where(record_table.c.source_key == "0"))
    resolve(warehouse, its, NOON)
    assert rows(warehouse, "person", "tier", "points", "vip") == [("platinum", 900, False)]


def test_new_rules_choose_again_for_everybody_without_news_from_the_mapping(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", MONDAY, given_name="Johanna", **ANNA)
    record(warehouse, "shop:1", TUESDAY, given_name="Jo", **ANNA)
    assert keeps(warehouse, {}, "given_name") == ("Jo",)
    assert keeps(warehouse, {"fields": {"given_name": "crm"}}, "given_name") == ("Johanna",)
