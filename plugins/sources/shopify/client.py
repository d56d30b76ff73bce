"""Shopify's Admin API: GraphQL that answers 200 to what it refuses, and bulk operations for whole lists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from hub import patience
from hub.errors import ConfigurationError, TemporaryError
from hub.outgoing import Answer, HttpClient, NoAnswerError, Outgoing, clean_reason
from hub.patience import patiently
from plugins.sources.shopify.config import ShopifyConfig

ATTEMPTS = 6
BUSY = frozenset({429, 503})
LONGEST_PAUSE = 10.0
"""Seconds between two looks at a bulk operation, at most."""
UNDER_WAY = ("CREATED", "RUNNING", "CANCELING")

_START = """mutation ($query: String!) {
  bulkOperationRunQuery(query: $query, groupObjects: true) {
    bulkOperation { id status }
    userErrors { message code }
  }
}"""
_LOOK = """query ($id: ID!) {
  node(id: $id) { ... on BulkOperation { id status errorCode url objectCount } }
}"""


class Client(HttpClient):
    """The Admin API of one shop. Use it as a context manager."""

    def __init__(self, config: ShopifyConfig) -> None:
        self._config = config
        super().__init__(config.outgoing())
        self._path = f"/admin/api/{config.version}/graphql.json"
        self.clock = datetime.now(UTC)
        """The shop's clock when it last answered."""

    def ask(self, document: str, **variables: Any) -> dict[str, Any]:
        """Give the data of a query, asked again while the shop is busy.

        Raises ConfigurationError for what an admin must mend, TemporaryError otherwise.
        """
        data, _ = patiently(ATTEMPTS)(self.once, document, variables)
        return data

    def once(self, document: str, variables: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Ask one time: the data, and the errors that are about a part of it only (they have a `path`)."""
        content = json.dumps({"query": document, "variables": variables}).encode()
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "X-Shopify-Access-Token": self._config.token.get_secret_value(),
        }
        answer = self._outgoing.request("POST", content, headers, path=self._path)
        self.clock = answer.at or self.clock
        return self._read(answer)

    def lines(self, query: str) -> Iterator[dict[str, Any]]:
        """Have the shop make a list ready, and give its lines: objects, each followed by those that belong to it."""
        url, count = self._finished(self._started(query))
        if url is None:
            return  # nothing was found
        done = 0
        for attempt in range(1, ATTEMPTS + 1):
            try:
                for line in islice(self._file(url), done, None):
                    yield json.loads(line)
                    done += 1
                break
            except TemporaryError as error:
                if attempt == ATTEMPTS or (error.retry_after or 0.0) > patience.LONGEST_WAIT:
                    raise
                patience.clock.wait(error.retry_after or 0.5 * 2 ** (attempt - 1))
        if done != count:
            raise TemporaryError(f"{self.host}: a list of {count} objects came with {done}")

    def _file(self, url: str) -> Iterator[str]:
        """Read the lines of a list; it lies elsewhere, at an address that is signed: our token does not go there."""
        with Outgoing(url, allow_private=self._config.allow_private, timeout=self._config.timeout) as file:
            yield from (line for line in file.lines() if line)

    def _started(self, query: str) -> str:
        """Start an operation, once those that are under way are done."""
        for pause in self._pauses("a bulk operation of this app is under way"):
            started = self.ask(_START, query=query)["bulkOperationRunQuery"]
            if started["bulkOperation"] is not None and not started["userErrors"]:
                return str(started["bulkOperation"]["id"])
            said = "; ".join(clean_reason(str(error["message"])) for error in started["userErrors"])
            if not any(error.get("code") == "OPERATION_IN_PROGRESS" for error in started["userErrors"]):
                raise ConfigurationError(f"{self.host}: the shop refuses to make a list ready: {said}")
            patience.clock.wait(pause)
        raise AssertionError("_pauses ends with an error")

    def _finished(self, operation: str) -> tuple[str | None, int]:
        """Wait for a list: where it lies, and how many lines it has."""
        for pause in self._pauses("the shop is still making a list ready"):
            found = self.ask(_LOOK, id=operation)["node"]
            if found["status"] == "COMPLETED":
                return str(found["url"]) if found["url"] else None, int(found["objectCount"])
            if found["status"] not in UNDER_WAY:
                code = found["errorCode"] or found["status"]
                if code == "ACCESS_DENIED":
                    raise ConfigurationError(f"{self.host}: the app may not read this list: give it the scope")
                raise TemporaryError(f"{self.host}: the shop could not make a list ready ({code})")
            patience.clock.wait(pause)
        raise AssertionError("_pauses ends with an error")

    def _pauses(self, what: str) -> Iterator[float]:
        until = patience.clock.now() + self._config.longest.total_seconds()
        pause = 0.1
        while patience.clock.now() < until:
            yield pause
            pause = min(pause * 1.6, LONGEST_PAUSE)
        raise TemporaryError(f"{self.host}: {what}, after {self._config.longest}: raise `longest`, or try again later")

    def _read(self, answer: Answer) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        if answer.status >= 500 and answer.status not in BUSY:
            raise NoAnswerError(f"{self.host}: the shop failed (HTTP {answer.status})")
        if answer.status in BUSY:
            raise TemporaryError(f"{self.host}: the shop has no time now (HTTP {answer.status})", answer.retry_after)
        if answer.status in (401, 403):
            raise ConfigurationError(f"{self.host}: the shop refuses the token ({answer.status}): check `token`")
        said = _said(answer)
        if answer.status != 200 or not said.keys() & {"data", "errors"}:
            raise ConfigurationError(
                f"{self.host}: this is no Admin API of Shopify (HTTP {answer.status}): check `url` and `version`"
            )
        found = said.get("errors", [])
        errors = found if isinstance(found, list) else [{"message": str(found)}]
        for error in errors:
            self._judge(error, said)
        return said.get("data") or {}, errors

    def _judge(self, error: dict[str, Any], said: dict[str, Any]) -> None:
        code = str(error.get("extensions", {}).get("code", ""))
        reason = clean_reason(str(error.get("message", code)))
        if code == "THROTTLED":
            raise TemporaryError(f"{self.host}: the shop is asked too much", _restored(said))
        if code == "ACCESS_DENIED":
            raise ConfigurationError(f"{self.host}: the app may not do this: {reason}")
        if code == "INTERNAL_SERVER_ERROR":
            raise NoAnswerError(f"{self.host}: the shop failed: {reason}")
        if "path" not in error:
            raise ConfigurationError(f"{self.host}: the shop does not understand: {reason}: check `version`")


def _said(answer: Answer) -> dict[str, Any]:
    try:
        said = json.loads(answer.body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _restored(said: dict[str, Any]) -> float | None:
    """Give the seconds until what was asked may be asked again: points come back at a rate that the shop tells."""
    cost = said.get("extensions", {}).get("cost", {})
    status = cost.get("throttleStatus", {})
    rate = status.get("restoreRate")
    if not rate:
        return None
    return float(max(0.1, (cost.get("requestedQueryCost", 0) - status.get("currentlyAvailable", 0)) / rate))
