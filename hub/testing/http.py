"""What a destination that speaks HTTP does on a bad day: further promises, where the stand-in can be disturbed.

    class TestClub(HttpDestinationSuite):
        @pytest.fixture
        def disturb(self, server):
            def disturb(times, status, headers, body): ...
            return disturb

A stand-in answers its next requests with what it is given, and then as before.
"""
# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from hub.contracts import Destination, Result, SyncBatch
from hub.testing.destinations import DestinationSuite, assert_complete, sample_message, secrets_of

HANG_UP = 0
"""In the place of a status: read the request, and close the connection without an answer."""
ALWAYS = 1_000

Disturb = Callable[[int, int, Mapping[str, str], bytes], None]
"""Answer so many of the next requests with this status, these headers and this body; 0 times ends it."""


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
