"""YAML with places: every key and value of a file, and the line and column where it stands.

Values are read as editors read them (YAML 1.2): only `true` and `false` are booleans, `NO` is Norway, a date stays
text, and digits with a leading zero (0612345678) stay text. Tags, anchors and second documents are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from hub.errors import Problem

KeyPath = tuple[str | int | bool, ...]

LARGEST_FILE = 2**20
DEEPEST = 40

_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)?\.?[0-9]+([eE][-+]?[0-9]{1,3})?")
_UNPRINTABLE = re.compile(r"[^\x09\x0A\x0D\x20-\x7E\x85\xA0-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
_WORDS: Mapping[str, Any] = {"": None, "~": None, "null": None, "true": True, "false": False}
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


@dataclass(frozen=True)
class Document:
    """One file: its value, and where each key and each value stands (from 1)."""

    file: str
    value: Any
    keys: Mapping[KeyPath, tuple[int, int]] = field(default_factory=dict, repr=False)
    values: Mapping[KeyPath, tuple[int, int]] = field(default_factory=dict, repr=False)
    quoted: Mapping[KeyPath, str] = field(default_factory=dict, repr=False)
    """The sign that opens a text which is not plain: a quotation mark, | or >."""
    substituted: Mapping[KeyPath, str] = field(default_factory=dict, repr=False)
    """What stood in the file at the places where `${NAME}` was filled in."""
    taken_in: Mapping[KeyPath, tuple[Document, KeyPath]] = field(default_factory=dict, repr=False)
    """What stands in another file: the document and the place there."""

    def at_key(self, path: KeyPath, message: str) -> Problem:
        """Tell a problem at a key; where the key is not there, at the nearest thing around it."""
        document, path = self._whose(path)
        return document._at(path, message, (document.keys, document.values))

    def at_value(self, path: KeyPath, message: str, offset: int | None = None) -> Problem:
        """Tell a problem at a value, `offset` columns into it; where it is not there, at what is around it."""
        document, path = self._whose(path)
        if offset is None or document.quoted.get(path) in ("|", ">"):
            offset = 0
        elif path in document.quoted:
            offset += 1
        return document._at(path, message, (document.values, document.keys), offset)

    def get(self, path: KeyPath) -> Any:
        """Return the value at a path, or None."""
        found = self.value
        for part in path:
            if isinstance(found, dict):
                found = found.get(part)
            elif isinstance(found, list) and isinstance(part, int) and part < len(found):
                found = found[part]
            else:
                return None
        return found

    def _whose(self, path: KeyPath) -> tuple[Document, KeyPath]:
        """Give the document in which a place stands, and the place there."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.taken_in:
                document, there = self.taken_in[path[:length]]
                return document, (*there, *path[length:])
        return self, path

    def _at(
        self,
        path: KeyPath,
        message: str,
        sides: tuple[Mapping[KeyPath, tuple[int, int]], ...],
        offset: int = 0,
    ) -> Problem:
        for length in range(len(path), 0, -1):
            for side in sides:
                if path[:length] in side:
                    line, column = side[path[:length]]
                    return Problem(self.file, line, column + (offset if length == len(path) else 0), message)
            sides = (self.keys, self.values)
        return Problem(self.file, 1, 1, message)


def read(path: Path, file: str) -> tuple[Document, list[Problem]]:
    """Read a YAML file, called `file` in messages; the document holds what could be read, the list what is wrong."""
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            return Document(file, None), [
                Problem(
                    file, 0, 0, f"has {size:,} bytes; a YAML file may have {LARGEST_FILE:,}: keep data in CSV files"
                )
            ]
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return Document(file, None), [
            Problem(file, 0, 0, f"is not UTF-8 text (byte {error.start + 1}): save it as UTF-8")
        ]
    except OSError as error:
        return Document(file, None), [Problem(file, 0, 0, f"can't be read: {error.strerror}")]
    return parse(text, file)


def parse(text: str, file: str) -> tuple[Document, list[Problem]]:
    """Read YAML text; see `read`."""
    strange = _UNPRINTABLE.search(text)
    if strange:
        line, column = text.count("\n", 0, strange.start()) + 1, strange.start() - text.rfind("\n", 0, strange.start())
        return Document(file, None), [Problem(file, line, column, "a control character can't stand in YAML: remove it")]
    builder = _Builder(file)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except _Stop:
        return Document(file, None), builder.problems
    except yaml.MarkedYAMLError as error:
        return Document(file, None), [*builder.problems, _syntax(error, text, file)]
    return Document(file, builder.value, builder.keys, builder.values, builder.quoted), builder.problems


