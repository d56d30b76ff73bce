"""`files` as a destination: a local folder, a real SFTP server and a real S3 server."""

import csv
import json
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from hub.contracts import Place, Row, SyncBatch
from hub.testing.destinations import DestinationSuite, closed_port
from plugins.sources.files import Files, FilesConfig

from ..sources.test_files_far_away import PASSWORD, SftpServer

ROWS = [
    Row("1", {"phone": "+31612345678", "spent": Decimal("-5.00"), "since": date(2026, 3, 1)}),
    Row("2", {"phone": None, "spent": Decimal("12.50"), "since": None}),
]


@pytest.fixture
def sftp(tmp_path: Path) -> Iterator[SftpServer]:
    folder = tmp_path / "far"
    folder.mkdir()
    server = SftpServer(folder)
    yield server
    server.close()


class TestFilesConforms(DestinationSuite):
    plugin = Files

    @pytest.fixture
    def config(self) -> Mapping[str, Any]:
        return {"writes": "./out", "writes_as": "jsonl"}

    @pytest.fixture
    def unreachable(self) -> Mapping[str, Any]:
        return {"writes": f"sftp://127.0.0.1:{closed_port()}/out", "user": "hub", "password": "geheim"}


class TestSftpConforms(TestFilesConforms):
    @pytest.fixture
    def config(self, sftp: SftpServer) -> Mapping[str, Any]:
        return {
            "writes": f"sftp://127.0.0.1:{sftp.port}/out",
            "user": "hub",
            "password": PASSWORD,
            "host_key": sftp.host_key,
        }


def write(folder: Path, operation: Any = "upsert", rows: list[Row] = ROWS, **settings: Any) -> list[str]:
    config = FilesConfig.model_validate({"writes": "./out", **settings})
    results = Files(config, Place("club", folder)).sync(SyncBatch("Gold customers", operation, rows))
    assert {result.status for result in results} == {"accepted"}
    return [result.remote_id for result in results]


def test_a_batch_becomes_one_csv_file_with_values_as_they_are(tmp_path: Path) -> None:
    (name,) = set(write(tmp_path))
    assert name.startswith("gold_customers-upsert-")
    with (tmp_path / "out" / name).open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["operation", "key", "phone", "spent", "since"],
            ["upsert", "1", "+31612345678", "-5.00", "2026-03-01"],
            ["upsert", "2", "", "12.50", ""],
        ]


def test_the_same_batch_again_replaces_its_own_file(tmp_path: Path) -> None:
    first = write(tmp_path)
    assert write(tmp_path) == first
    assert write(tmp_path, "remove", [Row("1")]) != first
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_json_lines_and_parquet_hold_the_same(tmp_path: Path) -> None:
    (lines,) = set(write(tmp_path, writes_as="jsonl"))
    (table,) = set(write(tmp_path, writes_as="parquet"))
    read = [json.loads(line) for line in (tmp_path / "out" / lines).read_text().splitlines()]
    assert read[0] == {
        "operation": "upsert",
        "key": "1",
        "phone": "+31612345678",
        "spent": "-5.00",
        "since": "2026-03-01",
    }
    rows = pq.read_table(tmp_path / "out" / table).to_pylist()
    assert rows[0] == {"operation": "upsert", "key": "1", **ROWS[0].fields}
    assert rows[1]["phone"] is None


def test_a_file_over_sftp_has_its_name_only_when_it_is_complete(sftp: SftpServer, tmp_path: Path) -> None:
    settings = {"user": "hub", "password": PASSWORD, "host_key": sftp.host_key}
    for _ in range(2):
        (name,) = set(write(tmp_path, writes=f"sftp://127.0.0.1:{sftp.port}/out", **settings))
    assert [file.name for file in (sftp.folder / "out").iterdir()] == [name]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_half_a_character_sinks_no_neighbour(tmp_path: Path, kind: str) -> None:
    rows = [Row("1", {"name": "Zo\u00eb \x00 \U0001f408"}), Row("2", {"name": "\ud800"}), Row("3", {"name": None})]
    config = FilesConfig.model_validate({"writes": "out", "writes_as": kind})
    results = Files(config, Place("drop", tmp_path)).sync(SyncBatch("people", "upsert", rows))
    assert [result.status for result in results] == ["accepted", "rejected", "accepted"]


def test_a_connection_that_reads_and_writes_nothing_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="say what is read"):
        FilesConfig.model_validate({})
