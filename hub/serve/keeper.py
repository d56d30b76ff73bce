"""The keeper: writes pushes into the ledger before they are answered, many in one transaction when many come at once.

Each transaction costs a trip to the disk. Pushes that come in while one is being written wait for the next one
together, so that the trips are shared and none is answered before it is safe.
"""

from __future__ import annotations

import asyncio

from hub.errors import TemporaryError
from hub.ledger import Inbox, Push

MOST = 500
"""How many pushes go into one transaction."""


class Keeper:
    """Keeps pushes for all requests of one server; it lives in the server's event loop."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._waiting: list[tuple[Push, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def keep(self, *pushes: Push) -> None:
        """Return when the pushes are in the ledger. Raises TemporaryError when the ledger does not take them."""
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in pushes]
        self._waiting += zip(pushes, futures, strict=True)
        if self._writing is None or self._writing.done():
            self._writing = loop.create_task(self._write())
        await asyncio.gather(*futures)

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            failure: TemporaryError | None = None
            try:
                await asyncio.to_thread(self._inbox.keep, [push for push, _ in batch])
            except TemporaryError as error:
                failure = error
            except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever or believe it was kept
                failure = TemporaryError(f"the ledger does not take what is pushed: {type(error).__name__}")
            for _, future in batch:
                if future.done():  # the sender has gone away
                    continue
                if failure is None:
                    future.set_result(None)
                else:
                    future.set_exception(failure)
