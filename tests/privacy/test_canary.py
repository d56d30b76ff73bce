"""Erasure (R40): a canary in every table, file and destination is gone from all of them, and does not come back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub import failpoints
from hub.errors import TemporaryError
from hub.failpoints import ERASING
from hub.ledger import sealed_push
from hub.privacy import export, holds, look
from tests.postgres import admin
from tests.privacy.world import CANARY, FILES, KEY, NOW, World, company, rows

LATER = NOW + timedelta(days=1)


class Killed(BaseException):
    """A run that ends where it stands."""


@pytest.fixture
def world(tmp_path: Path, engine: str) -> World:
    """Give the company after its first day, on each engine in turn."""
    made = company(tmp_path, engine)
    assert made.run().ok
    assert made.letters() == 3
    return made


@pytest.fixture(scope="module")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = company(tmp_path_factory.mktemp("first"), "duckdb")
    assert made.run().ok
    return made


@pytest.fixture
def small(first_day: World, tmp_path: Path) -> Iterator[World]:
    """Give a copy of the company after its first day, on the embedded engine."""
    advertiser = (first_day.systems / "ads.db").read_bytes()
    shutil.copytree(first_day.folder, tmp_path / "project")
    yield World(tmp_path / "project", first_day.systems, "duckdb")
    (first_day.systems / "ads.db").write_bytes(advertiser)


def test_the_canary_is_gone_from_every_place(world: World) -> None:
    before = world.where()
    assert len(before) >= 9, "a canary that is nowhere can't be missed"
    with world.stores() as stores:
        push = {"orders": [{"number": 90, "email": f"{CANARY}@example.nl"}, {"number": 91, "email": "bert@example.nl"}]}
        stores.ledger.inbox.keep([sealed_push(KEY.encode(), "shop", "90", push, NOW)])
    outcome = world.erase(1)
    assert world.where() == []
    assert world.members() == ["bert@example.nl", "carla@example.nl"]
    assert world.letters() == 2
    with world.stores() as stores:
        (waiting,) = stores.ledger.inbox.all_waiting()
        assert [row["number"] for row in waiting.rows(stores.keys)["orders"]] == [91]
    receipt = outcome.erasure.receipt
    assert receipt is not None
    assert CANARY not in receipt.lower()
    assert holds([KEY.encode()], receipt)
    assert not holds([KEY.encode()], receipt.replace("confirmed", "refused", 1))
    states = {(it.place, it.what): it.state for it in outcome.tasks}
    assert states["ads", "audience members"] == "confirmed"
    assert {what: states["hub", what] for what in ("warehouse", "lake", "ledger", "files")} == dict.fromkeys(
        ("warehouse", "lake", "ledger", "files"), "confirmed"
    )
    assert dict(outcome.by_hand)["crm"] == ("1",)
    assert world.run(at=LATER).ok
    assert world.where() == []


def test_a_re_import_is_kept_out(world: World) -> None:
    world.erase(1)
    again = FILES["crm/customers.csv"].replace("07:00:00", "09:00:00")
    world.write(
        "customers",
        again + "9,Kanarie,Kanarieberg,kanarie@example.nl,,Laan,9,1234AB,Elders,yes,2026-03-02T09:00:00\n",
        "2",
    )
    world.write("orders", FILES["shop/orders.csv"], "2")
    world.write("carts", FILES["shop/carts.csv"], "2")
    world.write("cart_lines", FILES["shop/cart_lines.csv"], "2")
    world.write("lines", FILES["shop/lines.csv"], "2")
    done = world.run(at=LATER)
    assert done.ok
    (mapped,) = [report for report in done.reports if report.stage == "map"]
    assert mapped.counts["kept out"] == 11
    assert mapped.rows_in == mapped.rows_out + mapped.set_aside
    assert world.where() == []
    assert "kanarie@example.nl" not in world.members()
    world.write("orders", "number,email,total,coupon,at\n95,,1.00,x,2026-03-03T10:00:00\n", "3")
    assert world.run(at=LATER + timedelta(days=1)).ok


def test_a_record_that_turned_out_to_be_theirs_is_known_from_then_on(small: World) -> None:
    small.erase(1)
    small.write(
        "customers",
        "id,first,last,email,mobile,street,number,postcode,city,newsletter,changed\n"
        "9,Kanarie,Kanarieberg,kanarie@example.nl,,Laan,9,1234AB,Elders,yes,2026-03-02T09:00:00\n",
        "4",
    )
    assert small.run(at=LATER).ok
    small.write("calls", "id,customer,notes,at\n9,9,kanarie belde weer,2026-03-03T10:00:00\n", "4")
    assert small.run(at=LATER + timedelta(days=1)).ok
    for part in ("customers4", "calls4"):
        (small.systems / "crm" / f"{part}.csv").unlink()
    assert small.where() == []


def test_whoever_shared_a_phone_and_an_address_stays(world: World) -> None:
    world.erase(1)
    assert world.run(at=LATER).ok
    assert [row["surname"] for row in rows(world, "SELECT surname FROM person ORDER BY 1")] == ["Bakker", "Smit"]
    (bert,) = rows(world, "SELECT phone, email, street FROM person WHERE surname = 'Bakker'")
    assert bert == {"phone": "+31612345678", "email": "bert@example.nl", "street": "Laan"}
    assert rows(world, "SELECT count(*) AS n FROM sales_order") == [{"n": 1}]
    assert rows(world, "SELECT count(*) AS n FROM cart_line") == [{"n": 1}]
    world.write("customers", FILES["crm/customers.csv"].replace("07:00:00", "09:00:00"), "3")
    assert world.run(at=LATER).ok
    (world.systems / "crm" / "customers3.csv").unlink()
    assert len(rows(world, "SELECT 1 FROM person")) == 2


def test_a_backup_that_is_brought_back_erases_them_again_before_it_opens(world: World, tmp_path: Path) -> None:
    backup = _back_up(world, tmp_path / "backup")
    world.erase(1)
    _bring_back(world, backup)
    assert world.where() != []
    with pytest.raises(TemporaryError, match="a backup was brought back"):
        rows(world, "SELECT surname FROM person")
    assert world.run(at=LATER).ok
    assert world.where() == []
    assert world.members() == ["bert@example.nl", "carla@example.nl"]
    assert len(rows(world, "SELECT 1 FROM person")) == 2
    with world.stores() as stores:
        (known,) = stores.ledger.erasures.listed()
    assert known.why == "known from the log"


def test_a_lake_that_is_brought_back_alone_is_looked_through(small: World, tmp_path: Path) -> None:
    shutil.copytree(small.folder / "lake", tmp_path / "lake")
    small.erase(1)
    shutil.rmtree(small.folder / "lake")
    shutil.copytree(tmp_path / "lake", small.folder / "lake")
    with small.stores():
        pass
    assert small.where() == []


@pytest.mark.parametrize("step", ERASING)
def test_killed_between_steps_the_next_run_completes_it(small: World, step: str) -> None:
    failpoints.arm(step, _killed)
    with pytest.raises(Killed):
        small.erase(1)
    failpoints.disarm()
    assert small.run(at=LATER).ok
    assert small.where() == []
    assert small.members() == ["bert@example.nl", "carla@example.nl"]
    with small.stores() as stores:
        (known,) = stores.ledger.erasures.listed()
        assert stores.ledger.erasures.open() == frozenset()
        states = {it.what: it.state for it in stores.ledger.erasures.tasks(known.id) if it.place == "hub"}
    assert set(states.values()) == {"confirmed"}
    assert known.receipt is not None
    assert len(rows(small, "SELECT 1 FROM person")) == 2


def test_a_message_that_waits_is_never_sent(tmp_path: Path, engine: str) -> None:
    world = company(tmp_path, engine)
    world.run("land", "map", "resolve", "feedback", "enrich", "segment", "decide")
    assert rows(world, "SELECT count(*) AS n FROM message") == [{"n": 3}]
    world.erase(1)
    assert world.run(at=NOW + timedelta(minutes=5)).ok
    assert world.letters() == 2
    with world.stores() as stores:
        assert stores.ledger.outbox.counts() == {"accepted": 2, "cancelled": 1}


def test_several_people_are_one_request_and_one_receipt(small: World) -> None:
    outcome = small.erase(1, 3)
    assert outcome.erasure.people == 2
    assert small.where("carla") == small.where() == []
    assert rows(small, "SELECT surname FROM person") == [{"surname": "Bakker"}]


def test_an_export_tells_everything_and_where_it_is_from(world: World) -> None:
    with world.stores() as stores:
        found = look(stores, [1], NOW)
        told = export(stores, found, NOW)
    tables = told["tables"]
    assert tables["person"][0]["surname"] == "Kanarieberg"
    assert {row["connection"] for row in tables["source_record"]} == {"crm", "shop"}
    assert {
        "consent",
        "address",
        "sales_order",
        "order_line",
        "cart",
        "cart_line",
        "call",
        "message",
        "decision",
        "trait",
        "quarantine",
    } <= tables.keys()
    assert told["raw"]["shop"]["notes"][0]["text"].startswith("mail van kanarie")
    assert told["raw"]["crm"]["customers"][0]["mobile"] == "06-12345678"
    assert [row["state"] for row in told["ledger"]["outbox"]] == ["accepted"]
    assert {"connection": "ads", "what": "audience members", "rows": 1} in told["systems"]
    text = json.dumps(told, default=str).lower()
    assert CANARY in text
    assert "bert" not in text
    assert "carla" not in text


def _back_up(world: World, to: Path) -> Path:
    shutil.copytree(world.folder, to)
    if world.engine != "duckdb":
        url = sa.make_url(world.engine)
        engine = admin(world.engine.replace(f"/{url.database}", "/postgres", 1))
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {url.database}_backup TEMPLATE {url.database}"))
        engine.dispose()
    return to


def _bring_back(world: World, backup: Path) -> None:
    """Bring back what a backup holds: not the log of erasures, which stands elsewhere."""
    for name in (".hub", "lake"):
        shutil.rmtree(world.folder / name)
        shutil.copytree(backup / name, world.folder / name)
    if world.engine != "duckdb":
        url = sa.make_url(world.engine)
        world.point_at(url.set(database=f"{url.database}_backup").render_as_string(hide_password=False))


def _killed() -> None:
    raise Killed
