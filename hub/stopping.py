"""Stopping: a process that is told to stop ends what is in flight, and begins nothing more."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from hub.errors import StoppedError

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """Whether this process was told to stop, and by which signal."""

    def __init__(self) -> None:
        self._told = threading.Event()
        self.signal: int = 0

    def __bool__(self) -> bool:
        """Say whether to stop."""
        return self._told.is_set()

    def tell(self, number: int = signal.SIGTERM) -> None:
        """Stop."""
        self.signal = number
        self._told.set()

    def wait(self, seconds: float) -> None:
        """Wait, but not longer than until told to stop."""
        self._told.wait(seconds)


@contextmanager
def stopping() -> Iterator[Stop]:
    """Give a Stop that SIGTERM and SIGINT tell, for the length of the block. Raises StoppedError at its end.

    The second signal acts as ever: who is in a hurry sends it twice. Outside the main thread no signal arrives, and
    nothing stops.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def told(number: int, _: FrameType | None) -> None:
        stop.tell(number)
        restore()

    for number in SIGNALS:
        signal.signal(number, told)
    try:
        yield stop
    finally:
        restore()
    if stop:
        raise StoppedError(stop.signal)
