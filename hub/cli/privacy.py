"""`hub people export | erase | erasures`: what is known of a person, letting go of it, and what came of that.

What is about to go is shown first, in numbers. Keys of records are shown to who sits at the screen, for what is left
to do by hand; they stand in no receipt and no log.
"""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.cli.answer import Answer
from hub.cli.project import open_project
from hub.cli.query import printable
from hub.errors import ConfigurationError, RejectedError
from hub.published import ask as ask_published

if TYPE_CHECKING:
    from rich.console import Console

    from hub.ledger import Erasure, Task
    from hub.privacy import Found, Outcome, Stores

STATES = {
    "pending": "still to do: the next run tries again",
    "sent": "the system took the request",
    "confirmed": "gone",
    "unsupported": "by hand",
    "refused": "kept by law",
}


def export(folder: Path | None, person: str, out: Path | None) -> Answer:
    """Gather everything about a person."""
    from hub.privacy import export as gather
    from hub.privacy import look

    with _stores(folder) as stores:
        people, at = _people(stores, [person]), _now()
        gathered = gather(stores, look(stores, people, at), at)
    if out is not None:
        _write(out, gathered)
    return Answer(gathered, partial(_show_export, gathered, out))


def erase(folder: Path | None, people: Sequence[str], why: str, by: str | None, yes: bool, show: bool) -> Answer:
    """Show what would go, ask, and let it go everywhere."""
    from hub.privacy import ask, go_on, look

    with _stores(folder) as stores:
        at = _now()
        found = look(stores, _people(stores, people), at)
        if not yes:
            if not (show and sys.stdin.isatty()):
                return Answer({"would_erase": _as_data(found), "erased": False}, partial(_show_found, found, True), 1)
            if not _agreed(found):
                return Answer({"would_erase": _as_data(found), "erased": False}, _nothing_done, 1)
        asked = ask(stores, found, by or getpass.getuser(), why, at)
        (outcome,) = [it for it in go_on(stores, at) if it.erasure.id == asked.id]
    return _answer(outcome)


def erasures(folder: Path | None, id_: str | None, done: str | None) -> Answer:
    """List the requests, show one with its receipt, or note that somebody did by hand what a system can't."""
    with _stores(folder) as stores:
        known = stores.ledger.erasures.listed()
        if id_ is None:
            tasks = {it.id: stores.ledger.erasures.tasks(it.id) for it in known}
            return Answer([_request(it, tasks[it.id]) for it in known], partial(_show_list, known, tasks))
        found = [it for it in known if it.id.startswith(id_)]
        if len(found) != 1:
            raise ConfigurationError(f"{len(found)} requests begin with '{id_}': `hub people erasures` lists them")
        if done is not None:
            _done_by_hand(stores, found[0], done)
        return _answer(_outcome(stores, found[0].id))


def readmit(folder: Path | None, value: str, why: str, by: str | None) -> Answer:
    """Let somebody come in again who was erased, and came back."""
    from hub.privacy import readmit as work

    with _stores(folder) as stores:
        lifted = work(stores, value, by or getpass.getuser(), why, _now())
    told = "It may come in again with the next load." if lifted else "Nobody who was erased is known by it."
    return Answer({"lifted": lifted}, lambda console: console.print(told, markup=False), 0 if lifted else 1)


@contextmanager
def _stores(folder: Path | None) -> Iterator[Stores]:
    from hub.pipeline import workspace
    from hub.privacy import Stores

    project = open_project(folder)
    with workspace(project) as open_:
        yield Stores(project, open_.lake, open_.warehouse, open_.ledger)


