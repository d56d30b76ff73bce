"""The project's schedules, served to a Prefect server: one deployment per flow that has a cron time."""

from __future__ import annotations

import os

from prefect import serve
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron

from flows.runs import hub_flow
from hub.errors import ConfigurationError
from hub.pipeline import FLOWS
from hub.project import Project


def deployments(project: Project) -> list[RunnerDeployment]:
    """Make a deployment for each flow under `schedules:`; a flow never runs twice at the same time."""
    found = []
    for name in FLOWS:
        cron: str | None = getattr(project.hub.schedules, name)
        if cron is not None:
            deployment = hub_flow.to_deployment(
                name=name,
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
