"""What the warehouse promises, on each engine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from hub.errors import ConfigurationError, TemporaryError
from hub.schema import BUILT_IN, Column, Schema, Table
from hub.warehouse import Warehouse, open_warehouse
from hub.warehouse.duckdb import query, threads
from hub.warehouse.state import fingerprint, remember, seen
from tests.stages.world import add, fact, record, rows

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def order(key: str, total: int, at: datetime | None = NOON, **given: object) -> dict[str, object]:
    return {"connection": "shop", "source_key": key, "total": total, "source_time": at, **given}


def totals(warehouse: Warehouse) -> dict[str, Decimal]:
    return dict(rows(warehouse, "sales_order", "source_key", "total"))


def incoming(warehouse: Warehouse, *given: dict[str, object]) -> pa.Table:
    schema = pa.schema(
        [
            ("connection", pa.string()),
            ("source_key", pa.string()),
            ("total", pa.decimal128(18, 4)),
            ("source_time", pa.timestamp("us", tz="UTC")),
        ]
    )
    return pa.Table.from_pylist([{**row, "total": Decimal(str(row["total"]))} for row in given], schema=schema)


def test_all_tables_of_the_shared_schema_are_there_and_empty(warehouse: Warehouse) -> None:
    with warehouse.begin() as transaction:
        for table in BUILT_IN:
            expected = 1 if table.name == "stage_state" else 0
            assert transaction.count(transaction.table(table.name)) == expected, table.name


def test_an_error_in_a_transaction_leaves_nothing_behind(warehouse: Warehouse) -> None:
    def work() -> None:
        with warehouse.begin() as transaction:
            transaction.execute(sa.insert(transaction.table("sales_order")).values(order("1", 5)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert totals(warehouse) == {}


def test_merge_inserts_what_is_new_and_updates_what_differs(warehouse: Warehouse) -> None:
    add(warehouse, "sales_order", order("1", 5, coupon="kept"), order("2", 6))
    with warehouse.begin() as transaction:
        source = transaction.load("incoming_orders", incoming(warehouse, order("2", 7), order("3", 8)))
        transaction.merge(transaction.table("sales_order"), source)
    assert totals(warehouse) == {"1": 5, "2": 7, "3": 8}
    assert ("1", "kept") in rows(warehouse, "sales_order", "source_key", "coupon")


def test_merge_keeps_the_newest_by_source_time(warehouse: Warehouse) -> None:
    earlier, later = NOON.replace(hour=8), NOON.replace(hour=20)
    add(warehouse, "sales_order", order("1", 5), order("2", 5), order("3", 5, at=None))
    with warehouse.begin() as transaction:
        news = incoming(warehouse, order("1", 6, earlier), order("2", 6, later), order("3", 6, earlier))
        transaction.merge(transaction.table("sales_order"), transaction.load("n", news), newer="source_time")
    assert totals(warehouse) == {"1": 5, "2": 6, "3": 6}


def test_merge_may_only_insert(warehouse: Warehouse) -> None:
    add(warehouse, "sales_order", order("1", 5))
    with warehouse.begin() as transaction:
        source = transaction.load("n", incoming(warehouse, order("1", 6), order("2", 6)))
        transaction.merge(transaction.table("sales_order"), source, insert_only=True)
    assert totals(warehouse) == {"1": 5, "2": 6}


def test_hold_replaces_an_earlier_table_of_that_name(warehouse: Warehouse) -> None:
    with warehouse.begin() as transaction:
        transaction.hold("it", sa.select(sa.literal("a").label("x")))
        held = transaction.hold("it", sa.select(sa.cast(sa.literal(7), sa.BigInteger()).label("y")))
        assert transaction.rows(sa.select(held.c.y)) == [(7,)]
        assert transaction.exists("it")
        assert not transaction.exists("it", stored=True)


def test_what_is_held_is_counted_without_asking_until_it_changes_and_goes_when_all_is_let_go(
    warehouse: Warehouse,
) -> None:
    numbers = sa.union_all(*(sa.select(sa.literal(number).label("number")) for number in range(3)))
    asked: list[str] = []
    sa.event.listen(warehouse.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    with warehouse.begin() as transaction:
        held = transaction.hold("it", numbers)
        asked.clear()
        assert transaction.count(held) == 3
        assert asked == []
        assert transaction.count(held, held.c.number > 1) == 1
        transaction.execute(sa.delete(held).where(held.c.number == 2))
        assert transaction.count(held) == 2
        held = transaction.hold("it", numbers)
        transaction.execute(sa.insert(held).values(number=9))
        assert transaction.count(held) == 4
        transaction.let_go_all()
        assert not transaction.exists("it")


def test_what_is_held_once_is_asked_once_in_a_transaction_and_anew_in_the_next(warehouse: Warehouse) -> None:
    def asked(number: int) -> int:
        held = transaction.hold_once("answer", lambda: [sa.select(sa.literal(number).label("number"))])
        return int(transaction.scalar(sa.select(held.c.number)))

    with warehouse.begin() as transaction:
        assert [asked(1), asked(2)] == [1, 1]
    with warehouse.begin() as transaction:
        assert asked(2) == 2


def test_replace_swaps_a_stored_table_and_its_view_with_other_columns(warehouse: Warehouse) -> None:
    with warehouse.begin() as transaction:
        transaction.replace("trait", sa.select(sa.cast(1, sa.BigInteger()).label("person_id")))
    with warehouse.begin() as transaction:
        query = sa.select(sa.cast(2, sa.BigInteger()).label("person_id"), sa.literal("x").label("colour"))
        transaction.replace("trait", query)
        assert transaction.exists("trait", stored=True)
    assert rows(warehouse, "trait", "person_id", "colour") == [(2, "x")]
    warehouse.publish()
    assert warehouse.query("SELECT colour FROM trait").to_pylist() == [{"colour": "x"}]


def test_arrow_goes_in_and_out_unchanged(warehouse: Warehouse) -> None:
    given = pa.table(
        {
            "t": pa.array(["it's", "", None, 'a "b", c\nd'], pa.string()),
            "n": pa.array([1, None, 3, -4], pa.int64()),
            "d": pa.array([Decimal("1.2500"), None, Decimal(0), Decimal("-9.9999")], pa.decimal128(18, 4)),
            "b": pa.array([True, False, None, True], pa.bool_()),
            "day": pa.array([date(2026, 2, 28), None, date(1940, 1, 1), date(2026, 1, 1)], pa.date32()),
            "at": pa.array([NOON, None, NOON, NOON], pa.timestamp("us", tz="UTC")),
        }
    )
    with warehouse.begin() as transaction:
        held = transaction.load("given", given)
        found = transaction.arrow(sa.select(held), batch=2).read_all()
    assert sorted(found.to_pylist(), key=repr) == sorted(given.to_pylist(), key=repr)


def test_arrow_of_nothing_has_its_columns(warehouse: Warehouse) -> None:
    with warehouse.begin() as transaction:
        table = transaction.table("sales_order")
        found = transaction.arrow(sa.select(table.c.source_key, table.c.total)).read_all()
    assert found.num_rows == 0
    assert found.column_names == ["source_key", "total"]


def test_parquet_of_the_lake_is_one_relation_also_where_files_lack_columns(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    pq.write_table(pa.table({"id": [1, 2], "name": ["a", "b"]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"id": [3]}), tmp_path / "it's 2.parquet")
    files = [str(tmp_path / "1.parquet"), str(tmp_path / "it's 2.parquet")]
    with warehouse.begin() as transaction:
        raw = transaction.raw("raw_people", files, {"id": pa.int64(), "name": pa.string()})
        found = transaction.rows(sa.select(raw.c.id, raw.c.name).order_by(raw.c.id))
    assert [tuple(row) for row in found] == [(1, "a"), (2, "b"), (3, None)]


def test_views_say_whose_each_row_is(warehouse: Warehouse) -> None:
    record(warehouse, "shop:1")
    fact(warehouse, "sales_order", "shop:1", "1", total=5)
    with warehouse.begin() as transaction:
        transaction.execute(sa.update(transaction.table("source_record")).values(person_id=7))
    warehouse.publish()
    assert warehouse.query("SELECT person_id FROM sales_order").to_pylist() == [{"person_id": 7}]


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        (r"Anna's \"50%\" ? :name \n \\ {x} $1", sa.Text()),
        ("", sa.Text()),
        (7, sa.BigInteger()),
        (-(2**60), sa.BigInteger()),
        (Decimal("12.3456"), sa.Numeric(18, 4)),
        (0.1, sa.Double()),
        (True, sa.Boolean()),
        (date(2026, 2, 28), sa.Date()),
        (datetime(2026, 2, 28, 23, 59, 59, 123456, UTC), sa.DateTime(timezone=True)),
        (None, sa.Text()),
    ],
)
def test_a_value_comes_out_of_a_statement_as_it_went_in(
    warehouse: Warehouse, value: object, type_: sa.types.TypeEngine[object]
) -> None:
    with warehouse.begin() as transaction:
        ((found, same, listed),) = transaction.rows(
            sa.select(
                sa.cast(sa.literal(value, type_), type_),
                sa.cast(sa.literal(value, type_), type_) == sa.literal(value, type_),
                sa.cast(sa.literal(value, type_), type_).in_([value, value]),
            )
        )
        held = transaction.hold("value", sa.select(sa.cast(sa.literal(value, type_), type_).label("value")))
        assert transaction.scalar(sa.select(held.c.value)) == value
    assert (found, same, listed) == ((value, True, True) if value is not None else (None, None, None))


def test_readers_see_what_was_published_and_are_told_what_is_wrong_with_their_query(warehouse: Warehouse) -> None:
    warehouse.publish()
    add(warehouse, "sales_order", order("1", 5))
    warehouse.publish()
    assert warehouse.query("SELECT count(*) AS n FROM sales_order WHERE source_key LIKE '%1%'").to_pylist() == [
        {"n": 1}
    ]
    with pytest.raises(ConfigurationError, match="this query does not work"):
        warehouse.query("SELECT nothing FROM sales_order")


@pytest.mark.parametrize("statement", ["DELETE FROM store.sales_order", "CREATE TABLE x (y INTEGER)"])
def test_readers_can_not_write(warehouse: Warehouse, statement: str) -> None:
    add(warehouse, "sales_order", order("1", 5))
    warehouse.publish()
    with pytest.raises(ConfigurationError, match="this query does not work"):
        warehouse.query(statement)
    assert totals(warehouse) == {"1": 5}


def test_columns_and_tables_that_admins_add_later_join_those_with_data(
    open_on_engine: Callable[[Schema], Warehouse],
) -> None:
    first = open_on_engine(BUILT_IN)
    add(first, "sales_order", order("1", 5))
    first.close()
    own = Table("treatment", "own", "A treatment.", (Column("kind", "text"),), personal=True)
    grown = open_on_engine(BUILT_IN.extended({"sales_order": [Column("gift", "boolean")]}, [own]))
    add(grown, "sales_order", order("2", 6, gift=True))
    add(grown, "treatment", {"connection": "shop", "source_key": "1", "kind": "nails"})
    assert rows(grown, "sales_order", "source_key", "gift") == [("1", None), ("2", True)]


def test_a_stage_remembers_what_it_has_seen(warehouse: Warehouse) -> None:
    with warehouse.begin() as transaction:
        assert seen(transaction, "map") is None
        remember(transaction, "map", fingerprint("a", 1), NOON)
        remember(transaction, "map", fingerprint("b", 1), NOON)
    with warehouse.begin() as transaction:
        assert seen(transaction, "map") == fingerprint("b", 1) != fingerprint("a", 1)


def test_a_fingerprint_tells_its_parts_apart() -> None:
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    assert fingerprint("1") != fingerprint(1)


ANOTHER_RUN = """
import sys
from pathlib import Path
from hub.errors import TemporaryError
from hub.schema import BUILT_IN
from hub.warehouse import open_warehouse
try:
    with open_warehouse(sys.argv[1], BUILT_IN, Path(sys.argv[2])).claim():
        print("went ahead")
