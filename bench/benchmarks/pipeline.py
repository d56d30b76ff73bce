"""The main job from the lake to deliveries, against the best hand-written SQL for the same result.

Size counts persons. The raw data lands once and is not timed. Then the hub runs from map to activate in one process, the
reference in another; their outcomes must be equal, or there is nothing to compare. A second run of the hub, landing
included, finds nothing new.
"""

from __future__ import annotations

import json
import shutil
import sys
from datetime import datetime, timedelta
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from bench.generator import AS_OF, generate
from bench.measure import Result, must_agree, python

PROJECT = Path(__file__).parent.parent / "project"
AFTER_LANDING = ("map", "resolve", "feedback", "enrich", "segment", "decide", "activate")
PROMISED_RATIO = 2.0
PROMISED_PEAK_MIB = 2048
PROMISED_AGAIN_SECONDS = 2.0


def run(size: int, folder: Path) -> Result:
    """Land, run, run again, run the reference, compare; `more` tells about the second run and the stages."""
    project = folder / "project"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(PROJECT, project)
    print(f"generating {size} persons ...", flush=True)
    generate(project / "raw", size)
    print("landing ...", flush=True)
    _hub(project, "landed", ("land",), AS_OF)
    print("the hub, from map to activate ...", flush=True)
    ours, first = _hub(project, "first", AFTER_LANDING, AS_OF)
    print("the hub again, with nothing new ...", flush=True)
    again, second = _hub(project, "again", ("land", *AFTER_LANDING), AS_OF + timedelta(hours=1))
    print("the reference ...", flush=True)
    theirs = python("-m", "bench.reference", project / "lake", folder / "reference.duckdb", folder / "reference.json")
    outcome = json.loads((folder / "first.json").read_text("utf-8"))
    must_agree(outcome["counts"], json.loads((folder / "reference.json").read_text("utf-8")))
    return Result(
        "pipeline",
        size,
        ours.cpu_seconds,
        theirs.cpu_seconds,
        ours.peak_mib,
        {
            "wall_seconds": round(ours.wall_seconds, 3),
            "reference_wall_seconds": round(theirs.wall_seconds, 3),
            "reference_peak_mib": round(theirs.peak_mib, 1),
        },
    )
