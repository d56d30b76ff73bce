"""A person's file: read from what was published, on DuckDB and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.ledger import State, digest, open_ledger, reading_ledger, tables
from hub.people import NobodyError, PersonFile, explain, find_person
from hub.project import Project
from hub.stages.enrich import enrich
from hub.stages.segment import segment
from hub.warehouse import Warehouse
from tests.ledger.intent import Intent, handed
from tests.stages.world import NOON, add, fact, project, record, resolve

MONDAY, TUESDAY = (datetime(2026, 11, day, 9, tzinfo=UTC) for day in (16, 17))


@pytest.fixture
def its(engine: str, warehouse: Warehouse) -> Project:
    """Anna, known to two systems, with an order, consents and messages; Bert, and Carla who shares Bert's phone."""
    record(warehouse, "crm:1", MONDAY, email="anna@example.nl", given_name="Anna", surname="Wit", language="nl")
    record(
        warehouse,
        "shop:7",
        TUESDAY,
        email="anna@example.nl",
        given_name="Ans",
        phone="+31612345678",
        customer_number="shop:7",
    )
    record(warehouse, "crm:2", MONDAY, given_name="Bert", customer_number="crm:555")
    record(warehouse, "crm:3", MONDAY, given_name="Carla", loyalty_card="crm:C%9")
    add(
        warehouse,
        "identifier",
        *(
            {"connection": "crm", "source_key": key, "record_id": f"crm:{key}", "type": "phone", "value": "onbekend"}
            for key in ("2", "3")
        ),
    )
    fact(
        warehouse,
        "address",
        "crm:1",
        "a",
        source_time=MONDAY,
        street="Dorpsstraat",
        house_number="9",
        postcode="1234AB",
        city="Ede",
    )
    fact(warehouse, "sales_order", "shop:7", "o1", ordered_at=NOON - timedelta(days=3), status="paid", total=20)
    fact(warehouse, "sales_order", "shop:7", "o2", ordered_at=NOON - timedelta(days=2), status="paid", total=30)
    for key, given, at in (("c1", True, MONDAY), ("c2", False, TUESDAY)):
        fact(warehouse, "consent", "crm:1", key, channel="email", purpose="marketing", given=given, at=at, text="v3")
    fact(warehouse, "message", "crm:1", "m1", channel="email", scenario="welcome", step="1", sent_at=MONDAY)
    for key, type_, at in (("e2", "opened", TUESDAY), ("e1", "delivered", MONDAY)):
        fact(warehouse, "message_event", "crm:1", key, message_key="m1", type=type_, at=at)
    fact(warehouse, "message_event", "shop:7", "e3", type="clicked", at=TUESDAY, campaign="spring")
    add(
        warehouse,
        "decision",
        {
            "decision_id": "d1",
            "enrolment_id": "n1",
            "scenario": "stock",
            "step": "1",
            "record_id": "crm:1",
            "outcome": "refused",
            "reason": "consent withdrawn",
            "at": TUESDAY,
        },
    )
    add(
        warehouse,
        "enrolment",
        {"enrolment_id": "n1", "scenario": "stock", "record_id": "crm:1", "entered_at": TUESDAY, "status": "done"},
    )
    made = project({}, {"dutch": "language = 'nl'"})
    made = replace(made, hub=made.hub.model_copy(update={"engine": engine}))
    for stage in (resolve, enrich, segment):
        stage(warehouse, made, NOON)
    warehouse.publish()
    return made


def test_a_file_tells_each_field_with_the_record_it_came_from(warehouse: Warehouse, its: Project) -> None:
    found = explain(its, warehouse.query, "anna@example.nl")
    told = {field.name: (field.value, field.record_id, field.at) for field in found.fields}
    assert told["given_name"] == ("Ans", "shop:7", TUESDAY)
    assert told["surname"] == ("Wit", "crm:1", MONDAY)
    assert told["email"] == ("anna@example.nl", "shop:7", TUESDAY)
    assert told["phone"] == ("+31612345678", "shop:7", TUESDAY)
    assert told["city"] == ("Ede", "crm:1", MONDAY)
    assert "profession" not in told
    assert found.household == found.person_id == 1


def test_a_file_tells_why_each_record_is_the_persons(warehouse: Warehouse, its: Project) -> None:
    found = explain(its, warehouse.query, "1")
    assert [(it.record_id, it.linked_by, it.linked_to, it.agreed) for it in found.records] == [
        ("crm:1", None, None, None),
        ("shop:7", "email", "crm:1", "given name is similar"),
    ]
    assert {(it.type, it.value, it.record_id) for it in found.identifiers} == {
        ("email", "anna@example.nl", "crm:1"),
        ("email", "anna@example.nl", "shop:7"),
        ("phone", "+31612345678", "shop:7"),
        ("customer_number", "shop:7", "shop:7"),
    }


def test_a_file_tells_what_is_recommended_and_why(warehouse: Warehouse, its: Project) -> None:
    add(warehouse, "product", {"connection": "shop", "source_key": "can", "name": "Can"})
    for rank, key in ((2, "bowl"), (1, "can")):
        row = {"person_id": 1, "rank": rank, "connection": "shop", "product_key": key, "reason": f"why {rank}"}
        add(warehouse, "recommendation", row)
    warehouse.publish()
    found = explain(its, warehouse.query, "1").recommendations
    assert [(it.rank, it.product, it.reason) for it in found] == [(1, "Can", "why 1"), (2, "bowl", "why 2")]


