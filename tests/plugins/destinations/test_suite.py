"""The conformance suite finds what is wrong: each of its promises, broken once."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from hub.contracts import (
    Capabilities,
    Check,
    ConnectionConfig,
    Destination,
    Message,
    Place,
    Result,
    SyncBatch,
    secrets_in,
)
from hub.testing import DestinationSuite
from hub.testing.destinations import CANARY, sample_message


class ShelfConfig(ConnectionConfig):
    port: int = 0
    key: SecretStr = SecretStr("kattenluik")


class Shelf(Destination):
    """A destination that keeps everything and promises nothing wrong."""

    name = "shelf"
    summary = "Keeps messages and rows."
    config_model = ShelfConfig

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(channel="email", operations=frozenset({"upsert"}))

    def check(self) -> Check:
        return Check(True, "the shelf is there")

    def send(self, batch: Sequence[Message]) -> Sequence[Result]:
        return [self.take(message) for message in batch]

    def take(self, message: Message) -> Result:
        broken = "\n" in getattr(message.recipient, "email", "")
        return Result(message.id, "rejected", reason="a broken address") if broken else Result(message.id, "accepted")

    def sync(self, batch: SyncBatch) -> Sequence[Result]:
        return [
            Result(row.key, "rejected", reason="no text") if row.key == "row-broken" else Result(row.key, "accepted")
            for row in batch.rows
        ]


class Suite(DestinationSuite):
    __test__ = False
    plugin = Shelf


def shelf(kind: type[Shelf] = Shelf) -> Shelf:
    return kind(ShelfConfig(), Place("shelf", Path()))


def test_a_sound_destination_passes(caplog: pytest.LogCaptureFixture) -> None:
    suite, destination = Suite(), shelf()
    suite.test_the_plugin_has_a_name_a_summary_and_a_configuration_model()
    suite.test_capabilities_agree_with_the_methods(destination)
    suite.test_every_message_gets_its_result_in_order(destination)
    suite.test_a_message_that_cannot_be_delivered_does_not_sink_the_others(destination, caplog)
    suite.test_every_row_gets_its_result_in_order(destination)
    suite.test_a_row_that_cannot_be_written_does_not_sink_the_others(destination)
    suite.test_no_secret_shows_in_a_representation(destination)


def test_results_in_another_order_are_found() -> None:
    class Sorted(Shelf):
        def send(self, batch: Sequence[Message]) -> Sequence[Result]:
            return sorted(super().send(batch), key=lambda result: result.id)

    with pytest.raises(AssertionError, match="in the order of the batch"):
        Suite().test_every_message_gets_its_result_in_order(shelf(Sorted))


def test_a_result_that_is_missing_is_found() -> None:
    class Forgetful(Shelf):
        def sync(self, batch: SyncBatch) -> Sequence[Result]:
            return super().sync(batch)[1:]

    with pytest.raises(AssertionError, match="one result per message or row"):
        Suite().test_every_row_gets_its_result_in_order(shelf(Forgetful))


def test_a_batch_that_fails_as_a_whole_is_found(caplog: pytest.LogCaptureFixture) -> None:
    class Strict(Shelf):
        def send(self, batch: Sequence[Message]) -> Sequence[Result]:
            found = super().send(batch)
            if all(result.status == "accepted" for result in found):
                return found
            return [Result(result.id, "rejected", reason="all or nothing") for result in found]

    with pytest.raises(AssertionError):
        Suite().test_a_message_that_cannot_be_delivered_does_not_sink_the_others(shelf(Strict), caplog)


def test_personal_data_in_a_reason_or_a_log_is_found(caplog: pytest.LogCaptureFixture) -> None:
    class Talkative(Shelf):
        def take(self, message: Message) -> Result:
            result = super().take(message)
            return replace(result, reason=str(message.recipient)) if result.status == "rejected" else result

    class Chatty(Shelf):
        def take(self, message: Message) -> Result:
            logging.getLogger("shelf").info("sending to %s", message.recipient)
            return super().take(message)

    with pytest.raises(AssertionError, match="a reason holds no personal data"):
        Suite().test_a_message_that_cannot_be_delivered_does_not_sink_the_others(shelf(Talkative), caplog)
    with pytest.raises(AssertionError, match="a log holds no personal data"):
        Suite().test_a_message_that_cannot_be_delivered_does_not_sink_the_others(shelf(Chatty), caplog)


def test_capabilities_without_their_method_are_found() -> None:
    class Boastful(Destination):
        name = "boastful"
        config_model = ShelfConfig

        @property
        def capabilities(self) -> Capabilities:
            return Capabilities(operations=frozenset({"upsert"}))

        def check(self) -> Check:
            return Check(True, "fine")

    with pytest.raises(AssertionError, match="sync is missing"):
        Suite().test_capabilities_agree_with_the_methods(Boastful(ShelfConfig(), Place("b", Path())))


def test_a_message_taken_twice_within_the_window_is_found() -> None:
    taken: list[str] = []

    class Doubling(Shelf):
        @property
        def capabilities(self) -> Capabilities:
            return Capabilities(channel="email", idempotency_window=timedelta(days=1))

        def take(self, message: Message) -> Result:
            taken.append(message.id)
            return super().take(message)

    with pytest.raises(AssertionError):
        Suite().test_a_message_sent_again_within_the_idempotency_window_is_taken_once(shelf(Doubling), lambda: taken)


def test_a_window_that_nobody_can_verify_is_found() -> None:
    class Promising(Shelf):
        @property
        def capabilities(self) -> Capabilities:
            return Capabilities(channel="email", idempotency_window=timedelta(days=1))

    with pytest.raises(AssertionError, match="override the fixture `taken`"):
        Suite().test_a_message_sent_again_within_the_idempotency_window_is_taken_once(shelf(Promising), None)


def test_a_check_that_never_fails_is_found(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"check\(\) must find out"):
        Suite().test_the_check_of_an_unreachable_server_says_so_in_time({}, tmp_path)


def test_losing_messages_while_a_server_is_away_is_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(AssertionError, match="nothing was sent"):
        Suite().test_an_unreachable_server_makes_messages_wait({}, tmp_path, caplog)


def test_a_secret_that_shows_is_found() -> None:
    class Leaky(Shelf):
        def __repr__(self) -> str:
            return f"Leaky({self.config.key.get_secret_value()})"

    with pytest.raises(AssertionError):
        Suite().test_no_secret_shows_in_a_representation(shelf(Leaky))


def test_secrets_are_found_at_any_depth() -> None:
    class Nested(ConnectionConfig):
        headers: Mapping[str, SecretStr] = {"X-Key": SecretStr("one")}
        shelf: ShelfConfig = ShelfConfig()
        others: list[Any] = [SecretStr("two")]  # noqa: RUF012 - a model's default

    assert secrets_in(Nested()) == ["one", "kattenluik", "two"]


def test_a_suite_without_a_configuration_says_what_to_override() -> None:
    with pytest.raises(pytest.fail.Exception, match="override the fixture `config`"):
        DestinationSuite.config.__wrapped__(Suite())  # type: ignore[attr-defined]


def test_samples_are_the_same_each_time_and_all_carry_the_canary() -> None:
    for channel in ("email", "sms", "letter"):
        assert sample_message(channel) == sample_message(channel)
    assert CANARY in str(sample_message("email").recipient)
