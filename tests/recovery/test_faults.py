"""Whatever goes wrong on the way to a provider, each message ends as it should, and the others go on (R16).

The kinds of faults, and what is expected of each, stand in `tests/recovery/faults.py` and in docs/reliability.md.
"""

from __future__ import annotations

import itertools
import socket
import ssl
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.contracts import Place
from hub.ledger import digest
from hub.people.traits import plan_traits
from hub.project import Connection
from hub.report import Report
from hub.schema import BUILT_IN
from hub.stages.activate import activate
from hub.stages.decide import decide
from hub.stages.feedback import feedback
from hub.warehouse import open_warehouse
from plugins.destinations.webhook.config import WebhookConfig
from tests.plugins.destinations.conftest import write_certificate
from tests.recovery.fault_proxy import Call, Proxy, fault_proxy, passes
from tests.recovery.faults import FAULTS, REACTIONS, Fault, Reacted, Where, ends, page
from tests.recovery.provider import ONCE, SECRET, Account, Post, Provider, provider
from tests.stages.engagement import KEY, NOW, Shop, gold, shop_in, tell_news

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ROOT = Path(__file__).parents[2]

EVERY_FOURTH = [
    pytest.param(fault, id=fault.name, marks=() if place % 4 == 0 else pytest.mark.faults)
    for place, fault in enumerate(FAULTS)
]
"""`make test` takes a sample of the kinds, `make fault-test` takes all."""


@dataclass
class Line:
    """A shop, a provider, and the proxy between them."""

    shop: Shop
    provider: Provider
    proxy: Proxy
    urls: dict[Where, str]
    days: Iterator[int]

    def begin(self, number: int, timeout: float = 20.0, where: Where = "proxy") -> tuple[datetime, list[str]]:
        """Begin a day with two newcomers for each of mail and texts; gives the time and the new records."""
        day = next(self.days)
        as_of, people = NOW + day * DAY, [day * 1000 + place for place in range(number)]
        self._connect(f"day{day}", where, timeout)
        rows: dict[str, list[dict[str, Any]]] = {}
        for place, person in enumerate(people):
            record, channel = f"shop:{person}", "email" if place % 2 == 0 else "sms"
            key = {"connection": "shop", "source_key": str(person), "record_id": record}
            addresses = {"email": f"person{person}@example.nl", "phone": f"+31612{person:06d}"}
            names = {"given_name": "First" if place < 2 else "Second"}
            yes = {"given": True, "at": NOW, "purpose": "marketing"}
            rows.setdefault("source_record", []).append({**key, "record_no": person, "person_id": person})
            rows.setdefault("person", []).append(
                {"person_id": person, "record_id": record, "records": 1, **names, **addresses}
            )
            rows.setdefault("activity", []).append({**key, "type": "newsletter_subscribed", "at": as_of - HOUR})
            rows.setdefault("membership", []).append({"person_id": person, "segment": "gold", "since": as_of})
            rows.setdefault("consent", []).extend(
                {**key, **yes, "source_key": f"{person} {to}", "channel": to} for to in (channel, "ads")
            )
        with self.shop.warehouse.begin() as transaction:
            for table, given in rows.items():
                transaction.execute(sa.insert(transaction.table(table)).values(given))
            transaction.execute(
                sa.insert(plan_traits(self.shop.project, NOW).table()).values([{"person_id": one} for one in people])
            )
            tell_news(transaction)
        return as_of, [f"shop:{person}" for person in people]

    def account(self) -> Account:
        return self.provider.account(self._account)

    def send(self, as_of: datetime) -> Report:
        decide(self.shop.warehouse, self.shop.ledger, self.shop.project, as_of)
        return activate(self.shop.warehouse, self.shop.ledger, self.shop.project, as_of)

    def messages(self, records: list[str], connection: str) -> list[Any]:
        """Give the messages to people by a connection, as the ledger has them."""
        chosen = self.shop.rows("decision", "record_id", "decision_id", "connection")
        ids = [id_ for record, id_, by in chosen if record in records and by == connection]
        return list(self.shop.ledger.outbox.among(ids).values())

    def taken(self, records: list[str], connection: str) -> Counter[str]:
        """Count how often the provider took each message to these people."""
        ids = {message.id for message in self.messages(records, connection)}
        return Counter(id_ for by, id_ in self.account().taken if by == connection and id_ in ids)

    def react(self, people: list[str], type_: str, load: str, as_of: datetime) -> None:
        """Let a reaction to every message come in, and settle it; `stranger` is one to a message that nobody sent."""
        is_stranger = type_ == "stranger"
        names = {digest(record): record for record in people}
        rows = [
            {
                "connection": connection,
                "source_key": f"{load} {message.id}",
                "load_id": load,
                "record_id": None if is_stranger else names[message.record],
                "message_key": "nobody's" if is_stranger else message.id,
                "type": "delivered" if is_stranger else type_,
                "code": "5.1.1" if type_ == "bounced" else None,
                "at": as_of,
            }
            for connection in (ONCE, "texts")
            for message in self.messages(people, connection)
        ]
        with self.shop.warehouse.begin() as transaction:
            transaction.execute(sa.insert(transaction.table("message_event")).values(rows))
        feedback(self.shop.warehouse, self.shop.ledger, self.shop.project, as_of + HOUR)

    def mend(self) -> None:
        """Let all be well from now on."""
        self.proxy.behaves = passes
        self._connect(self._account, "proxy", 20.0)

    def _connect(self, account: str, where: Where, timeout: float) -> None:
        self._account = account
        common = {"secret": SECRET, "allow_private": True, "timeout": timeout, "batch_size": 10}
        configs: dict[str, dict[str, Any]] = {
            ONCE: {"channel": "email", "idempotency_window": "24 hours"},
            "texts": {"channel": "sms"},
            "ads": {},
        }
        connections = {
            name: Connection(
                name,
                Post,
                WebhookConfig.model_validate({**common, **given, "url": f"{self.urls[where]}/{account}/{name}"}),
                Place(name, self.shop.project.folder, KEY),
            )
            for name, given in configs.items()
        }
        self.shop = self.shop.with_(connections=connections)


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """Set a shop up once; every test has a day, people and an account at the provider of its own."""
    folder = tmp_path_factory.mktemp("faults")
    certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.load_cert_chain(write_certificate(folder / "server.pem", "127.0.0.1"))
    warehouse = open_warehouse("duckdb", BUILT_IN, folder / ".hub", [folder])
    with (
        shop_in(folder, warehouse, syncs=[gold(guards={"removes": "100%"})], connections={}) as shop,
        provider() as running,
        fault_proxy(running.url, certificate) as (proxy, plain, tls),
        socket.socket() as closed,
    ):
        closed.bind(("127.0.0.1", 0))  # bound and not listening: who calls is refused
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
        urls: dict[Where, str] = {
            "proxy": plain,
            "tls": tls,
            "no tls": plain.replace("http:", "https:"),
            "nobody": nobody,
        }
        yield Line(shop, running, proxy, urls, itertools.count(1))
    warehouse.close()


