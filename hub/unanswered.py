"""Why a database does not answer, in words that lead to the remedy."""

from __future__ import annotations

import sqlalchemy as sa

from hub.errors import TemporaryError


def unanswered(what: str, error: sa.exc.OperationalError) -> TemporaryError:
    """Say what the driver says of a connection that did not come about: it names server and user, and no password.

    A password with an @ in it is the exception: what follows the @ is then taken for the server's name.
    """
    said = str(error.orig).strip().partition("\n")[0].removeprefix("connection failed: ")
    said = said.removeprefix("connection to server at ")
    if "@" in said:
        said = "what stands for the server has an @ in it. In a password write %40 for @"
    return TemporaryError(f"{what} does not answer: {said}. Mend its address, or try again when it is there.")
