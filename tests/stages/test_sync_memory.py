"""Audience syncs hold no more of an audience than one reading of it, however large it is (R43)."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from hub.contracts import Result, Row
from hub.people.traits import plan_traits
from hub.project.segments import Segment
from hub.stages.activate import activate, audience, journal, ship
from hub.stages.activate.stretches import stretches
from hub.warehouse import Warehouse
from tests.stages.engagement import NOW, Recorder, Shop, gold, shop_in, tell_news

READ = 2_048
"""DuckDB reads whole vectors of so many rows, however few are asked for."""


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Iterator[Shop]:
    with shop_in(tmp_path, warehouse, segments={"gold": Segment(where="true")}, syncs=[gold()]) as opened:
        yield opened
    Recorder.answers.clear()


def members(shop: Shop, number: int) -> None:
    """Add people with consent, all at once; every seventh number is nobody's."""
    i = sa.func.generate_series(1, number + number // 6).table_valued("i").render_derived().c.i
    key = sa.literal("shop:").concat(sa.cast(i, sa.Text))
    own = {"connection": sa.literal("shop"), "source_key": sa.cast(i, sa.Text), "record_id": key}
    given = {
        "channel": sa.literal("ads"),
        "purpose": sa.literal("marketing"),
        "given": sa.true(),
        "at": sa.literal(NOW - timedelta(days=1), sa.DateTime(timezone=True)),
    }
    mail = sa.literal("p").concat(sa.cast(i, sa.Text)).concat("@example.nl")
    with shop.warehouse.begin() as transaction:

        def fill(table: Any, **columns: Any) -> None:
            transaction.execute(
                sa.insert(table).from_select(list(columns), sa.select(*columns.values()).where(i % 7 > 0))
            )

        fill(transaction.table("source_record"), **own, record_no=i, person_id=i)
        fill(transaction.table("person"), person_id=i, record_id=key, email=mail, records=sa.literal(1))
        fill(plan_traits(shop.project, NOW).table(), person_id=i)
        fill(transaction.table("consent"), **own, **given)
        since = sa.literal(NOW, sa.DateTime(timezone=True))
        fill(transaction.table("membership"), person_id=i, segment=sa.literal("gold"), since=since)
        tell_news(transaction)


def test_rows_in_hand_are_those_of_one_reading_and_all_of_them_go_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, read, gone, most = 9_000, 0, 0, 0
    for place, name, size in ((ship, "READ", 100), (ship, "SLICE", 2_500), (audience, "PART", 4_000)):
        monkeypatch.setattr(place, name, size)
    monkeypatch.setattr(journal, "PORTION", 500)
    monkeypatch.setattr(journal, "WRITE_OUT", 1_000)
    members(shop, number)
    with shop.warehouse.begin() as transaction:
        kind = type(transaction)
    read_as_arrow = kind.arrow

    def counted(self: Any, statement: Any, batch: int = 50_000) -> pa.RecordBatchReader:
        reader = read_as_arrow(self, statement, batch)

        def batches() -> Iterator[pa.RecordBatch]:
            nonlocal read
            for rows in reader:
                read += rows.num_rows
                yield rows

        return pa.RecordBatchReader.from_batches(reader.schema, batches())

    def takes(rows: Sequence[Row]) -> Sequence[Result]:
        nonlocal gone, most
        most = max(most, read - gone)
        gone += len(rows)
        return [Result(row.key, "accepted") for row in rows]

    monkeypatch.setattr(kind, "arrow", counted)
    shop.answer("ads", takes)
    assert dict(activate(shop.warehouse, shop.ledger, shop.project, NOW).counts) == {"synced": number}
    assert gone == read == number
    assert most <= READ + 100
    assert len(set(shop.rows("audience_state", "row_key"))) == number


@pytest.mark.parametrize(("first", "last", "rows"), [(1, 10, 10), (5, 5, 1), (-3, 40, 7), (0, 0, 0), (1, 1000, 1000)])
@pytest.mark.parametrize(("at_once", "at_most"), [(1, 3), (4, 10), (1000, 10)])
def test_every_number_is_in_exactly_one_stretch(
    warehouse: Warehouse, first: int, last: int, rows: int, at_once: int, at_most: int
) -> None:
    number = sa.func.generate_series(first, last).table_valued("i").render_derived().c.i
    conditions = list(stretches(number, first, last, rows, at_once, at_most))
    assert len(conditions) <= at_most
    with warehouse.begin() as transaction:
        found = [it for within in conditions for (it,) in transaction.rows(sa.select(number).where(within))]
    assert sorted(found) == list(range(first, last + 1))
