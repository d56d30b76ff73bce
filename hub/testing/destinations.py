"""A conformance suite for destinations: what the hub relies on, checked against a server that you start.

A few lines give an author the whole suite:

    class TestWeather(DestinationSuite):
        plugin = Weather

        @pytest.fixture
        def config(self, weather_server):
            return {"url": weather_server.url}

Other fixtures that may be overridden: `unreachable` (a configuration that reaches nothing), `project` (the project's
folder), `taken` (a function that lists the ids that the server took; needed where an idempotency window is declared).
"""
# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from hub import patience
from hub.contracts import (
    Capabilities,
    Channel,
    Check,
    ConnectionConfig,
    Destination,
    EmailRecipient,
    Message,
    Operation,
    PhoneRecipient,
    Place,
    PostalRecipient,
    Recipient,
    Result,
    Row,
    SyncBatch,
    secrets_in,
)

CANARY = "kanarieberg"
"""A name in every sample recipient; it must never show in a log, a reason or a representation."""
STATUSES = {"accepted", "later", "rejected", "unknown"}
_QUEUED_AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
_LONGEST_CHECK = 20.0


def sample_message(channel: Channel, number: int = 1) -> Message:
    """Make a message that every destination of the channel should take; the same number, the same message."""
    content: dict[Channel, Mapping[str, str]] = {
        "email": {"subject": f"Welkom {number}", "text": "Dag, één vraag.\n", "html": "<p>Dag, één vraag.</p>"},
        "sms": {"text": f"Je bestelling {number} staat klaar."},
        "letter": {"typst": "Beste #data.salutation,\n\nBrief van vandaag."},
    }
    return Message(
        id=f"sample-{channel}-{number:04d}",
        channel=channel,
        recipient=_recipient(channel, number),
        content=content[channel],
        queued_at=_QUEUED_AT,
        unsubscribe_token=f"token-{number:04d}",
        data={"salutation": f"mevrouw {CANARY.title()}"},
    )


def impossible_message(channel: Channel, number: int = 1) -> Message:
    """Make a message that no destination can deliver: a broken address, a machine's number, no street."""
    recipients: dict[Channel, Recipient] = {
        "email": EmailRecipient(f"{CANARY}\r\nBcc: other@example.nl"),
        "sms": PhoneRecipient("+3197012345678"),
        "letter": PostalRecipient(f"A. {CANARY.title()}", "", "", "", "", "", ""),
    }
    return replace(sample_message(channel, number), id=f"impossible-{number:04d}", recipient=recipients[channel])


def sample_rows(count: int, start: int = 1) -> list[Row]:
    """Make rows of an audience, with text, numbers and an empty field."""
    return [
        Row(f"row-{number:04d}", {"email": f"{CANARY}{number}@example.nl", "score": number, "city": None})
        for number in range(start, start + count)
    ]


