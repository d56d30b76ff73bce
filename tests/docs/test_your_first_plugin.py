"""Your first plugin: the page's commands run, one after the other, and answer what it says."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.docs.console import DOCS, call, fits, steps
from tests.installing import install, with_packages


def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    here, site = tmp_path / "work", tmp_path / "site"
    here.mkdir()
    site.mkdir()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = with_packages(site, PATH=path, COLUMNS="160")
    done = 0
    for command, promised in steps((DOCS / "your-first-plugin.md").read_text(encoding="utf-8")):
        if command.startswith("cd "):
            here = here / command.removeprefix("cd ")
            continue
        if command == "pip install -e .":
            install(here, site)
            continue
        ran = call(command, here, environment)
        printed = ran.stdout if promised else ""
        assert fits(promised, printed), f"$ {command}\npromised:\n{promised}\nprinted:\n{printed}"
        done += 1
    assert done == 23
