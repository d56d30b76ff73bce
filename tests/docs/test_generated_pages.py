"""The generated pages: they say what the code says, and leave nothing out."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic.fields import FieldInfo

from hub.cli import app
from hub.cli.markdown import default, row
from hub.cli.pages import pages
from hub.cli.yaml_page import FILES, models_of
from hub.expressions import FUNCTIONS
from hub.people.built_in import BUILT_IN as BUILT_IN_TRAITS
from hub.registry import Registry
from hub.schema import BUILT_IN
from hub.templates import PARTS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    "name", ["schema.md", "yaml.md", "cli.md", "functions.md", "plugins.md", "connectors.md", "packs.md"]
)
def test_the_page_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == pages()[name], "run `make docs`"


def test_every_table_column_command_function_and_key_is_there() -> None:
    written = pages()
    for table in BUILT_IN:
        assert f"### {table.name}\n" in written["schema.md"]
        assert table.summary, table.name
        for column in table.columns:
            assert f"| `{column.name}` | {column.type} | {column.summary}" in written["schema.md"]
            assert column.summary, f"{table.name}.{column.name}"
    for command in app.registered_commands:
        assert f"## hub {command.name or command.callback.__name__}\n" in written["cli.md"]
    for function in FUNCTIONS.values():
        assert function.signature in written["functions.md"]
    for name, installed in Registry().plugins.items():
        assert f"## {name}\n" in written["plugins.md"]
        for key, field in installed.plugin.config_model.model_fields.items():
            assert key == "plugin" or f"| `{field.alias or key}` |" in written["plugins.md"]


def test_the_diagram_shows_every_reference_between_tables() -> None:
    diagram = pages()["schema.md"].split("```mermaid")[1].split("```")[0]
    for table in BUILT_IN:
        for column in table.columns:
            if column.references:
                assert f"{column.references} ||--o{{ {table.name} : {column.name}" in diagram


def test_every_key_of_every_yaml_file_is_there_with_its_meaning() -> None:
    page = pages()["yaml.md"]
    for file, model in FILES:
        part = page.split(f"\n## {file}\n")[1].split("\n## ")[0]
        for inner in models_of(model):
            for name, field in inner.model_fields.items():
                assert field.description, f"{inner.__name__}.{name}"
                assert f"| `{field.alias or name}` |" in part
                assert field.description.replace("|", "\\|") in part
    for name in BUILT_IN_TRAITS:
        assert f"| `{name}` |" in page
    for files in PARTS.values():
        for name in files:
            assert f"| `{name}` |" in page


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "`true`"),
        (timedelta(days=1), "`1 day`"),
        (timedelta(hours=36), "`36 hours`"),
        (timedelta(minutes=90), "`90 minutes`"),
        (frozenset({503, 429}), "`[429, 503]`"),
        (0.2, "`0.2`"),
        (None, ""),
        ("", ""),
    ],
)
def test_a_default_is_written_as_an_admin_would(value: Any, written: str) -> None:
    assert default(FieldInfo(default=value)) == written


def test_a_key_without_a_default_is_needed() -> None:
    assert default(FieldInfo()) == "needed"


def test_a_bar_within_a_cell_ends_no_cell() -> None:
    assert row("table|csv", "a") == "| table\\|csv | a |"