class DestinationSuite:
    """Inherit, and name your plugin and a configuration that works."""

    plugin: ClassVar[type[Destination]]
    target: ClassVar[str] = "Customers A"
    """The audience, list or table that rows are written to."""
    server_loggers: ClassVar[tuple[str, ...]] = ()
    """Loggers of a test server that runs in this process: what they write is not the plugin's."""

    # what an author may override ----------------------------------------------------------------------------------

    @pytest.fixture
    def config(self) -> Mapping[str, Any]:
        """Give a configuration that reaches a working server."""
        pytest.fail("override the fixture `config` with a configuration that reaches a working server")

    def able(self, destination: Destination) -> Collection[Operation]:
        """Name what the destination does with rows of `target`; override it where that is not all it can."""
        return destination.capabilities.operations

    @pytest.fixture
    def unreachable(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """The same configuration, towards a port of this machine where nobody listens."""
        if "port" in config:
            return {**config, "port": closed_port()}
        if "url" in config:
            return {**config, "url": f"http://127.0.0.1:{closed_port()}/"}
        pytest.fail(f"override the fixture `unreachable`: {self.plugin.name} has neither `port` nor `url`")

    @pytest.fixture
    def project(self, tmp_path: Path) -> Path:
        """Give the project's folder."""
        return tmp_path

    @pytest.fixture
    def taken(self) -> Callable[[], Sequence[str]] | None:
        """Give a function that lists the ids of the messages that the server took."""
        return None

    def rows(self, count: int, start: int = 1) -> list[Row]:
        """Give rows that can be written; a system with keys of its own kind overrides this."""
        return sample_rows(count, start)

    # what the suite itself needs ----------------------------------------------------------------------------------

    @pytest.fixture
    def destination(self, config: Mapping[str, Any], project: Path) -> Destination:
        """Give the destination, as configured."""
        return self._make(config, project)

    def _make(self, config: Mapping[str, Any], project: Path) -> Destination:
        """Make the destination as the hub does."""
        place = Place("sample", project, b"a signing key", "https://hub.example")
        return self.plugin(self.plugin.config_model.model_validate(config), place)

    def _logged(self, caplog: pytest.LogCaptureFixture) -> str:
        records = [record for record in caplog.records if not record.name.startswith(self.server_loggers)]
        return "\n".join(f"{record.name}: {record.getMessage()}" for record in records)

    # it describes itself ------------------------------------------------------------------------------------------

    def test_the_plugin_has_a_name_a_summary_and_a_configuration_model(self) -> None:
        assert self.plugin.name.replace("_", "").isalnum(), "`name` is the word after `plugin:` in hub.yaml"
        assert self.plugin.name == self.plugin.name.lower()
        assert self.plugin.summary, "`summary` is the line that `hub plugins` shows"
        assert issubclass(self.plugin.config_model, ConnectionConfig)

    def test_every_key_of_the_configuration_that_may_be_unclear_is_described(self) -> None:
        named_by_itself = {"plugin", "host", "port", "url", "username", "password", "timeout", "method"}
        unclear = [
            name
            for name, field in self.plugin.config_model.model_fields.items()
            if not field.description and name not in named_by_itself
        ]
        assert not unclear, f"give these keys a description; editors show it: {', '.join(unclear)}"

    def test_capabilities_agree_with_the_methods(self, destination: Destination) -> None:
        capabilities = destination.capabilities
        assert isinstance(capabilities, Capabilities)
        assert capabilities.channel or capabilities.syncs, "a destination sends messages, takes rows, or both"
        if capabilities.channel:
            assert type(destination).send is not Destination.send, "capabilities name a channel, but send is missing"
        if capabilities.syncs:
            assert type(destination).sync is not Destination.sync, "capabilities name operations, but sync is missing"
        for able, name in (
            (capabilities.can_ask, "ask"),
            (capabilities.can_read, "read_back"),
            (capabilities.can_try, "try_out"),
            (destination.can_erase, "erase"),
        ):
            written = getattr(type(destination), name) is not getattr(Destination, name)
            assert written or not able, f"capabilities say that it can, but {name} is missing"
        assert capabilities.batch_size >= 1
        assert capabilities.concurrency >= 1
        assert all(rate.number > 0 and rate.seconds > 0 for rate in capabilities.rates)

    def test_a_default_mapping_is_a_file(self) -> None:
        path = self.plugin.default_mapping
        assert path is None or path.is_file(), f"default_mapping names {path}, which is not there"

    # its configuration --------------------------------------------------------------------------------------------

    def test_an_unknown_key_is_named(self, config: Mapping[str, Any]) -> None:
        with pytest.raises(ValidationError) as raised:
            self.plugin.config_model.model_validate({**config, "no_such_key": 1})
        assert [error["loc"] for error in raised.value.errors()] == [("no_such_key",)]

    def test_a_missing_key_is_named(self, config: Mapping[str, Any]) -> None:
        required = [name for name, field in self.plugin.config_model.model_fields.items() if field.is_required()]
        for name in required:
            without = {key: value for key, value in config.items() if key != name}
            with pytest.raises(ValidationError) as raised:
                self.plugin.config_model.model_validate(without)
            assert (name,) in [error["loc"] for error in raised.value.errors()]

    def test_no_secret_shows_in_a_representation(self, destination: Destination) -> None:
        shown = f"{destination!r} {destination.config!r} {destination.config} {destination.place!r}"
        for secret in secrets_in(destination.config):
            assert secret not in shown

    def test_no_configured_value_shows_in_an_error(self, config: Mapping[str, Any]) -> None:
        canary = "s3cr3t-canary"
        with pytest.raises(ValidationError) as raised:
            self.plugin.config_model.model_validate({**config, "no_such_key": canary})
        assert canary not in str(raised.value), "keep hide_input_in_errors of ConnectionConfig"

    # its check ----------------------------------------------------------------------------------------------------

    def test_the_check_of_a_working_server_says_so(self, destination: Destination) -> None:
        check = destination.check()
        assert isinstance(check, Check)
        assert check.ok, check.message
        assert check.message

    def test_the_check_of_an_unreachable_server_says_so_in_time(
        self, unreachable: Mapping[str, Any], project: Path
    ) -> None:
        destination = self._make(unreachable, project)
        started = patience.clock.now()
        check = destination.check()
        assert not check.ok, "check() must find out that nothing is there"
        assert check.message, "the message tells an admin what to mend"
        assert patience.clock.now() - started < _LONGEST_CHECK
        for secret in secrets_in(destination.config):
            assert secret not in check.message

    # messages -----------------------------------------------------------------------------------------------------

    def test_nothing_to_send_gives_no_results(self, destination: Destination) -> None:
        if destination.capabilities.channel:
            assert list(destination.send([])) == []
        else:
            with pytest.raises(TypeError):
                destination.send([])

    def test_every_message_gets_its_result_in_order(self, destination: Destination) -> None:
        if destination.capabilities.channel:
            messages = [sample_message(_channel(destination), number) for number in (3, 1, 2)]
            results = assert_complete(destination.send(messages), [message.id for message in messages])
            assert [result.status for result in results] == ["accepted"] * 3, [result.reason for result in results]

    def test_a_message_that_cannot_be_delivered_does_not_sink_the_others(
        self, destination: Destination, caplog: pytest.LogCaptureFixture
    ) -> None:
        if destination.capabilities.channel:
            channel = _channel(destination)
            messages = [sample_message(channel, 11), impossible_message(channel, 12), sample_message(channel, 13)]
            with caplog.at_level(logging.DEBUG):
                results = assert_complete(destination.send(messages), [message.id for message in messages])
            assert [result.status for result in results] == ["accepted", "rejected", "accepted"]
            assert results[1].reason, "a rejection says why"
            assert CANARY not in results[1].reason.lower(), "a reason holds no personal data"
            assert CANARY not in self._logged(caplog).lower(), "a log holds no personal data"

    def test_an_unreachable_server_makes_messages_wait(
        self, unreachable: Mapping[str, Any], project: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        destination = self._make(unreachable, project)
        if destination.capabilities.channel:
            messages = [sample_message(_channel(destination), number) for number in (21, 22)]
            with caplog.at_level(logging.DEBUG):
                results = assert_complete(destination.send(messages), [message.id for message in messages])
            assert {result.status for result in results} == {"later"}, "nothing was sent, so nothing is lost or unknown"
            shown = self._logged(caplog) + " ".join(result.reason for result in results)
            assert CANARY not in shown.lower()
            for secret in secrets_in(destination.config):
                assert secret not in shown

    def test_a_message_sent_again_within_the_idempotency_window_is_taken_once(
        self, destination: Destination, taken: Callable[[], Sequence[str]] | None
    ) -> None:
        if destination.capabilities.channel and destination.capabilities.idempotency_window:
            assert taken is not None, "override the fixture `taken`: the plugin declares an idempotency window"
            messages = [sample_message(_channel(destination), number) for number in (31, 32)]
            first = assert_complete(destination.send(messages), [message.id for message in messages])
            again = assert_complete(destination.send(messages[1:]), [messages[1].id])
            assert {result.status for result in [*first, *again]} == {"accepted"}
            assert sorted(taken()) == sorted(message.id for message in messages)

    # rows ---------------------------------------------------------------------------------------------------------

    def test_every_row_gets_its_result_in_order(self, destination: Destination) -> None:
        if "upsert" in self.able(destination):
            rows = list(reversed(self.rows(5)))
            results = assert_complete(
                destination.sync(SyncBatch(self.target, "upsert", rows)), [row.key for row in rows]
            )
            assert {result.status for result in results} == {"accepted"}, [result.reason for result in results]

    def test_rows_are_removed_where_the_capabilities_say_so(self, destination: Destination) -> None:
        if "remove" in self.able(destination):
            rows = self.rows(3)
            results = assert_complete(
                destination.sync(SyncBatch(self.target, "upsert", rows)), [row.key for row in rows]
            )
            rows = [Row(result.id, remote_id=result.remote_id) for result in results]
            for _ in range(2):
                removed = destination.sync(SyncBatch(self.target, "remove", rows[:2]))
                results = assert_complete(removed, [row.key for row in rows[:2]])
                assert {result.status for result in results} == {"accepted"}, "removing twice is no mistake"

    def test_a_row_that_cannot_be_written_does_not_sink_the_others(self, destination: Destination) -> None:
        if "upsert" in self.able(destination):
            rows = [*self.rows(1), Row("row-broken", {"email": object()}), *self.rows(1, start=2)]
            results = assert_complete(
                destination.sync(SyncBatch(self.target, "upsert", rows)), [row.key for row in rows]
            )
            assert [result.status for result in results] == ["accepted", "rejected", "accepted"]
            assert results[1].reason

    def test_an_unreachable_server_makes_rows_wait(self, unreachable: Mapping[str, Any], project: Path) -> None:
        destination = self._make(unreachable, project)
        if "upsert" in self.able(destination):
            rows = self.rows(2)
            results = assert_complete(
                destination.sync(SyncBatch(self.target, "upsert", rows)), [row.key for row in rows]
            )
            assert {result.status for result in results} == {"later"}

    # reactions ----------------------------------------------------------------------------------------------------

    def test_feedback_comes_as_dlt_resources(self, destination: Destination) -> None:
        from dlt.extract import DltResource

        resources = list(destination.feedback())
        assert all(isinstance(resource, DltResource) for resource in resources)
        assert len({resource.name for resource in resources}) == len(resources)


def assert_complete(results: Sequence[Result], ids: Sequence[str]) -> list[Result]:
    """Check the promise of `send` and `sync`: one result per message or row, in order, with a known status."""
    found = list(results)
    assert [result.id for result in found] == list(ids), "one result per message or row, in the order of the batch"
    assert {result.status for result in found} <= STATUSES
    return found


def closed_port() -> int:
    """Find a port of this machine where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _channel(destination: Destination) -> Channel:
    channel = destination.capabilities.channel
    assert channel is not None
    return channel


def _recipient(channel: Channel, number: int) -> Recipient:
    if channel == "email":
        return EmailRecipient(f"{CANARY}{number}@example.nl", CANARY.title())
    if channel == "sms":
        return PhoneRecipient(f"+316{12345678 + number}")
    return PostalRecipient(f"A. {CANARY.title()}", "Keizerstraat", str(number), "", "", "2583XL", "Scheveningen")
