"""Measure what a piece of work costs, and say it in one form.

Each side of a comparison runs in a child process of its own, so that imports, caches and the peak of memory of one
never count for the other. Costs are CPU seconds (user and system, of the child and of the processes it waited for).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hub.errors import HubError

PROJECT_ROOT = Path(__file__).parent.parent
_LAUNCH = Path(__file__).parent / "launch.py"


@dataclass(frozen=True)
class Cost:
    """What one child process took: CPU seconds, wall seconds, and the peak of its resident memory in MiB."""

    cpu_seconds: float
    wall_seconds: float
    peak_mib: float


@dataclass(frozen=True)
class Result:
    """A benchmark's outcome; `as_line()` is the form that every benchmark ends with.

    `reference_cpu_seconds` is the same result made in the best other way; `more` holds what else was measured.
    """

    name: str
    size: int
    cpu_seconds: float
    reference_cpu_seconds: float
    peak_mib: float
    more: Mapping[str, object] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """How many times the reference's CPU seconds the hub took."""
        return self.cpu_seconds / self.reference_cpu_seconds

    def as_line(self) -> str:
        """One line of JSON: name, size, cpu_seconds, reference_cpu_seconds, ratio, peak_mib, then the rest."""
        return json.dumps(
            {
                "name": self.name,
                "size": self.size,
                "cpu_seconds": round(self.cpu_seconds, 3),
                "reference_cpu_seconds": round(self.reference_cpu_seconds, 3),
                "ratio": round(self.ratio, 3),
                "peak_mib": round(self.peak_mib, 1),
                **self.more,
            }
        )


class MeasurementError(HubError):
    """A measured process failed, or two sides that must agree did not: there is no result to compare."""


def python(*arguments: str | Path, cwd: Path = PROJECT_ROOT) -> Cost:
    """Run this Python with arguments in a child process and return its cost; a failure raises MeasurementError."""
    return child([sys.executable, *map(str, arguments)], cwd=cwd)


def child(command: Sequence[str], cwd: Path = PROJECT_ROOT) -> Cost:
    """Run a command in a child process and return its cost; a failure raises MeasurementError with its last lines."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    with tempfile.TemporaryDirectory() as folder:
        cost = Path(folder) / "cost.json"
        finished = subprocess.run(
            [sys.executable, "-S", str(_LAUNCH), str(cost), *command],
            cwd=cwd,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if finished.returncode != 0:
            last = "\n".join(finished.stdout.strip().splitlines()[-15:])
            raise MeasurementError(f"{' '.join(command)} ended with exit code {finished.returncode}:\n{last}")
        return Cost(*json.loads(cost.read_text("utf-8")))


def median_of(times: int, measure: Callable[[], Cost]) -> Cost:
    """Measure several times and return the medians, which one disturbed run cannot move."""
    costs = [measure() for _ in range(times)]
    return Cost(
        statistics.median(cost.cpu_seconds for cost in costs),
        statistics.median(cost.wall_seconds for cost in costs),
        statistics.median(cost.peak_mib for cost in costs),
    )


def beyond_startup(whole: Cost, startup: Cost) -> Cost:
    """Take the cost of starting (the same work on next to nothing) off; memory stays what it was at its peak."""
    return Cost(
        max(whole.cpu_seconds - startup.cpu_seconds, 0.001),
        max(whole.wall_seconds - startup.wall_seconds, 0.001),
        whole.peak_mib,
    )


def must_agree(ours: Mapping[str, int], theirs: Mapping[str, int]) -> None:
    """Refuse to compare costs of different results: raise MeasurementError that names each difference."""
    different = [
        f"{name}: the hub has {ours.get(name)}, the reference has {theirs.get(name)}"
        for name in sorted(ours.keys() | theirs.keys())
        if ours.get(name) != theirs.get(name)
    ]
    if different:
        raise MeasurementError("The hub and the reference disagree:\n" + "\n".join(different))
