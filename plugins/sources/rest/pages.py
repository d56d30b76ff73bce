"""The pages of a list: asked for one after the other, and refused where the answer is no list."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from hub.contracts import Place
from hub.errors import ConfigurationError
from hub.incremental import mark
from hub.templated import text_at, value_at
from plugins.sources.rest.asking import refuse_absence, refuse_error, with_values
from plugins.sources.rest.config import RestConfig, RestResource
from plugins.sources.rest.moments import a_second_before, written
from plugins.sources.rest.pace import Pace
from plugins.sources.rest.paging import paginator_for
from plugins.sources.rest.session import session_for, tokens_for
from plugins.sources.rest.shape import Known

Page = list[dict[str, Any]]
RECENT = 10_000
"""So many items of a list are remembered while it is read by moments."""


class Pages:
    """The pages of one list, once through. `clock` is the API's own when it gave the first of them."""

    def __init__(self, config: RestConfig, place: Place, pace: Pace, name: str) -> None:
        self._config = config
        self._place = place
        self._name = name
        self._settings: RestResource = config.resources[name]
        self._all = pace
        self._pace = pace.of(name, self._settings.rate)
        self.clock: datetime | None = None

    def since(self, last: str | int | None = None) -> Iterator[Page]:
        """Yield pages of items from a moment on; without one, from the cursor's `initial` or all of them."""
        settings, cursor = self._settings, self._settings.cursor
        params: dict[str, Any] = dict(settings.params)
        if cursor is not None and cursor.param is not None:
            since = cursor.initial if last is None else last
            if cursor.after and last is not None:
                since = a_second_before(last, self._name)
            if since is not None:
                params[cursor.param] = written(since, cursor)
        pages = self._of_each() if settings.for_each else self._of(settings, settings.path, params)
        if cursor is not None and settings.paginate.by == "moment":
            return _without_repetitions(pages)
        return pages

    def _of_each(self) -> Iterator[Page]:
        """Yield the pages for every item of another list; each item says whose it is."""
        settings = self._settings
        ((column, source),) = settings.for_each.items()
        other, _, field = source.partition(".")
        for above in list(Pages(self._config, self._place, self._all, other).since()):
            for value in (value_at(field, item) for item in above):
                for page in self._of(settings, settings.path.replace(f"{{{column}}}", str(value)), settings.params):
                    yield [{**item, column: value} for item in page]

    def _of(self, settings: RestResource, path: str, params: dict[str, Any]) -> Iterator[Page]:
        from dlt.sources.helpers.rest_client.client import RESTClient

        config = self._config
        if settings.paginate.size is not None:
            params = {**params, settings.paginate.size_param or "limit": settings.paginate.size}
        asked: dict[str, Any] = {"params": params}
        if settings.body is not None:
            asked = {"method": "POST", "json": with_values(settings.body, params)}
        with _session(config, self._place, self._pace, self._look) as session:
            client = RESTClient(config.url, headers=dict(config.headers), session=session)
            for page in client.paginate(
                path,
                **asked,
                paginator=paginator_for(settings.paginate, settings.cursor, in_body=settings.body is not None),
                data_selector=settings.data,
                hooks={"response": []},  # the session looks at the status
            ):
                self.clock = self.clock or session.clock
                if not all(isinstance(item, dict) for item in page):
                    raise ConfigurationError(
                        f"{self._name}: the answer holds no list of items; say where it is in `data`"
                    )
                yield page

    def _look(self, where: str, answer: Any) -> None:
        refuse_error(self._settings, where, answer)
        refuse_absence(self._settings, where, answer)


def sign_in(config: RestConfig, place: Place, pace: Pace) -> None:
    """Ask what only somebody who is signed in may read, where the configuration names it. Raises ConfigurationError."""
    if config.whoami is None:
        return
    with _session(config, place, pace, lambda where, answer: None) as session:
        session.get(f"{config.url.rstrip('/')}/{config.whoami.lstrip('/')}", headers=dict(config.headers))


def known_values(config: RestConfig, place: Place, pace: Pace, settings: RestResource) -> Known:
    """Read what other lists know, for the columns that a list looks up in them."""
    known: Known = {}
    for found in settings.look_ups:
        if found not in known:
            items = [item for page in Pages(config, place, pace, found.list).since() for item in page]
            known[found] = {text_at(found.key, item): value_at(found.field, item) for item in items}
    return known


def _session(config: RestConfig, place: Place, pace: Pace, look: Callable[[str, Any], None]) -> Any:
    tokens = tokens_for(config.auth, place, config.allow_private)
    session = session_for(config.url, config.auth, config.allow_private, tokens, look, pace)
    if config.authority is not None:
        session.authority = _certificate(place.folder / config.authority)
    return session


def _certificate(file: Path) -> str:
    """Give the path of a root certificate. Raises ConfigurationError where it is none."""
    try:
        ssl.create_default_context(cafile=file)
    except OSError:
        raise ConfigurationError(f"{file.name} is no file with a certificate (PEM): check `authority`") from None
    return str(file)


def _without_repetitions(pages: Iterator[Page]) -> Iterator[Page]:
    """Leave out what came already: each page begins at the moment with which the one before ended, or just before."""
    recent: dict[str, None] = {}
    for page in pages:
        marks = [mark(item) for item in page]
        yield [item for item, one in zip(page, marks, strict=True) if one not in recent]
        recent.update(dict.fromkeys(marks))
        if len(recent) > 2 * RECENT:
            recent = dict.fromkeys(list(recent)[-RECENT:])
