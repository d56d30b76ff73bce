"""Queue: the messages of one destination, sent at its pace, until nothing is due or it takes nothing more.

Each destination has threads of its own, so one that is slow or down holds up no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from threading import BoundedSemaphore, Lock

from hub.contracts import Destination, Message, Result
from hub.failpoints import reach
from hub.ledger import Ledger, Queued, Settlement, State
from hub.project import Project
from hub.stages.activate.compose import compose
from hub.stages.activate.deliver import Fault, deliver_messages
from hub.stages.activate.last_look import last_look
from hub.stages.activate.pace import Pace, RunClock, wait_before
from hub.stages.activate.watch import Watch
from hub.stopping import Stop
from hub.templates import Renderer
from hub.warehouse import Warehouse

PORTION = 2_000
"""How many messages get their last look together: few enough that the look is fresh, enough to work in sets."""

Due = Mapping[str, Queued]
"""The messages of a portion, by their ids."""


@dataclass(frozen=True)
class Stores:
    """What all queues of a run share. The warehouse is looked at by one of them at a time."""

    warehouse: Warehouse
    ledger: Ledger
    project: Project
    renderer: Renderer
    looking: Lock
    sender: str
    clock: RunClock
    stop: Stop


class Queue:
    """The queue of one connection in one run."""

    def __init__(self, stores: Stores, connection: str, destination: Destination, watch: Watch) -> None:
        self._stores = stores
        self._connection = connection
        self._destination = destination
        self._watch = watch
        self._can = destination.capabilities
        self._outbox = stores.ledger.outbox
        self._pace = Pace(self._can.rates, stores.ledger.allowances, connection, sleep=stores.stop.wait)
        self._free = BoundedSemaphore(self._can.concurrency)

    def empty(self) -> None:
        """Send until nothing is due, the destination takes nothing more, or this process is told to stop."""
        self._watch.begin(self._stores.sender)
        with ThreadPoolExecutor(self._can.concurrency, thread_name_prefix=self._connection) as pool:
            while not self._is_over and (found := self._due()):
                due = {message.id: message for message in found}
                self._send_all(pool, self._prepare(found), due)

    @property
    def _is_over(self) -> bool:
        return self._watch.is_over or bool(self._stores.stop)

    def _due(self) -> list[Queued]:
        now, window = self._stores.clock.now(), self._can.idempotency_window
        only = "service" if self._is_quiet() else None
        return self._outbox.due(self._connection, now, 1 if self._watch.is_trial else PORTION, only, window)

    def _is_quiet(self) -> bool:
        """Say whether these are quiet hours: what was queued before them, and comes again, waits for their end."""
        channel, project = self._can.channel, self._stores.project
        quiet = project.hub.limits.quiet
        return channel is not None and project.calendar.opens(quiet, channel, self._stores.clock.now()) is not None

    def _prepare(self, due: Sequence[Queued]) -> list[Message]:
        """Take the last look and render; what may not or can't go is written down."""
        reach("about to look")
        stores, now = self._stores, self._stores.clock.now()
        with stores.looking:
            looked = last_look(stores.warehouse, stores.ledger, stores.project, due, now)
        templates = stores.ledger.templates({one.queued.template for one in looked.cleared})
        ready, unrenderable = compose(looked.cleared, stores.project, self._destination, stores.renderer, templates)
        reach("looked, not withdrawn")
        outcome = self._watch.outcome
        outcome.counts["refused"] += self._outbox.withdraw(looked.refused, "refused", now)
        outcome.counts["cancelled"] += self._outbox.withdraw(looked.cancelled, "cancelled", now)
        outcome.counts["rejected"] += self._outbox.withdraw(unrenderable, "rejected", now)
        outcome.reasons.update(unrenderable.values())
        return ready

    def _send_all(self, pool: ThreadPoolExecutor, ready: Sequence[Message], due: Due) -> None:
        """Send the messages of a portion in batches, and wait until all of them are answered."""
        position = 0
        in_flight: list[Future[None]] = []
        while number := self._next(min(self._can.batch_size, len(ready) - position)):
            batch = ready[position : position + number]
            position += number
            in_flight.append(pool.submit(copy_context().run, self._send_batch, batch, due))
        for batch_sent in in_flight:
            batch_sent.result()

    def _next(self, wanted: int) -> int:
        """Wait for a free call, and say how many messages go with it; none where it is over."""
        if not wanted:
            return 0
        self._free.acquire()
        self._stores.stop.wait(self._watch.rest())
        number = 0 if self._is_over else self._pace.take(wanted)
        if not number and not self._is_over:
            self._watch.used_up(self._pace.wait)
        if self._is_over:
            self._free.release()
            return 0
        return number

    def _send_batch(self, batch: Sequence[Message], due: Due) -> None:
        try:
            self._send(batch, due)
        except BaseException:
            self._watch.is_over = True
            raise
        finally:
            self._free.release()

    def _send(self, batch: Sequence[Message], due: Due) -> None:
        """Send a batch: `sending` is on disk before the call, the answers right after it."""
        sender, clock, window = self._stores.sender, self._stores.clock, self._can.idempotency_window
        reach("about to say sending")
        ours = self._outbox.start([message.id for message in batch], clock.now(), sender, window)
        going = [message for message in batch if message.id in ours]
        if not going:
            return
        reach("sending, before the call")
        answer = deliver_messages(
            going, self._destination.send, one_by_one=self._can.one_by_one, may_repeat=window is not None
        )
        reach("sent, answer not written")
        settlements = [self._settlement(result, due[result.id], answer.fault) for result in answer.results]
        self._outbox.settle(settlements, clock.now(), sender)
        reach("answer written")
        self._watch.saw(answer)

    def _settlement(self, result: Result, message: Queued, fault: Fault) -> Settlement:
        """Say what an answer makes of a message; one that was perhaps taken before stays unknown until it is known."""
        if result.status in ("accepted", "rejected"):
            return Settlement(result.id, result.status, result.remote_id, result.reason)
        is_doubtful = result.status == "unknown" or message.state == "unknown"
        trouble = fault or ("unknown" if result.status == "unknown" else "later")
        again = self._stores.clock.now() + wait_before(message.attempts, result.id, result.retry_after, trouble)
        state: State = "unknown" if is_doubtful else "queued"
        return Settlement(result.id, state, result.remote_id, result.reason, again)
