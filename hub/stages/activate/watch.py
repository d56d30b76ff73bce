"""Watch: judge by its answers how a destination is doing, and leave it alone when it takes nothing.

What is wrong with it is told when it begins, not at every run; `hub status` shows it for as long as it lasts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from threading import Lock

from hub import log
from hub.contracts import Result
from hub.failpoints import reach
from hub.ledger import Destinations, Trouble
from hub.stages.activate.deliver import SHORT_REST, Answer
from hub.stages.activate.pace import RunClock, rest_after

NOT_TAKEN_IN_A_ROW = 5
"""So many messages or rows without an answer or to come later, one after the other: it takes nothing now."""

NOT_TAKEN = ("later", "rejected", "unknown")

QUIETLY: tuple[Trouble, ...] = ("limit", "asked")
"""Troubles that are no failure: the destination works, and said when more may come."""


@dataclass
class Outcome:
    """What became of the messages of one destination."""

    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    """Why messages were not taken, and how many."""
    failure: str = ""
    """What is wrong with the destination, where that is news."""
    is_known: bool = False
    """What is wrong with it was told by an earlier run."""
    waiting: int = 0
    """How many messages wait while it is left alone."""

    def failures(self, connection: str) -> list[str]:
        """Say what went wrong: the destination itself, or that every message failed, with the reasons grouped."""
        if self.failure:
            return [f"{connection}: {self.failure}"]
        failed = sum(self.counts[status] for status in NOT_TAKEN)
        if failed and not self.counts["accepted"] and not self.is_known:
            grouped = "; ".join(f"{number} x {reason}" for reason, number in self.reasons.most_common(5))
            return [f"{connection}: none of {failed} messages was taken: {grouped}"]
        return []


class Watch:
    """What one run knows of one destination. Its threads may all tell it what they saw."""

    def __init__(self, destinations: Destinations, connection: str, clock: RunClock) -> None:
        self.outcome = Outcome()
        self.is_over = False
        """It gets nothing more in this run."""
        self.is_trial = False
        """It was in trouble: one message, or one batch of rows, goes, and its answer decides."""
        self.reason = ""
        """Why it gets nothing more, where this run found out."""
        self._destinations = destinations
        self._connection = connection
        self._clock = clock
        self._lock = Lock()
        self._not_taken_in_a_row = 0
        self._rest = 0.0

    def begin(self, sender: str) -> None:
        """Find out whether it may be sent to at all."""
        permission = self._destinations.may_send(self._connection, sender, self._clock.now())
        self.is_over, self.is_trial = permission == "no", permission == "one"

    def saw(self, answer: Answer) -> None:
        """Count the answers of a batch, and tell a destination that takes nothing from one that lets a few wait."""
        with self._lock:
            for result in answer.results:
                self._count(result)
            self._judge(answer)

    def saw_rows(self, answer: Answer) -> None:
        """Judge by the answer to a batch of rows: it takes something as long as it takes or refuses one of them."""
        with self._lock:
            is_answer = any(result.status in ("accepted", "rejected") for result in answer.results)
            self._not_taken_in_a_row = 0 if is_answer else self._not_taken_in_a_row + len(answer.results)
            self._judge(answer)

    def used_up(self, wait: float) -> None:
        """Note that the rates are used up for so many seconds."""
        with self._lock:
            self._fails("limit", "as many went as its rates allow", wait)

    def missing(self, what: str = "messages") -> None:
        """Note that messages, or rows, wait for a destination that is not there."""
        self._fails("missing", f"{what} wait for it, but the project has no such destination any more")

    def rest(self) -> float:
        """Give the seconds to wait before the next batch, where it asked for a few."""
        with self._lock:
            rest, self._rest = self._rest, 0.0
        return rest

    def _judge(self, answer: Answer) -> None:
        last = answer.results[-1]
        asked = last.retry_after if last.status == "later" else None
        if answer.fault:
            self._fails(answer.fault, answer.failure, asked)
        elif asked is not None and asked > SHORT_REST:
            self._fails("asked", last.reason, asked)
        elif self._not_taken_in_a_row >= (1 if self.is_trial else NOT_TAKEN_IN_A_ROW):
            self._fails("unknown" if last.status == "unknown" else "later", f"takes nothing now: {last.reason}")
        else:
            self._rest = max(self._rest, asked or 0.0)
            self._recovers()

    def _count(self, result: Result) -> None:
        self.outcome.counts[result.status] += 1
        if result.status != "accepted":
            self.outcome.reasons[result.reason] += 1
        is_answer = result.status in ("accepted", "rejected")
        self._not_taken_in_a_row = 0 if is_answer else self._not_taken_in_a_row + 1

    def _fails(self, trouble: Trouble, reason: str, retry_after: float | None = None) -> None:
        now, failures = self._clock.now(), self._destinations.failures(self._connection)
        until = now + rest_after(failures, self._connection, retry_after, trouble)
        reach("destination fails, not written")
        self.is_over, self.reason = True, reason
        if not self._destinations.fails(self._connection, trouble, reason, until, now):
            self.outcome.is_known = True
        else:
            self.outcome.failure = "" if trouble in QUIETLY else reason
            tell = log.get("hub.activate")
            (tell.info if trouble in QUIETLY else tell.warning)(
                "left alone", destination=self._connection, trouble=trouble, until=until.isoformat()
            )

    def _recovers(self) -> None:
        if self.is_trial:
            self.is_trial = False
            self._destinations.recovers(self._connection)
            log.get("hub.activate").warning("takes what it is sent again", destination=self._connection)
