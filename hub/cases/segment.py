"""Cases of segments: who, what is known of them, and which segments they are in at a moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import sqlalchemy as sa

from hub.cases.result import CaseResult
from hub.cases.world import Case, World, case_of, moment, world
from hub.project import Project
from hub.project import yaml as places
from hub.project.cases import Belonging, SegmentCase
from hub.project.packs import no_segment
from hub.project.segments import SegmentFile


def run_segment_cases(project: Project) -> list[CaseResult]:
    """Run the cases of every file of segments, in the order of files and cases."""
    found = []
    for file in sorted((project.folder / "segments").glob("*.yaml")):
        document, _ = places.read(file, file.relative_to(project.folder).as_posix())
        if isinstance(document.value, dict) and document.value.get("cases"):
            found += list(_of(project, document, SegmentFile.model_validate(document.value)))
    return found


def _of(project: Project, document: places.Document, file: SegmentFile) -> Iterator[CaseResult]:
    cases = {name: case_of(name, number, it, project) for number, (name, it) in enumerate(file.cases.items(), 1)}
    for name, it in file.cases.items():
        cases[name].problems += _form(it, project)
    able = [case for case in cases.values() if not case.problems]
    if able:
        with world(project, able) as opened:
            _walk(opened, able)
    for name, case in cases.items():
        place = document.at_key(("cases", name), "")
        yield CaseResult(place.file, place.line, name, tuple(case.problems))


def _walk(opened: World, cases: Sequence[Case]) -> None:
    """Look at each case at its moment; what differs is told in its problems."""
    given = {case.name: it for case in cases if isinstance(it := case.given, SegmentCase)}
    at = {name: moment(it.at, opened.project) for name, it in given.items()}
    earliest = min([*at.values(), *(case.first for case in cases if case.first is not None)])
    opened.settle_in(earliest - timedelta(days=1))
    for as_of in sorted(set(at.values())):
        opened.reach(as_of)
        for case in cases:
            if at[case.name] == as_of:
                case.problems += _differences(opened, case, given[case.name].expect)


def _differences(opened: World, case: Case, expect: Belonging) -> Iterator[str]:
    first = case.people[case.given.people[0].key]
    with opened.warehouse.begin() as transaction:
        membership = transaction.table("membership")
        mine = sa.select(membership.c.segment).where(membership.c.person_id == first)
        inside = {name for (name,) in transaction.rows(mine)}
    for name in expect.in_:
        if name not in inside:
            there = f"in {', '.join(sorted(inside))}" if inside else "in no segment"
            yield f"in: expected {name}, but the person is {there}"
    for name in expect.not_in:
        if name in inside:
            yield f"not_in: the person is in {name}"


def _form(case: SegmentCase, project: Project) -> Iterator[str]:
    try:
        moment(case.at, project)
    except ValueError:
        yield f"at: '{case.at}' is no day or moment: write 2026-03-31 or 2026-03-31 09:00"
    for name in (*case.expect.in_, *case.expect.not_in):
        if name not in project.segments:
            yield f"expect: {no_segment(name, project.segments)}"
