"""The lake: what the systems said, unchanged and append-only, as Parquet files.

    <lake>/raw_<connection>/<table>/<load_id>.<file_id>.parquet     the rows
    <lake>/raw_<connection>/_dlt_loads/*.jsonl                      which load packages are complete

The land stage writes; everybody else reads through `Lake`. A file counts only when its load package is complete: what a
killed run left behind is invisible until the next run completes it.
"""

from __future__ import annotations

import json
import re
import shutil
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    import pyarrow as pa

DATASET = "raw_"
"""How the folder of a connection begins."""
REJECTED = "_rejected"
"""The table of every connection that holds what was set aside: table_name, file, line, reason, raw."""
LOAD_ID = "_dlt_load_id"
"""The column that says in which load package a row came."""
MENDED = ".mended.parquet"
"""How the files of a load package end that holds a row which a person corrected."""
MENDS = b"mends"
"""What the file of such a package says of the row that it replaces, where that one has no key: its `Place`."""
ROW = "_row"
"""The column that counts the rows of a table within one load package, in the order in which they came."""

_BREAK = re.compile(r"(?<=[^_])(?=[A-Z][a-z]+)|(?<=[a-z0-9])(?=[A-Z])")
_LONGEST_NAME = 120


@dataclass(frozen=True, order=True)
class Place:
    """Where a raw row lies: its load package, and its number among the rows of its table there. It never changes."""

    load_id: str
    row: int

    def __str__(self) -> str:
        return f"{self.load_id}#{self.row}"


@dataclass(frozen=True)
class Load:
    """One complete load package of a connection: the Parquet files of each table, as paths or URLs."""

    connection: str
    load_id: str
    inserted_at: datetime
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def mended(self) -> bool:
        """Say whether a person landed it, and not the system: it says nothing about what is usual there."""
        return all(path.endswith(MENDED) for paths in self.files.values() for path in paths)


