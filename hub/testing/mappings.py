"""The mapping that a plugin brings: the examples beside it are tests.

def test_the_cases_beside_the_mapping_hold(tmp_path):
assert_cases_hold(Weather, WeatherConfig(url="https://example.com"), tmp_path)
"""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.cases.mapping import run_mapping_cases
from hub.contracts import ConnectionConfig, Place, Plugin
from hub.project import Connection, MappedTable, Project
from hub.project.form import validate
from hub.project.models import HubFile, MappingFile
from hub.project.yaml import read
from hub.schema import BUILT_IN


def assert_cases_hold(plugin: type[Plugin], config: ConnectionConfig, folder: Path) -> None:
    """Run the cases beside a plugin's default mapping (NAME.cases.yaml beside NAME.yaml), and tell all that differs."""
    mapping = plugin.default_mapping
    assert mapping is not None, f"{plugin.name} brings no mapping: name the file in `default_mapping`"
    document, problems = read(mapping, mapping.name)
    form, wrong = validate(MappingFile, document)
    if form is None or problems:
        pytest.fail("\n".join(map(str, [*problems, *wrong])), pytrace=False)
    place = Place(form.connection, folder)
    project = Project(
        folder=folder,
        hub=HubFile(name="tested"),
        schema=BUILT_IN,
        connections={form.connection: Connection(form.connection, plugin, config, place)},
        mappings=tuple(
            MappedTable(mapping, form.connection, target, table, _lists(form), position)
            for position, (target, table) in enumerate(form.tables)
        ),
        traits={},
        segments={},
        scenarios={},
        syncs={},
    )
    results = run_mapping_cases(project)
    assert results, f"there are no cases beside {mapping.name}: write {mapping.stem}.cases.yaml"
    told = [f"{result.name}: {difference}" for result in results for difference in result.differences]
    if told:
        pytest.fail("\n".join(told), pytrace=False)


def _lists(form: MappingFile) -> dict[str, dict[str, str | None]]:
    """Give the look-ups that stand in the mapping itself."""
    return {
        name: {str(key): None if value is None else str(value) for key, value in values.items()}
        for name, values in form.lookups.items()
        if not isinstance(values, str)
    }
