"""Load: run dlt for one connection, to the end, whatever happened before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hub.contracts import Destination, Source
from hub.errors import TemporaryError
from hub.lake import Lake, raw_name
from hub.patience import patiently
from hub.stages.land.failures import failure
from hub.stages.land.fit import fit_resources
from hub.stages.land.settings import dlt_settings

if TYPE_CHECKING:
    from dlt.common.schema.typing import TSchemaContractDict
    from dlt.extract import DltResource, DltSource
    from dlt.pipeline.pipeline import Pipeline

ATTEMPTS = 3
CONTRACT: TSchemaContractDict = {"tables": "evolve", "columns": "evolve", "data_type": "freeze"}


def load_new(lake: Lake, connection: str, plugin: Source | Destination, work: Path) -> Counter[str]:
    """Complete what a killed run left, then land what is new; try again while failures are temporary.

    What a resource brought that stopped at a place from which it goes on is kept, before that failure is raised.

    Returns how many rows per table went into the new load package, by the count of those who sent them.
    """
    return patiently(ATTEMPTS)(_attempt, lake, connection, plugin, work)


def _attempt(lake: Lake, connection: str, plugin: Source | Destination, work: Path) -> Counter[str]:
    stops: list[TemporaryError] = []
    try:
        if not isinstance(plugin, Source) and type(plugin).feedback is Destination.feedback:
            return Counter()  # it has no feedback, and need not pay for the import of dlt
        with dlt_settings():
            resources = list(plugin.resources() if isinstance(plugin, Source) else plugin.feedback())
            if not resources:
                return Counter()
            _complete_pending(lake, connection, work)
            source = _source(connection, resources)
            passed_on = fit_resources(source, stops)
            _pipeline(lake, connection, work).run(
                source, write_disposition="append", schema_contract=CONTRACT, loader_file_format="parquet"
            )
    except Exception as error:  # noqa: BLE001 - whatever a plugin raises is sorted by what the reader does next
        raise failure(error, connection, plugin.name) from None
    finally:
        # dlt keeps the last run's errors here, and those may quote a row.
        (work / raw_name(connection) / "trace.pickle").unlink(missing_ok=True)
    if stops:
        raise failure(stops[0], connection, plugin.name)
    return passed_on


def complete_pending(lake: Lake, connection: str, work: Path) -> None:
    """Load what a killed run extracted, without asking the system for more."""
    with dlt_settings():
        _complete_pending(lake, connection, work)


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
    """Drop the cursors of load packages that can't be completed any more, for the working folder is gone."""
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


def _source(connection: str, resources: Sequence[DltResource]) -> DltSource:
    from dlt.common.schema import Schema
    from dlt.extract import DltSource

    return DltSource(Schema(raw_name(connection)), raw_name(connection), resources)
