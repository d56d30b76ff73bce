"""webhook: sends audiences, rows and messages to an address of your own, signed by Standard Webhooks.

    POST {"audience": NAME, "operation": "upsert" | "remove", "rows": [{"key": KEY, FIELD: VALUE, ...}]}
    POST {"channel": CHANNEL, "messages": [{"id": ID, "recipient": {...}, "content": {...}, "data": {...}, ...}]}

The receiver answers 2xx with {"results": [{"key" or "id", "status", "id", "reason"}]}, or with no body: all taken.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import finalize

from hub.contracts import Capabilities, Check, Destination, Message, Proof, Result, SyncBatch
from hub.hookspecs import hookimpl
from hub.outgoing import Answer, NoAnswerError, NotSentError, Outgoing, reason_of, status_of
from plugins.destinations.webhook.answer import read_results
from plugins.destinations.webhook.config import WebhookConfig
from plugins.destinations.webhook.payload import Written, write, write_message, write_row, written_already
from plugins.destinations.webhook.signature import sign

if TYPE_CHECKING:
    from hub.contracts import Plugin


class Webhook(Destination):
    """One signed request per batch, with a result per row.

    A receiver may take the same request id only once. Messages sent again keep their id; rows get a new one each
    time, for a person who leaves an audience and comes back is news.
    """

    name = "webhook"
    summary = "Sends audiences, rows and messages to an HTTP endpoint, signed by Standard Webhooks."
    config_model = WebhookConfig
    proven = (Proof("played contract", "Standard Webhooks", "v1", date(2026, 11, 22)),)
    config: WebhookConfig
    clock: Callable[[], float] = staticmethod(time.time)
    """The receiver compares the time of the signature with its own."""

    @property
    def capabilities(self) -> Capabilities:
        """Rows always; messages where a channel is configured."""
        return Capabilities(
            channel=self.config.channel,
            operations=frozenset({"upsert", "remove"}),
            batch_size=self.config.batch_size,
            rates=self.config.rate,
            concurrency=self.config.concurrency,
            idempotency_window=self.config.idempotency_window,
        )

    def check(self) -> Check:
        """Open a connection, and send nothing."""
        with self._outgoing() as receiver:
            try:
                receiver.reach()
            except NotSentError as error:
                return Check(False, str(error))
            return Check(True, f"{receiver.host} can be reached")

    def send(self, batch: Sequence[Message]) -> Sequence[Result]:
        """Send messages in one request."""
        if self.config.channel is None:
            return super().send(batch)
        written = [write_message(message) for message in batch]
        return self._deliver({"channel": self.config.channel}, "messages", written, occasion="")

    def sync(self, batch: SyncBatch) -> Sequence[Result]:
        """Write or remove rows in one request."""
        envelope = {"audience": batch.target, "operation": batch.operation}
        ready = written_already(batch)
        if ready is None:
            written = [write_row(row, batch.operation) for row in batch.rows]
            return self._deliver(envelope, "rows", written, occasion=repr(self.clock()))
        body = write(envelope, "rows", ready)
        answer = self._ask(self._receiver, _identity(body, repr(self.clock())), body)
        if isinstance(answer, Answer):
            if status_of(answer, self.config.retriable) == "accepted" and not answer.body.strip():
                return [Result(key, "accepted") for key in batch.keys]
            outcomes = self._read(answer, [write_row(row, batch.operation) for row in batch.rows])
            return [outcomes[key] for key in batch.keys]
        return [replace(answer, id=key) for key in batch.keys]

    def _deliver(
        self, envelope: Mapping[str, str], name: str, written: Sequence[Written], occasion: str
    ) -> list[Result]:
        good = [item for item in written if not item.reason]
        outcomes = {item.id: Result(item.id, "rejected", reason=item.reason) for item in written if item.reason}
        if good:
            body = write(envelope, name, [item.json for item in good])
            outcomes |= self._post(_identity(body, occasion), body, good)
        return [outcomes[item.id] for item in written]

    def _post(self, identity: str, body: bytes, items: Sequence[Written]) -> dict[str, Result]:
        with self._outgoing() as receiver:
            answer = self._ask(receiver, identity, body)
        if isinstance(answer, Answer):
            return self._read(answer, items)
        return {item.id: replace(answer, id=item.id) for item in items}

    def _ask(self, receiver: Outgoing, identity: str, body: bytes) -> Answer | Result:
        """Send a request; without an answer, say what that means for all that was in it."""
        try:
            return receiver.request("POST", body, self._headers(identity, body))
        except NotSentError as error:
            return Result("", "later", reason=str(error))
        except NoAnswerError as error:
            return Result("", "unknown", reason=str(error))

    def _read(self, answer: Answer, items: Sequence[Written]) -> dict[str, Result]:
        status = status_of(answer, self.config.retriable)
        if status == "accepted":
            return read_results(answer.body, items)
        reason = reason_of(answer, *(word for item in items for word in item.personal))
        wait = answer.retry_after if status == "later" else None
        return {item.id: Result(item.id, status, reason=reason, retry_after=wait) for item in items}

    def _headers(self, identity: str, body: bytes) -> dict[str, str]:
        timestamp = int(self.clock())
        return {
            "Content-Type": "application/json; charset=utf-8",
            "webhook-id": identity,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(self.config.secret.get_secret_value(), identity, timestamp, body),
            **{name: secret.get_secret_value() for name, secret in self.config.headers.items()},
        }

    @cached_property
    def _receiver(self) -> Outgoing:
        """Keep a connection open between batches of rows, for as long as this object is used."""
        receiver = self._outgoing()
        finalize(self, receiver.close)
        return receiver

    def _outgoing(self) -> Outgoing:
        return self.config.outgoing()


def _identity(body: bytes, occasion: str) -> str:
    return "msg_" + hashlib.sha256(occasion.encode() + body).hexdigest()[:32]


@hookimpl
def hub_plugins() -> list[type[Plugin]]:
    """Hand over the destination."""
    return [Webhook]
