"""The register's API: one request at a time, no faster than allowed, and what its error codes mean.

The register documents these: IPD0005, IPD0007 and IPD5200 know nothing; IPD1002 and IPD1003 ask to come back; IPD0004,
IPD0006, IPD0010 and IPD1998 refuse the value asked for; IPD1999 refuses a parameter; IPD9999 failed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hub import patience
from hub.errors import ConfigurationError, RejectedError, TemporaryError
from hub.outgoing import Answer, HttpClient
from hub.patience import patiently
from plugins.sources.kvk.config import KvkConfig

ABSENT = {"IPD0005", "IPD0007", "IPD5200"}
BUSY = {"IPD1002", "IPD1003"}
WRONG_VALUE = {"IPD0004", "IPD0006", "IPD0010", "IPD1998"}
ATTEMPTS = 3


class Register(HttpClient):
    """A connection to the API. `requests` counts what was asked."""

    def __init__(self, config: KvkConfig, folder: Path) -> None:
        self.requests = 0
        authority = folder / config.authority if config.authority else None
        super().__init__(config.outgoing(authority))
        self._headers = {"apikey": config.key.get_secret_value(), "Accept": "application/hal+json"}
        self._pause = config.rate.seconds / config.rate.number
        self._next = 0.0

    def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any] | None:
        """Ask; None where the register knows nothing.

        Raises RejectedError for a value that it does not take, TemporaryError when it is away or busy after some
        attempts, ConfigurationError for what an admin must mend.
        """
        found: dict[str, Any] | None = patiently(ATTEMPTS, 0.25)(self._get, path, query)
        return found

    def _get(self, path: str, query: Mapping[str, str] | None) -> dict[str, Any] | None:
        patience.clock.wait(self._next - patience.clock.now())
        self._next = patience.clock.now() + self._pause
        self.requests += 1
        answer = self._outgoing.request("GET", b"", self._headers, query, path)
        if answer.status != 200:
            self._refuse(answer)
            return None
        said = _parsed(answer)
        if not isinstance(said, dict):
            raise ConfigurationError(f"{self.host}: the answer is no JSON object: check `url`")
        return said

    def _refuse(self, answer: Answer) -> None:
        """Raise unless the register only says that it knows nothing."""
        codes = _codes(answer)
        code = f"HTTP {answer.status}" + (f", {', '.join(sorted(codes))}" if codes else "")
        if codes & ABSENT:
            return
        if codes & BUSY or answer.status == 429 or answer.status >= 500:
            raise TemporaryError(f"{self.host}: the register has no answer now ({code})", answer.retry_after)
        if codes & WRONG_VALUE:
            raise RejectedError(f"the register does not take this value ({code})")
        if answer.status in (401, 403):
            raise ConfigurationError(f"{self.host}: the register refuses the key ({code}): check `key`")
        raise ConfigurationError(f"{self.host}: the register refuses the request ({code}): check `url`")


def _parsed(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        return None


def _codes(answer: Answer) -> set[str]:
    said = _parsed(answer)
    faults = said.get("fout", ()) if isinstance(said, dict) else ()
    return {str(fault.get("code")) for fault in faults if isinstance(fault, dict)}
