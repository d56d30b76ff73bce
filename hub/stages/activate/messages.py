"""Messages: empty the outbox, every destination at its own pace and none waiting for another.

`sending` is committed before each call and the answers right after it, so a run that is killed leaves at most one
batch per destination whose fate is unknown. The next run says so, and sends again only where the provider takes the
same id once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from hub.contracts import Destination, Message, Result
from hub.ledger import Ledger, Queued, Settlement
from hub.project import Project
from hub.registry import Registry
from hub.stages.activate.compose import compose
from hub.stages.activate.deliver import deliver
from hub.stages.activate.last_look import last_look
from hub.stages.activate.pace import Pace, wait_before
from hub.templates import Renderer
from hub.warehouse import Warehouse

PORTION = 2_000
"""How many messages get their last look together: few enough that the look is fresh, enough to work in sets."""

LATER_IN_A_ROW = 5
"""So many messages that are to come later, one after the other, mean that the destination takes nothing now."""

NOT_TAKEN = ("later", "rejected", "unknown")


@dataclass
class Outcome:
    """What became of the messages of one destination."""

    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    """Why destinations did not take messages, and how many."""
    failure: str = ""
    later_in_a_row: int = 0

    def failures(self, connection: str) -> list[str]:
        """Say what went wrong: the destination itself, or that every message failed, with the reasons grouped."""
        found = [f"{connection}: {self.failure}"] if self.failure else []
        failed = sum(self.counts[status] for status in NOT_TAKEN)
        if failed and not self.counts["accepted"] and not found:
            grouped = "; ".join(f"{number} x {reason}" for reason, number in self.reasons.most_common(5))
            found.append(f"{connection}: none of {failed} messages was taken: {grouped}")
        return found


def send_messages(
    warehouse: Warehouse, ledger: Ledger, project: Project, as_of: datetime
) -> tuple[Counter[str], list[str]]:
    """Send what is due. Gives the number of messages by what became of them, and what failed."""
    ledger.outbox.abandon(as_of)
    _try_unknown_again(ledger, project, as_of)
    counts = Counter(expired=ledger.outbox.expire(as_of))
    waiting = ledger.outbox.waiting()
    failures: list[str] = []
    if waiting:
        queues = _queues(warehouse, ledger, project, sorted(waiting), as_of)
        with ThreadPoolExecutor(max_workers=len(queues), thread_name_prefix="destination") as pool:
            started = {queue.connection: pool.submit(copy_context().run, queue.empty) for queue in queues}
            for connection, future in started.items():
                outcome = future.result()
                counts.update(outcome.counts)
                failures += outcome.failures(connection)
    return counts, failures


def _try_unknown_again(ledger: Ledger, project: Project, as_of: datetime) -> None:
    for connection in {message.connection for message in ledger.outbox.parked()}:
        destination = _destination(project, connection)
        window = destination.capabilities.idempotency_window if destination else None
        if window is not None:
            ledger.outbox.retry_unknown(connection, as_of - window, as_of)


def _destination(project: Project, connection: str) -> Destination | None:
    found = project.connections.get(connection)
    plugin = found.open() if found is not None else None
    return plugin if isinstance(plugin, Destination) else None


def _queues(
    warehouse: Warehouse, ledger: Ledger, project: Project, connections: Sequence[str], as_of: datetime
) -> list[_Queue]:
    renderer, lock = Renderer(Registry().template_filters), Lock()
    return [
        _Queue(warehouse, ledger, project, name, _destination(project, name), renderer, lock, as_of)
        for name in connections
    ]


@dataclass
class _Queue:
    """The messages of one connection. The warehouse is shared, so it is looked at by one queue at a time."""

    warehouse: Warehouse
    ledger: Ledger
    project: Project
    connection: str
    destination: Destination | None
    renderer: Renderer
    warehouse_lock: Lock
    as_of: datetime

    def empty(self) -> Outcome:
        """Send until nothing is due, or the destination takes nothing more."""
        outcome = Outcome()
        if self.destination is None:
            outcome.failure = "messages wait for it, but the project has no such destination any more"
            outcome.counts["waiting"] = self.ledger.outbox.waiting()[self.connection]
            return outcome
        pace = Pace(self.destination.capabilities.rate_per_second)
        only = "service" if self._is_quiet(self.destination) else None
        while due := self.ledger.outbox.due(self.connection, self.as_of, PORTION, only):
            ready, attempts = self._prepare(self.destination, due, outcome)
            size = pace.batch(self.destination.capabilities.batch_size)
            for start in range(0, len(ready), size):
                batch = ready[start : start + size]
                pace.wait_for(len(batch))
                self._send(self.destination, batch, attempts, outcome)
                if outcome.failure:
                    return outcome
        return outcome

    def _is_quiet(self, destination: Destination) -> bool:
        """Say whether these are quiet hours: what was queued before them, and comes again, waits for their end."""
        channel = destination.capabilities.channel
        quiet = self.project.hub.limits.quiet
        return channel is not None and self.project.calendar.opens(quiet, channel, self.as_of) is not None

    def _prepare(
        self, destination: Destination, due: Sequence[Queued], outcome: Outcome
    ) -> tuple[list[Message], dict[str, int]]:
        """Take the last look and render; what may not or can't go is written down."""
        outbox = self.ledger.outbox
        with self.warehouse_lock:
            looked = last_look(self.warehouse, self.ledger, self.project, due, self.as_of)
        templates = self.ledger.templates({one.queued.template for one in looked.cleared})
        ready, unrenderable = compose(looked.cleared, self.project, destination, self.renderer, templates)
        outbox.move(looked.refused, "refused", self.as_of)
        outbox.move(looked.cancelled, "cancelled", self.as_of)
        outbox.move(unrenderable, "rejected", self.as_of)
        outcome.counts.update(refused=len(looked.refused), cancelled=len(looked.cancelled), rejected=len(unrenderable))
        outcome.reasons.update(unrenderable.values())
        return ready, {message.id: message.attempts for message in due}

    def _send(
        self, destination: Destination, batch: Sequence[Message], attempts: Mapping[str, int], outcome: Outcome
    ) -> None:
        ours = self.ledger.outbox.start([message.id for message in batch], self.as_of)
        going = [message for message in batch if message.id in ours]
        if not going:
            return
        answer = deliver([message.id for message in going], lambda: destination.send(going))
        self.ledger.outbox.settle(
            [self._settlement(result, attempts[result.id]) for result in answer.results], self.as_of
        )
        outcome.counts.update(result.status for result in answer.results)
        outcome.reasons.update(result.reason for result in answer.results if result.status != "accepted")
        outcome.failure = answer.failure
        self._watch(answer.results, outcome)

    def _watch(self, results: Sequence[Result], outcome: Outcome) -> None:
        """Tell a destination that takes nothing from one that asks a few messages to wait."""
        for result in results:
            outcome.later_in_a_row = outcome.later_in_a_row + 1 if result.status == "later" else 0
        if not outcome.failure and outcome.later_in_a_row >= LATER_IN_A_ROW:
            outcome.failure = f"takes nothing now: {results[-1].reason}"

    def _settlement(self, result: Result, attempts: int) -> Settlement:
        if result.status == "later":
            next_at = self.as_of + wait_before(attempts, result.id, result.retry_after)
            return Settlement(result.id, "queued", result.remote_id, result.reason, next_at)
        return Settlement(result.id, result.status, result.remote_id, result.reason)
