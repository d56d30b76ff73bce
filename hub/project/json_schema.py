"""JSON Schemas of the YAML files, so that editors complete keys, explain them, and underline mistakes.

They come from the same models that the loader uses, and know the installed plugins and the project's own columns.
Files refer to them in their first line: `# yaml-language-server: $schema=../.hub/schema/mapping.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from hub.project.check import FILLED_BY_THE_HUB, filled_by_the_hub
from hub.project.consent_terms import ConsentTextsFile
from hub.project.identity import IdentityFile
from hub.project.models import HubFile, MappingFile, SchemaFile
from hub.project.quality import QualityFile
from hub.project.recommendations import RecommendationsFile
from hub.project.scenario import Scenario
from hub.project.scores import Score
from hub.project.segments import SegmentFile
from hub.project.shared_steps import SharedSteps, Use
from hub.project.sync import Sync
from hub.project.traits import TraitFile
from hub.registry import Registry
from hub.schema import Schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PLACEHOLDER = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"}

JsonSchema = dict[str, Any]


def json_schemas(registry: Registry, schema: Schema) -> dict[str, JsonSchema]:
    """Give the schema of each kind of file by its name, such as hub, mapping, cases and scenario."""
    return {
        "hub": _hub(registry),
        "schema": _of(SchemaFile),
        "identity": _of(IdentityFile),
        "quality": _of(QualityFile),
        "recommendations": _of(RecommendationsFile),
        "consent-texts": _of(ConsentTextsFile),
        "mapping": _mapping(schema),
        "cases": _cases(schema),
        "traits": _of(TraitFile),
        "segments": _of(SegmentFile),
        "score": _of(Score),
        "steps": _of(SharedSteps),
        "scenario": _scenario(),
        "sync": _of(Sync),
    }


def write_json_schemas(folder: Path, registry: Registry, schema: Schema) -> list[Path]:
    """Write the schemas as `folder/<kind>.json` and return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for kind, content in json_schemas(registry, schema).items():
        path = folder / f"{kind}.json"
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(path)
    return written


def _of(model: type[BaseModel]) -> JsonSchema:
    found = model.model_json_schema()
    return {"$schema": DIALECT, **_without_titles(found)}


def _without_titles(part: Any) -> Any:
    """Leave out the titles that pydantic makes up: they only repeat the key, and hide the description in editors."""
    if isinstance(part, list):
        return [_without_titles(entry) for entry in part]
    if not isinstance(part, dict):
        return part
    found = {
        key: _without_titles(entry) for key, entry in part.items() if not (key == "title" and isinstance(entry, str))
    }
    return _never_empty(found) if found.get("default", "") is None and "anyOf" in found else found


def _never_empty(key: JsonSchema) -> JsonSchema:
    """Describe a key that may be left out: where it stands, it has a value, as the loader asks."""
    options = [option for option in key["anyOf"] if option != {"type": "null"}]
    rest = {name: entry for name, entry in key.items() if name not in ("default", "anyOf")}
    return {**options[0], **rest} if len(options) == 1 else {"anyOf": options, **rest}


def _scenario() -> JsonSchema:
    """Describe a scenario: wherever a step may stand, `use` may."""
    found = _of(Scenario)
    found["$defs"]["Use"] = _without_titles(Use.model_json_schema())
    _with_use(found)
    return found


def _with_use(part: Any) -> None:
    for entry in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _with_use(entry)
    if isinstance(part, dict) and {"$ref": "#/$defs/Send"} in part.get("oneOf", []):
        part["oneOf"].append({"$ref": "#/$defs/Use"})


def _hub(registry: Registry) -> JsonSchema:
    """Describe hub.yaml; `plugin:` decides which keys a connection has, and `${NAME}` may stand for any value."""
    found = _of(HubFile)
    definitions = found.setdefault("$defs", {})
    choices = []
    for name, installed in registry.plugins.items():
        config = _without_titles(installed.plugin.config_model.model_json_schema())
        for key, definition in config.pop("$defs", {}).items():
            definitions[f"{name}.{key}"] = _renamed(definition, name)
        config = _renamed(config, name)
        config["properties"] = {"plugin": {"const": name}, **config.get("properties", {})}
        config["description"] = installed.plugin.summary or config.get("description", "")
        definitions[f"connection.{name}"] = config
        choices.append(
            {
                "if": {"properties": {"plugin": {"const": name}}},
                "then": {"$ref": f"#/$defs/connection.{name}"},
            }
        )
    found["properties"]["connections"]["additionalProperties"] = {
        "type": "object",
        "required": ["plugin"],
        "properties": {
            "plugin": {
                "description": "What kind of system it is.",
                "oneOf": [
                    {"const": name, "description": installed.plugin.summary}
                    for name, installed in registry.plugins.items()
                ],
            }
        },
        "allOf": choices,
    }
    return {key: _with_placeholders(part) if key in ("$defs", "properties") else part for key, part in found.items()}


