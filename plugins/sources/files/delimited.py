"""Read delimited text (CSV): fast with Arrow's reader, and line by line where a file is broken.

Every column is text, and an empty value is null. A record that does not have as many values
as the header, that is not in the declared encoding, or that opens a quote and never closes it, is set aside.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.csv as arrow_csv

from hub.lake import raw_names
from plugins.sources.files.places import Unreadable

if TYPE_CHECKING:
    from plugins.sources.files import FilesConfig

BLOCK = 4 << 20
LONGEST_RECORD = 1_000
"""How many lines a quoted value may span before its first line is held to be broken."""
_PAGE = 20_000

Aside = tuple[int, str, str]


@dataclass(frozen=True)
class Dialect:
    """How one file is written; `names` are the columns, `header` says whether the first record holds them."""

    encoding: str
    delimiter: str
    quote: str
    header: bool
    names: tuple[str, ...]

    def values(self, record: str) -> list[str | None]:
        """Split one record; an empty value is None."""
        lines = io.StringIO(record, newline="")
        return [value or None for value in next(csv.reader(lines, delimiter=self.delimiter, quotechar=self.quote), [])]

    def is_open(self, record: str) -> bool:
        """Say whether a quote in it is still open at its end."""
        if self.quote not in record:
            return False
        try:
            next(
                csv.reader(
                    io.StringIO(record, newline=""), delimiter=self.delimiter, quotechar=self.quote, strict=True
                ),
                None,
            )
        except csv.Error as error:
            return "unexpected end" in str(error)
        return False


@dataclass(frozen=True)
class Line:
    """A line as text; or, where it is not in the declared encoding, why not, and its bytes made readable."""

    number: int
    text: str
    wrong: str = ""


def read_delimited(stream: BinaryIO, config: FilesConfig) -> Iterator[pa.Table | list[Aside]]:
    """Yield tables of text, and lists of (line, reason, text) for what was set aside."""
    dialect = _dialect(stream, config)
    if dialect is None:
        return
    stream.seek(0)
    if _is_wide(dialect.encoding):
        yield from _slow(_lines(stream, dialect.encoding), dialect, skip=int(dialect.header))
        return
    done, end, unfit, cut = int(dialect.header), _End(stream), deque[Any](), False
    try:
        for batch, following in pairwise(chain(_fast(end, dialect, unfit), [None])):
            cut = following is None and _ends_open(batch, end.tail, dialect)
            yield pa.Table.from_batches([batch.slice(0, len(batch) - cut)])
            done, broken = _up_to(done + len(batch) - cut, unfit)
            yield from _mend(broken, dialect)
    except (pa.ArrowInvalid, UnicodeDecodeError):
        cut = True
    if cut:
        stream.seek(0)
        yield from _slow(_lines(stream, dialect.encoding), dialect, skip=done)
    else:
        yield from _mend(unfit, dialect)


def _dialect(stream: BinaryIO, config: FilesConfig) -> Dialect | None:
    """Learn the rest of the dialect from the first record; None for an empty file."""
    encoding = "utf-8-sig" if stream.read(3) == codecs.BOM_UTF8 else config.encoding
    stream.seek(0)
    lines = deque(line for line in islice(_lines(stream, encoding), LONGEST_RECORD) if line.wrong or line.text.strip())
    if not lines:
        return None
    if lines[0].wrong:
        raise Unreadable(f"the first line is {lines[0].wrong}; mend `encoding`, for example cp1252")
    told = max(",;\t|", key=lines[0].text.count)
    delimiter, several = config.delimiter or told, lines[0].text.count(told) > 1
    bare = Dialect(encoding, delimiter, config.quote, config.header, ())
    values = bare.values("".join(line.text for line in _record(lines, iter(()), bare)))
    if len(values) == 1 and several and delimiter != told:
        raise Unreadable(f"the first line has no `{delimiter}`, and several `{told}`; mend `delimiter`")
    names = values if config.header else config.columns or [f"column_{place + 1}" for place in range(len(values))]
    return Dialect(encoding, delimiter, config.quote, config.header, tuple(raw_names([name or "" for name in names])))


def _fast(stream: _End, dialect: Dialect, unfit: deque[Any]) -> Iterator[pa.RecordBatch]:
    """Read with Arrow; records with too few or too many values are appended to `unfit`."""

    def skip(row: Any) -> str:
        unfit.append(row)
        return "skip"

    yield from arrow_csv.open_csv(
        stream,
        arrow_csv.ReadOptions(
            use_threads=False,
            block_size=BLOCK,
            column_names=dialect.names,
            skip_rows_after_names=int(dialect.header),
            encoding="utf8" if dialect.encoding.lower() in ("utf-8", "utf8", "utf-8-sig") else dialect.encoding,
        ),
        arrow_csv.ParseOptions(
            delimiter=dialect.delimiter, quote_char=dialect.quote, newlines_in_values=True, invalid_row_handler=skip
        ),
        arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(dialect.names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )


class _End:
    """Passes a file on, and keeps its last bytes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.tail = b""
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        data = self._stream.read(size)
        self.tail = data[-BLOCK:] if len(data) >= BLOCK else (self.tail + data)[-BLOCK:]
        return data


