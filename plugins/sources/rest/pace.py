"""Pace: how fast lists are asked for: never more in any stretch of a rate's length.

What went in an hour or a day is kept in `.hub/rates/`, so that it counts for the next run too. Rows and e-mails that
are sent have a pace of their own.
"""

from __future__ import annotations

import fcntl
import json
import math
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from hub import patience
from hub.errors import TemporaryError
from hub.units import Rate

PATIENCE = 90.0
"""Seconds that a run waits for a rate; where it takes longer, a next run goes on."""
LONG = 3600
"""Rates over so many seconds or more are remembered from run to run."""
PARTS = 48
"""Into so many parts the time of a long rate is cut: what went in one of them comes free at once."""


class Pace:
    """The rates of one connection."""

    def __init__(self, rates: Sequence[Rate], folder: Path, connection: str, above: Pace | None = None) -> None:
        self._recent = {rate: deque[float](maxlen=rate.number) for rate in rates if rate.seconds < LONG}
        self._long = tuple(rate for rate in rates if rate.seconds >= LONG)
        self._folder, self._connection = folder, connection
        self._file = folder / ".hub" / "rates" / f"{connection}.json"
        self._above = above
        self._lists: dict[str, Pace] = {}

    def of(self, name: str, rates: Sequence[Rate]) -> Pace:
        """Give the pace of one list, which may have rates of its own beside the connection's."""
        if rates and name not in self._lists:
            own = f"{self._connection}.{name}"
            self._lists[name] = Pace(rates, self._folder, own, self)
        return self._lists.get(name, self)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until one more request may go, and count it. Raises TemporaryError where that takes too long.

        It counts from when it was answered: nobody knows at which moment before that it arrived there.
        """
        while self._recent and (seconds := max(map(self._until, self._recent))) > 0:
            patience.clock.wait(seconds)
        if self._long:
            self._count()
        try:
            with self._above.turn() if self._above is not None else nullcontext():
                yield
        finally:
            for times in self._recent.values():
                times.append(patience.clock.now())

    def _until(self, rate: Rate) -> float:
        """Say how long a short rate has to be waited for; a clock that was set back does not make it longer."""
        times = self._recent[rate]
        if len(times) < rate.number:
            return 0.0
        return min(times[0] + rate.seconds - patience.clock.now(), float(rate.seconds))

    def _count(self) -> None:
        """Count one request by the long rates, together with what other processes of this machine ask."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            while (longest := max(map(self._left, self._long)))[0] > 0:
                seconds, rate = longest
                if seconds > PATIENCE:
                    raise TemporaryError(
                        f"{rate} is used up; a next run goes on in {seconds / 60:.0f} minutes", seconds
                    )
                patience.clock.wait(seconds)
            known = self._known()
            for rate in self._long:
                part = str(_part(rate, patience.clock.now()))
                counts = known.setdefault(str(rate), {})
                counts[part] = counts.get(part, 0) + 1
            new = self._file.with_suffix(".new")
            new.write_text(json.dumps(known), encoding="utf-8")
            new.replace(self._file)

    def _left(self, rate: Rate) -> tuple[float, Rate]:
        """Say how long a long rate has to be waited for."""
        now = patience.clock.now()
        used = {int(part): number for part, number in self._known().get(str(rate), {}).items()}
        if sum(used.values()) < rate.number:
            return 0.0, rate
        return (min(used) + PARTS + 1) * rate.seconds / PARTS - now, rate

    def _known(self) -> dict[str, dict[str, int]]:
        """Give what was counted and still counts; what lies in the future is from before the clock was set back."""
        try:
            known: dict[str, dict[str, int]] = json.loads(self._file.read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        found = {}
        for rate in self._long:
            newest = _part(rate, patience.clock.now())
            counts = known.get(str(rate), {})
            found[str(rate)] = {
                part: number for part, number in counts.items() if newest - PARTS <= int(part) <= newest
            }
        return found


def _part(rate: Rate, now: float) -> int:
    return math.floor(now * PARTS / rate.seconds)
