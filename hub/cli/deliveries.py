"""`hub deliveries`: look at single messages on their way out, and decide about those that wait for a person.

A message becomes `unknown` when it was sent and no answer came. Where the provider does not take the same id once,
only a person can find out what became of it: `settle` writes that down, `retry` sends it again. Each such step keeps
who did it and why, as the reason of the message.
"""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from hub.cli.answer import Answer
from hub.cli.project import moment, open_project
from hub.errors import ConfigurationError, suggest

if TYPE_CHECKING:
    from rich.console import Console

    from hub.ledger import Ledger, Queued, State

SHOWN = 12
"""So many characters of an id are enough to name a message."""


def list_(folder: Path | None, state: str | None, connection: str, scenario: str, limit: int) -> Answer:
    """List messages; those that changed last come first."""
    from hub.ledger import State, reading_ledger

    states: tuple[State, ...] = get_args(State)
    if state is not None and state not in states:
        raise ConfigurationError(f"there is no state '{state}'.{suggest(state, states)} States: {', '.join(states)}.")
    wanted = [known for known in states if known == state]
    project = open_project(folder)
    with reading_ledger(project.hub.ledger, project.state) as ledger:
        found = ledger.outbox.listed(wanted, connection, scenario, limit) if ledger is not None else []
    return Answer([asdict(message) for message in found], lambda console: _table(console, found, limit))


def show(folder: Path | None, id_: str) -> Answer:
    """Show one message and every attempt to send it."""
    from hub.ledger import reading_ledger

    project = open_project(folder)
    with reading_ledger(project.hub.ledger, project.state) as ledger:
        if ledger is None:
            raise ConfigurationError("there are no messages yet: `hub run` decides and sends them")
        message = _named(ledger, id_)
        attempts = ledger.outbox.attempts(message.id)
    data = {**asdict(message), "tried": [asdict(attempt) for attempt in attempts]}
    return Answer(data, lambda console: _one(console, data))


def settle(folder: Path | None, ids: Sequence[str], sent: bool, why: str) -> Answer:
    """Write down what became of messages that nobody knew about: they were sent, or they were not."""
    to: State = "accepted" if sent else "rejected"
    return _move(folder, ids, ("unknown",), to, "settled", why)


def retry(folder: Path | None, ids: Sequence[str], why: str) -> Answer:
    """Queue messages again that nobody knows about, or that wait for a later attempt: the next run sends them."""
    return _move(folder, ids, ("unknown", "queued"), "queued", "to be sent again", why)


def cancel(folder: Path | None, ids: Sequence[str], why: str) -> Answer:
    """Take queued messages back: they are not sent."""
    return _move(folder, ids, ("queued",), "cancelled", "cancelled", why)


def send(folder: Path | None, as_of: str | None) -> Answer:
    """Send what is due, beside a run and beside other senders: each message is one sender's."""
    from hub.ledger import open_ledger
    from hub.stages.activate.messages import send_messages
    from hub.warehouse import open_warehouse

    project = open_project(folder)
    warehouse = open_warehouse(project.hub.engine, project.schema, project.state)
    try:
        ledger = open_ledger(project.hub.ledger, project.state)
        try:
            counts, failures = send_messages(warehouse, ledger, project, moment(as_of, project))
        finally:
            ledger.close()
    finally:
        warehouse.close()
    data = {"messages": {name: number for name, number in counts.items() if number}, "failures": failures}
    return Answer(data, lambda console: _sent(console, data), 1 if failures else 0)


def _move(folder: Path | None, ids: Sequence[str], allowed: Sequence[State], to: State, what: str, why: str) -> Answer:
    """Move messages to a state, all of them or none."""
    from hub.ledger import open_ledger

    if not why.strip():
        raise ConfigurationError("say why with --why: it is kept with the message")
    project = open_project(folder)
    ledger = open_ledger(project.hub.ledger, project.state)
    try:
        messages = {message.id: message for message in (_named(ledger, id_) for id_ in ids)}
        wrong = [message for message in messages.values() if message.state not in allowed]
        if wrong:
            listed = ", ".join(f"{message.id[:SHOWN]} is {message.state}" for message in wrong)
            raise ConfigurationError(f"only messages that are {' or '.join(allowed)} can be {what}: {listed}")
        reason = f"{what} by {getpass.getuser()}: {why.strip()}"
        ledger.outbox.override(list(messages), allowed, to, reason, moment(None, project))
    finally:
        ledger.close()
    data = {"messages": list(messages), "state": to, "reason": reason}
    many = f"{len(messages)} message{'s' if len(messages) > 1 else ''}"
    return Answer(data, lambda console: console.print(f"{many} {what}.", markup=False))


def _named(ledger: Ledger, id_: str) -> Queued:
    found = ledger.outbox.find(id_)
    if len(found) != 1:
        told = "several messages have an id that begins with" if found else "there is no message"
        raise ConfigurationError(f"{told} '{id_}': `hub deliveries list` shows the ids")
    return found[0]


def _table(console: Console, messages: Sequence[Queued], limit: int) -> None:
    from rich.table import Table
    from rich.text import Text

    if not messages:
        console.print("No such messages.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("id", "state", "by", "scenario", "step", "queued (UTC)", "reason"):
        table.add_column(heading, overflow="fold")
    for message in messages:
        cells = (message.id[:SHOWN], message.state, message.connection, message.scenario, message.step)
        table.add_row(*cells, f"{message.queued_at:%Y-%m-%d %H:%M}", Text(message.reason or ""))
    console.print(table)
    if len(messages) == limit:
        console.print(f"The last {limit}; more with --limit.", style="dim")


def _sent(console: Console, data: dict[str, Any]) -> None:
    told = ", ".join(f"{name} {number:,}" for name, number in data["messages"].items())
    console.print(told or "Nothing is due.", markup=False)
    for failure in data["failures"]:
        console.print(f"failed: {failure}", style="red", markup=False)


def _one(console: Console, message: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    from hub.ledger.states import IN_WORDS

    table = Table.grid(padding=(0, 2))
    told = {**message, "state": f"{message['state']} ({IN_WORDS[message['state']]})"}
    for name, value in told.items():
        if name not in ("tried", "attempts") and value is not None:
            table.add_row(name, Text(f"{value:%Y-%m-%d %H:%M:%S}" if name.endswith("_at") else str(value)))
    console.print(table)
    for attempt in message["tried"]:
        end = ": ".join(filter(None, (attempt["status"], attempt["reason"])))
        console.print(f"  attempt {attempt['number']}  {attempt['at']:%Y-%m-%d %H:%M:%S}  {end}", markup=False)
