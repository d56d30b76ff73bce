"""The conformance suite of look-ups: what the hub relies on, run against your plugin in seconds.

    class TestWeatherOffice(LookupSuite):
        @pytest.fixture
        def world(self):
            with office_server() as server:
                yield OfficeWorld(server)

A `LookupWorld` is a small, local stand-in for the register behind the look-up.
"""
# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import pytest
import sqlalchemy as sa

from hub.contracts import ConnectionConfig, Finding, Lookup, Place, Question
from hub.errors import ConfigurationError
from hub.lake import Lake
from hub.project import Connection, MappedTable, Project
from hub.project.models import HubFile, MappingFile
from hub.project.yaml import read
from hub.schema import BUILT_IN
from hub.stages.land import land
from hub.stages.look_up import Answers
from hub.stages.map import map_loads
from hub.warehouse import open_warehouse

AS_OF = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONNECTION = "tested"
STATUSES = {"found", "absent", "rejected", "later"}


class LookupWorld(ABC):
    """The register behind a look-up, small and under the suite's control."""

    plugin: ClassVar[type[Lookup]]
    secrets: ClassVar[Sequence[str]] = ()
    """Secret values in the configuration, which must show nowhere."""

    @abstractmethod
    def config(self) -> ConnectionConfig:
        """Give a configuration that works."""

    @abstractmethod
    def wrong_config(self) -> ConnectionConfig:
        """Give one with a key or password that the register refuses."""

    @abstractmethod
    def known(self) -> Question:
        """Give a question that the register answers."""

    @abstractmethod
    def unknown(self) -> Question:
        """Give a question about something that the register does not know."""

    @abstractmethod
    def requests(self) -> int:
        """Count the requests that the register has had."""


class LookupSuite:
    """Inherit, and give a `world` fixture: every test here is a promise that the hub relies on."""

    @pytest.fixture
    def world(self) -> LookupWorld:
        """Give the world of the plugin under test."""
        raise NotImplementedError("give the suite a fixture `world` that returns your LookupWorld")

    @pytest.fixture
    def lookup(self, world: LookupWorld, tmp_path: Path) -> Lookup:
        """Give the look-up under test."""
        return world.plugin(world.config(), Place(CONNECTION, tmp_path))

    def test_a_check_tells_that_a_connection_works(self, lookup: Lookup) -> None:
        check = lookup.check()
        assert check.ok, check.message
        assert check.message, "an admin wants to read what works"

    def test_a_check_says_what_is_wrong(self, world: LookupWorld, tmp_path: Path) -> None:
        check = world.plugin(world.wrong_config(), Place(CONNECTION, tmp_path)).check()
        assert not check.ok, "check() reports a working connection for `wrong_config()`"
        assert len(check.message) > 10, "say what is wrong, and what to mend"

    def test_asking_with_a_wrong_configuration_is_told_as_one(self, world: LookupWorld, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError):
            list(world.plugin(world.wrong_config(), Place(CONNECTION, tmp_path)).look_up([world.known()]))

    def test_every_question_gets_one_answer_in_order(self, world: LookupWorld, lookup: Lookup) -> None:
        questions = [world.known(), world.unknown()]
        findings = list(lookup.look_up(questions))
        assert [finding.key for finding in findings] == [question.key for question in questions]
        assert [finding.status for finding in findings] == ["found", "absent"]

    def test_what_is_found_has_the_declared_columns_as_text(self, world: LookupWorld, lookup: Lookup) -> None:
        (finding,) = lookup.look_up([world.known()])
        assert finding.row, "a finding has a row"
        assert set(finding.row) <= set(lookup.columns), "every column is declared in `columns`"
        assert all(value is None or isinstance(value, str) for value in finding.row.values())
        assert json.loads(finding.answer), "`answer` is all that the register said, as JSON"

    def test_the_ways_to_ask_use_columns_of_organisation(self, lookup: Lookup) -> None:
        assert lookup.by, "say by which columns it can be asked"
        for name in {name for way in lookup.by for name in way}:
            assert BUILT_IN["organisation"].column(name), f"organisation has no column {name}"
        assert lookup.countries, "say whose organisations it knows"

    def test_requests_are_counted_and_within_the_limit_of_a_question(self, world: LookupWorld, lookup: Lookup) -> None:
        before = world.requests()
        findings = list(lookup.look_up([world.known(), world.unknown()]))
        assert sum(finding.requests for finding in findings) == world.requests() - before
        assert max(finding.requests for finding in findings) <= lookup.limits.per_question
        assert lookup.limits.per_run >= lookup.limits.per_question

    def test_nothing_more_is_asked_when_the_hub_stops(self, world: LookupWorld, lookup: Lookup) -> None:
        before = world.requests()
        first: Finding = next(iter(lookup.look_up([world.known(), world.known(), world.known()])))
        assert world.requests() - before == first.requests, "answer one question before the next is asked"

    def test_the_mapping_makes_answers_rows_of_organisation_profile(
        self, world: LookupWorld, lookup: Lookup, tmp_path: Path
    ) -> None:
        assert lookup.default_mapping is not None, "bring a mapping: the hub knows an answer by it"
        questions = [world.known(), world.unknown()]
        lake = Lake(tmp_path / "lake")
        land(lake, CONNECTION, Answers(lookup, questions, 0, 100, AS_OF), tmp_path / "work", AS_OF)
        project = _project(lookup, lookup.default_mapping, tmp_path)
        warehouse = open_warehouse("duckdb", BUILT_IN, tmp_path / ".hub", [tmp_path])
        report = map_loads(warehouse, project, lake, AS_OF)
        assert not report.failures
        assert not report.set_aside
        with warehouse.begin() as transaction:
            profile = transaction.table("organisation_profile")
            rows = transaction.rows(sa.select(profile).order_by(profile.c.status.desc()))
        warehouse.close()
        assert [row.status for row in rows] == ["found", "absent"]
        assert [row.asked for row in rows] == [question.key for question in questions]
        assert all(row.looked_up_at == AS_OF and row.expires_at == AS_OF + lookup.limits.keep for row in rows)
        assert rows[0].name, "what is found has a name"

    def test_a_secret_shows_nowhere(
        self, world: LookupWorld, lookup: Lookup, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        findings = list(lookup.look_up([world.known(), world.unknown()]))
        wrong = world.plugin(world.wrong_config(), Place(CONNECTION, tmp_path))
        with pytest.raises(ConfigurationError) as caught:
            list(wrong.look_up([world.known()]))
        shown = [repr(world.config()), repr(lookup), lookup.check().message, wrong.check().message]
        shown += [str(caught.value), caplog.text, *map(repr, findings), repr(world.known())]
        for secret in world.secrets:
            assert not [text for text in shown if secret in text]


def _project(lookup: Lookup, mapping: Path, folder: Path) -> Project:
    """Make a project with this look-up and the mapping it brings."""
    document, problems = read(mapping, mapping.name)
    assert not problems
    form = MappingFile.model_validate(document.value)
    return Project(
        folder=folder,
        hub=HubFile(name="tested"),
        schema=BUILT_IN,
        connections={CONNECTION: Connection(CONNECTION, type(lookup), lookup.config, lookup.place)},
        mappings=tuple(
            MappedTable(mapping, CONNECTION, target, table, {}, position)
            for position, (target, table) in enumerate(form.tables)
        ),
        traits={},
        segments={},
        scenarios={},
        syncs={},
    )
