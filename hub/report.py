"""What a stage tells when it is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.errors import InternalError


@dataclass(frozen=True)
class Report:
    """Counts of one stage: rows in = rows out + rows set aside with a reason, always.

    `counts` says in the stage's own words what it did, `failures` what went wrong without stopping it (one
    connection that is down), `warnings` what a person should look at though nothing failed, `skipped` that there was
    no news.
    """

    stage: str
    rows_in: int = 0
    rows_out: int = 0
    set_aside: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    subject: str = ""
    skipped: bool = False

    def __post_init__(self) -> None:
        """Check the law of conservation."""
        if self.rows_in != self.rows_out + self.set_aside:
            raise InternalError(
                f"{self.stage} {self.subject}: {self.rows_in} rows came in, but {self.rows_out} went out and "
                f"{self.set_aside} were set aside"
            )
