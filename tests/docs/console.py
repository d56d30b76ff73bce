"""Console: the commands that a page shows, with what it promises of each; and how to run one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
LONGEST = 180
"""How many seconds a command may take; they are for a machine that is slow and busy."""


def steps(page: str) -> Iterator[tuple[str, str]]:
    """Give the commands of the page's console blocks, each with the output that it promises."""
    for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.splitlines()
            more = [line[2:] for line in lines[1:] if line.startswith("> ")]
            promised = [line for line in lines[1:] if not line.startswith("> ")]
            yield "\n".join([lines[0], *more]), "\n".join(promised)


def fits(promised: str, printed: str) -> bool:
    """Compare line by line; `...` stands for anything, also for several lines."""
    pattern = re.escape(promised.strip()).replace(re.escape("..."), r"(.|\n)*?")
    found = "\n".join(line.rstrip() for line in printed.strip().splitlines())
    return re.fullmatch(pattern, found) is not None


def call(command: str, folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its good end; nothing that it started outlives it.

    One that has no end is stopped, and fails with where each of its threads stood.
    """
    with subprocess.Popen(
        ["bash", "-c", command],
        cwd=folder,
        env={**environment, "PYTHONFAULTHANDLER": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        try:
            printed, told = running.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGABRT)
            printed, told = running.communicate(timeout=LONGEST)
            raise AssertionError(f"$ {command}\nhas no end\n{printed}{told}") from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
    assert running.returncode == 0, f"$ {command}\n{printed}{told}"
    return subprocess.CompletedProcess(command, 0, printed, told)
