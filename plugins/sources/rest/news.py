"""What is new in a list: by the moment that its cursor reached, or by a look back from the API's clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.errors import ConfigurationError, TemporaryError
from hub.incremental import LookBack, Moment, StopsHere, mark
from plugins.sources.rest.config import Cursor, RestResource
from plugins.sources.rest.moments import in_the_form_of, later, same, stamp
from plugins.sources.rest.pages import Page, Pages
from plugins.sources.rest.paging import moment_of


def news(
    pages: Pages, name: str, settings: RestResource, cursor: Cursor, state: dict[str, Any]
) -> Iterator[Page | StopsHere]:
    """Yield what did not land with the run before, and keep in `state` where the next one goes on.

    A list that comes in the order of its cursor ends with StopsHere where the API has no answer for now, once a page of
    it came. Any other raises TemporaryError then.
    """
    if cursor.overlap is not None:
        return _looking_back(pages, name, settings, cursor, cursor.overlap, state)
    return _from_the_last_moment(pages, name, settings, cursor, state)


def _in_parts(pages: Iterator[Page], settings: RestResource, name: str, stops: list[StopsHere]) -> Iterator[Page]:
    """Yield pages until they end, or an API has no answer for now to a list in order: then that is put into `stops`."""
    former: Any = None
    try:
        for page in pages:
            yield page
            if settings.in_order and settings.cursor is not None:
                former = _risen(page, settings.cursor, former, name)
    except TemporaryError as error:
        if former is None:
            raise
        stops.append(StopsHere(error))


def _risen(page: Page, cursor: Cursor, former: Any, name: str) -> Any:
    """Give the last moment of a page that comes in order. Raises ConfigurationError where it does not."""
    for value in (moment_of(item, cursor) for item in page):
        if value is None:
            continue
        if cursor.ordered and former is not None and later(former, value, name):
            raise ConfigurationError(f"{name}: the list is not in the order of {cursor.field}; mend `ordered`")
        former = value
    return former


def _looking_back(
    pages: Pages, name: str, settings: RestResource, cursor: Cursor, overlap: timedelta, state: dict[str, Any]
) -> Iterator[Page | StopsHere]:
    """Begin each run `overlap` before the one before it: an item may appear later than its time says.

    A time in the future does not lead astray: the API's clock says up to where everything is known. What an API that
    can't be asked for news tells from before that is left out.
    """

    def when(item: Any) -> datetime | None:
        return stamp(moment_of(item, cursor), name)

    look_back: LookBack | None = None
    without = _Again(state.get("without", {}))
    came, known = 0, 0
    stops: list[StopsHere] = []
    for page in _in_parts(pages.since(_since(state)), settings, name, stops):
        came += len(page)
        dated = [item for item in page if moment_of(item, cursor) is not None]
        known += len(dated)
        if look_back is None:
            look_back = LookBack(state, pages.clock or datetime.now(UTC), overlap)
        if dated:
            state["like"] = moment_of(dated[0], cursor)
        if cursor.param is None and (after := look_back.after) is not None:
            dated = [item for item in dated if (at := when(item)) is None or at >= after]
        fresh = look_back.fresh(dated, when)
        again = [found for item in page if moment_of(item, cursor) is None for found in without.new(item)]
        yield [*fresh, *again]
    if came and not known:
        raise ConfigurationError(
            f"{name}: not one of its {came} items has a moment at '{cursor.field}', so nothing says which of them are "
            "new; mend `cursor`"
        )
    if look_back is None:
        return
    if stops:
        state["without"] = without.so_far()
        look_back.keep_so_far()
        yield stops[0]
    else:
        yield without.held_back()
        state["without"] = without.remembered()
        look_back.keep()


def _since(state: dict[str, Any]) -> str | int | None:
    """Give the moment to ask from, in the form of the API; None until that is known."""
    if "after" not in state or "like" not in state:
        return None
    return in_the_form_of(state["like"], datetime.fromisoformat(state["after"]))


def _from_the_last_moment(
    pages: Pages, name: str, settings: RestResource, cursor: Cursor, state: dict[str, Any]
) -> Iterator[Page | StopsHere]:
    """Yield the items from the last moment on that were not there before, and those without a moment."""
    last = newest = state.get("last")
    reading = {"moment": _Again(state.get("moment", {})), "without": _Again(state.get("without", {}))}
    at_newest = Moment()
    stops: list[StopsHere] = []
    for page in _in_parts(pages.since(last), settings, name, stops):
        fresh = []
        for item in page:
            value = moment_of(item, cursor)
            if value is None or same(value, last):
                fresh.extend(reading["without" if value is None else "moment"].new(item))
            elif last is None or later(value, last, name):
                fresh.append(item)
                if newest is None or later(value, newest, name):
                    newest, at_newest = value, Moment()
                if same(value, newest):
                    at_newest.add([item])
        yield fresh
    if not stops:
        for group in reading.values():
            yield group.held_back()
    known = {name: group.so_far() if stops else group.remembered() for name, group in reading.items()}
    state["last"] = newest
    state["moment"] = known["moment"] if same(newest, last) else at_newest.remembered()
    state["without"] = known["without"]
    yield from stops


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

    def so_far(self) -> dict[str, Any]:
        """Give what to remember where not all of them have come."""
        now = self._now.remembered()
        if "digest" in self._before or "digest" in now:
            return self._before
        return {"seen": sorted({*self._seen, *now["seen"]})}

    def remembered(self) -> dict[str, Any]:
        """Give what to remember now; an API that leaves these items out changes nothing."""
        return self._now.remembered() if self._came else self._before