class Lake:
    """Reads the lake in a local folder or at any fsspec URL (`s3://bucket/lake`).

    An object sees loads that complete later; what it once read of a load is kept, because loads never change.
    """

    def __init__(self, root: str | Path, copies: Path | None = None) -> None:
        """Open the lake at `root`; `copies` is the folder for what engines read of a lake on a server."""
        self.root = str(root).rstrip("/")
        self._copies = copies
        self._loads: dict[str, tuple[str, datetime] | None] = {}
        self._schemas: dict[str, pa.Schema] = {}
        self._rows: dict[str, int] = {}

    @property
    def local(self) -> Path | None:
        """The folder of the lake, or None where it lies on a server."""
        if "://" not in self.root:
            return Path(self.root).absolute()
        parts = urlsplit(self.root)
        return Path(unquote(parts.path)) if parts.scheme == "file" else None

    @property
    def url(self) -> str:
        """The root as a URL."""
        return self.local.as_uri() if self.local is not None else self.root

    def dataset_name(self, connection: str) -> str:
        """Name the folder of a connection."""
        return f"{DATASET}{raw_name(connection)}"

    def datasets(self) -> list[str]:
        """List the connections that ever landed anything, by their names in the lake."""
        names = [path.rstrip("/").rsplit("/", 1)[-1] for path in self._list(self._base)]
        return [name.removeprefix(DATASET) for name in names if name.startswith(DATASET)]

    def tables(self, connection: str) -> list[str]:
        """List the tables with rows in complete loads; not what was set aside (`REJECTED`)."""
        found = {table for load in self.loads(connection) for table in load.files}
        return sorted(found - {REJECTED})

    def loads(self, connection: str) -> list[Load]:
        """List the complete load packages with rows of a connection, in the order of their ids."""
        completed = self.completed(connection)
        files: dict[str, dict[str, list[str]]] = {load_id: defaultdict(list) for load_id in completed}
        for folder in self._list(f"{self._base}/{self.dataset_name(connection)}") if completed else ():
            table = folder.rsplit("/", 1)[-1]
            if table.startswith("_dlt") or table == "init":
                continue
            for path in self._list(folder):
                load_id = path.rsplit("/", 1)[-1].rsplit(".", 2)[0]
                if path.endswith(".parquet") and load_id in files:
                    files[load_id][table].append(self._address(path))
        return [
            Load(
                connection, load_id, completed[load_id], {name: tuple(sorted(tables[name])) for name in sorted(tables)}
            )
            for load_id, tables in files.items()
            if tables
        ]

    def completed(self, connection: str) -> dict[str, datetime]:
        """Give the ids of all complete load packages with their times; one without rows only moved a cursor."""
        paths = self._list(f"{self._base}/{self.dataset_name(connection)}/_dlt_loads")
        for path in paths:
            if path not in self._loads and path.endswith(".jsonl"):
                record = _parse(self._filesystem.cat_file(path))
                if record is not None:  # else it is being written just now
                    moment = datetime.fromisoformat(record["inserted_at"])
                    self._loads[path] = (str(record["load_id"]), moment) if record["status"] == 0 else None
        found = [self._loads[path] for path in paths if path in self._loads]
        return dict(sorted((load for load in found if load is not None), key=lambda load: float(load[0])))

    def columns(self, connection: str, table: str, loads: Iterable[Load] | None = None) -> dict[str, pa.DataType]:
        """Give the columns of a table with their Arrow types, over all loads or the given ones.

        A column that once held whole numbers and later fractions is given the wider type. Empty for an unknown table.
        """
        import pyarrow as pa

        chosen = self.loads(connection) if loads is None else loads
        schemas = [self._schema(path) for load in chosen for path in load.files.get(table, ())]
        merged = pa.unify_schemas(schemas, promote_options="permissive") if schemas else pa.schema([])
        return {column.name: column.type for column in merged}

    def count(self, paths: Iterable[str]) -> int:
        """Count the rows of files, from their footers."""
        paths = list(paths)
        for path in paths:
            self._schema(path)
        return sum(self._rows[path] for path in paths)

    def replaced(self, load: Load, table: str) -> list[Place]:
        """List the rows without a key that a load package replaces: a person corrected them."""
        import pyarrow.parquet as parquet

        found = []
        for path in load.files.get(table, ()) if load.mended else ():
            with self._filesystem.open(path, "rb") as file:
                said = (parquet.ParquetFile(file).schema_arrow.metadata or {}).get(MENDS)
            if said is not None:
                load_id, _, row = said.decode().partition("#")
                found.append(Place(load_id, int(row)))
        return found

    def seen(self, name: str) -> str:
        """Give what was noted beside the rows under a name; empty where nothing was."""
        file = f"{self._base}/{name}"
        return self._filesystem.cat_file(file).decode() if self._filesystem.exists(file) else ""

    def note(self, name: str, text: str) -> None:
        """Note something beside the rows: a backup of the lake brings it back with them."""
        self._filesystem.makedirs(self._base, exist_ok=True)
        self._filesystem.pipe_file(f"{self._base}/{name}", text.encode())

    def rewrite(self, path: str, without: Collection[int]) -> int:
        """Write a file again without some of its rows (by `_row`), which erasure alone may do; give their number.

        Whoever reads meanwhile sees the old file or the new one. A file that loses all rows stays, empty: its load
        package still counts as landed.
        """
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as parquet

        with self._filesystem.open(path, "rb") as file:
            rows = parquet.ParquetFile(file).read()
        erased = pc.is_in(rows.column(ROW), value_set=pa.array(sorted(without), rows.schema.field(ROW).type))
        kept = rows.filter(pc.invert(erased))
        gone: int = rows.num_rows - kept.num_rows
        if gone:
            fresh = f"{path}.fresh"
            with self._filesystem.open(fresh, "wb") as file:
                parquet.write_table(kept, file)
            self._filesystem.mv(fresh, path)
            if self._copies is not None:
                self._copy_of(path).unlink(missing_ok=True)
            self._rows.pop(path, None)
            self._schemas.pop(path, None)
        return gone

    def here(self, paths: Iterable[str]) -> list[str]:
        """Give the files as local paths: where the lake lies on a server, as copies that stay until `close`."""
        if self.local is not None:
            return list(paths)
        if self._copies is None:
            raise ValueError("a lake on a server needs a folder for copies")
        self._copies.mkdir(parents=True, exist_ok=True)
        found = []
        for path in paths:
            copy = self._copy_of(path)
            if not copy.exists():
                part = copy.with_suffix(".part")
                self._filesystem.get_file(path, str(part))
                part.replace(copy)
            found.append(str(copy))
        return found

    def texts(self, path: str, rows: Collection[int]) -> set[str]:
        """Give what stands in some rows of a file (by `_row`), as text."""
        return {str(value) for row in self.read(path, rows) for value in row.values() if value is not None}

    def read(self, path: str, rows: Collection[int]) -> list[dict[str, Any]]:
        """Give some rows of a file (by `_row`)."""
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as parquet

        with self._filesystem.open(path, "rb") as file:
            found = parquet.ParquetFile(file).read()
        wanted = pc.is_in(found.column(ROW), value_set=pa.array(sorted(rows), found.schema.field(ROW).type))
        listed: list[dict[str, Any]] = found.filter(wanted).to_pylist()
        return listed

    def close(self) -> None:
        """Remove the copies."""
        if self._copies is not None:
            shutil.rmtree(self._copies, ignore_errors=True)

    @cached_property
    def _filesystem(self) -> Any:
        from fsspec.core import url_to_fs

        return url_to_fs(self.url)[0]

    @cached_property
    def _base(self) -> str:
        from fsspec.core import url_to_fs

        return str(url_to_fs(self.url)[1])

    def _copy_of(self, path: str) -> Path:
        assert self._copies is not None, "a lake on this machine is read where it lies"
        return self._copies / f"{sha256(path.encode()).hexdigest()}.parquet"

    def _address(self, path: str) -> str:
        return path if self.local is not None else str(self._filesystem.unstrip_protocol(path))

    def _list(self, folder: str) -> Sequence[str]:
        if self.local is not None:
            return sorted(str(entry) for entry in Path(folder).iterdir()) if Path(folder).is_dir() else []
        self._filesystem.invalidate_cache(folder)
        try:
            return sorted(self._filesystem.ls(folder, detail=False))
        except FileNotFoundError:
            return []

    def _schema(self, path: str) -> pa.Schema:
        if path not in self._schemas:
            import pyarrow as pa
            import pyarrow.parquet as parquet

            with self._filesystem.open(path, "rb") as file:
                footer = parquet.ParquetFile(file)
                self._schemas[path] = pa.schema([(f.name, _plain(f.type)) for f in footer.schema_arrow])
                self._rows[path] = footer.metadata.num_rows
        return self._schemas[path]


