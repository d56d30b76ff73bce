"""Edits: how many slips of the fingers lie between two words."""

from __future__ import annotations


def within(limit: int, one: str, other: str) -> bool:
    """Say whether two words are at most so many edits apart: a letter added, lost, changed, swapped with the next one.

    What both begin and end with is no edit, and a row of the table in which all is beyond the limit ends the count.
    """
    while one and other and one[0] == other[0]:
        one, other = one[1:], other[1:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    if abs(len(one) - len(other)) > limit:
        return False
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        last, before, row = before, row, [i]
        for j, target in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != target))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == target:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > limit and min(before) >= limit:
            return False
    return row[-1] <= limit
