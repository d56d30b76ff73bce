"""Which record won each field of a person, by which rule, and what the others say: on both engines (R1, R42)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from hub.people import explain
from hub.people.conflicts import Conflict, conflicts
from hub.people.provenance import Field
from hub.project import Project
from hub.schema import BUILT_IN
from hub.warehouse import Warehouse
from tests.stages.world import NOON, fact, project, record, resolve

MONDAY, TUESDAY, WEDNESDAY = (datetime(2026, 11, day, 9, tzinfo=UTC) for day in (16, 17, 18))
ANNA: dict[str, Any] = {"customer_number": "shop:1"}
HOME = {"street": "Dorpsstraat", "house_number": "9", "postcode": "1234AB", "city": "Ede", "country": "NL"}

Tell = Callable[..., dict[str, Field]]


@pytest.fixture
def tell(engine: str, warehouse: Warehouse) -> Tell:
    """Resolve by some rules and give the first person's fields by name, told by these or other rules."""

    def told(golden: dict[str, Any], told_by: dict[str, Any] | None = None) -> dict[str, Field]:
        resolve(warehouse, _project(golden, engine), NOON)
        warehouse.publish()
        found = explain(_project(golden if told_by is None else told_by, engine), warehouse.query, "1")
        return {field.name: field for field in found.fields}

    return told


def _project(golden: dict[str, Any], engine: str) -> Project:
    # one number is one person here, whatever the records say besides: what they disagree about is what is told
    made = project(identity={"golden": golden, "identifiers": {"customer_number": {"agree": []}}})
    return replace(made, hub=made.hub.model_copy(update={"engine": engine}))


def others(field: Field) -> list[tuple[Any, str]]:
    return [(it.value, it.record_id) for it in field.others]


def test_r1_each_value_names_its_record_the_rule_that_chose_it_and_what_others_say(
    warehouse: Warehouse, tell: Tell
) -> None:
    record(warehouse, "crm:1", MONDAY, given_name="Johanna", gender="F", birth_date=date(1980, 1, 1), **ANNA)
    record(warehouse, "erp:1", TUESDAY, given_name="Jo", gender="F", birth_date=date(1980, 1, 1), **ANNA)
    record(warehouse, "web:1", WEDNESDAY, given_name="Joke", birth_date=date(1981, 1, 1), profession="kok", **ANNA)
    found = tell({"fields": {"given_name": ["erp", "crm", "newest"], "birth_date": ["most frequent", "newest"]}})
    name, born, gender, job = (found[it] for it in ("given_name", "birth_date", "gender", "profession"))
    assert (name.value, name.record_id, name.at, name.rule) == ("Jo", "erp:1", TUESDAY, "erp, crm")
    assert others(name) == [("Johanna", "crm:1"), ("Joke", "web:1")]
    assert (born.value, born.record_id, born.rule) == (date(1980, 1, 1), "erp:1", "most frequent")
    assert others(born) == [(date(1981, 1, 1), "web:1")]
    assert (gender.record_id, gender.rule, gender.others) == ("erp:1", "only value", ())
    assert (job.record_id, job.rule) == ("web:1", "only value")


def test_r42_the_rule_that_is_told_is_the_first_one_that_tells_the_best_two_apart(
    warehouse: Warehouse, tell: Tell
) -> None:
    record(warehouse, "crm:1", MONDAY, given_name="Annabel", language="nl", profession="kok", **ANNA)
    record(warehouse, "crm:2", TUESDAY, given_name="Annelie", language="fr", profession="bakker", **ANNA)
    record(warehouse, "crm:3", TUESDAY, given_name="An", profession="slager", **ANNA)
    found = tell({"fields": {"given_name": ["verified", "crm", "longest"]}})
    assert (found["given_name"].value, found["given_name"].rule) == ("Annelie", "newest")
    assert (found["language"].value, found["language"].rule) == ("fr", "newest")
    assert (found["profession"].value, found["profession"].rule) == ("bakker", "smallest record number")
    assert tell({"fields": {"given_name": "longest"}, "default": "crm"})["language"].value == "fr"


