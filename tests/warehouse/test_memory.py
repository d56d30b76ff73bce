"""A run takes no more memory than it may: what is beyond waits on disk."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa

from hub import settings
from hub.errors import ConfigurationError
from hub.pipeline import workspace
from hub.project import load_project
from hub.registry import Registry
from hub.schema import BUILT_IN
from hub.warehouse import Transaction, open_warehouse
from hub.warehouse import duckdb as engine
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
    with pytest.raises(ValueError, match="DuckDB needs 64MB at least"):
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


def taken(transaction: Transaction) -> int:
    asked = sa.text("SELECT sum(memory_usage_bytes) FROM duckdb_memory() WHERE tag = 'IN_MEMORY_TABLE'")
    return int(transaction.scalar(asked))


def test_what_a_transaction_let_go_gives_its_memory_back_at_the_end_of_a_part(tmp_path: Path) -> None:
    warehouse = open_warehouse("duckdb", BUILT_IN, tmp_path / ".hub", [tmp_path])
    number = sa.func.range(500_000).table_valued("range")
    with warehouse.begin() as transaction:
        kept = transaction.hold("kept", sa.select(number.c.range).limit(10))
        once = transaction.hold_once("once", lambda: [sa.select(number.c.range), sa.select(number.c.range)])
        assert transaction.hold_once("once", list) is once
        assert transaction.count(once) == 1_000_000
        before = taken(transaction)
        transaction.forget_held_once()
        transaction.end_part()
        assert taken(transaction) < before / 4
        assert transaction.count(kept) == 10
    warehouse.close()


def test_committed_rows_are_written_out_while_others_read_and_later_while_others_write(tmp_path: Path) -> None:
    warehouse = open_warehouse("duckdb", BUILT_IN, tmp_path / ".hub", [tmp_path])
    log = tmp_path / ".hub" / "warehouse.duckdb.wal"
    state = warehouse.schema.table("stage_state")
    with warehouse.begin() as reading:
        assert reading.count(state)
        for stage in ("one", "two"):
            with warehouse.begin() as transaction:
                transaction.execute(sa.insert(state).values(stage=stage, fingerprint="seen"))
                warehouse.write_out()
        assert log.stat().st_size > 0
        warehouse.write_out()
        assert not log.exists() or log.stat().st_size == 0
    warehouse.close()


def test_a_statement_that_needs_more_at_once_than_it_may_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "memory", lambda: "40MB")
    warehouse = open_warehouse("duckdb", BUILT_IN, tmp_path / ".hub", [tmp_path])
    number = sa.func.range(20_000_000).table_valued("range")
    whole = sa.select(sa.func.array_length(sa.func.list(number.c.range, type_=sa.Text())))
    with pytest.raises(ConfigurationError, match="raise HUB_MEMORY"), warehouse.begin() as transaction:
        transaction.hold("whole", whole)
    with pytest.raises(ConfigurationError, match="raise HUB_MEMORY"), warehouse.begin() as transaction:
        transaction.scalar(whole)
    warehouse.close()
