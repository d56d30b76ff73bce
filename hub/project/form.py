"""From a file's values to a model: what pydantic finds wrong, said in plain words at the right place."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, SecretStr, ValidationError

from hub.errors import Problem, suggest
from hub.project.yaml import Document, KeyPath

Model = TypeVar("Model", bound=BaseModel)

_KINDS = {
    "string": "text",
    "dict": "keys and values (key: value)",
    "mapping": "keys and values (key: value)",
    "model": "keys and values (key: value)",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "bool": "true or false",
    "date": "a date (2026-03-01)",
    "datetime": "a moment (2026-03-01 09:00)",
    "path": "a path",
}

_COMMAS = " Between { and }, a text with commas needs quotes"


def validate(
    model: type[Model], document: Document, path: KeyPath = (), value: Any = None
) -> tuple[Model | None, list[Problem]]:
    """Make a model of what stands at `path` in a document; None where it has mistakes, which the list tells.

    A key without a value is a mistake too, unless the model knows a meaning of nothing for it (another default).

    `value` stands for the document's own value, where the caller took something out of it.
    """
    given = document.get(path) if value is None else value
    if given is None:
        given = {}
    try:
        made = model.model_validate(given)
    except ValidationError as error:
        return None, list(_problems(error, model, document, path, given))
    empty = list(_empty(made, document, path))
    return None if empty else made, empty


def _empty(made: Any, document: Document, path: KeyPath) -> Iterator[Problem]:
    """Find keys that stand there without a value, which would count as absent: `within:` is not "no window".

    One that `${NAME}` leaves empty is meant so.
    """
    if isinstance(made, BaseModel):
        beside = document.get(path)
        for name, field in type(made).model_fields.items():
            written = [it for it in (field.alias or name, name) if isinstance(beside, dict) and it in beside]
            key = written[0] if written else name
            if getattr(made, name) is not None:
                yield from _empty(getattr(made, name), document, (*path, key))
            elif written and field.default is None and beside[key] is None and (*path, key) not in document.substituted:
                yield document.at_key((*path, key), f"the key '{key}' has no value: give it one, or leave the key out")
        yield from _empty(made.model_extra or {}, document, path)
    elif isinstance(made, Mapping):
        for key, value in made.items():
            yield from _empty(value, document, (*path, key))
    elif isinstance(made, list | tuple):
        for number, value in enumerate(made):
            yield from _empty(value, document, (*path, number))


def secrets_in_clear(model: type[BaseModel], document: Document, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Find the values of secret fields that are written in a file: their places and the values themselves."""
    given = document.get(path)
    if not isinstance(given, dict):
        return
    for name, field in model.model_fields.items():
        for key in {name, field.alias or name} & given.keys():
            yield from _clear(field.annotation, document, (*path, key))


