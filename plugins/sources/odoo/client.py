"""Odoo's JSON-2 API: one request for one method of one model, and what its errors mean.

`POST /json/2/<model>/<method>` with the arguments by name as a JSON object; `ids` are the records that the method is
called on, `context` is what Odoo calls so. An error is an object with the exception's `name` and its `message`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hub import patience
from hub.errors import ConfigurationError, RejectedError, TemporaryError
from hub.outgoing import Answer, HttpClient, NoAnswerError, clean_reason
from hub.patience import patiently
from plugins.sources.odoo.config import OdooConfig

ATTEMPTS = 4
BUSY = {408, 425, 429, 503}


class AbsentError(RejectedError):
    """This Odoo has no such model: the app that brings it is not installed."""


class ForbiddenError(RejectedError):
    """The user of the key has no right to this."""


class Client(HttpClient):
    """One connection to one Odoo, as one user. Use it as a context manager."""

    def __init__(self, config: OdooConfig) -> None:
        super().__init__(config.outgoing())
        self._headers = {
            "Authorization": f"bearer {config.key.get_secret_value()}",
            "Content-Type": "application/json; charset=utf-8",
            "Accept": "application/json",
            **({"X-Odoo-Database": config.database} if config.database else {}),
        }
        self._pause = config.rate.seconds / config.rate.number if config.rate else 0.0
        self._next = 0.0
        self.clock = datetime.now(UTC)
        """The server's clock when it last answered: its times are compared with it, never with ours."""

    def ask(self, model: str, method: str, **arguments: Any) -> Any:
        """Call a method that changes nothing; a server that is busy or away is asked again a few times.

        Raises ConfigurationError for what an admin must mend, AbsentError where this Odoo has no such model,
        ForbiddenError where the user may not see it, TemporaryError when there is no answer after some attempts.
        """
        return patiently(ATTEMPTS)(self.do, model, method, **arguments)

    def do(self, model: str, method: str, **arguments: Any) -> Any:
        """Call a method once. Raises what `ask` raises, and RejectedError with Odoo's reason where it refuses.

        NoAnswerError says that it may have been done; any other TemporaryError, that it was not.
        """
        answer = self._request("POST", f"/json/2/{model}/{method}", json.dumps(arguments).encode())
        said = _parsed(answer)
        if answer.status == 200:
            if said is None and answer.body.strip() != b"null":
                raise ConfigurationError(f"{self.host}: the answer is no JSON: check `url`")
            return said
        self._refuse(answer, said if isinstance(said, dict) else {}, model)
        return None

    def version(self) -> str:
        """Say which Odoo this is: 19.0. Raises as `do` does."""
        said = _parsed(self._request("GET", "/web/version", b""))
        if not isinstance(said, dict) or not said.get("version"):
            raise ConfigurationError(f"{self.host}: this does not look like Odoo 19 or newer: check `url`")
        return str(said["version"])

    def _request(self, method: str, path: str, content: bytes) -> Answer:
        if self._pause:
            patience.clock.wait(self._next - patience.clock.now())
            self._next = patience.clock.now() + self._pause
        answer = self._outgoing.request(method, content, self._headers, path=path)
        self.clock = answer.at or self.clock
        return answer

    def _refuse(self, answer: Answer, said: dict[str, Any], model: str) -> None:
        name, reason = str(said.get("name", "")), clean_reason(str(said.get("message", "")))
        if answer.status in BUSY:
            raise TemporaryError(f"{self.host}: Odoo has no time now (HTTP {answer.status})", answer.retry_after)
        if answer.status == 401:
            raise ConfigurationError(
                f"{self.host}: Odoo refuses the key (401): make a new one for its user (Preferences, Account Security) "
                "and put it into `key`"
            )
        if answer.status >= 500 and not said:
            raise NoAnswerError(f"{self.host}: Odoo failed (HTTP {answer.status})")
        if answer.status < 400:
            raise ConfigurationError(
                f"{self.host}: Odoo answers from another address (HTTP {answer.status}): write that one as `url`"
            )
        if not said:
            raise ConfigurationError(
                f"{self.host}: there is no JSON-2 API here (HTTP {answer.status}): check `url` and `database`; "
                "it needs Odoo 19 or newer"
            )
        if answer.status == 404 and name.endswith("NotFound") and f"'{model}'" in reason:
            raise AbsentError(f"this Odoo has no {model}")
        if answer.status == 403:
            raise ForbiddenError(f"the user of the key may not do this with {model}: {reason}")
        if answer.status < 500 or name in _MISTAKES:
            raise RejectedError(reason or f"Odoo refuses (HTTP {answer.status})")
        raise NoAnswerError(f"{self.host}: Odoo failed (HTTP {answer.status}, {clean_reason(name)})")


_MISTAKES = {"builtins.ValueError", "builtins.TypeError", "builtins.KeyError"}
"""What Odoo answers with 500 though the request is wrong: a field that is not there, a value of another type.

The transaction is rolled back before it answers so, and asking again gives the same.
"""


def _parsed(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        return None
