"""`hub preview message SCENARIO STEP --person PERSON`: a message as one person would get it, sent to nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.cli.answer import Answer
from hub.cli.project import moment, open_project
from hub.cli.query import printable
from hub.normalise.sms import sms_parts
from hub.published import ask

if TYPE_CHECKING:
    from rich.console import Console

    from hub.simulation.message import Rendered

FILES = {"subject": "-subject.txt", "text": ".txt", "html": ".html", "typst": ".typ"}
"""How the parts of a message are named as files, after their channel."""


def preview_message(folder: Path | None, scenario: str, step: str, person: str, out: Path | None) -> Answer:
    """Render it, and write its parts as files where a folder is given."""
    from hub.people.file import find_person
    from hub.simulation.message import preview_message as work

    project = open_project(folder)
    person_id = find_person(project, partial(ask, project), person)
    found = work(project, scenario, step, person_id, moment(None, project))
    written = _write(found, out) if out is not None else []
    data = {"messages": [_plain(one) for one in found], "files": [str(file) for file in written]}
    failed = any(one.problem for one in found)
    return Answer(data, lambda console: _show(console, found, written), exit_code=1 if failed else 0)


def _plain(one: Rendered) -> dict[str, Any]:
    told = {**asdict(one), "files": sorted(one.files)}
    if one.channel == "sms" and "text" in one.content:
        told["sms"] = asdict(sms_parts(one.content["text"]))
    return told


def _write(found: Sequence[Rendered], out: Path) -> list[Path]:
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for one in found:
        for name, content in _files(one):
            (out / name).write_bytes(content)
            written.append(out / name)
    return written


def _files(one: Rendered) -> Iterator[tuple[str, bytes]]:
    for part, text in one.content.items():
        yield one.channel + FILES[part], text.encode()
    yield from one.files.items()


def _show(console: Console, found: Sequence[Rendered], written: Sequence[Path]) -> None:
    from rich.panel import Panel
    from rich.text import Text

    for one in found:
        console.print(Text(one.channel, style="bold"), Text(_told(one)))
        for part, text in _parts(one).items():
            console.print(Panel(Text(printable(text)), title=part, title_align="left"))
        if one.problem:
            console.print(Text(f"can't be made: {one.problem}", style="red"))
        for name in one.files:
            if not written:
                console.print(f"{name}: give --out FOLDER to see it")
    for file in written:
        console.print(f"written: {file}", markup=False)
    console.print("Nothing was sent.")


def _told(one: Rendered) -> str:
    return "works for this person" if one.works else f"would not be used: {one.reason}"


def _parts(one: Rendered) -> Mapping[str, str]:
    """Give what somebody reads, in the order in which they do."""
    if one.channel != "sms" or "text" not in one.content:
        return {part: one.content[part].strip() for part in FILES if part in one.content and part != "typst"}
    size = sms_parts(one.content["text"])
    parts = f"{size.parts} part{'s' if size.parts != 1 else ''}, {size.units} units in {size.encoding}"
    return {f"text ({parts})": one.content["text"]}
