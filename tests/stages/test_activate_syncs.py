"""Audience syncs: the difference, only acknowledged rows, guards, and consent (R43)."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.contracts import Result, Row
from hub.errors import TemporaryError
from hub.ledger import UNSUBSCRIBED, Suppression, hashed
from hub.project.segments import Segment
from hub.report import Report
from hub.stages.activate import activate
from hub.warehouse import Warehouse
from hub.warehouse.state import remember
from tests.stages.engagement import KEY, NOW, Recorder, Shop, gold, shop_in

MODES = {"remove": "mirror", "keep": "upsert"}


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Iterator[Shop]:
    with shop_in(tmp_path, warehouse, segments={"gold": Segment(where="true")}, syncs=[gold()]) as opened:
        yield opened
    Recorder.answers.clear()


def member(shop: Shop, number: int, consent: Sequence[str] = ("ads",), **columns: Any) -> None:
    shop.person(number, consent=consent, **{"email": f"p{number}@example.nl", "given_name": f"P{number}", **columns})
    shop.insert("membership", person_id=number, segment="gold", since=NOW)


def leave(shop: Shop, *numbers: int) -> None:
    with shop.warehouse.begin() as transaction:
        membership = transaction.table("membership")
        transaction.execute(membership.delete().where(membership.c.person_id.in_(numbers)))


def run(shop: Shop, later: timedelta = timedelta(0)) -> Report:
    return activate(shop.warehouse, shop.ledger, shop.project, NOW + later)


def calls(shop: Shop) -> list[tuple[str, str]]:
    found = [(entry["operation"], entry["key"]) for entry in shop.taken("ads")]
    (shop.project.folder / "ads.jsonl").unlink(missing_ok=True)
    return sorted(found)


def test_members_with_consent_go_and_only_what_changed_goes_again(shop: Shop) -> None:
    for number in (1, 2, 3):
        member(shop, number)
    assert dict(run(shop).counts) == {"synced": 3}
    assert shop.taken("ads")[0].keys() == {"target", "operation", "key", "email", "first_name", "status"}
    assert shop.taken("ads")[0]["target"] == "Customers A"
    calls(shop)
    assert run(shop).skipped
    assert calls(shop) == []
    shop.update("person", {"person_id": 2}, given_name="Renamed", city="Elsewhere")
    shop.update("person", {"person_id": 3}, city="Elsewhere")
    member(shop, 4)
    leave(shop, 1)
    assert dict(run(shop).counts) == {"synced": 2, "removed": 1}
    assert calls(shop) == [("remove", "1"), ("upsert", "2"), ("upsert", "4")]
    assert shop.rows("audience_state", "sync", "row_key") == [("gold", "2"), ("gold", "3"), ("gold", "4")]


@pytest.mark.parametrize("statements", [[], [("ads", False)], [("email", True)], [("ads", None)]])
def test_without_consent_nobody_goes(shop: Shop, statements: list[tuple[str, bool | None]]) -> None:
    member(shop, 1, consent=())
    for channel, given in statements:
        shop.consent("shop:1", channel, given)
    assert run(shop).skipped
    assert calls(shop) == []


@pytest.mark.parametrize("leaving", ["remove", "keep"])
def test_who_withdraws_consent_is_removed_also_where_leavers_are_kept(shop: Shop, leaving: Any) -> None:
    shop = shop.with_(syncs={"gold": gold(leaving=leaving, mode=MODES[leaving])})
    for number in (1, 2, 3, 4):
        member(shop, number)
    run(shop)
    calls(shop)
    shop.consent("shop:1", "ads", given=False, at=NOW)
    leave(shop, 2)
    run(shop)
    assert calls(shop) == [("remove", "1")] + ([("remove", "2")] if leaving == "remove" else [])


def test_an_empty_key_and_one_that_differing_people_share_are_invalid_before_anything_is_sent(shop: Shop) -> None:
    shop = shop.with_(syncs={"gold": gold(key="email")})
    member(shop, 1, email="same@example.nl")
    member(shop, 2, email="same@example.nl")
    member(shop, 3, email=None)
    member(shop, 4, email=" ")
    member(shop, 5)
    report = run(shop)
    assert dict(report.counts) == {"synced": 1, "invalid": 4}
    assert (report.rows_in, report.rows_out, report.set_aside) == (5, 1, 4)
    assert calls(shop) == [("upsert", "p5@example.nl")]
    assert shop.rows("sync_run", "source", "invalid", "written") == [(5, 4, 1)]


def test_people_who_share_a_key_and_do_not_differ_go_once(shop: Shop) -> None:
    shop = shop.with_(syncs={"gold": gold(key="email", fields={"email": "email"})})
    member(shop, 1, email="same@example.nl")
    member(shop, 2, email="same@example.nl")
    assert dict(run(shop).counts) == {"synced": 1}
    assert run(shop).skipped


def test_a_key_that_becomes_ambiguous_stays_as_it_was_acknowledged(shop: Shop) -> None:
    shop = shop.with_(syncs={"gold": gold(key="email", guards={"removes": "0%"})})
    member(shop, 1, email="same@example.nl")
    run(shop)
    calls(shop)
    member(shop, 2, email="same@example.nl")
    assert dict(run(shop).counts) == {"invalid": 2}
    assert calls(shop) == []
    assert shop.rows("audience_state", "row_key") == ["same@example.nl"]


def test_of_those_who_share_a_key_the_first_goes_where_the_sync_says_so(shop: Shop) -> None:
    shop = shop.with_(syncs={"gold": gold(key="email", shared_key="first")})
    for number in (2, 1, 3):
        member(shop, number, email="same@example.nl")
    assert dict(run(shop).counts) == {"synced": 1}
    assert [entry["first_name"] for entry in shop.taken("ads")] == ["P1"]
    leave(shop, 1)
    run(shop)
    assert [entry["first_name"] for entry in shop.taken("ads")] == ["P1", "P2"]


def test_a_guard_stops_a_run_that_would_remove_too_many_and_nothing_is_sent(shop: Shop) -> None:
    for number in (1, 2, 3, 4):
        member(shop, number)
    run(shop)
    calls(shop)
    leave(shop, 1, 2, 3)
    member(shop, 5)
    (failure,) = run(shop).failures
    assert failure.startswith(
        "sync gold: this run would remove 3 of 4 rows (75%), more than the 50% that `guards: removes` allows; nothing "
        "was sent."
    )
    assert calls(shop) == []
    shop.insert("membership", person_id=2, segment="gold", since=NOW)
    assert run(shop).failures == ()
    assert calls(shop) == [("remove", "1"), ("remove", "3"), ("upsert", "5")]


@pytest.mark.parametrize("leaving", ["remove", "keep"])
def test_a_guard_never_holds_back_the_removal_of_who_withdrew_consent(shop: Shop, leaving: Any) -> None:
    shop = shop.with_(syncs={"gold": gold(leaving=leaving, mode=MODES[leaving], guards={"removes": "0%"})})
    for number in (1, 2, 3, 4):
        member(shop, number)
    run(shop)
    calls(shop)
    for number in (1, 2, 3):
        shop.consent(f"shop:{number}", "ads", given=False, at=NOW)
    leave(shop, 1)
    assert run(shop).failures == ()
    assert calls(shop) == [("remove", "1"), ("remove", "2"), ("remove", "3")]
    assert shop.rows("audience_state", "row_key") == ["4"]


def test_a_guard_that_stops_a_run_still_lets_withdrawals_go_and_counts_only_who_left(shop: Shop) -> None:
    for number in range(1, 7):
        member(shop, number)
    run(shop)
    calls(shop)
    shop.consent("shop:1", "ads", given=False, at=NOW)
    leave(shop, 2, 3, 4, 5)
    member(shop, 7)
    report = run(shop)
    assert report.failures[0].startswith("sync gold: this run would remove 4 of 6 rows (67%), more than the 50%")
    assert "nothing was sent but the removal of 1 who withdrew consent or are suppressed. Look" in report.failures[0]
    assert calls(shop) == [("remove", "1")]
    again = run(shop)
    assert (again.failures, dict(again.counts)) == ((), {"kept_back": 5})
    assert calls(shop) == []
    shop = shop.with_(syncs={"gold": gold(guards={"removes": "90%"})})
    assert run(shop).failures == ()
    assert calls(shop) == [("remove", "2"), ("remove", "3"), ("remove", "4"), ("remove", "5"), ("upsert", "7")]


def test_who_is_suppressed_on_the_channel_leaves_the_audience_past_the_guard_and_does_not_come_back(
    shop: Shop,
) -> None:
    shop = shop.with_(
        syncs={"gold": gold(consent={"channel": "email", "purpose": "marketing"}, guards={"removes": "0%"})}
    )
    for number in (1, 2, 3):
        member(shop, number, consent=("email",))
    member(shop, 4, consent=("email",), email=None)
    run(shop)
    calls(shop)
    shop.ledger.suppressions.add(
        [
            Suppression(hashed(KEY, "email", f"p{number}@example.nl"), "marketing", reason, "test", at)
            for number, reason, at in (
                (1, "complained", NOW),
                (2, UNSUBSCRIBED, NOW),
                (3, UNSUBSCRIBED, NOW - timedelta(days=9)),
            )
        ]
    )
    assert run(shop).failures == ()
    assert calls(shop) == [("remove", "1"), ("remove", "2")]
    assert run(shop).skipped


def test_a_key_that_is_nobodys_any_more_counts_for_the_guard(shop: Shop) -> None:
    shop = shop.with_(syncs={"gold": gold(key="email")})
    for number in (1, 2):
        member(shop, number)
    run(shop)
    calls(shop)
    for number in (1, 2):
        shop.update("person", {"person_id": number}, email=None)
    (failure,) = run(shop).failures
    assert "this run would remove 2 of 2 rows (100%)" in failure
    assert calls(shop) == []


def test_rows_that_failed_stay_different_and_go_again(shop: Shop) -> None:
    for number in (1, 2, 3):
        member(shop, number)
    status = {"1": "accepted", "2": "rejected", "3": "unknown"}
    shop.answer("ads", lambda rows: [Result(row.key, status[row.key]) for row in rows])  # type: ignore[arg-type]
    report = run(shop)
    assert (report.rows_in, report.rows_out, dict(report.counts)) == (3, 1, {"synced": 1, "not_synced": 2})
    assert report.failures == ()
    assert shop.rows("audience_state", "row_key") == ["1"]
    calls(shop)
    Recorder.answers.clear()
    run(shop)
    assert calls(shop) == [("upsert", "2"), ("upsert", "3")]


def test_a_removal_that_failed_is_tried_again(shop: Shop) -> None:
    for number in (1, 2):
        member(shop, number)
    run(shop)
    calls(shop)
    leave(shop, 1)
    shop.answer("ads", lambda rows: [Result(row.key, "later", reason="busy") for row in rows])
    assert run(shop).failures == ("sync gold: none of 1 rows was taken: 1 x busy",)
    Recorder.answers.clear()
    calls(shop)
    run(shop)
    assert calls(shop) == [("remove", "1")]


def test_when_every_row_fails_the_run_fails_with_the_reasons_grouped(shop: Shop) -> None:
    for number in (1, 2, 3):
        member(shop, number)
    shop.answer("ads", lambda rows: [Result(row.key, "rejected", reason="no such audience") for row in rows])
    report = run(shop)
    assert report.failures == ("sync gold: none of 3 rows was taken: 3 x no such audience",)
    assert (report.rows_in, report.set_aside) == (3, 3)


def test_batches_keep_to_the_size_of_the_destination_and_what_was_acknowledged_before_a_break_stays(
    shop: Shop,
) -> None:
    sizes: list[int] = []

    def breaks_off(rows: Sequence[Row]) -> Sequence[Result]:
        sizes.append(len(rows))
        if len(sizes) > 2:
            raise TemporaryError("down", retry_after=600)
        return [Result(row.key, "accepted", f"remote-{row.key}") for row in rows]

    for number in range(1, 251):
        member(shop, number, consent=())
    with shop.warehouse.begin() as transaction:
        record, consent = transaction.table("source_record"), transaction.table("consent")
        values = [sa.literal("shop"), record.c.source_key, record.c.record_id, sa.literal("ads"), sa.true()]
        more = [sa.literal("marketing"), sa.literal(NOW, sa.DateTime(timezone=True))]
        names = ["connection", "source_key", "record_id", "channel", "given", "purpose", "at"]
        transaction.execute(sa.insert(consent).from_select(names, sa.select(*values, *more)))
    shop.answer("ads", breaks_off)
    report = run(shop)
    assert sizes == [100, 100, 50]
    assert report.failures == ("sync gold: ads: down",)
    acknowledged = shop.rows("audience_state", "row_key", "remote_id")
    assert len(acknowledged) == 200
    assert all(remote == f"remote-{key}" for key, remote in acknowledged)


def test_a_run_without_news_compares_nothing_and_news_is_seen(shop: Shop) -> None:
    def segments_evaluated(mark: str) -> None:
        with shop.warehouse.begin() as transaction:
            remember(transaction, "segment", mark, NOW)

    member(shop, 1)
    shop.person(2, consent=("ads",), email="p2@example.nl", given_name="P2")
    segments_evaluated("first")
    run(shop)
    calls(shop)
    with shop.warehouse.begin() as transaction:  # without the mark of the stage before it, this is no news
        membership = transaction.table("membership")
        transaction.execute(sa.insert(membership).values(person_id=2, segment="gold", since=NOW))
    run(shop)
    assert calls(shop) == []
    segments_evaluated("second")
    run(shop)
    assert calls(shop) == [("upsert", "2")]


def test_a_changed_sync_is_news(shop: Shop) -> None:
    member(shop, 1)
    with shop.warehouse.begin() as transaction:
        remember(transaction, "segment", "same", NOW)
    run(shop)
    calls(shop)
    run(shop.with_(syncs={"gold": gold(fields={"email": "email"})}))
    assert calls(shop) == [("upsert", "1")]
