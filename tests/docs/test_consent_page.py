"""The page on consent tells every rule of the law's table, as it is in the code."""

from __future__ import annotations

from pathlib import Path

from hub.law.table import AGE_RULES, CHANNEL_RULES

PAGE = (Path(__file__).parents[2] / "docs" / "consent.md").read_text(encoding="utf-8")


def test_every_rule_stands_on_the_page_with_its_dates_grounds_and_source() -> None:
    for rule in CHANNEL_RULES:
        (line,) = [line for line in PAGE.splitlines() if line.endswith(f"| {rule.source} |")]
        assert f"| {', '.join(rule.channels)} | {', '.join(rule.countries) or 'others'} |" in line
        assert ", ".join(sorted(rule.bases)) in line
        assert rule.register in line
        for day in (rule.since, rule.until):
            assert str(day) in line or day.year in (1, 9999)


def test_every_age_stands_on_the_page() -> None:
    for rule in AGE_RULES:
        assert f"| {rule.age} | {', '.join(rule.countries) or 'others'} | {rule.source} |" in PAGE