def _people(stores: Stores, named: Sequence[str]) -> list[int]:
    from hub.people.file import find_person

    return sorted({find_person(stores.project, partial(ask_published, stores.project), text) for text in named})


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _write(out: Path, gathered: Any) -> None:
    from hub.cli.answer import plain

    try:
        out.touch(mode=0o600, exist_ok=False)
        out.write_text(json.dumps(gathered, default=plain, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{out} can't be written: {error.strerror}") from None


def _agreed(found: Found) -> bool:
    from rich.console import Console
    from rich.prompt import Confirm

    console = Console(highlight=False)
    _show_found(found, False, console)
    return Confirm.ask("Erase all of it, for good?", console=console, default=False)


def _done_by_hand(stores: Stores, erasure: Erasure, place: str) -> None:
    from dataclasses import replace

    from hub.privacy import sign_again

    left = [it for it in stores.ledger.erasures.tasks(erasure.id) if it.place == place and it.state == "unsupported"]
    if not left:
        raise RejectedError(f"nothing is left to do by hand at '{place}'")
    for task in left:
        done = replace(task, state="confirmed", reason="by hand", rows=None)
        stores.ledger.erasures.settle(erasure.id, stores.key, done, _now())
    sign_again(stores, erasure, _now())


def _outcome(stores: Stores, id_: str) -> Outcome:
    from hub.privacy import Outcome, by_hand

    erasure = next(it for it in stores.ledger.erasures.listed() if it.id == id_)
    tasks = stores.ledger.erasures.tasks(id_, stores.keys)
    return Outcome(erasure, tuple(tasks), by_hand(tasks))


def _answer(outcome: Outcome) -> Answer:
    left = any(it.state in ("pending", "unsupported") for it in outcome.tasks)
    data = {
        **_request(outcome.erasure, outcome.tasks),
        "by_hand": {place: list(keys) for place, keys in outcome.by_hand},
        "receipt": json.loads(outcome.erasure.receipt) if outcome.erasure.receipt else None,
    }
    return Answer(data, partial(_show_outcome, outcome), 1 if left else 0)


def _request(erasure: Erasure, tasks: Sequence[Task]) -> dict[str, Any]:
    told = asdict(erasure)
    del told["receipt"]
    return {
        **told,
        "tasks": [{name: getattr(it, name) for name in ("place", "what", "number", "state", "reason")} for it in tasks],
    }


def _as_data(found: Found) -> dict[str, Any]:
    return {
        "people": found.people,
        "records": len(found.subject.records),
        "tables": found.tables,
        "raw": found.places,
        "systems": {f"{it.place}: {it.what}": it.number for it in found.tasks},
    }


def _nothing_done(console: Console) -> None:
    console.print("Nothing was erased.")


def _show_found(found: Found, hint: bool, console: Console) -> None:
    data = _as_data(found)
    whom = "One person" if found.people == 1 else f"{found.people} people"
    console.print(f"{whom}, {data['records']} records. What would go:", markup=False)
    for title, counted in (("here", data["tables"]), ("in the lake", data["raw"]), ("at systems", data["systems"])):
        for name, number in counted.items():
            console.print(f"  {title:<12} {name}: {number}", markup=False)
    if hint:
        console.print("Nothing was erased. Say --yes to erase it all, for good.")


def _show_outcome(outcome: Outcome, console: Console) -> None:
    erasure = outcome.erasure
    console.print(f"Request {erasure.id}, due {erasure.due_at:%Y-%m-%d}:", markup=False)
    for task in outcome.tasks:
        why = f" ({task.reason})" if task.reason else ""
        console.print(printable(f"  {task.place}: {task.what}: {STATES[task.state]}{why}"), markup=False)
    for place, keys in outcome.by_hand:
        console.print(printable(f"By hand at {place}: {', '.join(keys)}"), markup=False)
    if outcome.by_hand:
        console.print(f"When that is done: `hub people erasures {erasure.id[:8]} --done CONNECTION`", markup=False)
    for file in outcome.naming:
        console.print(printable(f"Still names them: {file}"), markup=False)
    if erasure.receipt:
        console.print(f"The receipt: `hub people erasures {erasure.id[:8]} --json`, under `receipt`.", markup=False)


def _show_export(gathered: dict[str, Any], out: Path | None, console: Console) -> None:
    from hub.cli.answer import plain

    if out is not None:
        console.print(f"Everything about the person is in {out}: give it to nobody else.", markup=False)
        return
    console.print_json(data=gathered, default=plain)


def _show_list(known: Sequence[Erasure], tasks: dict[str, list[Task]], console: Console) -> None:
    from rich.table import Table

    if not known:
        console.print("Nobody was erased yet.")
        return
    table = Table()
    for name in ("request", "asked", "due", "people", "by", "state"):
        table.add_column(name, overflow="fold")
    for erasure in known:
        states = [task.state for task in tasks[erasure.id]]
        left = [f"{states.count(state)} {STATES[state].partition(':')[0]}" for state in STATES if state in states]
        table.add_row(
            erasure.id[:8],
            f"{erasure.asked_at:%Y-%m-%d}",
            f"{erasure.due_at:%Y-%m-%d}",
            str(erasure.people),
            printable(erasure.by),
            ", ".join(left) or erasure.why,
        )
    console.print(table)
