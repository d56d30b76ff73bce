"""`hub check` and `hub plugins` load all plugin modules: that must cost next to nothing."""

import subprocess
import sys
from pathlib import Path

HEAVY = {"dlt", "pyarrow", "sqlalchemy", "requests", "fsspec", "paramiko", "python_calamine", "duckdb"}


def test_the_sources_import_nothing_heavy():
    code = (
        "import plugins.sources.files, plugins.sources.sql, plugins.sources.rest, sys;"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
