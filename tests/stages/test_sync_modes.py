"""Modes of syncs, who leaves, tables, and writing back (R43): on DuckDB and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Place, Result
from hub.project import Connection
from hub.project.segments import Segment
from hub.schema import BUILT_IN, Column, Schema, Table
from hub.warehouse import Warehouse
from tests.stages.engagement import NOW, Recorder, RecorderConfig, Shop, gold, shop_in
from tests.stages.test_activate_syncs import calls, leave, member, run


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Iterator[Shop]:
    with shop_in(tmp_path, warehouse, segments={"gold": Segment(where="true")}, syncs=[gold()]) as opened:
        yield opened
    Recorder.answers.clear()


def to(shop: Shop, config: RecorderConfig, **sync: Any) -> Shop:
    """Give a shop whose one sync goes to a destination of its own kind."""
    place = Place("ads", shop.project.folder)
    connections = {**shop.project.connections, "ads": Connection("ads", Recorder, config, place)}
    return shop.with_(connections=connections, syncs={"gold": gold(**sync)})


def sent(shop: Shop) -> list[tuple[str, str, dict[str, Any]]]:
    """Tell what was sent since the last time: operation, key, fields."""
    found = [
        (
            entry.pop("operation"),
            entry.pop("key"),
            {name: it for name, it in entry.items() if name in ("email", "first_name", "number")},
        )
        for entry in shop.taken("ads")
    ]
    (shop.project.folder / "ads.jsonl").unlink(missing_ok=True)
    return sorted(found, key=repr)


def test_add_makes_rows_and_leaves_them_alone_after(shop: Shop) -> None:
    shop = to(shop, RecorderConfig(syncs=True), mode="add")
    member(shop, 1)
    run(shop)
    shop.update("person", {"person_id": 1}, given_name="Renamed")
    member(shop, 2)
    run(shop)
    assert calls(shop) == [("add", "1"), ("add", "2")]


def test_update_never_makes_a_row_and_what_was_rejected_goes_again(shop: Shop) -> None:
    shop = to(shop, RecorderConfig(syncs=True), mode="update")
    for number in (1, 2):
        member(shop, number)
    absent = lambda rows: [Result(it.key, "accepted" if it.key == "1" else "rejected", reason="no") for it in rows]  # noqa: E731
    shop.answer("ads", absent)
    assert dict(run(shop).counts) == {"synced": 1, "not_synced": 1}
    calls(shop)
    Recorder.answers.clear()
    run(shop)
    assert calls(shop) == [("update", "2")]


def test_fill_empty_reads_back_and_fills_only_what_is_empty_there(shop: Shop) -> None:
    stands = {"1": {"email": "own@example.nl", "first_name": ""}, "2": {"email": "b@example.nl", "first_name": "B"}}
    shop = to(shop, RecorderConfig(syncs=True, stands=stands), mode="fill_empty")
    for number in (1, 2, 3):
        member(shop, number)
    assert dict(run(shop).counts) == {"synced": 2, "not_synced": 1}
    assert sent(shop) == [("update", "1", {"first_name": "P1"})]
    assert ("3", "rejected", "there is no such row there") in shop.rows("sync_change", "row_key", "result", "reason")


@pytest.mark.parametrize(
    ("leaving", "mode", "expected"),
    [
        ("remove", "mirror", ("remove", "1", {})),
        ("delete", "mirror", ("delete", "1", {})),
        ("clear", "mirror", ("update", "1", {"email": None, "first_name": None})),
        ("clear", "update", ("update", "1", {"email": None, "first_name": None})),
        ("keep", "upsert", None),
    ],
)
def test_what_happens_to_who_leaves(shop: Shop, leaving: str, mode: str, expected: Any) -> None:
    shop = to(shop, RecorderConfig(syncs=True), leaving=leaving, mode=mode)
    for number in (1, 2, 3):
        member(shop, number)
    run(shop)
    sent(shop)
    leave(shop, 1)
    run(shop)
    assert sent(shop) == ([expected] if expected is not None else [])
    run(shop)
    assert sent(shop) == []
    shop.insert("membership", person_id=1, segment="gold", since=NOW)
    run(shop)
    assert [key for _, key, _ in sent(shop)] == ([] if leaving == "keep" else ["1"])


def test_who_withdraws_is_cleared_where_the_destination_cannot_remove(shop: Shop) -> None:
    shop = to(shop, RecorderConfig(syncs=True, operations=frozenset({"upsert"})), mode="upsert")
    for number in (1, 2):
        member(shop, number)
    run(shop)
    sent(shop)
    shop.consent("shop:1", "ads", given=False, at=NOW)
    assert dict(run(shop).counts) == {"removed": 1}
    assert sent(shop) == [("upsert", "1", {"email": None, "first_name": None})]
    assert shop.rows("sync_change", "row_key", "operation")[-2:] == [("1", "upsert"), ("2", "upsert")]
    assert ("1", "clear") in shop.rows("sync_change", "row_key", "operation")


@pytest.mark.parametrize("leaving", ["remove", "keep"])
def test_the_entry_of_a_merged_person_is_removed(shop: Shop, leaving: str) -> None:
    shop = to(shop, RecorderConfig(syncs=True), mode="mirror" if leaving == "remove" else "upsert", leaving=leaving)
    for number in (1, 2, 3, 4):
        member(shop, number)
    run(shop)
    calls(shop)
    shop.merge(into=1, other=2)
    leave(shop, 2)
    run(shop)
    assert calls(shop) == [("remove", "2")]


def test_a_sync_that_goes_elsewhere_sends_everything_there(shop: Shop) -> None:
    for number in (1, 2):
        member(shop, number)
    run(shop)
    calls(shop)
    shop = shop.with_(syncs={"gold": gold(to={"connection": "ads", "object": "Customers B"})})
    run(shop)
    assert calls(shop) == [("upsert", "1"), ("upsert", "2")]


def test_several_batches_are_under_way_where_the_destination_allows_it(shop: Shop) -> None:
    shop = to(shop, RecorderConfig(syncs=True, batch_size=2, concurrency=3))
    for number in range(1, 12):
        member(shop, number)
    assert dict(run(shop).counts) == {"synced": 11}
    assert len(calls(shop)) == 11
    assert len(shop.rows("audience_state", "row_key")) == 11
    assert run(shop).skipped


# tables --------------------------------------------------------------------------------------------------------------


def order(shop: Shop, number: int, person: int, **columns: Any) -> None:
    shop.insert(
        "sales_order",
        connection="shop",
        source_key=f"o{number}",
        record_id=f"shop:{person}",
        **{"ordered_at": NOW - timedelta(days=1), "status": "paid", **columns},
    )


ORDERS = {
    "from": {"table": "sales_order", "where": "status = 'paid'"},
    "key": "source_key",
    "fields": {"number": "source_key", "email": "person.email", "first_name": "person.given_name"},
}


def test_rows_of_a_table_go_with_fields_of_their_person_and_only_with_consent(shop: Shop) -> None:
    shop = to(shop, RecorderConfig(syncs=True), **ORDERS, guards={"removes": "100%"})
    member(shop, 1)
    member(shop, 2, consent=())
    order(shop, 1, 1)
    order(shop, 2, 2)
    order(shop, 3, 1, status="cancelled")
    run(shop)
    assert sent(shop) == [("upsert", "o1", {"email": "p1@example.nl", "first_name": "P1", "number": "o1"})]
    assert shop.rows("sync_run", "source", "refused", "written") == [(2, 1, 1)]
    shop.update("sales_order", {"source_key": "o1"}, status="cancelled")
    shop.update("sales_order", {"source_key": "o3"}, status="paid")
    run(shop)
    assert [(operation, key) for operation, key, _ in sent(shop)] == [("remove", "o1"), ("upsert", "o3")]


def test_service_needs_no_yes_and_goes_to_nobody_who_refused_it(shop: Shop) -> None:
    shop = to(shop, RecorderConfig(syncs=True), **ORDERS, consent={"channel": "email", "purpose": "service"})
    for number in (1, 2, 3):
        member(shop, number, consent=())
        order(shop, number, number)
    shop.consent("shop:2", "email", given=False, purpose="service")
    run(shop)
    assert [key for _, key, _ in sent(shop)] == ["o1", "o3"]


def test_r43_facts_are_written_back_only_to_rows_that_came_from_there(shop: Shop) -> None:
    sync = {
        "from": {"table": "source_record", "where": "true"},
        "key": "source_key",
        "fields": {"first_name": "person.given_name", "number": "case when member_of('gold') then 'gold' end"},
        "mode": "update",
        "consent": None,
        "write_back": True,
    }
    shop = to(shop, RecorderConfig(syncs=True), **sync)
    member(shop, 1, consent=())
    shop.insert("source_record", connection="ads", source_key="77", record_id="ads:77", record_no=77, person_id=1)
    run(shop)
    assert sent(shop) == [("update", "77", {"first_name": "P1", "number": "gold"})]


def test_r43_people_are_written_back_only_to_a_system_that_holds_them(shop: Shop) -> None:
    shop = to(shop, RecorderConfig(syncs=True), consent=None, write_back=True, **{"from": {"table": "person"}})
    for number in (1, 2):
        member(shop, number, consent=())
    shop.insert("source_record", connection="ads", source_key="7", record_id="ads:7", record_no=7, person_id=2)
    run(shop)
    assert calls(shop) == [("upsert", "2")]


def test_everybody_who_meets_a_condition_goes_with_traits(shop: Shop) -> None:
    source = {"from": {"table": "person", "where": "order_count > 1"}}
    shop = to(shop, RecorderConfig(syncs=True), fields={"number": "order_count"}, **source)
    for number in (1, 2):
        member(shop, number)
        shop.trait(number, order_count=number)
    run(shop)
    assert sent(shop) == [("upsert", "2", {"number": 2})]


def test_an_own_table_that_belongs_to_nobody_goes_without_consent(
    open_on_engine: Callable[[Schema], Warehouse], tmp_path: Path
) -> None:
    columns = (Column("code", "text"), Column("stock", "integer"))
    schema = BUILT_IN.extended({}, [Table("shelf", "own", "A shelf.", columns, custom=True)])
    fields = {"number": "stock * 2"}
    sync = gold(key="code", fields=fields, consent=None, **{"from": {"table": "shelf", "where": "stock > 0"}})
    with shop_in(tmp_path, open_on_engine(schema), schema=schema, syncs=[sync]) as shop:
        for code, stock in (("a", 1), ("b", 0), ("c", 3)):
            shop.insert("shelf", connection="shop", source_key=code, code=code, stock=stock)
        run(shop)
        assert sent(shop) == [("upsert", "a", {"number": 2}), ("upsert", "c", {"number": 6})]


# guards --------------------------------------------------------------------------------------------------------------


def test_an_empty_source_holds_unless_it_may_be_empty(shop: Shop) -> None:
    shop = shop.with_(syncs={"gold": gold(guards={"removes": "100%"})})
    member(shop, 1)
    run(shop)
    calls(shop)
    leave(shop, 1)
    (failure,) = run(shop).failures
    assert failure.startswith("sync gold: the source is empty, and 1 rows are there")
    assert calls(shop) == []
    assert run(shop.with_(syncs={"gold": gold(guards={"removes": "100%", "may_be_empty": True})})).failures == ()
    assert calls(shop) == [("remove", "1")]


def test_a_run_that_changes_too_many_rows_is_held(shop: Shop) -> None:
    shop = shop.with_(syncs={"gold": gold(guards={"rows": 2})})
    for number in (1, 2, 3):
        member(shop, number)
    (failure,) = run(shop).failures
    assert "this run would change 3 rows, more than the 2 of `guards: rows`; nothing was sent. " in failure
    assert "`hub apply FILE --override REASON`" in failure
    assert calls(shop) == []


def test_a_source_that_has_shrunk_too_much_is_held_and_compared_with_the_last_that_was_not(shop: Shop) -> None:
    shop = shop.with_(syncs={"gold": gold(guards={"removes": "100%", "drop": "50%"})})
    for number in range(1, 6):
        member(shop, number)
    run(shop)
    leave(shop, 1, 2, 3)
    assert "the source has 2 rows and had 5 (60% less)" in run(shop).failures[0]
    assert run(shop).counts["kept_back"] == 3
    shop.insert("membership", person_id=1, segment="gold", since=NOW)
    assert run(shop).failures == ()


def test_a_hold_is_told_when_it_begins_and_not_at_every_run(shop: Shop) -> None:
    shop = shop.with_(syncs={"gold": gold(guards={"rows": 2})})
    for number in (1, 2, 3):
        member(shop, number)
    assert len(run(shop).failures) == 1
    again = run(shop)
    assert (again.failures, dict(again.counts)) == ((), {"kept_back": 3})
    assert shop.rows("sync_run", "number", "held", "kept_back") == [(1, "rows", 3), (2, "rows", 3)]
    leave(shop, 3)
    assert run(shop).failures == ()
    member(shop, 4)
    member(shop, 5)
    member(shop, 6)
    assert len(run(shop).failures) == 1


# what runs came to ---------------------------------------------------------------------------------------------------


def test_runs_and_changes_are_kept_for_analysis(shop: Shop) -> None:
    for number in (1, 2, 3):
        member(shop, number)
    member(shop, 4, consent=())
    status = {"2": "rejected"}
    shop.answer("ads", lambda rows: [Result(it.key, status.get(it.key, "accepted"), reason="x") for it in rows])  # type: ignore[arg-type]
    run(shop)
    Recorder.answers.clear()
    leave(shop, 1)
    run(shop)
    columns = ("number", "source", "refused", "unchanged", "written", "taken_out", "failed", "held", "reason")
    assert shop.rows("sync_run", *columns) == [
        (1, 4, 1, 0, 2, 0, 1, None, None),
        (2, 3, 1, 1, 1, 1, 0, None, None),
    ]
    assert shop.rows("sync_change", "number", "row_key", "operation", "result", "reason") == [
        (1, "1", "upsert", "accepted", "x"),
        (1, "2", "upsert", "rejected", "x"),
        (1, "3", "upsert", "accepted", "x"),
        (2, "1", "remove", "accepted", None),
        (2, "2", "upsert", "accepted", None),
    ]


def test_a_mistake_in_the_plugin_leaves_the_other_destinations_alone(shop: Shop) -> None:
    other = replace(shop.project.connections["ads"], name="crm", place=Place("crm", shop.project.folder))
    syncs = {"gold": gold(), "crm": gold(sync="crm", to={"connection": "crm", "object": "Contacts"})}
    shop = shop.with_(connections={**shop.project.connections, "crm": other}, syncs=syncs)
    member(shop, 1)

    def breaks(rows: Any) -> Any:
        raise ValueError(rows)

    shop.answer("ads", breaks)
    report = run(shop)
    assert report.failures == ("sync gold: ads: the plugin broke off: ValueError",)
    assert len(shop.taken("crm")) == 1
    assert shop.rows("sync_change", "sync", "result") == [("crm", "accepted"), ("gold", "unknown")]
