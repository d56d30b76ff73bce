"""What an API tells by itself: who sent it, and what rows it brings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from hub.contracts import Pushed, Received
from hub.errors import RejectedError
from hub.incoming import secret_path, signed_body, standard_webhook
from hub.templated import value_at
from plugins.sources.rest.config import Push, RestResource
from plugins.sources.rest.shape import shaped


def received(settings: Push | None, lists: Mapping[str, RestResource], request: Pushed) -> Received:
    """Judge a push and give its rows. Raises UnsignedError and RejectedError."""
    if settings is None:
        raise RejectedError("this connection takes no pushes: it has no `push`")
    _signed(settings, request)
    body = _body(request)
    found = value_at(settings.data, body)
    rows = found if isinstance(found, list) else [found]
    if not all(isinstance(row, dict) for row in rows):
        raise RejectedError(f"the push holds no object at '{settings.data}'")
    told = [value_at(path, body) for path in settings.id]
    topic = request.headers.get(settings.topic.lower(), "") if settings.topic else ""
    if any(part is None for part in told):
        raise RejectedError(f"the push does not say {' and '.join(settings.id)}, which tell it from others")
    id_ = hashlib.blake2b(json.dumps([*told, topic] if topic else told).encode(), digest_size=16).hexdigest()
    table = settings.table if settings.table is not None else settings.tables.get(topic)
    if table is None:
        return Received(id_, {})
    return Received(id_, dict(shaped(table, lists[table], rows, {})) if table in lists else {table: rows})


def _signed(settings: Push, request: Pushed) -> None:
    secret = settings.secret.get_secret_value()
    if settings.signed == "path":
        secret_path(request, secret)
    elif settings.signed == "header":
        signed_body(request, settings.header, secret, encoding=settings.encoding, prefix=settings.prefix)
    else:
        standard_webhook(request, secret)


def _body(request: Pushed) -> Any:
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError):
        raise RejectedError("the body is no JSON") from None
