"""The source `sql` on SQLite and on a real PostgreSQL."""

import sqlite3
from datetime import UTC, date, datetime
from decimal import Decimal

import psycopg
import pytest
import sqlalchemy as sa

from hub.contracts import Place
from hub.errors import ConfigurationError
from hub.incremental import MANY
from hub.lake import REJECTED
from hub.testing.sources import CONNECTION, Landing, SourceSuite, SourceWorld
from plugins.sources.sql import Sql, SqlConfig


class DatabaseWorld(SourceWorld):
    plugin = Sql

    def __init__(self, url: str, wrong_url: str, secrets=()):
        self.url, self.wrong_url, self.secrets = url, wrong_url, secrets
        self.engine = sa.create_engine(url, poolclass=sa.NullPool)
        with self.engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, changed_at TIMESTAMP)"))

    def config(self):
        return SqlConfig(url=self.url, tables=["people"], cursor="changed_at")

    def wrong_config(self):
        return SqlConfig(url=self.wrong_url, tables=["people"], cursor="changed_at")

    def write(self, records):
        with self.engine.begin() as connection:
            for record in records:
                if "nickname" in record:
                    connection.execute(sa.text("ALTER TABLE people ADD COLUMN nickname TEXT"))
                connection.execute(sa.text("DELETE FROM people WHERE id = :id"), {"id": record["id"]})
                names = ", ".join(record)
                values = ", ".join(
                    f"CAST(:{n} AS TIMESTAMP)" if n == "changed_at" and "postgresql" in self.url else f":{n}"
                    for n in record
                )
                connection.execute(sa.text(f"INSERT INTO people ({names}) VALUES ({values})"), record)


class TestSqliteConforms(SourceSuite):
    @pytest.fixture
    def world(self, tmp_path):
        return DatabaseWorld(f"sqlite:///{tmp_path}/shop.db", "sqlite:////nowhere/shop.db")


