"""No test of a plugin waits for an hour, a minute or half a second: its clock moves instead."""

from collections.abc import Iterator

import pytest

from hub.testing import QuickClock, no_waiting


@pytest.fixture(autouse=True)
def quick() -> Iterator[QuickClock]:
    with no_waiting() as clock:
        yield clock
