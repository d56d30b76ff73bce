"""Each benchmark runs, at a tiny size, and ends in the promised form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.__main__ import main, names, run
from bench.benchmarks import identity, simulate
from bench.benchmarks import print as press

FORM = ["name", "size", "cpu_seconds", "reference_cpu_seconds", "ratio", "peak_mib"]


@pytest.mark.parametrize(
    ("name", "also"),
    [
        ("files", {"csv_ratio", "parquet_ratio", "csv_rows_per_cpu_second", "parquet_rows_per_cpu_second"}),
        ("rest", {"rows_per_cpu_second", "reference_rows_per_cpu_second"}),
        ("sources", {"kinds", "peaks"}),
        ("scenarios", {"tick_seconds", "idle_tick_seconds", "reference_tick_seconds", "messages"}),
        ("sync", {"rows_per_cpu_second", "drt_ratio", "unchanged_requests", "changed_rows"}),
        ("engines", {"equal", "map_and_resolve_seconds", "tick_seconds", "duckdb_tick_seconds"}),
        ("outbox", {"mails_per_cpu_second", "mails_per_second", "parts", "bottleneck", "tenth_peak_mib"}),
        ("startup", {"wall_seconds", "reference_wall_seconds"}),
    ],
)
def test_a_benchmark_measures_both_sides(name: str, also: set[str], tmp_path: Path) -> None:
    told = json.loads(run(name, 300, tmp_path).as_line())
    assert list(told)[: len(FORM)] == FORM
    assert (told["name"], told["size"]) == (name, 300)
    assert told["cpu_seconds"] > 0
    assert told["reference_cpu_seconds"] > 0
    assert told["peak_mib"] > 10
    assert also <= told.keys()


def test_letters_are_set_on_both_sides_and_what_a_press_keeps_does_not_grow(tmp_path: Path) -> None:
    told = json.loads(run("print", 20, tmp_path).as_line())
    assert list(told)[: len(FORM)] == FORM
    assert told["letters_per_cpu_second"] > 0
    assert told["batch_letters_per_cpu_second"] > told["letters_per_cpu_second"]
    press.draw(tmp_path / "assets")
    one, many = (press.cost("batch", size, tmp_path / str(size), tmp_path, 10) for size in (10, 80))
    assert many.peak_mib < 1.5 * one.peak_mib


def test_the_pipeline_gives_what_the_reference_gives_and_nothing_twice(tmp_path: Path) -> None:
    told = json.loads(run("pipeline", 1000, tmp_path).as_line())
    assert list(told)[: len(FORM)] == FORM
    assert told["messages"] > 0
    assert told["again_messages"] == 0
    assert told["reference_on_equal_threads_cpu_seconds"] > 0
    assert set(told["stages_cpu_seconds"]) == {
        "map",
        "resolve",
        "feedback",
        "enrich",
        "segment",
        "decide",
        "activate",
    }


def test_who_is_who_is_judged_beside_splink_and_the_day_ends_where_everything_at_once_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "SPLINK_AT_MOST", 300)
    told = json.loads(run("identity", 480, tmp_path).as_line())
    assert list(told)[: len(FORM)] == FORM
    for name in ("precision", "recall", "f1", "cluster_f1", "exact_persons", "second_f1", "febrl_precision"):
        assert told[name] > 0.7, name
    assert told["f1"] > told["splink_f1"] > 0.5
    assert (told["splink_persons"], told["splink_cpu_seconds"] > 0, told["splink_ratio"] > 0) == (300, True, True)
    assert told["day_ratio"] > told["idle_ratio"] >= 0


def test_what_the_model_finds_beyond_the_rules_is_judged_beside_splink(tmp_path: Path) -> None:
    told = json.loads(run("match", 480, tmp_path).as_line())
    assert list(told)[: len(FORM)] == FORM
    for name in ("first", "second", "febrl1"):
        assert told[f"{name}_f1"] > 0.8, name
        assert told[f"splink_{name}_f1"] > 0.5, name
    assert told["febrl1_f1"] > told["febrl1_rules_f1"]
    assert told["day_rows"] > 0
    assert told["day_ratio"] > told["idle_ratio"] >= 0


def test_a_hundred_traits_and_sixty_segments_are_those_of_the_reference(tmp_path: Path) -> None:
    told = json.loads(run("segments", 1000, tmp_path).as_line())
    assert list(told)[: len(FORM)] == FORM
    assert (told["traits"], told["segments"]) == (100, 60)
    assert told["memberships"] > 1000
    assert set(told["stages_cpu_seconds"]) == {"enrich", "segment"}


def test_a_simulated_month_tells_the_entries_and_messages_of_the_reference(tmp_path: Path) -> None:
    told = json.loads(simulate.run(200, tmp_path, days=30).as_line())
    assert list(told)[: len(FORM)] == FORM
    assert (told["name"], told["days"]) == ("simulate", 30)
    assert told["entries"] > 0
    assert told["messages"] > 0
    assert told["seconds_per_day"] > 0


def test_an_unknown_benchmark_is_answered_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["pipelines", "300"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert all(name in told for name in names())
