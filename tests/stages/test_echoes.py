"""What the hub wrote to a system does not come back as news (R43): on DuckDB and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.warehouse import Warehouse
from tests.stages.systems import System, Systems, systems
from tests.stages.world import one, rows

CRM = """
connection: crm
person:
  from: contacts
  key: id
  updated_at: updated_at
  identifiers: {email: email(mail)}
  columns: {given_name: name, profession: job, interests: likes}
  consent:
    - {channel: email, given: newsletter, at: updated_at, text: crm}
    - {channel: sms, given: texts, at: texts_at, text: crm}
activity:
  from: contacts
  key: id
  person: id
  updated_at: updated_at
  columns: {type: "'seen'", at: updated_at, subject: job}
"""
SHOP = CRM.replace("connection: crm", "connection: shop").replace(", interests: likes", "")
SCORE = {
    "sync": "score",
    "from": {"table": "source_record"},
    "to": {"connection": "crm", "object": "contacts"},
    "key": "source_key",
    "fields": {"likes": "case when person.records > 1 then 'much' else 'little' end", "weight": "1.5", "vip": "true"},
    "mode": "update",
    "write_back": True,
}
ANNA = {"mail": "anna@example.nl", "name": "Anna", "job": "baker", "newsletter": True, "texts": None, "texts_at": None}


class Exact(System):
    """Keeps what it is given."""


class Loose(System):
    """Keeps numbers and yes or no as texts."""

    def as_kept(self, name: str, value: Any) -> Any:
        return {"weight": "1.50", "vip": "1"}.get(name, value)


class Shouting(System):
    """Keeps texts in capitals."""

    def as_kept(self, name: str, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value


@pytest.fixture
def crm(warehouse: Warehouse, tmp_path: Path) -> Iterator[Systems]:
    with systems(tmp_path, warehouse, [CRM], [SCORE], Exact) as world:
        world.systems["crm"].change("1", **ANNA, likes=None, weight=None, vip=None)
        yield world


def both(folder: Path, warehouse: Warehouse, kind: type[System] = Exact) -> Any:
    """Give two systems, each of which is told what the golden record says."""
    fields = {"name": "person.given_name", "job": "person.profession"}
    told = {"key": "source_key", "mode": "update", "write_back": True, "from": {"table": "source_record"}}
    syncs = [
        {"sync": f"to_{name}", "to": {"connection": name, "object": "contacts"}, "fields": fields, **told}
        for name in ("crm", "shop")
    ]
    return systems(folder, warehouse, [CRM, SHOP], syncs, kind)


def source_time(world: Systems, record: str = "crm:1") -> Any:
    return one(world.shop.warehouse, "source_record", {"record_id": record}, "source_time")[0]


def test_what_was_written_comes_back_and_changes_nothing_r43(crm: Systems) -> None:
    crm.run()
    assert crm.rows_sent() == 1
    before = {name: rows(crm.shop.warehouse, name, "source_key", "source_time") for name in ("activity", "consent")}
    first = source_time(crm)
    reports = crm.run()
    assert reports["map"].counts["echoes"] == 2  # the person, and the activity made from the same row
    assert crm.rows_sent() == 0
    assert source_time(crm) == first
    for name, found in before.items():
        assert rows(crm.shop.warehouse, name, "source_key", "source_time") == found
    assert one(crm.shop.warehouse, "source_record", {"record_id": "crm:1"}, "interests") == ("little",)
    assert crm.run()["map"].skipped


def test_where_nothing_of_it_is_mapped_no_stage_below_has_work(warehouse: Warehouse, tmp_path: Path) -> None:
    mapping = CRM.replace(", interests: likes", "")
    with systems(tmp_path, warehouse, [mapping], [SCORE], Exact) as crm:
        crm.systems["crm"].change("1", **ANNA, likes=None, weight=None, vip=None)
        crm.run()
        loads = rows(warehouse, "source_record", "load_id")
        reports = crm.run()
        assert crm.rows_sent() == 1
        assert rows(warehouse, "source_record", "load_id") == loads
        assert all(reports[stage].skipped for stage in ("resolve", "feedback", "enrich", "segment"))
        assert reports["map"].rows_in == 2


@pytest.mark.parametrize("kind", [Exact, Loose])
def test_another_form_of_the_same_value_is_the_same(warehouse: Warehouse, tmp_path: Path, kind: type[System]) -> None:
    with systems(tmp_path, warehouse, [CRM], [SCORE], kind) as crm:
        start = "0" if kind is Loose else None
        crm.systems["crm"].change("1", **ANNA, likes=None, weight=start, vip=start)
        crm.run()
        crm.rows_sent()
        assert crm.run()["map"].counts["echoes"] == 2
        assert crm.rows_sent() == 0


def test_what_somebody_changed_there_in_the_meantime_is_news(crm: Systems) -> None:
    crm.run()
    crm.systems["crm"].change("1", job="teacher")
    assert "echoes" not in crm.run()["map"].counts
    assert source_time(crm) == crm.systems["crm"].records["1"]["updated_at"]
    assert one(crm.shop.warehouse, "person", {}, "profession") == ("teacher",)


def test_a_field_that_the_system_changed_itself_is_news_and_stays_r43(crm: Systems) -> None:
    crm.run()
    crm.rows_sent()
    crm.systems["crm"].change("1", likes="nothing")
    crm.run()
    assert source_time(crm) == crm.systems["crm"].records["1"]["updated_at"]
    assert one(crm.shop.warehouse, "person", {}, "interests") == ("nothing",)
    assert crm.rows_sent() == 0


def test_a_field_that_the_hub_owns_is_written_again_once_for_each_other_value_r43(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    with systems(tmp_path, warehouse, [CRM], [{**SCORE, "owner": "hub"}], Exact) as crm:
        its = crm.systems["crm"]
        its.change("1", **ANNA, likes=None, weight=None, vip=None)
        crm.run()
        crm.run()
        assert crm.rows_sent() == 1
        its.change("1", likes="nothing")
        crm.run()
        assert crm.rows_sent() == 1
        assert its.records["1"]["likes"] == "little"
        crm.run()
        assert crm.rows_sent() == 0
        its.change("1", likes="nothing")
        crm.run()
        assert crm.rows_sent() == 1


def test_a_system_that_keeps_its_own_form_of_a_field_has_the_last_word(warehouse: Warehouse, tmp_path: Path) -> None:
    with systems(tmp_path, warehouse, [CRM], [{**SCORE, "owner": "hub"}], Shouting) as crm:
        crm.systems["crm"].change("1", **ANNA, likes=None, weight=None, vip=None)
        for _ in range(4):
            crm.run()
        assert crm.rows_sent() == 2
        crm.run()
        assert crm.rows_sent() == 0


@pytest.mark.parametrize(("column", "value"), [("newsletter", False), ("texts_at", "2026-03-01T08:00:00+00:00")])
def test_a_statement_that_came_along_is_never_taken_for_an_echo(crm: Systems, column: str, value: Any) -> None:
    crm.run()
    crm.systems["crm"].change("1", **{"texts": True, column: value})
    crm.run()
    said = [row[:3] for row in rows(crm.shop.warehouse, "consent", "channel", "given", "at")]
    assert ("email", False) in {row[:2] for row in said} or ("sms", True) in {row[:2] for row in said}


def test_a_yes_is_not_given_again_by_what_the_hub_wrote(crm: Systems) -> None:
    crm.run()
    before = rows(crm.shop.warehouse, "consent", "channel", "given", "at")
    crm.run()
    assert rows(crm.shop.warehouse, "consent", "channel", "given", "at") == before
    assert len(before) == 1


def test_what_the_hub_withdrew_there_is_no_statement_of_the_system(warehouse: Warehouse, tmp_path: Path) -> None:
    sync = {**SCORE, "fields": {"newsletter": "false"}}
    with systems(tmp_path, warehouse, [CRM], [sync], Exact) as crm:
        crm.systems["crm"].change("1", **ANNA, likes=None)
        crm.run()
        crm.run()
        assert crm.rows_sent() == 1
        assert [row[0] for row in rows(warehouse, "consent", "given")] == [True]


def test_mapped_all_over_again_an_echo_is_still_one(crm: Systems) -> None:
    crm.run()
    crm.run()
    first, said = source_time(crm), rows(crm.shop.warehouse, "consent", "channel", "given", "at")
    moments = rows(crm.shop.warehouse, "activity", "at")
    again = crm.with_mappings(CRM.replace("given_name: name", "given_name: trim(name)"))
    again.run()
    assert source_time(again) == first
    assert rows(crm.shop.warehouse, "consent", "channel", "given", "at") == said
    assert rows(crm.shop.warehouse, "activity", "at") == moments
    assert one(crm.shop.warehouse, "source_record", {"record_id": "crm:1"}, "interests") == ("little",)
    assert again.rows_sent() == 1  # that of the first run


def test_between_two_systems_nothing_goes_back_and_forth_r43(warehouse: Warehouse, tmp_path: Path) -> None:
    with both(tmp_path, warehouse) as world:
        crm, shop = world.systems["crm"], world.systems["shop"]
        crm.change("1", **{**ANNA, "name": "Anna", "job": "baker", "likes": None})
        shop.change("7", **{**ANNA, "name": "Ans", "job": None})
        world.run()
        assert (crm.records["1"]["name"], shop.records["7"]["job"]) == ("Ans", "baker")
        world.rows_sent()
        crm.change("1", job="teacher")
        for _ in range(3):
            world.run()
        assert shop.records["7"]["job"] == "teacher"
        world.rows_sent()
        shop.change("7", name="Anna-Lies")
        for _ in range(3):
            world.run()
        assert (crm.records["1"]["name"], crm.records["1"]["job"]) == ("Anna-Lies", "teacher")
        assert world.rows_sent() == 2  # each is told once: the shop of the job it had already, the crm of the name
        world.run()
        assert world.rows_sent() == 0


def test_what_the_hub_wrote_to_one_system_makes_its_other_fields_no_newer(warehouse: Warehouse, tmp_path: Path) -> None:
    syncs = [{**SCORE, "fields": {"likes": "'x'"}, "from": {"table": "source_record"}}]
    with systems(tmp_path, warehouse, [CRM, SHOP], syncs, Exact) as world:
        world.systems["crm"].change("1", **{**ANNA, "job": "baker", "likes": None})
        world.systems["shop"].change("7", **{**ANNA, "job": "teacher"})
        for _ in range(3):
            world.run()
        assert one(warehouse, "person", {}, "profession") == ("teacher",)


def test_rows_are_known_by_the_id_that_the_system_gave_or_by_a_declared_key(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    sync = {
        **SCORE,
        "key": "person.email",
        "comes_back": {"in": "contacts", "key": "mail", "fields": {"kind": "likes"}},
    }
    sync["fields"] = {"kind": "'x'"}

    class ByAddress(System):
        def take(self, its: Any) -> Any:
            found = {record["mail"]: key for key, record in self.records.items()}
            for row in its:
                self.change(found[row.key], likes=row.fields["kind"])
            self.rows_sent += len(its)
            return [type(self).accepted(row) for row in its]

        @staticmethod
        def accepted(row: Any) -> Any:
            from hub.contracts import Result

            return Result(row.key, "accepted", remote_id="uuid-of-1")

    with systems(tmp_path, warehouse, [CRM], [sync], ByAddress) as crm:
        crm.systems["crm"].change("1", **ANNA, likes=None)
        crm.run()
        assert crm.rows_sent() == 1
        assert crm.run()["map"].counts["echoes"] == 2
        assert crm.rows_sent() == 0


def test_the_version_that_goes_along_is_the_last_one_read_echoes_too_and_is_no_difference(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    sync = {**SCORE, "fields": {"likes": SCORE["fields"]["likes"], "version": "source_time"}}
    with systems(tmp_path, warehouse, [CRM], [sync], Exact) as crm:
        its = crm.systems["crm"]
        its.change("1", **ANNA, likes=None)
        crm.run()
        written_at = its.records["1"]["updated_at"]
        assert its.records["1"]["version"] < written_at
        assert crm.run()["map"].counts["echoes"] == 2
        assert crm.rows_sent() == 1
        its.change("2", **ANNA, likes=None)
        crm.run()
        assert (its.records["1"]["likes"], its.records["1"]["version"]) == ("much", written_at)
        crm.run()
        assert crm.rows_sent() == 2
