"""Steps that several scenarios share: written once in steps/, and what is wrong in them told at their own place."""

from __future__ import annotations

from typing import Any

import pytest

from hub.check import check_project
from hub.project.json_schema import json_schemas
from hub.project.program import program
from hub.schema import BUILT_IN
from tests.project.test_scenario_mistakes import FILE, NOW

REMIND = """
    shared_steps: remind
    steps:
      - wait: {until: clicked, at_most: 3 days}
      - if: clicked
        then: stop
      - send: thanks
        name: again
        by: email
    """
USE = "content: {orders: orders}\n  - use: remind\n  - wait: 2 days\n  - end: enough"


@pytest.fixture
def sharing(shop: Any) -> Any:
    shop.write("steps/remind.yaml", REMIND)
    shop.change(FILE, "content: {orders: orders}", USE)
    return shop


def test_shared_steps_stand_where_they_are_used_on_every_level(sharing: Any) -> None:
    sharing.change(FILE, "  - wait: 2 days", "  - if: orders\n    then: [{use: rest}]")
    sharing.write("steps/rest.yaml", "shared_steps: rest\nsteps: [{wait: 1 day}, {add_to: rested}]\n")
    assert sharing.problems() == [
        "scenarios/thanks.yaml:14:9: the condition must be true or false, but this is integer: "
        "compare it with something"
    ]
    sharing.change(FILE, "if: orders", "if: orders > 1")
    laid_out = program(sharing.load().scenarios["thanks"])
    names = [op.name for op in laid_out.ops]
    assert names == ["thanks", "wait", "if", "end", "again", "if_2", "wait_2", "add_to", "end_2"]


def test_a_change_of_shared_steps_is_a_new_version_of_the_scenario(sharing: Any) -> None:
    before = sharing.load().scenarios["thanks"].text
    sharing.change("steps/remind.yaml", "3 days", "4 days")
    assert sharing.load().scenarios["thanks"].text != before


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        (
            FILE,
            "use: remind",
            "use: remnd",
            f"{FILE}:13:10: there are no shared steps 'remnd' in steps/. Did you mean 'remind'?",
        ),
        (
            FILE,
            "use: remind",
            "use: remind\n    name: x",
            f"{FILE}:13:5: `use` stands alone: what its steps do is said where they are written",
        ),
        (FILE, "wait: 2 days", "wait: 0 days", f"{FILE}:14:11: a wait of zero is no wait: leave it out"),
        (
            "steps/remind.yaml",
            "until: clicked",
            "until: clickd",
            "steps/remind.yaml:3:19: there is no 'clickd'. Did you mean 'clicked'?",
        ),
        ("steps/remind.yaml", "3 days", "0 days", "steps/remind.yaml:3:37: a wait of zero is no wait: leave it out"),
        (
            "steps/remind.yaml",
            "send: thanks",
            "send: thank",
            "steps/remind.yaml:6:11: there is no folder templates/thank. Did you mean 'thanks'?",
        ),
        (
            "steps/remind.yaml",
            "then: stop",
            "then: stopp",
            "steps/remind.yaml:5:11: write steps as a list, each behind a dash, or `stop`",
        ),
        (
            "steps/remind.yaml",
            "then: stop",
            "then: [{use: remind}]",
            "steps/remind.yaml:5:12: `use` stands in scenarios only: shared steps use no others",
        ),
    ],
)
def test_what_is_wrong_is_told_once_and_at_its_own_place(
    sharing: Any, file: str, old: str, new: str, problem: str
) -> None:
    text = (sharing.folder / FILE).read_text(encoding="utf-8")
    if file != FILE:
        sharing.write("scenarios/other.yaml", text.replace("scenario: thanks", "scenario: other"))
    sharing.change(file, old, new)
    assert sharing.problems() == [problem]


def test_editors_know_use_in_scenarios(sharing: Any) -> None:
    found = json_schemas(sharing.registry, BUILT_IN)
    assert {"$ref": "#/$defs/Use"} in found["scenario"]["properties"]["steps"]["items"]["oneOf"]
    assert "Use" not in found["steps"]["$defs"]
    assert check_project(sharing.load(), NOW, registry=sharing.registry) == []
