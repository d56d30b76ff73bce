"""Pushes: what waits in the inbox lands as one more resource of its connection, each push exactly once.

The batch that a load package brings is remembered in dlt's state, which is committed with that package. So whoever
goes on after a kill knows whether the batch is in the lake: if it is, its content is let go; if it is not, everything
that waits is taken again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from hub.contracts import Check, Destination, Plugin, Source
from hub.failpoints import reach
from hub.ledger import Inbox

if TYPE_CHECKING:
    from dlt.extract import DltResource

RESOURCE = "hub_inbox"
RECEIVED_AT = "_received_at"
"""The column that says when the hub received a row that was pushed; null in rows that were fetched."""


class Pushes(Source):
    """A connection with what was pushed to it: what its plugin fetches, unless `only_pushes`, and the inbox."""

    name = "pushes"

    def __init__(self, plugin: Plugin, inbox: Inbox, former_keys: Sequence[bytes] = (), only_pushes: bool = False):
        super().__init__(plugin.config, plugin.place)
        self.name = plugin.name  # type: ignore[misc]  # failures name the plugin of the connection
        self._plugin = plugin
        self._inbox = inbox
        self._keys = (plugin.place.key, *former_keys)
        self._only_pushes = only_pushes
        self._batch = ""

    def check(self) -> Check:
        """Ask the plugin."""
        return self._plugin.check()

    def resources(self) -> Iterable[DltResource]:
        """Give the plugin's resources, and the inbox."""
        import dlt

        own: Iterable[DltResource] = ()
        if not self._only_pushes and isinstance(self._plugin, Source):
            own = self._plugin.resources()
        elif not self._only_pushes and isinstance(self._plugin, Destination):
            own = self._plugin.feedback()
        return [*own, dlt.resource(self._pages(), name=RESOURCE)]

    def let_go(self) -> None:
        """Let go of the content of what has just landed."""
        reach("pushes landed, not let go")
        self._inbox.landed(self.place.connection, self._batch)
        reach("pushes let go")

    def _pages(self) -> Iterator[Any]:
        import dlt

        state = dlt.current.resource_state(RESOURCE)
        self._inbox.landed(self.place.connection, state.get("batch", ""))
        self._batch = uuid4().hex
        self._inbox.take(self.place.connection, self._batch)
        reach("pushes taken, not read")
        for page in self._inbox.read(self.place.connection, self._batch):
            state["batch"] = self._batch
            tables: dict[str, list[dict[str, Any]]] = {}
            for push in page:
                for table, rows in push.rows(self._keys).items():
                    tables.setdefault(table, []).extend({**row, RECEIVED_AT: push.received_at} for row in rows)
            yield from (dlt.mark.with_table_name(rows, table) for table, rows in tables.items())
