"""`rest`: lists of things from any JSON API, and rows and e-mails to it, described in YAML.

    crm:
      plugin: rest
      url: https://crm.example/api/v2
      auth: {type: bearer, token: ${CRM_TOKEN}}
      resources:
        contacts:
          {path: contacts, data: items, paginate: {by: page, size: 200}, cursor: {field: updated_at, param: since}}

With a cursor only what changed since the last run is asked for and landed; without one a list lands whole when anything
in it changed. The API's `param` must include the moment it is given (>=), as most do.

`objects` and `mail` say what is sent there, and how its answers read: see `plugins.destinations.rest`.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from hub.contracts import (
    Capabilities,
    Check,
    ConnectionConfig,
    Destination,
    Message,
    Plugin,
    Result,
    Sent,
    Source,
    SyncBatch,
)
from hub.errors import ConfigurationError, HubError, TemporaryError
from hub.hookspecs import hookimpl
from hub.incremental import Digest, Moment, mark
from hub.outgoing import NotSentError, Outgoing, check_url, may_be_called
from hub.units import Rate
from plugins.destinations.rest.api import Api
from plugins.destinations.rest.config import Mail, WrittenObject
from plugins.destinations.rest.mail import ask, send_mails, unsubscribe_url
from plugins.destinations.rest.rows import write_rows

if TYPE_CHECKING:
    import socket

    import requests
    from dlt.extract import DltResource
    from dlt.sources.helpers.rest_client.paginators import BasePaginator

ATTEMPTS = 4
LONGEST_WAIT = 60.0
TIMEOUT = 60.0


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Auth(_Part):
    """How the API knows who asks."""

    type: Literal["bearer", "basic", "api_key"] = Field(description="bearer, basic or api_key.")
    token: SecretStr | None = Field(None, description="The token (bearer) or the key (api_key).")
    user: str | None = Field(None, description="The user (basic).")
    password: SecretStr | None = Field(None, description="The password (basic).")
    name: str = Field("Authorization", description="The header or parameter of an api_key.")
    place: Literal["header", "query"] = Field("header", description="Where an api_key goes.")

    @model_validator(mode="after")
    def _complete(self) -> Auth:
        if self.type == "basic" and (self.user is None or self.password is None):
            raise ValueError("basic needs `user` and `password`")
        if self.type != "basic" and self.token is None:
            raise ValueError(f"{self.type} needs `token`")
        return self


class Paginate(_Part):
    """How the API hands out a long list. Paths (`next`, `total`) are JSONPath, such as meta.next."""

    by: Literal["page", "offset", "cursor", "link", "header", "none"] = Field(
        description="page numbers, offsets, a cursor or link in the answer, a Link header, or none: one page."
    )
    param: str | None = Field(None, description="The parameter for the page, the offset or the cursor.")
    size: int | None = Field(None, gt=0, description="How many items a page has.")
    size_param: str | None = Field(None, description="The parameter for the size; by default limit.")
    first: int = Field(1, description="The number of the first page.")
    next: str | None = Field(None, description="Where the answer holds the next cursor or link.")
    total: str | None = Field(
        None, description="Where the answer holds the number of pages or items; else: until a page is empty."
    )


class Cursor(_Part):
    """Which field grows with every change."""

    field: str = Field(description="The field of an item, such as updated_at.")
    param: str | None = Field(
        None, description="The parameter that asks for items from a moment on; without it all are asked for."
    )
    initial: str | int | None = Field(None, description="The value of the parameter in the first run.")


class RestResource(_Part):
    """One list of things."""

    path: str = Field(description="The path below `url`.")
    data: str | None = Field(None, description="Where the answer holds the items (JSONPath); by default it is found.")
    paginate: Paginate = Field(Paginate(by="none"), description="How to get the pages.")
    params: dict[str, str | int | bool] = Field({}, description="Parameters of every request.")
    cursor: Cursor | None = Field(None, description="How to ask for what is new.")


class RestConfig(ConnectionConfig):
    """Which API, which of its lists are read, and what is written there."""

    plugin: Literal["rest"] = "rest"
    url: str = Field(description="What all paths begin with.")
    auth: Auth | None = Field(None, description="How the API knows who asks.")
    headers: dict[str, str] = Field({}, description="Headers of every request; never secrets.")
    resources: dict[str, RestResource] = Field({}, description="The lists to read, by the name of their table.")
    objects: dict[str, WrittenObject] = Field(
        {}, description="What syncs write, by the name that they use; '*' takes every other name, as {audience}."
    )
    mail: Mail | None = Field(None, description="How the e-mails of scenarios are sent.")
    batch_size: int = Field(500, ge=1, description="How many rows or e-mails go over one connection.")
    rate: Rate | None = Field(None, description="The most the API takes: 10/s.")
    retriable: frozenset[int] = Field(
        frozenset({408, 425, 429, 503}), description="Statuses that say: not taken, try again later."
    )
    timeout: float = Field(30.0, gt=0, description="Seconds to wait for the answer to what is sent.")
    allow_private: bool = Field(False, description="The API stands in our own network, or on this machine.")

    @model_validator(mode="after")
    def _does_something(self) -> RestConfig:
        if not (self.resources or self.objects or self.mail):
            raise ValueError("say what is read (`resources`) or what is sent (`objects`, `mail`)")
        return self

    @model_validator(mode="after")
    def _address_is_allowed(self) -> RestConfig:
        try:
            check_url(self.url, allow_private=self.allow_private)
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
        return self


class Rest(Source, Destination):
    """Lands lists of a JSON API, and writes rows and e-mails to it."""

    name: ClassVar[str] = "rest"
    summary: ClassVar[str] = "any JSON API: lists with pages, cursors and logins; rows and e-mails by templates"
    config_model: ClassVar[type[ConnectionConfig]] = RestConfig

    @property
    def capabilities(self) -> Capabilities:
        """What the configuration describes, and no more."""
        mail: Mail | None = self.config.mail
        written = [request for thing in self.config.objects.values() for request, _ in thing.requests()]
        return Capabilities(
            channel="email" if mail is not None else None,
            operations=frozenset(written),
            batch_size=self.config.batch_size,
            rate_per_second=self.config.rate,
            idempotency_window=mail.idempotency_window if mail is not None else None,
            can_ask=mail is not None and mail.ask is not None,
        )

    def check(self) -> Check:
        """Ask for the first page of every list; without lists, open a connection."""
        found = []
        try:
            for name, settings in self.config.resources.items():
                page = next(iter(self._pages(name, settings, None)), [])
                found.append(f"{name} ({len(page)} on the first page)")
            if not found:
                with self._outgoing() as outgoing:
                    outgoing.reach()
                    return Check(True, f"{outgoing.host} can be reached; its sign-in shows with the first request")
        except (HubError, NotSentError) as error:
            return Check(False, str(error))
        return Check(True, f"lists: {', '.join(found)}")

    def send(self, batch: Sequence[Message]) -> Sequence[Result]:
        """Send e-mails, one request each."""
        if self.config.mail is None:
            return super().send(batch)
        with self._outgoing() as outgoing:
            return send_mails(self._api(outgoing), self.config.mail, batch)

    def sync(self, batch: SyncBatch) -> Sequence[Result]:
        """Write rows, as the object that the sync names describes it."""
        things: dict[str, WrittenObject] = self.config.objects
        thing = things.get(batch.target, things.get("*"))
        request = dict(thing.requests()).get(batch.operation) if thing is not None else None
        if request is None:
            able = ", ".join(f"{name} ({', '.join(dict(one.requests()))})" for name, one in things.items())
            raise ConfigurationError(
                f"{self.place.connection} does not say how to {batch.operation} '{batch.target}': {able or 'nothing'} "
                "under `objects`"
            )
        with self._outgoing() as outgoing:
            return write_rows(self._api(outgoing), request, batch)

    def ask(self, sent: Sequence[Sent]) -> Sequence[Result]:
        """Ask the API what became of e-mails."""
        if self.config.mail is None or self.config.mail.ask is None:
            return super().ask(sent)
        with self._outgoing() as outgoing:
            return ask(self._api(outgoing), self.config.mail.ask, sent)

    def unsubscribe_url(self, token: str) -> str:
        """Add the token to the configured address; empty where none is configured."""
        return unsubscribe_url(self.config.mail, token)

    def _outgoing(self) -> Outgoing:
        return Outgoing(self.config.url, allow_private=self.config.allow_private, timeout=self.config.timeout)

    def _api(self, outgoing: Outgoing) -> Api:
        headers, query = _login(self.config.auth)
        return Api(outgoing, {**self.config.headers, **headers}, query, self.config.retriable)

    def resources(self) -> Iterable[DltResource]:
        """Give one resource per list."""
        import dlt

        return [
            dlt.resource(
                self._changed(name, settings, settings.cursor) if settings.cursor else self._whole(name, settings),
                name=name,
            )
            for name, settings in self.config.resources.items()
        ]

    def _whole(self, name: str, settings: RestResource) -> Iterator[Any]:
        """Yield all pages, if the list is not the same as when it was last read; it is held in memory meanwhile."""
        import dlt

        from hub.arrow import table_of

        state = dlt.current.resource_state()
        digest, tables = Digest(), []
        for page in self._pages(name, settings, None):
            digest.add(page)
            tables.append(table_of(page))
        if state.get("digest") != str(digest):
            state["digest"] = str(digest)
            yield from tables

    def _changed(self, name: str, settings: RestResource, cursor: Cursor) -> Iterator[Any]:
        """Yield the items from the last moment on that were not there before, and those without a moment."""
        import dlt

        state = dlt.current.resource_state()
        last = newest = state.get("last")
        reading = {"moment": _Again(state.get("moment", {})), "without": _Again(state.get("without", {}))}
        at_newest = Moment()
        for page in self._pages(name, settings, cursor, last):
            fresh = []
            for item in page:
                value = item.get(cursor.field)
                if value is None or value == last:
                    fresh.extend(reading["without" if value is None else "moment"].new(item))
                elif last is None or _later(value, last, name):
                    fresh.append(item)
                    if newest is None or _later(value, newest, name):
                        newest, at_newest = value, Moment()
                    if value == newest:
                        at_newest.add([item])
            yield fresh
        for group in reading.values():
            yield group.held_back()
        state["last"] = newest
        state["moment"] = reading["moment"].remembered() if newest == last else at_newest.remembered()
        state["without"] = reading["without"].remembered()

    def _pages(
        self, name: str, settings: RestResource, cursor: Cursor | None, last: str | int | None = None
    ) -> Iterator[list[dict[str, Any]]]:
        """Ask for page after page."""
        from dlt.sources.helpers.rest_client.client import RESTClient

        params: dict[str, Any] = dict(settings.params)
        if settings.paginate.size is not None:
            params[settings.paginate.size_param or "limit"] = settings.paginate.size
        if (
            cursor is not None
            and cursor.param is not None
            and (last if last is not None else cursor.initial) is not None
        ):
            params[cursor.param] = last if last is not None else cursor.initial
        with _session(self.config.url, self.config.auth, self.config.allow_private) as session:
            client = RESTClient(self.config.url, headers=dict(self.config.headers), session=session)
            for page in client.paginate(
                settings.path,
                params=params,
                paginator=_paginator(settings.paginate),
                data_selector=settings.data,
                hooks={"response": []},  # the session looks at the status
            ):
                if not all(isinstance(item, dict) for item in page):
                    raise ConfigurationError(f"{name}: the answer holds no list of items; say where it is in `data`")
                yield page


class _Again:
    """Items that the last run may have landed already: those it remembers are not new."""

    def __init__(self, before: dict[str, Any]) -> None:
        self._before = before
        self._seen = set(before.get("seen", ()))
        self._now = Moment()
        self._held: list[dict[str, Any]] = []
        self._came = False

    def new(self, item: dict[str, Any]) -> list[dict[str, Any]]:
        """Give the item back if it is new, as far as can be said now."""
        self._came = True
        self._now.add([item])
        if "digest" in self._before:
            self._held.append(item)
            return []
        return [] if mark(item) in self._seen else [item]

    def held_back(self) -> list[dict[str, Any]]:
        """Give all items that could only be judged together, if they are not the same as before."""
        return [] if self._before.get("digest") == self.remembered().get("digest") else self._held

    def remembered(self) -> dict[str, Any]:
        """Give what to remember now; an API that leaves these items out changes nothing."""
        return self._now.remembered() if self._came else self._before


def _session(url: str, auth: Auth | None, allow_private: bool) -> requests.Session:
    """Give a session that asks again when the API is busy or stumbles, after as long as it says in Retry-After.

    It signs its requests, so it asks the API at `url` only: a link to another host would carry our login there.
    """
    import requests
    import tenacity

    class PatientSession(requests.Session):
        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            retrying = tenacity.Retrying(
                retry=tenacity.retry_if_exception_type(TemporaryError),
                stop=tenacity.stop_after_attempt(ATTEMPTS),
                wait=_pause,
                reraise=True,
            )
            return retrying(self._once, request, options)

        def _once(self, request: requests.PreparedRequest, options: dict[str, Any]) -> requests.Response:
            where = _where(request)
            if urlsplit(str(request.url)).netloc != home:
                raise ConfigurationError(
                    f"{where}: the API's next page is on another host; it is not asked with our login"
                )
            try:
                response = super().send(request, **{"timeout": TIMEOUT, **options})
            except (requests.ConnectionError, requests.Timeout) as error:
                raise TemporaryError(f"{where}: no answer ({type(error).__name__})") from None
            if response.status_code == 429 or response.status_code >= 500:
                raise TemporaryError(f"{where}: the API answers {response.status_code}", _retry_after(response))
            _refuse(response)
            answer = _parse(response)
            response.json = lambda **_: answer  # type: ignore[method-assign]  # or each part of dlt parses it again
            return response

    home = urlsplit(url).netloc
    session = PatientSession()
    session.auth = _signer(auth) if auth is not None else None
    for scheme in ("http://", "https://"):
        session.mount(scheme, _judging_adapter(allow_private))
    return session


def _judging_adapter(allow_private: bool) -> Any:
    """Judge each connection by the address it reached, before anything is sent: a name may lead into our network."""
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    class Judged(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            opened = super()._new_conn()
            if not may_be_called(str(opened.getpeername()[0]), allow_private):
                opened.close()
                raise ConfigurationError(
                    f"{self.host}: this leads to an address that is not public; if you mean it, set "
                    "`allow_private: true` (never for link-local addresses)"
                )
            return opened

    class JudgedTls(Judged, HTTPSConnection):
        """The same, encrypted."""

    class Plain(HTTPConnectionPool):
        ConnectionCls = Judged

    class Encrypted(HTTPSConnectionPool):
        ConnectionCls = JudgedTls

    adapter = HTTPAdapter()
    adapter.poolmanager.pool_classes_by_scheme = {"http": Plain, "https": Encrypted}
    return adapter


def _refuse(response: requests.Response) -> None:
    """Refuse what is no answer, in words that say what to mend."""
    where, status = _where(response.request), response.status_code
    if status in (401, 403):
        raise ConfigurationError(
            f"{where}: the API refuses the login ({status}); mend `auth`, or the rights of its user"
        )
    if status == 404:
        raise ConfigurationError(f"{where}: there is nothing here (404); mend `url` or `path`")
    if status >= 400:
        raise ConfigurationError(
            f"{where}: the API refuses the request ({status}); mend `params`, `paginate` or `cursor`"
        )


def _parse(response: requests.Response) -> Any:
    try:
        return json.loads(response.content)
    except ValueError:
        kind = response.headers.get("Content-Type", "of no type").split(";")[0]
        raise ConfigurationError(
            f"{_where(response.request)}: the answer is no JSON ({kind}); mend `url` or `path`"
        ) from None


def _where(request: Any) -> str:
    return str(request.url).split("?")[0]


def _retry_after(response: requests.Response) -> float | None:
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    text = response.headers.get("Retry-After", "")
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except ValueError:
        return None


def _pause(state: Any) -> float:
    error = state.outcome.exception()
    asked = error.retry_after
    return float(min(asked, LONGEST_WAIT)) if asked is not None else 0.25 * 2 ** (state.attempt_number - 1)


def _login(auth: Auth | None) -> tuple[dict[str, str], dict[str, str]]:
    """Give the headers and the parameters that say who asks."""
    if auth is None:
        return {}, {}
    token = auth.token.get_secret_value() if auth.token else ""
    if auth.type == "basic":
        password = auth.password.get_secret_value() if auth.password else ""
        return {"Authorization": f"Basic {b64encode(f'{auth.user}:{password}'.encode()).decode()}"}, {}
    if auth.type == "bearer":
        return {"Authorization": f"Bearer {token}"}, {}
    return ({auth.name: token}, {}) if auth.place == "header" else ({}, {auth.name: token})


def _signer(auth: Auth) -> Any:
    from dlt.sources.helpers.rest_client.auth import APIKeyAuth, BearerTokenAuth, HttpBasicAuth

    token = auth.token.get_secret_value() if auth.token else ""
    if auth.type == "basic":
        return HttpBasicAuth(auth.user or "", auth.password.get_secret_value() if auth.password else "")
    if auth.type == "bearer":
        return BearerTokenAuth(token)
    return APIKeyAuth(auth.name, token, "header" if auth.place == "header" else "query")


def _paginator(settings: Paginate) -> BasePaginator:
    from dlt.sources.helpers.rest_client import paginators

    if settings.by == "page":
        return paginators.PageNumberPaginator(
            base_page=settings.first, page_param=settings.param or "page", total_path=settings.total
        )
    if settings.by == "offset":
        return paginators.OffsetPaginator(
            limit=settings.size or 100,
            offset_param=settings.param or "offset",
            limit_param=settings.size_param or "limit",
            total_path=settings.total,
        )
    if settings.by == "cursor":
        return paginators.JSONResponseCursorPaginator(settings.next or "next", settings.param or "cursor")
    if settings.by == "link":
        return paginators.JSONLinkPaginator(settings.next or "next")
    return paginators.HeaderLinkPaginator() if settings.by == "header" else paginators.SinglePagePaginator()


def _later(value: Any, than: Any, name: str) -> bool:
    try:
        return bool(value > than)
    except TypeError:
        raise ConfigurationError(
            f"{name}: the cursor's field holds text and numbers; choose another `cursor`"
        ) from None


@hookimpl
def hub_plugins() -> Sequence[type[Plugin]]:
    """Hand over the source."""
    return [Rest]
