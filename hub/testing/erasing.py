"""A conformance suite for plugins that erase: what the hub relies on when a person asks to be forgotten.

A few lines give an author the whole suite:

    class TestWeatherErases(ErasureSuite):
        @pytest.fixture
        def world(self, weather_server):
            return WeatherWorld(weather_server)
"""
# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import pytest

from hub.contracts import Erasable, Plugin, Result
from hub.errors import TemporaryError

CANARY = "kanarieberg"
"""A name in every record of the suite; it must never show in a log, a reason or a representation."""


class ErasureWorld(ABC):
    """A system with people in it, for the suite to erase."""

    takes_time: ClassVar[bool] = False
    """It takes the request and erases in its own time: results are `unknown`, and the records stand for a while."""

    @abstractmethod
    def plugin(self, reachable: bool = True) -> Plugin:
        """Give the plugin, configured to erase; not `reachable`: towards a place where nobody answers."""

    @abstractmethod
    def people(self, number: int) -> Sequence[Erasable]:
        """Put people into the system, with `CANARY` in their names, and say how the hub knows them."""

    @abstractmethod
    def standing(self) -> set[str]:
        """Give the keys of those who stand there still, of all whom `people` ever gave."""


class ErasureSuite:
    """Inherit, and give a world."""

    @pytest.fixture
    def world(self) -> ErasureWorld:
        """Give a system with people in it."""
        pytest.fail("override the fixture `world` with a system that has people")

    def test_it_says_that_it_erases(self, world: ErasureWorld) -> None:
        plugin = world.plugin()
        assert plugin.can_erase, "can_erase must say so: the hub asks only those that do"
        assert type(plugin).erase is not Plugin.erase, "can_erase says so, but erase is missing"

    def test_who_is_erased_is_gone_and_the_others_stay(self, world: ErasureWorld) -> None:
        first, second, third = world.people(3)
        results = world.plugin().erase([first, third])
        assert [result.id for result in results] == [first.key, third.key], "one result per record, in order"
        assert {result.status for result in results} == {self._taken(world)}
        if not world.takes_time:
            assert world.standing() == {second.key}

    def test_who_was_erased_before_is_accepted(self, world: ErasureWorld) -> None:
        (one,) = world.people(1)
        plugin = world.plugin()
        plugin.erase([one])
        (again,) = plugin.erase([one])
        assert again.status in ("accepted", self._taken(world)), "a run that was killed erases once more"

    def test_nobody_to_erase_gives_no_results(self, world: ErasureWorld) -> None:
        assert list(world.plugin().erase([])) == []

    def test_a_record_of_which_nothing_is_known_sinks_no_other(self, world: ErasureWorld) -> None:
        (one,) = world.people(1)
        results = world.plugin().erase([Erasable("nothing known"), one])
        assert [result.status for result in results] == ["rejected", self._taken(world)]
        assert results[0].reason, "say why: people read it, and do it by hand"

    def test_a_system_that_is_away_is_asked_again_later(
        self, world: ErasureWorld, caplog: pytest.LogCaptureFixture
    ) -> None:
        people = world.people(2)
        with caplog.at_level(logging.DEBUG):
            results, said = _erase(world.plugin(reachable=False), people)
        assert {result.status for result in results} <= {"later"}
        assert results or said, "raise TemporaryError, or give `later` for every record"
        told = " ".join([said, *(f"{result} {result.reason}" for result in results), caplog.text]).lower()
        assert CANARY not in told
        assert CANARY not in repr(people).lower()

    def _taken(self, world: ErasureWorld) -> str:
        return "unknown" if world.takes_time else "accepted"


def _erase(plugin: Plugin, people: Sequence[Erasable]) -> tuple[Sequence[Result], str]:
    try:
        return plugin.erase(people), ""
    except TemporaryError as error:  # any other error says that something has to be mended, and nothing has
        return [], str(error)