def _renamed(part: Any, prefix: str) -> Any:
    """Point the references of a plugin's own definitions at their place in the whole."""
    if isinstance(part, list):
        return [_renamed(entry, prefix) for entry in part]
    if not isinstance(part, dict):
        return part
    return {
        key: f"#/$defs/{prefix}.{entry.removeprefix('#/$defs/')}" if key == "$ref" else _renamed(entry, prefix)
        for key, entry in part.items()
    }


def _with_placeholders(part: Any) -> Any:
    """Allow `${NAME}` wherever a single value stands; require it where the value is secret."""
    if isinstance(part, list):
        return [_with_placeholders(entry) for entry in part]
    if not isinstance(part, dict):
        return part
    if part.get("format") == "password":
        described = {"description": part["description"]} if "description" in part else {}
        return {**PLACEHOLDER, **described}
    narrow = part.get("type") in ("integer", "number", "boolean") or (
        part.get("type") == "string" and part.keys() & {"enum", "pattern", "format"}
    )
    if narrow:
        outer = {key: part[key] for key in ("description", "default") if key in part}
        inner = {key: entry for key, entry in part.items() if key not in outer}
        return {**outer, "anyOf": [inner, PLACEHOLDER]}
    return {key: _with_placeholders(entry) for key, entry in part.items()}


def _mapping(schema: Schema) -> JsonSchema:
    """Describe a mapping file: one key per table of the shared schema, with its columns."""
    found = _of(MappingFile)
    table_mapping = {"$ref": "#/$defs/TableMapping"}
    for name, (summary, columns) in _targets(schema).items():
        one = {
            "allOf": [table_mapping],
            "properties": {
                "columns": {
                    "properties": {column: {"description": text} for column, text in columns.items()},
                    "propertyNames": {"enum": list(columns)},
                }
            },
        }
        found["properties"][name] = {
            "description": summary,
            "if": {"type": "array"},
            "then": {"items": one},
            "else": one,
        }
    found["additionalProperties"] = False
    return found


def _targets(schema: Schema) -> Mapping[str, tuple[str, dict[str, str]]]:
    """Give the tables that mappings fill, with the columns that they may fill."""
    found = {}
    for table in schema.mapped:
        name = "person" if table.name == "source_record" else table.name
        if name in FILLED_BY_THE_HUB:
            continue
        hidden = filled_by_the_hub(name)
        columns = {column.name: column.summary for column in table.columns if column.name not in hidden}
        found[name] = (schema["person"].summary if name == "person" else table.summary, columns)
    return found


def _cases(schema: Schema) -> JsonSchema:
    """Describe a case file: by a sentence, the raw rows that are given and the rows that are expected."""
    rows = {"type": "array", "items": {"type": "object"}}
    tables = {
        table.name: {
            "description": table.summary,
            "type": "array",
            "items": {
                "type": "object",
                "properties": {column.name: {"description": column.summary} for column in table.all_columns},
                "additionalProperties": False,
            },
        }
        for table in schema
        if table.mapped or table.name == "quarantine"
    }
    return {
        "$schema": DIALECT,
        "description": "Examples of a mapping that run as tests (`hub test`): given these raw rows, expect these rows.",
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "description": "One example, named by a sentence. Besides `expect`, each key is a raw table with its rows.",
            "required": ["expect"],
            "properties": {
                "expect": {
                    "description": "Tables of the shared schema with the rows that must be there, all of them; a row "
                    "shows the columns that matter.",
                    "type": "object",
                    "properties": tables,
                    "additionalProperties": False,
                }
            },
            "additionalProperties": rows,
        },
    }
