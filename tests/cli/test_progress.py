"""What a run shows while it works: a line per stage for people, events as JSON for machines; never a value of a row."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

CANARIES = ("anna.devries", "Anna", "Vries", "Lindelaan", "3581", "Jansen")


def program(corner: Path) -> list[str]:
    return [sys.executable, "-c", "from hub.cli import main; main()", "run", "--project", str(corner)]


def test_a_person_at_a_terminal_sees_each_stage_and_connection_end(corner: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        program(corner), stdout=subprocess.PIPE, stderr=theirs, env={**os.environ, "TERM": "xterm"}
    ) as running:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # a terminal ends with an error when its other side is closed
            while chunk := os.read(ours, 65536):
                shown += chunk
        table, _ = running.communicate()
    os.close(ours)
    assert running.returncode == 0, shown
    text = shown.decode()
    for stage in ("land shop", "map", "resolve", "enrich", "segment", "decide", "activate"):
        assert f"  {stage} " in text
    assert "done" in text
    assert "accepted 2" in table.decode()


def test_machines_get_one_json_event_per_line_without_any_value_of_a_row(corner: Path) -> None:
    done = subprocess.run(
        program(corner),
        env={**os.environ, "HUB_LOG_FORMAT": "json", "HUB_LOG_LEVEL": "debug"},
        capture_output=True,
        text=True,
        check=True,
    )
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert {event["stage"] for event in events if "stage" in event} >= {"land", "map", "resolve", "decide", "activate"}
    assert len({event["run"] for event in events if "run" in event}) == 1
    for canary in CANARIES:
        assert canary not in done.stderr
        assert canary not in done.stdout
