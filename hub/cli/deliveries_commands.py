"""`hub deliveries ...`: the commands and their options."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.answer import answer
from hub.cli.options import AsOf, Json, Project

deliveries = typer.Typer(
    help="Look at single messages on their way out, and decide about those that wait for a person.",
    no_args_is_help=True,
)

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Messages by their ids, or the beginnings of them.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason; it is kept with the message.")]


@deliveries.command("list")
def list_deliveries(
    state: Annotated[
        str | None, typer.Option("--state", metavar="STATE", help="Only these: unknown, queued, rejected, ...")
    ] = None,
    connection: Annotated[str, typer.Option("--connection", metavar="NAME", help="Only by this connection.")] = "",
    scenario: Annotated[str, typer.Option("--scenario", metavar="NAME", help="Only of this scenario.")] = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many at most.")] = 50,
    project: Project = None,
    json: Json = False,
) -> None:
    """List messages with their states and reasons, those that changed last first."""
    from hub.cli.deliveries import list_ as work

    answer(json, lambda: work(project, state, connection, scenario, limit))


@deliveries.command("show")
def show_delivery(
    message: Annotated[str, typer.Argument(metavar="ID", help="The message by its id, or the beginning of it.")],
    project: Project = None,
    json: Json = False,
) -> None:
    """Show one message and every attempt to send it."""
    from hub.cli.deliveries import show as work

    answer(json, lambda: work(project, message))


@deliveries.command("settle")
def settle_deliveries(
    messages: Ids,
    why: Why,
    sent: Annotated[bool, typer.Option("--sent/--not-sent", help="What you found out at the provider.")],
    project: Project = None,
    json: Json = False,
) -> None:
    """Say what became of unknown messages: they were sent, or they were not."""
    from hub.cli.deliveries import settle as work

    answer(json, lambda: work(project, messages, sent, why))


@deliveries.command("retry")
def retry_deliveries(messages: Ids, why: Why, project: Project = None, json: Json = False) -> None:
    """Send messages again that are unknown, or wait for a later attempt; the next run does it."""
    from hub.cli.deliveries import retry as work

    answer(json, lambda: work(project, messages, why))


@deliveries.command("cancel")
def cancel_deliveries(messages: Ids, why: Why, project: Project = None, json: Json = False) -> None:
    """Take queued messages back: they are not sent."""
    from hub.cli.deliveries import cancel as work

    answer(json, lambda: work(project, messages, why))


@deliveries.command("send")
def send_deliveries(as_of: AsOf = None, project: Project = None, json: Json = False) -> None:
    """Send what is due, as one more sender beside those that are at work."""
    from hub.cli.deliveries import send as work

    answer(json, lambda: work(project, as_of))
