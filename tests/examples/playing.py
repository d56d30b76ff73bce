"""An example project on a simulated calendar: its own data, real runs at local times, and what came out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from examples.postbox import Postbox, Received, new_secret, tell
from hub import pipeline
from hub.project.load import load_project
from hub.warehouse import open_warehouse

EXAMPLES = Path(__file__).parents[2] / "examples"
ZONE = ZoneInfo("Europe/Amsterdam")


@dataclass(frozen=True)
class Sent:
    """A message that was queued: when by the clock on the wall, to whom, by which template and channel."""

    at: str
    to: str
    template: str
    channel: str


@dataclass(frozen=True)
class Example:
    """A copy of an example, played in a folder of its own, and the postbox that its messages go to."""

    folder: Path
    postbox: Postbox

    def run(self, local: str) -> dict[str, int]:
        """Walk the whole pipeline as of a moment on the wall; give what `decide` counted.

        That a mailbox does not exist is told, and is meant to be here; no other failure is.
        """
        report = pipeline.run(load_project(self.folder), moment(local))
        assert [one for one in report.failures if "no such address" not in one] == []
        (decided,) = (one for one in report.reports if one.stage == "decide")
        return dict(decided.counts)

    def add(self, file: str, *lines: str) -> None:
        """Let a system bring another file."""
        (self.folder / "data" / file).write_text("\n".join(lines) + "\n", encoding="utf-8")

    def ask(self, statement: str) -> list[Mapping[str, Any]]:
        """Answer SQL from the warehouse."""
        project = load_project(self.folder)
        warehouse = open_warehouse(project.hub.engine, project.schema, project.state)
        try:
            found: pa.Table = warehouse.query(statement)
            return found.to_pylist()
        finally:
            warehouse.close()

    def sent(self, scenario: str, name: str = "") -> list[Sent]:
        """What a scenario sent, to everybody or to the person with this given name, in order."""
        rows = self.ask(f"""
            select d."at", p.given_name, d.template, d.channel from decision d
            join source_record r on r.record_id = d.record_id join person p on p.person_id = r.person_id
            where d.outcome = 'queued' and d.scenario = '{scenario}' and p.given_name like '{name or "%"}'
            order by d."at", p.given_name
        """)
        return [
            Sent(
                f"{row['at'].astimezone(ZONE):%Y-%m-%d %H:%M}",
                str(row["given_name"]),
                str(row["template"]),
                str(row["channel"]),
            )
            for row in rows
        ]

    def refused(self, scenario: str, name: str) -> list[str]:
        """Why a scenario's messages to a person did not go."""
        rows = self.ask(f"""
            select coalesce(d.failed, d.reason) as why from decision d
            join source_record r on r.record_id = d.record_id join person p on p.person_id = r.person_id
            where d.scenario = '{scenario}' and p.given_name = '{name}'
                and (d.outcome <> 'queued' or d.failed is not null)
            order by 1
        """)
        return [str(row["why"]) for row in rows]

    def ways(self, scenario: str, name: str) -> list[tuple[str, str | None]]:
        """How each way of a person through a scenario stands: status and reason."""
        rows = self.ask(f"""
            select e.status, e.reason from enrolment e
            join source_record r on r.record_id = e.record_id join person p on p.person_id = r.person_id
            where e.scenario = '{scenario}' and p.given_name = '{name}' order by e.entered_at
        """)
        return [(str(row["status"]), row["reason"]) for row in rows]

    def members(self, segment: str) -> list[str]:
        """The given names of those who are in a segment."""
        rows = self.ask(f"""
            select p.given_name from membership m join person p on p.person_id = m.person_id
            where m.segment = '{segment}' order by 1
        """)
        return [str(row["given_name"]) for row in rows]

    def mails(self, to: str) -> list[Received]:
        """What arrived at an address."""
        return [one for one in self.postbox.received if one.to == to]

    @property
    def letters(self) -> Sequence[Path]:
        """The letters that wait for the printer."""
        return sorted((self.folder / "out" / "letters").glob("*.pdf"))


def moment(local: str) -> datetime:
    """Read a time on the wall in Amsterdam."""
    return datetime.fromisoformat(local).replace(tzinfo=ZONE).astimezone(UTC)


@contextmanager
def example(name: str, folder: Path, engine: str = "duckdb") -> Iterator[Example]:
    """Copy an example into a folder, and open the postbox that it sends to."""
    ignored = shutil.ignore_patterns(".hub", "lake", "out", ".env", "__pycache__")
    copy = shutil.copytree(EXAMPLES / name, folder / name, ignore=ignored)
    secret = new_secret()
    with Postbox(secret) as postbox, pytest.MonkeyPatch.context() as patch:
        tell(copy, postbox.url, secret)
        patch.setenv("HUB_ENGINE", engine)
        yield Example(copy, postbox)
        assert postbox.doubles == 0, "a message was sent twice"
