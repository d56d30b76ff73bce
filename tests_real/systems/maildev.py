"""MailDev: an SMTP server whose inbox is read over HTTP."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from tests_real.harness import System, answers, free_port, node_packages


class MailDev(System):
    """Takes every mail, and delivers none."""

    name = "maildev"
    version = "2.2.1"

    def install(self) -> None:
        self._folder = node_packages(self.folder / "node", [f"maildev@{self.version}"])

    def start(self) -> None:
        self.port, web = free_port(), free_port()
        self._web = f"http://127.0.0.1:{web}"
        program = self._folder / "node_modules" / "maildev" / "bin" / "maildev"
        options = ["--smtp", str(self.port), "--web", str(web), "--ip", "127.0.0.1", "--web-ip", "127.0.0.1"]
        self.serve("server", ["node", program, *options]).wait_until(lambda: answers(self.port) and answers(web))

    def inbox(self) -> list[dict[str, Any]]:
        """Give the mails that it took, the oldest first."""
        with urllib.request.urlopen(f"{self._web}/email", timeout=10) as answer:
            return list(json.load(answer))

    def source(self, id_: str) -> str:
        """Give a mail as it came over the wire."""
        with urllib.request.urlopen(f"{self._web}/email/{id_}/source", timeout=10) as answer:
            return str(answer.read().decode())
