"""What is shown: each of R17 to R30 in every way that can go wrong, by a case or a test that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
SHOWN: dict[str, dict[str, str]] = yaml.safe_load((HERE / "shown.yaml").read_text(encoding="utf-8"))
WAYS = ["yes", "no", "interrupted", "unreachable", "twice", "clock forward", "clock back"]


def cases(example: str, name: str) -> set[str]:
    """The sentences of the cases of a scenario, or of an example's segments."""
    if name == "segments":
        files = sorted((EXAMPLES / example / "segments").glob("*.yaml"))
    else:
        files = [EXAMPLES / example / "scenarios" / f"{name}.yaml"]
    return {case for file in files for case in yaml.safe_load(file.read_text(encoding="utf-8")).get("cases", {})}


def test_each_of_r17_to_r30_is_shown_in_every_way() -> None:
    assert list(SHOWN) == [f"R{number}" for number in range(17, 31)]
    for requirement, ways in SHOWN.items():
        assert [way for way in ways if way in WAYS] == WAYS, requirement


@pytest.mark.parametrize(
    ("requirement", "way"), [(requirement, way) for requirement, ways in SHOWN.items() for way in ways]
)
def test_what_is_said_to_show_it_is_there(requirement: str, way: str) -> None:
    named = SHOWN[requirement][way]
    if "::" in named:
        file, _, test = named.partition("::")
        assert re.search(rf"^def {test}\(", (HERE / file).read_text(encoding="utf-8"), re.MULTILINE), named
    else:
        where, _, case = named.partition(": ")
        assert case in cases(*where.split("/")), named
