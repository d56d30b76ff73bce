"""The README of each small example: its commands run in the order written, and something arrives."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from examples.postbox import EXAMPLES as NAMES
from tests.examples.playing import EXAMPLES, example


@pytest.mark.parametrize("name", NAMES)
def test_the_days_of_a_readme_bring_something(name: str, tmp_path: Path) -> None:
    readme = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    days = re.findall(rf"hub run --project examples/{name} --as-of (\S+)", readme)
    assert len(days) >= 2
    with example(name, tmp_path) as played:
        for day in days:
            played.run(day)
        assert played.postbox.received
    assert "python -m examples.postbox" in readme
