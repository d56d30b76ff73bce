"""Banners: what a site may show to who is there, as scenarios decided."""

from hub.serve.banners.ask import Ask

__all__ = ["Ask"]
