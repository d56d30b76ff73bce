"""An SMS provider's HTTP API: a message once per reference, bad numbers refused."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from threading import Lock

from examples.miaoum.servers.loopback import Answer, LoopbackServer, Request

#: A number that a provider can route: E.164, and in the Netherlands and Belgium a mobile one.
ROUTABLE = re.compile(r"\+(?:316[1-58]\d{7}|324[5-9]\d{7}|(?!31|32)[1-9]\d{7,14})")


@dataclass(frozen=True)
class Sms:
    """One text message on its way to a telephone."""

    id: str
    to: str
    text: str
    reference: str


class SmsServer(LoopbackServer):
    """POST `/messages` with a bearer token and `{"to", "text", "reference"}` answers 202 `{"id"}`.

    The same reference again answers with the same id and sends nothing; with another number or text it is refused with
    409. 401 without the token, 400 for a missing field, 422 for a number that can't be reached. `sent` are the
    messages; `attempts` counts the calls that were accepted, repeated ones too.
    """

    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token
        self._lock = Lock()
        self._sent: dict[str, Sms] = {}
        self.attempts = 0

    @property
    def sent(self) -> list[Sms]:
        with self._lock:
            return list(self._sent.values())

    def answer(self, request: Request) -> Answer:
        if not hmac.compare_digest(request.headers.get("authorization", "").encode(), f"Bearer {self._token}".encode()):
            return Answer(401, {"error": "the bearer token is missing or wrong"})
        if (request.method, request.path) != ("POST", "/messages"):
            return Answer(404, {"error": "messages are sent with POST /messages"})
        fields = request.json() or {}
        to, text, reference = (fields.get(name) for name in ("to", "text", "reference"))
        if not (isinstance(to, str) and isinstance(text, str) and isinstance(reference, str) and text and reference):
            return Answer(400, {"error": "to, text and reference are needed, as text"})
        if not ROUTABLE.fullmatch(to):
            return Answer(422, {"error": "the number can't receive text messages"})
        message = Sms("sms_" + hashlib.sha256(reference.encode()).hexdigest()[:20], to, text, reference)
        with self._lock:
            known = self._sent.setdefault(reference, message)
            self.attempts += 1
        if known != message:
            return Answer(409, {"error": "this reference was used for another message"})
        return Answer(202, {"id": message.id})
