"""Precision, recall and exact persons of an answer to "who is who", checked by hand."""

from __future__ import annotations

import duckdb
import pytest

from bench.identity.quality import Quality, quality

TRUTH = {"a1": 1, "a2": 1, "a3": 1, "b1": 2, "b2": 2, "c1": 3}


def judged(found: dict[str, int], truth: dict[str, int] | None = None) -> Quality:
    with duckdb.connect() as connection:
        return quality(connection, rows(found), rows(truth or TRUTH))


def rows(people: dict[str, int]) -> str:
    values = ", ".join(f"('{record}', {person})" for record, person in people.items())
    return f"SELECT * FROM (VALUES {values}) AS answer(record_id, person)"


def test_the_truth_itself_is_perfect_whatever_the_persons_are_called() -> None:
    figures = judged({record: 70 + person for record, person in TRUTH.items()}).as_figures()
    assert set(figures.values()) == {1.0}


def test_a_person_in_two_halves_costs_recall_and_no_precision() -> None:
    found = judged({**TRUTH, "a3": 9})
    assert (found.pairs.right, found.pairs.found, found.pairs.true) == (2, 2, 4)
    assert found.pairs.precision == 1
    assert found.pairs.recall == 0.5
    assert found.pairs.f1 == pytest.approx(2 / 3)
    assert (found.clusters.right, found.clusters.found, found.clusters.true) == (1, 2, 2)
    assert found.exact_persons == pytest.approx(2 / 3)


def test_two_persons_in_one_cost_precision_and_no_recall() -> None:
    found = judged({**TRUTH, "b1": 1, "b2": 1})
    assert (found.pairs.right, found.pairs.found, found.pairs.true) == (4, 10, 4)
    assert found.pairs.precision == 0.4
    assert found.pairs.recall == 1
    assert (found.clusters.right, found.clusters.found, found.clusters.true) == (0, 1, 2)
    assert found.exact_persons == pytest.approx(1 / 3)


def test_a_record_that_was_not_found_is_a_person_of_its_own() -> None:
    found = judged({"a1": 1, "a2": 1, "b1": 2, "b2": 2})
    assert (found.pairs.right, found.pairs.found) == (2, 2)
    assert found.exact_persons == pytest.approx(2 / 3)


def test_records_of_which_the_truth_is_unknown_do_not_count() -> None:
    assert judged({**TRUTH, "z1": 1, "z2": 1}) == judged(TRUTH)


def test_nothing_joined_is_precise_and_finds_nothing() -> None:
    found = judged({record: number for number, record in enumerate(TRUTH)})
    assert (found.pairs.precision, found.pairs.recall, found.pairs.f1) == (1, 0, 0)
    assert found.exact_persons == pytest.approx(1 / 3)


def test_figures_carry_their_prefix() -> None:
    assert judged(TRUTH).as_figures("second_")["second_f1"] == 1


def test_answers_about_different_people_are_judged_as_one() -> None:
    halves = judged({**TRUTH, "a3": 9}) + judged(TRUTH)
    assert (halves.pairs.right, halves.pairs.found, halves.pairs.true) == (6, 6, 8)
    assert halves.exact_persons == pytest.approx(5 / 6)
