"""The shape of items: flat rows, and lists inside them as tables of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hub.templated import text_at, value_at
from plugins.sources.rest.config import LookUp, RestResource

Item = Mapping[str, Any]
Known = dict[LookUp, dict[str, Any]]
"""What other lists know: by look-up, the values by key."""


def shaped(
    name: str, settings: RestResource, items: Sequence[Item], known: Known
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Give (table, rows): the items themselves, and the lists inside them with what leads back to their item."""
    rows = [{**_row(settings, item), **_looked_up(settings.look_up, item, known)} for item in items]
    for table, inner in settings.lists.items():
        place = "_".join(inner.at.split("."))
        found = []
        for item, row in zip(items, rows, strict=True):
            row.pop(place, None)
            entries = value_at(inner.at, item)
            carried = {column: value_at(path, item) for column, path in inner.carry.items()}
            for entry in entries if isinstance(entries, list) else ():
                one = entry if isinstance(entry, Mapping) else {"value": entry}
                more = {**carried, **_looked_up(inner.look_up, one, known)}
                found.append({**_as_it_is(settings, one), **more})
        if found:
            yield table, found
    if rows:
        yield name, rows


def _row(settings: RestResource, item: Item) -> Item:
    if settings.columns:
        return {column: value_at(path, item) for column, path in settings.columns.items()}
    return _as_it_is(settings, item)


def _as_it_is(settings: RestResource, item: Item) -> Item:
    return dict(_flat(item)) if settings.flat else item


def _looked_up(columns: Mapping[str, LookUp], item: Item, known: Known) -> dict[str, Any]:
    return {column: known[found].get(text_at(found.by, item)) for column, found in columns.items()}


def _flat(item: Item, above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in item.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{name}_")
        else:
            yield f"{above}{name}", None if isinstance(value, Mapping) else value
