"""The generated page yaml.md: every file of a project and every key in it, from the models that the loader uses."""

from __future__ import annotations

import types
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from inspect import getdoc
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from hub import units
from hub.cli.markdown import default, heading, row
from hub.project import (
    cases,
    consent_terms,
    identity,
    lengths,
    models,
    quality,
    recommendations,
    scenario,
    scores,
    segments,
    serve,
    shared_steps,
    survivorship,
    sync,
    traits,
)
from hub.settings import Settings

FILES: tuple[tuple[str, type[BaseModel]], ...] = (
    ("hub.yaml", models.HubFile),
    ("schema.yaml", models.SchemaFile),
    ("identity.yaml", identity.IdentityFile),
    ("quality.yaml", quality.QualityFile),
    ("recommendations.yaml", recommendations.RecommendationsFile),
    ("consent-texts.yaml", consent_terms.ConsentTextsFile),
    ("mappings/*.yaml", models.MappingFile),
    ("traits/*.yaml", traits.TraitFile),
    ("segments/*.yaml", segments.SegmentFile),
    ("scores/*.yaml", scores.Score),
    ("steps/*.yaml", shared_steps.SharedSteps),
    ("scenarios/*.yaml", scenario.Scenario),
    ("syncs/*.yaml", sync.Sync),
)
"""The files that have a model, in the order in which a project grows."""

_WRITTEN = (
    (models.Expression, "expression"),
    (models.Duration, "length of time: `14 days`, `36 hours`"),
    (lengths.Length, "length of time: `7 days`, `36 hours`"),
    (lengths.Clock, 'time of day: `"09:00"`'),
    (consent_terms.SpanText, "length of time: `24 months`, `2 years`"),
    (models.Percentage, "percentage: `10%`"),
    (units.OneRate, "rate: `50/s`, `600/min`"),
    (serve.Size, "size: `500 kB`, `1 MB`"),
    (models.Scalar, "value"),
    (scenario.Step, "[step](scenarios.md#steps)"),
    (survivorship.Rules, "rule or list of rules"),
    (models.ColumnRule, "expression or [translated](#translated)"),
    (
        models.CheckEntry,
        "expression or {...: `quarantine` or `warn` or `stop`} or [row check](#row-check)",
    ),
)
A_TABLE = "A table of the [shared schema](schema.md), or `person`."
_WORDS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    Decimal: "number",
    date: "day: `2026-01-15`",
    bool: "true or false",
    Any: "value",
}


def yaml_page() -> Iterator[str]:
    """Give the lines of the page."""
    yield "# The YAML files of a project"
    yield ""
    yield "A project is a folder. These are all its files and keys; `hub check` refuses any other, with file, line and"
    yield "column. Your editor knows them too: `hub schema` writes a JSON Schema per kind of file. How to write them"
    yield "well stands in [mapping](mapping.md), [traits and segments](traits-and-segments.md) and"
    yield "[scenarios](scenarios.md)."
    yield ""
    yield "YAML is read as version 1.2: only `true` and `false` are booleans, `NO` is text, a date stays text, and"
    yield "`0612345678` stays text. Tags, anchors and second documents are refused. A key that is there has a value:"
    yield '`within:` with nothing behind it is a mistake, and never "no window". An **expression** is SQL over the'
    yield "columns in scope, with the [functions](functions.md) of the hub. In hub.yaml, any value may be `${NAME}`, or"
    yield "`${NAME:-default}`: it is looked up in the environment, in `.env`, then in the secrets folder. In the column"
    yield "*type*, `{...: expression}` means names of your own or of the shared schema, each with an expression."
    for file, model in FILES:
        yield ""
        yield f"## {file}"
        yield ""
        yield from _described(file, model)
        if model is models.HubFile:
            yield ""
            yield "A connection has `plugin` and the keys of that [plugin](plugins.md)."
        if model is traits.TraitFile:
            yield from _built_in_traits()
    yield ""
    yield "## mappings/*.cases.yaml"
    yield ""
    yield "Examples beside a mapping that run as tests (`hub test`); `shop.cases.yaml` belongs to `shop.yaml`."
    yield ""
    yield from heading("key", "what it is")
    yield row("*a sentence*", "One example. Each key below it is a raw table with its rows, or `expect`.")
    yield row(
        "`expect`",
        "Tables of the [shared schema](schema.md), or `quarantine`, with the rows that must be there, all of them; "
        "a row shows the columns that matter.",
    )
    yield from _templates()
    yield from _settings()


