"""A run takes no more memory than it may: what is beyond waits on disk."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa

from hub import settings
from hub.pipeline import workspace
from hub.project import load_project
from hub.registry import Registry
from hub.schema import BUILT_IN
from hub.warehouse import duckdb as engine
from hub.warehouse import open_warehouse
from hub.warehouse.memory import MOST, memory


def test_memory_is_what_duckdb_would_take_but_at_most_four_gigabytes() -> None:
    with duckdb.connect(config={"memory_limit": memory()}) as ours, duckdb.connect() as plain:
        limit, own = (
            it.execute("SELECT value FROM duckdb_settings() WHERE name = 'memory_limit'").fetchall()[0][0]
            for it in (ours, plain)
        )
    assert memory().removesuffix("B").isdecimal()
    assert int(memory().removesuffix("B")) <= MOST
    assert limit == own or limit == "3.7 GiB"


def test_a_machine_can_say_how_much_it_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hub.yaml").write_text("name: Shop\n")
    monkeypatch.setenv("HUB_MEMORY", "512MB")
    with workspace(load_project(tmp_path, Registry())) as open_, open_.warehouse.begin() as transaction:
        limit = transaction.scalar(sa.text("SELECT current_setting('memory_limit')"))
    assert limit == "488.2 MiB"
    monkeypatch.setenv("HUB_MEMORY", "10MB")
    with pytest.raises(ValueError, match="DuckDB needs 256MB at least"):
        settings.load(tmp_path)


def test_tables_of_a_run_that_do_not_fit_wait_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "memory", lambda: "40MB")
    warehouse = open_warehouse("duckdb", BUILT_IN, tmp_path / ".hub", [tmp_path])
    number = sa.func.range(2_000_000).table_valued("range")
    with warehouse.begin() as transaction:
        first = transaction.hold(
            "first", sa.select(number.c.range.label("number"), (number.c.range * 7919 % 1_000_003).label("it"))
        )
        again = transaction.hold("again", sa.select(first.c.number, (first.c.it * 31 % 1_000_003).label("it")))
        both = transaction.hold("both", sa.select(again.c.number, (again.c.it * 37 % 1_000_003).label("it")))
        assert transaction.count(both) == transaction.count(first) == 2_000_000
        assert sum(path.stat().st_size for path in (tmp_path / ".hub").rglob("*.tmp/*")) > 10_000_000
    warehouse.close()
