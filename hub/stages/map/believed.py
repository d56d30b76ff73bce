"""Believed: map what is new of a connection, if it is what was demanded."""

from __future__ import annotations

from collections.abc import Mapping

from hub.stages.map.connection import ConnectionMapping, Outcome
from hub.stages.map.groups import Seen
from hub.stages.map.quality import Finding, forget_findings, judge_arrivals, stop_unless_met


def map_if_believed(
    work: ConnectionMapping, known: Mapping[str, Seen], accepted: str | None
) -> tuple[list[Finding], Outcome]:
    """Judge what arrived, map it, and judge what came of it. Raises StoppedError where a check stops the connection.

    A person who accepted the newest load package (`accepted`) goes before every check that stops.
    """
    data, connection = work.data, work.connection
    loads = [load for load in data.loads(connection) if not load.mended]
    taken = accepted is not None and (not loads or float(loads[-1].load_id) <= float(accepted))
    findings = judge_arrivals(work.transaction, work.project, data, connection, accepted)
    arrivals = {finding.key for finding in findings}
    stop_unless_met(connection, findings, taken)
    outcome = work.run(known)
    findings += work.judge.findings()
    stop_unless_met(connection, findings, taken)
    if outcome.work:
        forget_findings(work.transaction, connection, arrivals | work.judge.declared())
    return findings, outcome
