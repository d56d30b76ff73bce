"""`ga4` with files as the BigQuery export writes them: nested Parquet, and JSON Lines without the empty fields."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from hub import pipeline
from hub.project import load_project
from hub.schema import BUILT_IN
from hub.warehouse import open_warehouse

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TEXT, NUMBER = pa.string(), pa.int64()
VALUE = pa.struct(
    {"string_value": TEXT, "int_value": NUMBER, "float_value": pa.float64(), "double_value": pa.float64()}
)
EXPORT = pa.schema(
    {
        "event_date": TEXT,
        "event_timestamp": NUMBER,
        "event_name": TEXT,
        "event_params": pa.list_(pa.struct({"key": TEXT, "value": VALUE})),
        "event_bundle_sequence_id": NUMBER,
        "user_id": TEXT,
        "user_pseudo_id": TEXT,
        "ecommerce": pa.struct({"transaction_id": TEXT, "purchase_revenue": pa.float64()}),
        "items": pa.list_(pa.struct({"item_id": TEXT, "item_name": TEXT, "price": pa.float64()})),
    }
)


def event(number: int, name: str, device: str | None, user: str | None = None, **more: Any) -> dict[str, Any]:
    page = {"key": "page_location", "value": {"string_value": "https://winkel.example/één?a=1&b=2"}}
    title = {"key": "page_title", "value": {"string_value": "Brokken 🐈"}}
    common = {"event_date": "20261122", "event_timestamp": 1795348827000000 + number, "event_name": name}
    who = {"event_bundle_sequence_id": number, "user_id": user, "user_pseudo_id": device}
    return {**common, **who, "event_params": [page, title], "items": [], "ecommerce": None, **more}


EVENTS = [
    event(1, "page_view", "111.222"),
    event(2, "view_item", "111.222", items=[{"item_id": "BR-1", "item_name": "Brokken", "price": 12.5}]),
    event(3, "purchase", "111.222", "42", ecommerce={"transaction_id": "ORD-1", "purchase_revenue": 25.0}),
    event(4, "page_view", None),
]


def as_parquet(folder: Path) -> None:
    pq.write_table(pa.Table.from_pylist(EVENTS, EXPORT), folder / "events_20261122.parquet")


def as_json_lines(folder: Path) -> None:
    """Write what BigQuery writes: whole numbers as text, and no field that is empty."""
    said = [{**one, "event_timestamp": str(one["event_timestamp"])} for one in EVENTS]
    lines = [json.dumps({name: value for name, value in one.items() if value is not None}) for one in said]
    (folder / "events_20261122.jsonl").write_text("\n".join(lines))


@pytest.mark.parametrize("write", [as_parquet, as_json_lines])
def test_both_forms_of_the_export_tell_the_same(write: Any, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    write(tmp_path / "export")
    (tmp_path / "hub.yaml").write_text("name: shop\nconnections:\n  stats: {plugin: ga4, path: ./export/*}\n")
    project = load_project(tmp_path)
    assert "1 file for 1 table: events" in project.connections["stats"].open().check().message
    for _ in range(2):
        report = pipeline.run(project, NOON, ["land", "map", "resolve"])
        assert [failure for each in report.reports for failure in each.failures] == []
    warehouse = open_warehouse("duckdb", BUILT_IN, project.state, [project.folder])
    with warehouse.begin() as transaction:
        seen = transaction.arrow(sa.select(transaction.table("web_event"))).read_all().to_pylist()
        people = transaction.arrow(sa.select(transaction.table("source_record"))).read_all().to_pylist()
    warehouse.close()
    told = {(row["type"], row["url"], row["product_key"], row["subject"], row["device"]) for row in seen}
    page = "https://winkel.example/één?a=1&b=2"
    assert told == {
        ("view", page, None, "Brokken 🐈", "111.222"),
        ("view", page, "BR-1", "Brokken 🐈", "111.222"),
        ("order", page, None, "ORD-1", "111.222"),
    }
    assert len(seen) == 3
    assert "device:111.222:42" in {row["source_key"] for row in people}


def test_a_folder_without_files_is_told(tmp_path: Path) -> None:
    (tmp_path / "hub.yaml").write_text("name: shop\nconnections:\n  stats: {plugin: ga4, path: ./export/*}\n")
    stats = load_project(tmp_path).connections["stats"].open()
    assert stats.check().message == "./export/*: there is no folder export; mend `path`"
    (tmp_path / "export").mkdir()
    check = stats.check()
    assert (check.ok, check.message) == (False, "no file matches ./export/*")
