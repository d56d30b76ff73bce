"""`sql` as a destination, on SQLite and on a real PostgreSQL."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.contracts import Place, Row, SyncBatch
from hub.errors import ConfigurationError
from hub.testing.destinations import DestinationSuite, closed_port
from plugins.sources.sql import Sql, SqlConfig


def make_tables(url: str) -> sa.Engine:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(
            sa.text('CREATE TABLE "Customers A" (nr TEXT PRIMARY KEY, email TEXT, score INT, city TEXT)')
        )
        connection.execute(
            sa.text(
                "CREATE TABLE club (id INTEGER PRIMARY KEY, tier TEXT NOT NULL DEFAULT 'none', since DATE, "
                "spent NUMERIC(8,2) CHECK (spent >= 0))"
            )
        )
        connection.execute(sa.text("INSERT INTO club (id, tier) VALUES (1, 'bronze')"))
    return engine


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'club.db'}"
    address: str = request.getfixturevalue("postgres_url")
    return sa.make_url(address).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


@pytest.fixture
def engine(url: str) -> sa.Engine:
    return make_tables(url)


WRITES = {"Customers A": {"key": "nr"}, "club": {"key": "id"}}


class TestSqlConforms(DestinationSuite):
    plugin = Sql

    @pytest.fixture
    def config(self, url: str, engine: sa.Engine) -> Mapping[str, Any]:
        return {"url": url, "writes": WRITES}

    @pytest.fixture
    def unreachable(self) -> Mapping[str, Any]:
        return {"url": f"postgresql://hub:geheim@127.0.0.1:{closed_port()}/club", "writes": WRITES}


def write(url: str, operation: Any, *rows: Row, target: str = "club") -> list[tuple[str, str]]:
    config = SqlConfig.model_validate({"url": url, "writes": WRITES})
    results = Sql(config, Place("club", Path())).sync(SyncBatch(target, operation, rows))
    return [(result.status, result.reason) for result in results]


def members(engine: sa.Engine) -> list[tuple[Any, ...]]:
    with engine.begin() as connection:
        return [tuple(row) for row in connection.execute(sa.text("SELECT id, tier, spent FROM club ORDER BY id"))]


def test_an_upsert_changes_the_named_columns_and_makes_what_is_not_there(url: str, engine: sa.Engine) -> None:
    rows = [Row("1", {"spent": Decimal("12.50")}), Row("2", {"tier": "gold", "since": date(2026, 3, 1)})]
    assert write(url, "upsert", *rows) == [("accepted", "")] * 2
    assert members(engine) == [(1, "bronze", Decimal("12.5")), (2, "gold", None)]
    assert write(url, "upsert", *rows) == [("accepted", "")] * 2
    assert len(members(engine)) == 2


def test_add_leaves_what_is_there_and_update_rejects_what_is_not(url: str, engine: sa.Engine) -> None:
    rows = [Row("1", {"tier": "gold"}), Row("2", {"tier": "gold"})]
    assert write(url, "update", *rows) == [("accepted", ""), ("rejected", "the table has no such row")]
    assert members(engine) == [(1, "gold", None)]
    assert write(url, "add", Row("1", {"tier": "silver"}), rows[1]) == [("accepted", "")] * 2
    assert members(engine) == [(1, "gold", None), (2, "gold", None)]


def test_a_removal_deletes_the_row_and_none_is_no_mistake(url: str, engine: sa.Engine) -> None:
    assert write(url, "remove", Row("1"), Row("7")) == [("accepted", "")] * 2
    assert members(engine) == []


def test_the_one_row_that_the_database_refuses_is_found(url: str, engine: sa.Engine) -> None:
    rows = [Row(str(number), {"tier": "gold", "spent": Decimal(number - 3)}) for number in range(2, 6)]
    results = write(url, "upsert", *rows)
    assert [status for status, _ in results] == ["rejected", "accepted", "accepted", "accepted"]
    assert results[0][1] in ("the database refuses it (IntegrityError)", "the database refuses it (CheckViolation)")
    assert [row[0] for row in members(engine)] == [1, 3, 4, 5]


def test_half_a_character_sinks_no_neighbour(url: str, engine: sa.Engine) -> None:
    results = write(url, "upsert", Row("2", {"tier": "\ud800"}), Row("3", {"tier": "Zo\u00eb \U0001f408"}))
    assert [status for status, _ in results] == ["rejected", "accepted"]


def test_a_list_is_written_as_json_and_one_value_of_another_type_sinks_no_neighbour(
    url: str, engine: sa.Engine
) -> None:
    rows = [Row("2", {"tier": ["gold", "née"]}), Row("3", {"tier": "gold", "since": True}), Row("4", {"tier": "a"})]
    results = write(url, "upsert", *rows)
    assert [status for status, _ in results][::2] == ["accepted", "accepted"]
    assert [row[:2] for row in members(engine) if row[0] != 3] == [(1, "bronze"), (2, '["gold", "née"]'), (4, "a")]
    assert results[1][0] == "rejected", results
    assert results[1][1].startswith("the database refuses it")


def test_a_key_that_does_not_fit_its_column_is_rejected(url: str, engine: sa.Engine) -> None:
    assert write(url, "upsert", Row("anna", {"tier": "gold"}), Row("5", {"tier": "gold"})) == [
        ("rejected", "its key does not fit the column 'id'"),
        ("accepted", ""),
    ]


def test_what_stands_there_is_read_back(url: str, engine: sa.Engine) -> None:
    config = SqlConfig.model_validate({"url": url, "writes": WRITES})
    found = Sql(config, Place("club", Path())).read_back("club", [Row("1"), Row("2")], ["tier", "since"])
    assert found == {"1": {"tier": "bronze", "since": None}}


def test_an_unknown_table_or_column_is_a_mistake_with_a_remedy(url: str, engine: sa.Engine) -> None:
    with pytest.raises(ConfigurationError, match=r"'clubs' is not among the tables that may be written"):
        write(url, "upsert", Row("1"), target="clubs")
    with pytest.raises(ConfigurationError, match=r"no column 'teir'\. Did you mean 'tier'"):
        write(url, "upsert", Row("1", {"teir": "gold"}))