except TemporaryError as error:
    print(error)
"""


def test_one_run_at_a_time_may_write(engine: str, warehouse: Warehouse, tmp_path: Path) -> None:
    def another_run() -> str:
        command = [sys.executable, "-c", ANOTHER_RUN, engine, str(tmp_path / ".hub")]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    with warehouse.claim():
        assert "Wait for it to end, or stop it" in another_run()
    warehouse.close()
    assert another_run() == "went ahead\n"


def test_an_unknown_engine_is_told_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="engine 'mysql' is not known") as caught:
        open_warehouse("mysql://anna:secret@host/db", BUILT_IN, tmp_path)
    assert "secret" not in str(caught.value)


def test_nothing_published_yet_says_what_to_do(tmp_path: Path) -> None:
    warehouse = open_warehouse("duckdb", BUILT_IN, tmp_path)
    with pytest.raises(ConfigurationError, match="nothing is published yet: run `hub run` first"):
        warehouse.query("SELECT 1")
    warehouse.close()


def test_the_embedded_engine_reads_the_lake_and_no_other_file(tmp_path: Path) -> None:
    lake, elsewhere = tmp_path / "lake", tmp_path / "elsewhere"
    for folder in (lake, elsewhere):
        folder.mkdir()
        pq.write_table(pa.table({"id": [1]}), folder / "1.parquet")
    warehouse = open_warehouse("duckdb", BUILT_IN, tmp_path / ".hub", [lake])
    with warehouse.begin() as transaction:
        raw = transaction.raw("inside", [str(lake / "1.parquet")], {"id": pa.int64()})
        assert transaction.count(raw) == 1
    with pytest.raises(Exception, match="Permission Error"), warehouse.begin() as transaction:
        transaction.raw("outside", [str(elsewhere / "1.parquet")], {"id": pa.int64()})
    with pytest.raises(Exception, match="locked"), warehouse.begin() as transaction:
        transaction.execute(sa.text("SET enable_external_access = true"))
    warehouse.close()


def test_the_embedded_engine_leaves_half_of_the_processors_to_others(tmp_path: Path) -> None:
    with duckdb.connect() as plain:
        every = plain.execute("SELECT current_setting('threads')").fetchall()[0][0]
    warehouse = open_warehouse("duckdb", BUILT_IN, tmp_path)
    with warehouse.begin() as transaction:
        assert transaction.scalar(sa.text("SELECT current_setting('threads')")) == threads() == max(1, every // 2)
    warehouse.close()


USE_VALUES = """
import sys
from pathlib import Path
import sqlalchemy as sa
from hub.schema import BUILT_IN
from hub.warehouse import open_warehouse
warehouse = open_warehouse("duckdb", BUILT_IN, Path(sys.argv[1]))
with warehouse.begin() as transaction:
    product = transaction.table("product")
    transaction.execute(sa.insert(product).values(source_key="1", name="kibble"))
    transaction.hold("found", sa.select(product.c.name).where(product.c.source_key.in_(["1", "2"])))
    assert transaction.exists("found")
    transaction.arrow(sa.select(product).where(product.c.name == "kibble")).read_all()
