"""Mend: land a raw row once more, with values that a person corrected.

A correction comes in through the front door, as a load package of its own: the lake keeps both what the system said
and what the person said, mapping takes the mended row as a newer version of the wrong one, and erasure finds it where
all raw rows are. When the system later sends a newer version of the row, that one counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from hub.errors import RejectedError, suggest
from hub.lake import LOAD_ID, MENDED, MENDS, ROW, Lake, Place

if TYPE_CHECKING:
    import pyarrow as pa


def mended_row(lake: Lake, connection: str, table: str, row: str, values: Mapping[str, str]) -> pa.Table:
    """Give a raw row (JSON, as quarantine has it) with corrected values, typed as the lake's table is.

    A value that is empty becomes null. Raises RejectedError for a column that is not there and a value of the wrong
    type; its message holds no value.
    """
    import pyarrow as pa

    columns = {name: type_ for name, type_ in lake.columns(connection, table).items() if name not in (LOAD_ID, ROW)}
    for name in values:
        if name not in columns:
            raise RejectedError(f"{table} of {connection} has no column '{name}'.{suggest(name, columns)}")
    given: dict[str, Any] = json.loads(row)
    given |= {name: value or None for name, value in values.items()}
    return pa.table({name: pa.array([_typed(name, given.get(name), type_)], type_) for name, type_ in columns.items()})


def free_load_id(lake: Lake, connection: str, at: datetime) -> str:
    """Give the id of a load package that is not there yet: a moment, and the next microsecond if another one has it."""
    taken = lake.completed(connection)
    while (load_id := f"{at.timestamp():.6f}") in taken:
        at += timedelta(microseconds=1)
    return load_id


def land_mended(
    lake: Lake,
    connection: str,
    table: str,
    row: pa.Table,
    load_id: str,
    at: datetime,
    instead_of: Place | None = None,
) -> None:
    """Land one mended row as a load package. What is killed before the end is not there.

    `instead_of` is the place of the wrong row where it has no key: by that alone it leaves quarantine.
    """
    import pyarrow as pa
    import pyarrow.parquet as parquet
    from fsspec.core import url_to_fs

    filesystem, root = url_to_fs(lake.url)
    folder = f"{root}/{lake.dataset_name(connection)}"
    data = row.append_column(LOAD_ID, pa.array([load_id])).append_column(ROW, pa.array([1], pa.int64()))
    if instead_of is not None:
        data = data.replace_schema_metadata({MENDS: str(instead_of).encode()})
    with filesystem.open(f"{folder}/{table}/{load_id}{MENDED}", "wb") as file:
        parquet.write_table(data, file)
    filesystem.makedirs(f"{folder}/_dlt_loads", exist_ok=True)
    record = {
        "load_id": load_id,
        "status": 0,
        "inserted_at": at.astimezone(UTC).isoformat(),
        "schema_name": "mended",
    }
    # the record makes the package count: it comes last
    filesystem.pipe_file(f"{folder}/_dlt_loads/mended__{load_id}.jsonl", json.dumps(record).encode())


def _typed(name: str, value: Any, type_: pa.DataType) -> Any:
    import pyarrow as pa

    if value is None:
        return None
    written = str(value).lower() if isinstance(value, bool) else str(value)
    try:
        if pa.types.is_boolean(type_):
            return {"true": True, "false": False}[written]
        if pa.types.is_integer(type_):
            return int(written)
        if pa.types.is_floating(type_):
            return float(written)
        if pa.types.is_decimal(type_):
            return Decimal(written)
        if pa.types.is_timestamp(type_):
            moment = datetime.fromisoformat(written)
            return moment if moment.tzinfo or type_.tz is None else moment.replace(tzinfo=UTC)
        if pa.types.is_date(type_):
            return date.fromisoformat(written)
    except (ValueError, KeyError, InvalidOperation):
        raise RejectedError(f"the column '{name}' holds {type_}, and that is none: write it as one") from None
    return written if pa.types.is_string(type_) or pa.types.is_large_string(type_) else value
