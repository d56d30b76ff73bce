"""Page after page, in ways that lose no item: also where items change or go while the list is read."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hub.errors import ConfigurationError
from hub.templated import value_at
from plugins.sources.rest.config import Cursor, Paginate
from plugins.sources.rest.moments import a_second_before, later, written

if TYPE_CHECKING:
    import requests
    from dlt.sources.helpers.rest_client.paginators import BasePaginator


def paginator_for(settings: Paginate, cursor: Cursor | None, in_body: bool = False) -> BasePaginator:
    """Make what asks for page after page; `in_body` says that parameters are paths in the body."""
    paginator = _paginator(settings, cursor, in_body)
    if settings.until:
        follow = paginator.update_state

        def follow_or_end(response: requests.Response, data: list[Any] | None = None) -> None:
            follow(response, data)
            answer = response.json()
            if all(value_at(path, answer) is said for path, said in settings.until.items()):
                paginator._has_next_page = False

        paginator.update_state = follow_or_end  # type: ignore[method-assign]  # of any of them alike
    return paginator


def _paginator(settings: Paginate, cursor: Cursor | None, in_body: bool) -> BasePaginator:
    from dlt.sources.helpers.rest_client import paginators

    where = "body_path" if in_body else "param"
    if settings.by == "moment" and cursor is not None:
        return _by_moment(settings, cursor)
    if settings.counts == "items":
        return _until_all_items(settings)
    if settings.by == "page":
        page: dict[str, Any] = {f"page_{where}": settings.param or "page"}
        page["stop_after_empty_page"] = settings.total is None
        return paginators.PageNumberPaginator(base_page=settings.first, total_path=settings.total, **page)
    if settings.by == "offset":
        return _by_offset(settings, where)
    if settings.by == "cursor":
        next_: dict[str, Any] = {f"cursor_{where}": settings.param or "cursor"}
        return paginators.JSONResponseCursorPaginator(settings.next or "next", **next_)
    if settings.by == "link":
        return paginators.JSONLinkPaginator(settings.next or "next")
    return paginators.HeaderLinkPaginator() if settings.by == "header" else paginators.SinglePagePaginator()


def _by_offset(settings: Paginate, where: str) -> BasePaginator:
    """Go on after the items that came; where the list became shorter meanwhile, begin that far before them again.

    An API may give fewer items than it is asked for; and what is deleted between two pages moves all that follows.
    Where it counts them, a page without any (all of it is hidden from us) is not the last.
    """
    from dlt.sources.helpers.rest_client.paginators import OffsetPaginator

    class Offset(OffsetPaginator):
        former: int | None = None

        def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
            if settings.total is None:
                self.current_value += len(data or ())
                self._has_next_page = bool(data)
                return
            total = _number(settings.total, response)
            gone = (self.former or total) - total
            step = len(data or ()) or self.limit
            self.current_value = max(0, self.current_value - gone) if gone > 0 else self.current_value + step
            self.former = total
            self._has_next_page = self.current_value < total

    params: dict[str, Any] = {
        f"offset_{where}": settings.param or "offset",
        f"limit_{where}": settings.size_param or "limit",
    }
    return Offset(limit=settings.size or 100, total_path=settings.total, **params)


def _until_all_items(settings: Paginate) -> BasePaginator:
    """Ask for as many pages as the items fill: some APIs answer what is beyond with their last page again."""
    from dlt.sources.helpers.rest_client.paginators import PageNumberPaginator

    class Counted(PageNumberPaginator):
        def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
            super().update_state(response, data)
            total = _number(settings.total or "", response)
            if (self.current_value - settings.first) * (settings.size or 1) >= total:
                self._has_next_page = False

    param = settings.param or "page"
    paginator = Counted(base_page=settings.first, page_param=param, total_path=None)
    paginator.stop_after_empty_page = False  # the count says where the end is
    return paginator


def _by_moment(settings: Paginate, cursor: Cursor) -> BasePaginator:
    """Ask for what follows the moment of the last item; its items come again, and are known by then.

    Only where a page does not get beyond the moment it began with, it goes on by offset or page. (Some APIs cut
    moments to seconds, and give those of the second before as well.) Without `total` the end is a page without items;
    with it, such a page is one of which all is hidden from us.
    """
    from dlt.sources.helpers.rest_client.paginators import BasePaginator

    param = settings.param or settings.within

    class ByMoment(BasePaginator):
        moment: Any = None
        former: Any = None
        read = 0
        page = settings.first

        def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
            self.read += len(data or ()) or settings.size or 1
            ends = not data if settings.total is None else self.read >= _number(settings.total, response)
            if ends or not data:
                self._has_next_page = not ends
                self.page += 1
                return
            where = urlsplit(str(response.url)).path
            stamps = [self.former, *(moment_of(item, cursor) for item in (data[0], data[-1]))]
            _, first, last = stamps
            if first is None or last is None or _falls([one for one in stamps if one is not None], where):
                raise ConfigurationError(
                    f"{where}: the list is not in the order of {cursor.field}, which `by: moment` needs"
                )
            if self.moment is None or later(last, self.moment, where):
                self.moment, self.former, self.read, self.page = last, None, 0, settings.first
            else:
                self.former = last
                self.page += 1

        def update_request(self, request: requests.Request) -> None:
            if not self._has_next_page:
                return
            asked: Any = request.params
            if self.moment is not None:
                since = a_second_before(self.moment, str(request.url)) if cursor.after else self.moment
                asked[cursor.param] = written(since, cursor)
            asked.pop(param, None)
            if self.read:
                asked[param] = self.read if settings.within == "offset" else self.page

    return ByMoment()


def _falls(moments: list[Any], where: str) -> bool:
    return any(later(one, other, where) for one, other in pairwise(moments))


def moment_of(item: Any, cursor: Cursor) -> Any:
    """Read the cursor's field of an item."""
    return item[cursor.field] if cursor.field in item else value_at(cursor.field, item)


def _number(path: str, response: requests.Response) -> int:
    total = value_at(path, response.json())
    if isinstance(total, str) and total.isdigit():
        return int(total)
    if not isinstance(total, int) or isinstance(total, bool):
        raise ConfigurationError(f"{str(response.url).split('?')[0]}: no number at `total`, {path}")
    return total
