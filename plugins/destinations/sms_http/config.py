"""What an admin configures for sms_http: how one message becomes one request of the provider's API."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from hub.errors import suggest
from hub.outgoing import AddressConfig
from hub.templated import placeholders
from hub.units import Duration, Rates
from plugins.destinations.sms_http.pushes import PushesConfig

VALUES = ("id", "phone", "digits", "text", "sender", "coding", "receipt_url")


class SmsHttpConfig(AddressConfig):
    """The request, what the answer means, and the limits."""

    url: str
    method: Literal["POST", "PUT", "GET"] = "POST"
    headers: dict[str, SecretStr] = Field(
        default_factory=dict, description='Headers of every request: {Authorization: "Bearer ${SMS_KEY}"}.'
    )
    user: str | None = Field(None, description="The name to sign in with (basic), and its `password`.")
    password: SecretStr | None = None
    secrets: dict[str, SecretStr] = Field(
        default_factory=dict, description="Secrets by a name of your own, for providers that want them in the body."
    )
    whoami: str | None = Field(
        None, description="An address that is answered only to those who are signed in, for `hub doctor`."
    )
    body: dict[str, Any] = Field(
        default_factory=dict,
        description="The fields of the request. {phone} is +31612345678, {digits} the same without plus, {text} the "
        "message, {id} our reference, {coding} 0 where the text fits the alphabet of telephones and 2 where it needs "
        "UCS-2, {sender} and the names under `secrets` what is written there, {receipt_url} the address of the hub "
        "for the delivery report of this message (see `pushes`); where a field is nothing else, and nobody said where "
        "the hub is, it is left out.",
    )
    query: dict[str, Any] = Field(
        default_factory=dict, description="The same, behind the question mark of the address."
    )
    encoding: Literal["json", "form"] = Field("json", description="How the body is written.")
    sender: str = Field("", description="The name or number that a telephone shows.")
    id_at: str = Field("id", description="Where the provider's id stands in its answer: id, or messages.0.id.")
    error_at: str | None = Field(
        None, description="Where an answer of 200 holds an error; nothing, 0 or an empty value there means taken."
    )
    retriable: frozenset[int] = Field(
        frozenset({408, 425, 429, 503}), description="Statuses that say: not taken, try again later."
    )
    idempotency_window: Duration | None = Field(
        None, description="How long the provider takes the same reference only once: 24 hours. None if it does not."
    )
    max_parts: int = Field(3, ge=1, description="Longer texts are rejected: a provider charges per part.")
    rate: Rates = Field((), description="The most the provider takes: 10/s, or [10/s, 5000/day].")
    concurrency: int = Field(1, ge=1, le=32, description="How many connections may be open at once.")
    batch_size: int = Field(100, ge=1, description="How many messages go over one connection.")
    pushes: PushesConfig | None = Field(
        None, description="Delivery reports and answers (STOP) that the provider pushes to `/in/<connection>`."
    )

    @field_validator("body", "query")
    @classmethod
    def _fields_are_text(cls, value: dict[str, Any]) -> dict[str, Any]:
        placeholders(value)
        return value

    @model_validator(mode="after")
    def _request_is_complete(self) -> Self:
        used = placeholders(self.body) | placeholders(self.query)
        known = {*VALUES, *self.secrets}
        for name in sorted(used - known):
            near = suggest(name, known)
            raise ValueError(f"there is no value {{{name}}}.{near or ' Known: ' + ', '.join(sorted(known))}")
        if not used & {"phone", "digits"} or "text" not in used:
            raise ValueError("body or query must hold {phone} or {digits}, and {text}")
        if self.idempotency_window is not None and "id" not in used:
            raise ValueError("idempotency_window needs {id} in body or query: the provider knows a message by it")
        if "receipt_url" in used and (self.pushes is None or self.pushes.receipts is None):
            raise ValueError("{receipt_url} needs `pushes` with `receipts`: what comes there must be understood")
        if (self.user is None) != (self.password is None):
            raise ValueError("`user` and `password` belong together")
        if self.method == "GET" and self.body:
            raise ValueError("a GET request has no body: write the fields under `query`")
        return self
