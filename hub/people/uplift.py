"""Uplift: how much more often those who were treated reach the goal than those of the control group, and how surely.

Wilson's interval for one proportion, and Newcombe's for the difference of two independent ones, built from Wilson's
(R. G. Newcombe, Interval estimation for the difference between independent proportions, Statistics in Medicine 17,
1998, method 10). Both hold for small groups and for shares of 0 and 1, where the textbook's normal interval does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

Z95 = 1.959963984540054
"""The quantile of the normal distribution that leaves 2.5% on either side."""


@dataclass(frozen=True)
class Interval:
    """A value with its 95% interval."""

    value: float
    low: float
    high: float


def share(number: int, of: int) -> Interval:
    """Give a share with Wilson's score interval; `of` is at least 1."""
    found = number / of
    middle = 2 * number + Z95**2
    around = Z95 * sqrt(Z95**2 + 4 * number * (1 - found))
    whole = 2 * (of + Z95**2)
    return Interval(found, max((middle - around) / whole, 0.0), min((middle + around) / whole, 1.0))


def difference(one: Interval, other: Interval) -> Interval:
    """Give the difference of two independent shares with Newcombe's interval: of `one`, less that of `other`."""
    below = sqrt((one.value - one.low) ** 2 + (other.high - other.value) ** 2)
    above = sqrt((one.high - one.value) ** 2 + (other.value - other.low) ** 2)
    value = one.value - other.value
    return Interval(value, value - below, value + above)
