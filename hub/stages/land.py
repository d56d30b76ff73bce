"""Land: bring what a system says into the lake, as it said it, one load package per run.

Everything new of one connection is written as Parquet and becomes visible at once, when the load package is complete; a
run that is killed is completed by the next one. Nothing is merged and nothing is interpreted here.

Each row carries `_dlt_load_id` and `_row` (its place in the load package). Columns get names by `raw_name`. A value of another
type than its column holds puts its row into the table `_rejected`, as text, with the reason.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.contracts import Destination, Source
from hub.errors import ConfigurationError, HubError, InternalError, PluginError, TemporaryError
from hub.lake import REJECTED, ROW, Lake, Load, raw_name, raw_names

if TYPE_CHECKING:
    import pyarrow as pa
    from dlt.extract import DltResource, DltSource
    from dlt.pipeline.pipeline import Pipeline

ATTEMPTS = 3
CONTRACT = {"tables": "evolve", "columns": "evolve", "data_type": "freeze"}


@dataclass(frozen=True)
class LandReport:
    """What one run brought in: `loads` are the load packages it completed, those of a killed run before it included.

    `rows` counts the rows per table, without those set aside; nothing new gives no load at all.
    """

    connection: str
    as_of: datetime
    loads: tuple[str, ...]
    rows: Mapping[str, int] = field(default_factory=dict)
    set_aside: int = 0
    files: int = 0
    seconds: float = 0.0


def land(lake: Lake, connection: str, plugin: Source | Destination, work: Path, as_of: datetime) -> LandReport:
    """Land everything new of one connection; a destination lands its feedback.

    Writes only below `work` and in the lake. Raises TemporaryError when the system stays away or another run is landing the
    same connection, ConfigurationError when the system refuses what the configuration says, PluginError when the plugin fails.
    """
    started = time.perf_counter()
    work.mkdir(parents=True, exist_ok=True)
    with _alone(work / f"{raw_name(connection)}.lock", connection), _dlt_settings():
        completed = {load.load_id for load in lake.loads(connection)}
        passed_on = _run(lake, connection, plugin, work)
        loads = [load for load in lake.loads(connection) if load.load_id not in completed]
    rows = _count(lake, loads)
    _reconcile(connection, passed_on, rows)
    return LandReport(
        connection,
        as_of,
        tuple(load.load_id for load in loads),
        {table: count for table, count in rows.items() if table != REJECTED},
        rows.get(REJECTED, 0),
        sum(len(paths) for load in loads for paths in load.files.values()),
        time.perf_counter() - started,
    )


def _run(lake: Lake, connection: str, plugin: Source | Destination, work: Path) -> Counter[str]:
    """Complete what a killed run left, then land what is new; try again while failures are temporary."""
    import tenacity

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(TemporaryError),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=_pause,
        reraise=True,
    )
    return retrying(_attempt, lake, connection, plugin, work)


def _attempt(lake: Lake, connection: str, plugin: Source | Destination, work: Path) -> Counter[str]:
    try:
        _complete_pending(lake, connection, work)
        pipeline = _pipeline(lake, connection, work)
        source = _source(connection, plugin)
        passed_on = _dress(source, connection)
        pipeline.run(source, write_disposition="append", schema_contract=CONTRACT, loader_file_format="parquet")
    except Exception as error:  # noqa: BLE001 - whatever a plugin raises is sorted by what the reader does next
        raise _sorted(error, connection, plugin.name) from None
    return passed_on


def _complete_pending(lake: Lake, connection: str, work: Path) -> None:
    """Load the package that a killed run extracted, so that its rows and its cursors count.

    The run after this one needs a pipeline object of its own: only a new one takes over the cursors of that package.
    """
    if not (work / raw_name(connection)).exists():
        _forget_unfinished(lake, connection)
        return
    pipeline = _pipeline(lake, connection, work)
    if pipeline.has_pending_data:
        pipeline.run()


def _forget_unfinished(lake: Lake, connection: str) -> None:
    """Drop the cursors of load packages that never completed, where the working folder that would complete them is gone."""
    from fsspec.core import url_to_fs

    filesystem, root = url_to_fs(lake.url)
    folder = f"{root}/{lake.dataset_name(connection)}/_dlt_pipeline_state"
    completed = lake.completed(connection)
    if filesystem.exists(folder):
        for path in filesystem.ls(folder, detail=False):
            parts = path.rsplit("/", 1)[-1].rsplit("__", 2)
            if len(parts) == 3 and parts[1] not in completed:
                filesystem.rm_file(path)


def _pipeline(lake: Lake, connection: str, work: Path) -> Pipeline:
    import dlt

    return dlt.pipeline(
        raw_name(connection),
        pipelines_dir=str(work.absolute()),
        destination=dlt.destinations.filesystem(lake.url),
        dataset_name=lake.dataset_name(connection),
    )


def _source(connection: str, plugin: Source | Destination) -> DltSource:
    from dlt.common.schema import Schema
    from dlt.extract import DltSource

    given = plugin.resources() if isinstance(plugin, Source) else plugin.feedback()
    return DltSource(Schema(raw_name(connection)), raw_name(connection), list(given))


def _dress(source: DltSource, connection: str) -> Counter[str]:
    """Add the two steps that all resources get: pages become Arrow, and rows are made to fit; count what goes on."""
    from dlt.extract.items_transform import ItemTransform

    passed_on: Counter[str] = Counter()

    class ToArrow(ItemTransform[Any, Any]):
        """Before dlt's incremental step, which is fast on Arrow and slow on dictionaries."""

        placement_affinity = -0.5

        def __init__(self) -> None:
            super().__init__(_to_arrow)

        def __call__(self, item: Any, meta: Any = None) -> Any:
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
        tables = [
            part for part in (_to_arrow(part) for part in item if not isinstance(part, Mapping)) if part is not None
        ]
        rows = [part for part in item if isinstance(part, Mapping)]
        parts = [*tables, *([table_of(rows)] if rows else [])]
        item = pa.concat_tables(parts, promote_options="permissive") if parts else None
    return item


