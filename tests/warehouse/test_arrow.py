"""Python's values as Arrow, and Arrow into the warehouse."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from hub.warehouse.arrow import numbers, rows_of, texts

WHOLE = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(st.none() | st.text()))
def test_texts_are_what_arrow_itself_makes_of_them(values: list[str | None]) -> None:
    made = texts(values)
    made.validate(full=True)
    assert made.equals(pa.array(values, pa.string()))


@given(st.lists(st.none() | WHOLE))
def test_numbers_are_what_arrow_itself_makes_of_them(values: list[int | None]) -> None:
    made = numbers(values)
    made.validate(full=True)
    assert made.equals(pa.array(values, pa.int64()))


@given(
    st.lists(
        st.tuples(st.none() | st.text(), st.none() | st.datetimes(timezones=st.just(UTC))),
        max_size=20,
    ),
    st.sampled_from(["UTC", "Europe/Amsterdam"]),
)
def test_rows_are_those_that_arrow_itself_gives(rows: list[tuple[str | None, datetime | None]], zone: str) -> None:
    columns = [[row[place] for row in rows] for place in range(2)]
    schema = pa.schema([("name", pa.string()), ("at", pa.timestamp("us", zone))])
    batch = pa.record_batch(columns, schema=schema)
    given = [{"name": name, "at": at} for name, at in rows]
    assert rows_of(batch) == given
    if zone == "UTC":  # Arrow's own moments have the zone of their column
        assert rows_of(batch) == batch.to_pylist()


LOADING = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import pyarrow as pa
import sqlalchemy as sa
from hub.schema import BUILT_IN
from hub.warehouse import open_warehouse
from hub.row_json import rows_as_json
from hub.warehouse.arrow import numbers, rows_of, texts

warehouse = open_warehouse("duckdb", BUILT_IN, Path(sys.argv[1]))
with warehouse.begin() as transaction:
    loaded = transaction.load("some", pa.table({"name": texts(["Anna", None]), "number": numbers([1, None])}))
    assert transaction.count(loaded) == 2
    moment = sa.literal(datetime(2026, 1, 1, tzinfo=UTC), sa.DateTime(timezone=True)).label("at")
    (batch,) = transaction.arrow(sa.select(loaded.c.name, moment))
    assert [row["at"].year for row in rows_of(batch)] == [2026, 2026]
    assert rows_as_json(batch.columns, batch.schema.names)[0].as_py().startswith('{"name": "Anna", "at": "2026-01-01')
warehouse.close()
print("pandas" in sys.modules)
"""


def test_values_that_come_and_go_import_no_pandas(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADING, str(tmp_path)], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "False"
