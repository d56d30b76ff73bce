"""Who belongs where, and since when: on DuckDB and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from hub.errors import ConfigurationError
from hub.people.segments import segment_problems
from hub.report import Report
from hub.stages.enrich import enrich
from hub.stages.segment import segment
from hub.warehouse import Warehouse
from hub.warehouse.state import remember
from tests.stages.world import NOON, fact, project, record, resolve, rows

TOMORROW = NOON + timedelta(days=1)


def run(
    warehouse: Warehouse,
    segments: Mapping[str, str],
    as_of: datetime = NOON,
    traits: Mapping[str, Mapping[str, Any]] | None = None,
) -> Report:
    its = project(traits, segments)
    with warehouse.begin() as transaction:
        remember(transaction, "map", as_of.isoformat(), as_of)
    resolve(warehouse, its, as_of)
    enrich(warehouse, its, as_of)
    return segment(warehouse, its, as_of)


def members(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return rows(warehouse, "membership", "person_id", "segment")


def transitions(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return rows(warehouse, "transition", "person_id", "segment", "kind")


def order(warehouse: Warehouse, record_id: str, key: str, total: int) -> None:
    fact(warehouse, "sales_order", record_id, key, ordered_at=NOON, status="paid", total=total)


def test_a_segment_is_a_condition_over_the_person_and_traits(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", language="nl")
    record(warehouse, "crm:2", language="fr")
    order(warehouse, "crm:2", "1", 900)
    report = run(
        warehouse,
        {"dutch": "language = 'nl'", "premium": "spent_lifetime > 500", "prospects": "life_cycle = 'prospect'"},
    )
    assert members(warehouse) == [(1, "dutch"), (1, "prospects"), (2, "premium")]
    assert (report.counts["entered"], report.counts["left"], report.counts["memberships"]) == (3, 0, 3)
    assert report.rows_in == report.rows_out == 2


def test_what_is_unknown_is_outside(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1")
    run(warehouse, {"french": "language = 'fr'", "others": "language <> 'fr'"})
    assert members(warehouse) == []


def test_r26_entering_and_leaving_fire_exactly_once(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1")
    segments = {"bronze": "coalesce(spent_lifetime, 0) < 500", "premium": "spent_lifetime >= 500"}
    run(warehouse, segments)
    order(warehouse, "crm:1", "1", 600)
    run(warehouse, segments, TOMORROW)
    for days in (2, 3):
        report = run(warehouse, segments, NOON + timedelta(days=days))
        assert not report.skipped
        assert (report.counts["entered"], report.counts["left"]) == (0, 0)
    assert rows(warehouse, "transition", "segment", "kind", "at") == [
        ("bronze", "entered", NOON),
        ("bronze", "left", TOMORROW),
        ("premium", "entered", TOMORROW),
    ]
    assert rows(warehouse, "membership", "segment", "since") == [("premium", TOMORROW)]


def test_r26_looking_back_moves_nobody_and_coming_back_goes_on_from_there(warehouse: Warehouse) -> None:
    its = project({}, {"buyers": "order_count > 0", "others": "order_count = 0"})
    record(warehouse, "shop:1")
    fact(warehouse, "sales_order", "shop:1", "1", ordered_at=NOON + timedelta(days=3), status="paid", total=5)
    record(warehouse, "shop:2")
    moved = []
    for day in (1, 4, 2, 4, 1, 5):
        at = NOON + timedelta(days=day)
        resolve(warehouse, its, at)
        enrich(warehouse, its, at)
        counts = segment(warehouse, its, at).counts
        inside = rows(warehouse, "membership", "person_id", "segment", "since")
        moved.append((day, counts["entered"], counts["left"], [(*it[:2], (it[2] - NOON).days) for it in inside]))
    then, now = [(1, "others", 1), (2, "others", 1)], [(1, "buyers", 4), (2, "others", 1)]
    assert moved == [(1, 2, 0, then), (4, 1, 1, now), (2, 0, 0, then), (4, 0, 0, now), (1, 0, 0, then), (5, 0, 0, now)]
    assert len(rows(warehouse, "transition", "person_id", "segment", "kind", "at")) == 4


def test_r26_news_at_the_same_moment_corrects_what_it_saw_and_moves_nobody_twice(warehouse: Warehouse) -> None:
    its = project({}, {"buyers": "order_count > 0"})
    record(warehouse, "shop:1")
    record(warehouse, "shop:2")
    order(warehouse, "shop:1", "1", 5)
    told = []
    for at, news in (
        (NOON, {}),
        (TOMORROW, {"shop:1": None, "shop:2": "2"}),  # 1 leaves and 2 enters ...
        (TOMORROW, {"shop:1": "1", "shop:2": None}),  # ... which was not so ...
        (TOMORROW, {"shop:1": "1"}),  # (nothing new)
        (TOMORROW, {"shop:1": None, "shop:2": "2"}),  # ... and is so after all
    ):
        with warehouse.begin() as transaction:
            orders = transaction.table("sales_order")
            for record_id in news:
                transaction.execute(sa.delete(orders).where(orders.c.record_id == record_id))
        for record_id, key in news.items():
            if key is not None:
                order(warehouse, record_id, key, 5)
        with warehouse.begin() as transaction:
            remember(transaction, "map", str(len(told)), at)
        resolve(warehouse, its, at)
        enrich(warehouse, its, at)
        segment(warehouse, its, at)
        inside = rows(warehouse, "membership", "person_id", "since")
        told.append((inside, sorted(rows(warehouse, "transition", "person_id", "kind", "at"))))
    first = ([(1, NOON)], [(1, "entered", NOON)])
    moved = ([(2, TOMORROW)], [(1, "entered", NOON), (1, "left", TOMORROW), (2, "entered", TOMORROW)])
    assert told == [first, moved, first, first, moved]


def test_evaluating_twice_for_the_same_moment_changes_nothing(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1")
    run(warehouse, {"all": "true"})
    before = members(warehouse), transitions(warehouse)
    assert run(warehouse, {"all": "true"}).skipped
    with warehouse.begin() as transaction:
        remember(transaction, "segment", "forgotten", NOON)
    assert not run(warehouse, {"all": "true"}).skipped
    assert (members(warehouse), transitions(warehouse)) == before


def test_a_segment_may_ask_for_another_one_written_later(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", language="nl")
    record(warehouse, "crm:2", language="nl")
    order(warehouse, "crm:2", "1", 900)
    run(
        warehouse,
        {
            "a_dutch_premium": "member_of('premium') and language = 'nl'",
            "b_dutch_others": "not member_of('premium') and language = 'nl'",
            "premium": "spent_lifetime > 500",
        },
    )
    assert members(warehouse) == [(1, "b_dutch_others"), (2, "a_dutch_premium"), (2, "premium")]


def test_consent_is_the_newest_statement_over_all_records_and_fails_closed(warehouse: Warehouse) -> None:
    statements: dict[str, list[tuple[bool, int]]] = {
        "crm:given": [(True, 5)],
        "crm:withdrawn": [(True, 5), (False, 2)],
        "crm:given-again": [(False, 5), (True, 2)],
        "crm:tie": [(True, 5), (False, 5)],
        "crm:none": [],
        "crm:not-yet": [(True, -3)],
    }
    for record_id, said in statements.items():
        record(warehouse, record_id, given_name=record_id)
        for number, (given, ago) in enumerate(said):
            at = NOON - timedelta(days=ago)
            key = f"{record_id}-{number}"
            fact(warehouse, "consent", record_id, key, channel="email", purpose="marketing", given=given, at=at)
    record(warehouse, "shop:1", email="anna@example.nl", given_name="Anna")
    record(warehouse, "shop:2", email="anna@example.nl")
    fact(warehouse, "consent", "shop:2", "1", channel="email", purpose="marketing", given=True, at=NOON)
    fact(warehouse, "consent", "crm:none", "sms", channel="sms", purpose="marketing", given=True, at=NOON)
    run(
        warehouse,
        {"newsletter": "consents('email', 'marketing')", "text": "consents('sms')", "silent": "not consents('email')"},
    )
    names = dict(rows(warehouse, "person", "person_id", "given_name"))
    found = {(names[person_id], segment) for person_id, segment in members(warehouse)}
    assert {name for name, segment in found if segment == "newsletter"} == {"crm:given", "crm:given-again", "Anna"}
    assert {name for name, segment in found if segment == "text"} == {"crm:none"}
    assert len([name for name, segment in found if segment == "silent"]) == 7 - 3


def test_a_consent_that_is_dated_later_today_counts_from_that_moment(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1")
    later = NOON + timedelta(hours=2)
    fact(warehouse, "consent", "crm:1", "1", channel="email", purpose="marketing", given=True, at=later)
    run(warehouse, {"newsletter": "consents('email')"})
    assert members(warehouse) == []
    its = project({}, {"newsletter": "consents('email')"})
    assert segment(warehouse, its, NOON + timedelta(hours=1)).skipped
    assert segment(warehouse, its, later).counts["entered"] == 1


def test_a_segment_that_is_no_longer_defined_has_no_members(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1")
    run(warehouse, {"all": "true", "some": "true"})
    run(warehouse, {"all": "true"}, TOMORROW)
    assert members(warehouse) == [(1, "all")]
    assert (1, "some", "left") in transitions(warehouse)


def test_a_segment_may_have_any_name(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1")
    run(warehouse, {"person_id": "true", "segment": "true", "order": "true", "segment_1": "false"})
    assert members(warehouse) == [(1, "order"), (1, "person_id"), (1, "segment")]


def test_without_segments_nobody_is_anywhere(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1")
    assert run(warehouse, {}).counts["memberships"] == 0


def test_when_two_people_turn_out_to_be_one_the_membership_passes_on_and_nobody_enters_again(
    warehouse: Warehouse,
) -> None:
    record(warehouse, "crm:1", email="anna@example.nl")
    record(warehouse, "shop:1", phone="+31612345678", language="nl")
    segments = {"dutch": "language = 'nl'", "all": "true"}
    run(warehouse, segments)
    assert members(warehouse) == [(1, "all"), (2, "all"), (2, "dutch")]
    record(warehouse, "z:1", email="anna@example.nl", phone="+31612345678")
    report = run(warehouse, segments, TOMORROW)
    assert rows(warehouse, "membership", "person_id", "segment", "since") == [(1, "all", NOON), (1, "dutch", NOON)]
    assert (report.counts["entered"], report.counts["left"]) == (0, 0)


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("languag = 'nl'", "there is no 'languag'. Did you mean 'language'?"),
        ("language", "the condition must be true or false"),
        ("consents('emial')", "there is no channel 'emial'. Did you mean 'email'?"),
        ("consents('email', 'marketting')", "there is no purpose 'marketting'. Did you mean 'marketing'?"),
        ("member_of('gould')", "there is no segment 'gould'. Did you mean 'gold'?"),
        ("language = 'nl", "a quote is opened but not closed"),
    ],
)
def test_a_wrong_segment_is_told_with_a_remedy(where: str, told: str) -> None:
    (problem,) = segment_problems(project({}, {"gold": "true", "mine": where}), NOON)
    assert told in problem.message


def test_segments_in_a_circle_are_told_as_a_circle() -> None:
    segments = {"a": "member_of('b')", "b": "not member_of('a')"}
    (problem,) = segment_problems(project({}, segments), NOON)
    assert problem.message == "segments ask for each other in a circle: a -> b -> a"


def test_all_mistakes_stop_the_stage(warehouse: Warehouse) -> None:
    with pytest.raises(ConfigurationError) as caught:
        run(warehouse, {"a": "x = 1", "b": "y = 1"})
    assert len(caught.value.problems) == 2
    assert members(warehouse) == []
