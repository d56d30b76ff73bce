"""Fail points: named once, reached where they are named, and off unless a test asks for one."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from hub import failpoints

ROOT = Path(__file__).parents[1]
THRICE = """
from hub.failpoints import reach
for _ in range(3):
    reach("answer written")
    print("went on", flush=True)
"""


def test_every_fail_point_stands_at_one_place_in_the_code() -> None:
    code = "".join(file.read_text("utf-8") for file in (ROOT / "hub").rglob("*.py"))
    assert Counter(re.findall(r'\breach\("([^"]+)"\)', code)) == Counter(failpoints.POINTS)


@pytest.mark.parametrize(
    ("armed", "went_on", "code"), [(None, 3, 0), ("answer written", 0, -9), ("answer written*3", 2, -9)]
)
def test_a_process_dies_where_it_was_told_to_and_else_nowhere(armed: str | None, went_on: int, code: int) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **({"HUB_KILL_AT": armed} if armed else {})}
    done = subprocess.run([sys.executable, "-c", THRICE], capture_output=True, text=True, check=False, env=environment)
    assert (done.stdout.count("went on"), done.returncode) == (went_on, code)


def test_a_fail_point_that_is_not_there_is_told() -> None:
    with pytest.raises(ValueError, match="there is no fail point 'anywhere'"):
        failpoints.arm("anywhere")
