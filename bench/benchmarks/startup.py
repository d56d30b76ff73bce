"""How long `hub --help` takes to answer (wall, median of five), against Python doing nothing."""

from __future__ import annotations

from pathlib import Path

from bench.measure import Result, median_of, python

PROMISED_SECONDS = 0.5
REPEATS = 5


def run(size: int, folder: Path) -> Result:  # noqa: ARG001 - every benchmark has this form
    """Start both several times; `wall_seconds` is what a person waits for."""
    print("starting python and hub ...", flush=True)
    nothing = median_of(REPEATS, lambda: python("-c", "pass"))
    help_page = median_of(REPEATS, lambda: python("-c", "from hub.cli import main; main()", "--help"))
    return Result(
        "startup",
        size,
        help_page.cpu_seconds,
        nothing.cpu_seconds,
        help_page.peak_mib,
        {
            "wall_seconds": round(help_page.wall_seconds, 3),
            "reference_wall_seconds": round(nothing.wall_seconds, 3),
            "promised_seconds": PROMISED_SECONDS,
        },
    )
