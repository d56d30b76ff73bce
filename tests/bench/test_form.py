"""Every benchmark ends with one line of JSON in one form."""

from __future__ import annotations

import json
import sys

import pytest

from bench.measure import Cost, MeasurementError, Result, child, median_of, must_agree

KEYS = ["name", "size", "cpu_seconds", "reference_cpu_seconds", "ratio", "peak_mib"]


def test_a_result_is_one_line_with_the_promised_keys_first() -> None:
    line = Result("pipeline", 300, 3.0, 2.0, 512.25, {"messages": 0}).as_line()
    assert "\n" not in line
    assert list(json.loads(line)) == [*KEYS, "messages"]
    assert json.loads(line)["ratio"] == 1.5


def test_the_cost_of_a_child_is_its_own_work_and_memory() -> None:
    burning = "import time\nheld = bytearray(200 * 2**20)\nwhile time.process_time() < 0.4: pass"
    idle = child([sys.executable, "-c", "pass"])
    busy = child([sys.executable, "-c", burning])
    assert idle.cpu_seconds < 0.4 <= busy.cpu_seconds
    assert idle.peak_mib < 100 < 200 <= busy.peak_mib


def test_memory_of_the_one_who_measures_is_not_counted() -> None:
    held = bytearray(b"x" * 300 * 2**20)
    assert child([sys.executable, "-c", "pass"]).peak_mib < 100
    assert len(held) == 300 * 2**20


def test_a_child_that_fails_says_how() -> None:
    with pytest.raises(MeasurementError, match=r"exit code 3:\nno lake here"):
        child([sys.executable, "-c", "import sys; print('no lake here'); sys.exit(3)"])


def test_different_results_are_not_compared() -> None:
    must_agree({"persons": 1}, {"persons": 1})
    with pytest.raises(
        MeasurementError, match=r"persons: the hub has 1, the reference has 2\nsegment.gold: the hub has None"
    ):
        must_agree({"persons": 1}, {"persons": 2, "segment.gold": 0})


def test_one_disturbed_run_does_not_move_the_median() -> None:
    runs = iter([Cost(1, 1, 10), Cost(90, 90, 900), Cost(2, 2, 20)])
    assert median_of(3, lambda: next(runs)) == Cost(2, 2, 20)
