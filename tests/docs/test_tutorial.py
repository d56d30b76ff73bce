"""The tutorial: its commands run, one after the other, and answer what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


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


def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    here = tmp_path
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HUB_", "PREFECT_"))}
    environment = {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "160"}
    done = 0
    for command, promised in steps((DOCS / "tutorial.md").read_text(encoding="utf-8")):
        if command.startswith("cd "):
            here = here / command.removeprefix("cd ")
            continue
        ran = subprocess.run(
            ["bash", "-c", command], cwd=here, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        printed = ran.stdout if promised else ""
        if "hub check ||" in command:
            printed = ran.stderr + ran.stdout
        assert ran.returncode == 0, f"$ {command}\n{ran.stdout}{ran.stderr}"
        assert fits(promised, printed), f"$ {command}\npromised:\n{promised}\nprinted:\n{printed}"
        done += 1
    assert done > 15
