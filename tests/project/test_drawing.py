"""A scenario as a picture: every step is there once, nothing lies over another, and all text stays text."""

from __future__ import annotations

import re
from itertools import combinations
from xml.etree import ElementTree

import pytest

from hub.project.diagram import Numbers
from hub.project.drawing import svg
from hub.project.scenario import Scenario
from tests.project.test_diagram import SCENARIO

SPACE = "{http://www.w3.org/2000/svg}"

STEPS = [
    {"add_to": "newcomers", "for": "30 days"},
    {"send": "welcome", "by": ["email", "sms"], "content": {"town": "city"}},
    {
        "if": "clicked and given_name <> '<b>&\"'",
        "then": [{"task": "Ring about what was looked at on the site lately", "to": "desk"}, "stop"],
        "else": [
            {"split": {"a": {"share": "30%", "steps": [{"wait": "1 day"}]}, "b": {"share": "70%"}}},
            {"banner": "toys", "at": "home", "for": "14 days"},
        ],
    },
    {"post": "lead", "to": "crm", "content": {"a": "email"}, "consent": {"channel": "email"}},
]


def drawn(steps: object = STEPS, numbers: dict[str, Numbers] | None = None) -> ElementTree.Element:
    scenario = Scenario.model_validate({**SCENARIO, "steps": steps})
    assert svg(scenario, numbers) == svg(scenario, numbers)
    return ElementTree.fromstring(svg(scenario, numbers))


def boxes(picture: ElementTree.Element) -> list[tuple[float, float, float, float]]:
    return [
        tuple(float(box.get(name) or 0) for name in ("x", "y", "width", "height"))  # type: ignore[misc]
        for box in picture.iter(f"{SPACE}rect")
    ]


def texts(picture: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in picture.iter(f"{SPACE}text")]


def test_every_step_is_drawn_with_its_numbers() -> None:
    told = texts(drawn(numbers={"welcome": Numbers(12, ("1,300 messages",)), "wait": Numbers(1200)}))
    assert {"12 here", "1,300 messages", "1,200 here", "yes", "no", "a: 30%", "b: 70%"} <= set(told)
    assert len(boxes(drawn())) == 1 + 9
    assert "task: Ring about what was looked" in " ".join(told)


@pytest.mark.parametrize("steps", [STEPS, SCENARIO["steps"], [*STEPS[:2], "stop"]])
def test_no_box_lies_over_another_or_beside_the_picture(steps: object) -> None:
    picture = drawn(steps)
    wide, high = (float(picture.get(name) or 0) for name in ("width", "height"))
    for x, y, width, height in boxes(picture):
        assert 0 <= x <= x + width <= wide
        assert 0 <= y <= y + height <= high
    for (x, y, width, height), (other_x, other_y, other_width, other_height) in combinations(boxes(picture), 2):
        apart = x + width <= other_x or other_x + other_width <= x
        assert apart or y + height <= other_y or other_y + other_height <= y


def test_what_an_admin_writes_stays_text() -> None:
    assert "clicked and given_name <>" in " ".join(texts(drawn()))
    scenario = Scenario.model_validate({**SCENARIO, "steps": STEPS})
    assert not re.search(r"<b>|<script|href|url\(", svg(scenario))
