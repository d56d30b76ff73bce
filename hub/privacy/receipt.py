"""The receipt: what was erased where, and what is left to do by hand; signed, and without personal data.

The person gets it as proof. Whoever has the project's key can tell that the hub wrote it, and that nobody changed it.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from hub.ledger import Erasure, Task, name_of

FORM = 1


def write_receipt(key: bytes, erasure: Erasure, tasks: Sequence[Task]) -> str:
    """Write the receipt of a request as it stands."""
    body: dict[str, Any] = {
        "receipt": FORM,
        "request": erasure.id,
        "people": erasure.people,
        "asked_at": erasure.asked_at.isoformat(),
        "due_at": erasure.due_at.isoformat(),
        "places": [
            {
                "place": task.place,
                "what": task.what,
                "rows": task.number,
                "state": task.state,
                "reason": task.reason,
                "at": task.at.isoformat() if task.at is not None else None,
            }
            for task in sorted(tasks, key=lambda it: (it.place, it.what))
        ],
        "key": name_of(key),
    }
    return json.dumps({**body, "signature": _signature(key, body)}, ensure_ascii=False, indent=2)


def holds(keys: Sequence[bytes], receipt: str) -> bool:
    """Say whether one of the keys signed a receipt as it is."""
    try:
        body = json.loads(receipt)
        given = str(body.pop("signature"))
    except (ValueError, KeyError, AttributeError, TypeError):
        return False
    signed = [hmac.compare_digest(given, _signature(key, body)) for key in keys]
    return any(signed)


def _signature(key: bytes, body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, ensure_ascii=False)
    return hmac.digest(key, f"receipt|{text}".encode(), "sha256").hex()
