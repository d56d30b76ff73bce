"""Walk stages of the benchmark's project in this process: `python -m bench.walk PROJECT REPORT AS_OF STAGE...`.

The report is JSON: CPU and wall seconds per stage, and what each stage says it did.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from hub.contracts import Channel
from hub.pipeline import Stage, Work, run
from hub.project import load_project
from hub.registry import GROUP, Registry
from hub.report import Report

__all__ = ["walk"]


def walk(folder: Path, as_of: datetime, stages: Sequence[str]) -> dict[str, dict[str, object]]:
    """Run the stages and tell, per stage, `cpu_seconds`, `wall_seconds` and `counts`; a failure raises."""
    told: dict[str, dict[str, object]] = defaultdict(lambda: {"cpu_seconds": 0.0, "wall_seconds": 0.0, "counts": {}})
    started_cpu, started_wall = time.process_time(), time.perf_counter()

    def step(stage: Stage, subject: str, work: Work) -> Report:
        cpu, wall = time.process_time(), time.perf_counter()
        report = work()
        seen = told[stage]
        seen["cpu_seconds"] = seen["cpu_seconds"] + time.process_time() - cpu
        seen["wall_seconds"] += time.perf_counter() - wall
        seen["counts"] |= {subject: dict(report.counts)} if subject else dict(report.counts)
        return report

    result = run(load_project(folder, _registry()), as_of, stages, step=step)
