"""Read a project's folder: all its YAML, checked for form and for what refers to what, with all mistakes at once.

    hub.yaml  schema.yaml  identity.yaml  quality.yaml  recommendations.yaml  consent-texts.yaml  mappings/*.yaml
    traits/*.yaml  segments/*.yaml  scores/*.yaml  steps/*.yaml  scenarios/*.yaml  syncs/*.yaml  templates/
    and the packs that hub.yaml switches on

What only the expressions know (their columns, types and functions) is checked by `hub.check`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from hub.contracts import Destination, Place, Scorer
from hub.errors import ConfigurationError, PluginError, Problem, suggest
from hub.project import yaml
from hub.project.check import cross_checks
from hub.project.consent_terms import ConsentTextsFile
from hub.project.form import secrets_in_clear, validate
from hub.project.identity import IdentityFile
from hub.project.models import HubFile, MappingFile, SchemaFile
from hub.project.own_schema import own_schema
from hub.project.packs import PackFile, pack_names, pack_path
from hub.project.project import Connection, MappedTable, Origin, Project
from hub.project.quality import QualityFile
from hub.project.quality_checks import shared_checks
from hub.project.recommendations import RecommendationsFile
from hub.project.remains import what_remains
from hub.project.scenario import Scenario
from hub.project.scores import Score
from hub.project.segments import SegmentFile
from hub.project.shared_steps import SharedSteps, written_out
from hub.project.sync import Sync
from hub.project.traits import TraitFile
from hub.project.yaml import Document, KeyPath
from hub.registry import Registry
from hub.schema import BUILT_IN, Schema
from hub.settings import Secrets

Form = TypeVar("Form", bound=BaseModel)
Origins = dict[tuple[str, ...], Origin]

FOLDERS = ("mappings", "traits", "segments", "scores", "steps", "scenarios", "syncs", "templates")
PAGES = Path(__file__).parents[2] / "mappings" / "pages.yaml"
"""The mapping of what people do on the hub's own pages."""
REFUSALS = PAGES.with_name("refusals.yaml")
"""The mapping of those who refuse a channel by answering to a message."""
ANY_NAME = "*"
"""Stands among the lost names where nobody knows which they are."""
SHORTEST_SECRET = 4
"""Values looked up for `${NAME}` that are at least so long are taken out of every message."""


@dataclass(frozen=True)
class Reading:
    """What could be read of a project, and what is wrong with it; with problems, it is to be checked and not to run."""

    project: Project
    problems: tuple[Problem, ...]
    unread: frozenset[str]
    """The kinds of files of which at least one has mistakes of form."""
    lost: frozenset[str]
    """The names of traits, scores and segments that are written, and could not be read."""
    left_out: frozenset[tuple[str, int, int]]
    """Places in files at and around which something wrong was left out: what is told of them may follow from that."""


def load_project(folder: Path, registry: Registry | None = None) -> Project:
    """Read and check the project in `folder`. Raises ConfigurationError with every mistake in every file."""
    reading = read_project(folder, registry or Registry())
    if reading.problems:
        raise ConfigurationError(reading.problems)
    return reading.project


def read_project(folder: Path, registry: Registry) -> Reading:
    """Read as much of the project in `folder` as is right. Raises ConfigurationError where there is none."""
    return _Reading(folder.resolve(), registry).reading()


def load_schema(folder: Path) -> Schema:
    """Read the shared schema with what schema.yaml adds, and nothing else of the project."""
    reading = _Reading(folder.resolve(), Registry())
    schema = reading.schema()
    if reading.problems:
        raise ConfigurationError(reading.problems)
    return schema


