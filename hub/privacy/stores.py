"""The stores of one project, open: what erasure and access work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.errors import ConfigurationError
from hub.lake import Lake
from hub.ledger import Ledger
from hub.project import Project
from hub.warehouse import Warehouse


@dataclass(frozen=True)
class Stores:
    """Lake, warehouse and ledger of a project, for one process at a time."""

    project: Project
    lake: Lake
    warehouse: Warehouse
    ledger: Ledger

    @property
    def key(self) -> bytes:
        """Give the project's key. Raises ConfigurationError where there is none."""
        if not self.project.key:
            raise ConfigurationError("HUB_KEY is not set: who was erased is known by hashes with a secret of your own")
        return self.project.key

    @property
    def keys(self) -> Sequence[bytes]:
        """Give the key, and those that it replaced."""
        return (self.key, *self.project.former_keys)
