"""What commands ask of what the last run published."""

from __future__ import annotations

from hub.published import ask

__all__ = ["ask"]