def substitute(document: Document, lookup: Callable[[str], str | None]) -> tuple[Document, list[Problem], list[str]]:
    """Fill in `${NAME}` and `${NAME:-default}` in all text values; the last list holds what was looked up."""
    problems: list[Problem] = []
    found: list[str] = []
    original: dict[KeyPath, str] = {}

    def fill(value: Any, path: KeyPath) -> Any:
        if isinstance(value, dict):
            return {key: fill(entry, (*path, key)) for key, entry in value.items()}
        if isinstance(value, list):
            return [fill(entry, (*path, number)) for number, entry in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        original[path] = value

        def one(match: re.Match[str]) -> str:
            secret = lookup(match[1])
            if secret:
                found.append(secret)
                return secret
            if match[2] is None:
                problems.append(
                    document.at_value(
                        path,
                        f"{match[1]} is not set: set {match[1]} in the environment, in .env, or in the secrets folder",
                    )
                )
            return match[2] or ""

        filled = _VARIABLE.sub(one, value)
        if "${" in _VARIABLE.sub("", value):
            problems.append(document.at_value(path, "write ${NAME} or ${NAME:-default}, with letters, digits and _"))
        return filled

    value = fill(document.value, ())
    return replace(document, value=value, substituted=original), problems, found


class _Stop(Exception):
    """Nothing after this place can be read."""


@dataclass
class _Level:
    """A list or mapping that is being filled; `key` is the mapping's key whose value comes next."""

    value: dict[Any, Any] | list[Any]
    path: KeyPath
    key: Any = None
    has_key: bool = False


class _Builder:
    """Builds a value from YAML events, without recursion, and notes the place of each part."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.value: Any = None
        self.keys: dict[KeyPath, tuple[int, int]] = {}
        self.values: dict[KeyPath, tuple[int, int]] = {}
        self.quoted: dict[KeyPath, str] = {}
        self.problems: list[Problem] = []
        self._levels: list[_Level] = []
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        """Take the next event."""
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._stop(event, "a second document starts here: write it in a file of its own")
        elif isinstance(event, yaml.AliasEvent):
            self._stop(event, "anchors and aliases are not supported: write the value again")
        elif isinstance(event, yaml.ScalarEvent):
            self._plain(event)
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent):
            self._plain(event)
            self._open({}, event)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._plain(event)
            self._open([], event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._levels.pop()

    def _plain(self, event: Any) -> None:
        if event.anchor:
            self._stop(event, "anchors and aliases are not supported: write the value again")
        if event.tag and event.tag != "!":
            self._stop(event, "tags such as !name are not supported: write a plain value")

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        value = _scalar(event)
        level = self._levels[-1] if self._levels else None
        if level is None or isinstance(level.value, list) or level.has_key:
            path = self._place(value, event)
            if event.style:
                self.quoted[path] = event.style
            return
        path = (*level.path, value)
        if value is None or isinstance(value, float):
            self.problems.append(self._problem(event, "a key must be a word or a whole number: put it in quotes"))
        if value in level.value:
            first = self.keys[path][0]
            self.problems.append(
                self._problem(event, f"the key '{value}' is already there, on line {first}: remove one")
            )
        else:
            self.keys[path] = _place(event)
        level.key, level.has_key = value, True

    def _open(self, value: dict[Any, Any] | list[Any], event: yaml.Event) -> None:
        if len(self._levels) >= DEEPEST:
            self._stop(event, f"is nested deeper than {DEEPEST} levels")
        if self._levels and isinstance(self._levels[-1].value, dict) and not self._levels[-1].has_key:
            self._stop(event, "a key must be a word or a whole number; text that starts with { or [ needs quotes")
        path = self._place(value, event)
        self._levels.append(_Level(value, path))

    def _place(self, value: Any, event: yaml.Event) -> KeyPath:
        if not self._levels:
            self.value = value
            self.values[()] = _place(event)
            return ()
        level = self._levels[-1]
        if isinstance(level.value, list):
            path: KeyPath = (*level.path, len(level.value))
            level.value.append(value)
        else:
            path = (*level.path, level.key)
            level.value[level.key] = value
            level.has_key = False
        self.values[path] = _place(event)
        return path

    def _problem(self, event: yaml.Event, message: str) -> Problem:
        return Problem(self.file, *_place(event), message)

    def _stop(self, event: yaml.Event, message: str) -> None:
        self.problems.append(self._problem(event, message))
        raise _Stop


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _scalar(event: yaml.ScalarEvent) -> Any:
    text: str = event.value
    if not event.implicit[0]:
        return text
    if text.lower() in _WORDS and text in (text.lower(), text.title(), text.upper()):
        return _WORDS[text.lower()]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text) and not text.isdigit() and not re.match(r"[-+]?0[0-9]", text):
        return float(text)
    return text


def _syntax(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    """Say in our words what the parser stumbled over."""
    marks = [mark for mark in (error.problem_mark, error.context_mark) if mark is not None]
    line, column = marks[0].line + 1, marks[0].column + 1
    lines = text.splitlines()
    written = lines[line - 1] if line <= len(lines) else ""
    return Problem(file, line, column, _in_words(error.problem or "", written, column))


def _in_words(problem: str, written: str, column: int) -> str:
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return "YAML is indented with spaces, not with tabs: replace the tab"
    if "${" in written and ("',' or" in problem or "did not find" in problem):
        return 'between { } or [ ], put ${NAME} in quotes: "${NAME}"'
    if "could not find expected ':'" in problem:
        return "a ':' with a space after it is missing, here or on the line before"
    if "mapping values are not allowed" in problem:
        return "a ':' can't stand here: put the text in quotes, or mend the indentation"
    if "cannot start any token" in problem:
        return f"a value can't start with {written[column - 1 : column]}: put it in quotes"
    if "unexpected end of stream" in problem:
        return "a quotation mark is opened and not closed"
    if "expected key" in problem or "block end" in problem:
        return "the indentation does not match the lines above: keys of one level start in one column"
    if "',' or" in problem:
        return "a comma or a closing bracket is missing"
    return f"this is not YAML ({problem})"
