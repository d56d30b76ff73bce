"""The conformance suite of do-not-contact registers: what the hub relies on, run against your plugin in seconds.

    class TestOurList(RegisterSuite):
        @pytest.fixture
        def world(self, tmp_path):
            return OurListWorld(tmp_path)

A `RegisterWorld` is a small, local stand-in for the register.
"""
# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from hub.contracts import ConnectionConfig, DoNotContactRegister, Place
from hub.errors import ConfigurationError

CONNECTION = "tested"
CHANNELS = {"phone", "sms", "email", "letter"}


class RegisterWorld(ABC):
    """A register, small and under the suite's control. It lists `listed` and knows nothing of `free`."""

    plugin: ClassVar[type[DoNotContactRegister]]
    listed: ClassVar[str]
    """An address that is in the register, as the hub writes it: +32470123456."""
    free: ClassVar[str]
    """One that is not."""
    secrets: ClassVar[Sequence[str]] = ()
    """Secret values in the configuration, which must show nowhere."""

    @abstractmethod
    def config(self) -> ConnectionConfig:
        """Give a configuration that works, in the project's folder that the fixture `tmp_path` is."""

    @abstractmethod
    def wrong_config(self) -> ConnectionConfig:
        """Give one with which the register can't be consulted."""


class RegisterSuite:
    """Inherit, and give a `world` fixture: every test here is a promise that the hub relies on."""

    @pytest.fixture
    def world(self) -> RegisterWorld:
        """Give the world of the plugin under test."""
        raise NotImplementedError("give the suite a fixture `world` that returns your RegisterWorld")

    @pytest.fixture
    def register(self, world: RegisterWorld, tmp_path: Path) -> DoNotContactRegister:
        """Give the register under test."""
        return world.plugin(world.config(), Place(CONNECTION, tmp_path))

    def test_a_check_tells_that_a_connection_works(self, register: DoNotContactRegister) -> None:
        check = register.check()
        assert check.ok, check.message
        assert check.message, "an admin wants to read what works"

    def test_a_check_says_what_is_wrong(self, world: RegisterWorld, tmp_path: Path) -> None:
        check = world.plugin(world.wrong_config(), Place(CONNECTION, tmp_path)).check()
        assert not check.ok, "check() reports a working connection for `wrong_config()`"
        assert len(check.message) > 10, "say what is wrong, and what to mend"

    def test_it_says_which_register_it_is_and_for_which_channels(self, register: DoNotContactRegister) -> None:
        assert register.register, "a register has a name"
        assert register.channels, "a register is about at least one channel"
        assert register.channels <= CHANNELS, f"channels: {', '.join(sorted(CHANNELS))}"
        assert register.good_for > timedelta(), "a version is good for some time"

    def test_of_what_it_is_asked_about_it_names_what_is_listed(
        self, world: RegisterWorld, register: DoNotContactRegister
    ) -> None:
        assert register.consult([world.free, world.listed]).listed == {world.listed}
        assert register.consult([world.free]).listed == frozenset()
        assert register.consult([]).listed == frozenset()

    def test_an_answer_proves_which_version_gave_it(self, world: RegisterWorld, register: DoNotContactRegister) -> None:
        first, again = (register.consult([address]) for address in (world.listed, world.free))
        assert first.reference, "`reference` names the version"
        assert (first.reference, first.dated) == (again.reference, again.dated), "one version has one name"
        assert first.dated.tzinfo is not None, "`dated` has its time zone"

    def test_no_proof_and_no_log_holds_an_address_or_a_secret(
        self, world: RegisterWorld, register: DoNotContactRegister, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            answer = register.consult([world.listed, world.free])
        told = f"{answer.reference} {answer!r} {register.config!r} {caplog.text}"
        for value in (world.listed, world.free, *world.secrets):
            assert value not in told, "an address or a secret shows"

    def test_a_register_that_can_not_be_consulted_says_so_and_lets_nobody_through(
        self, world: RegisterWorld, tmp_path: Path
    ) -> None:
        with pytest.raises(ConfigurationError):
            world.plugin(world.wrong_config(), Place(CONNECTION, tmp_path)).consult([world.free])