def test_a_file_tells_what_was_consented_to_and_what_counts_now(warehouse: Warehouse, its: Project) -> None:
    found = explain(its, warehouse.query, "1")
    assert [(it.given, it.at, it.key, it.newest) for it in found.consents] == [
        (False, TUESDAY, "crm:c2", True),
        (True, MONDAY, "crm:c1", False),
    ]


def test_a_file_tells_traits_segments_and_facts(warehouse: Warehouse, its: Project) -> None:
    found = explain(its, warehouse.query, "1")
    assert (found.traits["order_count"], found.traits["life_cycle"]) == (2, "active")
    assert [(it.segment, it.since) for it in found.segments] == [("dutch", NOON)]
    assert [(it.segment, it.kind) for it in found.transitions] == [("dutch", "entered")]
    orders = next(it for it in found.facts if it.table == "sales_order")
    assert orders.count == 2
    assert [it["source_key"] for it in orders.recent] == ["o2", "o1"]


def test_a_file_tells_what_was_sent_what_happened_to_it_and_what_was_not_sent(
    warehouse: Warehouse, its: Project
) -> None:
    found = explain(its, warehouse.query, "1")
    (message,) = found.messages
    assert (message.key, message.scenario) == ("m1", "welcome")
    assert [event.type for event in message.events] == ["delivered", "opened"]
    assert [event.type for event in found.other_events] == ["clicked"]
    assert [(it.scenario, it.outcome, it.reason) for it in found.decisions] == [
        ("stock", "refused", "consent withdrawn")
    ]
    assert [(it.scenario, it.status) for it in found.enrolments] == [("stock", "done")]


@pytest.mark.parametrize(
    ("state", "reason", "in_words"),
    [
        ("queued", None, "waits to be sent"),
        ("refused", "consent withdrawn", "not sent: not allowed any more"),
        ("cancelled", "interrupted: order_count > 0", "not sent: not wanted any more"),
        ("expired", "too late: its time was over before it could be sent", "not sent: too late"),
    ],
)
def test_a_file_tells_of_each_message_what_became_of_it_while_a_run_is_writing(
    warehouse: Warehouse, its: Project, tmp_path: Path, state: State, reason: str | None, in_words: str
) -> None:
    url = "sqlite" if its.hub.engine == "duckdb" else its.hub.engine
    writing = open_ledger(url, tmp_path / "ledger")
    intent = {"scenario": "welcome", "step": "1", "connection": "mail", "channel": "email", "purpose": "marketing"}
    more = {"record": digest("crm:1"), "template": "t", "priority": 0, "consent_key": None, "queued_at": MONDAY}
    writing.outbox.add(handed([Intent("m1", expires_at=TUESDAY, **intent, **more)]))  # type: ignore[arg-type]
    if state == "expired":
        writing.outbox.expire(TUESDAY)
    elif reason is not None:
        writing.outbox.move({"m1": reason}, state, TUESDAY)
    with writing.engine.begin() as busy:
        busy.execute(sa.update(tables.outbox).values(reason="not committed yet"))
        with reading_ledger(url, tmp_path / "ledger") as ledger:
            (message,) = explain(its, warehouse.query, "1", ledger).messages
    writing.close()
    assert message.became is not None
    assert (message.became.state, message.became.reason, message.became.in_words) == (state, reason, in_words)
    assert message.became.attempts == 0


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ("1", 1),
        ("4", 1),
        (" Anna@Example.nl ", 1),
        ("06-12345678", 1),
        ("+31612345678", 1),
        ("shop:7", 1),
        ("crm:2", 2),
        ("555", 2),
        ("C%9", 3),
    ],
)
def test_a_person_is_found_by_number_address_phone_key_or_card(
    warehouse: Warehouse, its: Project, text: str, person: int
) -> None:
    assert find_person(its, warehouse.query, text) == person


@pytest.mark.parametrize("text", ["nobody@example.nl", "99", "", "'; drop table store.person; --", "C%", "%"])
def test_nobody_is_found_by_what_nobody_has(warehouse: Warehouse, its: Project, text: str) -> None:
    with pytest.raises(NobodyError, match="nobody goes by this") as caught:
        find_person(its, warehouse.query, text)
    assert not text or text not in str(caught.value)


def test_what_two_people_share_is_answered_with_their_numbers(warehouse: Warehouse, its: Project) -> None:
    with pytest.raises(NobodyError, match="2 people go by this: ask again by a person's number: 2, 3"):
        find_person(its, warehouse.query, "onbekend")


def test_a_person_without_anything_has_a_file(warehouse: Warehouse, its: Project) -> None:
    found = explain(its, warehouse.query, "3")
    assert isinstance(found, PersonFile)
    assert (found.messages, found.facts, found.household) == ((), (), None)
    assert [field.name for field in found.fields] == ["given_name"]


def test_before_the_traits_are_computed_a_file_has_none(warehouse: Warehouse, engine: str) -> None:
    record(warehouse, "crm:1", given_name="Anna")
    its = project()
    its = replace(its, hub=its.hub.model_copy(update={"engine": engine}))
    resolve(warehouse, its, NOON)
    warehouse.publish()
    assert explain(its, warehouse.query, "1").traits == {}
