"""Read a file as Arrow rows, format by format, in constant memory."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from gzip import BadGzipFile
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias
from zipfile import BadZipFile

import pyarrow as pa

from hub.arrow import column, set_aside, table_of
from hub.lake import REJECTED, raw_names
from plugins.sources.files.delimited import read_delimited
from plugins.sources.files.places import Unreadable

if TYPE_CHECKING:
    from plugins.sources.files import FilesConfig
    from plugins.sources.files.places import File

FILE = "_file"
_PAGE = 20_000

Aside = tuple[int, str, str]
"""A line that is no row: its number, the reason, its text."""
Part: TypeAlias = "pa.Table | list[Aside]"


def read(file: File, config: FilesConfig) -> Iterator[tuple[str, pa.Table]]:
    """Yield (table, rows) pairs: rows with the column `_file` for the file's table, the rest for `_rejected`.

    A file that can't be read, or not to its end, is set aside as one row without text, so that the other files go on.
    """
    reader = {"csv": read_delimited, "excel": _excel, "jsonl": _json_lines, "parquet": _parquet}[file.format]
    try:
        with file.open() as stream:
            for part in _ahead(reader(stream, config)):
                if isinstance(part, list):
                    if part:
                        lines, reasons, texts = zip(*part, strict=True)
                        yield REJECTED, set_aside(file.table, reasons, texts, file.path, lines)
                elif len(part):
                    yield file.table, _with_file(part, file.path)
    except Unreadable as error:
        yield REJECTED, set_aside(file.table, [str(error)], [""], file.path)
    except (EOFError, zlib.error, BadZipFile, BadGzipFile):
        yield REJECTED, set_aside(file.table, ["the file ends too early; have it exported again"], [""], file.path)


def _ahead(parts: Iterator[Part]) -> Iterator[Part]:
    """Read the next part while the one before is being written: Arrow does both outside Python's lock."""
    with ThreadPoolExecutor(1) as reading:
        coming = reading.submit(next, parts, None)
        while (part := coming.result()) is not None:
            coming = reading.submit(next, parts, None)
            yield part


def _with_file(rows: pa.Table, path: str) -> pa.Table:
    name = pa.DictionaryArray.from_arrays(pa.nulls(len(rows), pa.int8()).fill_null(0), pa.array([path]))
    return rows.rename_columns(raw_names(rows.column_names, (FILE,))).append_column(FILE, name)


def _json_lines(stream: BinaryIO, _: FilesConfig) -> Iterator[Part]:
    numbered = enumerate(stream, start=1)
    while page := list(islice(numbered, _PAGE)):
        rows: list[dict[str, Any]] = []
        aside: list[Aside] = []
        for number, line in page:
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except UnicodeDecodeError as error:
                aside.append(
                    (
                        number,
                        f"not utf-8 at byte {error.start} of the line",
                        line.decode(errors="backslashreplace").strip(),
                    )
                )
                continue
            except ValueError:
                aside.append((number, "not a line of JSON", line.decode().strip()))
                continue
            if isinstance(row, dict):
                rows.append(row)
            else:
                aside.append((number, "not a JSON object", line.decode().strip()))
        yield table_of(rows)
        yield aside


def _parquet(stream: BinaryIO, _: FilesConfig) -> Iterator[pa.Table]:
    import pyarrow.parquet as parquet

    try:
        for batch in parquet.ParquetFile(stream).iter_batches(batch_size=131_072):
            yield pa.Table.from_batches([batch])
    except pa.ArrowInvalid:
        raise Unreadable("no Parquet file, or not the whole of one; have it exported again") from None


def _excel(stream: BinaryIO, config: FilesConfig) -> Iterator[pa.Table]:
    import python_calamine

    try:
        workbook = python_calamine.CalamineWorkbook.from_filelike(stream)
    except (python_calamine.CalamineError, OSError, ValueError):
        raise Unreadable("no Excel file, or not the whole of one; have it exported again") from None
    if config.sheet is not None and config.sheet not in workbook.sheet_names:
        raise Unreadable(f"no sheet '{config.sheet}'; there is {', '.join(workbook.sheet_names)}; mend `sheet`")
    sheet = workbook.get_sheet_by_name(config.sheet) if config.sheet is not None else workbook.get_sheet_by_index(0)
    rows = sheet.to_python(skip_empty_area=True)
    if config.header and rows:
        names = raw_names([str(name) for name in rows.pop(0)])
    else:
        names = raw_names(config.columns or [f"column_{number + 1}" for number in range(len(rows[0]) if rows else 0)])
    rows = [row for row in rows if any(value != "" for value in row)]
    yield pa.table({name: _cells([row[place] for row in rows]) for place, name in enumerate(names)})


def _cells(values: list[Any]) -> pa.Array:
    """Type a column of cells: dates and numbers where all are, else text (also where all are empty)."""
    values = [
        None if value == "" else int(value) if isinstance(value, float) and value.is_integer() else value
        for value in values
    ]
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) > 1 and kinds != {int, float}:
        values = [
            value if value is None else value.isoformat() if hasattr(value, "isoformat") else str(value)
            for value in values
        ]
    return column(values) if kinds else pa.nulls(len(values), pa.string())
