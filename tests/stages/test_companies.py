"""Which records of organisations are one company, and who works there (R5, R6): on DuckDB and on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from hub.stages.enrich import enrich
from hub.warehouse import Warehouse
from hub.warehouse.state import remember
from tests.stages.world import NOON, add, fact, one, project, record, resolve, rows

MONDAY, TUESDAY = (datetime(2026, 11, day, tzinfo=UTC) for day in (16, 17))
PLACE = {"street": "Dorpsstraat", "house_number": "9", "postcode": "1234AB", "city": "Ede", "country": "NL"}


def organisation(warehouse: Warehouse, key: str, at: datetime = MONDAY, **given: Any) -> None:
    connection, source_key = key.split(":", 1)
    add(
        warehouse,
        "organisation",
        {"connection": connection, "source_key": source_key, "source_time": at, "load_id": "1", **given},
    )


def about(warehouse: Warehouse) -> dict[str, str]:
    """Resolve, and give the company of each record."""
    with warehouse.begin() as transaction:
        remember(transaction, "map", str(transaction.count(transaction.table("organisation"))), NOON)
    resolve(warehouse, project(), NOON)
    found = rows(warehouse, "organisation", "connection", "source_key", "company_id")
    return {f"{connection}:{key}": company for connection, key, company in found}


def test_r5_records_with_one_kvk_number_are_one_company_over_all_systems(warehouse: Warehouse) -> None:
    organisation(warehouse, "crm:1", TUESDAY, name="De Kattenbak B.V.", kvk="12345678", sector="", employees=12)
    organisation(warehouse, "erp:7", MONDAY, name="Kattenbak", kvk="12345678", sector="Winkels", **PLACE)
    organisation(warehouse, "erp:8", TUESDAY, kvk="12345678", branch="000012345678", city="Epe")
    organisation(warehouse, "erp:9", TUESDAY, name="De Kattenbak B.V.", kvk="87654321")
    assert about(warehouse) == {
        "crm:1": "kvk:12345678",
        "erp:7": "kvk:12345678",
        "erp:8": "kvk:12345678",
        "erp:9": "kvk:87654321",
    }
    columns = ("name", "kvk", "sector", "employees", "street", "city", "branches", "records", "people")
    assert one(warehouse, "company", {"company_id": "kvk:12345678"}, *columns) == (
        *("De Kattenbak B.V.", "12345678", "Winkels", 12),
        *("Dorpsstraat", "Ede", 1, 3, 0),
    )


def test_r5_a_vat_or_branch_number_leads_to_the_company_that_gives_it_with_its_kvk_number(warehouse: Warehouse) -> None:
    organisation(warehouse, "crm:1", kvk="12345678", vat="NL004495445B01", branch="000012345678")
    organisation(warehouse, "erp:1", vat="NL004495445B01")
    organisation(warehouse, "erp:2", branch="000012345678", kvk="")
    organisation(warehouse, "erp:3", vat="BE0403019261")
    organisation(warehouse, "shop:3", vat="BE0403019261")
    assert about(warehouse) == {
        "crm:1": "kvk:12345678",
        "erp:1": "kvk:12345678",
        "erp:2": "kvk:12345678",
        "erp:3": "vat:BE0403019261",
        "shop:3": "vat:BE0403019261",
    }


def test_r5_the_vat_number_of_a_fiscal_unity_makes_no_single_company_of_its_members(warehouse: Warehouse) -> None:
    organisation(warehouse, "crm:1", kvk="12345678", vat="NL004495445B01")
    organisation(warehouse, "crm:2", kvk="87654321", vat="NL004495445B01")
    organisation(warehouse, "erp:1", vat="NL004495445B01")
    assert about(warehouse) == {"crm:1": "kvk:12345678", "crm:2": "kvk:87654321", "erp:1": "vat:NL004495445B01"}


def test_r6_a_name_and_an_address_make_no_company_one(warehouse: Warehouse) -> None:
    organisation(warehouse, "crm:1", name="Bakkerij Smit", **PLACE)
    organisation(warehouse, "erp:1", name="Bakkerij Smit", **PLACE)
    assert about(warehouse) == {"crm:1": "crm:1", "erp:1": "erp:1"}


def test_r6_who_works_at_one_company_stays_a_person_of_his_own(warehouse: Warehouse) -> None:
    organisation(warehouse, "crm:1", name="Bakkerij Smit", kvk="12345678")
    organisation(warehouse, "erp:1", name="Bakkerij Smit", kvk="12345678")
    record(warehouse, "crm:anna", email="anna@example.nl")
    record(warehouse, "erp:anna", email="anna@example.nl")
    record(warehouse, "erp:bert", email="bert@example.nl")
    for who, key in (("crm:anna", "1"), ("erp:anna", "1"), ("erp:bert", "1")):
        fact(warehouse, "role", who, who, organisation_key=key, title="bakker")
    its = project({"works_at": {"of": "role", "favourite": "organisation.company_id"}})
    resolve(warehouse, its, NOON)
    enrich(warehouse, its, NOON)
    assert rows(warehouse, "company", "company_id", "records", "people") == [("kvk:12345678", 2, 2)]
    assert rows(warehouse, "trait", "person_id", "works_at") == [(1, "kvk:12345678"), (3, "kvk:12345678")]


def test_r5_a_company_follows_what_its_records_say_and_goes_with_the_last_one(warehouse: Warehouse) -> None:
    organisation(warehouse, "crm:1", name="Smit", vat="NL004495445B01")
    organisation(warehouse, "erp:1", name="Bakkerij Smit", vat="NL004495445B01")
    assert about(warehouse) == {"crm:1": "vat:NL004495445B01", "erp:1": "vat:NL004495445B01"}
    organisation(warehouse, "shop:1", kvk="12345678", vat="NL004495445B01")
    assert set(about(warehouse).values()) == {"kvk:12345678"}
    assert rows(warehouse, "company", "company_id", "name", "records") == [("kvk:12345678", "Bakkerij Smit", 3)]
    with warehouse.begin() as transaction:
        transaction.execute(sa.delete(transaction.table("organisation")))
    assert about(warehouse) == {}
    assert rows(warehouse, "company", "company_id") == []