def test_r42_a_surname_and_what_comes_with_it_are_told_from_one_record(warehouse: Warehouse, tell: Tell) -> None:
    record(warehouse, "crm:1", MONDAY, prefix="van der", surname="Valk", **ANNA)
    record(warehouse, "shop:1", TUESDAY, prefix="de", surname="Boer", **ANNA)
    found = tell({"fields": {"surname": "crm"}})
    assert [(found[it].value, found[it].record_id, found[it].rule) for it in ("prefix", "surname")] == [
        ("van der", "crm:1", "crm"),
        ("Valk", "crm:1", "crm"),
    ]
    assert (others(found["surname"]), others(found["prefix"])) == ([("Boer", "shop:1")], [("de", "shop:1")])


def test_r42_an_address_that_is_no_use_for_contact_is_told_as_passed_over(warehouse: Warehouse, tell: Tell) -> None:
    record(warehouse, "crm:1", MONDAY, email="anna@example.nl", **ANNA)
    record(warehouse, "web:1", WEDNESDAY, email="test@test.nl", **ANNA)
    record(warehouse, "shop:1", None, email="old@example.nl", **ANNA)
    email = tell({})["email"]
    assert (email.value, email.record_id, email.rule) == ("anna@example.nl", "crm:1", "newest")
    assert [(it.value, it.passed_over) for it in email.others] == [("test@test.nl", True), ("old@example.nl", False)]


def test_r42_an_address_is_told_with_what_made_it_the_best(warehouse: Warehouse, tell: Tell) -> None:
    record(warehouse, "crm:1", MONDAY, **ANNA)
    fact(warehouse, "address", "crm:1", "old", source_time=MONDAY, **HOME)
    fact(warehouse, "address", "crm:1", "part", source_time=WEDNESDAY, city="Zwolle")
    city = tell({})["city"]
    assert (city.value, city.record_id, city.at, city.rule) == ("Ede", "crm:1", MONDAY, "complete")
    assert others(city) == [("Zwolle", "crm:1")]
    fact(warehouse, "address", "crm:1", "gift", source_time=TUESDAY, kind="delivery", **{**HOME, "city": "Epe"})
    assert tell({"default": ["crm"]})["city"].rule == "to live at"
    fact(warehouse, "address", "crm:1", "home", source_time=TUESDAY, **{**HOME, "city": "Goor"})
    assert tell({"default": ["crm", "newest"]})["city"].rule == "newest"


def test_rules_that_changed_since_the_last_run_are_not_told_as_the_reason(warehouse: Warehouse, tell: Tell) -> None:
    record(warehouse, "crm:1", MONDAY, given_name="Johanna", **ANNA)
    record(warehouse, "web:1", TUESDAY, given_name="Jo", **ANNA)
    name = tell({}, told_by={"default": "longest"})["given_name"]
    assert (name.value, name.record_id, name.rule) == ("Jo", "web:1", None)
    assert others(name) == [("Johanna", "crm:1")]


def test_r42_conflicts_are_counted_per_field_over_all_people(warehouse: Warehouse) -> None:
    said = (
        ("crm:1", "shop:1", {"given_name": "Zoë", "birth_date": date(1980, 1, 1), "partner_first": True}),
        ("web:1", "shop:1", {"given_name": "ZOE", "birth_date": date(1980, 1, 2), "partner_first": False}),
        ("crm:2", "shop:2", {"given_name": "Bert", "birth_date": date(1990, 1, 1)}),
        ("web:2", "shop:2", {"given_name": "", "birth_date": date(1990, 1, 2)}),
        ("crm:3", "shop:3", {"given_name": "Carla"}),
    )
    for key, number, given in said:
        record(warehouse, key, MONDAY, customer_number=number, **given)
    resolve(warehouse, project(), NOON)

    def rows(query: sa.Select[Any]) -> list[Any]:
        with warehouse.begin() as transaction:
            return [row._mapping for row in transaction.rows(query)]

    assert conflicts(BUILT_IN, rows) == [
        Conflict("birth_date", 2, 2),
        Conflict("partner_first", 1, 1),
        Conflict("given_name", 3, 0),
    ]
