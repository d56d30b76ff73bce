"""The main job from the lake to deliveries, against the best hand-written SQL for the same result.

Size counts persons. The raw data lands once and is not timed. Then the hub runs from map to activate in one process,
the reference in another; their outcomes must be equal, or there is nothing to compare. A second run of the hub,
landing included, finds nothing new.

The reference runs as DuckDB sets itself up, with a thread for each processor, and that is the ratio. The hub takes
half of them; `more` says what the reference costs with as many as the hub has, and the ratio to that.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench.generator import AS_OF, generate
from bench.measure import Cost, Result, must_agree, python
from bench.outcome import messages, outcome
from hub.warehouse.duckdb import threads as warehouse_threads

PROJECT = Path(__file__).parent.parent / "project"
STAGES = ("map", "resolve", "feedback", "enrich", "segment", "decide", "activate")
PROMISED = {"promised_ratio": 2.0, "promised_peak_mib": 2048, "promised_again_seconds": 2.0}


def run(size: int, folder: Path) -> Result:
    """Land, run, run again, run the reference, compare; `more` tells about the stages and the second run."""
    project = folder / "project"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(PROJECT, project)
    (project / ".env").write_text("HUB_KEY=signs-links-that-nobody-gets\n", "utf-8")
    _say(f"generating {size} persons ...")
    generate(project / "raw", size)
    _say("landing ...")
    _walk(project, AS_OF, ["land"])
    _say("the hub, from map to activate ...")
    ours, stages = _walk(project, AS_OF, STAGES)
    result = outcome(project)
    _say("the hub again, with nothing new ...")
    again, _ = _walk(project, AS_OF + timedelta(hours=1), ["land", *STAGES])
    _say("the reference ...")
    theirs = _reference(folder, result)
    _say("the reference, with as many threads as the hub ...")
    evenly = _reference(folder, result, str(warehouse_threads()))
    return Result(
        "pipeline",
        size,
        ours.cpu_seconds,
        theirs.cpu_seconds,
        ours.peak_mib,
        {
            "wall_seconds": round(ours.wall_seconds, 3),
            "stages_cpu_seconds": {name: round(stage["cpu_seconds"], 3) for name, stage in stages.items()},
            "messages": result["messages"],
            "again_seconds": round(again.wall_seconds, 3),
            "again_cpu_seconds": round(again.cpu_seconds, 3),
            "again_messages": messages(project) - result["messages"],
            "reference_wall_seconds": round(theirs.wall_seconds, 3),
            "reference_peak_mib": round(theirs.peak_mib, 1),
            "reference_on_equal_threads_cpu_seconds": round(evenly.cpu_seconds, 3),
            "ratio_on_equal_threads": round(ours.cpu_seconds / evenly.cpu_seconds, 3),
            **PROMISED,
        },
    )


def _reference(folder: Path, result: Mapping[str, int], *threads: str) -> Cost:
    """Run the reference on the same lake; what it comes to must be what the hub came to."""
    warehouse, told = folder / "reference.duckdb", folder / "reference.json"
    warehouse.unlink(missing_ok=True)
    cost = python("-m", "bench.reference", folder / "project" / "lake", warehouse, told, *threads)
    must_agree(result, json.loads(told.read_text("utf-8")))
    return cost


def _walk(project: Path, as_of: datetime, stages: Sequence[str]) -> tuple[Cost, dict[str, Any]]:
    report = project.parent / "report.json"
    cost = python("-m", "bench.walk", project, report, as_of.isoformat(), *stages)
    return cost, json.loads(report.read_text("utf-8"))


def _say(what: str) -> None:
    print(what, flush=True)
