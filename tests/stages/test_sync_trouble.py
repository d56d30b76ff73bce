"""A destination for rows in trouble: told once, left alone, tried with one batch, and no other one hurt (R12, R16)."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from hub.contracts import Result, Row
from hub.errors import TemporaryError
from hub.project.segments import Segment
from hub.recipients import Marks
from hub.report import Report
from hub.stages.activate import activate
from hub.stages.activate.plan import apply_plan, make_plan, run_again
from hub.stages.activate.sync import Stores
from hub.units import Rate
from hub.warehouse import Warehouse
from tests.stages.engagement import KEY, NOW, Recorder, RecorderConfig, Shop, gold, shop_in
from tests.stages.test_activate_syncs import member

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SILVER = gold(sync="silver", to={"connection": "ads", "object": "Customers B"})
CRM = gold(sync="crm", to={"connection": "crm", "object": "contacts"})


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Iterator[Shop]:
    syncs = [gold(), SILVER, CRM]
    with shop_in(tmp_path, warehouse, segments={"gold": Segment(where="true")}, syncs=syncs) as opened:
        shop = opened.connected(crm=RecorderConfig(syncs=True), ads=RecorderConfig(syncs=True, batch_size=2))
        for number in range(1, 7):
            member(shop, number)
        yield shop
    Recorder.answers.clear()


def run(shop: Shop, later: timedelta = timedelta(0)) -> Report:
    return activate(shop.warehouse, shop.ledger, shop.project, NOW + later)


def stores(shop: Shop, later: timedelta = timedelta(0)) -> Stores:
    return Stores(shop.warehouse, shop.ledger, shop.project, NOW + later, Marks(KEY))


def down_after(batches: int, called: list[list[str]], retry_after: float | None = 30) -> object:
    """Take so many batches, and be down from then on."""

    def answer(rows: Sequence[Row]) -> Sequence[Result]:
        called.append([row.key for row in rows])
        if len(called) > batches:
            raise TemporaryError("connection refused", retry_after=retry_after)
        return [Result(row.key, "accepted") for row in rows]

    return answer


def test_it_is_told_once_left_alone_tried_with_one_batch_and_goes_on_from_what_was_acknowledged(shop: Shop) -> None:
    called: list[list[str]] = []
    shop.answer("ads", down_after(1, called))  # type: ignore[arg-type]
    report = run(shop)
    assert report.failures == ("sync gold: ads: connection refused",), "the second sync of it says nothing more"
    assert len(called) == 2
    assert len(shop.taken("crm")) == 6, "another destination gets all of its rows"
    taken = shop.rows("audience_state", "sync", "row_key")
    assert [key for sync, key in taken if sync == "gold"] == sorted(called[0])
    quiet = run(shop, timedelta(seconds=20))
    assert (quiet.failures, len(called)) == ((), 2), "it asked to be left alone for half a minute"
    trial = run(shop, 3 * MINUTE)
    assert (trial.failures, len(called)) == ((), 3), "one batch is the trial"
    (health,) = shop.ledger.destinations.in_trouble()
    assert (health.connection, health.trouble, health.failures) == ("ads", "later", 2)
    shop.answer_again("ads")
    assert run(shop, HOUR).counts == {"synced": 4 + 6}
    assert shop.ledger.destinations.in_trouble() == []
    keys = [(entry["target"], entry["key"]) for entry in shop.taken("ads")]
    assert len(keys) == len(set(keys)) == 12, "what was acknowledged is not sent again"


def test_a_destination_that_takes_no_row_is_left_alone_after_a_few_and_a_batch_that_is_refused_is_an_answer(
    shop: Shop,
) -> None:
    sizes: list[int] = []

    def says(status: str) -> object:
        def answer(rows: Sequence[Row]) -> Sequence[Result]:
            sizes.append(len(rows))
            return [Result(row.key, status, reason="busy") for row in rows]  # type: ignore[arg-type]

        return answer

    shop.answer("ads", says("unknown"))  # type: ignore[arg-type]
    assert run(shop).failures == ("sync gold: ads: takes nothing now: busy",)
    assert sizes == [2, 2, 2]
    sizes.clear()
    shop.answer("ads", says("rejected"))  # type: ignore[arg-type]
    assert [failure[:45] for failure in run(shop, HOUR).failures] == [
        "sync gold: none of 6 rows was taken: 6 x busy",
        "sync silver: none of 6 rows was taken: 6 x bu",
    ]
    assert shop.ledger.destinations.in_trouble() == []


def test_where_calls_go_side_by_side_the_trial_goes_alone(shop: Shop) -> None:
    shop = shop.connected(ads=RecorderConfig(syncs=True, batch_size=1, concurrency=4))
    called: list[list[str]] = []
    shop.answer("ads", down_after(0, called))  # type: ignore[arg-type]
    run(shop)
    called.clear()
    run(shop, HOUR)
    assert len(called) == 1
    shop.answer_again("ads")
    assert run(shop, 5 * HOUR).counts == {"synced": 12}


def test_rows_that_are_to_come_a_moment_later_go_again_in_the_same_run(shop: Shop) -> None:
    called: list[int] = []

    def busy_at_first(rows: Sequence[Row]) -> Sequence[Result]:
        called.append(len(rows))
        busy = len(called) == 1
        return [Result(row.key, "later" if busy else "accepted", retry_after=0.01 if busy else None) for row in rows]

    shop.answer("ads", busy_at_first)
    report = run(shop)
    assert (report.failures, report.counts) == ((), {"synced": 18})
    assert len(called) == 7


def test_a_rate_that_is_used_up_is_no_failure_and_holds_for_the_next_run(shop: Shop) -> None:
    shop = shop.connected(ads=RecorderConfig(syncs=True, batch_size=2, rate=(Rate(3, 86_400),)))
    assert run(shop).failures == ()
    assert len(shop.taken("ads")) == 3
    (health,) = shop.ledger.destinations.in_trouble()
    assert health.trouble == "limit"
    assert run(shop, HOUR).failures == ()
    assert len(shop.taken("ads")) == 3
    runs = shop.rows("sync_run", "sync", "written", "reason")
    assert [run for run in runs if run[0] != "crm"] == [("gold", 3, "ads: as many went as its rates allow")]


def test_who_asks_for_a_run_while_it_is_left_alone_is_told_why_nothing_went(shop: Shop) -> None:
    planned = make_plan(stores(shop), [shop.project.syncs["gold"]])
    shop.answer("ads", down_after(0, []))  # type: ignore[arg-type]
    run(shop)
    (applied,) = apply_plan(stores(shop, timedelta(seconds=5)), planned)
    expected = (
        "ads takes nothing now since 2026-03-02 09:00: connection refused. It is left alone until 2026-03-02 09:00"
    )
    assert applied.failures == (expected,)
    assert run_again(stores(shop), shop.project.syncs["gold"]).failures == (expected,)