def _clear(annotation: Any, document: Document, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    value = document.get(path)
    for option in _options(annotation):
        origin = get_origin(option)
        if isinstance(option, type) and issubclass(option, SecretStr):
            if value not in (None, "") and not isinstance(value, dict | list) and path not in document.substituted:
                yield path, str(value)
        elif isinstance(option, type) and issubclass(option, BaseModel):
            yield from secrets_in_clear(option, document, path)
        elif origin in (dict, Mapping) and isinstance(value, dict):
            for key in value:
                yield from _clear(get_args(option)[1], document, (*path, key))
        elif origin in (list, tuple) and isinstance(value, list):
            for number in range(len(value)):
                yield from _clear(get_args(option)[0], document, (*path, number))


def wrong_paths(error: ValidationError, given: Any) -> set[KeyPath]:
    """Name the places of a value that are wrong; what lacks a key, or fell apart at its commas, is wrong as a whole."""
    wrong = set()
    for path, entries in _by_path(error, given).items():
        whole = any(
            entry["type"] in ("missing", "invalid_key")
            or ")" in str(path[-1] if path else "")
            or (entry["type"] == "extra_forbidden" and not re.fullmatch(r"[\w-]+", str(path[-1])))
            for entry in entries
        )
        wrong.add(path[:-1] if whole else path)
    return wrong


def _problems(
    error: ValidationError, model: type[BaseModel], document: Document, root: KeyPath, given: Any
) -> Iterator[Problem]:
    for path, entries in _by_path(error, given).items():
        yield from _told(path, entries, model, document, root)


def _by_path(error: ValidationError, given: Any) -> dict[KeyPath, list[Any]]:
    """Sort what pydantic found by places, without the forms that a value was not meant in."""
    found: dict[KeyPath, list[Any]] = {}
    for entry in error.errors(include_url=False, include_input=False):
        found.setdefault(_path(entry["loc"], given), []).append(entry)
    return {path: entries for path, entries in found.items() if not _another_form(path, entries, found)}


def _another_form(path: KeyPath, entries: list[Any], found: Iterable[KeyPath]) -> bool:
    """Say whether the value was meant in another of its allowed forms, in which something deeper is wrong."""
    return all(_kind(entry) for entry in entries) and any(
        len(other) > len(path) and other[: len(path)] == path for other in found
    )


def _told(
    path: KeyPath, entries: list[Any], model: type[BaseModel], document: Document, root: KeyPath
) -> Iterator[Problem]:
    kinds = list(dict.fromkeys(kind for entry in entries if (kind := _kind(entry))))
    name = next((part for part in reversed(path) if not isinstance(part, int)), document.file)
    if len(kinds) and any(entry["loc"][-1:] == ("[key]",) for entry in entries):
        listed = any(entry["type"] == "literal_error" for entry in entries)
        remedy = "".join(_near(entry, name) for entry in entries) if listed else ": put it in quotes"
        yield document.at_key(
            (*root, *path), f"the key '{name}' must be {' or '.join(kinds)}{remedy and '.' * listed}{remedy}"
        )
    elif kinds and ")" in str(name):
        yield document.at_key((*root, *path), f"unknown key '{name}'.{_COMMAS}")
    elif kinds and path and document.get((*root, *path)) is None:
        beside = document.get((*root, *path[:-1]))
        yield document.at_key((*root, *path), f"the key '{name}' has no value{_meaning(model, path, beside)}")
    elif kinds:
        near = "".join(_near(entry, document.get((*root, *path))) for entry in entries)
        yield document.at_value((*root, *path), f"{name} must be {' or '.join(kinds)}.{near}".removesuffix("."))
    for entry in entries:
        if entry["type"] == "extra_forbidden":
            known = _known(model, path[:-1], document.get((*root, *path[:-1])))
            remedy = suggest(str(name), known) or f" Known here: {', '.join(known)}"
            if ")" in str(name):
                remedy = _COMMAS
            yield document.at_key((*root, *path), f"unknown key '{name}'.{remedy}")
        elif entry["type"] == "invalid_key":
            yield document.at_key((*root, *path), f"unknown key '{path[-1]}'.{_COMMAS}")
        elif entry["type"] == "missing":
            beside = document.get((*root, *path[:-1]))
            yield document.at_key((*root, *path[:-1]), f"the key '{name}' is missing{_meaning(model, path, beside)}")
        elif not _kind(entry):
            text = entry["msg"].removeprefix("Value error, ")
            text = re.sub(r"^(Input|List|Dictionary|String|Value) should (be|have|match)", r"must \2", text)
            place = document.at_value((*root, *path), "")
            label = f"{name} {text}" if text.startswith("must") else text
            yield Problem(place.file, place.line, place.column, re.sub(r" after validation, not \d+$", "", label))


def _kind(entry: Any) -> str:
    """Say what the value should have been, where it is of the wrong kind altogether."""
    if entry["type"] == "literal_error":
        return str(entry["ctx"]["expected"]).replace("True", "true").replace("False", "false")
    stem, _, rest = entry["type"].partition("_")
    return _KINDS.get(stem, "") if rest in ("type", "parsing", "attributes_type", "from_float", "unicode") else ""


def _near(entry: Any, written: Any) -> str:
    if entry["type"] != "literal_error" or not isinstance(written, str):
        return ""
    return suggest(written, re.findall(r"'([^']*)'", entry["ctx"]["expected"]))


def _path(loc: tuple[int | str, ...], given: Any) -> KeyPath:
    """Keep the parts of pydantic's location that are keys of the file; it also names the forms that it tried."""
    path: list[int | str | bool] = []
    value = given
    for number, part in enumerate(loc):
        inside = dict(enumerate(value)) if isinstance(value, list) else value
        if isinstance(inside, dict) and part in inside:
            value = inside[part]
        elif number != len(loc) - 1 or part == "[key]" or not _is_key(part) or not isinstance(value, dict):
            continue
        path.append(part)
    return tuple(path)


def _is_key(part: int | str) -> bool:
    return (
        isinstance(part, str) and re.fullmatch(r"\w+", part) is not None and part not in ("str", "int", "bool", "float")
    )


def _known(model: type[BaseModel], path: KeyPath, beside: Any) -> list[str]:
    """List the keys that are allowed at a place: those of the forms that know most of what is written `beside`."""
    forms = _fitting(model, path, beside)
    return list(dict.fromkeys(key for form in forms for key in _keys(form)))


def _meaning(model: type[BaseModel], path: KeyPath, beside: Any) -> str:
    """Say what a key means, in the form that knows most of the keys `beside` it."""
    for form in _fitting(model, path[:-1], beside):
        for name, field in form.model_fields.items():
            if (field.alias or name) == path[-1] and field.description:
                return f": {field.description.removesuffix('.')}"
    return ""


def _fitting(model: type[BaseModel], path: KeyPath, beside: Any) -> list[type[BaseModel]]:
    """Give the forms of a place that know most of the keys that are written there."""
    written = {str(key) for key in beside} if isinstance(beside, dict) else set()
    forms = _forms(model, path)
    fewest = min((len(written - _keys(form).keys()) for form in forms), default=0)
    return [form for form in forms if len(written - _keys(form).keys()) == fewest]


def _keys(form: type[BaseModel]) -> dict[str, str]:
    return {field.alias or name: name for name, field in form.model_fields.items()}


def _forms(model: Any, path: KeyPath) -> list[type[BaseModel]]:
    reached: list[Any] = [model]
    for part in path:
        reached = [step for annotation in reached for step in _step(annotation, part)]
    return [
        option
        for annotation in reached
        for option in _options(annotation)
        if isinstance(option, type) and issubclass(option, BaseModel)
    ]


def _step(annotation: Any, part: str | int | bool) -> Iterator[Any]:
    for option in _options(annotation):
        origin = get_origin(option)
        if isinstance(option, type) and issubclass(option, BaseModel):
            fields = {field.alias or name: field.annotation for name, field in option.model_fields.items()}
            if part in fields:
                yield fields[str(part)]
            elif option.model_config.get("extra") == "allow":
                extra = get_type_hints(option, include_extras=True).get("__pydantic_extra__")
                yield from get_args(extra)[1:]
        elif origin in (dict, Mapping):
            yield get_args(option)[1]
        elif origin in (list, tuple):
            yield get_args(option)[0]


def _options(annotation: Any) -> Iterator[Any]:
    """Give the forms that an annotation allows."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _options(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for option in get_args(annotation):
            yield from _options(option)
    else:
        yield annotation
