"""Lists of a platform that are read whole: what landed already as it is, does not land again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hub.incremental import mark


def news(rows: Iterable[Mapping[str, Any]], key: str) -> list[dict[str, Any]]:
    """Give the rows that are new or changed since the last landing, by their key; call it within a resource."""
    import dlt

    state = dlt.current.resource_state()
    before: dict[str, str] = state.get("seen", {})
    found = {str(row[key]): dict(row) for row in rows}
    marks = {name: mark(row) for name, row in found.items()}
    state["seen"] = marks
    return [row for name, row in found.items() if before.get(name) != marks[name]]
