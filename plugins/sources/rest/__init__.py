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

`push` says what the API tells by itself. `objects` and `mail` say what is sent there, and how its answers read: see
`plugins.destinations.rest`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

from hub.contracts import (
    Capabilities,
    Check,
    ConnectionConfig,
    Destination,
    Erasable,
    Message,
    Place,
    Plugin,
    Proof,
    Pushed,
    Received,
    Result,
    Sent,
    Source,
    SyncBatch,
)
from hub.errors import ConfigurationError, HubError, TemporaryError
from hub.hookspecs import hookimpl
from hub.incremental import Digest, StopsHere
from hub.outgoing import Outgoing
from plugins.destinations.rest.api import Api
from plugins.destinations.rest.config import Mail, WrittenObject
from plugins.destinations.rest.erase import erase_records
from plugins.destinations.rest.mail import ask, own_unsubscribe_url, send_mails
from plugins.destinations.rest.rows import write_rows
from plugins.sources.rest.config import Cursor, RestConfig, RestResource
from plugins.sources.rest.news import news
from plugins.sources.rest.pace import Pace
from plugins.sources.rest.pages import Pages, known_values, sign_in
from plugins.sources.rest.pushes import received
from plugins.sources.rest.session import login, tokens_for
from plugins.sources.rest.shape import shaped

if TYPE_CHECKING:
    from dlt.extract import DltResource


Piece = tuple[str, Any] | StopsHere
"""Rows of a table, by its name; or that a list stops here."""


class RestConnection(Plugin):
    """What reading and writing share: a connection to one API."""

    name: ClassVar[str] = "rest"
    summary: ClassVar[str] = "any JSON API: lists with pages, cursors and logins; rows and e-mails by templates"
    config_model: ClassVar[type[ConnectionConfig]] = RestConfig
    proven: ClassVar[tuple[Proof, ...]] = (
        Proof("real system", "Redmine", "5.0.4", date(2026, 11, 22)),
        Proof("real system", "pretix", "2026.8.0", date(2026, 11, 22)),
        Proof("real system", "Matomo", "5.3.1", date(2026, 11, 22)),
    )

    def __init__(self, config: RestConfig, place: Place) -> None:
        """Keep the pace of all lists together: they are lists of one API."""
        super().__init__(config, place)
        self._pace = Pace(config.rate, place.folder, place.connection)

    def check(self) -> Check:
        """Ask for the first page of every list; without lists, open a connection."""
        found = []
        try:
            sign_in(self.config, self.place, self._pace)
            for name in self.config.resources:
                page = next(Pages(self.config, self.place, self._pace, name).since(), [])
                found.append(f"{name} ({len(page)} on the first page)")
            if not found:
                with self._outgoing() as outgoing:
                    outgoing.reach()
                    if self.config.whoami is not None:
                        return Check(True, f"{outgoing.host} takes the sign-in")
                    return Check(True, f"{outgoing.host} can be reached; its sign-in shows with the first request")
        except HubError as error:
            return Check(False, str(error))
        return Check(True, f"lists: {', '.join(found)}")

    def webhook(self, request: Pushed) -> Received:
        """Keep what the API tells by itself, once by what the configuration calls its id."""
        return received(self.config.push, self.config.resources, self.place, request)

    @property
    def can_erase(self) -> bool:
        """Whether the configuration says how."""
        return bool(self.config.erase)

    def erase(self, records: Sequence[Erasable]) -> Sequence[Result]:
        """Erase records, one request each."""
        if not self.config.erase:
            return super().erase(records)
        with self._outgoing() as outgoing:
            return erase_records(self._api(outgoing), self.config.erase, records)

    def _outgoing(self) -> Outgoing:
        authority = self.place.folder / self.config.authority if self.config.authority is not None else None
        outgoing: Outgoing = self.config.outgoing(authority)
        return outgoing

    def _api(self, outgoing: Outgoing) -> Api:
        tokens = tokens_for(self.config.auth, self.place, self.config.allow_private)
        headers, query = login(self.config.auth)
        return Api(outgoing, {**self.config.headers, **headers}, query, self.config.retriable, tokens)


