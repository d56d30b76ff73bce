"""What became of a case."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CaseResult:
    """What became of one case; without differences it holds."""

    file: str
    line: int
    name: str
    differences: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Say whether the case holds."""
        return not self.differences
