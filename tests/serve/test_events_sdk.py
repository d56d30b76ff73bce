"""The public Python library for the Segment HTTP API, unchanged, against `hub serve`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from segment.analytics.client import Client

from hub.ledger import Ledger
from tests.serve.conftest import Serving
from tests.serve.eventful import SERVER_KEY, eventful, kept


@pytest.mark.parametrize("packed", [False, True])
def test_everything_that_the_library_can_send_is_kept_once(
    serving: Serving, ledger: Ledger, tmp_path: Path, packed: bool
) -> None:
    address = str(serving(eventful(tmp_path)).base_url)
    failures: list[Exception] = []
    library = Client(
        SERVER_KEY, host=address, gzip=packed, on_error=lambda error, _: failures.append(error), max_retries=1
    )
    library.identify("u7", {"email": "anna@example.nl", "firstName": "Anna", "company": {"name": "Mia"}})
    library.track("u7", "Order Completed", {"order_id": "o1", "revenue": 12.5}, timestamp=datetime.now(UTC))
    library.page("u7", "Shop", "Home", {"url": "https://www.shop.example/"})
    library.screen("u7", "App", "Start")
    library.group("u7", "g1", {"name": "Mia BV"})
    library.alias("a-0", "u7")
    for number in range(250):
        library.track("u7", f"Event {number}", message_id=f"m{number}")
    library.flush()
    library.shutdown()
    assert failures == []
    found = kept(ledger, "backend")
    assert {table: len(rows) for table, rows in found.items()} == {
        "aliases": 1,
        "events": 253,
        "groups": 1,
        "people": 1,
    }
    order = next(row for row in found["events"] if row["event"] == "Order Completed")
    assert (order["order_id"], order["value"], order["user_id"]) == ("o1", "12.5", "u7")
    assert abs((datetime.fromisoformat(order["at"]) - datetime.now(UTC)).total_seconds()) < 60


def test_a_wrong_write_key_is_told_to_the_library(serving: Serving, ledger: Ledger, tmp_path: Path) -> None:
    failures: list[Exception] = []
    address = str(serving(eventful(tmp_path)).base_url)
    library = Client("nobody's", host=address, on_error=lambda error, _: failures.append(error), max_retries=1)
    library.track("u7", "E")
    library.flush()
    library.shutdown()
    assert [getattr(failure, "status", None) for failure in failures] == [401]
    assert ledger.inbox.waiting() == {}
