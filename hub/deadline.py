"""A deadline for a whole answer: a time-out for each read lets a server that drips hold a caller for ever."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from ssl import SSLContext
from typing import Any

import httpcore
import httpx

_ENDS: ContextVar[float] = ContextVar("_ENDS", default=float("inf"))
"""When, by the monotonic clock, whatever this thread is asking must have been answered."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give the calls of this block so many seconds together; httpx.ReadTimeout or WriteTimeout after that."""
    token = _ENDS.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ENDS.reset(token)


class TimedTransport(httpx.HTTPTransport):
    """httpx's own transport, on connections that keep to the deadline."""

    def __init__(self, verify: SSLContext | bool = True) -> None:
        context = _public(*map(os.environ.get, WHERE)) if isinstance(verify, bool) else verify
        super().__init__(verify=context)
        self._pool = httpcore.ConnectionPool(ssl_context=context, network_backend=_Backend())


WHERE = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""The variables that put other authorities in the place of the public ones."""


@cache
def _public(*_where: str | None) -> SSLContext:
    """Trust the public authorities, or those at `WHERE`. To read them takes longer than a call: it is done once."""
    return httpx.create_ssl_context()


class _Backend(httpcore.NetworkBackend):
    def __init__(self) -> None:
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._plain.connect_tcp(host, port, left, local_address, socket_options))


class _Stream(httpcore.NetworkStream):
    def __init__(self, plain: httpcore.NetworkStream) -> None:
        self._plain = plain

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._plain.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._plain.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._plain.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._plain.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._plain.get_extra_info(info)


def _left(timeout: float | None, over: type[httpcore.TimeoutException]) -> float | None:
    left = _ENDS.get() - time.monotonic()
    if left <= 0:
        raise over("the answer took too long in all")
    if left == float("inf"):
        return timeout
    return left if timeout is None else min(timeout, left)
