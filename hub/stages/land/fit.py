"""Fit: turn what resources yield into Arrow, under the names and types of the lake, and set aside what does not fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from hub.errors import TemporaryError
from hub.incremental import StopsHere
from hub.lake import LOAD_ID, REJECTED, ROW, raw_name, raw_names

if TYPE_CHECKING:
    import pyarrow as pa
    from dlt.extract import DltResource, DltSource


def fit_resources(source: DltSource, stops: list[TemporaryError]) -> Counter[str]:
    """Add the two steps that all resources get: pages become Arrow, and rows are made to fit; count what goes on.

    Where a resource says that it stops here, the reason is put into `stops`.
    """
    from dlt.extract.items_transform import ItemTransform

    passed_on: Counter[str] = Counter()

    class ToArrow(ItemTransform[Any, Any]):
        """Before dlt's incremental step, which is fast on Arrow and slow on dictionaries."""

        placement_affinity = -0.5

        def __init__(self) -> None:
            super().__init__(_to_arrow)

        def __call__(self, item: Any, meta: Any = None) -> Any:
            if isinstance(item, StopsHere):
                stops.append(item.error)
                return None
            return _to_arrow(item)

    class Fit(ItemTransform[Any, Any]):
        """After it, so that only rows that are new are counted and set aside."""

        placement_affinity = 1.5

        def __init__(self, resource: DltResource) -> None:
            super().__init__(_to_arrow)
            self.resource = resource

        def __call__(self, item: Any, meta: Any = None) -> Any:
            table = str(getattr(meta, "table_name", None) or self.resource.table_name)
            return _fit(item, raw_name(table) if table != REJECTED else table, source, passed_on)

    for resource in source.resources.values():
        resource.add_step(ToArrow(), insert_at=1)
        resource.add_step(Fit(resource))
    return passed_on


def _to_arrow(item: Any) -> Any:
    """Turn a page of dictionaries, or a single one, into a table; give an empty page no place."""
    import pyarrow as pa

    from hub.arrow import table_of

    if isinstance(item, pa.RecordBatch):
        item = pa.Table.from_batches([item])
    elif isinstance(item, Mapping):
        item = table_of([item])
    elif isinstance(item, list):
        tables = [_to_arrow(part) for part in item if not isinstance(part, Mapping)]
        rows = [part for part in item if isinstance(part, Mapping)]
        parts = [*tables, *([table_of(rows)] if rows else [])]
        item = pa.concat_tables(parts, promote_options="permissive") if parts else None
    return item


def _fit(item: Any, table: str, source: DltSource, passed_on: Counter[str]) -> Iterator[Any]:
    """Yield the rows that fit their table, under the names of the lake, and the others for the table `_rejected`."""
    import dlt

    from hub.arrow import conform, set_aside

    if item is None or not len(item):
        return
    item = item.rename_columns(raw_names(item.column_names, (ROW, LOAD_ID)))
    known = _known_types(source, table)
    fitting, refused = conform(_without_empty_columns(item, known), known)
    if len(fitting):
        fitting = _numbered(fitting, table, passed_on)
        _declare(source, table, known, fitting.schema)
        yield dlt.mark.with_table_name(fitting, table)
    if refused:
        reasons, raw = zip(*refused, strict=True)
        yield dlt.mark.with_table_name(_numbered(set_aside(table, reasons, raw), REJECTED, passed_on), REJECTED)


def _numbered(rows: pa.Table, table: str, passed_on: Counter[str]) -> pa.Table:
    """Count the rows, and give each its place in the load package."""
    import pyarrow as pa

    first = passed_on[table] + 1
    passed_on[table] += len(rows)
    return rows.append_column(ROW, pa.arange(first, first + len(rows)))


def _known_types(source: DltSource, table: str) -> dict[str, pa.DataType]:
    from dlt.common.destination import DestinationCapabilitiesContext
    from dlt.common.libs.pyarrow import get_py_arrow_datatype

    capabilities = DestinationCapabilitiesContext.generic_capabilities()
    columns = source.schema.tables[table]["columns"] if table in source.schema.tables else {}
    return {
        name: get_py_arrow_datatype(column, capabilities, "UTC")
        for name, column in columns.items()
        if column.get("data_type")
    }


def _without_empty_columns(item: pa.Table, known: Mapping[str, pa.DataType]) -> pa.Table:
    """Leave out columns of which no value has been seen: their first value decides their type."""
    import pyarrow as pa

    return item.drop_columns([f.name for f in item.schema if pa.types.is_null(f.type) and f.name not in known])


def _declare(source: DltSource, table: str, known: Mapping[str, pa.DataType], schema: pa.Schema) -> None:
    """Tell dlt beforehand what it would otherwise decide differently.

    Times without a zone stay without one (dlt would call them UTC), and a column of whole numbers may come to hold
    fractions (the contract would refuse them).
    """
    from dlt.common.libs.pyarrow import py_arrow_to_table_schema_columns
    from dlt.common.schema.utils import new_table

    declared = py_arrow_to_table_schema_columns(schema)
    new = [hints for name, hints in declared.items() if name not in known]
    if any(hints.get("timezone") is False for hints in new):
        source.schema.update_table(new_table(table, columns=new))
    for name, kind in known.items():
        if name in schema.names and schema.field(name).type != kind:
            column, wider = source.schema.tables[table]["columns"][name], declared[name]
            column["data_type"] = wider["data_type"]
            column["precision"], column["scale"] = wider.get("precision"), wider.get("scale")
