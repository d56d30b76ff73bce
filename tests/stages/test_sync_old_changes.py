"""What syncs sent is kept for as long as the project says, and what a resync needs is kept for ever."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hub.contracts import Result
from hub.project.keep import Keep
from hub.project.segments import Segment
from hub.stages.activate import activate
from hub.warehouse import Warehouse
from tests.stages.engagement import NOW, Recorder, Shop, gold, shop_in
from tests.stages.test_activate_syncs import leave, member

DAY = timedelta(days=1)


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Iterator[Shop]:
    with shop_in(tmp_path, warehouse, segments={"gold": Segment(where="true")}, syncs=[gold()]) as opened:
        yield opened
    Recorder.answers.clear()


def run(shop: Shop, day: int) -> None:
    activate(shop.warehouse, shop.ledger, shop.project, NOW + day * DAY)


def changes(shop: Shop) -> list[tuple[object, ...]]:
    return shop.rows("sync_change", "row_key", "number", "operation", "result")


def test_what_was_sent_is_removed_when_it_is_older_than_is_kept(shop: Shop) -> None:
    for number in (1, 2, 3, 4):
        member(shop, number)
    run(shop, 0)
    leave(shop, 1)
    run(shop, 80)
    run(shop, 90)
    assert len(changes(shop)) == 5, "90 days are not more than 90 days"
    run(shop, 91)
    assert changes(shop) == [("1", 2, "remove", "accepted")]
    assert shop.rows("audience_state", "row_key") == ["2", "3", "4"], "what is acknowledged stays"
    assert len(shop.rows("sync_run", "number")) >= 2, "so does what runs came to"


def test_of_a_row_that_was_never_taken_the_last_attempt_stays(shop: Shop) -> None:
    for number in (1, 2, 3, 4):
        member(shop, number)
    status = {"1": "unknown", "2": "rejected"}
    shop.answer("ads", lambda rows: [Result(it.key, status.get(it.key, "accepted")) for it in rows])  # type: ignore[arg-type]
    for day in (0, 1, 2):
        run(shop, day)
    assert len(changes(shop)) == 8
    leave(shop, 1)
    Recorder.answers.clear()
    run(shop, 50)
    run(shop, 200)
    assert changes(shop) == [("1", 3, "upsert", "unknown")], "it may stand there: a resync takes it out"


def test_a_project_says_how_long(shop: Shop) -> None:
    hub = shop.project.hub.model_copy(update={"keep": Keep(sync_changes="1 week")})
    shop = shop.with_(hub=hub)
    member(shop, 1)
    run(shop, 0)
    run(shop, 7)
    assert len(changes(shop)) == 1
    run(shop, 8)
    assert changes(shop) == []
