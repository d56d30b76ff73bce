"""What comes back about text messages, pushed to the hub: delivery reports, and what people answer.

Rows of `receipts`: event_id, message_key, type (delivered, bounced), code, status (the provider's own word), at.
Rows of `replies`: reply_id, phone, text, refuses, at. An answer that refuses (STOP) is a refusal of text messages:
the hub suppresses the number before it answers the push.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Literal, Self
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from hub.contracts import Pushed, Received
from hub.errors import ConfigurationError, RejectedError
from hub.incoming import REFUSALS, json_object, refusal
from hub.normalise.phone import parse_phone
from hub.normalise.stop_words import STOP_WORDS, refuses
from hub.outgoing import check_url
from hub.templated import as_text, value_at

FAILED = "5.0.0"
"""The status code (RFC 3463) of a message that did not arrive: the number may be fine, so three in 30 days suppress."""

GONE = "5.1.1"
"""That of a number that does not exist: nothing goes there any more."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Receipts(_Part):
    """How a delivery report reads. All values are places: a parameter, a field of the form, or a path in the JSON."""

    message: str = Field("message", description="Where {id} stands; {receipt_url} brings it along as `message`.")
    status: str = Field(description="Where the status stands; what has none is no delivery report.")
    delivered: frozenset[str] = Field(description="The statuses that mean: it is on the telephone.")
    failed: frozenset[str] = Field(description="The statuses that mean: it will not arrive.")
    code: str | None = Field(None, description="Where the reason of a failure stands.")
    gone: frozenset[str] = Field(
        frozenset(), description="The codes that mean: there is no such number. It is not written to any more."
    )
    at: str | None = Field(
        None, description="Where the moment stands (ISO 8601 with its offset, or seconds since 1970)."
    )


class Replies(_Part):
    """How an answer of a telephone reads, and what ends it."""

    sender: str = Field("from", description="Where the number stands that it came from.")
    text: str = Field("text", description="Where its text stands; what has none is no answer.")
    id: str | None = Field(None, description="Where its own id stands, by which one that comes twice is known.")
    at: str | None = Field(None, description="Where its moment stands, as in a delivery report.")
    region: str = Field("NL", pattern="^[A-Z]{2}$", description="Whose numbers come without a country code.")
    words: tuple[str, ...] = Field(STOP_WORDS, description="The words that withdraw consent for text messages.")
    confirmation: str = Field(
        "", description="The answer to a refusal, for gateways that send on what the hub answers (Kannel)."
    )


class PushesConfig(_Part):
    """Who may push, and how it reads."""

    signed: Literal["address", "hmac", "twilio", "messagebird"] = Field(
        "address",
        description="How it is known who pushes: by the secret at the end of `/in/<connection>/<secret>`, "
        "by an HMAC-SHA-256 of the body in `header`, or as Twilio and MessageBird sign.",
    )
    secret: SecretStr = Field(description="The secret of the address, or the key of the signature.")
    header: str | None = Field(None, description="The header that holds the HMAC.")
    encoding: Literal["base64", "hex"] = Field("hex", description="How the HMAC is written.")
    prefix: str = Field("", description="What stands before the HMAC, such as sha256=.")
    url: str | None = Field(
        None, description="Where the gateway reaches the hub, if not at the `public_url` of hub.yaml."
    )
    each: str | None = Field(None, description="Where the list stands in a push of several: results.")
    receipts: Receipts | None = Field(None, description="How delivery reports read.")
    replies: Replies | None = Field(None, description="How answers read.")

    @field_validator("url")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                check_url(value, allow_private=True)  # the gateway may stand beside the hub
            except ConfigurationError as error:
                raise ValueError(str(error)) from None
        return value.rstrip("/") if value is not None else None

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if not self.secret.get_secret_value():
            raise ValueError("the secret is empty: everybody could push")
        if (self.signed == "hmac") != (self.header is not None):
            raise ValueError("`header` is for `signed: hmac`, which needs it")
        if self.receipts is None and self.replies is None:
            raise ValueError("say how `receipts` read, or `replies`, or both")
        return self


