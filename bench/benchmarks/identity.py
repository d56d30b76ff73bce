"""Who is who: how well and how fast, against the best hand-written SQL of the same rules, and against Splink.

Size counts persons, each with some 2.4 records in seven systems (`bench/identity/README.md`). The raw data lands once
and is not timed. Mapping (normalise) and resolving are timed apart, on the hub's side and on the reference's, and both
must come to the same people. Then a day on which one row in a hundred changes, which must end where everything at once
ends, and a day without news. What was found is judged by the truth, on this world, on a second one whose noise is of
another kind, and on the public FEBRL data sets; Splink is judged on the same records. It is given SPLINK_AT_MOST people
at most, where there are more a smaller world, in which the hub resolves too.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from datetime import timedelta
from functools import reduce
from operator import add
from pathlib import Path

import duckdb

from bench.generator import AS_OF
from bench.identity import febrl, world
from bench.identity.quality import of_project
from bench.identity.runs import export, must_be_the_same_people, next_day, prepare, walk
from bench.identity.splink_run import splink
from bench.measure import Result, must_agree, python

_OUTCOME = Path(__file__).parent.parent / "identity/sql/hub_outcome.sql"

SECOND_AT_MOST = 100_000
"""The second world is made of this many people at most: it is there to judge, not to be timed."""

SPLINK_AT_MOST = 300_000
"""Splink is asked about this many people at most: a million took 19 GiB, and seven CPU minutes without an end."""

FEW = 10_000
"""Below this many persons the benchmark is only tried out: one FEBRL data set is enough."""

PROMISED = {
    "promised_ratio": 1.5,
    "promised_splink_ratio": 0.5,
    "promised_normalise_ratio": 1.5,
    "promised_day_ratio": 0.3,
    "promised_idle_ratio": 0.08,
    "promised_peak_mib": 5120,
    "promised_precision": 0.985,
    "promised_f1": 0.985,
    "promised_second_f1_lower": 0.01,
}


def run(size: int, folder: Path) -> Result:
    """Walk the first day, the reference, Splink, the next day and everything at once; then the other worlds."""
    shutil.rmtree(folder, ignore_errors=True)
    project = prepare(folder / "project")
    _say(f"generating {size} persons ...")
    world.generate(project / "raw", size)
    truth = project / "raw/truth/records.parquet"
    _say("the hub: mapping and resolving ...")
    full = walk(project, AS_OF)
    found = of_project(project, truth)
    export(project, folder / "records.parquet")
    _say("the reference ...")
    theirs = python(
        "-m", "bench.identity.reference", project / "lake", folder / "reference.duckdb", folder / "reference.json"
    )
    told = json.loads((folder / "reference.json").read_text("utf-8"))
    must_agree(_outcome(project), told["outcome"])
    splinks = _splink(folder, size, full.resolve)
    _say("the hub: a day with news, a day without, and all of it at once ...")
    changed = next_day(project)
    day = walk(project, AS_OF + timedelta(days=1))
    idle = walk(project, AS_OF + timedelta(days=2))
    at_once = prepare(folder / "at_once")
    shutil.copytree(project / "raw", at_once / "raw")
    walk(at_once, AS_OF + timedelta(days=1))
    must_be_the_same_people(project, at_once)
    return Result(
        "identity",
        size,
        full.resolve,
        told["resolve_cpu_seconds"],
        full.peak_mib,
        {
            "normalise_cpu_seconds": round(full.normalise, 3),
            "reference_normalise_cpu_seconds": round(told["normalise_cpu_seconds"], 3),
            "normalise_ratio": round(full.normalise / told["normalise_cpu_seconds"], 3),
            "reference_peak_mib": round(theirs.peak_mib, 1),
            "records": told["outcome"]["source_records"],
            "keys": sum(count for name, count in told["outcome"].items() if name.startswith("identifiers.")),
            **found.as_figures(),
            "day_rows": changed,
            "day_cpu_seconds": round(day.resolve, 3),
            "day_ratio": round(day.resolve / full.resolve, 3),
            "day_normalise_ratio": round(day.normalise / full.normalise, 3),
            "idle_ratio": round(idle.resolve / full.resolve, 3),
            "idle_normalise_ratio": round(idle.normalise / full.normalise, 3),
            **splinks,
            **_second(folder / "second", min(size, SECOND_AT_MOST)),
            **_febrl(folder, febrl.SETS if size >= FEW else febrl.SETS[:1]),
            **PROMISED,
        },
    )


def _splink(folder: Path, size: int, resolve: float) -> dict[str, object]:
    """Judge Splink on the records of the hub, and compare what both cost: resolving takes `resolve` CPU seconds."""
    persons = min(size, SPLINK_AT_MOST)
    home = folder if persons == size else folder / "splink_world"
    project = home / "project"
    if home != folder:
        _say(f"a world of {persons} persons for Splink ...")
        world.generate(prepare(project) / "raw", persons)
        resolve = walk(project, AS_OF).resolve
        export(project, home / "records.parquet")
    _say("Splink ...")
    answer = splink("shop", home / "records.parquet", project / "raw/truth/records.parquet", home / "splink")
    ratio = round(resolve / answer.cpu_seconds, 3)
    return {"splink_persons": persons, "splink_ratio": ratio, **answer.as_figures("splink_")}


def _febrl(folder: Path, sets: Sequence[int]) -> dict[str, object]:
    """Judge the hub's rules and Splink on FEBRL data sets, counted together, and on each."""
    _say("FEBRL ...")
    figures: dict[str, object] = {}
    ours, theirs = [], []
    for number in sets:
        project = prepare(folder / f"febrl{number}", "febrl_project")
        truth = febrl.generate(project / "raw", number) / "truth/records.parquet"
        walk(project, AS_OF)
        ours.append(of_project(project, truth))
        records = folder / f"febrl{number}.parquet"
        export(project, records)
        theirs.append(splink("febrl", records, truth, folder / f"splink_febrl{number}").quality)
        figures[f"febrl{number}_f1"] = round(ours[-1].pairs.f1, 5)
        figures[f"splink_febrl{number}_f1"] = round(theirs[-1].pairs.f1, 5)
    return {
        **reduce(add, ours).as_figures("febrl_"),
        **reduce(add, theirs).as_figures("splink_febrl_"),
        **figures,
    }


def _second(folder: Path, persons: int) -> dict[str, object]:
    """Judge the hub's rules and Splink on the second world."""
    _say(f"the second world, {persons} persons ...")
    project = prepare(folder)
    truth = world.generate(project / "raw", persons, "second") / "truth/records.parquet"
    walk(project, AS_OF)
    records = folder / "records.parquet"
    export(project, records)
    theirs = splink("shop", records, truth, folder / "splink").quality
    return {
        "second_persons": persons,
        **of_project(project, truth).as_figures("second_"),
        "splink_second_f1": round(theirs.pairs.f1, 5),
    }


def _outcome(project: Path) -> dict[str, int]:
    """Count and digest what the hub published, under the names of the reference."""
    with duckdb.connect(str(project / ".hub/published.duckdb"), read_only=True) as published:
        return {name: int(count) for name, count in published.execute(_OUTCOME.read_text("utf-8")).fetchall()}


def _say(what: str) -> None:
    print(what, flush=True)