warehouse.close()
print("pandas" in sys.modules)
"""


def test_values_in_statements_do_not_make_the_embedded_engine_load_pandas(tmp_path: Path) -> None:
    told = subprocess.run([sys.executable, "-c", USE_VALUES, tmp_path], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"


def test_the_embedded_engine_keeps_keys_as_they_are_and_compresses_the_rest(tmp_path: Path) -> None:
    warehouse = open_warehouse("duckdb", BUILT_IN, tmp_path / ".hub", [tmp_path])
    add(warehouse, "sales_order", *(order(str(number), 5, status="paid") for number in range(100)))
    warehouse.publish()
    warehouse.close()
    told = query(
        tmp_path / ".hub/published.duckdb",
        "SELECT column_name, compression FROM pragma_storage_info('store.sales_order') WHERE segment_type = 'VARCHAR'",
    )
    kept = dict(zip(*(column.to_pylist() for column in told.columns), strict=True))
    assert kept["source_key"] == kept["record_id"] == "Uncompressed"
    assert kept["status"] != "Uncompressed"


def test_a_reader_of_the_embedded_engine_reads_while_a_run_writes(tmp_path: Path) -> None:
    warehouse = open_warehouse("duckdb", BUILT_IN, tmp_path)
    add(warehouse, "sales_order", order("1", 5))
    warehouse.publish()
    with warehouse.begin() as transaction:
        transaction.execute(sa.delete(transaction.table("sales_order")))
        assert warehouse.query("SELECT count(*) AS n FROM sales_order").to_pylist() == [{"n": 1}]
    warehouse.close()


def test_a_process_that_has_the_embedded_engine_open_is_told_so_too_and_may_read_many_times(tmp_path: Path) -> None:
    warehouse = open_warehouse("duckdb", BUILT_IN, tmp_path)
    for _ in range(2):
        with pytest.raises(TemporaryError, match=r"warehouse.duckdb is in use by another run of this project"):
            open_warehouse("duckdb", BUILT_IN, tmp_path)
    warehouse.publish()
    with ThreadPoolExecutor(8) as readers:
        answers = list(readers.map(lambda _: warehouse.query("SELECT 1 AS one").to_pylist(), range(40)))
    assert answers == [[{"one": 1}]] * 40
    warehouse.close()
    open_warehouse("duckdb", BUILT_IN, tmp_path).close()


@pytest.mark.parametrize(
    ("statement", "is_told"),
    [
        ("SELECT at FROM consent", True),
        ("SELECT type, max(at) FROM message_event GROUP BY 1", True),
        ("SELECT type FROM message_event ORDER BY at", True),
        ("SELECT type FROM message_event WHERE at > now() AND type = 'look'", True),
        ("SELEC 1", False),
        ("SELECT type FROM message_event WHERE type = 'look at me' AND", False),
        ('SELECT "at" FROM message_event WHERE', False),
        ("SELECT (sent_at AT TIME ZONE 'UTC') FROM message ORDER", False),
    ],
)
def test_who_writes_the_column_at_without_quotes_is_told_to_quote_it(
    tmp_path: Path, statement: str, is_told: bool
) -> None:
    warehouse = open_warehouse("duckdb", BUILT_IN, tmp_path)
    warehouse.publish()
    with pytest.raises(ConfigurationError) as caught:
        warehouse.query(statement)
    assert ('The column at needs quotes here: write "at".' in str(caught.value)) == is_told
    warehouse.close()


def test_what_a_killed_run_left_unpublished_is_published_by_the_next_one_even_without_news(tmp_path: Path) -> None:
    def run(news: bool, publishes: bool, **product: str) -> None:
        warehouse = open_warehouse("duckdb", BUILT_IN, tmp_path)
        with warehouse.claim():
            if product:
                with warehouse.begin() as transaction:
                    transaction.execute(sa.insert(transaction.table("product")).values(**product))
            if publishes:
                warehouse.publish(news)
        warehouse.close()

    def published() -> int:
        (row,) = query(tmp_path / "published.duckdb", "SELECT count(*) AS n FROM product").to_pylist()
        return int(row["n"])

    run(news=True, publishes=True, name="kibble")
    run(news=True, publishes=False, name="collar")  # as if it was killed before it could publish
    assert published() == 1
    run(news=False, publishes=True)
    assert published() == 2
    before = (tmp_path / "published.duckdb").stat().st_mtime_ns
    run(news=False, publishes=True)
    assert (tmp_path / "published.duckdb").stat().st_mtime_ns == before


def test_on_postgresql_who_is_under_way_in_a_scenario_is_found_by_an_index(postgres_url: str, tmp_path: Path) -> None:
    warehouse = open_warehouse(postgres_url, BUILT_IN, tmp_path / ".hub", [tmp_path])
    with warehouse.begin() as transaction:
        transaction.execute(
            sa.text(
                "INSERT INTO store.enrolment (enrolment_id, scenario, record_id, row_key, occurrence, status) "
                "SELECT i::text, 'journey', 'crm:' || i, '', 1, CASE WHEN i % 100 = 0 THEN 'active' ELSE 'done' END "
                "FROM generate_series(1, 20000) AS t(i)"
            )
        )
        transaction.execute(sa.text("ANALYZE store.enrolment"))
        under_way = "SELECT step FROM store.enrolment WHERE scenario = 'journey' AND status = 'active'"
        plan = "\n".join(row[0] for row in transaction.rows(sa.text(f"EXPLAIN {under_way}")))
    warehouse.close()
    assert "Index Cond: ((scenario = 'journey'::text) AND (status = 'active'::text))" in plan


def test_on_postgresql_the_planner_learns_of_tables_that_changed_and_of_no_others(
    postgres_url: str, tmp_path: Path
) -> None:
    warehouse = open_warehouse(postgres_url, BUILT_IN, tmp_path / ".hub", [tmp_path])
    numbers = "generate_series(1, 2000) AS t(i)"

    def known(table: str) -> tuple[int, int]:
        """Give how many rows the planner counts on, and how often we had the table looked at."""
        with warehouse.begin() as transaction:
            (found,) = transaction.rows(
                sa.text(
                    "SELECT c.reltuples::bigint, s.analyze_count FROM pg_class AS c "
                    "JOIN pg_stat_user_tables AS s ON s.relid = c.oid "
                    f"WHERE s.schemaname = 'store' AND s.relname = '{table}'"
                )
            )
        return found[0], found[1]

    def add(table: str, keys: str) -> None:
        with warehouse.begin() as transaction:
            transaction.execute(
                sa.text(f"INSERT INTO store.{table} (connection, source_key) SELECT 'crm', {keys} FROM {numbers}")
            )
        warehouse.publish()

    add("product", "i::text")
    assert known("product") == (2000, 1)
    add("cart", "i::text")
    assert known("cart") == (2000, 1)
    assert known("product") == (2000, 1)
    add("product", "'more' || i")
    assert known("product") == (4000, 2)
    warehouse.close()
