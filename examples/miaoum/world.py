"""The world around the example's project: its data, its servers, and the `.env` that tells the hub where they are."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from examples.miaoum.generate import generate
from examples.miaoum.servers.audience import AudienceServer
from examples.miaoum.servers.crm import CrmServer
from examples.miaoum.servers.mailbox import Mailbox
from examples.miaoum.servers.sms import SmsServer

PEOPLE = 5000


@dataclass(frozen=True)
class World:
    """The servers, running, and the folder of the project that talks to them."""

    folder: Path
    crm: CrmServer
    mailbox: Mailbox
    sms: SmsServer
    audiences: AudienceServer

    @property
    def reactions(self) -> Path:
        """Where the mail platform writes what the recipients did."""
        return self.folder / "data" / "reactions"


def make_data(folder: Path, people: int = PEOPLE) -> bool:
    """Generate the project's data where there is none yet; returns whether it did."""
    finished = folder / "data" / "truth" / "welcome.parquet"
    if finished.exists():
        return False
    generate(folder / "data", people)
    return True


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Start the servers on free ports, and write `.env` into the project's folder; its secrets stay from run to run."""
    known = read_env(folder / ".env")
    keys = {
        "HUB_KEY": known.get("HUB_KEY") or secrets.token_urlsafe(32),
        "CRM_TOKEN": known.get("CRM_TOKEN") or secrets.token_urlsafe(24),
        "SMS_TOKEN": known.get("SMS_TOKEN") or secrets.token_urlsafe(24),
        "ADS_SECRET": known.get("ADS_SECRET") or "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode(),
    }
    with ExitStack() as stack:
        crm = stack.enter_context(CrmServer(folder / "data" / "crm", keys["CRM_TOKEN"]))
        mailbox = stack.enter_context(Mailbox(keep=folder / "out" / "mails"))
        sms = stack.enter_context(SmsServer(keys["SMS_TOKEN"]))
        audiences = stack.enter_context(AudienceServer(keys["ADS_SECRET"]))
        (folder / "data" / "reactions").mkdir(parents=True, exist_ok=True)
        places = {
            "SHOP_DATABASE_URL": f"sqlite:///{(folder / 'data' / 'shop.db').resolve()}",
            "CRM_URL": crm.url,
            "MAIL_PORT": str(mailbox.smtp_port),
            "UNSUBSCRIBE_URL": mailbox.unsubscribe_url,
            "SMS_URL": f"{sms.url}/messages",
            "ADS_URL": f"{audiences.url}/audiences",
        }
        write_env(folder / ".env", keys | places)
        yield World(folder, crm, mailbox, sms, audiences)


def read_env(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    pairs = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return {name: value.strip("'") for name, _, value in pairs}


def write_env(path: Path, values: dict[str, str]) -> None:
    lines = ["# Written by the demo: where its servers are now, and secrets of its own."]
    lines += [f"{name}='{value}'" for name, value in values.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    path.chmod(0o600)
