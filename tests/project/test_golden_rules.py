"""The `golden:` part of identity.yaml: how it is read, and what is wrong with it in the exact words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from hub.check import check_project

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def told(shop: Any, golden: str) -> list[str]:
    shop.write("identity.yaml", f"golden:\n{golden}")
    return [str(problem) for problem in check_project(shop.load(), NOON)]


def test_one_rule_and_a_list_of_rules_are_read_alike(shop: Any) -> None:
    shop.write("identity.yaml", "golden:\n  default: newest\n  fields: {email: [verified, till], surname: longest}\n")
    golden = shop.load().identity.golden
    assert (golden.default, golden.fields) == (["newest"], {"email": ["verified", "till"], "surname": ["longest"]})


@pytest.mark.parametrize(
    ("golden", "problem"),
    [
        (
            "  default: newst\n",
            "identity.yaml:2:12: 'newst' is no rule and no connection of hub.yaml. Did you mean 'newest'?",
        ),
        (
            "  fields:\n    given_name: [till, tull]\n",
            "identity.yaml:3:24: 'tull' is no rule and no connection of hub.yaml. Did you mean 'till'?",
        ),
        (
            "  default: oracle\n",
            "identity.yaml:2:12: 'oracle' is no rule and no connection of hub.yaml. "
            "Rules: newest, most frequent, longest, verified.",
        ),
        (
            "  default: [till, newest, till]\n",
            "identity.yaml:2:27: 'till' stands here twice: it decides where it stands first",
        ),
        (
            "  fields: {given_nam: newest}\n",
            "identity.yaml:2:12: person has no field 'given_nam' to choose. Did you mean 'given_name'?",
        ),
        (
            "  fields: {prefix: newest}\n",
            "identity.yaml:2:12: 'prefix' comes with 'surname': write the rule there",
        ),
        (
            "  fields: {street: newest}\n",
            "identity.yaml:2:12: 'street' comes with 'address': write the rule there",
        ),
        (
            "  fields: {records: newest}\n",
            "identity.yaml:2:12: 'records' is filled by the hub: it has nothing to choose from",
        ),
        (
            "  fields: {birth_date: [till, longest]}\n",
            "identity.yaml:2:31: 'longest' is for text; birth_date is date",
        ),
        (
            "  fields: {address: longest}\n",
            "identity.yaml:2:21: 'longest' is for text; address is several fields",
        ),
        (
            "  from_one_record: [[gender]]\n",
            "identity.yaml:2:21: fields that come together are two or more: name the others too",
        ),
        (
            "  from_one_record: [[gender, surname]]\n",
            "identity.yaml:2:30: 'surname' brings others along: write it first",
        ),
        (
            "  from_one_record: [[gender, prefix]]\n",
            "identity.yaml:2:30: 'prefix' comes with 'surname' already",
        ),
        (
            "  from_one_record: [[gender, given_nme]]\n",
            "identity.yaml:2:30: person has no field 'given_nme' to choose. Did you mean 'given_name'?",
        ),
    ],
)
def test_a_mistake_in_the_rules_is_told_in_these_words(shop: Any, golden: str, problem: str) -> None:
    assert told(shop, golden) == [problem]


def test_a_list_that_begins_with_the_surname_adds_to_what_comes_with_it(shop: Any) -> None:
    assert told(shop, "  from_one_record: [[surname, given_name]]\n  fields: {surname: [till, longest]}\n") == []
    assert told(shop, "  from_one_record: [[surname, given_name]]\n  fields: {given_name: longest}\n") == [
        "identity.yaml:3:12: 'given_name' comes with 'surname': write the rule there"
    ]


def test_rules_that_are_no_list_of_names_are_refused(shop: Any) -> None:
    shop.write("identity.yaml", "golden:\n  default: []\n")
    assert shop.problems() == ["identity.yaml:2:12: default must have at least 1 item"]


def test_a_column_of_ones_own_may_not_hide_what_the_hub_keeps_of_a_record(shop: Any) -> None:
    shop.write("schema.yaml", "columns:\n  person: {verified: boolean}\n")
    assert shop.problems() == ["schema.yaml:2:12: the column 'verified' is there already: give yours another name"]
