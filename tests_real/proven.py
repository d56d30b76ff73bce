"""The record of the last proofs (`proven.json`): which version of each system, on which day, by how many tests.

A run writes it for the systems whose tests all passed, and docs/connectors.md is made from it. A connector can't claim
a system that is not in it: see tests/docs/test_proofs.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RECORD = Path(__file__).parent / "proven.json"


def record(proofs: Mapping[str, Mapping[str, Any] | None]) -> None:
    """Keep the proofs of a run; None takes one back. Systems that the run left out stay as they were."""
    known = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    kept = {name: proof for name, proof in sorted({**known, **proofs}.items()) if proof is not None}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(proof)}" for name, proof in kept.items())
    RECORD.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
