"""Cases: examples that run as tests, beside mappings, in scenarios and beside segments."""

from __future__ import annotations

from datetime import datetime

from hub.cases.mapping import NOON, run_mapping_cases
from hub.cases.result import CaseResult
from hub.cases.scenario import run_scenario_cases
from hub.cases.segment import run_segment_cases
from hub.project import Project

__all__ = ["CaseResult", "run_cases"]


def run_cases(project: Project, as_of: datetime = NOON) -> list[CaseResult]:
    """Run all cases of a project: those of mappings (as of a moment), of segments, and of scenarios, in this order."""
    return [*run_mapping_cases(project, as_of), *run_segment_cases(project), *run_scenario_cases(project)]
