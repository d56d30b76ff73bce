"""A scenario with a wait, a branch and a row for another system, walked day by day in processes of their own.

Used by the tests beside it.

    HUB_KILL_AT="answer written" python -m tests.recovery.journey FOLDER ENGINE DAY

walks one day's run and is killed (SIGKILL) at a fail point.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

from hub.ledger import open_ledger
from hub.project import Project
from hub.project.scenario import Scenario
from hub.report import Report
from hub.schema import BUILT_IN
from hub.stages.activate import activate
from hub.stages.decide import decide
from hub.stages.enrich import enrich
from hub.stages.feedback import feedback
from hub.warehouse import open_warehouse
from tests.stages.engagement import CONNECTIONS, NOW, WELCOME, RecorderConfig, project_in

DAY = timedelta(days=1)

JOURNEY = Scenario.model_validate(
    {
        **WELCOME.model_dump(by_alias=True, exclude_unset=True),
        "stop_when": "ordered",
        "steps": [
            {"send": "welcome", "by": "email", "content": {"species": "'cat'"}},
            {"wait": {"until": "clicked", "at_most": "2 days"}},
            {"if": "clicked", "then": "stop"},
            {"send": "extra", "by": "email"},
            {"post": "no_answer", "to": "ads", "content": {"email": "email"}, "consent": {"channel": "email"}},
        ],
    }
)


def project(folder: Path) -> Project:
    """Give the same project to the process that is killed and to the one that goes on."""
    mail = RecorderConfig(channel="email", window=DAY, batch_size=2)
    ads = RecorderConfig(syncs=True, batch_size=1)
    return project_in(folder, scenarios=[JOURNEY], connections={**CONNECTIONS, "mail": mail, "ads": ads})


def run(folder: Path, engine: str, day: float) -> Report:
    """Walk enrich, feedback, decide and activate so many days after the beginning; return what decide did."""
    warehouse = open_warehouse(engine, BUILT_IN, folder / ".hub", [folder])
    ledger = open_ledger("sqlite" if engine == "duckdb" else engine, folder / ".hub")
    try:
        enrich(warehouse, project(folder), NOW + day * DAY)
        feedback(warehouse, ledger, project(folder), NOW + day * DAY)
        decided = decide(warehouse, ledger, project(folder), NOW + day * DAY)
        activate(warehouse, ledger, project(folder), NOW + day * DAY)
        return decided
    finally:
        ledger.close()
        warehouse.close()


if __name__ == "__main__":
    folder, engine, day = sys.argv[1:]
    run(Path(folder), engine, float(day))
