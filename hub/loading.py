"""Loading: the hub's modules are half a million objects that stay, and leave next to no garbage."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Let the garbage collector rest while modules are imported: it would look at all of them again and again.

    Nor does it look at them later: a run without much work would spend a tenth of its time on that.
    """
    before, known = gc.isenabled(), len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > known:
            gc.freeze()
        if before:
            gc.enable()
