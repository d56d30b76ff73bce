"""Who shares a value and yet is somebody else; and who is one person without sharing any: on both engines."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.warehouse import Warehouse
from tests.stages.world import NOON, fact, one, project, record, resolve, rows

MAIL, PHONE = "anna@example.nl", "+31612345678"
HOME = {"street": "Dorpsstraat", "house_number": "9", "postcode": "1234AB", "city": "Ede", "country": "NL"}
SPRING, AUTUMN = date(1980, 4, 1), date(1991, 10, 31)


def people(warehouse: Warehouse) -> list[set[str]]:
    """Give the record ids of each person, by person id."""
    found: dict[int, set[str]] = {}
    for person_id, record_id in rows(warehouse, "source_record", "person_id", "record_id"):
        found.setdefault(person_id, set()).add(record_id)
    return [found[person_id] for person_id in sorted(found)]


def said(
    given_name: str | None, surname: str | None = None, birth_date: date | None = None, **more: Any
) -> dict[str, Any]:
    return {"given_name": given_name, "surname": surname, "birth_date": birth_date, **more}


@pytest.mark.parametrize(
    ("one_says", "other_says", "kind", "joined"),
    [
        (said("Anna", "Valk"), said("ANNA", "van der Valk"), "phone", True),
        (said("Anna", "Valk"), said("A.", "Valk"), "phone", True),
        (said("Cornelis", "Valk"), said("Kees", "Valk"), "phone", True),
        (said("Anna", "Valk"), said("Anna", "Boer"), "email", True),  # a marriage
        (said("Anna", "Valk"), said("Bert", "Valk"), "phone", False),  # a family's number
        (said("Anna", "Valk"), said("Bert", "Boer"), "email", False),  # a couple's mailbox
        (said("A.", "Valk"), said("Anna", "Boer"), "email", False),
        (said("A.", "Valk", SPRING), said("Anna", "Boer", SPRING), "email", True),
        (said("Jan", "Valk", SPRING), said("Jan", "Valk", AUTUMN), "phone", False),  # a father and his son
        (said("Jan", "Valk", SPRING), said("Jan", "Valk", AUTUMN), "email", True),  # a date mistyped
        (said("Jan", "Valk", date(1980, 4, 12)), said("Jan", "Valk", date(1980, 12, 4)), "phone", True),
        (said("Jan", "Valk", date(1980, 4, 12)), said("Jan", "Valk", date(1980, 4, 21)), "phone", True),
        (said("Jan", "Valk", SPRING), said("Jan", "Valk", date(1900, 1, 1)), "phone", True),
        (said("Jan", "Valk"), said("Hans", "Valk"), "phone", False),
        (said("Jan", "Valk"), said("Hans", "Valk"), "email", True),
        (said("J.", "Valk", gender="F"), said("Jan", "Valk", gender="M"), "phone", False),
        (said("Anna", "Valk"), said("Bert", "Valk"), "customer_number", True),  # an account of two
        (said("Anna", "Valk"), said("Bert", "Boer"), "customer_number", False),  # a number given away
        (said("👍", "Valk"), said("Anna", "Valk"), "phone", True),
        (said("محمد", "حسن"), said("Anna", "Valk"), "email", False),
    ],
)
def test_names_may_refuse_what_a_value_says(
    warehouse: Warehouse, one_says: dict[str, Any], other_says: dict[str, Any], kind: str, joined: bool
) -> None:
    value = {"email": MAIL, "phone": PHONE, "customer_number": "shop:7"}[kind]
    record(warehouse, "crm:1", **{kind: value}, **one_says)
    record(warehouse, "shop:1", **{kind: value}, **other_says)
    report = resolve(warehouse, project(), NOON)
    assert len(people(warehouse)) == (1 if joined else 2)
    assert report.counts["refused_pairs"] == (0 if joined else 1)


@pytest.mark.parametrize(
    ("one_says", "other_says", "at_home", "joined"),
    [
        (said("Anna", "Valk", SPRING), said("A.", "Valk", SPRING), False, True),
        (said("Anna", "Valk"), said("Anna", "Valk"), False, False),
        (said("Anna", "Valk"), said("A.", "Valk"), True, True),
        (said("Anna", "Valk"), said("Arie", "Valk"), True, False),
        (said("Anna", "Valk", SPRING), said("Anna", "Boer", SPRING), True, True),
        (said("Lotte", "Valk", SPRING), said("Sanne", "Valk", SPRING), True, False),  # twins
        (said("Jan", "Valk", SPRING), said("Jan", "Valk", AUTUMN), True, False),  # a father and his son
    ],
)
def test_fields_that_are_equal_together_make_one_person(
    warehouse: Warehouse, one_says: dict[str, Any], other_says: dict[str, Any], at_home: bool, joined: bool
) -> None:
    for key, says in (("crm:1", one_says), ("shop:1", other_says)):
        record(warehouse, key, **says)
        if at_home:
            fact(warehouse, "address", key, key, **HOME)
    resolve(warehouse, project(), NOON)
    assert len(people(warehouse)) == (1 if joined else 2)


def test_a_record_without_a_name_makes_no_one_person_of_two(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", email=MAIL, **said("Anna", "Valk"))
    record(warehouse, "crm:2", phone=PHONE, **said("Bert", "Boer"))
    record(warehouse, "erp:1", email=MAIL, phone=PHONE)
    resolve(warehouse, project(), NOON)
    assert people(warehouse) == [{"crm:1", "erp:1"}, {"crm:2"}]
    assert one(warehouse, "source_record", {"record_id": "erp:1"}, "linked_by", "linked_to") == ("email", "crm:1")


def test_a_record_without_a_name_stays_apart_where_two_people_are_meant(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", email=MAIL, **said("Anna", "Valk"))
    record(warehouse, "crm:2", email=MAIL, **said("Bert", "Valk"))
    record(warehouse, "mail:1", email=MAIL)
    record(warehouse, "guest:1", email=MAIL)
    report = resolve(warehouse, project(), NOON)
    assert people(warehouse) == [{"crm:1"}, {"crm:2"}, {"guest:1", "mail:1"}]
    assert report.counts["ambiguous_records"] == 1


def test_a_record_without_a_name_tells_that_two_with_the_same_name_are_one(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", phone=PHONE, **said("Anna", "Valk"))
    record(warehouse, "crm:2", phone=PHONE, **said("Bert", "Valk"))
    record(warehouse, "erp:1", phone=PHONE, customer_number="shop:7")
    record(warehouse, "shop:7", customer_number="shop:7", **said("Anna", "Valk"))
    resolve(warehouse, project(), NOON)
    assert people(warehouse) == [{"crm:1", "erp:1", "shop:7"}, {"crm:2"}]


def test_who_says_less_joins_who_says_more_and_not_both_of_two(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", phone=PHONE, **said("Anna", "Valk", SPRING))
    record(warehouse, "crm:2", phone=PHONE, **said("Arie", "Valk", AUTUMN))
    record(warehouse, "crm:3", phone=PHONE, **said("A.", "Valk"))
    record(warehouse, "shop:1", phone=PHONE, **said("Arie", "Valk"))
    resolve(warehouse, project(), NOON)
    assert people(warehouse) == [{"crm:1"}, {"crm:2", "shop:1"}, {"crm:3"}]


def test_a_chain_of_nameless_records_between_two_people_joins_neither(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", email="0@example.nl", **said("Anna", "Valk"))
    record(warehouse, "crm:2", email="9@example.nl", **said("Bert", "Boer"))
    for number in range(9):
        record(warehouse, f"web:{number}", email=[f"{number}@example.nl", f"{number + 1}@example.nl"])
    resolve(warehouse, project(), NOON)
    whose = dict(rows(warehouse, "source_record", "record_id", "person_id"))
    assert whose["crm:1"] != whose["crm:2"]


def test_a_system_that_swaps_its_ids_makes_no_giant_person(warehouse: Warehouse) -> None:
    names = ["Anna", "Bert", "Carla", "Dirk", "Emma", "Frans"]
    for number, name in enumerate(names):
        surname = name + "sen"
        record(warehouse, f"shop:{number}", customer_number=f"shop:{number}", **said(name, surname))
        swapped = f"shop:{(number + 1) % len(names)}"
        record(warehouse, f"crm:{number}", customer_number=swapped, **said(name, surname))
    resolve(warehouse, project(), NOON)
    assert max(len(person) for person in people(warehouse)) == 1


def test_rules_of_the_project_go_before_the_hubs(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", email=MAIL, phone=PHONE, **said("Anna", "Valk"))
    record(warehouse, "shop:1", email=MAIL, **said("Bert", "Boer"))
    record(warehouse, "shop:2", phone=PHONE, **said("Anna", "Valk"))
    record(warehouse, "shop:3", **said("Anna", "Valk", SPRING))
    record(warehouse, "shop:4", **said("Anna", "Valk", SPRING))
    rules = {"identifiers": {"email": {"agree": []}, "phone": {"strength": "none"}}, "together": []}
    resolve(warehouse, project(identity=rules), NOON)
    assert people(warehouse) == [{"crm:1", "shop:1"}, {"shop:2"}, {"shop:3"}, {"shop:4"}]
    assert one(warehouse, "person", {"person_id": 1}, "phone") == (PHONE,)


def test_a_limit_and_blocked_values_of_the_project_link_nothing(warehouse: Warehouse) -> None:
    for number in range(3):
        record(warehouse, f"crm:{number}", phone=PHONE, email="sales@nomail.example", customer_number="crm:none.7")
    rules = {
        "identifiers": {"phone": {"limit": 2}},
        "blocked": {"email": ["*@nomail.example"], "customer_number": ["NONE.7"]},
    }
    report = resolve(warehouse, project(identity=rules), NOON)
    assert len(people(warehouse)) == 3
    assert (report.counts["crowds"], report.counts["blocked_identifiers"]) == (1, 6)


def test_a_kind_of_ones_own_links_and_may_attach(warehouse: Warehouse) -> None:
    rules = {"identifiers": {"member": {}, "visitor": {"strength": "attach"}}}
    record(warehouse, "crm:1", member="7", given_name="Anna")
    record(warehouse, "club:1", member="7", visitor="v1")
    record(warehouse, "web:1", visitor="v1")
    resolve(warehouse, project(identity=rules), NOON)
    assert people(warehouse) == [{"crm:1", "club:1", "web:1"}]
    assert one(warehouse, "source_record", {"record_id": "web:1"}, "linked_by", "linked_to") == ("visitor", "club:1")


@pytest.mark.parametrize(
    ("one_says", "other_says", "reason"),
    [
        (said("Hanneke", "Valk", SPRING), said("Sanne", "Valk", SPRING), "given name different, surname same"),
        (said("Jan", "Valk", SPRING), said("Jan", "Valk", AUTUMN), "surname same, date of birth different"),
        (said("Jan", "Valk"), said("Hans", "Valk"), "given name related, surname same"),
        (said("A.", "Valk"), said("Anna", "Boer"), "given name similar, surname different"),
    ],
)
def test_pairs_that_nearly_agree_wait_for_people_to_decide(
    warehouse: Warehouse, one_says: dict[str, Any], other_says: dict[str, Any], reason: str
) -> None:
    record(warehouse, "crm:1", phone=PHONE, **one_says)
    record(warehouse, "shop:1", phone=PHONE, **other_says)
    assert resolve(warehouse, project(), NOON).counts["candidates"] == 1
    found = rows(warehouse, "match_candidate", "low_record", "high_record", "found_by", "score", "reason")
    ((low, high, kind, score, why),) = found
    assert (low, high, kind, score) == ("crm:1", "shop:1", "phone", None)
    assert reason in why


def test_clear_cases_and_crowds_wait_for_nobody(warehouse: Warehouse) -> None:
    for number in range(41):
        record(warehouse, f"crm:{number}", phone=PHONE, **said("Hanneke", f"Valk{number % 2}", SPRING))
    record(warehouse, "shop:1", email=MAIL, **said("Anna", "Valk"))
    record(warehouse, "shop:2", email=MAIL, **said("Bert", "Valk"))
    resolve(warehouse, project(), NOON)
    assert rows(warehouse, "match_candidate", "found_by", "reason") == []


def test_r3_visits_of_who_refuses_profiling_stay_anonymous(warehouse: Warehouse) -> None:
    for name, given_ in (("anna", True), ("bert", False)):
        record(warehouse, f"web:{name}", device=f"cookie-{name}")
        record(warehouse, f"shop:{name}", device=f"cookie-{name}", email=f"{name}@example.nl")
        stated = {"channel": "email", "purpose": "profiling", "given": given_, "at": NOON}
        fact(warehouse, "consent", f"shop:{name}", name, **stated)
    resolve(warehouse, project(), NOON)
    assert people(warehouse) == [{"shop:anna", "web:anna"}, {"shop:bert"}, {"web:bert"}]


NAMES = st.sampled_from([None, "Anna", "A.", "Bert", "Dana", "Daan"])
MAILS = st.sampled_from([None, "a@example.nl", "b@example.nl", "c@example.nl"])
PHONES = st.sampled_from([None, "+31611111111", "+31622222222", "+31633333333"])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=st.lists(st.tuples(NAMES, MAILS, PHONES), min_size=2, max_size=7))
def test_nobody_is_one_person_with_somebody_who_shares_no_path_of_values(
    warehouse: Warehouse, records: list[tuple[str | None, str | None, str | None]]
) -> None:
    import networkx
    import sqlalchemy as sa

    with warehouse.begin() as transaction:
        for name in ("source_record", "identifier", "person", "household", "match_candidate", "stage_state"):
            transaction.execute(sa.delete(transaction.table(name)))
    graph = networkx.Graph()
    for number, (name, mail, phone) in enumerate(records):
        record(warehouse, f"x:{number}", **{k: v for k, v in (("email", mail), ("phone", phone)) if v}, given_name=name)
        graph.add_node(f"x:{number}")
        graph.add_edges_from((f"x:{number}", value) for value in (mail, phone) if value)
    resolve(warehouse, project(), NOON)
    for person in people(warehouse):
        assert len({frozenset(networkx.node_connected_component(graph, record_id)) for record_id in person}) == 1
        full = {records[int(record_id[2:])][0] for record_id in person} - {None, "A."}
        assert len(full) <= 1 or full == {"Dana", "Daan"}
