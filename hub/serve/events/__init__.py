"""Events from sites, apps and servers, as analytics libraries send them (the Segment HTTP API)."""

from hub.serve.events.callers import Callers
from hub.serve.events.collect import Collect

__all__ = ["Callers", "Collect"]
