"""Map: turn what the systems said into rows of the shared schema.

Each mapping reads the load packages that it has not seen yet, all at once, in sets; a mapping that changed reads all of
them again. Of several versions of a row the newest source time wins, not the newest arrival. Rows that cannot be mapped
go to quarantine with the reason, and return by themselves when the mapping or the data is mended.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from hub.lake import Lake
from hub.ledger import Ledger
from hub.project import Project
from hub.report import Report
from hub.stages.map.connection import Outcome, plugin_functions
from hub.stages.map.groups import seen
from hub.stages.map.preview import PreviewRow, preview_mapping
from hub.stages.map.problems import problems_of_mapping
from hub.stages.map.quarantine import KEYLESS, WHOLE_COLUMN
from hub.stages.map.rejected import LANDING
from hub.stages.map.replay import Choice, Replayed, replay
from hub.stages.map.stopped import stopped
from hub.stages.map.together import Round
from hub.warehouse import Warehouse

__all__ = [
    "KEYLESS",
    "LANDING",
    "WHOLE_COLUMN",
    "Choice",
    "PreviewRow",
    "Replayed",
    "map_loads",
    "plugin_functions",
    "preview_mapping",
    "problems_of_mapping",
    "replay",
]


def map_loads(
    warehouse: Warehouse,
    project: Project,
    lake: Lake,
    as_of: datetime,
    accepted: Mapping[str, str] = MappingProxyType({}),
    ledger: Ledger | None = None,
) -> Report:
    """Map what is new in the lake, in one transaction; in one per connection once one of them fails.

    A connection that fails, or that a check stops, is left as it was, and told in `failures`; the others go on. A
    stopped one is told again, without mapping it, until something changes that could let it go on.
    `accepted` says per connection up to which load package a person takes what came, whatever checks say. Mapping twice
    changes nothing. Counts: rows mapped, superseded by a newer version, in quarantine, left out by `where`, warned of;
    checks of any kind that are not met; and per table. Checks that warn and are not met are told in `warnings`. With a
    `ledger`, rows about people who were erased are kept out.
    """
    with warehouse.begin() as transaction:
        known, stopped_before = seen(transaction), stopped(transaction)
    connections = dict.fromkeys([*(mapped.connection for mapped in project.mappings), *known])
    plugins = plugin_functions(project)
    work = Round(warehouse, project, lake, as_of, accepted, ledger, known, stopped_before, plugins)
    mapped, failures = work.map(list(connections))
    total = Outcome()
    unmet = 0
    for one in mapped:
        _add(total, one.outcome)
        unmet += sum(not finding.met for finding in one.findings)
    return Report(
        stage="map",
        rows_in=total.rows,
        rows_out=total.mapped + total.superseded,
        set_aside=total.failed + total.left_out,
        counts={
            "mapped": total.mapped,
            "superseded": total.superseded,
            "quarantined": total.failed,
            "left out": total.left_out,
            "warnings": total.warned,
            "unreadable values": total.notes,
            **({"kept out": total.kept_out} if total.kept_out else {}),
            "checks not met": unmet,
            **({"echoes": total.echoes} if total.echoes else {}),
            **dict(sorted(total.tables.items())),
        }
        if total.work
        else {},
        failures=tuple(failures),
        warnings=tuple(finding.words for one in mapped for finding in one.findings if finding.warns),
        skipped=not total.work and not failures,
    )


def _add(total: Outcome, outcome: Outcome) -> None:
    total.rows += outcome.rows
    total.mapped += outcome.mapped
    total.superseded += outcome.superseded
    total.failed += outcome.failed
    total.left_out += outcome.left_out
    total.warned += outcome.warned
    total.notes += outcome.notes
    total.echoes += outcome.echoes
    total.kept_out += outcome.kept_out
    total.tables.update(outcome.tables)
    total.work = total.work or outcome.work
