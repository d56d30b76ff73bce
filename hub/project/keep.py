"""`keep:` of hub.yaml: how long the hub keeps what it has written down about its own work.

keep: {sync_changes: 90 days}
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from hub.project.consent_terms import SpanText


class Keep(BaseModel):
    """What is older is removed, once a day, at the end of a run."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True)

    sync_changes: SpanText = Field(
        "90 days",
        description="Rows that syncs sent (`sync_change`). The last attempt at a row that was never taken stays: a "
        "resync looks for it.",
    )
