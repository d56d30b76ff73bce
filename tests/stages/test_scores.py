"""Scores: what people did, added up, the recent more than the old: on DuckDB and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hub.errors import ConfigurationError
from hub.people.traits import trait_problems
from hub.report import Report
from hub.stages.enrich import enrich
from hub.stages.segment import segment
from hub.warehouse import Warehouse
from hub.warehouse.state import remember
from tests.stages.world import NOON, fact, project, record, resolve, rows

MIDNIGHT = datetime(2026, 11, 22, tzinfo=ZoneInfo("Europe/Amsterdam"))
LEAD = {
    "half_life": "10 days",
    "parts": {
        "views": {"of": "web_event", "where": "type = 'view'", "weight": 8},
        "brochures": {"of": "lead", "weight": "coalesce(value, 30)", "half_life": "20 days", "at_most": 40},
    },
}


def run(
    warehouse: Warehouse,
    scores: Mapping[str, Mapping[str, Any]],
    as_of: datetime = NOON,
    segments: Mapping[str, str] | None = None,
    traits: Mapping[str, Mapping[str, Any]] | None = None,
) -> Report:
    its = project(traits, segments, scores=scores)
    with warehouse.begin() as transaction:
        remember(transaction, "map", as_of.isoformat(), as_of)
    resolve(warehouse, its, as_of)
    report = enrich(warehouse, its, as_of)
    segment(warehouse, its, as_of)
    return report


def viewed(warehouse: Warehouse, record_id: str, *days: float) -> None:
    for number, ago in enumerate(days):
        at = MIDNIGHT - timedelta(days=ago)
        fact(warehouse, "web_event", record_id, f"{record_id}-{number}", at=at, type="view")


def scores(warehouse: Warehouse) -> dict[Any, Any]:
    found = rows(warehouse, "score", "person_id", "score", "value", "reason")
    return {(person_id, score): (value, reason) for person_id, score, value, reason in found}


def test_a_row_counts_half_after_every_half_life(warehouse: Warehouse) -> None:
    record(warehouse, "web:1")
    viewed(warehouse, "web:1", 0, 10, 20)
    record(warehouse, "web:2")
    viewed(warehouse, "web:2", 20)
    record(warehouse, "web:3")
    run(warehouse, {"lead": LEAD})
    assert scores(warehouse) == {(1, "lead"): (Decimal(14), "views"), (2, "lead"): (Decimal(2), "views")}
    assert rows(warehouse, "trait", "person_id", "lead", "lead_reason") == [
        (1, Decimal(14), "views"),
        (2, Decimal(2), "views"),
        (3, Decimal(0), None),
    ]


def test_what_happened_today_counts_in_full_and_what_is_still_to_come_not_at_all(warehouse: Warehouse) -> None:
    record(warehouse, "web:1")
    viewed(warehouse, "web:1", -0.4, -0.9)
    run(warehouse, {"lead": LEAD})
    assert scores(warehouse) == {(1, "lead"): (Decimal(8), "views")}


def test_parts_have_limits_and_half_lives_of_their_own_and_the_reason_is_what_gave_most(warehouse: Warehouse) -> None:
    record(warehouse, "web:1")
    viewed(warehouse, "web:1", 10)
    fact(warehouse, "lead", "web:1", "1", at=MIDNIGHT - timedelta(days=20))
    record(warehouse, "web:2")
    viewed(warehouse, "web:2", 0, 0, 0, 0, 0)
    fact(warehouse, "lead", "web:2", "2", at=MIDNIGHT, value=100)
    run(warehouse, {"lead": LEAD, "capped": {**LEAD, "at_most": 50}})
    assert scores(warehouse) == {
        (1, "lead"): (Decimal(19), "brochures"),
        (1, "capped"): (Decimal(19), "brochures"),
        (2, "lead"): (Decimal(80), "views"),
        (2, "capped"): (Decimal(50), "views"),
    }


def test_without_a_half_life_rows_never_count_less_and_a_day_is_a_time_too(warehouse: Warehouse) -> None:
    record(warehouse, "erp:1")
    fact(warehouse, "address", "erp:1", "1", kind="home")
    fact(warehouse, "invoice", "erp:1", "1", invoiced_on=date(2026, 11, 12), amount=10)
    run(
        warehouse,
        {
            "addresses": {"parts": {"known": {"of": "address", "weight": 3}}},
            "invoiced": {"half_life": "10 days", "parts": {"all": {"of": "invoice", "weight": "amount"}}},
        },
    )
    assert scores(warehouse) == {(1, "addresses"): (Decimal(3), "known"), (1, "invoiced"): (Decimal(5), "all")}


def test_a_threshold_is_crossed_once_also_when_the_score_fades(warehouse: Warehouse) -> None:
    record(warehouse, "web:1")
    viewed(warehouse, "web:1", 0, 0)
    for days in (0, 1, 10, 11):
        run(warehouse, {"lead": LEAD}, NOON + timedelta(days=days), {"warm": "lead >= 8 and lead_reason = 'views'"})
    assert rows(warehouse, "transition", "segment", "kind", "at") == [
        ("warm", "entered", NOON),
        ("warm", "left", NOON + timedelta(days=11)),
    ]


def test_traits_build_on_scores(warehouse: Warehouse) -> None:
    record(warehouse, "web:1")
    viewed(warehouse, "web:1", 0)
    run(warehouse, {"lead": LEAD}, traits={"temperature": {"is": "case when lead >= 8 then 'hot' else 'cold' end"}})
    assert rows(warehouse, "trait", "temperature") == [("hot",)]


def test_another_definition_is_news_and_a_score_that_is_gone_leaves_no_rows(warehouse: Warehouse) -> None:
    record(warehouse, "web:1")
    viewed(warehouse, "web:1", 0)
    run(warehouse, {"lead": LEAD})
    assert enrich(warehouse, project(scores={"lead": LEAD}), NOON).skipped
    assert not enrich(warehouse, project(scores={"lead": {**LEAD, "half_life": "9 days"}}), NOON).skipped
    enrich(warehouse, project(), NOON)
    assert scores(warehouse) == {}


def test_an_empty_warehouse_has_no_scores(warehouse: Warehouse) -> None:
    run(warehouse, {"lead": LEAD}, datetime(2028, 2, 29, 12, tzinfo=UTC))
    assert scores(warehouse) == {}


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"of": "web_evnt", "weight": 1}, "Did you mean 'web_event'?"),
        ({"of": "web_event", "weight": "type"}, "a weight is a number, but this is text"),
        ({"of": "web_event", "weight": 1, "where": "tpe = 'x'"}, "there is no 'tpe'"),
        ({"of": "address", "weight": 1}, "a half-life needs a table that says when: address has no time"),
        ({"of": "web_event", "weight": 1, "half_life": "0 days"}, "after no time at all, nothing is left"),
        ({"of": "web_event", "weight": 1, "within": "x"}, "write `90 days`"),
    ],
)
def test_a_wrong_score_is_told_with_a_remedy(part: dict[str, Any], told: str) -> None:
    its = project(scores={"lead": {"half_life": "1 day", "parts": {"one": part}}})
    (problem,) = trait_problems(its, NOON)
    assert told in problem.message


def test_a_score_may_not_take_the_name_of_a_trait(warehouse: Warehouse) -> None:
    with pytest.raises(ConfigurationError, match="there is a trait 'age' already"):
        run(warehouse, {"age": LEAD})
