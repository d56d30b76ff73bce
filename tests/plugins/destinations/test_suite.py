"""The conformance suite finds what is wrong: each of its promises, broken once."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
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
    Row,
    SyncBatch,
    secrets_in,
)
from hub.in_turn import in_turn
from hub.outgoing import NoAnswerError, NotSentError, Outgoing, reason_of, status_of
from hub.testing import DestinationSuite, HttpDestinationSuite
from hub.testing.between import Between, answering, at, losing, passing, standing_between, times
from hub.testing.destinations import CANARY, sample_message
from hub.testing.http import NO_ANSWER

from .conftest import Api, Reply


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


# a server that is not itself --------------------------------------------------------------------------------------


class CounterConfig(ConnectionConfig):
    url: str
    key: SecretStr = SecretStr("kattenluik")


class Counter(Shelf):
    """Hands rows over one by one, and minds what the answer says."""

    name = "counter"
    config_model = CounterConfig

    def sync(self, batch: SyncBatch) -> Sequence[Result]:
        with Outgoing(self.config.url, allow_private=True, secrets=secrets_in(self.config)) as outgoing:
            return in_turn(batch.rows, lambda row: [row.key], lambda row: [self.hand_over(outgoing, row)])

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(operations=frozenset({"upsert"}))

    def hand_over(self, outgoing: Outgoing, row: Row) -> Result:
        answer = outgoing.request("POST", row.key.encode(), {})
        if answer.holds_for_all:
            raise NotSentError(reason_of(answer), answer.retry_after)
        return Result(row.key, status_of(answer, {429, 503}), "", reason_of(answer))


class Impatient(Counter):
    def hand_over(self, outgoing: Outgoing, row: Row) -> Result:
        try:
            return super().hand_over(outgoing, row)
        except NoAnswerError:
            return super().hand_over(outgoing, row)


class Pushing(Counter):
    def hand_over(self, outgoing: Outgoing, row: Row) -> Result:
        try:
            return super().hand_over(outgoing, row)
        except NotSentError as error:
            return Result(row.key, "later", "", str(error), error.retry_after)


class Deaf(Counter):
    def hand_over(self, outgoing: Outgoing, row: Row) -> Result:
        try:
            return super().hand_over(outgoing, row)
        except NotSentError as error:
            raise NotSentError(str(error)) from None


class Trusting(Counter):
    def hand_over(self, outgoing: Outgoing, row: Row) -> Result:
        return Result(row.key, "accepted" if outgoing.request("POST", b"", {}).status == 200 else "later", reason="?")


class Repeating(Counter):
    def hand_over(self, outgoing: Outgoing, row: Row) -> Result:
        with Outgoing(self.config.url, allow_private=True) as open_:
            return super().hand_over(open_, row)


class OverHttp(HttpDestinationSuite):
    __test__ = False
    plugin = Counter


@pytest.fixture
def between(api: Api) -> Iterator[Between]:
    with standing_between(api.url) as between:
        yield between


def over_http(kind: type[Counter], between: Between) -> Counter:
    return kind(CounterConfig(url=between.url), Place("counter", Path()))


def test_trouble_keeps_to_its_times_and_its_place_and_links_stay_between(api: Api, between: Between) -> None:
    api.answer = lambda call: Reply(200, {"next": api.url})

    def told(path: str, body: bytes) -> tuple[int, str]:
        with Outgoing(between.url, allow_private=True) as outgoing:
            answer = outgoing.request("POST", body, {}, path=path)
        return answer.status, answer.body.decode()

    between.trouble = at("/taken$", times(1, answering(503)))
    assert told("/read", b"1")[0] == 200
    assert told("/taken", b"2")[0] == 503
    assert told("/taken", b"3") == (200, json.dumps({"next": between.url}))
    assert [body for *_, body in between.asked] == [b"1", b"2", b"3"]
    assert [call.body for call in api.calls] == [b"1", b"3"]


def test_a_sound_destination_passes_with_a_server_that_is_not_itself(
    between: Between, caplog: pytest.LogCaptureFixture
) -> None:
    suite, counter = OverHttp(), over_http(Counter, between)
    for trouble in NO_ANSWER.values():
        suite.test_what_got_no_answer_is_neither_taken_nor_refused_nor_sent_again(
            counter, between, None, caplog, trouble
        )
    suite.test_a_server_that_asks_to_wait_gets_everything_later(counter, between, 429)
    suite.test_a_web_page_in_the_place_of_an_answer_is_no_answer(counter, between)
    between.trouble = passing
    suite.test_a_sign_in_that_is_refused_rejects_nothing_and_shows_no_secret(counter, between, caplog, 403)
    suite.test_many_rows_go_in_as_many_requests_as_it_takes(counter, between)


def test_what_goes_again_without_an_answer_is_found(between: Between, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(AssertionError, match="went again"):
        OverHttp().test_what_got_no_answer_is_neither_taken_nor_refused_nor_sent_again(
            over_http(Impatient, between), between, None, caplog, losing
        )


def test_a_server_that_is_not_heard_is_found(between: Between) -> None:
    with pytest.raises(AssertionError, match="what the server asks for"):
        OverHttp().test_a_server_that_asks_to_wait_gets_everything_later(over_http(Deaf, between), between, 503)


def test_asking_on_where_everything_has_to_wait_is_found(between: Between) -> None:
    with pytest.raises(AssertionError, match="asks no more"):
        OverHttp().test_a_server_that_asks_to_wait_gets_everything_later(over_http(Pushing, between), between, 429)


def test_taking_a_web_page_for_a_yes_is_found(between: Between) -> None:
    with pytest.raises(AssertionError):
        OverHttp().test_a_web_page_in_the_place_of_an_answer_is_no_answer(over_http(Trusting, between), between)


def test_a_secret_that_the_server_repeats_and_the_plugin_too_is_found(
    between: Between, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(AssertionError, match="kattenluik"):
        OverHttp().test_a_sign_in_that_is_refused_rejects_nothing_and_shows_no_secret(
            over_http(Repeating, between), between, caplog, 401
        )
