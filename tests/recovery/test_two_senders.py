"""Two real processes send from one ledger: every message is sent once, by one of them (R16)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier, BrokenBarrierError

from hub.schema import BUILT_IN
from hub.stages.decide import decide
from hub.warehouse import open_warehouse
from tests.recovery.mailroom import opened, project
from tests.recovery.provider import ONCE, provider
from tests.stages.engagement import NOW, shop_in

PEOPLE = 20
ROOT = Path(__file__).parents[2]


def test_two_processes_share_the_messages_and_none_is_sent_twice(tmp_path: Path, engine: str) -> None:
    with provider() as running, ExitStack() as stack:
        url = f"{running.url}/shop"
        first, second = queued(tmp_path, engine, url)
        together = Barrier(2, timeout=60)

        def meet(path: str) -> None:
            """Let nobody send a second text before both have sent a first: a process sends one at a time."""
            if path.endswith("/texts") and not together.broken:
                try:
                    together.wait()
                except BrokenBarrierError:
                    return
                together.abort()

        running.before = meet
        senders = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.recovery.sender", str(folder), str(first), engine, url],
                    env={**os.environ, "PYTHONPATH": str(ROOT), "HUB_LOG_LEVEL": "error"},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for folder in (first, second)
        ]
        for sender in senders:
            assert sender.stdout is not None
            assert sender.stdout.readline() == "ready\n"
        for sender in senders:
            assert sender.stdin is not None
            sender.stdin.write("go\n")
            sender.stdin.flush()
        told = [json.loads(sender.communicate()[0].splitlines()[-1]) for sender in senders]
        account = running.account("shop")
    texts = [id_ for connection, id_ in account.taken if connection == "texts"]
    assert len(texts) == len(set(texts)) == PEOPLE // 2
    assert len({id_ for connection, id_ in account.taken if connection == ONCE}) == PEOPLE // 2
    accepted = [counts.get("accepted", 0) for counts in told]
    assert sum(accepted) == PEOPLE
    assert min(accepted) >= 1, "one of them had nothing to do"
    with opened(first, engine, url) as shop:
        assert shop.ledger.outbox.counts() == {"accepted": PEOPLE}
        assert {len(shop.ledger.outbox.attempts(id_)) for id_ in shop.rows("decision", "decision_id")} == {1}


def queued(folder: Path, engine: str, url: str) -> tuple[Path, Path]:
    """Queue messages; gives the folders for two processes: a DuckDB file has one process, so the second gets a copy."""
    first, second = folder / "first", folder / "second"
    first.mkdir()
    warehouse = open_warehouse(engine, BUILT_IN, first / ".hub", [first])
    with shop_in(first, warehouse) as shop:
        for number in range(1, PEOPLE + 1):
            by_mail = number % 2 == 0
            phone = {} if by_mail else {"phone": f"+316123456{number:02d}"}
            shop.newcomer(number, consent=["email" if by_mail else "sms"], **phone)
        decide(warehouse, shop.ledger, project(first, url), NOW)
    warehouse.close()
    shutil.copytree(first, second)
    return first, second