class TestPostgresqlConforms(SourceSuite):
    @pytest.fixture
    def world(self, postgres_url):
        url = sa.make_url(postgres_url).set(drivername="postgresql+psycopg")
        wrong = url.set(username="nobody", password="s3same-0pen")
        return DatabaseWorld(url.render_as_string(False), wrong.render_as_string(False), ["s3same-0pen"])


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """Give the URL of an empty database, SQLite and PostgreSQL in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/shop.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def execute(url):
    """Run SQL on the other side."""
    made = sa.make_url(url)
    engine = sa.create_engine(made.set(drivername="postgresql+psycopg") if made.host or "postgres" in url else made)

    def run(*statements):
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement))

    yield run
    engine.dispose()


@pytest.fixture
def lands(url, tmp_path):
    """Land with a configuration; every call is a run of the same connection."""

    def run(**config):
        landing = Landing(Sql(SqlConfig(url=url, **config), Place(CONNECTION, tmp_path)), tmp_path)
        landing.report = landing.run()
        return landing

    return run


def values(landing, table, *columns):
    return sorted(tuple(row[column] for column in columns) for row in landing.rows(table))


def test_values_keep_the_types_of_the_database(execute, lands):
    execute(
        "CREATE TABLE things (id INTEGER, total NUMERIC(10, 2), share FLOAT, paid BOOLEAN, day DATE, at TIMESTAMP, "
        "name TEXT)",
        "INSERT INTO things VALUES (1, 12.10, 0.5, true, '2025-02-28', '2025-01-01 10:00:00', 'Zoë')",
    )
    assert values(lands(tables=["things"]), "things", "id", "total", "share", "paid", "day", "at", "name") == [
        (1, Decimal("12.10"), 0.5, True, date(2025, 2, 28), datetime.fromisoformat("2025-01-01 10:00"), "Zoë")
    ]


def test_a_table_without_cursor_lands_again_only_when_it_changed(execute, lands):
    execute("CREATE TABLE codes (code TEXT, label TEXT)", "INSERT INTO codes VALUES ('a', 'x'), ('b', 'y')")
    assert lands(tables=["codes"], cursor="updated_at").report.rows == {"codes": 2}
    assert lands(tables=["codes"], cursor="updated_at").report.loads == ()
    execute("UPDATE codes SET label = 'z' WHERE code = 'b'")
    assert lands(tables=["codes"], cursor="updated_at").report.rows == {"codes": 2}


def test_rows_without_a_moment_land_once_and_again_when_they_change(execute, lands):
    execute(
        "CREATE TABLE orders (id INTEGER, updated_at TIMESTAMP)",
        "INSERT INTO orders VALUES (1, '2025-01-01 10:00:00'), (2, NULL)",
    )
    settings = {"tables": ["orders"], "cursor": "updated_at"}
    assert lands(**settings).report.rows == {"orders": 2}
    assert lands(**settings).report.loads == ()
    execute("INSERT INTO orders VALUES (3, NULL), (4, '2025-01-02 10:00:00')")
    assert lands(**settings).report.rows == {"orders": 2}
    assert values(lands(**settings), "orders", "id") == [(1,), (2,), (3,), (4,)]


def test_many_rows_of_one_moment_land_once(execute, lands):
    numbers = ", ".join(f"({number}, 7)" for number in range(MANY + 1))
    execute("CREATE TABLE orders (id INTEGER, version INTEGER)", f"INSERT INTO orders VALUES {numbers}")
    settings = {"tables": ["orders"], "cursor": "version"}
    assert lands(**settings).report.rows == {"orders": MANY + 1}
    assert lands(**settings).report.loads == ()
    execute("INSERT INTO orders VALUES (-1, 7), (-2, 8)")
    assert {(-1,), (-2,)} < set(values(lands(**settings), "orders", "id"))
    assert lands(**settings).report.loads == ()


def test_columns_and_a_condition_choose_what_lands(execute, lands):
    execute(
        "CREATE TABLE orders (id INTEGER, secret TEXT, status TEXT)",
        "INSERT INTO orders VALUES (1, 'x', 'paid'), (2, 'x', 'test')",
    )
    landing = lands(tables={"orders": {"columns": ["id"], "where": "status <> 'test' OR status IS NULL"}})
    assert set(landing.lake.columns(CONNECTION, "orders")) == {"id", "_row", "_dlt_load_id"}
    assert values(landing, "orders", "id") == [(1,)]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"tables": ["oders"]}, "the database has no table 'oders'. Did you mean 'orders'?"),
        (
            {"tables": {"orders": {"cursor": "updated"}}},
            "the table 'orders' has no column 'updated'. Did you mean 'updated_at'?",
        ),
        ({"tables": {"orders": {"columns": ["idd"]}}}, "the table 'orders' has no column 'idd'. Did you mean 'id'?"),
    ],
)
def test_what_is_not_there_is_named_with_what_is_near(execute, lands, config, message):
    execute("CREATE TABLE orders (id INTEGER, updated_at TIMESTAMP)")
    with pytest.raises(ConfigurationError) as caught:
        lands(**config)
    assert str(caught.value) == f"{CONNECTION}: {message}"


def test_a_wrong_condition_is_a_mistake_in_the_configuration(execute, lands):
    execute("CREATE TABLE orders (id INTEGER)")
    with pytest.raises(ConfigurationError, match=f"{CONNECTION}: orders: the database refuses the query"):
        lands(tables={"orders": {"where": "no_such_column = 1"}})


def test_a_table_in_a_schema_is_found(postgres_url, tmp_path):
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA sales")
        connection.execute("CREATE TABLE sales.orders (id INTEGER, at TIMESTAMPTZ, tags TEXT[], data JSONB, ref UUID)")
        connection.execute(
            "INSERT INTO sales.orders VALUES (1, '2025-01-01 10:00+01', '{a,b}', '{\"x\": 1}', "
            "'00000000-0000-0000-0000-000000000001')"
        )
    config = SqlConfig(url=postgres_url, tables=["orders"], schema="sales")
    landing = Landing(Sql(config, Place(CONNECTION, tmp_path)), tmp_path)
    landing.run()
    assert values(landing, "orders", "id", "at", "tags", "data", "ref") == [
        (1, datetime(2025, 1, 1, 9, tzinfo=UTC), '["a","b"]', '{"x":1}', "00000000-0000-0000-0000-000000000001")
    ]


def test_a_value_that_sqlite_holds_in_a_column_of_another_type_is_set_aside(tmp_path):
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("CREATE TABLE orders (id INTEGER, total NUMERIC(10, 2), at TIMESTAMP)")
        database.execute(
            "INSERT INTO orders VALUES (1, 2.5, '2025-02-28 10:00:00'), (2, 'x', NULL), (3, 1, '2025-02-30')"
        )
    landing = Landing(Sql(SqlConfig(url="sqlite:///shop.db", tables=["orders"]), Place(CONNECTION, tmp_path)), tmp_path)
    report = landing.run()
    assert (report.rows, report.set_aside) == ({"orders": 1}, 2)
    assert values(landing, REJECTED, "table_name", "reason", "raw") == [
        ("orders", "at: text where the column holds times", '{"id":3,"total":"1","at":"2025-02-30"}'),
        ("orders", "total: text where the column holds numbers", '{"id":2,"total":"x","at":null}'),
    ]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("nonsense", "`url` is no SQLAlchemy URL"),
        ("nosuch://host/db", "`url` names a database without an installed SQLAlchemy dialect"),
        ("postgresql://hub:s3same@127.0.0.1:1/shop", "127.0.0.1: the database does not answer (nobody listens"),
        (
            "postgresql://hub:s3same@nowhere.invalid/shop",
            "nowhere.invalid: the database does not answer (the name does",
        ),
        ("sqlite:////nowhere/shop.db", "sqlite: there is no such database; mend `url`"),
    ],
)
def test_a_check_says_what_is_wrong_with_the_url(tmp_path, wrong, message):
    check = Sql(SqlConfig(url=wrong, tables=["orders"]), Place(CONNECTION, tmp_path)).check()
    assert not check.ok
    assert check.message.startswith(message)
    assert "s3same" not in check.message
