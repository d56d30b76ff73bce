"""What a system that speaks HTTP does on a bad day: further promises, for sources whose stand-in is an HTTP server.

    class WeatherWorld(HttpSourceWorld):
        def __init__(self, server):
            self.server, self.url = server, server.url

        def config(self):
            return WeatherConfig(url=self.url, token="s3same", allow_private=True)

    class TestWeather(HttpSourceSuite): ...

The suite stands between the plugin and the stand-in, and troubles what goes through: the stand-in stays as it is.
"""
# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import json
import re
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Place
from hub.errors import HubError, PluginError, TemporaryError
from hub.lake import REJECTED
from hub.testing.between import (
    Between,
    Request,
    Said,
    Trouble,
    answering,
    breaking_off,
    hanging_up,
    passing,
    replacing,
    rewriting,
    since,
    standing_between,
)
from hub.testing.sources import CONNECTION, CROWD, LATER, PEOPLE, Landing, SourceSuite, SourceWorld, Watched

NOW = datetime(2026, 2, 1, 0, 0, 30, tzinfo=UTC)
"""The moment of all answers: just after the last record that the suite writes."""
MANY_REQUESTS = 60
"""A list of a few records is read with fewer; and what stays away is not asked more often in one run."""


class HttpSourceWorld(SourceWorld):
    """A stand-in that speaks HTTP."""

    url: str
    """Where it listens; the suite puts the address in its place that `config()` has to use."""

    @abstractmethod
    def remove(self, id_: int) -> None:
        """Delete a record, as somebody does in the system."""


