"""The generated pages: they say what the code says, and leave nothing out."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.cli import app
from hub.cli.pages import pages
from hub.expressions import FUNCTIONS
from hub.registry import Registry
from hub.schema import BUILT_IN

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", ["schema.md", "cli.md", "functions.md", "plugins.md"])
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
