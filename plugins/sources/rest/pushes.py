"""What an API tells by itself: who sent it, and what rows it brings."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qsl

from hub.contracts import Place, Pushed, Received
from hub.errors import RejectedError
from hub.incoming import secret_path, signed_as, standard_webhook
from hub.templated import value_at
from plugins.sources.rest.config import Push, RestResource
from plugins.sources.rest.shape import shaped

Thing = Mapping[str, Any]
_MOST_FIELDS = 1_000


def received(settings: Push | None, lists: Mapping[str, RestResource], place: Place, request: Pushed) -> Received:
    """Judge a push and give its rows. Raises UnsignedError and RejectedError."""
    if settings is None:
        raise RejectedError("this connection takes no pushes: it has no `push`")
    if settings.ping is not None and re.fullmatch(settings.ping.encode(), request.body):
        return Received("ping", {}, answer="")
    _signed(settings, place, request)
    body = _body(request)
    found = value_at(settings.data, body)
    things = found if isinstance(found, list) else [found]
    if not all(isinstance(thing, dict) for thing in things):
        raise RejectedError(f"the push holds no object at '{settings.data}'")
    rows: dict[str, list[dict[str, Any]]] = {}
    for table, thing in _by_table(settings, request, body, things):
        rows.setdefault(table, []).append(_columns(settings.columns.get(table), body, thing))
    landed: dict[str, list[dict[str, Any]]] = {}
    for table, some in rows.items():
        for name, shapely in shaped(table, lists[table], some, {}) if table in lists else [(table, some)]:
            landed.setdefault(name, []).extend(shapely)
    return Received(_id(settings, request, body, things), landed)


def _signed(settings: Push, place: Place, request: Pushed) -> None:
    secret = settings.secret.get_secret_value()
    if settings.signed == "path":
        secret_path(request, secret)
    elif settings.signed == "standard":
        standard_webhook(request, secret)
    else:
        signed_as(request, settings.scheme, secret, address=_address(place, request))


def _address(place: Place, request: Pushed) -> str:
    """Write the address that the sender was given; empty where the hub is not in the world."""
    if not place.public_url:
        return ""
    return "/".join(filter(None, [place.public_url.rstrip("/"), "in", place.connection, request.path]))


def _body(request: Pushed) -> Any:
    """Read a body: JSON, or a form, in which `data[email]` is the email of data. Raises RejectedError."""
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return _form(request.body)
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError):
        raise RejectedError("the body is no JSON") from None


def _form(body: bytes) -> dict[str, Any]:
    try:
        fields = parse_qsl(body.decode(), strict_parsing=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise RejectedError("the body is no form") from None
    found: dict[str, Any] = {}
    for name, value in fields:
        *above, last = re.findall(r"[^\[\]]+", name) or [name]
        place = found
        for step in above:
            inner = place.setdefault(step, {})
            if not isinstance(inner, dict):
                raise RejectedError(f"the form says two things of '{step}'")
            place = inner
        place[last] = value
    return found


def _by_table(settings: Push, request: Pushed, body: Any, things: list[Thing]) -> Iterator[tuple[str, Thing]]:
    """Give each thing with the table in which it lands; what is about something else is left out."""
    for thing in things:
        if settings.table is not None:
            yield settings.table, thing
            continue
        topic = request.headers.get(settings.topic.lower()) if settings.topic else _at(settings.topic_at, thing, body)
        fitting = (table for about, table in settings.tables.items() if fnmatchcase(str(topic), about))
        if (table := next(fitting, None)) is not None:
            yield table, thing


def _columns(columns: Mapping[str, str] | None, body: Any, thing: Thing) -> dict[str, Any]:
    if columns is None:
        return dict(thing)
    return {column: _at(path, thing, body) for column, path in columns.items()}


def _at(path: str, thing: Thing, body: Any) -> Any:
    """Read a value in a thing, or else in the whole body."""
    found = value_at(path, thing)
    return found if found is not None else value_at(path, body)


def _id(settings: Push, request: Pushed, body: Any, things: list[Thing]) -> str:
    """Sum up what tells this push from others. Raises RejectedError where it does not say."""
    told = [_at(path, thing, body) for thing in things for path in settings.id]
    named = request.headers.get(settings.delivery.lower(), "") if settings.delivery else ""
    if None in told or (settings.delivery and not named):
        needed = " and ".join([*settings.id, *filter(None, [settings.delivery])])
        raise RejectedError(f"the push does not say {needed}, which tell it from others")
    topic = request.headers.get(settings.topic.lower(), "") if settings.topic else ""
    summed = json.dumps([*told, *filter(None, [topic, named])])
    return hashlib.blake2b(summed.encode(), digest_size=16).hexdigest()