def raw_name(name: str) -> str:
    """Turn the name of a column, table or connection into its name in the lake: lower case with underscores.

    `Order No.` and `orderNo` become `order_no`, `Één` becomes `een`, `1st` becomes `_1st`; a name without any letter or
    digit becomes `column`.
    """
    plain = unicodedata.normalize("NFKD", name.strip().replace("ß", "ss").replace("ø", "o").replace("Ø", "O"))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    words = _BREAK.sub("_", re.sub(r"[^0-9A-Za-z_]+", "_", plain)).lower()
    words = re.sub("_+", "_", words)[:_LONGEST_NAME].rstrip("_")
    if not words.strip("_"):
        return "column"
    return f"_{words}" if words[0].isdigit() else words


def raw_names(names: Sequence[str], reserved: Iterable[str] = ()) -> list[str]:
    """Name the columns of one table; a name that is reserved or there twice gets a number: `total`, `total_2`."""
    given: list[str] = []
    taken: set[str] = set(reserved)
    for name in names:
        wanted = candidate = raw_name(name)
        number = 2
        while candidate in taken:
            candidate, number = f"{wanted}_{number}", number + 1
        taken.add(candidate)
        given.append(candidate)
    return given


def _parse(record: bytes) -> dict[str, Any] | None:
    try:
        parsed: dict[str, Any] = json.loads(record)
    except ValueError:
        return None
    return parsed


def _plain(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind
