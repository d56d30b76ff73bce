"""Reading what a library sent: a JSON object, perhaps compressed, with one call or a batch of them."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from hub.errors import RejectedError
from hub.serve.body import body_of

LARGEST = 512 * 1024
"""Bytes of one request, also once it is unpacked; libraries keep to 500 kB."""
LARGEST_CALL = 32 * 1024
MOST_CALLS = 2_500

CALLS: Mapping[str, str] = {
    **{name: name for name in ("track", "identify", "page", "screen", "group", "alias")},
    **{"t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias"},
}
"""What a call is, by the end of its address; browsers use the short forms."""
BATCHES = ("batch", "b", "import")
KINDS = frozenset(CALLS.values())

Call = dict[str, Any]


@dataclass(frozen=True)
class Sent:
    """One request: its write key, its calls, the library's clock when it was sent, and how many calls were no calls."""

    write_key: str
    calls: tuple[Call, ...]
    sent_at: str
    refused: int = 0


async def read(request: Request, name: str) -> Sent:
    """Read a request to `/v1/<name>`. Raises RejectedError, and HTTPException for a body that is too large."""
    body = await body_of(request, LARGEST)
    if request.headers.get("content-encoding", "").lower() == "gzip":
        body = _unpacked(body)
    return sent(_object(body), name, _basic(request.headers.get("authorization", "")))


async def read_call(request: Request) -> tuple[str, Mapping[str, Any]]:
    """Read one object and its write key. Raises RejectedError, and HTTPException for a body that is too large."""
    given = _object(await body_of(request, LARGEST_CALL))
    return _basic(request.headers.get("authorization", "")) or _text(given.get("writeKey")), given


def read_pixel(request: Request, name: str) -> Sent:
    """Read a call that came as the address of an image: `?data=` and base64. Raises RejectedError."""
    written = request.query_params.get("data", "")
    if len(written) > LARGEST_CALL:
        raise HTTPException(413)
    try:
        body = base64.b64decode(written.replace("-", "+").replace("_", "/") + "=" * (-len(written) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise RejectedError("the data of a pixel are no base64") from None
    return sent(_object(body), name, "")


def sent(given: Mapping[str, Any], name: str, key: str) -> Sent:
    """Take a request's object apart; what stands around a batch holds for its calls."""
    write_key = key or _text(given.get("writeKey"))
    if name not in BATCHES:
        return Sent(write_key, (_checked({**given, "type": CALLS[name]}),), _text(given.get("sentAt")))
    batch = given.get("batch")
    if not isinstance(batch, list) or not all(isinstance(call, dict) for call in batch):
        raise RejectedError("a batch is a list of calls")
    if len(batch) > MOST_CALLS:
        raise RejectedError(f"a batch holds at most {MOST_CALLS} calls")
    shared = {key: given[key] for key in ("context", "integrations") if isinstance(given.get(key), dict)}
    calls = []
    for call in batch:
        try:
            calls.append(_checked({**shared, **call}))
        except RejectedError:  # the others go on: a library would send the whole batch again, or lose it
            continue
    if batch and not calls:
        raise RejectedError(
            "no call of the batch is one of track, identify, page, screen, group, alias, of 32 kB at most"
        )
    return Sent(write_key, tuple(calls), _text(given.get("sentAt")), len(batch) - len(calls))


def _checked(call: Call) -> Call:
    if call.get("type") not in KINDS:
        raise RejectedError("a call is track, identify, page, screen, group or alias")
    call.pop("writeKey", None)
    try:
        size = len(json.dumps(call, ensure_ascii=False).encode())
    except (UnicodeEncodeError, RecursionError):
        raise RejectedError("a call is no text in Unicode") from None
    if size > LARGEST_CALL:
        raise RejectedError("a call is larger than 32 kB")
    return call


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise RejectedError("the body is no JSON") from None
    if not isinstance(given, dict):
        raise RejectedError("the body is no JSON object")
    return given


def _unpacked(body: bytes) -> bytes:
    """Unpack gzip, no further than is allowed: a small body may hold gigabytes."""
    unpacking = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacking.decompress(body, LARGEST + 1)
    except zlib.error:
        raise RejectedError("the body is no gzip") from None
    if len(unpacked) > LARGEST:
        raise HTTPException(413)
    return unpacked


def _basic(header: str) -> str:
    """Give the name of Basic authentication: the write key stands there, without a password."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(encoded.strip(), validate=True).decode().partition(":")[0]
    except (binascii.Error, ValueError):
        return ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
