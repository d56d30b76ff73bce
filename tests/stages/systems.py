"""Systems that are read and written: each keeps records, says when one changed, and not who changed it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from hub.contracts import Result, Row
from hub.lake import Lake
from hub.project.segments import Segment
from hub.project.sync import Sync
from hub.report import Report
from hub.stages.activate import bring_up_to_date
from hub.stages.enrich import enrich
from hub.stages.feedback import feedback
from hub.stages.map import map_loads
from hub.stages.resolve import resolve
from hub.stages.segment import segment
from hub.warehouse import Warehouse
from tests.stages import raw_lake
from tests.stages.engagement import Recorder, RecorderConfig, Shop, shop_in

START = datetime(2026, 3, 1, 9, tzinfo=UTC)


@dataclass
class System:
    """One system: its records by key, what changed since it was last read, and how many rows it was sent."""

    name: str
    world: Systems
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    rows_sent: int = 0

    def change(self, key: str, **fields: Any) -> None:
        """Change a record as one of its own users does."""
        self.world.tick()
        self.records.setdefault(key, {"id": key}).update(fields, updated_at=self.world.now)
        self.changed.add(key)

    def take(self, rows: Sequence[Row]) -> Sequence[Result]:
        """Take what the hub writes."""
        self.rows_sent += len(rows)
        for row in rows:
            self.change(row.key, **{name: self.as_kept(name, value) for name, value in row.fields.items()})
        return [Result(row.key, "accepted") for row in rows]

    def as_kept(self, name: str, value: Any) -> Any:
        """Give a value in the form in which this system keeps it."""
        return value

    def load(self) -> None:
        """Land what changed since the last time."""
        if self.changed:
            self.world.loads += 1
            rows = [self.records[key] for key in sorted(self.changed)]
            raw_lake.load(self.world.folder, self.name, f"{self.world.loads}.0", contacts=rows)
        self.changed = set()


@dataclass
class Systems:
    """A hub between systems, and days that go by."""

    shop: Shop
    folder: Path
    now: datetime = START
    loads: int = 0
    systems: dict[str, System] = field(default_factory=dict)

    def tick(self) -> None:
        self.now += timedelta(minutes=1)

    def run(self) -> dict[str, Report]:
        """Land, map, and bring everything up to date."""
        self.tick()
        for system in self.systems.values():
            system.load()
        its, project = self.shop, self.shop.project
        stores = (its.warehouse, its.ledger, project, self.now)
        reports = {"map": map_loads(its.warehouse, project, Lake(self.folder), self.now)}
        assert reports["map"].failures == (), reports["map"].failures
        reports["resolve"] = resolve(*stores)
        reports["feedback"] = feedback(*stores)
        reports["enrich"] = enrich(its.warehouse, project, self.now)
        reports["segment"] = segment(its.warehouse, project, self.now)
        reports["activate"] = bring_up_to_date(*stores, list(project.syncs.values()))
        return reports

    def rows_sent(self) -> int:
        """Say how many rows were sent since the last time."""
        sent = sum(system.rows_sent for system in self.systems.values())
        for system in self.systems.values():
            system.rows_sent = 0
        return sent

    def with_mappings(self, *texts: str) -> Systems:
        """Give the same world with other mappings."""
        mappings = tuple(one for text in texts for one in raw_lake.mapped(text))
        return replace(self, shop=self.shop.with_(mappings=mappings))


@contextmanager
def systems(
    folder: Path, warehouse: Warehouse, mappings: Sequence[str], syncs: Sequence[Mapping[str, Any]], kind: type[System]
) -> Iterator[Systems]:
    """Open a hub between the systems that the mappings read."""
    mapped = [one for text in mappings for one in raw_lake.mapped(text)]
    names = list(dict.fromkeys(yaml.safe_load(text)["connection"] for text in mappings))
    configured = {name: RecorderConfig(syncs=True) for name in names}
    its = [Sync.model_validate({"guards": {"removes": "100%"}, **sync}) for sync in syncs]
    segments = {"all": Segment(where="true")}
    with shop_in(folder, warehouse, scenarios=[], segments=segments, syncs=its, connections=configured) as shop:
        world = Systems(shop.with_(mappings=tuple(mapped)), folder / "lake")
        for name in names:
            world.systems[name] = kind(name, world)
            shop.answer(name, world.systems[name].take)
        yield world
    Recorder.answers.clear()
