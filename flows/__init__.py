"""The pipeline under Prefect: schedules, retries, one run at a time, and reports as artifacts.

The order of the stages is the pipeline's; here each piece of work becomes a task.
"""

from flows.runs import run_as_flow
from flows.schedule import serve_schedules

__all__ = ["run_as_flow", "serve_schedules"]
