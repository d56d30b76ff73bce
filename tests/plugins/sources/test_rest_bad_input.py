"""The source `rest` and APIs that misbehave: each says what happened, keeps what is good, and can be run again (R7)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hub.contracts import Place
from hub.errors import ConfigurationError, TemporaryError
from hub.lake import REJECTED
from hub.testing.sources import CONNECTION, Landing
from plugins.sources.rest import Rest
from plugins.sources.rest.config import RestConfig
from tests.plugins.vendors.served import Answered, Asked, Served, served

TOKEN = "s3same-0pen"
Vendor = Callable[[Asked], Answered]
PAGED = {"data": "items", "paginate": {"by": "page", "size": 2}}
SINCE = {"field": "at", "param": "since"}
DATE = "Sun, 01 Mar 2026 12:00:00 GMT"


@pytest.fixture
def serve() -> Iterator[Callable[[Vendor], Served]]:
    with ExitStack() as stack:
        yield lambda vendor: stack.enter_context(served(vendor))


def landing(api: Served, folder: Path, whoami: str | None = None, **settings: Any) -> Landing:
    config = RestConfig.model_validate(
        {
            "url": api.url,
            "allow_private": True,
            "auth": {"type": "bearer", "token": TOKEN},
            "whoami": whoami,
            "resources": {"things": {"path": "things", **settings}},
        }
    )
    return Landing(Rest(config, Place(CONNECTION, folder)), folder)


def page(asked: Asked, items: list[dict[str, Any]]) -> Answered:
    start = 2 * (int(asked.query.get("page", 1)) - 1)
    return Answered(200, {"items": items[start : start + 2]})


def ids(landing: Landing) -> list[Any]:
    return [row["id"] for row in landing.rows("things")]


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_ends_between_two_pages_lands_nothing_and_the_next_run_everything(
    serve: Any, tmp_path: Path, status: int
) -> None:
    items = [{"id": number} for number in range(5)]
    ended = [True]

    def api(asked: Asked) -> Answered:
        if ended[0] and asked.query.get("page") == "2":
            return Answered(status, {"error": "no longer"})
        return page(asked, items)

    things = landing(serve(api), tmp_path, **PAGED)
    with pytest.raises(ConfigurationError, match=rf"the API refuses the login \({status}\); mend `auth`"):
        things.run()
    assert ids(things) == []
    ended[0] = False
    things.run()
    assert ids(things) == [0, 1, 2, 3, 4]


def test_an_api_that_answers_a_wrong_key_as_a_stranger_is_asked_first_who_we_are(serve: Any, tmp_path: Path) -> None:
    def api(asked: Asked) -> Answered:
        return Answered(401, {}) if asked.path == "/me" else Answered(200, [{"id": 1}])

    public = serve(api)
    things = landing(public, tmp_path, whoami="me")
    assert "refuses the login (401)" in things.plugin.check().message
    with pytest.raises(ConfigurationError, match=r"/me: the API refuses the login \(401\)"):
        things.run()
    assert {asked.path for asked in public.asked} == {"/me"}


def test_an_error_that_comes_as_200_is_no_empty_list(serve: Any, tmp_path: Path) -> None:
    api = serve(lambda asked: Answered(200, {"error": "invalid token", "result": None}))
    with pytest.raises(ConfigurationError, match="the answer has nothing at 'items'"):
        landing(api, tmp_path / "absent", data="items").run()
    with pytest.raises(ConfigurationError, match="an answer of 200 with an error: invalid token"):
        landing(api, tmp_path / "told", data="items", error_at="error").run()


def test_a_list_that_is_left_out_when_it_is_empty_is_empty_where_the_admin_says_so(serve: Any, tmp_path: Path) -> None:
    things = landing(serve(lambda asked: Answered(200, {})), tmp_path, data="items", may_lack=True)
    assert things.run().loads == ()


def test_a_list_that_is_null_is_empty(serve: Any, tmp_path: Path) -> None:
    assert landing(serve(lambda asked: Answered(200, {"items": None})), tmp_path, data="items").run().loads == ()


def test_a_renamed_list_is_told_and_lands_again_when_the_configuration_is_mended(serve: Any, tmp_path: Path) -> None:
    api = serve(lambda asked: Answered(200, {"records": [{"id": 1}]}))
    with pytest.raises(ConfigurationError, match="nothing at 'items'; mend `data`"):
        landing(api, tmp_path, data="items").run()
    mended = landing(api, tmp_path, data="records")
    mended.run()
    assert ids(mended) == [1]


def test_a_storm_of_429_ends_the_run_and_the_next_one_goes_on(serve: Any, tmp_path: Path) -> None:
    calm = [False]

    def api(asked: Asked) -> Answered:
        if not calm[0] and asked.query["page"] == "2":
            return Answered(429, {}, {"Retry-After": "0"})
        return page(asked, [{"id": number} for number in range(3)])

    things = landing(serve(api), tmp_path, **PAGED)
    with pytest.raises(TemporaryError, match="the API answers 429"):
        things.run()
    assert ids(things) == []
    calm[0] = True
    things.run()
    assert ids(things) == [0, 1, 2]


def test_a_date_in_retry_after_that_is_past_is_waited_for_no_longer(serve: Any, tmp_path: Path) -> None:
    answers = iter([Answered(503, {}, {"Retry-After": DATE}), Answered(200, [{"id": 1}])])
    things = landing(serve(lambda asked: next(answers)), tmp_path)
    began = time.monotonic()
    things.run()
    assert ids(things) == [1]
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "body", [b"<html>Log in</html>", b"", b'{"items": [{"id": 1}'], ids=["HTML", "nothing", "half of it"]
)
def test_a_page_that_is_no_json_lands_nothing_of_the_list(serve: Any, tmp_path: Path, body: bytes) -> None:
    def api(asked: Asked) -> Answered:
        if asked.query["page"] == "2":
            return Answered(200, body, {"Content-Type": "text/html"})
        return page(asked, [{"id": 1}, {"id": 2}, {"id": 3}])

    things = landing(serve(api), tmp_path, **PAGED)
    with pytest.raises(ConfigurationError, match=r"the answer is no JSON \(text/html\)"):
        things.run()
    assert ids(things) == []


def test_an_api_with_smaller_pages_than_it_is_asked_for_loses_nothing(serve: Any, tmp_path: Path) -> None:
    def api(asked: Asked) -> Answered:
        start = int(asked.query["offset"])
        return Answered(200, {"items": [{"id": number} for number in range(7)][start : start + 2], "total": 7})

    paginate = {"by": "offset", "size": 5, "total": "total"}
    things = landing(serve(api), tmp_path, data="items", paginate=paginate)
    things.run()
    assert ids(things) == [0, 1, 2, 3, 4, 5, 6]


def by_moment(items: list[dict[str, Any]]) -> Vendor:
    """Answer with the items from a moment on, in its order, two at a time."""

    def api(asked: Asked) -> Answered:
        found = sorted((one for one in items if one["at"] >= asked.query.get("since", "")), key=lambda one: one["at"])
        start = int(asked.query.get("offset", 0))
        return Answered(200, {"items": found[start : start + 2], "total": len(found)}, {"Date": DATE})

    return api


def hidden(asked: Asked) -> Answered:
    """Six things in pages of two, the second of which is hidden from us; each says in every way that there is more."""
    things = [{"id": number, "at": f"2026-03-01T10:00:{number // 4:02}Z"} for number in range(6)]
    start = int(asked.query.get("offset", 2 * (int(asked.query.get("page", 1)) - 1)))
    left = [one for one in things if one["at"] >= asked.query.get("since", "")]
    shown = [one for one in left[start : start + 2] if one["id"] not in (2, 3)]
    after = start + 2 if start + 2 < len(left) else None
    link = f"/things?offset={after}" if after is not None else None
    head = {"Link": f'<http://{asked.headers["host"]}{link}>; rel="next"'} if link is not None else {}
    told = {"pages": -(-len(left) // 2), "count": len(left), "link": link, "cursor": after}
    return Answered(200, {"items": shown, **told}, head)


@pytest.mark.parametrize(
    "paginate",
    [
        {"by": "page", "total": "pages"},
        {"by": "page", "total": "count", "counts": "items"},
        {"by": "offset", "total": "count"},
        {"by": "cursor", "next": "cursor", "param": "offset"},
        {"by": "link", "next": "link"},
        {"by": "header"},
        {"by": "moment", "total": "count"},
        {"by": "moment", "total": "count", "within": "page"},
    ],
    ids=lambda paginate: " ".join(map(str, paginate.values())),
)
def test_an_empty_page_in_the_middle_is_not_the_end_where_the_api_says_there_is_more(
    serve: Any, tmp_path: Path, paginate: dict[str, Any]
) -> None:
    things = landing(serve(hidden), tmp_path, data="items", paginate={"size": 2, **paginate}, cursor=SINCE)
    things.run()
    assert sorted(ids(things)) == [0, 1, 4, 5]
    assert things.run().loads == ()


@pytest.mark.parametrize("total", ["total", None])
def test_moments_as_pages_lose_and_double_nothing(serve: Any, tmp_path: Path, total: str | None) -> None:
    items = [{"id": number, "at": f"2026-03-01T10:00:0{number // 5}Z"} for number in range(12)]
    things = landing(
        serve(by_moment(items)), tmp_path, data="items", paginate={"by": "moment", "total": total}, cursor=SINCE
    )
    things.run()
    assert ids(things) == list(range(12))
    assert things.run().loads == ()


def test_a_list_in_another_order_than_its_cursor_is_told(serve: Any, tmp_path: Path) -> None:
    items = [{"id": 1, "at": "2026-03-02"}, {"id": 2, "at": "2026-03-01"}]
    api = serve(lambda asked: Answered(200, {"items": items, "total": 3}))
    things = landing(api, tmp_path, data="items", paginate={"by": "moment", "total": "total"}, cursor=SINCE)
    with pytest.raises(ConfigurationError, match="the list is not in the order of at"):
        things.run()


def test_a_clock_that_is_wrong_leads_no_cursor_into_the_future(serve: Any, tmp_path: Path) -> None:
    items = [{"id": 1, "at": "2099-01-01T00:00:00Z"}, {"id": 2, "at": "2026-03-01T11:59:00Z"}]
    things = landing(serve(by_moment(items)), tmp_path, data="items", cursor={**SINCE, "overlap": "10 minutes"})
    things.run()
    items.append({"id": 3, "at": "2026-03-01T11:55:00Z"})
    assert things.run().rows == {"things": 1}
    assert sorted(ids(things)) == [1, 2, 3]
    assert things.run().loads == ()


def test_seconds_since_1970_are_looked_back_from_as_well(serve: Any, tmp_path: Path) -> None:
    noon = 1772366400
    items = [{"id": 1, "at": noon - 60}]

    def api(asked: Asked) -> Answered:
        found = [one for one in items if one["at"] > int(asked.query.get("since", 0))]
        return Answered(200, {"items": found}, {"Date": DATE})

    things = landing(serve(api), tmp_path, data="items", cursor={**SINCE, "after": True, "overlap": "10 minutes"})
    things.run()
    items.append({"id": 2, "at": noon - 600})
    assert things.run().rows == {"things": 1}
    assert things.run().loads == ()


def test_a_field_that_changes_its_type_sets_its_rows_aside_and_keeps_the_others(serve: Any, tmp_path: Path) -> None:
    items: list[dict[str, Any]] = [{"id": 1, "at": "2026-03-01", "points": 7}]
    things = landing(serve(by_moment(items)), tmp_path, data="items", paginate={"by": "moment"}, cursor=SINCE)
    things.run()
    items += [
        {"id": 2, "at": "2026-03-02", "points": "8"},
        {"id": 3, "at": "2026-03-03", "points": "veel"},
    ]
    things.run()
    assert [(row["id"], row["points"]) for row in things.rows("things")] == [(1, 7), (2, 8)]
    (aside,) = things.rows(REJECTED)
    assert "points" in aside["reason"]
    assert "veel" not in aside["reason"]
    assert things.run().loads == ()


def test_null_bytes_are_left_out_and_other_odd_letters_land_as_they_are(serve: Any, tmp_path: Path) -> None:
    items = [{"id": 1, "at": "2026-03-01", "name": "An\u0000na\u2028 \U0001f408"}]
    things = landing(serve(by_moment(items)), tmp_path, data="items", cursor=SINCE)
    things.run()
    assert [row["name"] for row in things.rows("things")] == ["Anna\u2028 \U0001f408"]
    assert things.run().loads == ()


def test_a_list_is_read_for_each_item_of_another_and_names_come_from_there(serve: Any, tmp_path: Path) -> None:
    def api(asked: Asked) -> Answered:
        known = {
            "/events": [{"slug": "a"}, {"slug": "b"}],
            "/events/a/items": [{"id": 1, "name": "Borstelen"}],
            "/events/b/items": [{"id": 2, "name": "Wassen"}],
            "/orders": [{"id": 9, "lines": [{"item": 2}, {"item": 3}]}],
        }
        return Answered(200, {"items": known[asked.path]})

    looked_up = {"item_name": {"list": "items", "by": "item", "field": "name"}}
    config = RestConfig.model_validate(
        {
            "url": serve(api).url,
            "allow_private": True,
            "resources": {
                "events": {"path": "events", "data": "items"},
                "items": {"path": "events/{event}/items", "data": "items", "for_each": {"event": "events.slug"}},
                "orders": {
                    "path": "orders",
                    "data": "items",
                    "lists": {"lines": {"at": "lines", "carry": {"order": "id"}, "look_up": looked_up}},
                },
            },
        }
    )
    things = Landing(Rest(config, Place(CONNECTION, tmp_path)), tmp_path)
    things.run()
    assert [(row["event"], row["name"]) for row in things.rows("items")] == [("a", "Borstelen"), ("b", "Wassen")]
    assert [(row["item"], row["item_name"]) for row in things.rows("lines")] == [(2, "Wassen"), (3, None)]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"paginate": {"by": "moment"}}, "`by: moment` needs a `cursor` with a `param`"),
        ({"path": "things", "for_each": {"event": "events.slug"}}, "`for_each` fills {event} in `path`"),
        ({"path": "x/{event}", "for_each": {"event": "events.slug"}}, "which is no list of its own here"),
        ({"look_up": {"n": {"list": "names", "by": "n", "field": "n"}}}, "which is no list here"),
        ({"cursor": {"field": "at", "overlap": "0 minutes"}}, "`overlap` is longer than nothing"),
    ],
)
def test_a_description_that_can_not_work_is_a_mistake_at_once(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RestConfig.model_validate({"url": "https://x.example", "resources": {"things": {"path": "things", **settings}}})
    assert told in str(caught.value)
