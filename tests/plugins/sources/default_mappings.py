"""The cases beside the default mapping of a plugin."""

from __future__ import annotations

from pathlib import Path

from hub.cases import run_cases
from hub.contracts import Plugin
from hub.project import MappedTable, Project
from hub.project.models import HubFile, MappingFile
from hub.project.yaml import read
from hub.schema import BUILT_IN


def differences(plugin: type[Plugin], folder: Path) -> tuple[int, list[str]]:
    """Run the cases; give how many there are, and what does not hold."""
    mapping = plugin.default_mapping
    assert mapping is not None
    form = MappingFile.model_validate(read(mapping, mapping.name)[0].value)
    project = Project(
        folder=folder,
        hub=HubFile(name="Cases"),
        schema=BUILT_IN,
        connections={},
        mappings=tuple(
            MappedTable(mapping, plugin.name, target, table, {}, position)
            for position, (target, table) in enumerate(form.tables)
        ),
        traits={},
        segments={},
        scenarios={},
        syncs={},
    )
    results = run_cases(project)
    return len(results), [f"{case.name}: {difference}" for case in results for difference in case.differences]
