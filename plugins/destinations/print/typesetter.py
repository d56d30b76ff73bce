"""The typesetter: Typst in a process of its own, so that no template can hang, fill or break the one that sends.

A program, run by `letters.py` with the number of an open connection; it ends when the other side closes that. Letters
can read what lies in the room (the frame and the pictures), no other file, and have no way to the network. Typst bounds
loops and recursion, but not what these do together, nor what they make: so for each job the process gets so many more
seconds of processor time, and it has so much memory at most. Past either it dies, and the other side tells why by how.
"""

from __future__ import annotations

import json
import resource
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import typst


def main(handle: int, room: Path, memory: int) -> None:
    """Set jobs until no more come: each gives what it says of itself as JSON, then the PDF (empty where there is none).

    A job has `inputs` for Typst, a `moment` in seconds since 1970, and the `seconds` that it may take.
    """
    _allow(resource.RLIMIT_AS, memory)
    _allow(resource.RLIMIT_CORE, 0)
    nothing = room / "packages"
    compiler = typst.Compiler(
        input=room / "frame.typ",
        root=room,
        ignore_system_fonts=True,
        package_path=nothing,
        package_cache_path=nothing,
    )
    with Connection(handle) as jobs:
        jobs.send_bytes(b"ready")
        while True:
            try:
                job: dict[str, Any] = json.loads(jobs.recv_bytes())
            except EOFError:
                return
            used = resource.getrusage(resource.RUSAGE_SELF)
            _allow(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + 1 + job["seconds"])
            told, pdf = _set(compiler, job)
            jobs.send_bytes(json.dumps(told).encode())
            jobs.send_bytes(pdf)


def _set(compiler: typst.Compiler, job: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    try:
        pdf = compiler.compile(format="pdf", sys_inputs=job["inputs"], timestamp=job["moment"], pdf_tags=False)
        begins, ends = (json.loads(compiler.query(label, field="value")) for label in ("<letter>", "<end>"))
    except typst.TypstError as error:
        return {"error": error.message}, b""
    return {"begins": [place["page"] for place in begins], "ends": ends}, pdf if isinstance(pdf, bytes) else b""


def _allow(what: int, most: int) -> None:
    """Bound what this process may use, unless it is bounded tighter already."""
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
