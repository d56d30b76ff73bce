"""Failures: say what the reader does next, whatever a plugin, dlt or a library raised."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hub.errors import ConfigurationError, HubError, PluginError, TemporaryError


def failure(error: Exception, connection: str, plugin: str) -> HubError:
    """Say what the reader does next about a failure; foreign messages stay out, for they may quote a row."""
    from dlt.common.exceptions import TransientException

    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, TemporaryError):
            return TemporaryError(f"{connection}: {cause}", cause.retry_after)
        if isinstance(cause, ConfigurationError):
            return type(cause)(f"{connection}: {cause}")
        if isinstance(cause, HubError):
            return cause
    for cause in causes:
        if isinstance(cause, ConnectionError | TimeoutError | TransientException):
            return TemporaryError(
                f"{connection}: the other side does not answer ({type(cause).__name__}); try again later"
            )
    return PluginError(
        f"{connection}: the plugin '{plugin}' failed with {type(causes[-1]).__name__} at {_place(causes[-1])}; "
        "its message is withheld, for it may quote a row"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return (
        f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace is not None else "an unknown place"
    )
