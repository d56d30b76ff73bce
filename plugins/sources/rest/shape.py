"""The shape of items: flat rows, and lists inside them as tables of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hub.templated import value_at
from plugins.sources.rest.config import RestResource

Item = Mapping[str, Any]


def shaped(name: str, settings: RestResource, items: Sequence[Item]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Give (table, rows): the items themselves, and the lists inside them with what leads back to their item."""
    rows = [dict(_flat(item)) if settings.flat else dict(item) for item in items]
    for table, inner in settings.lists.items():
        place = "_".join(inner.at.split("."))
        found = []
        for item, row in zip(items, rows, strict=True):
            row.pop(place, None)
            entries = value_at(inner.at, item)
            carried = {column: value_at(path, item) for column, path in inner.carry.items()}
            for entry in entries if isinstance(entries, list) else ():
                one = entry if isinstance(entry, Mapping) else {"value": entry}
                found.append({**(dict(_flat(one)) if settings.flat else one), **carried})
        if found:
            yield table, found
    if rows:
        yield name, rows


def _flat(item: Item, above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in item.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{name}_")
        else:
            yield f"{above}{name}", None if isinstance(value, Mapping) else value
