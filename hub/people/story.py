"""One person's way through one scenario, step by step, as it went: when, what, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.errors import ConfigurationError, suggest
from hub.people.file import find_person
from hub.people.reading import Ask, Reading
from hub.project import Project
from hub.schema.actions import ACTIONS


@dataclass(frozen=True)
class Chapter:
    """Something that happened on the way; `at` is empty where it is still to come at no known moment."""

    at: datetime | None
    step: str
    what: str
    why: str = ""


@dataclass(frozen=True)
class Story:
    """What became of a person in a scenario, in the order of time; empty where they never entered it."""

    person_id: int
    scenario: str
    chapters: tuple[Chapter, ...]


def story(project: Project, ask: Ask, text: str, scenario: str) -> Story:
    """Tell the way of the person whom `text` points at (see `find_person`).

    Raises NobodyError, and ConfigurationError for a scenario that there is not.
    """
    if scenario not in project.scenarios:
        raise ConfigurationError(f"there is no scenario '{scenario}'.{suggest(scenario, project.scenarios)}")
    person_id = find_person(project, ask, text)
    reading = Reading(project, ask)
    records = [row["record_id"] for row in reading.among("source_record", "person_id", [person_id], "record_no")]
    found = list(_Telling(reading, scenario, records).chapters())
    return Story(person_id, scenario, tuple(sorted(found, key=_order)))


def _order(chapter: Chapter) -> tuple[bool, Any]:
    """What is still to come stands last; what happened at one moment stays in the order in which it is told."""
    return (chapter.at is None, chapter.at)


@dataclass(frozen=True)
class _Telling:
    reading: Reading
    scenario: str
    records: list[str]

    def chapters(self) -> Iterator[Chapter]:
        ways = self._rows("enrolment", "entered_at")
        for way in ways:
            yield Chapter(way["entered_at"], "", _entered(way))
        for decision in self._rows("decision", "at"):
            what = {"queued": f"message by {decision['channel']}", "dropped": "message dropped"}
            told = what.get(decision["outcome"], "no message")
            yield Chapter(decision["at"], decision["step"], told, decision["reason"] or "")
            yield from self._reactions(decision)
        for table in ACTIONS:
            if self.reading.there(table.name):
                for row in self._rows(table.name, table.time or "at"):
                    yield from _done(table.name, row)
        for way in ways:
            yield from _goes_on(way)

    def _rows(self, table: str, order: str) -> list[dict[str, Any]]:
        rows = self.reading.among(table, "record_id", self.records, order)
        return [row for row in rows if row["scenario"] == self.scenario]

    def _reactions(self, decision: Mapping[str, Any]) -> Iterator[Chapter]:
        for event in self.reading.among("message_event", "message_key", [decision["decision_id"]], "at"):
            yield Chapter(event["at"], decision["step"], event["type"], event["url"] or "")
        if decision["failed"] is not None:
            yield Chapter(decision["at"], decision["step"], "did not arrive", decision["failed"])


def _entered(way: Mapping[str, Any]) -> str:
    times = f" for the {way['occurrence']}. time" if (way["occurrence"] or 1) > 1 else ""
    return f"entered{times}" + (f" with {way['row_key']}" if way["row_key"] else "")


def _goes_on(way: Mapping[str, Any]) -> Iterator[Chapter]:
    if way["status"] == "active":
        yield Chapter(way["due_at"], way["step"], "is here, until then at the latest", way["reason"] or "")
    else:
        yield Chapter(way["ended_at"], "", f"ended: {way['status']}", way["reason"] or "")


def _done(table: str, row: Mapping[str, Any]) -> Iterator[Chapter]:
    step, why = row["step"], row.get("reason") or ""
    match table:
        case "audience_member":
            yield Chapter(row["since"], step, f"added to the audience {row['audience']}")
            if row["until"] is not None:
                yield Chapter(row["until"], step, f"leaves the audience {row['audience']}")
        case "person_field":
            yield Chapter(row["at"], step, f"{row['field']} = {row['value']}")
        case "task":
            yield Chapter(row["at"], step, f"task for {row['assigned_to']}: {row['subject']}")
            if row["closed_at"] is not None:
                yield Chapter(row["closed_at"], step, f"task {row['state']}", why)
        case "banner":
            yield Chapter(row["at"], step, f"banner {row['banner']} at {row['place']}")
            yield Chapter(row["until"], step, f"banner {row['banner']} ends")
        case "posted_row":
            yield Chapter(row["at"], step, f"row for {row['destination']}: {row['target']}")
            if row["settled_at"] is not None:
                yield Chapter(row["settled_at"], step, f"row {row['state']}", why)
