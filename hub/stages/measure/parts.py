"""Parts: which cells of the results are the sums of which others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hub.people.hiding import Sum

Key = tuple[tuple[str, str | int], ...]

PARTS: Mapping[str, Sequence[str]] = {
    "all": ("channel",),
    "channel": ("step", "variant", "weekday", "hour", "group"),
    "weekday": ("group_weekday",),
    "hour": ("group_hour",),
    "group": ("group_weekday", "group_hour"),
}
"""Which cuts split the cells of a cut further: each of these is the sum of its parts."""


@dataclass(frozen=True)
class Cell:
    """One row of a cut; `key` says what its messages have in common, by name."""

    cut: str
    grouped_by: str
    key: Key


def sums_of(cells: Iterable[Cell]) -> Iterator[Sum[Cell]]:
    """Give every cell that is split further, with its parts: by each cut and grouping that split it."""
    by_cut: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        by_cut[cell.cut].append(cell)
    for cut, splits in PARTS.items():
        totals = {(cell.grouped_by, cell.key): cell for cell in by_cut[cut]}
        for split in splits:
            parts: dict[tuple[Cell, str], list[Cell]] = defaultdict(list)
            for cell in by_cut[split]:
                for total in _totals(cell, totals):
                    parts[total, cell.grouped_by].append(cell)
            for (total, _), found in parts.items():
                yield Sum(total, found)


def _totals(cell: Cell, totals: Mapping[tuple[str, Key], Cell]) -> Iterator[Cell]:
    """Give the total that a cell is a part of: it has in common all but one thing."""
    for left_out in cell.key:
        key = tuple(it for it in cell.key if it != left_out)
        for grouped_by in dict.fromkeys((cell.grouped_by, "")):
            if (grouped_by, key) in totals:
                yield totals[grouped_by, key]
