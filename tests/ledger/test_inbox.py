"""The inbox: a push is kept once, sealed, until it has landed; then only the hash of its id stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from hub.errors import ConfigurationError, RejectedError
from hub.ledger import Inbox, Ledger, Push, sealed_push, tables
from hub.ledger.inbox import PAGE, REMEMBERED

KEY = b"a key of the tests"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def push(number: int, connection: str = "shop", name: str = "Anna Özil", at: datetime = NOW) -> Push:
    rows = {"orders": [{"id": number, "name": name}]}
    return sealed_push(KEY, connection, f"event {number}", rows, at)


def batch(inbox: Inbox, name: str, connection: str = "shop") -> list[Any]:
    pages = inbox.read(connection, name)
    return [row["id"] for page in pages for one in page for row in one.rows([KEY])["orders"]]


def stored(ledger: Ledger) -> list[sa.Row[Any]]:
    with ledger.engine.begin() as connection:
        return list(connection.execute(sa.select(tables.inbox).order_by(tables.inbox.c.id)))


def test_a_push_that_comes_twice_is_kept_once_and_the_same_id_elsewhere_is_another(ledger: Ledger) -> None:
    ledger.inbox.keep([push(1), push(2)])
    ledger.inbox.keep([push(2, name="another"), push(3), push(1, "crm")])
    assert ledger.inbox.waiting() == {"crm": 1, "shop": 3}


def test_a_batch_is_everything_that_waits_for_a_connection_in_the_order_received(ledger: Ledger) -> None:
    late = NOW + timedelta(seconds=1)
    ledger.inbox.keep([push(number, at=late) for number in range(PAGE + 1)])
    ledger.inbox.keep([push(9_999), push(1, "crm")])
    ledger.inbox.take("shop", "a")
    ledger.inbox.keep([push(10_000)])
    found = batch(ledger.inbox, "a")
    assert found[0] == 9_999
    assert sorted(found) == [*range(PAGE + 1), 9_999]


def test_a_batch_that_did_not_land_is_taken_again_with_what_came_since(ledger: Ledger) -> None:
    ledger.inbox.keep([push(1)])
    ledger.inbox.take("shop", "a")
    ledger.inbox.keep([push(2)])
    ledger.inbox.take("shop", "b")
    assert batch(ledger.inbox, "a") == []
    assert sorted(batch(ledger.inbox, "b")) == [1, 2]


def test_what_has_landed_is_gone_and_its_id_is_still_known(ledger: Ledger) -> None:
    ledger.inbox.keep([push(1), push(1, "crm")])
    ledger.inbox.take("shop", "a")
    ledger.inbox.keep([push(2)])
    ledger.inbox.landed("shop", "a")
    ledger.inbox.keep([push(1)])
    assert ledger.inbox.waiting() == {"crm": 1, "shop": 1}
    contents = {row.id: row.content for row in stored(ledger) if row.connection == "shop"}
    assert sorted(content is None for content in contents.values()) == [False, True]


def test_ids_are_forgotten_long_after_a_signature_ended_and_never_before_their_push_landed(ledger: Ledger) -> None:
    ledger.inbox.keep([push(1), push(2)])
    ledger.inbox.take("shop", "a")
    ledger.inbox.landed("shop", "a")
    ledger.inbox.keep([push(3)])
    assert ledger.inbox.tidy(NOW + REMEMBERED) == 0
    assert ledger.inbox.tidy(NOW + REMEMBERED + timedelta(seconds=1)) == 2
    assert ledger.inbox.waiting() == {"shop": 1}
    assert timedelta(days=7) < REMEMBERED


def test_nothing_of_a_person_stands_in_the_ledger_in_the_clear(ledger: Ledger) -> None:
    ledger.inbox.keep([sealed_push(KEY, "shop", "anna@example.nl", {"people": [{"mail": "anna@example.nl"}]}, NOW)])
    row = stored(ledger)[0]
    assert b"anna" not in row.content
    assert "anna" not in row.id
    assert "anna" not in repr(push(1, name="anna"))


def test_a_replaced_key_opens_what_it_sealed_and_a_foreign_one_says_what_to_do() -> None:
    kept = push(1)
    assert kept.rows([b"the new key", KEY]) == {"orders": [{"id": 1, "name": "Anna Özil"}]}
    with pytest.raises(ConfigurationError, match="HUB_FORMER_KEYS"):
        kept.rows([b"the new key"])
    with pytest.raises(ConfigurationError, match="HUB_KEY is not set"):
        sealed_push(b"", "shop", "1", {}, NOW)


def test_a_content_cannot_be_moved_to_another_connection() -> None:
    kept = push(1)
    with pytest.raises(ConfigurationError):
        Push("crm", kept.id, kept.received_at, kept.content).rows([KEY])


@pytest.mark.parametrize("value", ["\ud800", object(), {1: {2}}, b"bytes"])
def test_what_could_never_land_is_refused_at_the_door(value: Any) -> None:
    with pytest.raises(RejectedError, match="no text, number"):
        sealed_push(KEY, "shop", "1", {"orders": [{"id": value}]}, NOW)


@pytest.mark.parametrize("row", ["text", 7, None, ["a"]])
def test_a_row_that_is_no_object_is_refused_at_the_door(row: Any) -> None:
    with pytest.raises(RejectedError, match="no object"):
        sealed_push(KEY, "shop", "1", {"orders": [row]}, NOW)


def test_what_is_nested_too_deep_to_land_is_refused_at_the_door() -> None:
    deep: Any = "x"
    for _ in range(98):
        deep = [deep]
    wide = {"brackets": "[{" * 500, "quoted": '\\" [' * 500, "lists": [[1]] * 500}
    assert sealed_push(KEY, "shop", "1", {"orders": [{"deep": deep[0], **wide}]}, NOW)
    with pytest.raises(RejectedError, match="more than 100 deep"):
        sealed_push(KEY, "shop", "1", {"orders": [{"deep": [deep]}]}, NOW)
