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

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

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
from hub.errors import ConfigurationError, HubError
from hub.hookspecs import hookimpl
from hub.incremental import Digest, Moment, mark
from hub.outgoing import Outgoing
from hub.templated import value_at
from plugins.destinations.rest.api import Api
from plugins.destinations.rest.config import Mail, WrittenObject
from plugins.destinations.rest.mail import ask, send_mails, unsubscribe_url
from plugins.destinations.rest.rows import write_rows
from plugins.sources.rest.asking import refuse_error, with_values
from plugins.sources.rest.config import Cursor, RestConfig, RestResource
from plugins.sources.rest.session import login, paginator_for, session_for, tokens_for
from plugins.sources.rest.shape import shaped

if TYPE_CHECKING:
    from dlt.extract import DltResource


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
            rates=self.config.rate,
            concurrency=self.config.concurrency,
            one_by_one=True,
            idempotency_window=mail.idempotency_window if mail is not None else None,
            can_ask=mail is not None and mail.ask is not None,
        )

    def check(self) -> Check:
        """Ask for the first page of every list; without lists, open a connection."""
        found = []
        try:
            for name, settings in self.config.resources.items():
                page = next(iter(self._pages(name, settings, settings.cursor)), [])
                found.append(f"{name} ({len(page)} on the first page)")
            if not found:
                with self._outgoing() as outgoing:
                    outgoing.reach()
                    return Check(True, f"{outgoing.host} can be reached; its sign-in shows with the first request")
        except HubError as error:
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
        tokens = tokens_for(self.config.auth, self.place, self.config.allow_private)
        headers, query = login(self.config.auth)
        return Api(outgoing, {**self.config.headers, **headers}, query, self.config.retriable, tokens)

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
            tables += [(table, table_of(rows)) for table, rows in shaped(name, settings, page)]
        if state.get("digest") != str(digest):
            state["digest"] = str(digest)
            for table, rows in tables:
                yield dlt.mark.with_table_name(rows, table)

    def _changed(self, name: str, settings: RestResource, cursor: Cursor) -> Iterator[Any]:
        """Yield the items from the last moment on that were not there before, and those without a moment."""
        import dlt

        for items in self._news(name, settings, cursor):
            for table, rows in shaped(name, settings, items):
                yield dlt.mark.with_table_name(rows, table)

    def _news(self, name: str, settings: RestResource, cursor: Cursor) -> Iterator[list[dict[str, Any]]]:
        import dlt

        state = dlt.current.resource_state()
        last = newest = state.get("last")
        reading = {"moment": _Again(state.get("moment", {})), "without": _Again(state.get("without", {}))}
        at_newest = Moment()
        for page in self._pages(name, settings, cursor, last):
            fresh = []
            for item in page:
                value = item[cursor.field] if cursor.field in item else value_at(cursor.field, item)
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
            since = last if last is not None else cursor.initial
            if cursor.after and last is not None:
                since = _a_second_before(last, name)
            params[cursor.param] = since if cursor.write == "{value}" else cursor.write.replace("{value}", str(since))
        asked: dict[str, Any] = {"params": params}
        if settings.body is not None:
            asked = {"method": "POST", "json": with_values(settings.body, params)}
        tokens = tokens_for(self.config.auth, self.place, self.config.allow_private)
        look = partial(refuse_error, settings)
        with session_for(self.config.url, self.config.auth, self.config.allow_private, tokens, look) as session:
            client = RESTClient(self.config.url, headers=dict(self.config.headers), session=session)
            for page in client.paginate(
                settings.path,
                **asked,
                paginator=paginator_for(settings.paginate, in_body=settings.body is not None),
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


def _a_second_before(moment: str | int, name: str) -> str | int:
    """Give a moment (ISO 8601 text in the form that it has, or seconds) a second earlier."""
    if isinstance(moment, int):
        return moment - 1
    try:
        earlier = datetime.fromisoformat(moment) - timedelta(seconds=1)
    except ValueError:
        raise ConfigurationError(
            f"{name}: the cursor's field holds no moments in ISO 8601, which `after` needs"
        ) from None
    text = earlier.isoformat(timespec="auto" if "." in moment else "seconds")
    return text.replace("+00:00", "Z") if moment.endswith("Z") else text


def _later(value: Any, than: Any, name: str) -> bool:
    """Compare two values of the cursor's field; moments with an offset as moments: clocks are put back in autumn."""
    try:
        return bool(_in_order(value) > _in_order(than))
    except TypeError:
        raise ConfigurationError(
            f"{name}: the cursor's field holds text and numbers; choose another `cursor`"
        ) from None


_WITH_OFFSET = re.compile(r"\d{4}-\d\d-\d\d[T ].*[+-]\d\d:?\d\d")


def _in_order(value: Any) -> Any:
    if isinstance(value, str) and _WITH_OFFSET.fullmatch(value):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return value
    return value


@hookimpl
def hub_plugins() -> Sequence[type[Plugin]]:
    """Hand over the source."""
    return [Rest]