class HttpSourceSuite(SourceSuite):
    """The suite of sources, and what a run makes of a server that is busy, down, or not what it was."""

    @pytest.fixture
    def world(self) -> HttpSourceWorld:
        raise NotImplementedError("give the suite a fixture `world` that returns your HttpSourceWorld")

    @pytest.fixture(autouse=True)
    def between(self, world: HttpSourceWorld) -> Iterator[Between]:
        """Stand between the plugin and the world, whose clock says half a minute past what is written last."""
        with standing_between(world.url) as between:
            world.url, between.clock = between.url, NOW
            yield between

    def test_a_server_that_stumbles_at_every_request_is_asked_again(
        self, world: HttpSourceWorld, landing: Landing, between: Between
    ) -> None:
        """Trouble every request once, each in another way, among them to hang up in the middle of an answer."""
        world.write(PEOPLE)
        between.trouble = _every_other_time
        landing.run()
        assert landing.names(world.table, *world.columns) == _names(PEOPLE)
        assert landing.run().loads == ()

    def test_what_an_admin_must_mend_is_told_and_nothing_is_lost(
        self, world: HttpSourceWorld, landing: Landing, between: Between, tmp_path: Path
    ) -> None:
        """Let a token end, a right go, or something else answer in the place of the API: at any request of a run."""
        world.write(PEOPLE)
        requests = _requests(world, landing, between, tmp_path)
        for number, refusal in enumerate(_REFUSALS):
            between.trouble = answering(*refusal)
            check = landing.plugin.check()
            assert not check.ok, f"check() takes {refusal} for a working connection"
            between.trouble = since(1 + number % requests, answering(*refusal))
            with pytest.raises(HubError, match=CONNECTION) as caught:
                landing.run()
            assert not isinstance(caught.value, PluginError), f"after {refusal}: {caught.value}"
            shown = check.message + str(caught.value)
            assert not [secret for secret in world.secrets if secret in shown]
            assert landing.names(world.table, *world.columns) == []
        between.trouble = passing
        landing.run()
        assert landing.names(world.table, *world.columns) == _names(PEOPLE)

    def test_a_server_that_stays_away_is_left_alone_and_the_next_run_goes_on(
        self, world: HttpSourceWorld, landing: Landing, between: Between, tmp_path: Path
    ) -> None:
        """Lose it at the last request of a run, for good; and let it ask to be left alone for an hour."""
        world.write(PEOPLE)
        requests = _requests(world, landing, between, tmp_path)
        for number, away in enumerate((breaking_off, _WANTS_AN_HOUR)):
            anew = _landing(world, tmp_path, f"lake-{number}")
            between.trouble = since(requests, away)
            with pytest.raises(TemporaryError, match=CONNECTION) as caught:
                anew.run()
            assert len(between.asked) < MANY_REQUESTS, "what stays away is left to a next run"
            if away is _WANTS_AN_HOUR:
                assert caught.value.retry_after == 3600, "the run says when the server wants to be asked again"
                assert len(between.asked) == requests, "asking sooner would only make it angrier"
            between.trouble = passing
            anew.run()
            assert anew.names(world.table, *world.columns) == _names(PEOPLE), "nothing is lost, and nothing doubled"

    def test_a_field_that_changes_its_type_lands_or_is_set_aside_and_the_rest_lands(
        self, world: HttpSourceWorld, landing: Landing, between: Between
    ) -> None:
        """Where the name is a text, give a number, an object, a list, nothing, a null byte, half a letter."""
        world.write(PEOPLE)
        landing.run()
        odd = [{**LATER, "id": 11 + number, "name": f"odd-{number}"} for number in range(len(_ODD))]
        world.write([*odd, {**LATER, "id": 10, "name": "Geert 🐈"}])
        between.trouble = replacing({f'"odd-{number}"'.encode(): value for number, value in enumerate(_ODD)})
        report = landing.run()
        assert report.rows[world.table] + report.set_aside == len(odd) + 1, "each lands, or is set aside with a reason"
        id_, name = world.columns
        landed = {str(row[id_]): row.get(name) for row in landing.rows(world.table)}
        assert landed["10"] == "Geert 🐈", "what is good is kept"
        assert not [text for text in landed.values() if "\0" in (text or "")]
        assert all(row["reason"] for row in (landing.rows(REJECTED) if report.set_aside else []))
        assert landing.run().loads == ()

    def test_numbers_that_come_as_texts_stay_the_same_numbers(
        self, world: HttpSourceWorld, landing: Landing, between: Between
    ) -> None:
        """Write every number of every answer as a text, as some releases of some systems do."""
        world.write(PEOPLE)
        landing.run()
        between.trouble = rewriting(_numbers_as_texts)
        world.write([LATER])
        landing.run()
        assert set(landing.names(world.table, *world.columns)) == set(_names([*PEOPLE, LATER]))
        assert landing.run().loads == ()

    def test_a_field_that_is_renamed_loses_no_record(
        self, world: HttpSourceWorld, landing: Landing, between: Between, tmp_path: Path
    ) -> None:
        """Rename the field of the name in all answers, or that of the list: they land, or the run says why."""
        world.write([{**record, "name": "Anna"} for record in PEOPLE])
        for number, rename in enumerate((_renamed, _list_renamed)):
            anew = _landing(world, tmp_path, f"lake-{number}")
            between.trouble = rewriting(rename)
            try:
                anew.run()
            except PluginError:
                raise
            except HubError:
                assert anew.names(world.table, *world.columns) == []
                between.trouble = passing
                anew.run()
            id_, _ = world.columns
            assert sorted(str(row[id_]) for row in anew.rows(world.table)) == ["1", "2", "3"]

    def test_a_page_of_thousands_of_records_lands_whole_and_once(
        self, world: HttpSourceWorld, landing: Landing, between: Between
    ) -> None:
        """Put thousands of records of one moment into one page, many more than were asked for."""
        world.write([{**LATER, "id": _ONE_OF_MANY}])
        between.trouble = rewriting(_multiplied)
        landing.run()
        found = [id_ for id_, _ in landing.names(world.table, *world.columns)]
        assert (len(found), len(set(found))) == (_THOUSANDS, _THOUSANDS)
        assert landing.run().loads == ()

    def test_pages_are_handed_on_as_they_come(
        self, world: HttpSourceWorld, landing: Landing, between: Between, tmp_path: Path
    ) -> None:
        """Read a long list: who holds all of it first needs memory for the longest list that there is."""
        world.write(CROWD)
        landing.plugin.check()  # it is signed in
        between.trouble = passing
        asked: list[int] = []
        Landing(Watched(landing.plugin, lambda: asked.append(len(between.asked))), tmp_path).run()
        assert asked[0] < max(len(between.asked), 5), "nothing was handed on before the last page had come"

    def test_a_record_that_shows_late_or_is_stamped_by_another_clock_is_neither_lost_nor_doubled(
        self, world: HttpSourceWorld, landing: Landing, between: Between, tmp_path: Path
    ) -> None:
        """Stamp records minutes ahead of the server's clock and behind it, and others just before what a run saw last.

        A transaction may show its records after those that began later; several servers have several clocks.
        """
        written = list(PEOPLE)
        world.write(written)
        for number, wrong in enumerate((-_MINUTES, _MINUTES)):
            anew = _landing(world, tmp_path, f"lake-{number}")
            between.clock = NOW + wrong
            anew.run()
            late = {**LATER, "id": 20 + number, "changed_at": "2026-01-31 23:59:30"}
            written += [late, {**LATER, "id": 30 + number}]
            world.write(written[-2:])
            anew.run()
            assert anew.names(world.table, *world.columns) == _names(written), f"the clocks differ by {wrong}"
            assert anew.run().loads == (), "what is within reach of the clocks is not landed again and again"

    def test_what_changes_or_goes_while_a_list_is_read_hides_no_other_record(
        self, world: HttpSourceWorld, landing: Landing, between: Between, tmp_path: Path
    ) -> None:
        """Delete the first record and change the second between two requests, at several places of a run."""
        crowd = [{"id": day, "name": "x", "changed_at": f"2026-01-0{day} 09:00:00"} for day in range(1, 7)]
        changed = {**crowd[1], "name": "changed", "changed_at": LATER["changed_at"]}
        world.write(crowd)
        requests = _requests(world, landing, between, tmp_path)
        for number in sorted({max(1, requests - 3), max(1, requests - 2)}):
            world.write(crowd)
            landing = _landing(world, tmp_path, f"lake-{number}")

            def meanwhile() -> None:
                world.remove(1)
                world.write([changed])

            between.trouble = _after(number, meanwhile)
            landing.run()
            found = landing.names(world.table, *world.columns)
            if ("2", "changed") not in found:
                landing.run()  # it may have moved to where this run had been already
                found = landing.names(world.table, *world.columns)
            assert ("2", "changed") in found
            assert {id_ for id_, _ in found} >= {"2", "3", "4", "5", "6"}, f"after {number} of {requests} requests"
            world.remove(2)


