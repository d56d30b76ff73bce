"""Walk stages of the benchmark's project in this process: `python -m bench.walk PROJECT REPORT AS_OF STAGE...`.

The report is JSON: by stage its CPU and wall seconds, and what it says it did.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from bench.measure import MeasurementError
from hub.loading import loading

with loading():  # as `hub run` does
    from hub.pipeline import Stage, Work, run
    from hub.project import load_project
    from hub.registry import GROUP, Registry
    from hub.report import Report

DESTINATION = EntryPoint("accepting", "bench.destination", GROUP)


def walk(folder: Path, as_of: datetime, stages: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Run the stages and tell by stage `cpu_seconds`, `wall_seconds` and `counts`; a failed stage raises."""
    told: dict[str, dict[str, Any]] = {}

    def step(stage: Stage, subject: str, work: Work) -> Report:
        seen = told.setdefault(stage, {"cpu_seconds": 0.0, "wall_seconds": 0.0, "counts": {}})
        cpu, wall = time.process_time(), time.perf_counter()
        report = work()
        seen["cpu_seconds"] += time.process_time() - cpu
        seen["wall_seconds"] += time.perf_counter() - wall
        seen["counts"] |= {subject: dict(report.counts)} if subject else dict(report.counts)
        return report

    result = run(load_project(folder, registry()), as_of, stages, step=step)
    if not result.ok:
        raise MeasurementError("the hub's run failed: " + "; ".join(result.failures))
    return told


def registry() -> Registry:
    """Give the installed plugins and the destination of the benchmark."""
    installed = {point.name: point for point in entry_points(group=GROUP)}
    return Registry({**installed, DESTINATION.name: DESTINATION})


if __name__ == "__main__":
    report = walk(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[3]), sys.argv[4:])
    Path(sys.argv[2]).write_text(json.dumps(report, indent=1), "utf-8")
