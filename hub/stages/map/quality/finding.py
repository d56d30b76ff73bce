"""Finding: what became of one check on one connection; and what happens when it stops the connection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from hub.errors import HubError
from hub.project.models import Severity
from hub.warehouse import Transaction
from hub.warehouse.constructs import text_constant


@dataclass(frozen=True)
class Finding:
    """What a check demanded, and what was found; `failed` is None where rows do not fail one by one."""

    connection: str
    target: str
    demand: str
    otherwise: Severity
    met: bool
    rows: int
    failed: int | None
    found: str

    @property
    def stops(self) -> bool:
        """Say whether it stops the connection."""
        return not self.met and self.otherwise == "stop"

    @property
    def warns(self) -> bool:
        """Say whether a person should look at it, though the connection goes on."""
        return not self.met and self.otherwise == "warn"

    @property
    def words(self) -> str:
        """Say it in one line."""
        return f"{self.connection}: {self.target}: {self.demand}: {self.found}"

    @property
    def key(self) -> tuple[str, str]:
        """Tell the checks of one connection apart."""
        return self.target, self.demand


class StoppedError(HubError):
    """A connection's new loads are not believed: nothing of them was mapped. `findings` say why."""

    def __init__(self, connection: str, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        reasons = "; ".join(f"{it.target}: {it.demand}: {it.found}" for it in findings if it.stops)
        super().__init__(
            f"stopped, its new loads are not mapped: {reasons}. Mend it in the source and the next run goes on; or, "
            f"if it is right, say so: hub quality accept {connection} --why ..."
        )


def stop_unless_met(connection: str, findings: Sequence[Finding], accepted: bool) -> None:
    """Raise StoppedError where a check stops the connection, unless a person accepted these loads."""
    if not accepted and any(finding.stops for finding in findings):
        raise StoppedError(connection, findings)


def keep_findings(transaction: Transaction, findings: Sequence[Finding], as_of: datetime, news: bool = True) -> bool:
    """Write findings down in place of earlier ones of the same checks; say whether one of them turned.

    Without `news` they are written only then.
    """
    if not findings:
        return False
    stored = transaction.table("quality_check")
    here = stored.c.connection == text_constant(findings[0].connection)
    before = {
        (target, demand): met
        for target, demand, met in transaction.rows(
            sa.select(stored.c.target, stored.c.demand, stored.c.met).where(here)
        )
    }
    turned = any(before.get(finding.key) is not finding.met for finding in findings)
    if turned or news:
        _write(transaction, findings, as_of)
    return turned


def _write(transaction: Transaction, findings: Iterable[Finding], as_of: datetime) -> None:
    stored = transaction.table("quality_check")
    for finding in findings:
        same = (
            stored.c.connection == text_constant(finding.connection),
            stored.c.target == text_constant(finding.target),
            stored.c.demand == text_constant(finding.demand),
        )
        transaction.execute(sa.delete(stored).where(*same))
        transaction.execute(sa.insert(stored).values(**asdict(finding), measured_at=as_of))


def forget_findings(transaction: Transaction, connection: str, declared: Iterable[tuple[str, str]]) -> None:
    """Take out what was found for checks that nobody demands any more."""
    stored = transaction.table("quality_check")
    kept = set(declared)
    here = stored.c.connection == text_constant(connection)
    for target, demand in transaction.rows(sa.select(stored.c.target, stored.c.demand).where(here)):
        if (target, demand) not in kept:
            gone = (stored.c.target == text_constant(target), stored.c.demand == text_constant(demand))
            transaction.execute(sa.delete(stored).where(here, *gone))
