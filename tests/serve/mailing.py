"""A project that sends mails, with one message in its outbox; used by the tests of the pages."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from hub.ledger import Ledger, digest
from hub.project import Project, load_project
from hub.tokens import Kind, token
from tests.ledger.intent import Intent, handed
from tests.serve.shop import NOW

KEY = "5f0c3b7a9d1e4c6f8a2b"
MESSAGE = "5d41402abc4b2a76b9719d911017c592"
RECORD = "shop:anna@example.nl"

HUB_YAML = """
name: Mia(ou)m & <Co>
locale: nl-NL
public_url: https://mail.example.com
connections:
  mail: {plugin: smtp, host: localhost, port: 2525, sender: "Mia(ou)m <hallo@miaoum.example>", security: none}
"""


def mailing(folder: Path, **files: str) -> Project:
    """Make the project; `files` are more of its files, by their names with underscores for slashes."""
    (folder / "hub.yaml").write_text(HUB_YAML, encoding="utf-8")
    (folder / ".env").write_text(f"HUB_KEY={KEY}\n", encoding="utf-8")
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return load_project(folder)


def queue(ledger: Ledger, purpose: str = "marketing") -> None:
    """Put the message into the outbox."""
    intent = Intent(
        id=MESSAGE,
        scenario="welcome",
        step="0",
        connection="mail",
        channel="email",
        purpose=purpose,
        record=digest(RECORD),
        template="t",
        priority=50,
        consent_key=None,
        queued_at=NOW - timedelta(days=1),
        expires_at=NOW + timedelta(days=1),
    )
    ledger.outbox.add(handed([intent]))


def link(kind: Kind, subject: str = MESSAGE, key: str = KEY) -> str:
    """Give the path of a link in the message."""
    return f"/{kind}/{token(key.encode(), kind, subject)}"
