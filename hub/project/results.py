"""`results:` of hub.yaml: by which groups results are cut, and how small a group may be."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Results(BaseModel):
    """How results of scenarios are told: without persons, and without groups so small that they tell of persons."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    groups: list[str] = Field(
        ["life_cycle"],
        description="What people are grouped by: segments, and traits or columns of the person with a text or a "
        "yes or no. A message counts for the group in which its reader was when it was decided.",
    )
    hide_below: int = Field(
        10, ge=2, description="Groups of fewer people are hidden, and another one where a sum would give them away."
    )
