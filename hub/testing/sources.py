"""The conformance suite of sources: what the hub relies on, run against your plugin in seconds.

    class TestWeather(SourceSuite):
        @pytest.fixture
        def world(self, tmp_path):
            return WeatherWorld(tmp_path)

A `SourceWorld` is a small, local stand-in for the system behind the source: a folder, a database, a server on loopback.
The suite writes records into it and lands them, with the same land stage as every run.
"""

from __future__ import annotations

import itertools
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from hub.contracts import Check, ConnectionConfig, Destination, Place, Plugin, Source
from hub.errors import HubError
from hub.lake import Lake
from hub.stages.land import LandReport, land
from hub.testing.waits import QuickClock, no_waiting

if TYPE_CHECKING:
    from dlt.extract import DltResource

AS_OF = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONNECTION = "tested"

Record = dict[str, Any]
"""A record has `id`, `name` and `changed_at` (a text such as 2026-01-31 09:00:00), and may have more columns."""


class SourceWorld(ABC):
    """The system behind a source, small and under the suite's control."""

    plugin: ClassVar[type[Source]]
    table: ClassVar[str] = "people"
    """The table in which the source lands the records."""
    columns: ClassVar[tuple[str, str]] = ("id", "name")
    """The columns of that table that hold a record's id and name."""
    secrets: ClassVar[Sequence[str]] = ()
    """Secret values in the configuration, which must show nowhere."""

    @abstractmethod
    def config(self) -> ConnectionConfig:
        """Give a configuration that works."""

    @abstractmethod
    def wrong_config(self) -> ConnectionConfig:
        """Give one that does not: a wrong password, path or name."""

    @abstractmethod
    def write(self, records: Sequence[Record]) -> None:
        """Add records to the system; one with a known `id` replaces the one before."""


