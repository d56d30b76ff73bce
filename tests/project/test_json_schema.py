"""The JSON Schemas: what the loader takes they take, and what is wrong in form they underline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hub.project.json_schema import json_schemas, write_json_schemas
from hub.project.yaml import read

KINDS = {
    "hub.yaml": "hub",
    "mappings/till.yaml": "mapping",
    "traits/till.yaml": "traits",
    "segments/till.yaml": "segments",
    "scenarios/thanks.yaml": "scenario",
    "syncs/board.yaml": "sync",
}


def validator(shop: Any, kind: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json_schemas(shop.registry, shop.load().schema)[kind])


@pytest.mark.parametrize("file", KINDS)
def test_what_loads_is_valid(shop: Any, file: str) -> None:
    validator(shop, KINDS[file]).validate(read(shop.folder / file, file)[0].value)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("hub.yaml", "name:", "nme:"),
        ("hub.yaml", "loft: roof", "lofd: roof"),
        ("hub.yaml", "plugin: pigeon", "plugin: pidgeon"),
        ("hub.yaml", '"${TILL_KEY}"', "in-clear"),
        ("hub.yaml", "plugin: till, url:", "plugin: till, port: many, url:"),
        ("mappings/till.yaml", "columns: {given", "colums: {given"),
        ("mappings/till.yaml", "total:", "totall:"),
        ("mappings/till.yaml", "sales_order:", "sales_orders:"),
        ("mappings/till.yaml", "key: number", ""),
        ("traits/till.yaml", "count: true", "cuont: true"),
        ("segments/till.yaml", "where:", "were:"),
        ("scenarios/thanks.yaml", "3 days", "3 dagen"),
        ("scenarios/thanks.yaml", "by: [email]", "by: [emial]"),
        ("syncs/board.yaml", "fields: {name: given_name}", ""),
        ("syncs/board.yaml", "object:", "objekt:"),
    ],
)
def test_what_is_wrong_in_form_is_not_valid(shop: Any, file: str, old: str, new: str) -> None:
    check = validator(shop, KINDS[file])
    shop.change(file, old, new)
    assert list(check.iter_errors(read(shop.folder / file, file)[0].value))


def test_a_placeholder_may_stand_for_a_number(shop: Any) -> None:
    check = validator(shop, "hub")
    shop.change("hub.yaml", "plugin: till, url:", 'plugin: till, port: "${PORT:-80}", url:')
    check.validate(read(shop.folder / "hub.yaml", "hub.yaml")[0].value)


def test_every_key_that_an_admin_writes_is_described(shop: Any) -> None:
    schemas = json_schemas(shop.registry, shop.load().schema)
    assert schemas["mapping"]["properties"]["sales_order"]["description"] == "An order."
    columns = schemas["mapping"]["properties"]["sales_order"]["else"]["properties"]["columns"]["properties"]
    assert columns["total"] == {"description": "Total, tax included."}
    silent = [
        f"{kind}: {name}.{key}"
        for kind, schema in schemas.items()
        for name, form in {"": schema, **schema.get("$defs", {})}.items()
        if not name.startswith("connection.") and kind != "cases"
        for key, entry in form.get("properties", {}).items()
        if not _described(entry, schema)
    ]
    assert silent == []


def _described(entry: dict[str, Any], schema: dict[str, Any]) -> bool:
    return "description" in entry or "description" in schema["$defs"].get(entry.get("$ref", "").rsplit("/")[-1], {})


def test_columns_of_ones_own_are_known(shop: Any) -> None:
    shop.write("schema.yaml", "columns: {person: {shoe_size: integer}}\ntables: {visit: {columns: {at: timestamp}}}\n")
    mapping = json_schemas(shop.registry, shop.load().schema)["mapping"]["properties"]
    assert "shoe_size" in mapping["person"]["else"]["properties"]["columns"]["properties"]
    assert "visit" in mapping


def test_cases_know_the_tables_and_columns(shop: Any) -> None:
    check = validator(shop, "cases")
    good = {"a sale": {"receipts": [{"number": 1}], "expect": {"sales_order": [{"total": 1}], "quarantine": []}}}
    check.validate(good)
    assert list(check.iter_errors({"a sale": {"receipts": [{"number": 1}]}}))
    assert list(check.iter_errors({"a sale": {"expect": {"sales_order": [{"totall": 1}]}}}))


def test_the_schemas_are_written_as_files(shop: Any, tmp_path: Path) -> None:
    written = write_json_schemas(tmp_path / "schema", shop.registry, shop.load().schema)
    assert [path.name for path in written] == [
        "hub.json",
        "schema.json",
        "identity.json",
        "quality.json",
        "recommendations.json",
        "consent-texts.json",
        "mapping.json",
        "cases.json",
        "traits.json",
        "segments.json",
        "score.json",
        "steps.json",
        "scenario.json",
        "sync.json",
    ]
    for path in written:
        jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))
