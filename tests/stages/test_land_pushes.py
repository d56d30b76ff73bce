"""What was pushed lands exactly once, beside what the plugin fetches, whatever happens in between."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Capabilities, Check, ConnectionConfig, Destination, Place, Plugin, Pushed, Received, Source
from hub.errors import ConfigurationError, TemporaryError
from hub.lake import REJECTED, Lake
from hub.ledger import Ledger, open_ledger, sealed_push
from hub.stages.land import land
from hub.stages.land.pushes import RECEIVED_AT, Pushes
from hub.testing.sources import landed
from tests.stages.test_land import POINTS

KEY = b"a key of the tests"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Shop(Source):
    """A shop that is fetched from as well: `orders` has the rows it is given."""

    name = "shop"
    config_model = ConnectionConfig

    def __init__(self, folder: Path, *fetched: Any, key: bytes = KEY) -> None:
        super().__init__(ConnectionConfig(), Place("shop", folder, key))
        self.fetched = fetched

    def check(self) -> Check:
        return Check(True, "there")

    def webhook(self, request: Pushed) -> Received:
        return Received("1", {})

    def resources(self) -> Sequence[Any]:
        import dlt

        def orders() -> Iterator[Any]:
            for item in self.fetched:
                if isinstance(item, Exception):
                    raise item
                yield [item]

        return [dlt.resource(orders, name="orders")] if self.fetched else []


class Mail(Destination):
    """A destination without feedback of its own."""

    name = "mail"
    config_model = ConnectionConfig

    def check(self) -> Check:
        return Check(True, "there")

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities()


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(ledger_url(request), tmp_path / ".hub")
    yield opened
    opened.close()


def ledger_url(request: pytest.FixtureRequest) -> str:
    return "sqlite" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


def keep(ledger: Ledger, *numbers: int, at: datetime = NOW, **more: Any) -> None:
    ledger.inbox.keep([sealed_push(KEY, "shop", f"event {n}", {"orders": [{"id": n, **more}]}, at) for n in numbers])


def bring(ledger: Ledger, folder: Path, plugin: Plugin | None = None, only_pushes: bool = False) -> dict[str, int]:
    lands = Pushes(plugin or Shop(folder), ledger.inbox, only_pushes=only_pushes)
    report = land(Lake(folder / "lake"), "shop", lands, folder / "work", NOW)
    lands.let_go()
    return dict(report.rows)


def ids(folder: Path, table: str = "orders") -> list[int]:
    return [row["id"] for row in landed(Lake(folder / "lake"), "shop", table)]


def test_pushes_land_beside_what_is_fetched_with_the_moment_they_were_received(ledger: Ledger, tmp_path: Path) -> None:
    keep(ledger, 1, 2)
    assert bring(ledger, tmp_path, Shop(tmp_path, {"id": 7})) == {"orders": 3}
    received = {row["id"]: row.get(RECEIVED_AT) for row in landed(Lake(tmp_path / "lake"), "shop", "orders")}
    assert received == {1: NOW, 2: NOW, 7: None}
    assert ledger.inbox.waiting() == {}


def test_a_push_that_comes_again_after_it_landed_is_not_landed_again(ledger: Ledger, tmp_path: Path) -> None:
    keep(ledger, 1)
    bring(ledger, tmp_path)
    keep(ledger, 1, at=NOW + timedelta(hours=1))
    assert bring(ledger, tmp_path) == {}
    assert ids(tmp_path) == [1]


def test_one_push_may_bring_rows_of_several_tables(ledger: Ledger, tmp_path: Path) -> None:
    rows = {"orders": [{"id": 1}], "lines": [{"id": 1, "n": 1}, {"id": 1, "n": 2}], "empty": []}
    ledger.inbox.keep([sealed_push(KEY, "shop", "1", rows, NOW)])
    assert bring(ledger, tmp_path) == {"orders": 1, "lines": 2}


def test_listening_lands_the_pushes_and_asks_nobody(ledger: Ledger, tmp_path: Path) -> None:
    keep(ledger, 1)
    assert bring(ledger, tmp_path, Shop(tmp_path, TemporaryError("down")), only_pushes=True) == {"orders": 1}


def test_while_the_system_is_down_the_pushes_wait(ledger: Ledger, tmp_path: Path) -> None:
    keep(ledger, 1)
    with pytest.raises(TemporaryError):
        bring(ledger, tmp_path, Shop(tmp_path, TemporaryError("down", retry_after=0)))
    assert ledger.inbox.waiting() == {"shop": 1}
    assert bring(ledger, tmp_path) == {"orders": 1}


def test_what_is_pushed_to_a_destination_lands_too(ledger: Ledger, tmp_path: Path) -> None:
    keep(ledger, 1)
    assert bring(ledger, tmp_path, Mail(ConnectionConfig(), Place("shop", tmp_path, KEY))) == {"orders": 1}


def test_a_value_of_another_type_is_set_aside_and_the_rest_lands(ledger: Ledger, tmp_path: Path) -> None:
    keep(ledger, 1, total=12)
    bring(ledger, tmp_path)
    keep(ledger, 2, total="a dozen")
    keep(ledger, 3, total=13)
    bring(ledger, tmp_path)
    assert ids(tmp_path) == [1, 3]
    assert "a dozen" in landed(Lake(tmp_path / "lake"), "shop", REJECTED)[0]["raw"]


def test_hostile_values_land_as_they_came_and_hold_up_nothing(ledger: Ledger, tmp_path: Path) -> None:
    deep: object = "x"
    for _ in range(90):
        deep = [deep]
    hostile = {
        "deep": deep,
        "nul": "a\x00b",
        "huge": 2**70,
        "far": 1e308,
        "ключ; DROP": "'; --",
        "": "🐈",
        RECEIVED_AT: "n/a",
    }
    keep(ledger, 1, **hostile)
    keep(ledger, 2, huge="text", nul=7, deep=None)
    assert sum(bring(ledger, tmp_path).values()) == 2
    keep(ledger, 3)
    bring(ledger, tmp_path)
    assert ids(tmp_path)[-1] == 3
    assert ledger.inbox.waiting() == {}


def test_without_the_key_that_sealed_them_pushes_wait_and_the_remedy_is_told(ledger: Ledger, tmp_path: Path) -> None:
    keep(ledger, 1)
    with pytest.raises(ConfigurationError, match=r"shop: .*HUB_FORMER_KEYS"):
        bring(ledger, tmp_path, Shop(tmp_path, key=b"a new key"))
    assert ledger.inbox.waiting() == {"shop": 1}
    lands = Pushes(Shop(tmp_path, key=b"a new key"), ledger.inbox, [KEY])
    land(Lake(tmp_path / "lake"), "shop", lands, tmp_path / "work", NOW)
    assert ids(tmp_path) == [1]


KILLED = """
    import importlib, os, signal, sys
    from pathlib import Path
    from tests.stages.test_land_pushes import Shop, bring, open_ledger
    module, name, call, place = {point!r}
    owner = importlib.import_module(module)
    *classes, function = name.split(".")
    for part in classes:
        owner = getattr(owner, part)
    original, calls = getattr(owner, function), []

    def killed(*args, **options):
        calls.append(1)
        if len(calls) == call and place == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **options)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, function, killed)
    folder = Path({root!r})
    bring(open_ledger({url!r}, folder / ".hub"), folder, Shop(folder, {{"id": 100}}))
