"""Deliver: hand a batch to a destination, and read its answer, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hub.contracts import Result
from hub.errors import ConfigurationError, TemporaryError
from hub.outgoing import NoAnswerError

TRIES = 3
LONGEST_PAUSE = 2.0
"""Seconds. What needs longer waits in the outbox, not in the run."""


@dataclass(frozen=True)
class Answer:
    """One result per row, in any order; `failure` says what is wrong with the destination itself."""

    results: Sequence[Result]
    failure: str = ""


def deliver(ids: Sequence[str], call: Callable[[], Sequence[Result]]) -> Answer:
    """Call a destination and give exactly one result per id.

    TemporaryError means that nothing was taken: it is tried again a few times within seconds, and is then `later`.
    NoAnswerError, an error that the plugin should not have raised, and a result that is missing are `unknown`:
    something may have been taken.
    """
    try:
        return _complete(ids, _with_retries(call))
    except NoAnswerError as error:
        return _all(ids, "unknown", str(error))
    except TemporaryError as error:
        return _all(ids, "later", str(error), error.retry_after)
    except ConfigurationError as error:
        return _all(ids, "later", str(error))
    except Exception as error:  # noqa: BLE001 (a plugin's own mistake must not lose track of what it was sending)
        return _all(ids, "unknown", f"the plugin broke off: {type(error).__name__}")


def _with_retries(call: Callable[[], Sequence[Result]]) -> Sequence[Result]:
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

    retrying = Retrying(
        retry=retry_if_exception(_is_worth_a_moment),
        stop=stop_after_attempt(TRIES),
        wait=wait_exponential(multiplier=0.1, max=LONGEST_PAUSE),
        reraise=True,
    )
    results: Sequence[Result] = retrying(call)
    return results


def _is_worth_a_moment(error: BaseException) -> bool:
    if not isinstance(error, TemporaryError) or isinstance(error, NoAnswerError):
        return False
    return error.retry_after is None or error.retry_after <= LONGEST_PAUSE


def _complete(ids: Sequence[str], results: Sequence[Result]) -> Answer:
    by_id = {result.id: result for result in results}
    missing = "the plugin gave no result for it"
    complete = [by_id.get(id_) or Result(id_, "unknown", reason=missing) for id_ in ids]
    strange = "" if by_id.keys() == set(ids) and len(results) == len(ids) else "the plugin's results do not match"
    return Answer(complete, strange)


def _all(ids: Sequence[str], status: str, reason: str, retry_after: float | None = None) -> Answer:
    results = [Result(id_, status, reason=reason, retry_after=retry_after) for id_ in ids]  # type: ignore[arg-type]
    return Answer(results, reason)
