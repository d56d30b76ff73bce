"""The project's schedules, served to a Prefect server: one deployment per flow, and per sync, that has a cron time."""

from __future__ import annotations

import os

from prefect import serve
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron

from flows.runs import hub_flow
from hub.errors import ConfigurationError
from hub.pipeline import FLOWS, SYNC
from hub.project import Project


def deployments(project: Project) -> list[RunnerDeployment]:
    """Make a deployment for each flow under `schedules:` and each sync with a `schedule`.

    None of them runs twice at the same time.
    """
    times: dict[str, str | None] = {name: getattr(project.hub.schedules, name) for name in FLOWS}
    times |= {f"{SYNC}{name}": sync.schedule for name, sync in project.syncs.items()}
    found = []
    for name, cron in times.items():
        if cron is not None:
            deployment = hub_flow.to_deployment(
                name=name.replace(":", " "),
                schedule=Cron(cron, timezone=project.hub.timezone),
                parameters={"folder": str(project.folder.resolve()), "names": [name]},
                concurrency_limit=1,
                description=hub_flow.description,
            )
            assert isinstance(deployment, RunnerDeployment)
            found.append(deployment)
    if not found:
        raise ConfigurationError("no flow has a time: add `schedules: {ingest: '*/15 * * * *'}`", "hub.yaml")
    return found


def serve_schedules(project: Project) -> None:
    """Serve the schedules until stopped. Needs a Prefect server, named by PREFECT_API_URL."""
    if not os.environ.get("PREFECT_API_URL"):
        raise ConfigurationError(
            "schedules need a Prefect server: run `prefect server start` in another terminal, then set "
            "PREFECT_API_URL=http://127.0.0.1:4200/api"
        )
    serve(*deployments(project))
