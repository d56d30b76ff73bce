"""Settings: what dlt is told by us, and by nobody else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_outer: list[Any] = []


@contextmanager
def dlt_settings() -> Iterator[None]:
    """Give dlt our settings instead of those in the user's environment and folders, as long as any connection lands.

    Telemetry is the exception: dlt decides about it once, when its first context is made, from the environment.
    """
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
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
    _outer.append(context.providers)
    context.providers = ConfigProvidersContainer([provider])
    try:
        yield
    finally:
        outer = _outer.pop()
        if not _outer:
            context.providers = outer
