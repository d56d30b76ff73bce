"""The page on who is who: its commands run on the tutorial's project, and answer what it says."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.docs.console import DOCS, call, fits, steps


def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HUB_", "PREFECT_"))}
    environment = {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "160"}
    call("hub init corner && cd corner && hub run", tmp_path, environment)
    done = 0
    for command, promised in steps((DOCS / "people.md").read_text(encoding="utf-8")):
        printed = call(command, tmp_path / "corner", environment).stdout
        assert fits(promised, printed), f"$ {command}\npromised:\n{promised}\nprinted:\n{printed}"
        done += 1
    assert done == 9
