"""The command line: `hub`, with one file per command.

Everything heavy is imported inside the commands, so that `hub --help` answers at once.
"""

from __future__ import annotations

from hub.cli.app import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line."""
    app()
