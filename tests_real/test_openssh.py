"""The destination `print` against a real OpenSSH server: letters in the drop of a printer."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Place
from hub.testing import DestinationSuite
from hub.testing.destinations import closed_port, sample_message
from plugins.destinations.print import Print
from tests_real.systems.openssh import OpenSSH


def configuration(openssh: OpenSSH, **given: Any) -> dict[str, Any]:
    folder = f"sftp://{openssh.user}@127.0.0.1:{openssh.port}{openssh.drop}"
    return {"folder": folder, "key": openssh.key, "host_key": openssh.host_key, **given}


class TestOpenSshConforms(DestinationSuite):
    plugin = Print

    @pytest.fixture
    def config(self, openssh: OpenSSH) -> dict[str, Any]:
        for path in openssh.drop.iterdir():
            path.unlink()
        return configuration(openssh)

    @pytest.fixture
    def unreachable(self, openssh: OpenSSH) -> dict[str, Any]:
        return configuration(openssh, folder=f"sftp://{openssh.user}@127.0.0.1:{closed_port()}/drop")

    @pytest.fixture
    def taken(self, openssh: OpenSSH) -> Callable[[], Sequence[str]]:
        return lambda: [path.stem for path in openssh.drop.glob("*.pdf")]


def make(openssh: OpenSSH, **given: Any) -> Print:
    config = Print.config_model.model_validate(configuration(openssh, **given))
    return Print(config, Place("printer", Path("/nowhere")))


def test_letters_and_their_manifest_are_in_the_drop_and_nothing_half_written(openssh: OpenSSH) -> None:
    before = set(openssh.drop.iterdir())
    results = make(openssh).send([sample_message("letter", number) for number in (101, 102)])
    assert [result.status for result in results] == ["accepted", "accepted"]
    new = [path for path in openssh.drop.iterdir() if path not in before]
    assert sorted(path.suffix for path in new) == [".csv", ".pdf", ".pdf"]
    assert all(path.read_bytes().startswith(b"%PDF") for path in new if path.suffix == ".pdf")
    (manifest,) = [path for path in new if path.suffix == ".csv"]
    assert len(list(csv.reader(manifest.open(encoding="utf-8")))) == 3


def test_a_server_with_another_key_gets_no_letters(openssh: OpenSSH) -> None:
    words = openssh.host_key.split()
    other = f"{words[0]} {words[1][:-6]}AAAAAA"
    (result,) = make(openssh, host_key=other).send([sample_message("letter", 103)])
    assert result.status == "later"
    assert not list(openssh.drop.glob("*0103*"))
