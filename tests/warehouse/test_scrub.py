"""What was deleted can't be read any more, in the engine's files either (R40)."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from hub import failpoints
from hub.errors import TemporaryError
from hub.schema import BUILT_IN
from hub.warehouse import Warehouse, open_warehouse
from tests.stages.world import add, rows

CANARY = b"KANARIEBERG"


def fill_and_delete(warehouse: Warehouse) -> None:
    add(warehouse, "person", {"person_id": 1, "surname": CANARY.decode()}, {"person_id": 2, "surname": "Smit"})
    warehouse.publish()
    with warehouse.begin() as transaction:
        person = transaction.table("person")
        transaction.execute(sa.delete(person).where(person.c.person_id == 1))


def test_others_stay_and_the_warehouse_goes_on(warehouse: Warehouse) -> None:
    fill_and_delete(warehouse)
    warehouse.scrub({"person"})
    assert rows(warehouse, "person", "person_id", "surname") == [(2, "Smit")]
    add(warehouse, "person", {"person_id": 3})
    warehouse.publish()
    found = warehouse.query("SELECT person_id FROM person ORDER BY 1").to_pylist()
    assert found == [{"person_id": 2}, {"person_id": 3}]


def test_the_file_holds_nothing_of_what_was_deleted(tmp_path: Path) -> None:
    warehouse = open_warehouse("duckdb", BUILT_IN, tmp_path)
    fill_and_delete(warehouse)
    warehouse.publish()
    files = [tmp_path / "warehouse.duckdb", tmp_path / "published.duckdb"]
    assert any(CANARY in file.read_bytes() for file in files), "deleting alone would have been enough"
    warehouse.scrub({"person"})
    with pytest.raises(TemporaryError, match="in use by another run"):
        open_warehouse("duckdb", BUILT_IN, tmp_path)
    warehouse.close()
    assert [file.name for file in tmp_path.iterdir() if CANARY in file.read_bytes()] == []


def test_a_kill_before_the_new_file_is_in_place_leaves_the_old_one(tmp_path: Path) -> None:
    warehouse = open_warehouse("duckdb", BUILT_IN, tmp_path)
    fill_and_delete(warehouse)

    def stop() -> None:
        raise KeyboardInterrupt

    failpoints.arm("file written anew, not in place", stop)
    with pytest.raises(KeyboardInterrupt):
        warehouse.scrub({"person"})
    failpoints.disarm()
    warehouse.close()
    again = open_warehouse("duckdb", BUILT_IN, tmp_path)
    assert rows(again, "person", "person_id") == [(2,)]
    again.scrub({"person"})
    again.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["published.duckdb", "warehouse.duckdb"]
