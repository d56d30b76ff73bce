"""Pace: how fast something may come, by name; what is too fast is told how long to wait."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

NAMES = 10_000
"""How many names are remembered; the one that was quiet for longest is forgotten first."""


class Pace:
    """A bucket per name that fills at a rate and holds `burst`: who finds it empty waits."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, name: str) -> int:
        """Say how many whole seconds to wait before the next one; 0 where it may come now. It takes nothing."""
        level = self._level(name)
        return 0 if level >= 1 else max(1, math.ceil((1 - level) / self._rate))

    def take(self, name: str) -> int:
        """Take one, if there is one; else say how many whole seconds to wait."""
        seconds = self.wait(name)
        if not seconds:
            self._buckets[name] = (self._level(name) - 1, self._clock())
            self._buckets.move_to_end(name)
            if len(self._buckets) > NAMES:
                self._buckets.popitem(last=False)
        return seconds

    def _level(self, name: str) -> float:
        level, at = self._buckets.get(name, (self._burst, self._clock()))
        return min(self._burst, level + (self._clock() - at) * self._rate)
