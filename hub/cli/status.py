"""`hub status`: the last runs, what there is, what was set aside, messages by state, what was pushed, and the syncs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.cli.answer import Answer
from hub.cli.project import open_project
from hub.errors import ConfigurationError
from hub.published import ask

if TYPE_CHECKING:
    from rich.console import Console

    from hub.ledger import Ledger
    from hub.project import Project

RUNS = 5


def status(folder: Path | None) -> Answer:
    """Read the ledger and the published tables; changes nothing."""
    project = open_project(folder)
    data = {"project": project.hub.name, **_ledger(project), **_warehouse(project)}
    return Answer(data, lambda console: _show(console, data))


def _ledger(project: Project) -> dict[str, Any]:
    from hub.ledger import reading_ledger

    with reading_ledger(project.hub.ledger, project.state) as ledger:
        if ledger is None:
            return {"runs": [], "messages": {}, "waiting": {}, "left_alone": [], "inbox": []}
        runs = [
            {
                "run": run_id,
                "as_of": as_of,
                "stages": [report["stage"] for report in reports if not report["skipped"]],
                "failures": [failure for report in reports for failure in report["failures"]],
            }
            for run_id, as_of, reports in ledger.runs(RUNS)
        ]
        return {
            "runs": runs,
            "messages": ledger.outbox.counts(),
            "waiting": ledger.outbox.waiting(),
            "left_alone": [
                {**asdict(health), "told": health.told, "syncs": _to(project, health.connection)}
                for health in ledger.destinations.in_trouble()
            ],
            "inbox": _inbox(project, ledger),
        }


def _inbox(project: Project, ledger: Ledger) -> list[dict[str, Any]]:
    """Tell what was pushed and has not landed; what no connection takes any more is dead."""
    oldest = ledger.inbox.oldest()
    return [
        {"connection": name, "pushes": pushes, "since": oldest[name], "dead": name not in project.connections}
        for name, pushes in ledger.inbox.waiting().items()
    ]


def _warehouse(project: Project) -> dict[str, Any]:
    """Count the published rows; nothing is there before the first run."""
    names = [table.name for table in project.schema if table.mapped or table.group == "people"]
    counts = " UNION ALL ".join(f"SELECT '{name}' AS name, count(*) AS rows FROM \"{name}\"" for name in names)  # noqa: S608 - names of the schema
    aside = (
        "SELECT connection, target, reason, count(*) AS rows FROM quarantine GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3"
    )
    try:
        found = {row["name"]: row["rows"] for row in ask(project, counts).to_pylist() if row["rows"]}
        return {"tables": found, "quarantine": ask(project, aside).to_pylist(), **_going_out(project)}
    except ConfigurationError:
        return {"tables": {}, "quarantine": [], "syncs": [], "rows_waiting": {}}


def _going_out(project: Project) -> dict[str, Any]:
    """Tell of the syncs, and count the rows that scenarios posted and no system has taken yet, by connection."""
    waiting = "SELECT destination, count(*) AS rows FROM posted_row WHERE state = 'waiting' GROUP BY 1 ORDER BY 1"
    rows = {row["destination"]: row["rows"] for row in ask(project, waiting).to_pylist()}
    return {"syncs": _syncs(project), "rows_waiting": rows}


def _syncs(project: Project) -> list[dict[str, Any]]:
    """Tell how the last run of each sync ended; one that a guard holds stays so until somebody has looked."""
    last = (
        "SELECT r.sync, r.as_of, r.written, r.taken_out, r.failed, r.kept_back, r.invalid, r.held, r.reason "
        "FROM sync_run r JOIN (SELECT sync, max(number) AS number FROM sync_run GROUP BY sync) l "
        "ON l.sync = r.sync AND l.number = r.number ORDER BY r.sync"
    )
    return [row for row in ask(project, last).to_pylist() if row["sync"] in project.syncs]


def _to(project: Project, connection: str) -> list[str]:
    """Name the syncs that go to a connection."""
    return [name for name, sync in project.syncs.items() if sync.to.connection == connection]


def _left_alone(it: dict[str, Any], messages: int, rows: int) -> str:
    """Say what is wrong with a destination, since when, what waits for it, and when it is tried again."""
    syncs = ", ".join(it["syncs"])
    what = [_counted(messages, "message")] if messages or not (rows or syncs) else []
    what += [_counted(rows, "row")] if rows else []
    what += [f"sync{'s' if len(it['syncs']) > 1 else ''} {syncs}"] if syncs else []
    waits = "waits" if what in (["1 message"], ["1 row"], [f"sync {syncs}"]) else "wait"
    again = f"the first run after {it['until']:%Y-%m-%d %H:%M} UTC tries it again."
    return f"{it['told']}. {' and '.join(what)} {waits}; {again}"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _waiting_rows(data: dict[str, Any]) -> list[str]:
    """Say which posted rows wait for a destination that is not in trouble."""
    alone = {it["connection"] for it in data["left_alone"]}
    return [
        f"{rows:,} rows for {name} wait: the next run sends them."
        for name, rows in data["rows_waiting"].items()
        if name not in alone
    ]


def _pushed(it: dict[str, Any]) -> str:
    """Say how many pushes wait, since when, and what to do where nobody fetches them."""
    told = f"{it['pushes']:,} pushes for {it['connection']} wait since {it['since']:%Y-%m-%d %H:%M} UTC"
    if it["dead"]:
        return f"{told}: hub.yaml has no such connection any more. Put it back and run `hub run listen` to land them."
    return f"{told}: the next run lands them."


def _show(console: Console, data: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    console.print(data["project"], style="bold", markup=False)
    if not data["runs"]:
        console.print("No run yet: start one with `hub run`.")
    for run in data["runs"]:
        outcome = f"[red]{len(run['failures'])} failed[/]" if run["failures"] else "[green]ok[/]"
        stages = ", ".join(dict.fromkeys(run["stages"])) or "no news"
        console.print(f"  {run['run']}  as of {run['as_of']:%Y-%m-%d %H:%M} UTC  {outcome}  {stages}")
        for failure in run["failures"] if run is data["runs"][0] else ():
            console.print(f"    {failure}", markup=False)
    for title, counts in (("Rows", data["tables"]), ("Messages", data["messages"])):
        if counts:
            table = Table(title=title, title_justify="left", show_header=False)
            table.add_column()
            table.add_column(justify="right")
            for name, rows in counts.items():
                table.add_row(name, f"{rows:,}")
            console.print(table)
    for it in data["inbox"]:
        console.print(_pushed(it), style="yellow" if it["dead"] else "", markup=False, soft_wrap=True)
    for it in data["left_alone"]:
        messages, rows = (data[kind].get(it["connection"], 0) for kind in ("waiting", "rows_waiting"))
        console.print(_left_alone(it, messages, rows), style="yellow", markup=False)
    for told in _waiting_rows(data):
        console.print(told, markup=False)
    for sync in data["syncs"]:
        state = "[red]held[/]" if sync["held"] else "[red]failed[/]" if sync["reason"] else "[green]ok[/]"
        console.print(f"  sync {sync['sync']}  as of {sync['as_of']:%Y-%m-%d %H:%M} UTC  {state}", highlight=False)
        if sync["reason"]:
            console.print(f"    {sync['reason']}", markup=False)
    if data["quarantine"]:
        table = Table(title="Set aside", title_justify="left")
        for heading in ("connection", "table", "reason", "rows"):
            table.add_column(heading, justify="right" if heading == "rows" else "left", overflow="fold")
        for row in data["quarantine"]:
            table.add_row(row["connection"], row["target"], Text(row["reason"]), f"{row['rows']:,}")
        console.print(table)
