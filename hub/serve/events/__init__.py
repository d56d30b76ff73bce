"""Events from sites, apps and servers, as analytics libraries send them (the Segment HTTP API)."""

from hub.serve.events.collect import Collect

__all__ = ["Collect"]
