"""The YAML of every example: it checks, and editors that use the JSON Schemas agree with the loader."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hub.cases import run_cases
from hub.check import check_project
from hub.project import Project, load_project
from hub.project.json_schema import json_schemas
from hub.project.load import load_schema
from hub.project.yaml import read
from hub.registry import Registry

EXAMPLES = sorted(path.parent for path in (Path(__file__).parents[2] / "examples").glob("*/hub.yaml"))
FILES = [
    (folder, path) for folder in EXAMPLES for path in sorted(folder.glob("*.yaml")) + sorted(folder.glob("*/*.yaml"))
]
VALUES = {"PORT": "2525", "URL": "http://127.0.0.1:8025", "DATABASE_URL": "sqlite:///shop.db"}


def kind_of(path: Path) -> str:
    if path.name.endswith(".cases.yaml"):
        return "cases"
    kinds = {
        "mappings": "mapping",
        "traits": "traits",
        "segments": "segments",
        "scenarios": "scenario",
        "scores": "score",
        "syncs": "sync",
    }
    return kinds.get(path.parent.name, path.stem)


def schema_of(folder: Path, kind: str) -> dict[str, Any]:
    return json_schemas(Registry(), load_schema(folder))[kind]


@pytest.mark.parametrize("path", [path for _, path in FILES], ids=lambda path: "/".join(path.parts[-3:]))
def test_a_file_of_an_example_is_valid_for_editors(path: Path) -> None:
    folder = next(folder for folder, file in FILES if file == path)
    kind = kind_of(path)
    document, problems = read(path, path.name)
    assert problems == []
    jsonschema.Draft202012Validator(schema_of(folder, kind)).validate(document.value)
    first = path.read_text(encoding="utf-8").splitlines()[0]
    up = "" if path.parent == folder else "../"
    assert first == f"# yaml-language-server: $schema={up}.hub/schema/{kind}.json"


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.name)
def project(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Project:
    folder: Path = request.param
    monkeypatch.setenv("HUB_KEY", "7c1e0b94d2fa6358e1f6")
    for name in re.findall(r"\$\{(\w+)\}", (folder / "hub.yaml").read_text(encoding="utf-8")):
        ending = next((VALUES[end] for end in sorted(VALUES, key=len, reverse=True) if name.endswith(end)), None)
        monkeypatch.setenv(name, ending or "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    return load_project(folder)


def test_an_example_has_no_mistakes(project: Project) -> None:
    assert [str(problem) for problem in check_project(project, datetime(2026, 6, 1, tzinfo=UTC))] == []


def test_the_cases_of_an_example_hold(project: Project) -> None:
    results = run_cases(project)
    assert results
    assert [(result.name, result.differences) for result in results if not result.ok] == []
