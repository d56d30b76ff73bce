"""Why an API gave no answer, in words that say what to check: the libraries below wrap the cause several times."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from http.client import HTTPException


def why_unreachable(error: BaseException) -> str:
    """Say it in a few words, without the address, which may hold a secret."""
    causes = list(_causes(error))
    for kind, words in (
        (socket.gaierror, "its name does not resolve: check the host in `url`"),
        (ConnectionRefusedError, "nobody listens there: check host and port in `url`"),
        (ssl.SSLCertVerificationError, "its certificate is not trusted"),
        (
            ssl.SSLError,
            "it does not speak TLS there: check whether `url` begins with http:// or https://, and its port",
        ),
        (TimeoutError, "it takes too long"),
    ):
        found = next((cause for cause in causes if isinstance(cause, kind)), None)
        if isinstance(found, ssl.SSLCertVerificationError):
            return f"{words} ({found.verify_message})"
        if found is not None:
            return words
    if any(isinstance(cause, HTTPException) for cause in causes):
        return "it hung up in the middle of its answer"
    return "it hung up" if any(isinstance(cause, OSError) for cause in causes) else type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Give an error and everything that it wraps, each once."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = (*one.args, getattr(one, "reason", None), one.__cause__, one.__context__)
        waiting += [part for part in inner if isinstance(part, BaseException)]
