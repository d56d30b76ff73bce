"""Run a command and write what it cost: `python -S bench/launch.py COST_FILE COMMAND...`.

A small process of its own, because the system counts the memory of whoever starts a process as that process's first
peak: a benchmark that has just generated its data would lend its own memory to what it measures.
"""

import json
import os
import sys
import time

if __name__ == "__main__":
    cost_file, *command = sys.argv[1:]
    started = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - started
    unit = 2**20 if sys.platform == "darwin" else 2**10
    with open(cost_file, "w", encoding="utf-8") as file:  # noqa: PTH123 - pathlib would double this process
        json.dump([usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / unit], file)
    sys.exit(os.waitstatus_to_exitcode(status))
