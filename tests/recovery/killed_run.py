"""A run that kills itself in the middle of a stage: `python killed_run.py FOLDER AS_OF STAGE SECONDS`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from datetime import datetime
from pathlib import Path

from hub import log, pipeline
from hub.project.load import load_project
from hub.report import Report


def main(folder: str, as_of: str, stage: str, seconds: str) -> None:
    """Run everything; `seconds` after the stage starts, die without a word."""

    def tell(current: str, _: str, report: Report | None) -> None:
        if current == stage and report is None:
            threading.Timer(float(seconds), os.kill, (os.getpid(), signal.SIGKILL)).start()

    log.configure(level="error")
    pipeline.run(load_project(Path(folder)), datetime.fromisoformat(as_of), on_progress=tell)


if __name__ == "__main__":
    main(*sys.argv[1:])
