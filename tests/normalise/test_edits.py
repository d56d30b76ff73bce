"""How many edits lie between two words."""

from __future__ import annotations

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from hub.normalise.edits import within


@given(one=st.text("abc", max_size=8), other=st.text("abc", max_size=8), limit=st.integers(1, 2))
def test_words_are_within_so_many_edits_as_the_whole_table_of_edits_says(one: str, other: str, limit: int) -> None:
    assert within(limit, one, other) == (_edits(one, other) <= limit)


def _edits(one: str, other: str) -> int:
    """Count edits by definition: the shortest way over ends that are dropped, changed or swapped."""

    @cache
    def left(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        ways = [left(i - 1, j) + 1, left(i, j - 1) + 1, left(i - 1, j - 1) + (one[i - 1] != other[j - 1])]
        if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
            ways.append(left(i - 2, j - 2) + 1)
        return min(ways)

    return left(len(one), len(other))
