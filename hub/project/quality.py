"""quality.yaml: what the data must be like, whichever system it comes from, and how much of it is usual.

One form everywhere: a check names what it looks at, what it demands, and what happens otherwise.

    checks:
      person:
        - {column: birth_date, between: ["1900-01-01", null], otherwise: quarantine}
        - {column: email, filled: true, at_least: 80%, otherwise: warn}
        - {column: birth_date, changes: 5%, otherwise: stop}
      sales_order:
        - {column: ordered_at, newest: 3 days, otherwise: warn}
        - {rows: per day, at_least: 50%, otherwise: warn}
        - {column: status, drift: 0.25, otherwise: stop}
    arrivals:
      shop: {orders: 70%, web_events: any}
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from hub.project.models import Duration, Form, Percentage, RowCheck

DRIFT = 0.25
"""The population stability index above which the credit industry, where it comes from, calls a shift significant."""


class QualityCheck(RowCheck):
    """What rows of a table must meet, one by one or together, and what happens otherwise."""

    connection: str | None = Field(None, description="Only rows of this connection; of all where absent.")
    unique: Literal[True] | None = Field(None, description="No two rows of a connection have the same value.")
    refers: Literal[True] | None = Field(None, description="The row that it refers to exists.")
    newest: Duration | None = Field(None, description="The newest moment in it is not older than this.")
    drift: float | None = Field(
        None,
        gt=0,
        description="Its spread over values differs no more than this from earlier loads, by the population stability "
        "index: below 0.1 is calm, above 0.25 is another world.",
    )
    changes: Percentage | None = Field(
        None,
        description="Of the rows of a load that were known, at most this share says something else in it than before: "
        "so a source that gives its keys to other people shows. Of 20 known rows or more, in tables without a time.",
    )
    rows: Literal["per load", "per day", "mapped"] | None = Field(
        None,
        description="In place of a column: there are as many rows as usual (`at_least`: half as many). per load: the "
        "new load against the median of earlier ones. per day: yesterday against the same weekday of eight weeks. "
        "mapped: of the new rows of each raw table, so many are mapped, and not set aside; without such a check, less "
        "than half of ten or more is warned of.",
    )

    @classmethod
    def demands(cls) -> tuple[str, ...]:
        """Name the keys of which a check has exactly one."""
        return (*super().demands(), "unique", "refers", "newest", "drift", "changes", "rows")

    @property
    def of_rows(self) -> bool:
        """Say whether each row meets it or not by itself."""
        return self.demand in RowCheck.demands()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.of_rows and self.otherwise == "quarantine":
            raise ValueError(f"`{self.demand}` is about many rows, and `quarantine` sets one row aside: warn or stop")
        if self.demand in ("newest", "drift", "changes") and self.at_least is not None:
            raise ValueError(f"`{self.demand}` goes without `at_least`")
        return self

    @property
    def words(self) -> str:
        """Say in words what is demanded."""
        if self.of_rows:
            return super().words
        if self.rows == "mapped":
            return f"at least {self.share * 100:g}% of the rows are mapped"
        if self.rows is not None:
            return f"rows {self.rows} are at least {self.share * 100:g}% of usual"
        if self.newest is not None:
            hours = self.newest.total_seconds() / 3600
            age = f"{hours / 24:g} days" if hours % 24 == 0 else f"{hours:g} hours"
            return f"newest {self.column} is not older than {age}"
        if self.drift is not None:
            return f"{self.column} drifts at most {self.drift:g}"
        if self.changes is not None:
            return f"{self.column} changes in at most {self.changes * 100:g}% of the known rows"
        return f"{self.column} is unique{self._share()}" if self.unique else f"{self.column} refers{self._share()}"

    @property
    def share(self) -> float:
        """Give the least share: of rows that meet it, or of the usual number of rows."""
        if self.at_least is not None:
            return self.at_least
        return 0.5 if self.demand == "rows" else 1.0


Usual = Literal["any"] | Percentage
"""The share of the usual number of rows that must arrive; `any`: this table varies by nature."""


class QualityFile(Form):
    """quality.yaml: what the data must be like, and how much of it is usual."""

    checks: dict[str, list[QualityCheck]] = Field(
        default_factory=dict, description="Checks by table of the shared schema, or `person`."
    )
    arrivals: dict[str, Literal["any"] | dict[str, Usual]] = Field(
        default_factory=dict,
        description="By connection and raw table, the share of the usual number of rows that a new load must have, "
        "else nothing of the connection is mapped until it has or a person accepts it. `any`: no guard. Without a "
        "word, half of the usual, for tables that never varied as much. A load without the table has 0 rows.",
    )