def _fit(item: Any, table: str, source: DltSource, passed_on: Counter[str]) -> Iterator[Any]:
    """Yield the rows that fit their table under the names of the lake, and those that do not for the table `_rejected`."""
    import dlt
    import pyarrow as pa

    from hub.arrow import conform, set_aside

    if item is None or not len(item):
        return
    item = item.rename_columns(raw_names(item.column_names))
    known = _known_types(source, table)
    fitting, refused = conform(_without_empty_columns(item, known), known)
    if len(fitting):
        if ROW not in fitting.column_names:
            first = passed_on[table] + 1
            fitting = fitting.append_column(ROW, pa.array(range(first, first + len(fitting)), pa.int64()))
        passed_on[table] += len(fitting)
        _declare(source, table, known, fitting.schema)
        yield dlt.mark.with_table_name(fitting, table)
    if refused:
        reasons, raw = zip(*refused, strict=True)
        passed_on[REJECTED] += len(raw)
        yield dlt.mark.with_table_name(set_aside(table, reasons, raw), REJECTED)


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

    Times without a zone stay without one (dlt would call them UTC), and a column of whole numbers may now hold fractions
    (its contract would refuse them).
    """
    from dlt.common.libs.pyarrow import py_arrow_to_table_schema_columns
    from dlt.common.schema.utils import new_table

    declared = py_arrow_to_table_schema_columns(schema)
    naive = [hints for name, hints in declared.items() if name not in known and hints.get("timezone") is False]
    if naive:
        source.schema.update_table(new_table(table, columns=naive))
    for name, kind in known.items():
        if name in schema.names and schema.field(name).type != kind:
            column = source.schema.tables[table]["columns"][name]
            for hint in ("data_type", "precision", "scale"):
                column.pop(hint, None)  # type: ignore[misc]
            column.update(
                {hint: value for hint, value in declared[name].items() if hint in ("data_type", "precision", "scale")}
            )


def _count(lake: Lake, loads: Iterable[Load]) -> Counter[str]:
    rows: Counter[str] = Counter()
    for load in loads:
        for table, paths in load.files.items():
            rows[table] += lake.count(paths)
    return rows


def _reconcile(connection: str, passed_on: Mapping[str, int], landed: Mapping[str, int]) -> None:
    """Hold the stage to its law: what went in is in the lake (a killed run before this one may have brought more)."""
    for table, count in passed_on.items():
        if landed.get(table, 0) < count:
            raise InternalError(
                f"{connection}: {count} rows of {table} were read, {landed.get(table, 0)} are in the lake"
            )


def _pause(state: Any) -> float:
    """Wait as long as the other side asks, up to a minute; else half a second, doubling."""
    error = state.outcome.exception()
    asked = error.retry_after if isinstance(error, TemporaryError) else None
    return float(min(asked, 60.0)) if asked is not None else 0.5 * 2 ** (state.attempt_number - 1)


def _sorted(error: Exception, connection: str, plugin: str) -> HubError:
    """Say what the reader does next about a failure; foreign messages stay out, for they may quote a row."""
    from dlt.common.exceptions import TransientException

    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, TemporaryError):
            return TemporaryError(f"{connection}: {cause}", cause.retry_after)
        if isinstance(cause, ConfigurationError):
            return type(cause)(f"{connection}: {cause}")
        if isinstance(cause, HubError):
            return cause
    for cause in causes:
        if isinstance(cause, ConnectionError | TimeoutError | TransientException):
            return TemporaryError(
                f"{connection}: the other side does not answer ({type(cause).__name__}); try again later"
            )
    return PluginError(
        f"{connection}: the plugin '{plugin}' failed with {type(causes[-1]).__name__} at {_place(causes[-1])}; its message is "
        "withheld, for it may quote a row"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return (
        f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace is not None else "an unknown place"
    )


@contextmanager
def _alone(path: Path, connection: str) -> Iterator[None]:
    """Hold the lock of a connection; the operating system frees it when the process ends, however it ends."""
    import fcntl

    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TemporaryError(
                f"{connection}: another run is landing this connection; wait until it has finished"
            ) from None
        yield


_settings_in_use: list[Any] = []


@contextmanager
def _dlt_settings() -> Iterator[None]:
    """Give dlt our settings instead of those in the user's environment and folders, as long as any connection lands."""
    from dlt.common.configuration.container import Container
    from dlt.common.configuration.providers.dictionary import DictionaryProvider
    from dlt.common.configuration.specs.config_providers_context import ConfigProvidersContainer
    from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

    context = Container()[PluggableRunContext]
    provider = DictionaryProvider()
    for key, value in {
        "runtime.dlthub_telemetry": False,
        "runtime.log_level": "ERROR",
        "runtime.request_max_attempts": 3,
        "runtime.request_backoff_factor": 0.5,
        "runtime.request_max_retry_delay": 60,
        "normalize.parquet_normalizer.add_dlt_load_id": True,
        "load.delete_completed_jobs": True,
        "load.workers": 4,
        "data_writer.arrow_concat_promote_options": "default",
        "extract.next_item_mode": "fifo",
    }.items():
        *sections, name = key.split(".")
        provider.set_value(name, value, None, *sections)
    _settings_in_use.append(context.providers)
    context.providers = ConfigProvidersContainer([provider])
    try:
        yield
    finally:
        outer = _settings_in_use.pop()
        if not _settings_in_use:
            context.providers = outer
