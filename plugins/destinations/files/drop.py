"""Changes as files: one per batch, complete from the moment that its name is seen.

`customers_a-upsert-3f9a0c51d2e4.csv` holds the operation, the key and the fields of each row. The name comes from the
content: a batch that is sent again replaces its own file, and nobody reads it as news.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import posixpath
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.contracts import Result, Row, SyncBatch
from hub.lake import raw_name
from hub.templated import as_json, as_text
from plugins.sources.files.places import opened_place, reachable

if TYPE_CHECKING:
    from plugins.sources.files import FilesConfig


def write_batch(config: FilesConfig, folder: Path, batch: SyncBatch) -> list[Result]:
    """Write one file; TemporaryError and ConfigurationError where the place can't be written."""
    results: dict[str, Result] = {}
    good: list[Row] = []
    for row in batch.rows:
        try:
            json.dumps(as_json(row.fields), ensure_ascii=False).encode()
            good.append(row)
        except (TypeError, UnicodeEncodeError):
            reason = "a field holds what a file can't: send text, numbers, dates or lists"
            results[row.key] = Result(row.key, "rejected", reason=reason)
    if good:
        content = _CONTENT[config.writes_as](batch.operation, good, config)
        digest = hashlib.sha256(content).hexdigest()[:12]
        name = f"{raw_name(batch.target)}-{batch.operation}-{digest}.{config.writes_as}"
        _put(config, folder, name, content)
        results |= {row.key: Result(row.key, "accepted", name) for row in good}
    return [results[row.key] for row in batch.rows]


def look(config: FilesConfig, folder: Path) -> str:
    """Say in words whether files can be left there, changing nothing. Raises what `write_batch` raises."""
    filesystem, root = opened_place(config, str(config.writes), folder)
    with reachable(str(config.writes)):
        there = "is there" if filesystem.exists(root) else "will be made"
    return f"the folder {config.writes} {there}"


def _put(config: FilesConfig, folder: Path, name: str, content: bytes) -> None:
    """Write under a hidden name and rename; object stores show a file only when it is complete."""
    filesystem, root = opened_place(config, str(config.writes), folder)
    with reachable(str(config.writes)):
        filesystem.makedirs(root, exist_ok=True)
        target = posixpath.join(root, name)
        if "s3" in filesystem.protocol:
            filesystem.pipe_file(target, content)
            return
        hidden = posixpath.join(root, f".{name}.part")
        filesystem.pipe_file(hidden, content)
        if filesystem.exists(target):
            filesystem.rm_file(target)
        filesystem.mv(hidden, target)


def _csv(operation: str, rows: Sequence[Row], config: FilesConfig) -> bytes:
    """Machines read it: values stay as they are, also those that begin with a plus or an equals sign."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=config.delimiter or ",", quotechar=config.quote, lineterminator="\r\n")
    names = _names(rows)
    writer.writerow(["operation", "key", *names])
    writer.writerows([operation, row.key, *(as_text(row.fields.get(name)) for name in names)] for row in rows)
    return text.getvalue().encode(config.encoding, errors="xmlcharrefreplace")


def _jsonl(operation: str, rows: Sequence[Row], _: FilesConfig) -> bytes:
    lines = (
        json.dumps({"operation": operation, "key": row.key, **as_json(row.fields)}, ensure_ascii=False) for row in rows
    )
    return "".join(f"{line}\n" for line in lines).encode()


def _parquet(operation: str, rows: Sequence[Row], _: FilesConfig) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from hub.arrow import column

    names = _names(rows)
    columns: dict[str, Any] = {
        "operation": pa.array([operation] * len(rows)),
        "key": pa.array([row.key for row in rows]),
        **{name: column([row.fields.get(name) for row in rows], None) for name in names},
    }
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def _names(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.fields))


_CONTENT = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}
