"""A do-not-contact register that is kept as files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import md5, sha256
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hub.contracts import ConnectionConfig, Place
from hub.errors import ConfigurationError
from hub.testing import RegisterSuite, RegisterWorld
from plugins.registers.file import RegisterFile, RegisterFileConfig

LISTED, FREE = "+32470123456", "+32470123457"


def config(**changes: Any) -> RegisterFileConfig:
    given = {"path": "list-{date}.csv", "register": "bel-me-niet-meer", "channels": ["phone"], "region": "BE"}
    return RegisterFileConfig.model_validate({**given, **changes})


def register(folder: Path, **changes: Any) -> RegisterFile:
    return RegisterFile(config(**changes), Place("bmnm", folder))


class FileWorld(RegisterWorld):
    plugin = RegisterFile
    listed, free = LISTED, FREE

    def __init__(self, folder: Path) -> None:
        (folder / "list-2026-03-01.csv").write_text("number\n0470 12 34 56\n", encoding="utf-8")

    def config(self) -> ConnectionConfig:
        return config()

    def wrong_config(self) -> ConnectionConfig:
        return config(path="nowhere-{date}.csv")


class TestRegisterFile(RegisterSuite):
    @pytest.fixture
    def world(self, tmp_path: Path) -> RegisterWorld:
        return FileWorld(tmp_path)


@pytest.mark.parametrize(
    "written", ["+32470123456", "0032470123456", "0470 12 34 56", "0470/12.34.56", "32470123456", " 0470-123456 "]
)
def test_a_number_is_found_however_the_register_writes_it(tmp_path: Path, written: str) -> None:
    (tmp_path / "list-2026-03-01.csv").write_text(f"number,since\n{written},2020\n", encoding="utf-8")
    assert register(tmp_path).consult([LISTED, FREE]).listed == {LISTED}


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_a_register_of_hashes_is_asked_by_hash(tmp_path: Path, kind: str) -> None:
    digest = {"sha256": sha256, "md5": md5}[kind](LISTED.encode()).hexdigest().upper()
    (tmp_path / "list-2026-03-01.csv").write_text(f"hash\n{digest}\n", encoding="utf-8")
    assert register(tmp_path, hashed=kind).consult([LISTED, FREE]).listed == {LISTED}


def test_e_mail_addresses_are_compared_in_lower_case_and_by_the_named_column(tmp_path: Path) -> None:
    (tmp_path / "list-2026-03-01.csv").write_text("id;mail\n1;Anna@Example.nl\n", encoding="utf-8")
    file = register(tmp_path, channels=["email"], column="mail", delimiter=";")
    assert file.consult(["anna@example.nl", "1"]).listed == {"anna@example.nl"}


def test_the_newest_version_answers_and_is_named_with_its_day_and_content(tmp_path: Path) -> None:
    (tmp_path / "list-2026-02-01.csv").write_text(f"number\n{FREE}\n", encoding="utf-8")
    (tmp_path / "list-2026-03-01.csv").write_text(f"number\n{LISTED}\n", encoding="utf-8")
    (tmp_path / "list-newer.csv").write_text(f"number\n{FREE}\n", encoding="utf-8")
    answer = register(tmp_path).consult([LISTED, FREE])
    assert answer.listed == {LISTED}
    assert answer.dated == datetime(2026, 3, 1, tzinfo=UTC)
    content = sha256(f"number\n{LISTED}\n".encode()).hexdigest()[:16]
    assert answer.reference == f"list-2026-03-01.csv sha256:{content}"


def test_a_version_that_was_replaced_under_its_name_is_read_again(tmp_path: Path) -> None:
    file = register(tmp_path)
    path = tmp_path / "list-2026-03-01.csv"
    path.write_text("number\n", encoding="utf-8")
    assert file.consult([LISTED]).listed == frozenset()
    path.write_text(f"number\n{LISTED}\n", encoding="utf-8")
    assert file.consult([LISTED]).listed == {LISTED}


def test_a_column_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "list-2026-03-01.csv").write_text("number\n1\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="has no column 'phone': number"):
        register(tmp_path, column="phone").consult([LISTED])


def test_a_file_that_is_no_csv_is_told_without_its_content(tmp_path: Path) -> None:
    (tmp_path / "list-2026-03-01.csv").write_bytes(b"number\n\xff\xfe0470123456\n1,2,3\n")
    with pytest.raises(ConfigurationError, match="can't be read as CSV in UTF-8") as caught:
        register(tmp_path).consult([LISTED])
    assert "0470123456" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"path": "list.csv"}, "a version without its day proves nothing"),
        ({"path": "{date}/list-{date}.csv"}, "a version without its day proves nothing"),
        ({"region": "XX"}, "regions: NL, BE"),
        ({"channels": []}, "at least 1 item"),
        ({"register": "Bel me niet"}, "match pattern"),
    ],
)
def test_mistakes_in_its_configuration_are_told(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        config(**changes)


def test_a_version_is_good_for_thirty_days_unless_told_otherwise(tmp_path: Path) -> None:
    assert register(tmp_path).good_for == timedelta(days=30)
    assert register(tmp_path, good_for="7 days").good_for == timedelta(days=7)
