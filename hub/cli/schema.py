"""`hub schema`: write what editors need to complete and check the project's YAML."""

from __future__ import annotations

from pathlib import Path

from hub.cli.answer import Answer
from hub.cli.project import folder_of


def schema(folder: Path | None) -> Answer:
    """Write the JSON Schemas; the project may still have mistakes, only schema.yaml must be right."""
    from hub.project.json_schema import write_json_schemas
    from hub.project.load import load_schema
    from hub.registry import Registry

    project = folder_of(folder)
    written = write_json_schemas(project / ".hub" / "schema", Registry(), load_schema(project))
    names = [str(path.relative_to(project)) for path in written]
    return Answer({"written": names}, lambda console: console.print("\n".join(f"wrote {name}" for name in names)))
