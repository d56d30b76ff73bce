"""Host keys: an SFTP server must show the key that we know, or anybody on the way could read the password."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.errors import ConfigurationError

if TYPE_CHECKING:
    from paramiko import PKey, SSHClient

KNOWN_HOSTS = Path("~/.ssh/known_hosts")


def known_hosts(host_key: str | None) -> Any:
    """Give paramiko a policy that takes `host_key`, or without one the known_hosts of this user; loopback is trusted.

    Its connections raise ConfigurationError for a server with any other key.
    """
    from paramiko import HostKeys, MissingHostKeyPolicy

    @dataclass(frozen=True)
    class Known(MissingHostKeyPolicy):  # type: ignore[misc]  # paramiko has no types
        host_key: str | None

        def missing_host_key(self, client: SSHClient, hostname: str, key: PKey) -> None:
            """Judge the key; paramiko asks for every one, since its client has loaded none."""
            transport = client.get_transport()
            if self.host_key is not None:
                if self.host_key.split()[:2] != [key.get_name(), key.get_base64()]:
                    raise ConfigurationError(f"{hostname}: its host key is another one than `host_key` says")
            elif transport is None or not _is_loopback(str(transport.getpeername()[0])):
                file = KNOWN_HOSTS.expanduser()
                if not (file.exists() and HostKeys(str(file)).check(hostname, key)):
                    raise ConfigurationError(f"{hostname}: its host key is not known: write it as `host_key`")

    return Known(host_key)


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback
