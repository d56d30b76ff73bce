"""Audiences of advertising platforms, by hashes and only of people who agreed to it: Google and Meta."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.hookspecs import hookimpl

if TYPE_CHECKING:
    from hub.contracts import Plugin


@hookimpl
def hub_plugins() -> list[type[Plugin]]:
    """Hand over the destinations."""
    from plugins.destinations.ads.google import GoogleAds
    from plugins.destinations.ads.meta import MetaAds

    return [GoogleAds, MetaAds]
