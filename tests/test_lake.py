"""The lake: which files count, what their columns are, and what names things get."""

import json
import time
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.lake import REJECTED, Lake, Load, raw_name, raw_names


class Written:
    """A lake as the land stage writes it, by hand."""

    def __init__(self, folder):
        self.folder = folder
        self.lake = Lake(folder)

    def file(self, table, load_id, rows, file_id="0a1b", connection="shop"):
        folder = self.folder / f"raw_{connection}" / table
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{load_id}.{file_id}.parquet"
        parquet.write_table(rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows), path)
        return str(path)

    def record(self, load_id, status=0, connection="shop", text=None):
        folder = self.folder / f"raw_{connection}" / "_dlt_loads"
        folder.mkdir(parents=True, exist_ok=True)
        record = {"load_id": load_id, "status": status, "inserted_at": "2026-03-01T10:00:00+00:00"}
        (folder / f"raw_{connection}__{load_id}.jsonl").write_text(json.dumps(record) if text is None else text)


@pytest.fixture
def written(tmp_path):
    return Written(tmp_path / "lake")


def test_a_lake_that_is_not_there_has_nothing(tmp_path):
    lake = Lake(tmp_path / "lake")
    assert (lake.loads("shop"), lake.tables("shop"), lake.columns("shop", "orders")) == ([], [], {})


def test_complete_loads_are_listed_in_order_with_their_files(written):
    first = written.file("orders", "1700000000.5", [{"id": 1}])
    second = written.file("orders", "1700000100.25", [{"id": 2}])
    third = written.file("customers", "1700000100.25", [{"id": 1}])
    written.record("1700000100.25")
    written.record("1700000000.5")
    moment = datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert written.lake.loads("shop") == [
        Load("shop", "1700000000.5", moment, {"orders": (first,)}),
        Load("shop", "1700000100.25", moment, {"customers": (third,), "orders": (second,)}),
    ]
    assert written.lake.tables("shop") == ["customers", "orders"]


def test_what_no_load_record_vouches_for_is_invisible(written):
    written.file("orders", "1700000000.5", [{"id": 1}])
    assert written.lake.loads("shop") == []
    written.record("1700000000.5", text='{"load_id": "17')
    assert written.lake.loads("shop") == []
    written.record("1700000000.5")
    assert len(written.lake.loads("shop")) == 1


def test_a_load_that_failed_or_is_without_rows_does_not_count(written):
    written.file("orders", "1700000000.5", [{"id": 1}])
    written.record("1700000000.5", status=1)
    written.record("1700000100.5")
    assert written.lake.loads("shop") == []
    assert list(written.lake.completed("shop")) == ["1700000100.5"]


def test_what_was_set_aside_is_no_table_of_the_source(written):
    written.file(REJECTED, "1700000000.5", [{"raw": "x"}])
    written.record("1700000000.5")
    assert written.lake.tables("shop") == []
    assert REJECTED in written.lake.loads("shop")[0].files


def test_columns_are_those_of_all_loads_or_of_the_given_ones(written):
    written.file("orders", "1700000000.5", pa.table({"id": [1], "total": [2]}))
    written.file(
        "orders", "1700000100.5", pa.table({"id": [1], "total": [2.5], "note": pa.array(["x"]).dictionary_encode()})
    )
    written.record("1700000000.5")
    written.record("1700000100.5")
    first, _ = written.lake.loads("shop")
    assert written.lake.columns("shop", "orders") == {"id": pa.int64(), "total": pa.float64(), "note": pa.string()}
    assert written.lake.columns("shop", "orders", [first]) == {"id": pa.int64(), "total": pa.int64()}


def test_rows_are_counted_from_the_footers(written):
    paths = [written.file("orders", "1", [{"id": 1}] * 3), written.file("orders", "2", [{"id": 1}] * 4)]
    assert written.lake.count(paths) == 7


def test_hundreds_of_loads_are_read_in_a_moment(written):
    for number in range(300):
        written.file("orders", f"{1700000000 + number}.5", [{"id": number}])
        written.record(f"{1700000000 + number}.5")
    started = time.process_time()
    assert len(written.lake.loads("shop")) == 300
    assert set(written.lake.columns("shop", "orders")) == {"id"}
    assert time.process_time() - started < 1
    started = time.process_time()
    written.lake.columns("shop", "orders")
    assert time.process_time() - started < 0.1


def test_a_lake_at_a_url_is_read_like_a_local_one(written):
    written.file("orders", "1700000000.5", [{"id": 1}])
    written.record("1700000000.5")
    remote = Lake(f"local://{written.folder}")
    assert remote.local is None
    assert remote.tables("shop") == ["orders"]
    assert remote.columns("shop", "orders") == {"id": pa.int64()}


def test_a_connection_has_a_folder_of_its_own(tmp_path):
    assert Lake(tmp_path).dataset_name("My Shop") == "raw_my_shop"


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("customer_id", "customer_id"),
        ("CustomerID", "customer_id"),
        ("Order No.", "order_no"),
        ("order-no", "order_no"),
        ("Bedrag €", "bedrag"),
        ("  Één  ", "een"),
        ("Straße", "strasse"),
        ("1st", "_1st"),
        ("_hidden", "_hidden"),
        ("a__b_", "a_b"),
        ("€", "column"),
        ("", "column"),
    ],
)
def test_names_are_lower_case_with_underscores(name, raw):
    assert raw_name(name) == raw
    assert raw_name(raw) == raw


@given(st.text(max_size=200))
def test_dlt_leaves_our_names_as_they_are(name):
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    assert NamingConvention(255).normalize_identifier(raw_name(name)) == raw_name(name)


def test_names_of_one_table_differ():
    assert raw_names(["Total", "total", "total_2", "TOTAL"]) == ["total", "total_2", "total_2_2", "total_3"]
    assert raw_names(["_row", "id"], reserved=["_row"]) == ["_row_2", "id"]
