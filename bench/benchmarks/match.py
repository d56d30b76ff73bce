"""Links by probability: what `match: {}` finds beyond the rules, beside Splink as its documentation trains it.

Size counts persons of both worlds (`bench/identity/README.md`); FEBRL 1 to 4 have their own people. On each set of
records the rules resolve first, then the rules and the model; Splink is judged on the same records. Costs are those of
the first world: resolving with the model, training included, against Splink's whole run.

Then a day of the first world on which one row in a hundred changes, a day without news, and everybody once more with
the same model, from nothing: that must end where the day ended, and the day's costs are told as a share of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb

from bench.generator import AS_OF
from bench.identity import febrl, world
from bench.identity.quality import of_project
from bench.identity.runs import Steps, export, must_be_the_same_people, next_day, prepare, resolve_again, walk
from bench.identity.splink_run import SplinkAnswer, splink
from bench.measure import Result

MATCHING = "match: {}\n"
"""The whole of identity.yaml."""

FEW = 5_000
"""Below this many persons the benchmark is only tried out: one FEBRL data set is enough."""


def run(size: int, folder: Path) -> Result:
    """Judge rules, model and Splink on both worlds and on the FEBRL data sets."""
    shutil.rmtree(folder, ignore_errors=True)
    figures: dict[str, float] = {}
    costs: dict[str, tuple[Steps, SplinkAnswer]] = {}
    for name, project, truth in _sets(size, folder):
        print(f"{name} ...", flush=True)
        walk(project, AS_OF)
        figures[f"{name}_rules_f1"] = round(of_project(project, truth).pairs.f1, 5)
        (project / "identity.yaml").write_text(MATCHING, "utf-8")
        ours = resolve_again(project, AS_OF)
        figures |= of_project(project, truth).as_figures(f"{name}_")
        records = folder / f"{name}.parquet"
        export(project, records)
        recipe = "febrl" if name.startswith("febrl") else "shop"
        theirs = splink(recipe, records, truth, folder / f"splink_{name}")
        figures[f"splink_{name}_f1"] = round(theirs.quality.pairs.f1, 5)
        costs[name] = ours, theirs
    figures |= _day(folder / "first", folder / "anew")
    ours, theirs = costs["first"]
    return Result("match", size, ours.resolve, theirs.cpu_seconds, ours.peak_mib, figures)


KEPT = ("match_link", "match_profile", "match_key")
"""What a run keeps of whom it compared, beside the model."""


def _day(project: Path, anew: Path) -> dict[str, float]:
    """Go on for a day with news and one without; then compare everybody once more, in a copy, from nothing."""
    changed = next_day(project)
    day = walk(project, AS_OF + timedelta(days=1))
    idle = walk(project, AS_OF + timedelta(days=2))
    shutil.copytree(project, anew)
    with duckdb.connect(anew / ".hub/warehouse.duckdb") as connection:
        connection.execute("DELETE FROM store.stage_state WHERE stage IN ('resolve', 'resolve:setup')")
        for table in KEPT:
            connection.execute(f"DELETE FROM store.{table}")
    everybody = resolve_again(anew, AS_OF + timedelta(days=2))
    must_be_the_same_people(project, anew)
    return {
        "day_rows": changed,
        "day_cpu_seconds": round(day.resolve, 3),
        "everybody_cpu_seconds": round(everybody.resolve, 3),
        "day_ratio": round(day.resolve / everybody.resolve, 3),
        "idle_ratio": round(idle.resolve / everybody.resolve, 3),
    }


def _sets(size: int, folder: Path) -> Iterator[tuple[str, Path, Path]]:
    """Give each set of records: its name, a project whose raw files are there, and the truth."""
    for kind in world.WORLDS:
        project = prepare(folder / kind)
        yield kind, project, world.generate(project / "raw", size, kind) / "truth/records.parquet"
    for number in febrl.SETS if size >= FEW else febrl.SETS[:1]:
        project = prepare(folder / f"febrl{number}", "febrl_project")
        yield f"febrl{number}", project, febrl.generate(project / "raw", number) / "truth/records.parquet"
