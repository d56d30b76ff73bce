"""Mails through the outbox to a mail server on loopback, against a plain loop over mails that lie ready.

Size counts mails. All are queued; the hub takes its last look at each, renders it, writes it as a mail, and sends it,
with `sending` on disk before the call and the answer right after it. The reference has the finished mails in a table of
SQLite and sends them with smtplib, a hundred over one connection, and keeps a row per mail in the same manner. The
server must have taken the same mails of both, each once.

Besides: what share of the hub's CPU seconds each part takes; the peak of memory for a tenth of the mails; and how long
the mails take, for that tenth, beside a destination that never answers.
"""

from __future__ import annotations

import json
import shutil
import smtplib
import socket
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.mailbox import Received, received_mail, receiving_mail
from bench.measure import PROJECT_ROOT, Cost, Result, beyond_startup, must_agree, python
from bench.walk import registry

PROJECT = Path(__file__).parent.parent / "outbox"
TEMPLATES = PROJECT_ROOT / "examples" / "miaoum" / "templates"
SQL = Path(__file__).parent.parent / "sql"
AS_OF = datetime(2026, 3, 2, 9, tzinfo=UTC)
BATCH = 100
"""How many mails the reference sends over one connection, as the hub does."""
TIMES = 2
"""How often the tenth is sent, alone and beside a dead destination; the quickest counts."""


def run(size: int, folder: Path) -> Result:
    """Send with both, then a tenth alone and beside a destination that never answers."""
    shutil.rmtree(folder, ignore_errors=True)
    tenth = max(1, size // 10)
    with receiving_mail() as port, _dead() as dead:
        _say(f"queueing {size} mails ...")
        project = _prepared(folder / "all", size, port)
        _child("ready", project, folder / "ready.sqlite")
        _say("the hub ...")
        ours, took = _send(project), received_mail(port)
        idle = _send(project)
        _say("a plain loop ...")
        theirs = _child("reference", folder / "ready.sqlite", str(port))
        must_agree(_told(took, size), _told(received_mail(port), size))
        _say("a tenth of them, alone and beside a destination that never answers ...")
        small, alone, beside = _tenth(folder, tenth, port, f"http://127.0.0.1:{dead}")
    loop = beyond_startup(theirs, _child("reference", folder / "ready.sqlite", str(port)))
    sending = beyond_startup(ours, idle)
    parts = json.loads((project / "parts.json").read_text("utf-8"))
    return Result(
        "outbox",
        size,
        sending.cpu_seconds,
        loop.cpu_seconds,
        ours.peak_mib,
        {
            "mails_per_cpu_second": round(size / sending.cpu_seconds),
            "mails_per_second": round(size / took.seconds) if took.seconds else None,
            "reference_mails_per_cpu_second": round(size / loop.cpu_seconds),
            "receiver_cpu_seconds": round(took.cpu_seconds, 3),
            "parts": {name: round(spent / sending.cpu_seconds, 3) for name, spent in parts.items()},
            "bottleneck": max(parts, key=lambda name: float(parts[name])),
            "tenth_peak_mib": round(small.peak_mib, 1),
            "beside_dead_ratio": round(beside / alone, 3) if alone else None,
        },
    )


def _prepared(folder: Path, size: int, port: int, texts_url: str = "") -> Path:
    """Make a project with so many mails queued, and with a URL as many texts."""
    shutil.copytree(PROJECT, folder)
    shutil.copytree(TEMPLATES / "blocks", folder / "templates" / "blocks")
    shutil.copytree(TEMPLATES / "welcome_offer", folder / "templates" / "welcome_offer")
    settings = {"HUB_KEY": "signs-links-that-nobody-gets", "SMTP_PORT": port, "TEXTS_TIMEOUT": 2}
    if texts_url:
        settings["TEXTS_URL"] = texts_url
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()), "utf-8")
    _child("prepare", folder, str(size), str(bool(texts_url)).lower())
    return folder


def _tenth(folder: Path, size: int, port: int, dead: str) -> tuple[Cost, float, float]:
    """Send so many mails alone, and beside as many texts for a dead destination, by turns.

    Gives the cost of the first, and the seconds that the mails took alone and beside.
    """
    beside = _prepared(folder / "beside", size, port, dead)
    alone = folder / "alone"
    shutil.copytree(beside, alone)
    with sqlite3.connect(alone / ".hub" / "ledger.sqlite") as ledger:
        ledger.execute("DELETE FROM outbox WHERE connection = 'texts'")
    costs: list[Cost] = []
    took: dict[Path, list[float]] = {alone: [], beside: []}
    for prepared in (alone, beside) * TIMES:
        project = folder / "once"
        shutil.copytree(prepared, project)
        costs.append(_send(project))
        took[prepared].append(received_mail(port).seconds)
        shutil.rmtree(project)
    return costs[0], min(took[alone]), min(took[beside])


