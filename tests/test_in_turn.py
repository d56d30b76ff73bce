"""A batch in several requests keeps what became of each."""

import pytest

from hub.contracts import Result
from hub.errors import ConfigurationError, RejectedError
from hub.in_turn import in_turn
from hub.outgoing import NoAnswerError, NotSentError


def handed(*errors: Exception | None) -> list[Result]:
    """Hand over one message per error, whose request ends in it."""

    def hand_over(place: int) -> list[Result]:
        if (error := errors[place]) is not None:
            raise error
        return [Result(str(place), "accepted")]

    return in_turn(range(len(errors)), lambda place: [str(place)], hand_over)


SILENT = NoAnswerError("no answer")


@pytest.mark.parametrize(
    ("errors", "statuses"),
    [
        ((None, RejectedError("no"), None), ["accepted", "rejected", "accepted"]),
        ((None, SILENT, SILENT, None, SILENT), ["accepted", "unknown", "unknown", "accepted", "unknown"]),
        ((SILENT, SILENT, SILENT, None), ["unknown", "unknown", "unknown", "later"]),
        ((None, NotSentError("busy", 7.0), None), ["accepted", "later", "later"]),
        ((None, ConfigurationError("the token is no longer taken"), None), ["accepted", "later", "later"]),
    ],
)
def test_what_was_taken_stays_taken_whatever_ends_the_batch(errors: tuple[Exception], statuses: list[str]) -> None:
    results = handed(*errors)
    assert [result.status for result in results] == statuses
    assert [result.id for result in results] == [str(place) for place in range(len(errors))]
    assert all(result.reason for result in results if result.status != "accepted")


def test_the_rest_waits_as_long_as_the_other_side_asks() -> None:
    assert [result.retry_after for result in handed(None, NotSentError("busy", 7.0), None)] == [None, 7.0, 7.0]


def test_a_configuration_that_is_wrong_from_the_start_is_raised() -> None:
    with pytest.raises(ConfigurationError, match="no such list"):
        handed(ConfigurationError("no such list"), None)
