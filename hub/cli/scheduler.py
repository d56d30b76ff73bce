"""The flows under Prefect: the one place where the hub names them, and only when they are asked for."""

from __future__ import annotations

from types import ModuleType

from hub.errors import ConfigurationError


def flows() -> ModuleType:
    """Import the flows. Raises ConfigurationError where Prefect is not installed."""
    try:
        import flows as found
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "prefect":
            raise
        raise ConfigurationError("flows and schedules need Prefect: `pip install 'schakel[flows]'`") from None
    return found
