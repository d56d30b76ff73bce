"""kill -9 at every named step, again and again, and a judgement on what came of it.

    python -m tests.recovery.kill_test N [--seed WORD] [--postgres URL] [--out FILE]

A chain begins with a copy of a busy shop (`tests.recovery.mailroom`). A process walks a run, or plans an audience and
applies the plan, and is killed (SIGKILL) at a fail point; the next one goes on and is killed further on, and so forth:
at one to all of `hub.failpoints`, drawn from the seed. Then runs go on undisturbed, and the end is compared with that
of a shop where nothing was killed: what the provider, a process of its own, has taken and holds; every row of every
table of state; every message that nobody knows of.

Chains take turns on DuckDB with SQLite and on PostgreSQL. Processes are forked from one that has imported everything,
so a kill costs a run and not a start. The last line is JSON, and so is FILE after every chain, so that a run that is
broken off has counted what it did; the exit code says whether all was well.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Literal

import psycopg
import sqlalchemy as sa

from hub import failpoints, log
from hub.failpoints import ENGAGING
from tests.postgres import server
from tests.recovery.mailroom import OBJECTS, End, copy_account, finish, first_days, opened, plan_and_apply, run

PLAN = ("plan begun, not written", "override noted, nothing sent", "plan holds, nothing sent")
"""Points that only a plan and applying it reach."""
SYNC = (
    "run of a sync begun, nothing sent",
    "rows about to go",
    "rows taken, not noted",
    "rows sent, not acknowledged",
    "rows written, not committed",
    "rows acknowledged",
    "run of a sync told, not remembered",
)
"""Points that a run reaches, and a plan that is applied too."""
Walk = Literal["run", "plan"]
WALKS: Mapping[Walk, Sequence[str]] = {"run": [it for it in ENGAGING if it not in PLAN], "plan": (*PLAN, *SYNC)}
"""What a process does, and where it is killed, in the order in which it comes there."""

OFTEN = {"about to say sending", "sending, before the call", "sent, answer not written", "answer written"}
OFTEN |= {"rows about to go", "rows taken, not noted"}
"""Points that a process reaches more than once."""

ENGINES = ("duckdb", "postgresql")
AGAIN = 11 / (24 * 60)
"""Days until a run is started again: a destination that asked for ten minutes is tried again."""
LONGEST = 120
"""Seconds for a process, on a machine that has much else to do."""


@dataclass(frozen=True)
class Step:
    """One process of a chain: what it does, and where it is killed, the so manieth time that it comes there."""

    walk: Walk
    point: str
    times: int = 1


@dataclass
class Outcome:
    """What a number of kills came to. Lost, doubled and different must be nothing."""

    kills: int = 0
    chains: int = 0
    by_point: Counter[str] = field(default_factory=Counter)
    by_walk: Counter[str] = field(default_factory=Counter)
    by_engine: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    """How many messages the shops had sent, or were about to."""
    lost: int = 0
    doubled: int = 0
    unknown: int = 0
    """Messages without idempotency that were under way at a kill, of which nobody knows."""
    told: int = 0
    """How many of those the last report told."""
    different: list[str] = field(default_factory=list)
    """What ended otherwise than without a kill, by chain."""

    @property
    def ok(self) -> bool:
        """Say whether nothing was lost, doubled, kept back or changed."""
        return not (self.lost or self.doubled or self.different) and self.told == self.unknown


class Town:
    """A busy shop on one engine, before its third day, and as many copies of it as there are chains."""

    def __init__(self, engine: str, folder: Path, provider: str, postgres: str) -> None:
        self.engine = engine
        self._folder = folder / engine
        self._provider = provider
        self._postgres = postgres
        self._original = self._url("original")
        self._folder.mkdir()
        self._database(f"CREATE DATABASE {self._name('original')}")
        original = self._folder / "original"
        original.mkdir()
        must(lambda: first_days(original, self._original, self._account("original")))
        self.expected = self.chain("undisturbed", [])[1]

    def chain(self, name: str, steps: Sequence[Step]) -> tuple[list[Step], End]:
        """Kill a copy step by step, and go on; give the steps where it was killed, and the end."""
        folder = self._folder / name
        shutil.copytree(self._folder / "original", folder)
        self._database(f"CREATE DATABASE {self._name(name)} TEMPLATE {self._name('original')} STRATEGY file_copy")
        copy_account(self._account(name), f"{self.engine}-original")
        killed: list[Step] = []
        came_to_its_end: set[Walk] = set()
        day = 2.0
        for step in steps:
            if step.walk in came_to_its_end:
                continue  # what was left for it of the chain lies behind it
            if self._dies(folder, name, step, day):
                killed.append(step)
            else:
                came_to_its_end.add(step.walk)
            day += AGAIN if step.walk == "run" else 0.0
        end = folder / "end"
        must(lambda: end.write_bytes(pickle.dumps(finish(folder, self._url(name), self._account(name), day))))
        found = pickle.loads(end.read_bytes())
        shutil.rmtree(folder)
        self._database(f"DROP DATABASE {self._name(name)} WITH (FORCE)")
        return killed, found

    def _dies(self, folder: Path, name: str, step: Step, day: float) -> bool:
        def walk() -> None:
            failpoints.arm(f"{step.point}*{step.times}")
            with opened(folder, self._url(name), self._account(name)) as shop:
                (run if step.walk == "run" else plan_and_apply)(shop, day)

        return forked(walk) == -signal.SIGKILL

    def _account(self, name: str) -> str:
        return f"{self._provider}/{self.engine}-{name}"

    def _name(self, name: str) -> str:
        return f"kill_{name}"

    def _url(self, name: str) -> str:
        if self.engine == "duckdb":
            return "duckdb"
        return sa.make_url(self._postgres).set(database=self._name(name)).render_as_string(hide_password=False)

    def _database(self, statement: str) -> None:
        if self.engine == "postgresql":
            with psycopg.connect(self._postgres, autocommit=True) as connection:
                connection.execute(statement.encode())


def kill(
    outcome: Outcome, number: int, seed: str, postgres: str, folder: Path, tell: Callable[[Outcome], None]
) -> None:
    """Kill so many times, judge every chain, and write into the outcome what came of it."""
    with provider_process() as provider:
        import_all(lambda: first_days(folder, "duckdb", f"{provider}/warm"))
        gc.freeze()
        towns = [Town(engine, folder, provider, postgres) for engine in ENGINES]
        while outcome.kills < number:
            town = towns[outcome.chains % len(towns)]
            steps = drawn(seed, outcome.chains, len(towns))[: number - outcome.kills]
            killed, end = town.chain(f"chain{outcome.chains}", steps)
            judge(outcome, f"{town.engine}, seed {seed}, chain {outcome.chains}", town.expected, end)
            outcome.kills += len(killed)
            outcome.by_point.update(step.point for step in killed)
            outcome.by_walk.update(step.walk for step in killed)
            outcome.by_engine[town.engine] += len(killed)
            outcome.chains += 1
            tell(outcome)


def drawn(seed: str, chain: int, engines: int) -> list[Step]:
    """Draw the steps of a chain, those of each walk in its order; the first chain of each engine has them all."""
    steps = [Step(walk, point) for walk, points in WALKS.items() for point in points]
    if chain < engines:
        return steps
    draw = Random(f"{seed} {chain}")
    chosen = set(draw.sample(steps, draw.randint(1, len(steps))))
    turns = draw.sample([step.walk for step in steps if step in chosen], len(chosen))
    left = {walk: iter([step for step in steps if step in chosen and step.walk == walk]) for walk in WALKS}
    return [replace(step, times=_times(draw, step)) for step in (next(left[walk]) for walk in turns)]


def _times(draw: Random, step: Step) -> int:
    if step.point not in OFTEN:
        return 1
    return draw.randint(1, 4 if step.walk == "plan" else 2)


def judge(outcome: Outcome, where: str, expected: End, found: End) -> None:
    """Compare the end of a chain with the end of what nobody disturbed."""
    unknown = {id_ for id_, state in found.outbox.items() if state == "unknown"}
    lost = {id_ for _, id_ in set(expected.taken) - set(found.taken)} - unknown
    extra = Counter(found.taken) - Counter(expected.taken)
    outcome.messages += len(expected.outbox)
    outcome.lost += len(lost)
    outcome.doubled += extra.total()
    outcome.unknown += len(unknown)
    outcome.told += found.told
    different = [
        name
        for name in ("enrolments", "decisions", "consent", "audience", "suppressions", "reactions", "rows")
        if getattr(found, name) != getattr(expected, name)
    ]
    known = {id_: state for id_, state in found.outbox.items() if id_ not in unknown}
    if known != {id_: state for id_, state in expected.outbox.items() if id_ not in unknown}:
        different.append("outbox")
    acknowledged = {f"{OBJECTS[sync]}/{key}" for sync, key, _ in found.audience}
    if acknowledged != {place for place in found.rows if place.rpartition("/")[0] in OBJECTS.values()}:
        different.append("what is acknowledged")
    if lost or extra or different or found.told != len(unknown):
        outcome.different.append(
            f"{where}: lost {len(lost)}, doubled {extra.total()}, unknown {len(unknown)} of which {found.told} told; "
            f"other than expected: {', '.join(different) or 'nothing'}"
        )


def forked(walk: Callable[[], object]) -> int:
    """Do something in a process of its own; give how it ended, as subprocess does."""
    child = os.fork()
    if not child:
        signal.alarm(LONGEST)
        log.configure(level="error")
        try:
            walk()
        except BaseException:  # noqa: BLE001 (a child must not go on as if it were its parent)
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if ended not in (0, -signal.SIGKILL):
        raise RuntimeError(f"a process that should end or be killed ended with {ended}")
    return ended


def must(walk: Callable[[], object]) -> None:
    """Do something in a process of its own, which comes to its end."""
    if forked(walk):
        raise RuntimeError("a process that nobody was to kill was killed")


def import_all(walk: Callable[[], object]) -> None:
    """Import here what a process needs for its work: those that are forked afterwards have it already."""
    with tempfile.NamedTemporaryFile() as file:

        def listed() -> None:
            walk()
            Path(file.name).write_text("\n".join(sys.modules))

        must(listed)
        for name in Path(file.name).read_text().splitlines():
            with suppress(ImportError):
                importlib.import_module(name)


@contextmanager
def provider_process() -> Iterator[str]:
    """Start the provider in a process of its own; gives its address."""
    command = [sys.executable, "-m", "tests.recovery.provider"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


def main() -> int:
    """Kill as often as the command line says."""
    parser = argparse.ArgumentParser(description="kill -9 at every named step, and see that nothing is lost or doubled")
    parser.add_argument("number", type=int)
    parser.add_argument("--seed", default="schakel")
    parser.add_argument("--postgres", default="", help="a running server; one is started otherwise")
    parser.add_argument("--out", type=Path, help="a file that says after every chain what all of them came to")
    given = parser.parse_args()
    began = time.monotonic()

    def tell(outcome: Outcome) -> None:
        if sys.stderr.isatty():
            seconds = time.monotonic() - began
            sys.stderr.write(f"\r{outcome.kills} kills, {outcome.chains} chains in {seconds:.0f} s")
        if given.out is not None:
            fresh = given.out.with_suffix(".next")
            fresh.write_text(json.dumps(told(outcome, began)))
            fresh.replace(given.out)

    outcome = Outcome()
    try:
        with tempfile.TemporaryDirectory(prefix="kills-") as folder, ExitStack() as stack:
            postgres = given.postgres or stack.enter_context(server())
            kill(outcome, given.number, given.seed, postgres, Path(folder), tell)
    finally:
        print(json.dumps(told(outcome, began)))
    return 0 if outcome.ok else 1


def told(outcome: Outcome, began: float) -> dict[str, Any]:
    """Give an outcome with what it cost so far."""
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu, wall = sum(one.ru_utime + one.ru_stime for one in used), time.monotonic() - began
    return {**vars(outcome), "cpu_seconds": round(cpu, 1), "seconds": round(wall, 1)}


if __name__ == "__main__":
    sys.exit(main())
