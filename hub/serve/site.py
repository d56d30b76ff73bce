"""The site: what all requests of one server share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hub.ledger import Ledger
from hub.project import Project
from hub.serve.keeper import Keeper
from hub.serve.pace import Pace

REFUSALS = 20
"""So many pushes that were not signed as they must be are looked at per minute and address; then it has to wait."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Site:
    """A project that is served, with its ledger; `clock` tells the time to signatures and statements."""

    project: Project
    ledger: Ledger
    clock: Callable[[], datetime] = _now
    keeper: Keeper = field(init=False)
    pushes: Pace = field(init=False)
    questions: Pace = field(init=False)
    refusals: Pace = field(init=False)

    def __post_init__(self) -> None:
        """Make what belongs to this server alone."""
        rate = self.project.hub.serve.pushes
        per_second = rate.number / rate.seconds
        self.keeper = Keeper(self.ledger.inbox)
        self.pushes = Pace(per_second, max(1.0, per_second * 5))
        self.questions = Pace(per_second, max(1.0, per_second * 5))
        self.refusals = Pace(REFUSALS / 60, REFUSALS)
