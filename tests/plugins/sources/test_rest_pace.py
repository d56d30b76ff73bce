"""`rest` keeps to the rates of an API that counts, and waits out one that says it is busy (R7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest

from hub import patience
from hub.contracts import Place
from hub.errors import ConfigurationError, TemporaryError
from hub.stages.land import load as land
from hub.testing.sources import CONNECTION, Landing
from hub.units import Rate
from plugins.sources.rest import Rest
from plugins.sources.rest.config import RestConfig
from plugins.sources.rest.pace import Pace
from plugins.sources.rest.session import ATTEMPTS
from tests.plugins.vendors.served import Answered, Asked, Served, served

DATE = "Sun, 01 Mar 2026 12:00:00 GMT"
ITEMS = [{"id": number} for number in range(24)]
Serve = Callable[[Callable[[Asked], Answered]], Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda vendor: stack.enter_context(served(vendor))


class Counting:
    """An API that takes so many requests in any second, and refuses the others; two items a page."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.refused = 0
        self._times: list[float] = []

    def __call__(self, asked: Asked) -> Answered:
        now = patience.clock.now()
        self._times = [at for at in self._times if at > now - 1]
        if len(self._times) >= self.most:
            self.refused += 1
            return Answered(429, {"error": "too much"}, {"Retry-After": "1"})
        self._times.append(now)
        start = 2 * (int(asked.query.get("page", 1)) - 1)
        return Answered(200, ITEMS[start : start + 2])


def landing(api: Served, folder: Path, **settings: Any) -> Landing:
    lists = {name: {"path": name, "paginate": {"by": "page"}} for name in ("things", "others")}
    config = RestConfig.model_validate({"url": api.url, "allow_private": True, "resources": lists, **settings})
    return Landing(Rest(config, Place(CONNECTION, folder)), folder)


def test_an_api_that_counts_never_has_to_refuse_who_keeps_its_rate(serve: Serve, tmp_path: Path) -> None:
    counting = Counting(most=10)
    things = landing(serve(counting), tmp_path, rate="10/s")
    assert things.run().rows == {"things": 24, "others": 24}
    assert counting.refused == 0


def test_without_a_rate_the_api_refuses_and_everything_comes_all_the_same(serve: Serve, tmp_path: Path) -> None:
    counting = Counting(most=10)
    things = landing(serve(counting), tmp_path)
    assert things.run().rows == {"things": 24, "others": 24}
    assert counting.refused > 0


def test_a_storm_of_refusals_ends_the_run_after_a_few_attempts_and_the_next_run_lands_all(
    serve: Serve, tmp_path: Path
) -> None:
    storm = [True]
    api = serve(lambda asked: Answered(429, {}, {"Retry-After": "0"}) if storm[0] else Counting(99)(asked))
    things = landing(api, tmp_path)
    with pytest.raises(TemporaryError, match="the API answers 429"):
        things.run()
    assert len(api.asked) == ATTEMPTS * land.ATTEMPTS
    storm[0] = False
    assert things.run().rows == {"things": 24, "others": 24}


def test_an_api_that_wants_to_be_left_alone_for_an_hour_is(serve: Serve, tmp_path: Path) -> None:
    api = serve(lambda _: Answered(429, {}, {"Retry-After": "3600"}))
    with pytest.raises(TemporaryError, match="the API answers 429") as raised:
        landing(api, tmp_path).run()
    assert len(api.asked) == 1, "asking sooner would only make it angrier"
    assert raised.value.retry_after == 3600


def test_what_a_day_allows_is_remembered_from_run_to_run(serve: Serve, tmp_path: Path) -> None:
    api = serve(Counting(most=99))
    assert landing(api, tmp_path, rate="30/day").run().rows == {"things": 24, "others": 24}
    asked = len(api.asked)
    with pytest.raises(TemporaryError, match=r"^tested: 30/day is used up; a next run goes on in \d+ minutes"):
        landing(api, tmp_path, rate="30/day").run()
    assert len(api.asked) == 30 > asked


NUMBER = {"/things": 34, "/others": 4}


def in_order(asked: Asked) -> Answered:
    """Answer with what was changed since a moment, in its order, two at a time; three share each second."""
    since, start = asked.query.get("since", ""), int(asked.query.get("offset", 0))
    rows = [{"id": number, "at": f"2026-03-01T10:00:{number // 3:02}Z"} for number in range(NUMBER[asked.path])]
    found = [row for row in rows if row["at"] >= since]
    return Answered(200, {"items": found[start : start + 2], "total": len(found)}, {"Date": DATE})


