"""Together: map several connections in one transaction; each in its own once one of them fails.

One transaction writes full row groups once. With one per connection, an engine that keeps rows in groups gets the ends
of seven imports to put together again, which costs two thirds of what writing them cost. What fails is rare: then all
is rolled back and mapped once more, so that a connection that fails takes no other one with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.contracts import Function
from hub.errors import HubError
from hub.lake import Lake
from hub.ledger import Erased, Ledger
from hub.project import Project
from hub.stages.map.believed import map_if_believed
from hub.stages.map.connection import ConnectionMapping, Outcome
from hub.stages.map.groups import Seen
from hub.stages.map.keep_out import KeepOut
from hub.stages.map.quality import Finding, StoppedError, keep_findings
from hub.stages.map.raw import LakeData
from hub.stages.map.rejected import show_rejected
from hub.stages.map.stopped import Stopped, go_on, keep_stopped, state
from hub.warehouse import Transaction, Warehouse

AGAIN = "again"
"""Stands for the request where a mark was learned from a re-import."""


@dataclass(frozen=True)
class Mapped:
    """What mapping one connection gave, and what its checks found."""

    outcome: Outcome
    findings: Sequence[Finding]
    keep_out: KeepOut | None


@dataclass(frozen=True)
class Round:
    """Everything that one call of the stage maps by."""

    warehouse: Warehouse
    project: Project
    lake: Lake
    as_of: datetime
    accepted: Mapping[str, str]
    ledger: Ledger | None
    known: Mapping[str, Mapping[str, Seen]]
    stopped: Mapping[str, Stopped]
    plugins: Mapping[str, Function]

    def map(self, connections: Sequence[str]) -> tuple[list[Mapped], list[str]]:
        """Map connections; give what came of those that were mapped, and in words why others were not."""
        data = {connection: LakeData(self.lake) for connection in connections}
        try:
            return self._in_one(data)
        except Exception:  # noqa: BLE001 - whatever it is, the connection that has it tells it below
            return self._each(data)

    def _in_one(self, data: Mapping[str, LakeData]) -> tuple[list[Mapped], list[str]]:
        erased = self.erased()
        waiting = {connection: words for connection in data if (words := self._waits(connection, data[connection]))}
        going = [connection for connection in data if connection not in waiting]
        with self.warehouse.begin() as transaction:
            mapped = [self.one(transaction, connection, data[connection], erased) for connection in going]
            for connection, one in zip(going, mapped, strict=True):
                self.let_go(transaction, connection, one)
            transaction.let_go_all()
        return mapped, list(waiting.values())

    def _each(self, data: Mapping[str, LakeData]) -> tuple[list[Mapped], list[str]]:
        erased = self.erased()
        mapped: list[Mapped] = []
        failures: list[str] = []
        for connection in data:
            try:
                if words := self._waits(connection, data[connection]):
                    failures.append(words)
                    continue
                with self.warehouse.begin() as transaction:
                    one = self.one(transaction, connection, data[connection], erased)
                    self.let_go(transaction, connection, one)
                    transaction.let_go_all()
            except StoppedError as error:
                failures.append(f"{connection}: {error}")
                with self.warehouse.begin() as transaction:
                    keep_findings(transaction, error.findings, self.as_of)
                    now = self._state(connection, data[connection])
                    keep_stopped(transaction, connection, Stopped(now, str(error)), self.as_of)
            except HubError as error:
                failures.append(f"{connection}: {error}")
            except Exception as error:  # noqa: BLE001 - an engine's error may quote values: name its kind only
                failures.append(f"{connection}: mapping failed with {type(error).__name__}")
            else:
                mapped.append(one)
        return mapped, failures

    def _waits(self, connection: str, data: LakeData) -> str:
        """Say why a connection is still stopped; nothing where it is not."""
        before = self.stopped.get(connection)
        still = before is not None and before.state == self._state(connection, data)
        return f"{connection}: {before.words}" if before is not None and still else ""

    def one(self, transaction: Transaction, connection: str, data: LakeData, erased: Erased | None) -> Mapped:
        """Map one connection. Raises StoppedError where a check stops it."""
        rejected = show_rejected(transaction, data, connection)
        work = ConnectionMapping(transaction, self.project, data, connection, self.as_of, self.plugins)
        if erased:
            work.keep_out = KeepOut(erased)
        findings, outcome = map_if_believed(work, self.known.get(connection, {}), self.accepted.get(connection))
        turned = keep_findings(transaction, findings, self.as_of, outcome.work)
        if connection in self.stopped:
            go_on(transaction, connection)
        outcome.work = outcome.work or rejected or turned
        return Mapped(outcome, findings, work.keep_out)

    def let_go(self, transaction: Transaction, connection: str, mapped: Mapped) -> None:
        """Take rows about the erased out of the lake, once nothing can fail any more but the commit itself."""
        if self.ledger is not None and mapped.keep_out is not None and mapped.keep_out.rows:
            self.ledger.erasures.mark(AGAIN, mapped.keep_out.learned)
            mapped.keep_out.let_go(transaction, self.lake, connection)

    def erased(self) -> Erased | None:
        """Know the erased; anew for each attempt, as what it learns must be written down by the one that stays."""
        if self.ledger is None:
            return None
        return Erased(self.ledger.erasures.marks(), (self.project.key, *self.project.former_keys))

    def _state(self, connection: str, data: LakeData) -> str:
        return state(self.project, data, self.known, connection, self.accepted.get(connection), self.as_of)
