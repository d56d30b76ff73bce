"""What plugin authors get to test the mapping that they bring."""

from __future__ import annotations

from pathlib import Path

import pytest
from _pytest.outcomes import Failed

from hub.contracts import Check, ConnectionConfig, Source
from hub.testing import assert_cases_hold

MAPPING = """connection: till
person:
  from: people
  key: id
  identifiers: {email: email(mail)}
"""
CASES = """an address is written in small letters:
  people: [{id: 1, mail: Anna@example.nl}]
  expect: {identifier: [{value: anna@example.nl}]}
"""


def hold(folder: Path, mapping: str, cases: str | None) -> None:
    """Assert that the cases hold, of a source with this mapping."""
    (folder / "till.yaml").write_text(mapping, encoding="utf-8")
    if cases is not None:
        (folder / "till.cases.yaml").write_text(cases, encoding="utf-8")

    class Till(Source):
        name = "till"
        config_model = ConnectionConfig
        default_mapping = folder / "till.yaml"

        def check(self) -> Check:
            return Check(True, "it is there")

        def resources(self) -> list[object]:
            return []

    assert_cases_hold(Till, ConnectionConfig(), folder)


def test_cases_that_hold_pass(tmp_path: Path) -> None:
    hold(tmp_path, MAPPING, CASES)


@pytest.mark.parametrize(
    ("mapping", "cases", "told"),
    [
        (MAPPING, CASES.replace("value: anna@", "value: bart@"), "small letters: identifier: .*bart@example.nl"),
        (MAPPING, None, "no cases beside till.yaml: write till.cases.yaml"),
        (MAPPING.replace("key: id", "kee: id"), CASES, r"till.yaml:4:3: .*'kee'"),
        (MAPPING.replace("email(mail)", "emale(mail)"), CASES, "emale"),
    ],
)
def test_what_does_not_hold_is_told(tmp_path: Path, mapping: str, cases: str | None, told: str) -> None:
    with pytest.raises((Failed, AssertionError), match=told):
        hold(tmp_path, mapping, cases)
