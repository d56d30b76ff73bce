"""Conditions about people, as scenarios and syncs use them after the segments are known."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from hub.expressions import ExpressionError, compile_condition
from hub.people.scope import person_scope
from hub.stages.enrich import enrich
from hub.stages.segment import segment
from hub.warehouse import Warehouse
from tests.stages.world import NOON, fact, project, record, resolve

ITS = project({"nl": {"is": "language = 'nl'"}}, {"dutch": "nl", "letters": "consents('letter', 'service')"})


@pytest.fixture
def people(warehouse: Warehouse) -> Warehouse:
    record(warehouse, "crm:1", language="nl", given_name="Anna")
    record(warehouse, "crm:2", language="fr", given_name="Bert")
    fact(warehouse, "consent", "crm:2", "c", channel="letter", purpose="service", given=True, at=NOON)
    for stage in (resolve, enrich, segment):
        stage(warehouse, ITS, NOON)
    return warehouse


def who(warehouse: Warehouse, condition: str) -> set[str]:
    with warehouse.begin() as transaction:
        everybody = person_scope(transaction, ITS, NOON + timedelta(hours=1))
        found = compile_condition(condition, everybody.scope)
        name = everybody.scope.names["given_name"].element
        return set(transaction.connection.scalars(sa.select(name).where(found.element)))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("nl", {"Anna"}),
        ("order_count = 0", {"Anna", "Bert"}),
        ("member_of('dutch')", {"Anna"}),
        ("not member_of('dutch') and consents('letter', 'service')", {"Bert"}),
        ("consents('letter')", set()),
        ("consents('email', 'service')", set()),
        ("person_id = 2", {"Bert"}),
    ],
)
def test_a_condition_finds_its_people(people: Warehouse, condition: str, expected: set[str]) -> None:
    assert who(people, condition) == expected


def test_memberships_are_the_stored_ones(people: Warehouse) -> None:
    with people.begin() as transaction:
        transaction.execute(sa.delete(transaction.table("membership")))
    assert who(people, "member_of('dutch')") == set()


def test_a_name_that_is_nowhere_is_told(people: Warehouse) -> None:
    with pytest.raises(ExpressionError, match="Did you mean 'language'"):
        who(people, "languages = 'nl'")
