"""identity.yaml, `match:`: its keys, and the extra that it needs."""

from __future__ import annotations

import sys

import pytest
from pydantic import ValidationError

from hub.project.identity import IdentityFile
from hub.project.matching import BLOCKS, MatchRules
from tests.project.conftest import Shop


def test_an_empty_mapping_takes_the_defaults(shop: Shop) -> None:
    shop.write("identity.yaml", "match: {}")
    rules = shop.load().identity.match
    assert rules == MatchRules()
    assert rules is not None
    assert [tuple(block) for block in rules.blocks] == list(BLOCKS)


def test_without_the_key_nothing_is_matched() -> None:
    assert IdentityFile().match is None


def test_percentages_are_written_as_such(shop: Shop) -> None:
    shop.write("identity.yaml", "match: {join: 95%, review: 60%, short_names: {cucurbita: [pompoen]}}")
    rules = shop.load().identity.match
    assert rules is not None
    assert (rules.join, rules.review) == (0.95, 0.6)


def test_review_above_join_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="review is above join"):
        MatchRules.model_validate({"join": "50%", "review": "90%"})


def test_a_field_that_nobody_can_be_compared_by_is_a_mistake(shop: Shop) -> None:
    shop.write("identity.yaml", "match: {blocks: [[shoe_size]]}")
    assert [problem for problem in shop.problems() if problem.startswith("identity.yaml:1:")]


def test_the_extra_that_is_missing_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "splink", None)
    shop.write("identity.yaml", "match: {}")
    assert shop.problems() == [
        "identity.yaml:1:1: links by probability need Splink: `pip install 'schakel[match]'`, or remove `match`"
    ]
