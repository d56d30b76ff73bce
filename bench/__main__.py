"""Run one benchmark: `python -m bench NAME SIZE`. The last line is its result as JSON.

A benchmark is a module of `bench.benchmarks` with `run(size, folder) -> Result`.
"""

from __future__ import annotations

import argparse
import compileall
import importlib
import pkgutil
import sys
from pathlib import Path

from bench import benchmarks
from bench.measure import PROJECT_ROOT, Result

CACHE = Path(__file__).parent / ".cache"
"""Where generated data stays between runs; git ignores it."""


def names() -> list[str]:
    """The benchmarks there are: the modules of `bench.benchmarks`."""
    return sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__))


def run(name: str, size: int, folder: Path = CACHE) -> Result:
    """Run the benchmark of that name at that size, keeping its files under `folder`."""
    result = importlib.import_module(f"bench.benchmarks.{name}").run(size, folder / name / str(size))
    assert isinstance(result, Result)
    return result


def main(arguments: list[str]) -> int:
    """Parse the command line, run the benchmark, print its line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", choices=names())
    parser.add_argument("size", type=int, nargs="?", default=100_000, help="persons or rows; 100000 if not given")
    chosen = parser.parse_args(arguments)
    for package in ("hub", "plugins", "bench"):  # as installing does: what is measured compiles none of its modules
        compileall.compile_dir(PROJECT_ROOT / package, quiet=1)
    print(run(chosen.name, chosen.size).as_line())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
