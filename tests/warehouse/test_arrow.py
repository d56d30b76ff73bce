"""Python's values as Arrow, and Arrow into the warehouse."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from hub.warehouse.arrow import numbers, texts

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


LOADING = """
import sys
from pathlib import Path
import pyarrow as pa
from hub.schema import BUILT_IN
from hub.warehouse import open_warehouse
from hub.warehouse.arrow import numbers, texts

warehouse = open_warehouse("duckdb", BUILT_IN, Path(sys.argv[1]))
with warehouse.begin() as transaction:
    loaded = transaction.load("some", pa.table({"name": texts(["Anna", None]), "number": numbers([1, None])}))
    assert transaction.count(loaded) == 2
warehouse.close()
print("pandas" in sys.modules)
"""


def test_loading_values_imports_no_pandas(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADING, str(tmp_path)], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "False"
