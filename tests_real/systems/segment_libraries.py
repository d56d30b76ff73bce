"""Segment's libraries for browsers and servers, as npm has them; what they send goes to the hub."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests_real.harness import System, node_packages

BROWSER, SERVER = "1.84.3", "3.1.0"
PACKAGES = (f"@segment/analytics-next@{BROWSER}", f"@segment/analytics-node@{SERVER}", "jsdom@26.1.0")


class SegmentLibraries(System):
    """Libraries that a script uses: nothing is started."""

    name = "segment_libraries"
    version = f"analytics-next {BROWSER}, analytics-node {SERVER}"

    def install(self) -> None:
        self._folder = node_packages(self.folder / "node", PACKAGES)

    def start(self) -> None:
        """Leave it to `play`."""

    def play(self, part: str, **settings: str) -> dict[str, Any]:
        """Do what a `server` or a `browser` does; tell what was asked before it was sent, and how much was repeated."""
        env = {**os.environ, **settings, "NODE_PATH": str(self._folder / "node_modules")}
        script = Path(__file__).with_suffix(".js")
        done = subprocess.run(["node", script, part], env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))
