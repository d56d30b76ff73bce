"""Shares and their differences, by the examples of Newcombe's articles (Statistics in Medicine 17, 1998)."""

from __future__ import annotations

import pytest
from scipy.stats import binom, binomtest

from hub.people.uplift import difference, share


@pytest.mark.parametrize(
    ("number", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_a_share_has_wilsons_interval(number: int, of: int, low: float, high: float) -> None:
    found = share(number, of)
    assert (found.value, round(found.low, 4), round(found.high, 4)) == (number / of, low, high)


def test_a_share_has_the_interval_that_another_library_computes() -> None:
    for of in (1, 7, 40, 1000):
        for number in {0, 1, of // 3, of - 1, of}:
            theirs = binomtest(number, of).proportion_ci(0.95, "wilson")
            found = share(number, of)
            assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize(("one", "other"), [((30, 0.2), (25, 0.35)), ((60, 0.03), (20, 0.05)), ((40, 0.5), (40, 0.5))])
def test_the_interval_of_an_uplift_holds_the_true_one_nineteen_times_in_twenty_r35(
    one: tuple[int, float], other: tuple[int, float]
) -> None:
    (many, often), (few, seldom) = one, other
    covered = sum(
        float(binom.pmf(number, many, often) * binom.pmf(others, few, seldom))
        for number in range(many + 1)
        for others in range(few + 1)
        if (found := difference(share(number, many), share(others, few))).low <= often - seldom <= found.high
    )
    assert 0.94 < covered < 0.99


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_a_difference_has_newcombes_interval_r35(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    found = difference(share(*one), share(*other))
    assert found.value == pytest.approx(one[0] / one[1] - other[0] / other[1])
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)
