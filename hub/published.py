"""Ask what the last run published; a run that is busy is not disturbed.

What a backup brought back is not shown before those are erased again who were erased since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from hub.errors import TemporaryError

if TYPE_CHECKING:
    import pyarrow as pa

    from hub.project import Project


NOTED = "SELECT fingerprint FROM store.stage_state WHERE stage = 'erasures'"
"""Which erasures the warehouse has seen, as it was published."""


def ask(project: Project, sql: str) -> pa.Table:
    """Run one read-only statement.

    Raises ConfigurationError for wrong SQL, or when nothing is published yet; TemporaryError while somebody is erased,
    or has to be again.
    """
    with _reader(project) as query:
        if (project.folder / project.hub.erasure.log).exists():
            _refuse_who_is_erased(project, query)
        return query(sql)


def _refuse_who_is_erased(project: Project, query: Callable[[str], pa.Table]) -> None:
    from hub.privacy.log import named, read_log

    told = read_log(project)
    if told and query(NOTED).to_pylist() != [{"fingerprint": named(entry.id for entry in told)}]:
        raise TemporaryError(
            "people are being erased, or a backup was brought back that knows nothing of it: `hub people erasures` "
            "goes on with it, and so does the next run"
        )


@contextmanager
def _reader(project: Project) -> Iterator[Callable[[str], pa.Table]]:
    if project.hub.engine == "duckdb":
        from hub.warehouse import duckdb

        yield partial(duckdb.query, project.state / "published.duckdb")
        return
    from hub.warehouse.postgresql import PostgreSQLWarehouse

    warehouse = PostgreSQLWarehouse(project.schema, project.hub.engine)
    try:
        yield warehouse.query
    finally:
        warehouse.close()
