"""What a system that speaks HTTP does on a bad day: further promises, for plugins whose stand-in can be disturbed.

    class WeatherWorld(HttpSourceWorld):
        def disturb(self, times, status, headers, body):
            self.server.trouble = [(status, headers, body)] * times

    class TestWeather(HttpSourceSuite): ...

A stand-in answers its next requests with what it is given, and then as before.
"""
# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence

import pytest

from hub.contracts import Destination, Result, SyncBatch
from hub.errors import HubError
from hub.testing.destinations import DestinationSuite, assert_complete, sample_message, secrets_of
from hub.testing.sources import CONNECTION, PEOPLE, Landing, SourceSuite, SourceWorld

HANG_UP = 0
"""In the place of a status: read the request, and close the connection without an answer."""
ALWAYS = 1_000
_PAGE = b"<html><body>Please log in</body></html>"

Disturb = Callable[[int, int, Mapping[str, str], bytes], None]
"""Answer so many of the next requests with this status, these headers and this body; 0 times ends it."""


class HttpSourceWorld(SourceWorld):
    """A stand-in that speaks HTTP."""

    @abstractmethod
    def disturb(self, times: int, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Answer so many of the next requests like this; 0 times ends it."""


class HttpSourceSuite(SourceSuite):
    """The suite of sources, and what a run makes of a server that is busy, down, or not what it was."""

    @pytest.fixture
    def world(self) -> HttpSourceWorld:
        raise NotImplementedError("give the suite a fixture `world` that returns your HttpSourceWorld")

    @pytest.mark.parametrize(("status", "headers"), [(429, {"Retry-After": "1"}), (503, {}), (500, {})])
    def test_a_server_that_has_no_time_is_asked_again(
        self, world: HttpSourceWorld, landing: Landing, status: int, headers: dict[str, str]
    ) -> None:
        world.write(PEOPLE)
        world.disturb(1, status, headers, b"")
        landing.run()
        assert landing.names(world.table, *world.columns) == _everybody()
        assert landing.run().loads == ()

    @pytest.mark.parametrize(("status", "body"), [(401, b"{}"), (403, b"{}"), (200, _PAGE), (200, b"")])
    def test_what_an_admin_must_mend_is_told_and_nothing_is_lost(
        self, world: HttpSourceWorld, landing: Landing, status: int, body: bytes
    ) -> None:
        """Take the token away, or put the page of a sign-in in the place of the API; then mend it."""
        world.write(PEOPLE)
        world.disturb(ALWAYS, status, {}, body)
        check = landing.plugin.check()
        assert not check.ok
        with pytest.raises(HubError, match=CONNECTION) as caught:
            landing.run()
        shown = check.message + str(caught.value)
        assert not [secret for secret in world.secrets if secret in shown]
        assert landing.names(world.table, *world.columns) == []
        world.disturb(0, 200, {}, b"")
        landing.run()
        assert landing.names(world.table, *world.columns) == _everybody()


class HttpDestinationSuite(DestinationSuite):
    """The suite of destinations, and what becomes of a batch at a server that is busy, refuses us, or falls silent."""

    @pytest.fixture
    def disturb(self) -> Disturb:
        """Give a function that disturbs the stand-in."""
        pytest.fail("override the fixture `disturb` with a function that disturbs your server")

    @pytest.mark.parametrize("status", [429, 503])
    def test_a_server_that_asks_to_wait_gets_everything_later(
        self, destination: Destination, disturb: Disturb, status: int
    ) -> None:
        disturb(ALWAYS, status, {"Retry-After": "7"}, b"")
        results = self._handed_over(destination)
        assert {result.status for result in results} == {"later"}, [result.reason for result in results]
        assert {result.retry_after for result in results} == {7.0}, "what the server asks for is passed on"

    def test_a_sign_in_that_is_refused_rejects_nothing(self, destination: Destination, disturb: Disturb) -> None:
        disturb(ALWAYS, 401, {}, b"")
        results = self._handed_over(destination)
        assert {result.status for result in results} == {"later"}, "an admin mends it, and then everything goes"
        shown = "".join(result.reason for result in results)
        assert not [secret for secret in secrets_of(destination.config) if secret in shown]

    @pytest.mark.parametrize("status", [HANG_UP, 500])
    def test_nobody_knows_what_a_server_took_that_failed(
        self, destination: Destination, disturb: Disturb, status: int
    ) -> None:
        disturb(ALWAYS, status, {}, b"")
        results = self._handed_over(destination)
        assert results[0].status == "unknown", "after a failure it may have been taken"
        assert {result.status for result in results} <= {"unknown", "later"}
        disturb(0, 200, {}, b"")
        assert {result.status for result in self._handed_over(destination, start=11)} == {"accepted"}

    def _handed_over(self, destination: Destination, start: int = 1) -> list[Result]:
        if destination.capabilities.channel is not None:
            messages = [sample_message(destination.capabilities.channel, start + number) for number in range(2)]
            return assert_complete(destination.send(messages), [message.id for message in messages])
        rows = self.rows(2, start)
        return assert_complete(destination.sync(SyncBatch(self.target, "upsert", rows)), [row.key for row in rows])


def _everybody() -> Sequence[tuple[str, str]]:
    return sorted((str(row["id"]), row["name"]) for row in PEOPLE)