class _Reading:
    """Collects what the files say, and what is wrong with them."""

    def __init__(self, folder: Path, registry: Registry) -> None:
        self.folder = folder
        self.registry = registry
        self.problems: list[Problem] = []
        self.origins: Origins = {}
        self.secret_values: list[str] = []
        self.lost: set[str] = set()
        self.left_out: set[tuple[str, int, int]] = set()
        self.unread: set[str] = set()
        """The kinds of files of which at least one has mistakes of form: what they would give is not known."""

    def reading(self) -> Reading:
        if not (self.folder / "hub.yaml").is_file():
            raise ConfigurationError(
                "no such file: a project is a folder with a hub.yaml. Make one with `hub init NAME`, or say where it "
                "is with --project",
                file=self.folder / "hub.yaml",
            )
        try:
            secrets = Secrets(self.folder)
        except ValidationError as error:
            raise ConfigurationError(
                [
                    Problem("environment", 0, 0, f"HUB_{str(entry['loc'][-1]).upper()} is wrong: {entry['msg']}")
                    for entry in error.errors(include_url=False, include_input=False)
                ]
            ) from None
        hub = self._hub(secrets)
        key = (secrets.get("HUB_KEY") or "").encode()
        former = (secrets.get("HUB_FORMER_KEYS") or "").encode().split(b",")
        schema = self.schema()
        connections = self._connections(hub, key) if hub else {}
        quality = self._quality()
        traits = self._named("traits", "trait", TraitFile)
        segments = self._named("segments", "segment", SegmentFile)
        scores = self._single("scores", "score", Score)
        if hub is None:
            self.lost.add(ANY_NAME)
        self._packs(hub.packs if hub else (), {"trait": traits, "segment": segments, "score": scores})
        project = Project(
            folder=self.folder,
            hub=hub or HubFile(name=""),
            schema=schema,
            connections=connections,
            mappings=tuple(shared_checks(quality, self._mappings(connections))),
            traits=traits,
            segments=segments,
            scores=scores,
            scorers=self._scorers(scores),
            scenarios=self._scenarios(),
            syncs=self._single("syncs", "sync", Sync),
            identity=self._identity(),
            quality=quality,
            recommendations=self._recommendations(),
            consent_texts=self._consent_texts(),
            key=key,
            former_keys=tuple(one.strip() for one in former if one.strip()),
            origins=self.origins,
        )
        self._misnamed_folders()
        declared = self._declared_connections()
        crossing = cross_checks(project, declared, declared == set(connections), self.unread)
        self.problems += [it for it in crossing if (it.file, it.line, it.column) not in self.left_out]
        return Reading(
            project,
            tuple(self._without_secrets(problem) for problem in dict.fromkeys(self.problems)),
            frozenset(self.unread),
            frozenset(self.lost),
            frozenset(self.left_out),
        )

    def _without_secrets(self, problem: Problem) -> Problem:
        message = problem.message
        for value in self.secret_values:
            message = message.replace(value, "***")
        return replace(problem, message=message)

    def _hub(self, secrets: Secrets) -> HubFile | None:
        document = self._document("hub.yaml")
        document, problems, values = yaml.substitute(document, secrets.get)
        self.problems += problems
        self.secret_values += [value for value in values if len(value) >= SHORTEST_SECRET]
        self.origins["hub",] = Origin(document, ())
        return self._form(HubFile, document)

    def _declared_connections(self) -> set[str]:
        declared = self.origins["hub",].document.get(("connections",))
        return {str(name) for name in declared} if isinstance(declared, dict) else set()

    def _connections(self, hub: HubFile, key: bytes) -> dict[str, Connection]:
        document = self.origins["hub",].document
        try:
            _ = self.registry.plugins
        except PluginError as error:
            self.problems += [document.at_key(("connections",), problem.message) for problem in error.problems]
            return {}
        found = {}
        for name, entry in hub.connections.items():
            self.origins["connection", name] = Origin(document, ("connections", name))
            connection = self._connection(name, entry, document, hub.public_url or "", key)
            if connection is not None:
                found[name] = connection
        return found

    def _connection(
        self, name: str, entry: Mapping[str, Any], document: Document, public_url: str, key: bytes
    ) -> Connection | None:
        path = ("connections", name)
        if "plugin" not in entry:
            installed = ", ".join(self.registry.plugins)
            message = f"say which plugin connects to '{name}': {{plugin: ...}}. Installed: {installed}"
            self.problems.append(document.at_key(path, message))
            return None
        try:
            plugin = self.registry.get(str(entry["plugin"]))
        except PluginError as error:
            self.problems += [document.at_value((*path, "plugin"), problem.message) for problem in error.problems]
            return None
        for place, value in secrets_in_clear(plugin.config_model, document, path):
            self.secret_values.append(value)
            variable = f"{name}_{place[-1]}".upper().replace("-", "_")
            self.problems.append(
                document.at_value(
                    place,
                    f'{place[-1]} is a secret, and secrets are not written in YAML: write "${{{variable}}}" and set '
                    f"{variable} in the environment, in .env, or in the secrets folder",
                )
            )
        values = {key: value for key, value in entry.items() if key != "plugin"}
        config, problems = validate(plugin.config_model, document, path, values)
        self.problems += problems
        where = Place(name, self.folder, key, public_url)
        return Connection(name, plugin, config, where) if config is not None else None

    def schema(self) -> Schema:
        if not (self.folder / "schema.yaml").is_file():
            return BUILT_IN
        document = self._document("schema.yaml")
        form = self._form(SchemaFile, document)
        if form is None or "schema.yaml" in self.unread:
            return BUILT_IN
        schema, problems = own_schema(form, document)
        self.problems += problems
        return schema

    def _identity(self) -> IdentityFile:
        if not (self.folder / "identity.yaml").is_file():
            return IdentityFile()
        document = self._document("identity.yaml")
        self.origins["identity",] = Origin(document, ())
        return self._form(IdentityFile, document) or IdentityFile()

    def _consent_texts(self) -> ConsentTextsFile | None:
        if not (self.folder / "consent-texts.yaml").is_file():
            return None
        document = self._document("consent-texts.yaml")
        self.origins["consent_texts",] = Origin(document, ())
        return self._form(ConsentTextsFile, document) or ConsentTextsFile(texts={})

    def _quality(self) -> QualityFile:
        if not (self.folder / "quality.yaml").is_file():
            return QualityFile()
        document = self._document("quality.yaml")
        self.origins["quality",] = Origin(document, ())
        return self._form(QualityFile, document) or QualityFile()

    def _recommendations(self) -> RecommendationsFile | None:
        if not (self.folder / "recommendations.yaml").is_file():
            return None
        document = self._document("recommendations.yaml")
        self.origins["recommendations",] = Origin(document, ())
        return self._form(RecommendationsFile, document)

    def _mappings(self, connections: Mapping[str, Connection]) -> Iterator[MappedTable]:
        mapped: set[str] = set()
        for path, document in self._documents("mappings"):
            connection = document.get(("connection",))
            mapped.add(str(connection))
            yield from self._mapped_tables(path, document)
        for name, connection in connections.items():
            default = connection.plugin.default_mapping
            if default is not None and name not in mapped:
                document, problems = yaml.read(default, f"{connection.plugin.name}: {default.name}")
                self.problems += problems
                if isinstance(document.value, dict):
                    document = replace(document, value={**document.value, "connection": name})
                yield from self._mapped_tables(default, document, of_plugin=True)
        for name, connection in connections.items():
            destination = issubclass(connection.plugin, Destination)
            takes_answers = destination and connection.plugin.receives()
            for file, holds in ((PAGES, destination and connection.place.public_url), (REFUSALS, takes_answers)):
                if holds:
                    document, problems = yaml.read(file, f"hub: {file.name}")
                    self.problems += problems
                    document = replace(document, value={**document.value, "connection": name})
                    yield from self._mapped_tables(file, document, of_plugin=True)

    def _mapped_tables(self, path: Path, document: Document, of_plugin: bool = False) -> Iterator[MappedTable]:
        form = self._form(MappingFile, document)
        if form is None:
            return
        lookups = {
            name: self._lookup(document, name, values) if isinstance(values, str) else _texts(values)
            for name, values in form.lookups.items()
        }
        seen: dict[str, int] = {}
        for position, (target, mapping) in enumerate(form.tables):
            several = isinstance(document.get((target,)), list)
            place = (target, seen.get(target, 0)) if several else (target,)
            seen[target] = seen.get(target, 0) + 1
            self.origins["mapping", str(path), str(position)] = Origin(document, place)
            yield MappedTable(path, form.connection, target, mapping, lookups, position, of_plugin=of_plugin)

    def _lookup(self, document: Document, name: str, file: str) -> dict[str, str | None]:
        """Read a translation list from a CSV file of the project."""
        place = ("lookups", name)
        path = (self.folder / file).resolve()
        if not path.is_relative_to(self.folder):
            self.problems.append(document.at_value(place, f"{file} lies outside the project: copy it into the project"))
            return {}
        try:
            with path.open(encoding="utf-8-sig", newline="") as lines:
                rows = [row for row in csv.reader(lines, strict=True) if row]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not CSV in UTF-8"
            self.problems.append(document.at_value(place, f"the list {file} can't be read: {reason}"))
            return {}
        wrong = next((number for number, row in enumerate(rows, 1) if len(row) != 2), None)
        if wrong is not None or not rows:
            what = f"row {wrong} has {len(rows[wrong - 1])} columns" if wrong else "it is empty"
            self.problems.append(document.at_value(place, f"the list {file} needs two columns: {what}"))
            return {}
        return {key: value or None for key, value in rows[1:]}

    def _named(self, folder: str, kind: str, model: type[TraitFile] | type[SegmentFile]) -> dict[str, Any]:
        """Read the files that hold many things by name, such as traits."""
        found: dict[str, Any] = {}
        for _, document in self._documents(folder):
            form = self._form(model, document)
            for name, thing in getattr(form, folder).items() if form else ():
                self._keep(kind, name, thing, Origin(document, (folder, name)), found)
            written = document.get((folder,))
            self.lost |= {str(it) for it in written} if isinstance(written, dict) else {ANY_NAME}
        self.lost -= found.keys()
        return found

    def _single(self, folder: str, kind: str, model: type[Form]) -> dict[str, Form]:
        """Read the files that hold one thing each, such as a scenario."""
        found: dict[str, Form] = {}
        for _, document in self._documents(folder):
            form = self._form(model, document)
            if form is not None:
                self._keep(kind, getattr(form, kind), form, Origin(document, ()), found)
            elif kind == "score":
                self.lost.add(str(document.get((kind,)) or ANY_NAME))
        return found

    def _scenarios(self) -> dict[str, Scenario]:
        """Read the scenarios, with the steps that they share written out."""
        shared = self._single("steps", "shared_steps", SharedSteps)
        documents = {name: self.origins["shared_steps", name].document for name in shared}
        found: dict[str, Scenario] = {}
        for _, document in self._documents("scenarios"):
            whole, problems = written_out(document, documents)
            if problems:
                # where a file of shared steps has mistakes, those are told already
                self.problems += [] if "steps" in self.unread else problems
                self.unread.add("scenarios")
                continue
            scenario = self._form(Scenario, whole)
            if scenario is not None:
                self._keep("scenario", scenario.scenario, scenario, Origin(whole, ()), found)
        return found

    def _scorers(self, scores: dict[str, Score]) -> dict[str, Scorer]:
        """Find the scorers that scores name; most projects have none, and load no plugin for it.

        A score that has none, or gives it wrong options, is taken out.
        """
        found = {}
        for name, by in {name: score.by for name, score in scores.items() if score.by is not None}.items():
            known = self.registry.scorers
            if by in known:
                found[by] = known[by]
                wrong = self._wrong_options(scores[name], known[by])
                self.problems += wrong
                if wrong:
                    self._lose(name, scores)
                continue
            remedy = suggest(by, known) or f" Installed: {', '.join(known) or 'none'}."
            message = f"no scorer '{by}' is installed.{remedy}"
            self.problems.append(self.origins["score", name].at_value("by", message=message))
            self._lose(name, scores)
        return found

    def _lose(self, name: str, scores: dict[str, Score]) -> None:
        del scores[name]
        self.lost.add(name)

    def _wrong_options(self, score: Score, scorer: Scorer) -> list[Problem]:
        if scorer.options is None:
            return []
        origin = self.origins["score", score.score]
        return validate(scorer.options, origin.document, (*origin.path, "options"), score.options)[1]

    def _packs(self, named: Sequence[str], found: Mapping[str, dict[str, Any]]) -> None:
        """Add what the packs say, and the packs that those need, but for what the project says itself."""
        known, hub = pack_names(), self.origins["hub",]
        if list(named) != (hub.document.get(("packs",)) or []):
            self.lost.add(ANY_NAME)
        for number, name in enumerate(named):
            if name not in known:
                message = f"there is no pack '{name}'.{suggest(name, known) or ' Packs: ' + ', '.join(known)}"
                self.problems.append(hub.at_value("packs", number, message=message))
                self.lost.add(ANY_NAME)
        waiting = [name for name in named if name in known]
        for name in waiting:
            document, problems = yaml.read(pack_path(name), f"pack {name}")
            self.problems += problems
            form = self._form(PackFile, document)
            if form is None:
                continue
            waiting += [needed for needed in form.needs if needed not in waiting]
            things: list[tuple[str, KeyPath, str, Any]] = [
                *(("trait", ("traits", it), it, trait) for it, trait in form.traits.items()),
                *(("segment", ("segments", it), it, segment) for it, segment in form.segments.items()),
                *(("score", ("scores", number), it.score, it) for number, it in enumerate(form.scores)),
            ]
            for kind, place, thing_name, thing in things:
                # traits and scores share their names
                others = [found["segment"]] if kind == "segment" else [found["trait"], found["score"]]
                if not any(thing_name in other for other in others):
                    self._keep(kind, thing_name, thing, Origin(document, place), found[kind])

    def _keep(self, kind: str, name: str, thing: Any, origin: Origin, found: dict[str, Any]) -> None:
        if name in found:
            first = self.origins[kind, name].at_key(kind, message="")
            path = origin.path or (kind,)
            self.problems.append(
                origin.document.at_key(
                    path, f"there is a {kind} '{name}' already, in {first.file}:{first.line}: rename one"
                )
            )
            return
        found[name] = thing
        self.origins[kind, name] = origin

    def _misnamed_folders(self) -> None:
        """Point at folders of YAML that are not read because of a slip in their name."""
        for path in sorted(self.folder.iterdir()):
            near = suggest(path.name, FOLDERS)
            if path.name not in FOLDERS and near and path.is_dir() and any(path.glob("*.yaml")):
                self.problems.append(Problem(f"{path.name}/", 0, 0, f"is not read.{near}"))

    def _documents(self, folder: str) -> Iterator[tuple[Path, Document]]:
        for path in sorted((self.folder / folder).glob("*")):
            if path.suffix == ".yml":
                self.problems.append(
                    Problem(f"{folder}/{path.name}", 0, 0, f"is not read: rename it to {path.stem}.yaml")
                )
            elif path.suffix == ".yaml" and not path.name.endswith(".cases.yaml"):
                yield path, self._document(f"{folder}/{path.name}")

    def _document(self, file: str) -> Document:
        document, problems = yaml.read(self.folder / file, file)
        self.problems += problems
        if document.value is None and not problems:
            remedy = "a project has a name at least: `name: ...`" if file == "hub.yaml" else "fill it or remove it"
            self.problems.append(Problem(file, 0, 0, f"is empty: {remedy}"))
        return document

    def _form(self, model: type[Form], document: Document) -> Form | None:
        """Make a model of a file, or of what remains of it without its mistakes, which are told."""
        form, problems = validate(model, document) if document.value is not None else (None, [])
        if form is None:
            self.problems += problems
            self.unread.add(document.file.partition("/")[0])
            form, left_out = what_remains(model, document.value)
            told = [document.at_value(path, "") for path in left_out]
            told += [document.at_key(path[:length], "") for path in left_out for length in range(1, len(path) + 1)]
            self.left_out |= {(it.file, it.line, it.column) for it in told}
        return form


def _texts(values: Mapping[str | int | bool, Any]) -> dict[str, str | None]:
    return {_text(key): None if value is None else _text(value) for key, value in values.items()}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