"""
MORE_POINTS = {
    **{
        name: (point[0], point[1], 1 if name == "while reading" else point[2], point[3])
        for name, point in POINTS.items()
    },
    "taken, not read": ("hub.ledger.inbox", "Inbox.take", 1, "after"),
    "landed, not let go": ("hub.stages.land.pushes", "Pushes.let_go", 1, "before"),
    "let go": ("hub.stages.land.pushes", "Pushes.let_go", 1, "after"),
}


@pytest.mark.parametrize(
    ("point", "machine"),
    [(point, "same") for point in MORE_POINTS]
    + [(point, "new") for point in ("after copying", "after the state", "landed, not let go")],
)
def test_a_kill_between_inbox_and_lake_loses_nothing_and_doubles_nothing(
    tmp_path: Path, point: str, machine: str
) -> None:
    with_ledger(tmp_path, "sqlite", point, machine)


@pytest.mark.parametrize("point", ["before normalising", "after the state", "landed, not let go"])
def test_the_same_holds_for_a_ledger_on_postgresql(tmp_path: Path, postgres_url: str, point: str) -> None:
    with_ledger(tmp_path, postgres_url, point, "same")


def with_ledger(folder: Path, url: str, point: str, machine: str) -> None:
    ledger = open_ledger(url, folder / ".hub")
    keep(ledger, 0)
    bring(ledger, folder)
    keep(ledger, 1, 2)
    script = textwrap.dedent(KILLED).format(point=MORE_POINTS[point], root=str(folder), url=url)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    killed = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    if machine == "new":  # the working folder is gone; the lake and the ledger are there
        shutil.rmtree(folder / "work")
    keep(ledger, 2, 3)
    bring(ledger, folder)
    assert sorted(number for number in ids(folder) if number < 100) == [0, 1, 2, 3]
    assert ledger.inbox.waiting() == {}
    ledger.close()
