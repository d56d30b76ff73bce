"""One run of the hub as a Prefect flow run: a task per stage and connection, its report as an artifact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import tenacity
from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.runtime import flow_run
from prefect.tasks import Task

from hub import pipeline
from hub.check import check_project
from hub.errors import ConfigurationError, HubError, TemporaryError
from hub.pipeline import RunReport, Stage, Work
from hub.project.load import load_project
from hub.published import ask
from hub.quality import quality_page, read_quality
from hub.report import Report

RETRY_SECONDS = (10.0, 60.0)
WAIT_SECONDS = 15
PATIENCE_SECONDS = 1800


class RunFailedError(HubError):
    """Marks the flow run as failed; its message lists what went wrong, `report` has the rest."""

    def __init__(self, report: RunReport) -> None:
        super().__init__("; ".join(report.failures))
        self.report = report


def _is_temporary(_task: Task[Any, Any], _task_run: TaskRun, state: State[Any]) -> bool:
    try:
        state.result()
    except TemporaryError:
        return True
    except Exception:  # noqa: BLE001 (whatever else failed is not retried; Prefect reports it)
        return False
    return False


@task(
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=len(RETRY_SECONDS),
    retry_delay_seconds=list(RETRY_SECONDS),
    retry_condition_fn=_is_temporary,
)
def work_on(work: Work) -> Report:
    """Do one piece of work of a stage."""
    return work()


def _step(stage: Stage, subject: str, work: Work) -> Report:
    name = f"{stage} {subject}".strip()
    report = work_on.with_options(name=name, task_run_name=name)(work)
    create_table_artifact(
        key=name.replace(" ", "-").replace("_", "-").lower(),
        table=[{"what": what, "rows": rows} for what, rows in _figures(report).items()],
        description="\n\n".join((*report.failures, *report.warnings)) or f"What {name} did.",
    )
    return report


def _figures(report: Report) -> dict[str, int]:
    return {
        "rows in": report.rows_in,
        "rows out": report.rows_out,
        "set aside": report.set_aside,
        **{key.replace("_", " "): count for key, count in report.counts.items()},
    }


def _run_name() -> str:
    return ", ".join(flow_run.parameters["names"]) or "everything"


@flow(name="hub", flow_run_name=_run_name, persist_result=False, validate_parameters=False)
def hub_flow(folder: str, names: list[str], as_of: str | None = None) -> RunReport:
    """Run stages or flows of the project in `folder`, as of a moment (ISO 8601) or the scheduled time.

    A failure of one connection lets the others finish, then fails the flow run.
    """
    moment = datetime.fromisoformat(as_of) if as_of else flow_run.scheduled_start_time
    project = load_project(Path(folder))
    problems = check_project(project, moment)
    if problems:
        raise ConfigurationError(problems)
    report = _when_free(lambda: pipeline.run(project, moment, names, step=_step))
    if any(stage.stage == "map" and not stage.skipped for stage in report.reports):
        page = quality_page(read_quality(partial(ask, project)))
        create_markdown_artifact(key="quality", markdown=page, description="What the newest loads were like.")
    if not report.ok:
        raise RunFailedError(report)
    return report


def _when_free(run: Callable[[], RunReport]) -> RunReport:
    """Run as soon as no other run of the project is at work: schedules meet on the hour."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(TemporaryError),
        wait=tenacity.wait_fixed(WAIT_SECONDS),
        stop=tenacity.stop_after_delay(PATIENCE_SECONDS),
        reraise=True,
    )
    return retrying(run)


def run_as_flow(folder: Path, names: Sequence[str], as_of: datetime) -> RunReport:
    """Run here and now, as a flow run of the Prefect server that PREFECT_API_URL names.

    A connection that failed is in the report; any other failure is raised.
    """
    try:
        result: RunReport = hub_flow(str(folder), list(names), as_of.isoformat())
    except RunFailedError as failed:
        return failed.report
    return result