class RestSource(RestConnection, Source):
    """Lands lists of a JSON API."""

    def resources(self) -> Iterable[DltResource]:
        """Give one resource per list; once one has to stop, the others do not ask in vain."""
        import dlt

        self._stopped: StopsHere | None = None
        return [
            dlt.resource(self._landed(name, settings), name=name) for name, settings in self.config.resources.items()
        ]

    def _landed(self, name: str, settings: RestResource) -> Iterator[Any]:
        """Yield what is new in a list. Where the API has no answer now, what can be kept is, and the run says so."""
        import dlt

        if self._stopped is not None:
            return
        pieces = self._changed(name, settings, settings.cursor) if settings.cursor else self._whole(name, settings)
        came = False
        try:
            for piece in pieces:
                if isinstance(piece, StopsHere):
                    yield self._stop(piece, settings)
                    continue
                table, rows = piece
                came = True
                yield dlt.mark.with_table_name(rows, table)
        except TemporaryError as error:
            if came:
                raise
            yield self._stop(StopsHere(error), settings)

    def _stop(self, reason: StopsHere, settings: RestResource) -> StopsHere:
        """Stop a list; and the others with it, unless it has a rate of its own."""
        if not settings.rate:
            self._stopped = reason
        return reason

    def _whole(self, name: str, settings: RestResource) -> Iterator[Piece]:
        """Yield all pages, if the list is not the same as when it was last read; it is held in memory meanwhile."""
        import dlt

        from hub.arrow import table_of

        state = dlt.current.resource_state()
        digest, tables = Digest(), []
        sign_in(self.config, self.place, self._pace)
        known = known_values(self.config, self.place, self._pace, settings)
        for page in Pages(self.config, self.place, self._pace, name).since():
            digest.add(page)
            tables += [(table, table_of(rows)) for table, rows in shaped(name, settings, page, known)]
        if state.get("digest") != str(digest):
            state["digest"] = str(digest)
            yield from tables

    def _changed(self, name: str, settings: RestResource, cursor: Cursor) -> Iterator[Piece]:
        """Yield what is new since the last run."""
        import dlt

        state = dlt.current.resource_state()
        sign_in(self.config, self.place, self._pace)
        known = known_values(self.config, self.place, self._pace, settings)
        for items in news(Pages(self.config, self.place, self._pace, name), name, settings, cursor, state):
            if isinstance(items, StopsHere):
                yield items
            else:
                yield from shaped(name, settings, items, known)


class RestDestination(RestConnection, Destination):
    """Writes rows and e-mails to a JSON API."""

    @property
    def capabilities(self) -> Capabilities:
        """What the configuration describes, and no more."""
        mail: Mail | None = self.config.mail
        written = [operation for thing in self.config.objects.values() for operation in thing.operations]
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

    def send(self, batch: Sequence[Message]) -> Sequence[Result]:
        """Send e-mails, one request each."""
        if self.config.mail is None:
            return super().send(batch)
        with self._outgoing() as outgoing:
            return send_mails(self._api(outgoing), self.config.mail, batch, self.unsubscribe_url)

    def sync(self, batch: SyncBatch) -> Sequence[Result]:
        """Write rows, as the object that the sync names describes it."""
        things: dict[str, WrittenObject] = self.config.objects
        thing = things.get(batch.target, things.get("*"))
        if thing is None or batch.operation not in thing.operations:
            able = ", ".join(f"{name} ({', '.join(one.operations)})" for name, one in things.items())
            raise ConfigurationError(
                f"{self.place.connection} does not say how to {batch.operation} '{batch.target}': {able or 'nothing'} "
                "under `objects`"
            )
        with self._outgoing() as outgoing:
            return write_rows(self._api(outgoing), thing, batch)

    def ask(self, sent: Sequence[Sent]) -> Sequence[Result]:
        """Ask the API what became of e-mails."""
        if self.config.mail is None or self.config.mail.ask is None:
            return super().ask(sent)
        with self._outgoing() as outgoing:
            return ask(self._api(outgoing), self.config.mail.ask, sent)

    def unsubscribe_url(self, token: str) -> str:
        """Add the token to the configured address; without one it is the hub's own page, where that is served."""
        return own_unsubscribe_url(self.config.mail, token) or super().unsubscribe_url(token)


class Rest(RestSource, RestDestination):
    """Lands lists of a JSON API, and writes rows and e-mails to it."""


@hookimpl
def hub_plugins() -> Sequence[type[Plugin]]:
    """Hand over the plugin; it says itself what it was proven against."""
    return [Rest]