@pytest.mark.parametrize("fault", EVERY_FOURTH)
def test_a_fault_leaves_each_message_in_its_state_and_ends_as_the_table_says(fault: Fault, line: Line) -> None:
    as_of, people = line.begin(4, fault.timeout, fault.where)
    line.proxy.behaves = fault.behaves
    line.send(as_of)
    for connection in (ONCE, "texts"):
        found = line.messages(people, connection)
        assert Counter(message.state for message in found) == Counter(fault.after)
        assert all(fault.reason in (message.reason or "") for message in found if message.state != "accepted")
        assert line.taken(people, connection).total() == fault.took
    line.mend()
    line.send(as_of + HOUR)
    for connection in (ONCE, "texts"):
        found, expected = line.messages(people, connection), ends(fault, takes_once=connection == ONCE)
        taken = line.taken(people, connection)
        assert Counter(message.state for message in found) == Counter(expected)
        assert all(times == 1 for times in taken.values())
        assert {message.id for message in found if message.state == "accepted"} <= taken.keys()
        told = {message.id for message in line.shop.ledger.outbox.parked()}
        assert {message.id for message in found if message.state == "unknown"} <= told
    # rows are known by their key: whatever happened, they stand in the audience once all is well
    members = {f"Customers A/{record.partition(':')[2]}" for record in people}
    assert members <= line.account().audience.keys()


@pytest.mark.parametrize("reacted", REACTIONS, ids=lambda reacted: reacted.name)
def test_reactions_in_any_order_and_number_settle_a_message_once(reacted: Reacted, line: Line) -> None:
    as_of, people = line.begin(4, 20.0 if reacted.behaves is passes else 0.3)
    line.proxy.behaves = reacted.behaves
    line.send(as_of)
    line.mend()
    for place, type_ in enumerate(reacted.reactions):
        line.react(people, type_, f"{as_of} {place}", as_of)
    line.send(as_of + 2 * HOUR)
    for connection in (ONCE, "texts"):
        assert {message.state for message in line.messages(people, connection)} == {reacted.ends}
        assert set(line.taken(people, connection).values()) == {1}


def test_a_dead_destination_leaves_the_others_as_fast_as_they_were(line: Line) -> None:
    as_of, people = line.begin(100)
    line.send(as_of)
    undisturbed = line.account().requests["texts"], line.taken(people, "texts").total()
    as_of, people = line.begin(100)
    account = line.account()
    seen: list[int] = []

    async def mail_is_dead(call: Call) -> None:
        await call.read()
        if call.path.endswith(f"/{ONCE}"):
            # it lets go only when everything else has come through, or after half a minute
            for _ in range(3000):
                if len(seen) >= undisturbed[0]:
                    return
                await call.pause()
            return
        answer = await call.forward()
        if call.path.endswith("/texts"):
            seen.append(len(account.taken))
        await call.write(answer)

    line.proxy.behaves = mail_is_dead
    report = line.send(as_of)
    assert undisturbed == (5, 50)
    assert line.taken(people, "texts").total() >= 0.9 * undisturbed[1]
    assert len(seen) == undisturbed[0], "the texts waited for the mails"
    assert report.counts["accepted"] == 50
    assert Counter(message.state for message in line.messages(people, ONCE)) == {"unknown": 10, "queued": 40}


def test_the_page_on_reliability_shows_the_faults_as_they_are_tested() -> None:
    written = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    assert page() in written
    assert len(FAULTS) >= 30
