"""A hundred traits and sixty segments of everybody, against the best hand-written SQL for the same tables.

Size counts persons. Landing, mapping and resolving are done before and not timed. Both sides start from the same
warehouse and write traits, memberships and transitions; every trait of every person and every membership must be equal,
or there is nothing to compare. Costs are those of the whole process, the file written and published, less what the
same process takes when there is nothing to do.

Then the next day, on which time alone goes on, and one on which one row in a hundred has another one like it: there
everybody must come out as when everybody is looked at.
"""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb

from bench.generator import AS_OF, draw, generate
from bench.measure import Cost, Result, beyond_startup, must_agree, python
from bench.segments_reference import outcome
from hub.people.traits import plan_traits
from hub.project import Project
from hub.warehouse.duckdb import threads

ROOT = Path(__file__).parent.parent
TRAITS, SEGMENTS = 100, 60
_DAY = ROOT / "segments" / "day.sql", ROOT / "segments" / "day_shapes.sql"
PROMISED = {"promised_ratio": 1.5, "promised_peak_mib": 6144}


def run(size: int, folder: Path) -> Result:
    """Prepare, run both sides, compare; `more` tells about the stages and about the next day."""
    shutil.rmtree(folder, ignore_errors=True)
    _say(f"generating {size} persons ...")
    project = project_in(folder / "project", size)
    _say("landing, mapping, resolving ...")
    _walk(project, "land", "map", "resolve")
    theirs_file, evenly_file = folder / "reference.duckdb", folder / "reference-on-equal-threads.duckdb"
    for file in (theirs_file, evenly_file):
        shutil.copyfile(project / ".hub" / "warehouse.duckdb", file)
    _say("the hub: enrich and segment ...")
    ours, stages = _walk(project, "enrich", "segment")
    nothing_to_do, _ = _walk(project, "enrich", "segment")
    _say("the reference ...")
    theirs = python("-m", "bench.segments_reference", theirs_file, AS_OF.isoformat())
    evenly = python("-m", "bench.segments_reference", evenly_file, AS_OF.isoformat(), threads())
    imports = python("-c", "import bench.segments_reference")
    names = _traits(project)
    must_agree(outcome(project / ".hub" / "warehouse.duckdb", names), outcome(theirs_file, names))
    ours_seconds, evenly_seconds = (
        beyond_startup(cost, startup).cpu_seconds for cost, startup in ((ours, nothing_to_do), (evenly, imports))
    )
    _say("the hub on the next day ...")
    next_day, _ = _walk(project, "enrich", "segment", later=timedelta(days=1))
    _say("a day with news, and the same looking at everybody ...")
    news, at_once = _day_of_news(project, names)
    spent = {name: stages[name]["cpu_seconds"] for name in ("enrich", "segment")}
    return Result(
        "segments",
        size,
        ours_seconds,
        beyond_startup(theirs, imports).cpu_seconds,
        ours.peak_mib,
        {
            "traits": len(names),
            "segments": stages["segment"]["counts"]["segments"],
            "memberships": stages["segment"]["counts"]["memberships"],
            "wall_seconds": round(beyond_startup(ours, nothing_to_do).wall_seconds, 3),
            "stages_cpu_seconds": {name: round(seconds, 3) for name, seconds in spent.items()},
            "next_day_cpu_seconds": round(beyond_startup(next_day, nothing_to_do).cpu_seconds, 3),
            "news_cpu_seconds": round(beyond_startup(news, nothing_to_do).cpu_seconds, 3),
            "news_at_once_cpu_seconds": round(beyond_startup(at_once, nothing_to_do).cpu_seconds, 3),
            "nothing_to_do_seconds": round(nothing_to_do.wall_seconds, 3),
            "reference_wall_seconds": round(beyond_startup(theirs, imports).wall_seconds, 3),
            "reference_peak_mib": round(theirs.peak_mib, 1),
            "reference_on_equal_threads_cpu_seconds": round(evenly_seconds, 3),
            "ratio_on_equal_threads": round(ours_seconds / evenly_seconds, 3),
            **PROMISED,
        },
    )


def _day_of_news(project: Path, names: list[str]) -> tuple[Cost, Cost]:
    """Walk a day that brings one row in a hundred, as it is and looking at everybody; both must come to the same."""
    later = timedelta(days=2)
    draw(project / "raw", _DAY[:1], _DAY[1], {"raw": str(project / "raw")})
    _walk(project, "land", "map", "resolve", later=later)
    anew = project.parent / "at_once" / "project"
    shutil.copytree(project, anew, ignore=shutil.ignore_patterns("raw", "lake", "published.duckdb"))
    file = Path(".hub") / "warehouse.duckdb"
    with duckdb.connect(str(anew / file)) as connection:
        connection.execute("DELETE FROM store.stage_state WHERE stage LIKE 'vouched:%'")
    news, _ = _walk(project, "enrich", "segment", later=later)
    at_once, _ = _walk(anew, "enrich", "segment", later=later)
    must_agree(outcome(project / file, names), outcome(anew / file, names))
    return news, at_once


def project_in(folder: Path, size: int) -> Path:
    """Write the project of the benchmark to a folder, with the raw files of so many persons, and return the folder."""
    shutil.copytree(ROOT / "project", folder)
    for kind in ("traits", "segments"):
        shutil.rmtree(folder / kind)
        shutil.copytree(ROOT / "segments" / kind, folder / kind)
    for kind in ("scenarios", "syncs"):
        shutil.rmtree(folder / kind)
    (folder / ".env").write_text("HUB_KEY=signs-links-that-nobody-gets\n", "utf-8")
    generate(folder / "raw", size)
    return folder


def _traits(project: Path) -> list[str]:
    """Name the traits of the project; a benchmark of a hundred has a hundred."""
    from bench.walk import registry
    from hub.project import load_project

    loaded: Project = load_project(project, registry())
    names = list(plan_traits(loaded, AS_OF).types)
    assert (len(names), len(loaded.segments)) == (TRAITS, SEGMENTS), "the benchmark's project has changed"
    return names


def _walk(project: Path, *stages: str, later: timedelta = timedelta()) -> tuple[Cost, dict[str, Any]]:
    report = project.parent / "report.json"
    cost = python("-m", "bench.walk", project, report, (AS_OF + later).isoformat(), *stages)
    return cost, json.loads(report.read_text("utf-8"))


def _say(what: str) -> None:
    print(what, flush=True)
