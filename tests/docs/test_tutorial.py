"""The tutorial: its commands run, one after the other, and answer what it says."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.docs.console import DOCS, call, fits, steps


def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    here = tmp_path
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HUB_", "PREFECT_"))}
    environment = {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "160"}
    done = 0
    for command, promised in steps((DOCS / "tutorial.md").read_text(encoding="utf-8")):
        if command.startswith("cd "):
            here = here / command.removeprefix("cd ")
            continue
        ran = call(command, here, environment)
        printed = ran.stdout if promised else ""
        if "hub check ||" in command:
            printed = ran.stderr + ran.stdout
        assert fits(promised, printed), f"$ {command}\npromised:\n{promised}\nprinted:\n{printed}"
        done += 1
    assert done > 15