@contextmanager
def _dead() -> Iterator[int]:
    """Listen and never answer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def _told(received: Received, size: int) -> dict[str, int]:
    return {"mails": received.mails, "ids": int(received.ids, 16), "size": size}


def _send(project: Path) -> Cost:
    return _child("send", project)


def _child(what: str, *arguments: Path | str) -> Cost:
    return python("-m", "bench.benchmarks.outbox", what, *arguments)


def _say(what: str) -> None:
    print(what, flush=True)


# in child processes --------------------------------------------------------------------------------------------------


def prepare(project: str, size: str, phones: str) -> None:
    """Fill the warehouse, and let everybody's messages be queued."""
    import duckdb

    from hub.pipeline import workspace
    from hub.project import load_project
    from hub.stages.decide import decide
    from hub.stages.enrich import enrich

    loaded = load_project(Path(project), registry())
    with workspace(loaded):
        pass
    with duckdb.connect(str(loaded.state / "warehouse.duckdb")) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        text = (SQL / "outbox.sql").read_text("utf-8")
        connection.execute(text.replace("$size", size).replace("$phones", phones))
    with workspace(loaded) as stores:
        enrich(stores.warehouse, loaded, AS_OF)
        decide(stores.warehouse, stores.ledger, loaded, AS_OF)


def send(project: str) -> None:
    """Send what is due, and the first time write down what each part took."""
    from hub.pipeline import workspace
    from hub.project import load_project
    from hub.stages.activate import activate

    parts = Parts()
    parts.watch()
    loaded = load_project(Path(project), registry())
    with workspace(loaded) as stores:
        activate(stores.warehouse, stores.ledger, loaded, AS_OF)
    file = Path(project) / "parts.json"
    if not file.exists():
        file.write_text(json.dumps(parts.spent), "utf-8")


class Parts:
    """The CPU seconds of this process by what it was at; while one part is at work, no other is."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self._at_work = ""

    def watch(self) -> None:
        """Time the parts from now on."""
        from hub.ledger import Ledger
        from hub.ledger.outbox import Outbox
        from hub.stages.activate import queue
        from plugins.destinations import smtp
        from plugins.destinations.smtp.connection import Connection

        self._time("the last look", queue, "last_look")
        self._time("templates", queue, "compose")
        self._time("the ledger", Ledger, "templates")
        for name in ("due", "start", "settle", "withdraw", "abandon", "expire", "waiting", "unknown"):
            self._time("the ledger", Outbox, name)
        self._time("writing mails", smtp, "compose")
        self._time("the SMTP client", Connection, "deliver")
        self._time("the SMTP client", Connection, "__exit__")

    def _time(self, part: str, owner: Any, name: str) -> None:
        work: Callable[..., Any] = getattr(owner, name)

        def timed(*arguments: Any, **named: Any) -> Any:
            if self._at_work:
                return work(*arguments, **named)
            self._at_work, began = part, time.process_time()
            try:
                return work(*arguments, **named)
            finally:
                self.spent[part] += time.process_time() - began
                self._at_work = ""

        setattr(owner, name, timed)


def ready(project: str, file: str) -> None:
    """Lay the mails ready, as the hub would write them."""
    import duckdb

    from hub.contracts import EmailRecipient, Message
    from hub.project import load_project
    from hub.templates import Renderer, load_template
    from plugins.destinations.smtp.mail import compose

    loaded = load_project(Path(project), registry())
    pinned = load_template(loaded.folder / "templates", "welcome_offer", "email").text
    config, renderer = loaded.connections["mail"].config, Renderer()
    with (
        duckdb.connect(str(loaded.state / "warehouse.duckdb"), read_only=True) as connection,
        sqlite3.connect(file) as mails,
    ):
        mails.execute("PRAGMA journal_mode = WAL")
        mails.execute("CREATE TABLE mail (id TEXT PRIMARY KEY, recipient TEXT, content BLOB, state TEXT, attempts INT)")
        mails.execute("CREATE INDEX due ON mail (state)")
        queued = connection.execute("SELECT decision_id, address, content FROM store.decision WHERE outcome = 'queued'")
        while rows := queued.fetchmany(1_000):
            for id_, address, content in rows:
                values = {
                    **json.loads(content),
                    "salutation": "mevrouw Jansen",
                    "unsubscribe_url": "https://x.example/",
                }
                to = EmailRecipient(json.loads(address)["email"], "")
                message = Message(id_, "email", to, renderer.render(pinned, values), AS_OF, "token")
                mail = compose(message, config, values["unsubscribe_url"])  # type: ignore[arg-type]
                mails.execute("INSERT INTO mail VALUES (?, ?, ?, 'queued', 0)", (id_, mail.recipient, mail.content))


def reference(file: str, port: str) -> None:
    """Send the mails that lie ready."""
    with sqlite3.connect(file, isolation_level=None) as mails:
        mails.execute("PRAGMA synchronous = FULL")
        asked = "SELECT id, recipient, content FROM mail WHERE state = 'queued' LIMIT ?"
        while rows := mails.execute(asked, [BATCH]).fetchall():
            ids = [(id_,) for id_, _, _ in rows]
            mails.execute("BEGIN IMMEDIATE")
            mails.executemany("UPDATE mail SET state = 'sending', attempts = attempts + 1 WHERE id = ?", ids)
            mails.execute("COMMIT")
            with smtplib.SMTP("127.0.0.1", int(port)) as server:
                for _, recipient, content in rows:
                    server.sendmail("hallo@miaoum.example", [recipient], content)
            mails.execute("BEGIN IMMEDIATE")
            mails.executemany("UPDATE mail SET state = 'accepted' WHERE id = ?", ids)
            mails.execute("COMMIT")


CHILDREN: dict[str, Callable[..., None]] = {
    "prepare": prepare,
    "send": send,
    "ready": ready,
    "reference": reference,
}

if __name__ == "__main__":
    what, *given = sys.argv[1:]
    CHILDREN[what](*given)
