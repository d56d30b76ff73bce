"""Vendure's Admin API: GraphQL behind a sign-in, whose token comes in a header.

A query that is refused is answered with 200 and `errors`; a sign-in that is refused, with a type of its own.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Self

from hub.errors import ConfigurationError, TemporaryError
from hub.outgoing import Answer, HttpClient, clean_reason
from hub.patience import patiently
from plugins.sources.vendure.config import VendureConfig

ATTEMPTS = 4
_LOGIN = """mutation ($username: String!, $password: String!) {
  login(username: $username, password: $password) { __typename ... on ErrorResult { errorCode } }
}"""


class Client(HttpClient):
    """One session of one administrator. Use it as a context manager."""

    def __init__(self, config: VendureConfig) -> None:
        self._config = config
        super().__init__(config.outgoing())
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            **({"vendure-token": config.channel} if config.channel else {}),
        }
        self.clock = datetime.now(UTC)
        """The shop's clock when it last answered."""

    def __enter__(self) -> Self:
        """Sign in. Raises ConfigurationError where the sign-in is refused, TemporaryError where the shop is away."""
        super().__enter__()
        password = self._config.password.get_secret_value()
        answer = self._patiently(_LOGIN, {"username": self._config.username, "password": password})
        if _said(answer).get("data", {}).get("login", {}).get("__typename") != "CurrentUser":
            raise ConfigurationError(f"{self.host}: the shop refuses the sign-in: check `username` and `password`")
        token = answer.headers.get("vendure-auth-token")
        if token is None:
            raise ConfigurationError(
                f"{self.host}: the shop gives no token: set `tokenMethod: ['cookie', 'bearer']` in its authOptions"
            )
        self._headers["Authorization"] = f"Bearer {token}"
        return self

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Give the data of a query. Raises ConfigurationError for what an admin must mend, TemporaryError otherwise."""
        said = _said(self._patiently(query, variables))
        for error in said.get("errors", ()):
            code = str(error.get("extensions", {}).get("code", ""))
            if code in ("FORBIDDEN", "UNAUTHENTICATED"):
                what = ".".join(str(step) for step in error.get("path", ()))
                raise ConfigurationError(f"{self.host}: {self._config.username} may not read {what}: give it the right")
            raise TemporaryError(f"{self.host}: the shop failed ({clean_reason(code or str(error.get('message')))})")
        data = said.get("data")
        if not isinstance(data, dict):
            raise ConfigurationError(f"{self.host}: an answer without data: check `url`, which ends in /admin-api")
        return data

    def _patiently(self, query: str, variables: dict[str, Any]) -> Answer:
        return patiently(ATTEMPTS)(self._once, query, variables)

    def _once(self, query: str, variables: dict[str, Any]) -> Answer:
        content = json.dumps({"query": query, "variables": variables}).encode()
        answer = self._outgoing.request("POST", content, self._headers)
        self.clock = answer.at or self.clock
        if answer.status == 429 or answer.status >= 500:
            raise TemporaryError(f"{self.host}: the shop has no time now (HTTP {answer.status})", answer.retry_after)
        for error in _said(answer).get("errors", ()):
            if error.get("extensions", {}).get("code") == "GRAPHQL_VALIDATION_FAILED":
                reason = clean_reason(str(error.get("message")))
                raise ConfigurationError(f"{self.host}: the shop knows no such field: {reason}: check `custom_fields`")
        if answer.status != 200 or not _said(answer):
            raise ConfigurationError(
                f"{self.host}: this is no Admin API of Vendure 3 (HTTP {answer.status}): check `url`, which ends in "
                "/admin-api"
            )
        return answer


def _said(answer: Answer) -> dict[str, Any]:
    try:
        said = json.loads(answer.body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