def _landing(world: SourceWorld, folder: Path, lake: str) -> Landing:
    """Give a lake of its own to one and the same connection, which stays signed in."""
    return Landing(world.plugin(world.config(), Place(CONNECTION, folder)), folder / lake)


def _requests(world: SourceWorld, landing: Landing, between: Between, folder: Path) -> int:
    """Say how many requests a run makes that lands everything there is, once it is signed in."""
    assert landing.plugin.check().ok
    between.trouble = passing
    _landing(world, folder, "counted").run()
    return len(between.asked)


def _names(records: Any) -> list[tuple[str, str]]:
    return sorted((str(record["id"]), record["name"]) for record in records)


def _after(one: int, meanwhile: Callable[[], None]) -> Trouble:
    def trouble(request: Request) -> Said:
        said = request.pass_on()
        if request.number == one:
            meanwhile()
        return said

    return trouble


def _every_other_time(request: Request) -> Said:
    return request.pass_on() if request.number % 2 == 0 else _STUMBLES[request.number // 2 % len(_STUMBLES)](request)


def _numbers_as_texts(body: bytes) -> bytes:
    return _NUMBER.sub(rb'"\1"', body)


def _multiplied(body: bytes) -> bytes:
    """Write the one of many thousands of times, each with another number, in the list in which it stands."""
    if str(_ONE_OF_MANY).encode() not in body:
        return body
    return json.dumps(_with_many(json.loads(body))).encode()


def _with_many(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_many(part) for name, part in value.items()}
    if not isinstance(value, list):
        return value
    found: list[Any] = []
    for entry in value:
        text = json.dumps(entry)
        inner = json.dumps(_with_many(entry)) if isinstance(entry, dict) else text
        if str(_ONE_OF_MANY) not in text or not isinstance(entry, dict):
            found.append(entry)
        elif inner != text:
            found.append(json.loads(inner))
        else:
            numbers = range(_ONE_OF_MANY - _THOUSANDS + 1, _ONE_OF_MANY + 1)
            found += [json.loads(text.replace(str(_ONE_OF_MANY), str(number))) for number in numbers]
    return found


def _list_renamed(body: bytes) -> bytes:
    """Rename the fields that hold lists in which Anna stands."""
    try:
        return json.dumps(_with_lists_renamed(json.loads(body))).encode()
    except ValueError:
        return body


def _with_lists_renamed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        f"{name}_renamed" if isinstance(part, list) and "Anna" in json.dumps(part) else name: _with_lists_renamed(part)
        for name, part in value.items()
    }


def _renamed(body: bytes) -> bytes:
    """Rename the field that holds Anna."""
    for name in set(re.findall(rb'"(\w+)":\s*"Anna"', body)):
        body = body.replace(b'"%b":' % name, b'"%b_renamed":' % name)
    return body


_ONE_OF_MANY, _THOUSANDS = 777_777, 2_500
_MINUTES = timedelta(minutes=4)
_STUMBLES: tuple[Trouble, ...] = (
    answering(429, {"Retry-After": "7"}),
    breaking_off,
    answering(503, {}, b"<html>Back soon</html>"),
    hanging_up,
    answering(500),
)
_WANTS_AN_HOUR = answering(429, {"Retry-After": "3600"})
_NUMBER = re.compile(rb"(?<=[:\[,\s])(-?\d+(?:\.\d+)?)(?=\s*[,}\]])")
_REFUSALS: tuple[tuple[int, Mapping[str, str], bytes], ...] = (
    (401, {}, b"{}"),
    (403, {}, b"{}"),
    (200, {"Content-Type": "text/html"}, b"<html><body>Please log in</body></html>"),
    (200, {"Content-Type": "application/json"}, b""),
    (200, {"Content-Type": "application/json"}, b'{"error": "invalid_token"}'),
    (200, {"Content-Type": "application/json"}, b'{"result": "error", "message": "The key is not valid"}'),
)
_ODD = (b"12345", b'{"first": "Bea"}', b'["Bea", 1]', b"null", b'"Be\\u0000a"', b'"Bea \\ud83d"', b"true", b"1e400")