def read(request: Pushed, config: PushesConfig) -> Received:
    """Turn a push into rows. Raises RejectedError for what is neither a delivery report nor an answer."""
    entries = _entries(request, config.each)
    ids: list[str] = []
    rows: dict[str, list[Mapping[str, Any]]] = {"receipts": [], "replies": [], REFUSALS: []}
    answer = ""
    for place, entry in enumerate(entries):
        if config.receipts is not None and (status := _text(config.receipts.status, entry)):
            row = _receipt(entry, status, config.receipts, request.received_at)
            if row is not None:
                ids.append(row["event_id"])
                rows["receipts"].append(row)
        elif config.replies is not None and _text(config.replies.text, entry):
            row = _reply(entry, place, config.replies, request.received_at)
            ids.append(f"reply:{row['reply_id']}")
            rows["replies"].append(row)
            if row["refuses"]:
                answer = config.replies.confirmation
                if row["phone"]:
                    rows[REFUSALS].append(refusal("sms", row["phone"], row["at"]))
        else:
            raise RejectedError("it is neither a delivery report nor an answer: look at `receipts` and `replies`")
    id_ = ids[0] if len(ids) == 1 else sha256("\n".join(ids).encode()).hexdigest()
    return Received(id_, {table: listed for table, listed in rows.items() if listed}, answer)


def _receipt(entry: Any, status: str, how: Receipts, received_at: datetime) -> dict[str, Any] | None:
    """Give the row; None for a report that settles nothing: on its way, or about a message of somebody else."""
    message = _text(how.message, entry)
    if not message or status not in how.delivered | how.failed:
        return None
    code = _text(how.code, entry)
    failed = f"{GONE if code in how.gone else FAILED} {code}".strip()
    return {
        "event_id": f"{message}:{status}:{code}",
        "message_key": message,
        "type": "delivered" if status in how.delivered else "bounced",
        "code": None if status in how.delivered else failed,
        "status": status,
        "at": _moment(_text(how.at, entry), received_at).isoformat(),
    }


def _reply(entry: Any, place: int, how: Replies, received_at: datetime) -> dict[str, Any]:
    """Give the row. An answer without an id of its own is known by its moment: STOP may come again another day."""
    text, sender = _text(how.text, entry), _text(how.sender, entry)
    at = _moment(_text(how.at, entry), received_at)
    own = f"{sender}|{text}|{received_at.isoformat()}|{place}"
    return {
        "reply_id": _text(how.id, entry) or sha256(own.encode(errors="surrogatepass")).hexdigest(),
        "phone": number_of(sender, how.region),
        "text": text,
        "refuses": refuses(text, how.words),
        "at": at.isoformat(),
    }


def number_of(text: str, region: str) -> str | None:
    """Read the number of a sender, which providers write with a plus, with 00, or with its country code alone."""
    written = text.strip()
    international = parse_phone(f"+{written}", region) if written[:1] in "123456789" else None
    phone = international or parse_phone(written, region)
    return phone.e164 if phone is not None else None


def _moment(text: str, received_at: datetime) -> datetime:
    """Read a moment that says what it means; else take our own clock. Nothing happens after it was told."""
    try:
        at = datetime.fromtimestamp(int(text), UTC) if text.isdigit() else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return received_at
    return min(at.astimezone(UTC), received_at) if at.tzinfo is not None else received_at


def _entries(request: Pushed, each: str | None) -> Sequence[Any]:
    values = {**request.query, **_body(request)}
    if each is None:
        return [values]
    listed = value_at(each, values)
    if not isinstance(listed, list):
        raise RejectedError(f"there is no list at '{each}'")
    return listed


def _body(request: Pushed) -> Mapping[str, Any]:
    if not request.body.strip():
        return {}
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    return json_object(request)


def _text(path: str | None, entry: Any) -> str:
    """Read a value as text; what is structured is none."""
    value = value_at(path, entry) if path else None
    return as_text(value).strip() if isinstance(value, str | int | float) else ""
