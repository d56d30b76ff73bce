"""What admins may tell the scorers that learn: which trait is foretold, and how far ahead."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Self

from pydantic import Field, model_validator

from hub.contracts import ScorerOptions

RFM = ("recency_score", "frequency_score", "monetary_score")
"""The plain rule that a model must beat."""


class Learning(ScorerOptions):
    """A trait that only grows, and the horizon in which it does or does not."""

    target: str = Field("order_count", description="The trait whose growth is foretold: a number that only grows.")
    horizon_days: int = Field(90, ge=1, le=3650, strict=True, description="How many days ahead.")

    @model_validator(mode="after")
    def _installed(self) -> Self:
        if find_spec("sklearn") is None:
            raise ValueError("scikit-learn is missing: pip install 'schakel[scores]'")
        return self

    def needs(self) -> Sequence[str]:
        """Name the target and what the plain rule goes by."""
        return self.target, *RFM


class LearningValue(Learning):
    """The same for what people spend."""

    target: str = Field("spent_lifetime", description="The trait whose growth is foretold: a number that only grows.")
    horizon_days: int = Field(365, ge=1, le=3650, strict=True, description="How many days ahead.")
