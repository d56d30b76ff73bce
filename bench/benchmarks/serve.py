"""Webhooks that `hub serve` takes per second, against a handler written by hand; size counts pushes.

Each push is signed (Standard Webhooks) and in the ledger (SQLite, synced to the disk) before it is answered. Senders
and server share the machine. Each server is a process of its own; costs are its CPU seconds beyond its start.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.measure import PROJECT_ROOT, MeasurementError, Result
from bench.serving.senders import push_all, requests

CONNECTIONS = 32
START = 60


@dataclass(frozen=True)
class Side:
    """What one server took: its CPU seconds, the wall seconds of all pushes, its peak of memory in MiB."""

    cpu_seconds: float
    wall_seconds: float
    peak_mib: float


def run(size: int, folder: Path) -> Result:
    """Push everything to the hub, then to the handler written by hand."""
    shutil.rmtree(folder, ignore_errors=True)
    pushes = requests(size)
    one_by_one = _measure("hub_server", folder / "one", pushes[: max(1, size // 10)], connections=1)
    hub = _measure("hub_server", folder / "hub", pushes, CONNECTIONS)
    plain = _measure("plain_server", folder / "plain", pushes, CONNECTIONS)
    return Result(
        "serve",
        size,
        hub.cpu_seconds,
        plain.cpu_seconds,
        hub.peak_mib,
        {
            "webhooks_per_second": round(size / hub.wall_seconds),
            "webhooks_per_second_one_sender": round(max(1, size // 10) / one_by_one.wall_seconds),
            "reference_webhooks_per_second": round(size / plain.wall_seconds),
        },
    )


def _measure(server: str, folder: Path, pushes: list[bytes], connections: int) -> Side:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    script = PROJECT_ROOT / "bench" / "serving" / f"{server}.py"
    child = subprocess.Popen(
        [sys.executable, str(script), str(folder), str(port)],
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
    )
    try:
        _wait_for(port, child)
        start = _cpu_seconds(child.pid)
        started = time.perf_counter()
        taken_in = asyncio.run(push_all(port, pushes, connections))
        wall = time.perf_counter() - started
        if taken_in != len(pushes):
            raise MeasurementError(f"{server}: {taken_in} of {len(pushes)} pushes were taken")
        cpu = _cpu_seconds(child.pid) - start
    finally:
        child.send_signal(signal.SIGTERM)
        _, _, usage = os.wait4(child.pid, 0)
    return Side(cpu, wall, usage.ru_maxrss / 1024)


def _wait_for(port: int, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and child.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise MeasurementError("the server did not start")


def _cpu_seconds(process: int) -> float:
    """Give the user and system seconds of a process so far (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
