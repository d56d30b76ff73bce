"""What a destination that speaks HTTP does on a bad day: further promises, for which a `config` with a `url` is enough.

class TestClub(HttpDestinationSuite): ...
"""
# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest

from hub.contracts import Destination, Operation, Result, Row, SyncBatch, secrets_in
from hub.errors import ConfigurationError
from hub.testing.between import (
    Between,
    Trouble,
    answering,
    at,
    hanging_up,
    leaving_out,
    losing,
    passing,
    standing_between,
    unread,
)
from hub.testing.destinations import CANARY, DestinationSuite, assert_complete, sample_message

NO_ANSWER: Mapping[str, Trouble] = {
    "hung up": hanging_up,
    "unread": unread,
    "lost": losing,
    "500": answering(500),
}
_PAGE = b"<html><body>Please log in</body></html>"
_MANY = 250
_WRITING: tuple[Operation, ...] = ("upsert", "update", "add")
_ODD = "Zo\u00eb \U0001f408 \u0645\u0631\u062d\u0628\u0627 \u2028\x00."


class HttpDestinationSuite(DestinationSuite):
    """The suite of destinations, and what becomes of a batch at a server that is busy, refuses us, or falls silent.

    The suite puts a server of its own (`hub.testing.between`) between the plugin and your stand-in: every address in
    `config` that begins as `url` does leads there.
    """

    writes_at: ClassVar[str] = ""
    """A pattern for the requests that take something (`PUT /customers/1`); what only reads may be asked again."""

    @pytest.fixture
    def between(self, config: Mapping[str, Any]) -> Iterator[Between]:
        """Stand between the plugin and its stand-in."""
        with standing_between(_origin(config["url"])) as between:
            yield between

    @pytest.fixture
    def destination(self, config: Mapping[str, Any], between: Between, project: Path) -> Destination:
        """Give the destination, as configured, with the suite's own server before yours."""
        return self._make(_moved(config, _origin(config["url"]), between.url), project)

    @pytest.mark.parametrize("status", [429, 503])
    def test_a_server_that_asks_to_wait_gets_everything_later(
        self, destination: Destination, between: Between, status: int
    ) -> None:
        between.trouble = answering(status, {"Retry-After": "7"})
        results = self._handed_over(destination)
        assert {result.status for result in results} == {"later"}, [result.reason for result in results]
        assert results[0].retry_after == 7.0, "what the server asks for is passed on"
        assert {result.retry_after for result in results} <= {7.0, None}
        assert len(self._asked_to_write(between)) <= 1, "who is asked to wait asks no more"

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_sign_in_that_is_refused_rejects_nothing_and_shows_no_secret(
        self, destination: Destination, between: Between, caplog: pytest.LogCaptureFixture, status: int
    ) -> None:
        """Some servers repeat the key that they refuse."""
        secrets = secrets_in(destination.config)
        said = json.dumps({"error": {"code": 1, "message": f"no such key: {' '.join(secrets)}"}, "message": secrets})
        between.trouble = answering(status, {"Content-Type": "application/json"}, said.encode())
        with caplog.at_level(logging.DEBUG):
            shown = destination.check().message
            try:
                results = self._handed_over(destination)
            except ConfigurationError as error:
                shown += str(error)
            else:
                assert {result.status for result in results} == {"later"}, "an admin mends it, and then everything goes"
                shown += "".join(result.reason for result in results)
        shown += self._logged(caplog)
        assert not [secret for secret in secrets if secret in shown]
        between.trouble = passing
        assert {result.status for result in self._handed_over(destination)} == {"accepted"}

    def test_a_web_page_in_the_place_of_an_answer_is_no_answer(
        self, destination: Destination, between: Between
    ) -> None:
        """A proxy on the way asks to sign in, or the address is that of a site."""
        between.trouble = answering(200, {"Content-Type": "text/html"}, _PAGE)
        try:
            results = self._handed_over(destination)
        except ConfigurationError:
            return
        assert {result.status for result in results} <= {"unknown", "later"}
        assert all(result.reason for result in results), "an admin must know where to look"

    @pytest.mark.parametrize("trouble", NO_ANSWER.values(), ids=NO_ANSWER)
    def test_what_got_no_answer_is_neither_taken_nor_refused_nor_sent_again(
        self,
        destination: Destination,
        between: Between,
        taken: Callable[[], Sequence[str]] | None,
        caplog: pytest.LogCaptureFixture,
        trouble: Trouble,
    ) -> None:
        """The hub decides whether it goes again: it knows for how long the other side takes an id only once."""
        self._handed_over(destination, start=21)
        between.trouble = at(self.writes_at, trouble)
        with caplog.at_level(logging.DEBUG):
            results = self._handed_over(destination)
        assert results[0].status == "unknown", "it may have been taken"
        assert {result.status for result in results} <= {"unknown", "later"}
        asked = self._asked_to_write(between)
        assert len(asked) == len(set(asked)), "a request without an answer went again"
        shown = self._logged(caplog) + "".join(result.reason for result in results)
        assert CANARY not in shown.lower()
        assert not [secret for secret in secrets_in(destination.config) if secret in shown]
        between.trouble = passing
        if destination.capabilities.idempotency_window and taken is not None:
            assert {result.status for result in self._handed_over(destination)} == {"accepted"}
            assert len(taken()) == len(set(taken())), "taken twice"
        assert {result.status for result in self._handed_over(destination, start=11)} == {"accepted"}

    def test_an_answer_that_leaves_something_out_leaves_no_row_without_a_result(
        self, destination: Destination, between: Between
    ) -> None:
        between.trouble = leaving_out
        results = self._handed_over(destination)
        assert all(result.status == "accepted" or result.reason for result in results)

    def test_many_rows_go_in_as_many_requests_as_it_takes(self, destination: Destination, between: Between) -> None:
        if destination.capabilities.syncs:
            results = self._written(destination, self.rows(min(destination.capabilities.batch_size, _MANY)))
            assert {result.status for result in results} == {"accepted"}

    def test_odd_signs_sink_no_neighbour(self, destination: Destination) -> None:
        """A null byte, a face, an Arabic word, a line separator: taken, or rejected with the reason."""
        if destination.capabilities.channel is not None:
            messages = [sample_message(destination.capabilities.channel, number) for number in (1, 2, 3)]
            messages[1] = replace(
                messages[1], content={name: f"{text} {_ODD}" for name, text in messages[1].content.items()}
            )
            results = assert_complete(destination.send(messages), [message.id for message in messages])
            self._odd_one_is_told(results)
        if destination.capabilities.syncs:
            rows = self.rows(3, start=3)
            fields = rows[1].fields.items()
            odd = {name: f"{value}{_ODD}" if isinstance(value, str) else value for name, value in fields}
            rows[1] = replace(rows[1], fields=odd)
            self._odd_one_is_told(self._written(destination, rows))

    def _odd_one_is_told(self, results: Sequence[Result]) -> None:
        assert [results[0].status, results[2].status] == ["accepted", "accepted"], "its neighbours"
        assert results[1].status == "accepted" or (results[1].status == "rejected" and results[1].reason)

    def _asked_to_write(self, between: Between) -> list[tuple[str, str, bytes]]:
        return [one for one in between.asked if re.search(self.writes_at, f"{one[0]} {one[1]}")]

    def _handed_over(self, destination: Destination, start: int = 1) -> list[Result]:
        if destination.capabilities.channel is not None:
            messages = [sample_message(destination.capabilities.channel, start + number) for number in range(2)]
            return assert_complete(destination.send(messages), [message.id for message in messages])
        return self._written(destination, self.rows(2, start))

    def _written(self, destination: Destination, rows: Sequence[Row]) -> list[Result]:
        """Write rows by what the destination can do: make or change, else change, else make."""
        able = self.able(destination)
        operation = next(one for one in _WRITING if one in able)
        return assert_complete(destination.sync(SyncBatch(self.target, operation, rows)), [row.key for row in rows])


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _moved(value: Any, origin: str, to: str) -> Any:
    """Write another origin wherever an address begins with one."""
    if isinstance(value, Mapping):
        return {name: _moved(part, origin, to) for name, part in value.items()}
    if isinstance(value, list):
        return [_moved(part, origin, to) for part in value]
    return value.replace(origin, to, 1) if isinstance(value, str) and value.startswith(origin) else value
