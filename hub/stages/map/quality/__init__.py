"""Quality: what the new rows of a connection are like, whether that is what was demanded, and when to stop.

All of it happens in the transaction that maps the connection: a check that stops leaves everything as it was, and
nothing downstream ever sees what it did not believe.
"""

from __future__ import annotations

from hub.stages.map.quality.arrivals import judge_arrivals
from hub.stages.map.quality.finding import (
    Finding,
    StoppedError,
    forget_findings,
    keep_findings,
    stop_unless_met,
)
from hub.stages.map.quality.judge import Judge

__all__ = ["Finding", "Judge", "StoppedError", "forget_findings", "judge_arrivals", "keep_findings", "stop_unless_met"]
