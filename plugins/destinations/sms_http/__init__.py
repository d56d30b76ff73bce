"""sms_http: sends text messages through any provider with an HTTP API, by configuration."""

from __future__ import annotations

import json
import unicodedata
from base64 import b64encode
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from hub.contracts import (
    Capabilities,
    Check,
    Destination,
    Message,
    PhoneRecipient,
    Proof,
    Pushed,
    Received,
    Result,
)
from hub.errors import ConfigurationError, RejectedError
from hub.hookspecs import hookimpl
from hub.in_turn import in_turn
from hub.normalise.phone import parse_phone
from hub.normalise.sms import sms_parts
from hub.outgoing import NoAnswerError, NotSentError, Outgoing, clean_reason, reason_of, status_of, words_of
from hub.templated import filled, parsed, text_at, value_at
from plugins.destinations.sms_http import pushes
from plugins.destinations.sms_http.config import SmsHttpConfig
from plugins.destinations.sms_http.pushes import PushesConfig
from plugins.destinations.sms_http.signatures import judge

if TYPE_CHECKING:
    from hub.contracts import Plugin


class SmsHttp(Destination):
    """One request per message, over one connection per batch.

    The message's id is the reference: within the provider's idempotency window, the same reference is taken once.
    """

    name = "sms_http"
    summary = "Sends text messages through a provider's HTTP API; takes delivery reports and STOP answers."
    config_model = SmsHttpConfig
    default_mapping = Path(__file__).parents[3] / "mappings" / "sms_http.yaml"
    proven = (Proof("real system", "Kannel", "1.4.5", date(2026, 11, 22)),)
    config: SmsHttpConfig

    @property
    def capabilities(self) -> Capabilities:
        """Text messages, idempotent for as long as the provider remembers a reference."""
        return Capabilities(
            channel="sms",
            batch_size=self.config.batch_size,
            rates=self.config.rate,
            concurrency=self.config.concurrency,
            idempotency_window=self.config.idempotency_window,
            one_by_one=True,
        )

    def check(self) -> Check:
        """Open a connection, and sign in where an address for that is known; no message is sent."""
        with self._outgoing() as provider:
            try:
                if self.config.pushes is not None:
                    self._address(self.config.pushes)
                provider.reach()
                if self.config.whoami is not None:
                    return self._signed_in(self.config.whoami)
            except (NotSentError, NoAnswerError, ConfigurationError) as error:
                return Check(False, str(error))
            return Check(True, f"{provider.host} can be reached; its sign-in shows with the first message")

    def send(self, batch: Sequence[Message]) -> Sequence[Result]:
        """Send one text message per message; a provider that is down, or takes nothing now, lets the rest wait."""
        with self._outgoing() as provider:
            return in_turn(batch, lambda message: [message.id], lambda message: [self._send(message, provider)])

    def webhook(self, request: Pushed) -> Received:
        """Take a delivery report, or an answer: STOP and the like are refusals of text messages."""
        if self.config.pushes is None:
            raise ConfigurationError(f"{self.place.connection}: say under `pushes` who may push, and how it reads")
        judge(request, self.config.pushes, self._address(self.config.pushes))
        return pushes.read(request, self.config.pushes)

    def _send(self, message: Message, provider: Outgoing) -> Result:
        values = self._values(message)
        secrets = {name: secret.get_secret_value() for name, secret in self.config.secrets.items()}
        values |= secrets
        headers = self._signs()
        content, kind = self._content(values)
        query = {name: str(value) for name, value in _given(filled(self.config.query, values)).items()}
        answer = provider.request(self.config.method, content, {"Accept": "application/json", **kind, **headers}, query)
        status = status_of(answer, self.config.retriable)
        hidden = (*words_of([values["phone"], values["text"]]), *secrets.values())
        if status == "accepted" and self.config.error_at and value_at(self.config.error_at, parsed(answer.body)):
            said = clean_reason(answer.body.decode("utf-8", "replace"), *hidden)
            return Result(message.id, "rejected", reason=f"an answer of {answer.status} with an error: {said}")
        remote_id = text_at(self.config.id_at, parsed(answer.body)) if status == "accepted" else ""
        reason = reason_of(answer, *hidden)
        if status == "later" and answer.holds_for_all:
            raise NotSentError(reason, answer.retry_after)
        return Result(message.id, status, remote_id, reason)

    def _values(self, message: Message) -> dict[str, Any]:
        """Give what the fields may hold. Raises RejectedError where the message is not sent."""
        text = unicodedata.normalize("NFC", message.content.get("text", "").strip())
        if not text:
            raise RejectedError("it has no text")
        size = sms_parts(text)
        if size.parts > self.config.max_parts:
            raise RejectedError(f"the text takes {size.parts} parts, and at most {self.config.max_parts} are allowed")
        phone = reachable(message)
        return {
            "id": message.id,
            "phone": phone,
            "digits": phone.removeprefix("+"),
            "text": text,
            "sender": self.config.sender,
            "coding": "0" if size.encoding == "GSM-7" else "2",
            "receipt_url": self._receipt_url(message),
        }

    def _receipt_url(self, message: Message) -> str | None:
        """Give where the delivery report of a message goes; None where nobody said where the hub is."""
        taken = self.config.pushes
        if taken is None or taken.receipts is None or not (taken.url or self.place.public_url):
            return None
        return f"{self._address(taken)}?{urlencode({'message': message.id})}"

    def _address(self, taken: PushesConfig) -> str:
        """Give the address that takes pushes. Raises ConfigurationError where nobody said where the hub is."""
        base = taken.url or self.place.public_url
        if not base:
            raise ConfigurationError(
                f"{self.place.connection}: delivery reports and STOP answers need the `public_url` of hub.yaml, "
                "or `url` under `pushes`"
            )
        secret = f"/{taken.secret.get_secret_value()}" if taken.signed == "address" else ""
        return f"{base}/in/{self.place.connection}{secret}"

    def _signed_in(self, whoami: str) -> Check:
        with self._outgoing(whoami) as provider:
            answer = provider.request("GET", b"", {"Accept": "application/json", **self._signs()})
            if status_of(answer, self.config.retriable) == "accepted":
                return Check(True, f"{provider.host} takes the sign-in")
            return Check(False, f"{provider.host}: {reason_of(answer)}")

    def _signs(self) -> dict[str, str]:
        return {name: secret.get_secret_value() for name, secret in self.config.headers.items()} | self._login()

    def _login(self) -> dict[str, str]:
        if self.config.user is None or self.config.password is None:
            return {}
        written = f"{self.config.user}:{self.config.password.get_secret_value()}"
        return {"Authorization": f"Basic {b64encode(written.encode()).decode()}"}

    def _content(self, values: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
        if not self.config.body:
            return b"", {}
        body = _given(filled(self.config.body, values))
        if self.config.encoding == "form":
            return urlencode(body).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
        return json.dumps(body, ensure_ascii=False).encode(), {"Content-Type": "application/json; charset=utf-8"}

    def _outgoing(self, url: str | None = None) -> Outgoing:
        return self.config.outgoing(url=url)


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    """Leave out what has no value."""
    return {name: value for name, value in fields.items() if value is not None}


def reachable(message: Message) -> str:
    """Give the number to write to. Raises RejectedError for what is no mobile number of a person."""
    if not isinstance(message.recipient, PhoneRecipient):
        raise RejectedError("the recipient has no telephone number")
    phone = parse_phone(message.recipient.phone, "NL") if message.recipient.phone.startswith("+") else None
    if phone is None:
        raise RejectedError("the telephone number is not valid (E.164, with its plus)")
    if phone.kind == "machine":
        raise RejectedError("the number belongs to a machine (097), not to a person")
    if phone.kind != "mobile":
        raise RejectedError("the number is not a mobile one")
    return phone.e164


@hookimpl
def hub_plugins() -> list[type[Plugin]]:
    """Hand over the destination."""
    return [SmsHttp]
