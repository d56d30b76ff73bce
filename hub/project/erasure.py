"""`erasure:` of hub.yaml: how long a request may take, where its log stands, which systems must keep what they have.

erasure:
  days: 30
  log: /srv/hub/erasures.jsonl
  keep:
    erp: {why: "invoices are kept for seven years (art. 52 AWR)", years: 7}
"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class Legal(BaseModel):
    """A duty to keep what a system has."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    why: str = Field(min_length=1, description="The duty, with the article of the law: it stands in the receipt.")
    years: int | None = Field(None, ge=1, description="After how many years it ends at the latest.")

    def until(self, at: datetime) -> datetime | None:
        """Say when it ends for who asks at a moment."""
        if self.years is None:
            return None
        day = 28 if (at.month, at.day) == (2, 29) else at.day
        return at.replace(year=at.year + self.years, day=day)


class ErasureSection(BaseModel):
    """What the project says about erasing people."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    days: int = Field(30, ge=1, description="Within how many days a request is to be done; the law says a month.")
    log: str = Field(
        "erasures.jsonl",
        description="The log of who was erased, without personal data. Keep it outside of what a backup brings back: "
        "by it, a restored backup erases them again before it opens.",
    )
    keep: dict[str, Legal] = Field(
        default_factory=dict,
        description="Connections that must keep what they have, by law: {erp: {why: ..., years: 7}}.",
    )
