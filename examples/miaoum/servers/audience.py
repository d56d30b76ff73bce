"""An advertising platform's audience API: signed batches in, a result per row out."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from examples.miaoum.servers.loopback import Answer, LoopbackServer, Request

TOLERANCE_SECONDS = 300


class AudienceServer(LoopbackServer):
    """POST `/audiences` with `{"audience", "operation": "upsert" | "remove", "rows": [{"key", fields...}]}`.

    The request is signed by Standard Webhooks with `secret` (`whsec_...`): 401 where the signature is wrong or older
    than five minutes. A request id seen before gets the first answer again. Rows without a key, or without any field to
    match on, are rejected one by one. `members` shows who is in which audience; `operations` the rows received by
    operation.
    """

    def __init__(self, secret: str, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._key = base64.b64decode(secret.removeprefix("whsec_"))
        self._clock = clock
        self._lock = Lock()
        self._answered: dict[str, Answer] = {}
        self.members: dict[str, dict[str, Mapping[str, Any]]] = {}
        self.operations = {"upsert": 0, "remove": 0}

    def answer(self, request: Request) -> Answer:
        if (request.method, request.path) != ("POST", "/audiences"):
            return Answer(404, {"error": "audiences are changed with POST /audiences"})
        complaint = self._verify(request)
        if complaint:
            return Answer(401, {"error": complaint})
        batch = request.json() or {}
        name, operation, rows = batch.get("audience"), batch.get("operation"), batch.get("rows")
        if not isinstance(name, str) or operation not in self.operations or not isinstance(rows, list):
            return Answer(400, {"error": "audience, operation (upsert or remove) and rows are needed"})
        with self._lock:
            known = self._answered.get(request.headers["webhook-id"])
            if known is None:
                known = Answer(200, {"results": [self._apply(name, operation, row) for row in rows]})
                self._answered[request.headers["webhook-id"]] = known
            return known

    def _verify(self, request: Request) -> str:
        """What is wrong with the signature; nothing where it is right."""
        identity, stamp = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
        if not identity or not (stamp.isascii() and stamp.isdigit()):
            return "webhook-id and webhook-timestamp are needed"
        if abs(self._clock() - int(stamp)) > TOLERANCE_SECONDS:
            return "webhook-timestamp is more than five minutes away"
        signed = b".".join((identity.encode(), stamp.encode(), request.body))
        expected = hmac.new(self._key, signed, hashlib.sha256).digest()
        for signature in request.headers.get("webhook-signature", "").split():
            version, _, encoded = signature.partition(",")
            try:
                given = base64.b64decode(encoded, validate=True)
            except binascii.Error:
                continue
            if version == "v1" and hmac.compare_digest(given, expected):
                return ""
        return "webhook-signature does not match"

    def _apply(self, audience: str, operation: str, row: Any) -> dict[str, Any]:
        fields = dict(row) if isinstance(row, dict) else {}
        key = fields.pop("key", None)
        if not isinstance(key, str) or not key:
            return {"key": None, "status": "rejected", "reason": "a row needs a key"}
        members = self.members.setdefault(audience, {})
        if operation == "upsert" and not any(fields.values()):
            return {"key": key, "status": "rejected", "reason": "a row needs a field to match on"}
        self.operations[operation] += 1
        if operation == "remove":
            members.pop(key, None)
        else:
            members[key] = fields
        return {"key": key, "status": "accepted", "id": hashlib.sha256(f"{audience}/{key}".encode()).hexdigest()[:16]}
