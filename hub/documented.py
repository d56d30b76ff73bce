"""What a system is documented to answer, and what a run says where it answers otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hub.errors import ConfigurationError


@contextmanager
def as_documented(what: str) -> Iterator[None]:
    """Within, an answer is taken apart by names that its documentation gives.

    Raises ConfigurationError where one is missing, or holds another kind of thing: the system was changed, or it is
    another one. `what` says which answer of whom. Look up names of the documentation here, never what people wrote: the
    message shows a name that is missing.
    """
    try:
        yield
    except KeyError as error:
        raise ConfigurationError(_other_form(what, f"no {error.args[0]!r} in it")) from None
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        raise ConfigurationError(_other_form(what, type(error).__name__)) from None


def _other_form(what: str, why: str) -> str:
    return (
        f"{what} has another form than is documented ({why}): check `url`, and whether the system or this plugin was "
        "upgraded"
    )
