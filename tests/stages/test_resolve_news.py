"""Looking only at what news touches gives what looking at everything gives: on both engines."""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.ledger import Ledger, open_ledger
from hub.stages.resolve import resolve
from hub.warehouse import Warehouse
from hub.warehouse.state import remember
from tests.stages.world import NOON, fact, project, record, rows

HOME = {"street": "Dorpsstraat", "house_number": "9", "postcode": "1234AB", "city": "Ede", "country": "NL"}
RULES = {"identifiers": {"phone": {"limit": 2}, "device": {"limit": 3}}}
TABLES = {
    "source_record": ("record_id", "record_no", "person_id", "linked_by", "linked_to"),
    "person": ("person_id", "record_id", "given_name", "surname", "email", "phone", "household_id", "records"),
    "household": ("household_id", "members"),
    "match_candidate": ("low_record", "high_record", "found_by", "reason"),
    "resolved_record": ("record_no", "component", "person_id", "facts", "judged"),
    "resolved_key": ("record_no", "key"),
    "value_set_aside": ("type", "value", "reason"),
}


def read(warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    return {name: rows(warehouse, name, *columns) for name, columns in TABLES.items()}


def run(warehouse: Warehouse, ledger: Ledger, mark: str) -> int:
    """Resolve after news from the mapping; return how many records were looked at."""
    with warehouse.begin() as transaction:
        remember(transaction, "map", mark, NOON)
    return resolve(warehouse, ledger, project(identity=RULES), NOON).rows_in


def forget(warehouse: Warehouse) -> None:
    """Make the next run look at everything."""
    with warehouse.begin() as transaction:
        state = transaction.table("stage_state")
        transaction.execute(sa.delete(state).where(state.c.stage == "resolve:setup"))


def take_out(warehouse: Warehouse, record_id: str) -> None:
    with warehouse.begin() as transaction:
        for name in ("source_record", "identifier", "address"):
            table = transaction.table(name)
            transaction.execute(sa.delete(table).where(table.c.record_id == record_id))


def say(warehouse: Warehouse, record_id: str, says: dict[str, Any]) -> None:
    """Add a record, or say something new of it: as a mapping does, its identifiers go and come."""
    with warehouse.begin() as transaction:
        stored = transaction.table("source_record")
        number = transaction.scalar(sa.select(stored.c.record_no).where(stored.c.record_id == record_id))
        person = transaction.scalar(sa.select(stored.c.person_id).where(stored.c.record_id == record_id))
    take_out(warehouse, record_id)
    known = {"record_no": number, "person_id": person} if number else {}
    record(warehouse, record_id, **{k: v for k, v in says.items() if v and k != "home"}, **known)
    if says["home"]:
        fact(warehouse, "address", record_id, record_id, **HOME)


@pytest.fixture
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Any:
    opened = open_ledger("sqlite", tmp_path_factory.mktemp("ledger"))
    yield opened
    opened.close()


def test_a_day_looks_only_at_what_hangs_together_with_its_news(warehouse: Warehouse, ledger: Ledger) -> None:
    for number in range(20):
        record(warehouse, f"crm:{number}", email=f"{number // 2}@example.nl")
    assert run(warehouse, ledger, "1") == 20
    record(warehouse, "shop:1", email="3@example.nl")
    assert run(warehouse, ledger, "2") == 3
    take_out(warehouse, "shop:1")
    assert run(warehouse, ledger, "3") == 2
    ledger.verdicts.give("crm:0", "crm:1", False, "an admin", NOON, "two people")
    assert run(warehouse, ledger, "3") == 2
    assert run(warehouse, ledger, "4") == 0


def test_a_crowd_that_shrinks_ties_its_records_together_again(warehouse: Warehouse, ledger: Ledger) -> None:
    for key in ("1", "2", "3", "4"):
        record(warehouse, f"crm:{key}", phone="+31612345678")
    run(warehouse, ledger, "1")
    assert len(rows(warehouse, "person", "person_id")) == 4
    assert rows(warehouse, "value_set_aside", "type", "value", "reason") == [("phone", "+31612345678", "crowd")]
    take_out(warehouse, "crm:1")
    take_out(warehouse, "crm:2")
    run(warehouse, ledger, "2")
    assert rows(warehouse, "person", "person_id", "records") == [(3, 2)]
    assert rows(warehouse, "value_set_aside", "type") == []


SAYS = st.fixed_dictionaries(
    {
        "given_name": st.sampled_from([None, "Anna", "A.", "Bert", "Hans", "Jan"]),
        "surname": st.sampled_from([None, "Valk", "Boer"]),
        "birth_date": st.sampled_from([None, date(1980, 4, 1), date(1991, 10, 31)]),
        "email": st.sampled_from([None, "a@example.nl", "b@example.nl", "info@example.nl"]),
        "phone": st.sampled_from([None, "+31611111111", "+31622222222"]),
        "device": st.sampled_from([None, None, "v1", "v2"]),
        "email_hash": st.sampled_from(
            [None, None, *(sha256(it).hexdigest() for it in (b"a@example.nl", b"info@example.nl"))]
        ),
        "home": st.booleans(),
    }
)
KEYS = st.integers(0, 5)
CHANGES = st.one_of(
    st.tuples(st.just("say"), KEYS, SAYS),
    st.tuples(st.just("say"), KEYS, SAYS),
    st.tuples(st.just("take out"), KEYS, st.none()),
    st.tuples(st.just("same"), KEYS, KEYS),
    st.tuples(st.just("never"), KEYS, KEYS),
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=st.lists(st.lists(CHANGES, min_size=1, max_size=5), min_size=2, max_size=3))
def test_looking_at_the_news_gives_what_looking_at_everything_gives(
    warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory, days: list[list[tuple[str, int, Any]]]
) -> None:
    with warehouse.begin() as transaction:
        for name in (*TABLES, "identifier", "address", "resolved_load", "stage_state"):
            transaction.execute(sa.delete(transaction.table(name)))
    ledger = open_ledger("sqlite", tmp_path_factory.mktemp("ledger"))
    for number, changes in enumerate(days):
        for what, key, more in changes:
            if what == "say":
                say(warehouse, f"x:{key}", more)
            elif what == "take out":
                take_out(warehouse, f"x:{key}")
            elif key < more:
                ledger.verdicts.give(f"x:{key}", f"x:{more}", what == "same", "an admin", NOON, "seen")
        run(warehouse, ledger, str(number))
    found = read(warehouse)
    forget(warehouse)
    run(warehouse, ledger, "again")
    ledger.close()
    assert found == read(warehouse)
