"""The garbage collector rests while modules are loaded, and only then."""

from __future__ import annotations

import gc

import pytest

from hub.loading import loading


def test_the_collector_rests_while_modules_are_loaded_and_goes_on_after_a_failure() -> None:
    def load() -> None:
        with loading():
            assert not gc.isenabled()
            raise ImportError

    with pytest.raises(ImportError):
        load()
    assert gc.isenabled()


def test_a_collector_that_somebody_else_stopped_stays_stopped() -> None:
    gc.disable()
    try:
        with loading():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