class SourceSuite:
    """Inherit, and give a `world` fixture: every test here is a promise that the hub relies on."""

    @pytest.fixture
    def world(self) -> SourceWorld:
        """Give the world of the plugin under test."""
        raise NotImplementedError("give the suite a fixture `world` that returns your SourceWorld")

    @pytest.fixture(autouse=True)
    def quick(self) -> Iterator[QuickClock]:
        """Let no run wait: a clock moves instead, and says how long a run would have waited."""
        with no_waiting() as clock:
            yield clock

    @pytest.fixture
    def landing(self, world: SourceWorld, tmp_path: Path) -> Landing:
        """Give the lake into which the suite lands."""
        return Landing(world.plugin(world.config(), Place(CONNECTION, tmp_path)), tmp_path)

    def test_a_check_tells_that_a_connection_works(self, world: SourceWorld, landing: Landing) -> None:
        """Check a world with records in it."""
        world.write(PEOPLE)
        check = landing.plugin.check()
        assert check.ok, check.message
        assert check.message, "an admin wants to read what works"

    def test_a_check_says_what_is_wrong(self, world: SourceWorld, tmp_path: Path) -> None:
        """Check a configuration that can't work: the answer is a sentence, not an exception."""
        check = world.plugin(world.wrong_config(), Place(CONNECTION, tmp_path)).check()
        assert not check.ok, "check() reports a working connection for `wrong_config()`"
        assert len(check.message) > 10, "say what is wrong, and what to mend"

    def test_landing_with_a_wrong_configuration_is_an_error_of_the_hub(
        self, world: SourceWorld, tmp_path: Path
    ) -> None:
        """Land with a configuration that can't work: the error names the connection."""
        plugin = world.plugin(world.wrong_config(), Place(CONNECTION, tmp_path))
        with pytest.raises(HubError, match=CONNECTION):
            land(Lake(tmp_path / "lake"), CONNECTION, plugin, tmp_path / "work", AS_OF)

    def test_the_first_run_lands_everything(self, world: SourceWorld, landing: Landing) -> None:
        """Land all records, letter for letter."""
        world.write(PEOPLE)
        report = landing.run()
        assert report.rows == {world.table: len(PEOPLE)}
        assert landing.names(world.table, *world.columns) == sorted((str(row["id"]), row["name"]) for row in PEOPLE)

    def test_a_run_with_nothing_new_lands_nothing(self, world: SourceWorld, landing: Landing) -> None:
        """Land twice: the second run has no load package."""
        world.write(PEOPLE)
        landing.run()
        assert landing.run().loads == ()

    def test_an_empty_system_lands_nothing_and_then_what_comes(self, world: SourceWorld, landing: Landing) -> None:
        """Land before there is anything."""
        world.write([])
        assert landing.run().loads == ()
        world.write(PEOPLE)
        assert landing.run().rows == {world.table: len(PEOPLE)}

    def test_the_next_run_lands_what_is_new_and_nothing_twice(self, world: SourceWorld, landing: Landing) -> None:
        """Add a record with a later time."""
        world.write(PEOPLE)
        landing.run()
        world.write([LATER])
        assert landing.run().rows == {world.table: 1}
        assert len(landing.names(world.table, *world.columns)) == len(PEOPLE) + 1

    def test_a_record_of_the_last_moment_is_neither_lost_nor_doubled(
        self, world: SourceWorld, landing: Landing
    ) -> None:
        """Add a record within the second in which the last run ended."""
        world.write(PEOPLE)
        landing.run()
        world.write([{**LATER, "changed_at": PEOPLE[-1]["changed_at"]}])
        assert landing.run().rows == {world.table: 1}
        assert landing.run().loads == ()

    def test_a_record_that_changes_lands_again(self, world: SourceWorld, landing: Landing) -> None:
        """Change a record within the second in which the last run ended."""
        world.write(PEOPLE)
        landing.run()
        world.write([{**PEOPLE[-1], "name": "Someone else"}])
        landing.run()
        assert (str(PEOPLE[-1]["id"]), "Someone else") in landing.names(world.table, *world.columns)

    def test_a_run_that_fails_halfway_loses_and_doubles_nothing(
        self, world: SourceWorld, landing: Landing, tmp_path: Path
    ) -> None:
        """Fail after the records were read and before they were written."""
        world.write(PEOPLE)
        broken = Landing(_Interrupted(landing.plugin), tmp_path)
        with pytest.raises(HubError, match=CONNECTION):
            broken.run()
        assert landing.names(world.table, *world.columns) == []
        assert landing.run().rows == {world.table: len(PEOPLE)}
        assert landing.run().loads == ()

    def test_a_run_that_breaks_off_at_any_point_loses_and_doubles_nothing(
        self, world: SourceWorld, landing: Landing, tmp_path: Path
    ) -> None:
        """Break off at the first piece, then at the second, and so on, until a run comes through."""
        world.write(PEOPLE)
        for pieces in range(1, _MOST_PIECES):
            try:
                Landing(Watched(landing.plugin, _breaking_off(pieces)), tmp_path).run()
            except HubError:
                assert landing.names(world.table, *world.columns) == [], "what a broken run read must not be seen"
            else:
                break
        assert pieces > 1, "the source brought nothing"
        assert landing.names(world.table, *world.columns) == sorted((str(row["id"]), row["name"]) for row in PEOPLE)
        assert landing.run().loads == ()

    def test_many_records_land_each_once(self, world: SourceWorld, landing: Landing) -> None:
        """Write more than a page or two, many of them in the same moment; then nothing is new."""
        world.write(CROWD)
        landing.run()
        assert landing.names(world.table, *world.columns) == sorted((str(row["id"]), row["name"]) for row in CROWD)
        assert landing.run().loads == ()

    def test_a_new_column_lands_with_its_records(self, world: SourceWorld, landing: Landing) -> None:
        """Let the system grow a column between two runs."""
        world.write(PEOPLE)
        landing.run()
        world.write([{**LATER, "nickname": "Kees"}])
        landing.run()
        assert "nickname" in landing.lake.columns(CONNECTION, world.table)
        assert "Kees" in [row.get("nickname") for row in landing.rows(world.table)]

    def test_a_secret_shows_nowhere(
        self, world: SourceWorld, landing: Landing, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Look for the secrets in representations, in the answers of check(), in errors and in logs."""
        caplog.set_level(logging.DEBUG)
        world.write(PEOPLE)
        shown = [repr(world.config()), str(world.config()), repr(landing.plugin), landing.plugin.check().message]
        landing.run()
        wrong = world.plugin(world.wrong_config(), Place(CONNECTION, tmp_path))
        shown.append(wrong.check().message)
        with pytest.raises(HubError) as caught:
            Landing(wrong, tmp_path / "wrong").run()
        shown += [str(caught.value), caplog.text]
        for secret in world.secrets:
            assert not [text for text in shown if secret in text]


class Landing:
    """A lake in a temporary folder, and one plugin that lands into it."""

    def __init__(self, plugin: Plugin, folder: Path) -> None:
        self.plugin = plugin
        self.lake = Lake(folder / "lake")
        self._work = folder / "work"

    def run(self) -> LandReport:
        """Run the land stage once: what a source brings, or what a destination tells."""
        assert isinstance(self.plugin, Source | Destination)
        return land(self.lake, CONNECTION, self.plugin, self._work, AS_OF)

    def rows(self, table: str) -> list[Record]:
        """Read all rows of a table, in the order in which they came."""
        return landed(self.lake, CONNECTION, table)

    def names(self, table: str, id_: str = "id", name: str = "name") -> list[tuple[str, str]]:
        """Read (id, name) of all rows, sorted; the id as text, for some sources only know text."""
        return sorted((str(row[id_]), row[name]) for row in self.rows(table))


def landed(lake: Lake, connection: str, table: str) -> list[Record]:
    """Read the rows of a table from the complete load packages of a connection, in the order in which they came."""
    import pyarrow.parquet as parquet

    found: list[Record] = []
    for load in lake.loads(connection):
        rows = [row for path in load.files.get(table, ()) for row in parquet.ParquetFile(path).read().to_pylist()]
        found += sorted(rows, key=lambda row: row["_row"])
    return found


PEOPLE: tuple[Record, ...] = (
    {"id": 1, "name": "Anna Özil", "changed_at": "2026-01-01 09:00:00"},
    {"id": 2, "name": "Zoë van 't Wolkje", "changed_at": "2026-01-01 09:00:00"},
    {"id": 3, "name": '陈 🐈 "Mia(ou)m"; a, b', "changed_at": "2026-01-31 23:59:59"},
)
LATER: Record = {"id": 4, "name": "Kees Łukasz", "changed_at": "2026-02-01 00:00:00"}
CROWD: tuple[Record, ...] = tuple(
    {"id": 1000 + number, "name": f"Somebody {number}", "changed_at": f"2026-01-{1 + number // 30:02d} 09:00:00"}
    for number in range(120)
)
_MOST_PIECES = 100


class _Interrupted(Source):
    """A source whose last resource fails."""

    name = "interrupted"

    def __init__(self, inner: Plugin) -> None:
        super().__init__(inner.config, inner.place)
        self._inner = inner

    def check(self) -> Check:
        return self._inner.check()

    def resources(self) -> Iterable[DltResource]:
        import dlt

        def fail() -> Iterator[Any]:
            raise ConnectionResetError
            yield

        assert isinstance(self._inner, Source)
        return [*self._inner.resources(), dlt.resource(fail(), name="interruption")]


class Watched(Source):
    """A source that says of every piece (a row or a table) that it hands on one."""

    name = "watched"

    def __init__(self, inner: Plugin, seen: Callable[[], None]) -> None:
        """Call `seen` before each piece."""
        super().__init__(inner.config, inner.place)
        self._inner = inner
        self._seen = seen

    def check(self) -> Check:
        """Ask the source that is watched."""
        return self._inner.check()

    def resources(self) -> Iterable[DltResource]:
        """Give those of the source that is watched."""
        assert isinstance(self._inner, Source)
        return [resource.add_map(self._watch) for resource in self._inner.resources()]

    def _watch(self, piece: Any) -> Any:
        self._seen()
        return piece


def _breaking_off(at: int) -> Callable[[], None]:
    """Break off at a piece, counted from 1."""
    left = itertools.count(at - 1, -1)

    def seen() -> None:
        if next(left) <= 0:
            raise RuntimeError("broken off")

    return seen
