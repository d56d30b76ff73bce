"""What the printer and the post report of letters: CSV files with a line per letter, read once each.

    returns:
      folder: returns
      words: {gedrukt: sent, bezorgd: delivered, retour: bounced}

A letter that came back means that nobody is reached at that address: it is suppressed, as that of a mail that bounced.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import dlt

from plugins.destinations.print.config import Returns
from plugins.destinations.print.drop import Drop

if TYPE_CHECKING:
    import pyarrow as pa
    from dlt.extract import DltResource

FIELDS = ("event_id", "message_key", "type", "at", "reason")


def returns(settings: Returns, drop: Drop) -> DltResource:
    """Give the resource `returns`; which files were read, with which content, is kept in dlt's state."""

    @dlt.resource(name="returns", write_disposition="append")
    def read() -> Iterator[Any]:
        known: dict[str, str] = dlt.current.resource_state().setdefault("read", {})
        with drop as opened:
            for name in opened.names():
                if name.startswith(".") or not name.lower().endswith(".csv"):
                    continue  # what is still being written has another name
                content = opened.get(name)
                mark = hashlib.blake2b(content, digest_size=16).hexdigest()
                if known.get(name) != mark:
                    yield from tables_of(settings, name, content)
                    known[name] = mark

    return read()


def tables_of(settings: Returns, name: str, content: bytes) -> Iterator[Any]:
    """Give the lines of a file as Arrow; those that can't be read go, with the reason, to what was set aside."""
    import pyarrow as pa

    from hub.arrow import set_aside
    from hub.lake import REJECTED

    rows: list[dict[str, str | None]] = []
    refused: list[tuple[str, str]] = []
    try:
        for line in _lines(content):
            row = _row(settings, line)
            if isinstance(row, str):
                refused.append((row, ";".join(value or "" for value in line.values())))
            else:
                rows.append(row)
    except csv.Error as error:
        refused.append((f"the file can't be read on from here: {error}", name))
    if rows:
        yield pa.Table.from_pylist(rows, _schema())
    if refused:
        reasons, raw = zip(*refused, strict=True)
        yield dlt.mark.with_table_name(set_aside("returns", reasons, raw, name), REJECTED)


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema([(name, pa.string()) for name in FIELDS])


def _lines(content: bytes) -> Iterator[dict[str, str | None]]:
    text = content.decode("utf-8-sig", "replace")
    header = text.partition("\n")[0]
    separator = ";" if header.count(";") > header.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    names = [name.strip() for name in next(reader, [])]
    for line in reader:
        if any(value.strip() for value in line):
            values: list[str | None] = [value.strip() or None for value in line]
            yield dict(zip(names, [*values, *[None] * len(names)], strict=False))


def _row(settings: Returns, line: dict[str, str | None]) -> dict[str, str | None] | str:
    """Read a line; a text is the reason why it can't be."""
    message, word, told = (line.get(name) for name in (settings.message, settings.status, settings.at))
    if message is None or word is None or told is None:
        return f"no {settings.message}, {settings.status} or {settings.at}"
    type_ = {known.lower(): means for known, means in settings.words.items()}.get(word.lower())
    if type_ is None:
        return f"'{settings.status}' is none of {', '.join(settings.words)}: say in `words` what it means"
    at = _day(told)
    if at is None:
        return f"'{settings.at}' is no date such as 2026-12-31 or 31-12-2026"
    event = hashlib.blake2b(f"{message}|{type_}|{at}".encode(), digest_size=16).hexdigest()
    reason = line.get(settings.reason)
    return {"event_id": event, "message_key": message, "type": type_, "at": at, "reason": reason}


def _day(text: str) -> str | None:
    """Write a day or a moment in ISO 8601; None where it is none."""
    for read in (date.fromisoformat, datetime.fromisoformat, _dutch_day):
        try:
            return read(text).isoformat()
        except ValueError:
            continue
    return None


def _dutch_day(text: str) -> date:
    day, month, year = text.split("-")
    return date(int(year), int(month), int(day))
