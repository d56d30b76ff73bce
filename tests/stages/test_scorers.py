"""Scores that a plugin computes: on DuckDB and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from hub.contracts import Scored, Scorer, Scoring, Tried
from hub.errors import ConfigurationError, PluginError
from hub.people.models import Model, models
from hub.people.traits import trait_problems
from hub.project import Project, load_project
from hub.registry import GROUP, Registry
from hub.stages.enrich import enrich
from hub.stages.segment import segment
from hub.warehouse import Warehouse
from tests.stages.world import NOON, fact, project, record, resolve, rows

TRIED = (
    Tried("auc", 0.81),
    Tried("auc", 0.7, "rfm"),
    *(Tried(measure, 0.1 * tenth, tenth=tenth) for tenth in (1, 2, 10) for measure in ("foretold", "came")),
)
TENTHS = (0.1, 0.2, 1.0)
GROWTH = {"by": "growth", "uses": ["order_count", "language"], "options": {"days": 30}}


def growth(scoring: Scoring) -> Scored:
    """Score how many orders came in the last days, in a plain way."""
    before = scoring.people(scoring.as_of - timedelta(days=scoring.options["days"]))
    now = scoring.people(scoring.as_of)
    assert before.column_names == now.column_names == ["person_id", "order_count", "language"]
    if not pc.sum(now.column("order_count")).as_py():
        return Scored(None, "there are no orders to learn from")
    value = pc.subtract(now.column("order_count"), before.column("order_count"))
    found = pa.table({"person_id": now.column("person_id"), "value": value, "reason": now.column("language")})
    return Scored(found, tried=TRIED)


def its(call: Callable[[Scoring], Scored], **more: Any) -> Project:
    found = project({}, {"growing": "growing >= 2"}, scores={"growing": {**GROWTH, **more}})
    return replace(found, scorers={"growth": Scorer("growth", call, "Grows.")})


def run(warehouse: Warehouse, given: Project) -> None:
    for stage in (resolve, enrich, segment):
        stage(warehouse, given, NOON)


def ordered(warehouse: Warehouse, record_id: str, *days: int) -> None:
    record(warehouse, record_id, language="nl")
    for ago in days:
        at = NOON - timedelta(days=ago)
        fact(warehouse, "sales_order", record_id, f"{record_id}{ago}", ordered_at=at, status="paid", total=1)


def test_a_scorer_learns_from_earlier_and_its_score_is_used_like_a_trait(warehouse: Warehouse) -> None:
    ordered(warehouse, "shop:1", 3, 20, 40)
    ordered(warehouse, "shop:2", 90)
    run(warehouse, its(growth))
    assert rows(warehouse, "score", "person_id", "score", "value", "reason") == [(1, "growing", Decimal(2), "nl")]
    assert rows(warehouse, "trait", "person_id", "growing", "growing_reason", "order_count") == [
        (1, Decimal(2), "nl", 3),
        (2, Decimal(0), "nl", 1),
    ]
    assert rows(warehouse, "membership", "person_id", "segment") == [(1, "growing")]


def test_how_good_the_model_was_can_be_read_until_it_is_learned_anew(warehouse: Warehouse) -> None:
    ordered(warehouse, "shop:1", 3)
    run(warehouse, its(growth))
    warehouse.publish()
    found = Model(
        "growing", "growth", True, None, NOON, {"auc": {"model": 0.81, "rfm": 0.7}}, [(it, it) for it in TENTHS]
    )
    assert models(its(growth), warehouse.query) == [found]
    enrich(warehouse, project({}, {}), NOON)
    warehouse.publish()
    assert models(its(growth), warehouse.query) == []


def test_a_scorer_without_data_refuses_and_nobody_has_a_score(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1")
    given = its(growth)
    resolve(warehouse, given, NOON)
    assert enrich(warehouse, given, NOON).counts["scores_refused"] == 1
    assert rows(warehouse, "trait", "growing", "growing_reason") == [(None, None)]
    assert rows(warehouse, "score", "score") == []
    warehouse.publish()
    (model,) = models(given, warehouse.query)
    assert (model.used, model.reason, model.measures) == (False, "there are no orders to learn from", {})


def ahead(scoring: Scoring) -> Scored:
    return Scored(scoring.people(scoring.as_of + timedelta(days=1)))


def formless(scoring: Scoring) -> Scored:
    return Scored(pa.table({"who": [1]}))


def double(scoring: Scoring) -> Scored:
    return Scored(pa.table({"person_id": [1, 1], "value": [1.0, 2.0]}))


def boundless(scoring: Scoring) -> Scored:
    return Scored(pa.table({"person_id": [1], "value": [float("nan")]}))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (boundless, "gives a value that is no number"),
        (ahead, "the scorer 'growth' of the score 'growing' fails with ValueError"),
        (formless, "gives no columns person_id and value"),
        (double, "gives a person more than one row"),
    ],
)
def test_a_scorer_that_fails_stops_the_stage_and_is_named(
    warehouse: Warehouse, call: Callable[[Scoring], Scored], told: str
) -> None:
    record(warehouse, "crm:1")
    with pytest.raises(PluginError, match=told):
        run(warehouse, its(call))


def test_what_a_scorer_uses_must_be_there() -> None:
    (problem,) = trait_problems(its(growth, uses=["order_cont"]), NOON)
    assert problem.message == "there is no trait 'order_cont'. Did you mean 'order_count'?"
    (problem,) = trait_problems(its(growth, uses=["age", "order_count", "age"]), NOON)
    assert problem.message == "'age' stands here twice: remove one"


def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Install a plugin that brings the scorer."""
    (tmp_path / "brings_a_scorer.py").write_text(
        "from hub.contracts import Scored, Scorer\n"
        "from hub.hookspecs import hookimpl\n"
        "@hookimpl\n"
        "def hub_scorers():\n"
        "    return [Scorer('growth', lambda scoring: Scored(None, 'not today'), 'Grows.')]\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return Registry({"growth": EntryPoint("growth", "brings_a_scorer", GROUP)})


def test_a_plugin_brings_a_scorer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = plugin(tmp_path, monkeypatch)
    (tmp_path / "hub.yaml").write_text("name: Shop\n", encoding="utf-8")
    (tmp_path / "scores").mkdir()
    file = tmp_path / "scores" / "growing.yaml"
    file.write_text("score: growing\nby: growth\nuses: [order_count]\n", encoding="utf-8")
    assert load_project(tmp_path, registry).scorers["growth"].summary == "Grows."
    file.write_text("score: growing\nby: growht\nuses: [order_count]\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"scores/growing.yaml:2:5: no scorer 'growht' is installed. Did you"):
        load_project(tmp_path, registry)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("", "needs either `parts`, or `by: SCORER`"),
        ("by: growth", "a scorer needs `uses: \\[TRAITS\\]`"),
        ("parts: {a: {of: lead, weight: 1}}\nuses: [age]", "`uses` and `options` go with `by: SCORER`"),
    ],
)
def test_a_score_of_no_form_is_refused(tmp_path: Path, given: str, told: str) -> None:
    (tmp_path / "hub.yaml").write_text("name: Shop\n", encoding="utf-8")
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores" / "own.yaml").write_text(f"score: own\n{given}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=told):
        load_project(tmp_path)
