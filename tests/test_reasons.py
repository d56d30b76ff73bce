"""Why people are in a segment or not, and how segments are: on DuckDB and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from hub.errors import ConfigurationError
from hub.expressions import Logic, logic
from hub.people.overview import overview
from hub.people.reasons import Reason, preview, verdict
from hub.project import Project
from hub.stages.enrich import enrich
from hub.stages.segment import segment
from hub.warehouse import Warehouse
from hub.warehouse.state import remember
from tests.stages.world import NOON, fact, project, record, resolve

Segments = Mapping[str, str | Mapping[str, Any]]


def on(warehouse: Warehouse, segments: Segments, traits: Mapping[str, Any] | None = None) -> Project:
    """Make a project that knows which engine it reads."""
    its = project(traits, segments)
    engine = "duckdb" if warehouse.name == "duckdb" else "postgresql://elsewhere"
    return replace(its, hub=its.hub.model_copy(update={"engine": engine}))


def run(warehouse: Warehouse, its: Project, as_of: datetime = NOON) -> None:
    with warehouse.begin() as transaction:
        remember(transaction, "map", as_of.isoformat(), as_of)
    for stage in (resolve, enrich, segment):
        stage(warehouse, its, as_of)
    warehouse.publish()


def said_by(reason: Reason) -> dict[str, Any]:
    """Give what each test says."""
    found = {} if reason.parts else {reason.written: reason.holds}
    for part in reason.parts:
        found |= said_by(part)
    return found


GLASSES = "age >= 40 and (consents('email') or consents('letter')) and not language = 'fr'"


@pytest.fixture
def readers(warehouse: Warehouse) -> Warehouse:
    births = (date(1980, 1, 1), date(2001, 11, 22), None, date(1970, 1, 1))
    for number, (birth_date, language) in enumerate(zip(births, ("nl", "nl", "nl", None), strict=True), 1):
        record(warehouse, f"crm:{number}", birth_date=birth_date, language=language)
        given = {"channel": "email", "purpose": "marketing", "given": True, "at": NOON - timedelta(days=3)}
        fact(warehouse, "consent", f"crm:{number}", f"{number}", **given)
    return warehouse


# taking apart --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "kind", "parts"),
    [
        ("a = 1", "test", []),
        ("((a = 1))", "test", []),
        ("a = 1 and b between 2 and 3 and c = 4", "and", ["a = 1", "b between 2 and 3", "c = 4"]),
        ("a = 1 or b = 2 and c = 3", "or", ["a = 1", "b = 2 and c = 3"]),
        ("(a = 1) or (b = 2)", "or", ["a = 1", "b = 2"]),
        ("not a in (1, 2)", "not", ["a in (1, 2)"]),
        ("has('t', a = 1 and b = 2, 30 days)", "test", []),
        ("case when a and b then true else c end", "test", []),
        ("a like 'x and y' and b is not null", "and", ["a like 'x and y'", "b is not null"]),
        ("as_of - at > 30 days", "test", []),
    ],
)
def test_a_condition_is_taken_apart_in_the_words_that_were_written(written: str, kind: str, parts: list[str]) -> None:
    found = logic(written)
    assert (found.kind, [part.written for part in found.parts]) == (kind, parts)
    if kind == "test":
        assert found == Logic("test", written.strip("()") if written.startswith("((") else written)


# one person ----------------------------------------------------------------------------------------------------------


def test_r13_a_person_is_told_test_by_test_why_they_are_in_or_out(readers: Warehouse) -> None:
    its = on(readers, {"glasses": GLASSES})
    run(readers, its)
    found = [verdict(its, readers.query, "glasses", number) for number in (1, 2, 3, 4)]
    assert [it.inside for it in found] == [True, False, False, False]
    said = [said_by(it.reason)["age >= 40"] for it in found]
    assert said == [True, False, None, True], "an unknown age is told as unknown"
    assert said_by(found[3].reason)["language = 'fr'"] is None
    assert found[2].reason.parts[0].values == {"age": None}
    assert found[1].reason.parts[0].values == {"age": 25}
    assert found[0].reason.parts[1].kind == "or"
    assert [part.holds for part in found[0].reason.parts[1].parts] == [True, False]
    assert found[0].reason.parts[2].kind == "not"


def test_r30_the_one_who_is_too_young_for_reading_glasses_is_told_so(readers: Warehouse) -> None:
    its = on(readers, {"all": "true", "too_young": "age < 40", "glasses": {"any": ["all"], "except": ["too_young"]}})
    run(readers, its)
    found = verdict(its, readers.query, "glasses", 2)
    assert not found.inside
    assert said_by(found.reason) == {"member_of('all')": True, "member_of('too_young')": True}
    assert found.reason.parts[1].kind == "not"
    assert found.reason.parts[1].holds is False


# everybody -----------------------------------------------------------------------------------------------------------


def test_r13_a_preview_counts_who_each_part_lets_in_and_keeps_out(readers: Warehouse) -> None:
    its = on(readers, {"glasses": GLASSES})
    run(readers, its)
    found = preview(its, readers.query, "glasses", 2)
    assert (found.people, found.inside, found.enters, found.leaves) == (4, 1, 0, 0)
    age, reachable, french = found.reason.parts
    assert (age.yes, age.no, age.unknown, age.alone) == (2, 1, 1, 2)
    assert (reachable.yes, reachable.no, reachable.alone) == (4, 0, 0)
    assert (french.yes, french.no, french.unknown, french.alone) == (3, 0, 1, 1)
    assert [(it.person_id, it.inside, it.parts) for it in found.examples] == [
        (1, True, ("age >= 40", "consents('email') or consents('letter')", "not language = 'fr'")),
        (2, False, ("age >= 40",)),
        (3, False, ("age >= 40: unknown",)),
    ]


def test_an_edited_segment_is_tried_before_it_is_used(readers: Warehouse) -> None:
    run(readers, on(readers, {"glasses": GLASSES}))
    edited = on(readers, {"glasses": "age is not null and language = 'nl'"})
    found = preview(edited, readers.query, "glasses", 1)
    assert (found.inside, found.enters, found.leaves) == (2, 1, 0)


@pytest.mark.parametrize(
    ("given", "inside", "written"),
    [
        ({"where": "true", "top": 1, "by": "age"}, 1, "among the first 1 by age"),
        ({"where": "true", "top": "50%", "by": "age"}, 2, "among the first 50% by age"),
        ({"where": "age > 1", "sample": 2}, 2, "among the first 2, drawn"),
        ({"where": "true", "sample": "100%"}, 4, "drawn for the sample of 100%"),
    ],
)
def test_tops_and_samples_are_previewed_as_they_are_computed(
    readers: Warehouse, given: Mapping[str, Any], inside: int, written: str
) -> None:
    its = on(readers, {"some": given})
    run(readers, its)
    found = preview(its, readers.query, "some", 1)
    assert (found.inside, found.enters, found.leaves) == (inside, 0, 0)
    assert found.reason.parts[-1].written == written


def test_a_preview_of_rows_of_other_tables_and_of_everybody_and_nobody(readers: Warehouse) -> None:
    fact(readers, "web_event", "crm:1", "1", at=NOON - timedelta(days=2), type="view")
    segments: Segments = {
        "seen": "has('web_event', type = 'view', 3 days)",
        "often": "has_times(2, 'web_event')",
        "all": "true",
        "none": "false",
    }
    its = on(readers, segments)
    run(readers, its)
    counts = {name: preview(its, readers.query, name, 1).inside for name in segments}
    assert counts == {"seen": 1, "often": 0, "all": 4, "none": 0}


def test_what_can_not_be_previewed_is_told_with_a_remedy(readers: Warehouse) -> None:
    its = on(readers, {"glasses": GLASSES})
    readers.publish()
    with pytest.raises(ConfigurationError, match="nothing is computed yet: run `hub run build` first"):
        preview(its, readers.query, "glasses", 1)
    run(readers, its)
    with pytest.raises(ConfigurationError, match=r"there is no segment 'glases'. Did you mean 'glasses'"):
        preview(its, readers.query, "glases", 1)
    grown = on(readers, {"glasses": "double > 1"}, {"double": {"is": "order_count * 2"}})
    with pytest.raises(ConfigurationError, match="not computed yet: double"):
        preview(grown, readers.query, "glasses", 1)
    with pytest.raises(ConfigurationError, match="there is no 'agee'"):
        preview(on(readers, {"glasses": "agee > 1"}), readers.query, "glasses", 1)


# overview ------------------------------------------------------------------------------------------------------------


def test_the_overview_tells_size_change_and_overlap(warehouse: Warehouse) -> None:
    for number in range(1, 5):
        record(warehouse, f"crm:{number}", language="nl" if number < 4 else "fr")
    first = on(warehouse, {"dutch": "language = 'nl'", "low": "person_id <= 2", "nobody": "false"})
    run(warehouse, first, NOON - timedelta(days=40))
    run(warehouse, on(warehouse, {"dutch": "language = 'nl'", "low": "person_id = 1 or person_id = 4"}), NOON)
    its = on(warehouse, {"dutch": "true", "low": "true", "nobody": "false"})
    found = overview(its, warehouse.query, [], 30, overlap=True)
    assert (found.as_of, found.people) == (NOON, 4)
    told = {it.segment: (it.members, it.share, it.entered, it.left) for it in found.sizes}
    assert told == {"dutch": (3, 0.75, 0, 0), "low": (2, 0.5, 1, 1), "nobody": (0, 0, 0, 0)}
    assert found.overlap["dutch"] == {"dutch": 3, "low": 1, "nobody": 0}
    assert found.overlap["nobody"] == {"dutch": 0, "low": 0, "nobody": 0}
    trends = {it.segment: it.trend for it in overview(its, warehouse.query, ["dutch"], 80, overlap=False).sizes}
    assert trends == {"dutch": (0, 0, 0, 0, 0, 3, 3, 3, 3, 3)}


def test_an_overview_of_a_segment_that_is_not_there_is_told(
    warehouse: Warehouse, open_on_engine: Callable[..., Warehouse]
) -> None:
    its = on(warehouse, {"gold": "true"})
    with pytest.raises(ConfigurationError, match="Did you mean 'gold'"):
        overview(its, warehouse.query, ["gould"], 30, overlap=False)
    warehouse.publish()
    with pytest.raises(ConfigurationError, match="no segment is computed yet"):
        overview(its, warehouse.query, [], 30, overlap=False)