def models_of(model: type[BaseModel]) -> list[type[BaseModel]]:
    """List a model and all models below it, each once, in the order of their keys."""
    found = [model]
    for part in found:
        for hint in _hints(part).values():
            found += [inner for inner in dict.fromkeys(_models_in(hint)) if inner not in found]
    return found


def _described(file: str, model: type[BaseModel]) -> Iterator[str]:
    for part in models_of(model):
        if part is not model:
            yield ""
            yield f"### {_title(part)}"
            yield ""
        about = (getdoc(part) or "").removeprefix(file).strip(".: ")
        if about:
            yield f"{about[0].upper()}{about[1:]}."
            yield ""
        yield from heading("key", "type", "default", "what it is")
        hints = _hints(part)
        for name, field in part.model_fields.items():
            yield row(f"`{field.alias or name}`", _type(hints[name]), default(field), field.description or "")
        if "__pydantic_extra__" in hints:
            inner = get_args(hints["__pydantic_extra__"])[1]
            named = ("*a column*", "A column of `person`.") if part is cases.CasePerson else ("*a table*", A_TABLE)
            yield row(named[0], _type(inner), "", named[1])


def _hints(model: type[BaseModel]) -> dict[str, Any]:
    hints = get_type_hints(model, include_extras=True)
    wanted = [*model.model_fields, *(["__pydantic_extra__"] if model.model_config.get("extra") == "allow" else [])]
    return {name: hints[name] for name in wanted}


def _models_in(hint: Any) -> Iterator[type[BaseModel]]:
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        yield hint
    for part in get_args(hint):
        yield from _models_in(part)


def _title(model: type[BaseModel]) -> str:
    """Name a model in words: TableMapping is `table mapping`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in model.__name__).strip()


def _type(hint: Any) -> str:
    """Say in words what is written for a key."""
    for known, words in _WRITTEN:
        if hint == known:
            return words
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _type(parts[0])
    if origin is Literal:
        return " or ".join(f"`{str(value).lower() if isinstance(value, bool) else value}`" for value in parts)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(part) for part in parts if part is not types.NoneType))
    if origin is list:
        return f"list of {_inside(parts[0])}"
    if origin is dict:
        return f"{{...: {_type(parts[1])}}}"
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return f"[{_title(hint)}](#{_title(hint).replace(' ', '-')})"
    return _WORDS[hint]


def _inside(hint: Any) -> str:
    words = _type(hint)
    return f"({words})" if " or " in words else words


def _built_in_traits() -> Iterator[str]:
    from hub.people.built_in import BUILT_IN, RFM, SCORES

    yield ""
    yield "### built-in traits"
    yield ""
    yield "Every project has these. One that you define under the same name goes before it."
    yield ""
    yield from heading("trait", "what it says")
    for name, trait in BUILT_IN.items():
        yield row(f"`{name}`", trait.summary)
    for name, over in SCORES.items():
        yield row(f"`{name}`", f"Quintile of `{over}` among people with orders, 1 to 5; equal people score equally.")
    yield row(f"`{RFM}`", "The three scores as one text: 545.")


def _templates() -> Iterator[str]:
    from hub.templates import PARTS, REQUIRED

    yield ""
    yield "## templates/*"
    yield ""
    yield 'A folder per template, and `templates/blocks/` for what mails share: `{% render "footer.html" %}`.'
    yield ""
    yield from heading("channel", "file", "needed", "written in")
    for channel, files in PARTS.items():
        for file in files:
            language = "Typst" if file.endswith(".typ") else "Liquid"
            yield row(channel, f"`{file}`", "needed" if file in REQUIRED[channel] else "", language)


def _settings() -> Iterator[str]:
    yield ""
    yield "## Environment and .env"
    yield ""
    yield "What differs between machines is not in YAML. The environment goes before `.env` in the project's folder."
    yield ""
    yield from heading("name", "default", "what it is")
    for name, field in Settings.model_fields.items():
        yield row(f"`HUB_{name.upper()}`", default(field), field.description or "")
