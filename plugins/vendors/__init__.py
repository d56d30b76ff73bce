"""Vendors whose API the plugins `rest` and `sms_http` speak: one YAML file each beside this one, and no code.

`brevo.yaml` makes the plugin `brevo`. Its settings are what an admin writes under the connection; `rest` or `sms_http`
is what that plugin would be told, with `${setting}` where a setting goes. A mapping of the same name in mappings/ is
its default.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from hub.hookspecs import hookimpl

if TYPE_CHECKING:
    from hub.contracts import Plugin

FOLDER = Path(__file__).parent


@cache
def vendors() -> tuple[type[Plugin], ...]:
    """Make the plugin of every vendor file."""
    from plugins.vendors.vendor import plugin_of, read

    return tuple(plugin_of(read(file)) for file in sorted(FOLDER.glob("*.yaml")))


@hookimpl
def hub_plugins() -> list[type[Plugin]]:
    """Hand over a class per vendor."""
    return list(vendors())
