"""Deliver: hand a batch to a destination, and read its answer, whatever happens on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hub.contracts import Message, Result, Status
from hub.errors import ConfigurationError, RejectedError, TemporaryError
from hub.outgoing import NoAnswerError

if TYPE_CHECKING:
    from tenacity import RetryCallState

TRIES = 3
LONGEST_PAUSE = 2.0
"""Seconds. What needs longer waits in the outbox, not in the run."""

SHORT_REST = 10.0
"""Seconds. A destination that asks for no more than this is waited for; else the next run goes on."""

Fault = Literal["", "later", "unknown", "configuration", "broken"]
"""What is wrong with a destination itself, or with its plugin."""


@dataclass(frozen=True)
class Answer:
    """One result per row, in any order; `failure` says what is wrong with the destination itself, `fault` its kind."""

    results: Sequence[Result]
    failure: str = ""
    fault: Fault = ""


def deliver(ids: Sequence[str], call: Callable[[], Sequence[Result]]) -> Answer:
    """Call a destination and give exactly one result per id.

    TemporaryError means that nothing was taken: it is tried again a few times within seconds, and is then `later`.
    RejectedError means that it refuses them for good. NoAnswerError, an error that the plugin should not have raised,
    and a result that is missing are `unknown`: something may have been taken.
    """
    try:
        return _complete(ids, _with_retries(call))
    except NoAnswerError as error:
        return _all(ids, "unknown", str(error), "unknown")
    except TemporaryError as error:
        return _all(ids, "later", str(error), "later", error.retry_after)
    except RejectedError as error:
        return _all(ids, "rejected", str(error), "")
    except ConfigurationError as error:
        return _all(ids, "later", str(error), "configuration")
    except Exception as error:  # noqa: BLE001 (a plugin's own mistake must not lose track of what it was sending)
        return _all(ids, "unknown", f"the plugin broke off: {type(error).__name__}", "broken")


def deliver_rows(ids: Sequence[str], call: Callable[[], Sequence[Result]]) -> Answer:
    """Hand rows over; where all of them are to come a moment later, wait as asked and do it again, a few times.

    Rows may go twice, for a destination knows them by their key.
    """
    answer = deliver(ids, call)
    for _ in range(TRIES - 1):
        waits = {result.retry_after or 0.0 if result.status == "later" else 0.0 for result in answer.results}
        if answer.fault or not 0.0 < min(waits) <= max(waits) <= SHORT_REST:
            break
        time.sleep(max(waits))
        answer = deliver(ids, call)
    return answer


def deliver_messages(
    batch: Sequence[Message],
    send: Callable[[Sequence[Message]], Sequence[Result]],
    *,
    one_by_one: bool,
    may_repeat: bool,
) -> Answer:
    """Send messages; where one of them sinks the whole batch, halve it until that one is found.

    A batch that is rejected as a whole was not taken, so its halves go again; not where the destination sends
    `one_by_one`, for there the rejections are about the messages. A batch on which the plugin broke off may have been
    taken: its halves go again only where the destination takes an id once (`may_repeat`).
    """
    answer = deliver([message.id for message in batch], lambda: send(batch))
    refused = not one_by_one and _is_refused_as_a_whole(answer)
    if len(batch) == 1 or not (refused or (may_repeat and answer.fault == "broken")):
        return answer
    middle = len(batch) // 2
    first = deliver_messages(batch[:middle], send, one_by_one=one_by_one, may_repeat=may_repeat)
    if first.fault not in ("", "broken"):
        not_tried = _all(
            [message.id for message in batch[middle:]], "later" if refused else "unknown", first.failure, first.fault
        )
        return _joined(first, not_tried)
    return _joined(first, deliver_messages(batch[middle:], send, one_by_one=one_by_one, may_repeat=may_repeat))


def _is_refused_as_a_whole(answer: Answer) -> bool:
    return len({(result.status, result.reason) for result in answer.results}) == 1 and (
        answer.results[0].status == "rejected"
    )


def _joined(first: Answer, second: Answer) -> Answer:
    """Put two halves together. A plugin that broke off on some messages only has nothing wrong with it."""
    results = [*first.results, *second.results]
    faults = {first.fault, second.fault}
    if faults == {"", "broken"}:
        return Answer(results)
    return Answer(results, second.failure or first.failure, second.fault or first.fault)


def _with_retries(call: Callable[[], Sequence[Result]]) -> Sequence[Result]:
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

    grows = wait_exponential_jitter(initial=0.1, max=LONGEST_PAUSE, jitter=0.1)
    retrying = Retrying(
        retry=retry_if_exception(_is_worth_a_moment),
        stop=stop_after_attempt(TRIES),
        wait=lambda state: max(grows(state), _asked(state)),
        reraise=True,
    )
    results: Sequence[Result] = retrying(call)
    return results


def _asked(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    return error.retry_after or 0.0 if isinstance(error, TemporaryError) else 0.0


def _is_worth_a_moment(error: BaseException) -> bool:
    if not isinstance(error, TemporaryError) or isinstance(error, NoAnswerError):
        return False
    return error.retry_after is None or error.retry_after <= LONGEST_PAUSE


def _complete(ids: Sequence[str], results: Sequence[Result]) -> Answer:
    if [result.id for result in results] == list(ids):
        return Answer(results)
    by_id = {result.id: result for result in results}
    missing = "the plugin gave no result for it"
    complete = [by_id.get(id_) or Result(id_, "unknown", reason=missing) for id_ in ids]
    if by_id.keys() == set(ids) and len(results) == len(ids):
        return Answer(complete)
    return Answer(complete, "the plugin's results do not match", "broken")


def _all(ids: Sequence[str], status: Status, reason: str, fault: Fault, retry_after: float | None = None) -> Answer:
    results = [Result(id_, status, reason=reason, retry_after=retry_after) for id_ in ids]
    return Answer(results, reason if fault else "", fault)