@pytest.mark.parametrize("overlap", [{}, {"overlap": "10 minutes"}], ids=["from the last moment", "looking back"])
@pytest.mark.parametrize("by", ["moment", "offset"])
def test_an_allowance_that_ends_within_a_long_list_does_not_start_it_anew(
    serve: Serve, tmp_path: Path, by: str, overlap: dict[str, str]
) -> None:
    cursor = {"field": "at", "param": "since", "ordered": by == "offset", **overlap}
    things = {"path": "things", "data": "items", "paginate": {"by": by, "size": 2, "total": "total"}, "cursor": cursor}
    others = {"path": "others", "data": "items", "paginate": {"by": "offset", "size": 2, "total": "total"}}
    api, runs = serve(in_order), []
    for day in range(9):
        one = landing(api, tmp_path, resources={"things": things, "others": others}, rate="12/day")
        (tmp_path / ".hub/rates/tested.json").unlink(missing_ok=True)  # a day later
        with nullcontext() if day > 3 else suppress(TemporaryError):
            one.run()
        ids = [row["id"] for row in one.rows("things")]
        assert ids == list(range(len(ids))), f"day {day}: nothing is lost, doubled, or out of order"
        runs.append(len(ids))
        if "others" in one.lake.tables(CONNECTION):
            break
    assert 0 < runs[0] < runs[1] <= runs[-1] == NUMBER["/things"]
    assert {asked.path for asked in api.asked[:12]} == {"/things"}, "the other list does not ask in vain"
    assert len(one.rows("others")) == NUMBER["/others"]


def test_a_list_in_no_order_comes_whole_or_not_at_all(serve: Serve, tmp_path: Path) -> None:
    things = {"path": "things", "paginate": {"by": "page"}, "cursor": {"field": "id"}}
    one = landing(serve(Counting(99)), tmp_path, resources={"things": things}, rate="5/day")
    with pytest.raises(TemporaryError, match="5/day is used up"):
        one.run()
    assert one.rows("things") == []


def test_an_order_that_is_not_kept_is_told(serve: Serve, tmp_path: Path) -> None:
    items = [{"id": 1, "at": 2}, {"id": 2, "at": 1}]
    things = {"path": "things", "cursor": {"field": "at", "ordered": True}}
    one = landing(serve(lambda _: Answered(200, items)), tmp_path, resources={"things": things})
    with pytest.raises(ConfigurationError, match="the list is not in the order of at; mend `ordered`"):
        one.run()
    assert one.rows("things") == []


class Still(patience.Clock):
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.at = 1_000_000.0

    def now(self) -> float:
        return self.at

    def wait(self, seconds: float) -> None:
        self.at += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Still:
    still = Still()
    monkeypatch.setattr(patience, "clock", still)
    return still


def times(clock: Still, folder: Path, number: int, *rates: Rate) -> list[float]:
    """Say when each of so many requests may go, as seconds after the first."""
    pace, began = Pace(rates, folder, "shop"), clock.at
    found = []
    for _ in range(number):
        with pace.turn():
            found.append(round(clock.at - began, 6))
    return found


def test_no_stretch_of_its_length_has_more_than_a_rate_allows(clock: Still, tmp_path: Path) -> None:
    assert times(clock, tmp_path, 7, Rate(3)) == [0, 0, 0, 1, 1, 1, 2]
    assert times(clock, tmp_path, 7, Rate(3), Rate(4, 60)) == [0, 0, 0, 1, 60, 60, 60]


def test_a_long_rate_frees_what_went_a_stretch_ago_and_no_sooner(clock: Still, tmp_path: Path) -> None:
    assert times(clock, tmp_path, 2, Rate(2, 3600)) == [0, 0]
    with pytest.raises(TemporaryError, match="2/h is used up"):
        times(clock, tmp_path, 1, Rate(2, 3600))
    clock.at += 3600 - 10  # within the patience of a run, counted in parts of 75 seconds
    (waited,) = times(clock, tmp_path, 1, Rate(2, 3600))
    assert 10 <= waited <= 10 + 75


def test_a_clock_that_is_set_back_holds_nothing_up_for_longer_than_the_rate(clock: Still, tmp_path: Path) -> None:
    pace = Pace([Rate(1, 60), Rate(1, 86_400)], tmp_path, "shop")
    with pace.turn():
        clock.at -= 200_000
    began = clock.at
    with pace.turn():
        assert clock.at - began <= 60


def test_a_file_of_counts_that_is_broken_counts_as_none(clock: Still, tmp_path: Path) -> None:
    times(clock, tmp_path, 1, Rate(1, 86_400))
    (tmp_path / ".hub/rates/shop.json").write_text("{", encoding="utf-8")
    assert times(clock, tmp_path, 1, Rate(1, 86_400)) == [0]


def test_a_list_with_a_rate_of_its_own_keeps_that_and_the_one_of_all(clock: Still, tmp_path: Path) -> None:
    began, pace = clock.at, Pace([Rate(3)], tmp_path, "shop")
    exported = pace.of("exported", [Rate(2, 60)])
    assert pace.of("exported", [Rate(2, 60)]) is exported, "it counts from page to page"
    assert pace.of("others", []) is pace
    went = []
    for turn in (exported, exported, pace, pace, exported, exported, exported):
        with turn.turn():
            went.append(round(clock.at - began, 6))
    assert went == [0, 0, 0, 1, 60, 60, 120]


def test_a_list_is_asked_for_at_its_own_rate(serve: Serve, tmp_path: Path) -> None:
    counting = Counting(most=10)
    lists = {"things": {"path": "things", "paginate": {"by": "page"}, "rate": "10/s"}}
    things = landing(serve(counting), tmp_path, resources=lists)
    assert things.run().rows == {"things": 24}
    assert counting.refused == 0
