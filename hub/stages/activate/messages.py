"""Messages: empty the outbox, every destination at its own pace and none waiting for another.

`sending` is committed before each call and the answers right after it, so a run that is killed leaves at most one
batch per call whose fate is unknown. The next run says so, and sends again only where the provider takes the same id
once. Several processes may do this on one ledger: each message is one sender's, and what a living one sends is left to
it.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime
from threading import Lock

from hub.contracts import Destination
from hub.failpoints import reach
from hub.ledger import Ledger
from hub.project import Project
from hub.registry import Registry
from hub.stages.activate.pace import RunClock
from hub.stages.activate.queue import Queue, Stores
from hub.stages.activate.unknown import ask
from hub.stages.activate.watch import Outcome, Watch
from hub.stopping import stopping
from hub.templates import Renderer
from hub.warehouse import Warehouse


def send_messages(
    warehouse: Warehouse, ledger: Ledger, project: Project, as_of: datetime
) -> tuple[Counter[str], list[str]]:
    """Send what is due. Gives the number of messages by what became of them, and what failed.

    `waiting` are those for destinations that are left alone.

    Told to stop (SIGTERM, SIGINT), it ends the batches in flight, leaves the rest queued, and raises StoppedError.
    Raises TemporaryError where the ledger can't be written: nothing goes out then.
    """
    with stopping() as stop, ledger.senders.enter() as sender:
        ledger.outbox.abandon(as_of, ledger.senders.gone)
        reach("abandoned, nothing asked")
        counts = Counter(expired=ledger.outbox.expire(as_of))
        failures: list[str] = []
        connections = sorted({*ledger.outbox.waiting(), *ledger.outbox.unknown()})
        if connections:
            renderer, clock = Renderer(Registry().template_filters), RunClock(as_of)
            stores = Stores(warehouse, ledger, project, renderer, Lock(), sender, clock, stop)
            with ThreadPoolExecutor(len(connections), thread_name_prefix="destination") as pool:
                started = {name: pool.submit(copy_context().run, _work, stores, name) for name in connections}
                for connection, future in started.items():
                    outcome = future.result()
                    counts.update(outcome.counts, waiting=outcome.waiting)
                    failures += outcome.failures(connection)
    return counts, failures


def _work(stores: Stores, connection: str) -> Outcome:
    """Settle what is unknown by asking, and empty the queue of one connection."""
    watch, outbox = Watch(stores.ledger.destinations, connection, stores.clock), stores.ledger.outbox
    destination = _destination(stores.project, connection)
    if destination is not None:
        ask(stores.ledger, connection, destination, stores.clock.now())
        Queue(stores, connection, destination, watch).empty()
    elif connection in outbox.waiting():
        watch.missing()
    if watch.is_over:
        watch.outcome.waiting = outbox.waiting().get(connection, 0)
    return watch.outcome


def _destination(project: Project, connection: str) -> Destination | None:
    found = project.connections.get(connection)
    plugin = found.open() if found is not None else None
    return plugin if isinstance(plugin, Destination) else None
