"""A hub project: its folder, read and checked, as the stages use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from hub.contracts import (
    Channel,
    ConnectionConfig,
    Destination,
    DoNotContactRegister,
    Lookup,
    Notation,
    Place,
    Plugin,
    Scorer,
)
from hub.errors import Problem
from hub.law import Terms
from hub.project.calendar import Calendar
from hub.project.consent_terms import ConsentTextsFile, terms_of
from hub.project.identity import IdentityFile
from hub.project.models import HubFile, RowCheck, TableMapping
from hub.project.quality import QualityFile
from hub.project.recommendations import RecommendationsFile
from hub.project.scenario import Scenario
from hub.project.scores import Score
from hub.project.segments import Segment
from hub.project.sync import Sync
from hub.project.traits import Trait
from hub.project.yaml import Document, KeyPath
from hub.schema import Schema


@dataclass(frozen=True)
class Origin:
    """Where something is written: a file and the keys that lead to it."""

    document: Document
    path: KeyPath

    def at_key(self, *path: str | int | bool, message: str) -> Problem:
        """Tell a problem at a key below."""
        return self.document.at_key(self.path + path, message)

    def at_value(self, *path: str | int | bool, message: str, offset: int | None = None) -> Problem:
        """Tell a problem at a value below, `offset` columns into it."""
        return self.document.at_value(self.path + path, message, offset)


@dataclass(frozen=True)
class Connection:
    """One system that the project talks to."""

    name: str
    plugin: type[Plugin]
    config: ConnectionConfig = field(repr=False)
    place: Place

    def open(self) -> Plugin:
        """Make the plugin object."""
        return self.plugin(self.config, self.place)

    @property
    def notation(self) -> Notation:
        """How this system writes numbers and dates: iso, nl, be or us."""
        found: Notation = getattr(self.config, "notation", "iso")
        return found


@dataclass(frozen=True)
class MappedTable:
    """One mapping of the project: from a raw table of a connection to a table of the shared schema."""

    file: Path
    connection: str
    target: str
    mapping: TableMapping
    lookups: Mapping[str, Mapping[str, str | None]]
    position: int
    """Its place among the file's mappings: later ones may refer to what earlier ones map."""
    shared_checks: tuple[RowCheck, ...] = ()
    """What quality.yaml demands of each row, beside the mapping's own checks."""
    of_plugin: bool = False
    """Whether the plugin brings it: it may name columns that this system has never filled."""


@dataclass(frozen=True)
class Project:
    """Everything that the YAML of a project says, checked."""

    folder: Path
    hub: HubFile
    schema: Schema
    connections: Mapping[str, Connection]
    mappings: tuple[MappedTable, ...]
    traits: Mapping[str, Trait]
    segments: Mapping[str, Segment]
    scenarios: Mapping[str, Scenario]
    syncs: Mapping[str, Sync]
    identity: IdentityFile = field(default_factory=IdentityFile)
    quality: QualityFile = field(default_factory=QualityFile)
    recommendations: RecommendationsFile | None = None
    consent_texts: ConsentTextsFile | None = None
    """The words that people agree to; None where none are declared, and a yes need not name any."""
    scores: Mapping[str, Score] = field(default_factory=dict)
    scorers: Mapping[str, Scorer] = field(default_factory=dict, compare=False)
    """The scorers that scores name in `by:`."""
    reads: frozenset[str] | None = None
    """The traits that somebody reads, where only numbers are asked for: no other one is computed, and messages keep no
    content. None: everything is read."""
    key: bytes = field(repr=False, default=b"")
    """The signing key (HUB_KEY): the links in messages, and suppression hashes."""
    former_keys: tuple[bytes, ...] = field(repr=False, default=())
    """Keys that it replaced (HUB_FORMER_KEYS): links that they signed still open."""
    origins: Mapping[tuple[str, ...], Origin] = field(repr=False, compare=False, default_factory=dict)
    """Where things are written: ("trait", name), ("segment", name), ("score", name), ("scenario", name),
    ("sync", name), ("identity",), ("quality",), ("recommendations",), ("consent_texts",), ("connection", name), and
    ("mapping", file, position)."""

    def origin(self, thing: MappedTable) -> Origin:
        """Say where a mapping is written."""
        return self.origins["mapping", str(thing.file), str(thing.position)]

    @property
    def state(self) -> Path:
        """The folder of what the hub keeps: warehouse, ledger, working files."""
        return self.folder / ".hub"

    @property
    def calendar(self) -> Calendar:
        """Its local days, and the public holidays of its locale's country."""
        return Calendar(self.hub.timezone, self.hub.locale.rpartition("-")[2])

    def takes_soft_opt_in(self, scenario: str) -> bool:
        """Say whether a soft opt-in can allow the messages of a scenario, as its file is now."""
        return scenario in self.scenarios and self.scenarios[scenario].own_similar_products

    @cached_property
    def terms(self) -> Terms:
        """What a yes must meet to be consent."""
        return terms_of(self.hub.consent, self.consent_texts, self.hub.timezone)

    @property
    def lake(self) -> str:
        """The lake's folder or URL."""
        return self.hub.lake if "://" in self.hub.lake else str((self.folder / self.hub.lake).resolve())

    @property
    def lake_copies(self) -> Path:
        """The folder for what a run reads of a lake on a server."""
        return self.state / "lake"

    @property
    def templates(self) -> Path:
        """The folder of the templates."""
        return self.folder / "templates"

    @property
    def destinations(self) -> tuple[Connection, ...]:
        """The connections that messages and audiences go to."""
        return tuple(c for c in self.connections.values() if issubclass(c.plugin, Destination))

    @property
    def lookups(self) -> tuple[Connection, ...]:
        """The connections that know more about organisations."""
        return tuple(c for c in self.connections.values() if issubclass(c.plugin, Lookup))

    @property
    def registers(self) -> tuple[Connection, ...]:
        """The connections that know who must not be contacted."""
        return tuple(c for c in self.connections.values() if issubclass(c.plugin, DoNotContactRegister))

    def channel(self, channel: Channel) -> Connection | None:
        """Return the connection that sends a channel, if there is one."""
        if channel in self.hub.channels:
            return self.connections[self.hub.channels[channel]]
        for connection in self.destinations:
            plugin = connection.open()
            if isinstance(plugin, Destination) and plugin.capabilities.channel == channel:
                return connection
        return None