def _ends_open(batch: Any, tail: bytes, dialect: Dialect) -> bool:
    """Say whether the last record of a file ends within quotes: Arrow takes it as if it were whole."""
    if not len(batch):
        return False
    last = batch.column(batch.num_columns - 1)[len(batch) - 1].as_py() or ""
    opened = dialect.quote + last.replace(dialect.quote, dialect.quote * 2)
    starts = (dialect.delimiter, "\n")
    return any(tail.endswith((start + opened).encode(dialect.encoding.removesuffix("-sig"))) for start in starts)


def _up_to(done: int, unfit: deque[Any]) -> tuple[int, list[Any]]:
    """Take the unfit records that lie between those read so far: Arrow parses ahead of what it hands over."""
    taken = []
    while unfit and unfit[0].number <= done + 1:
        taken.append(unfit.popleft())
        done += 1
    return done, taken


def _mend(unfit: Iterable[Any], dialect: Dialect) -> Iterator[pa.Table | list[Aside]]:
    """Set records aside; one that swallowed the lines after it, by a quote that never closes, gives these back."""
    for row in unfit:
        lines = [Line(row.number + place, text) for place, text in enumerate(row.text.splitlines(keepends=True))]
        yield from _slow(iter(lines), dialect, skip=0)


def _slow(lines: Iterator[Line], dialect: Dialect, skip: int) -> Iterator[pa.Table | list[Aside]]:
    """Read line by line from after the first `skip` records."""
    ahead: deque[Line] = deque()
    rows: list[list[str | None]] = []
    aside: list[Aside] = []
    while record := _record(ahead, lines, dialect):
        first = record[0]
        if not first.wrong and not first.text.strip():
            continue
        if skip:
            skip -= 1
            continue
        text = "".join(line.text for line in record).rstrip("\r\n")
        values = [] if first.wrong else dialect.values(text)
        if len(values) == len(dialect.names) and not dialect.is_open(text):
            rows.append(values)
        else:
            ahead.extendleft(reversed(record[1:]))
            reason = first.wrong or _misfit(len(dialect.names), len(values), dialect.is_open(first.text))
            aside.append((first.number, reason, first.text.rstrip("\r\n")))
        if len(rows) + len(aside) >= _PAGE:
            yield _table(rows, dialect)
            yield aside
            rows, aside = [], []
    yield _table(rows, dialect)
    yield aside


def _record(ahead: deque[Line], lines: Iterator[Line], dialect: Dialect) -> list[Line]:
    """Take the lines of the next record, from those read ahead and then from the file; none at its end."""
    record: list[Line] = []
    text = ""
    while len(record) < LONGEST_RECORD:
        line = ahead.popleft() if ahead else next(lines, None)
        if line is None:
            break
        record.append(line)
        text += line.text
        if line.wrong or not dialect.is_open(text):
            return record
    ahead.extendleft(reversed(record[1:]))
    return record[:1]


def _table(rows: list[list[str | None]], dialect: Dialect) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [()] * len(dialect.names)
    return pa.table([pa.array(list(values), pa.string()) for values in columns], names=list(dialect.names))


def _misfit(expected: int, found: int, open_quote: bool) -> str:
    return "a quote is opened and never closed" if open_quote else f"{found} values where there are {expected} columns"


def _lines(stream: BinaryIO, encoding: str) -> Iterator[Line]:
    """Decode line by line, so that one wrong byte costs one line."""
    if _is_wide(encoding):
        yield from _wide_lines(stream, encoding)
        return
    position = 0
    for number, line in enumerate(stream, start=1):
        try:
            yield Line(number, line.decode(encoding if number == 1 else encoding.removesuffix("-sig")))
        except UnicodeDecodeError as error:
            wrong = f"not {encoding} at byte {position + error.start} of the file"
            yield Line(number, line.decode("ascii", errors="backslashreplace"), wrong)
        position += len(line)


def _is_wide(encoding: str) -> bool:
    return encoding != "utf-8-sig" and "\n".encode(encoding) != b"\n"


def _wide_lines(stream: BinaryIO, encoding: str) -> Iterator[Line]:
    """Decode an encoding in which a line can't be found without decoding (UTF-16)."""
    try:
        for number, line in enumerate(codecs.getreader(encoding)(stream), start=1):
            yield Line(number, line)
    except UnicodeDecodeError as error:
        raise Unreadable(f"not {encoding} at byte {error.start}; mend `encoding`") from None
