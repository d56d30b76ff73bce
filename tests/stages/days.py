"""Days that go by in a small shop: facts and runs at local times, for the tests of scenarios."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.ledger import Settlement
from hub.project.limits import Limits
from hub.project.scenario import Scenario
from hub.project.traits import Trait
from hub.stages.decide import decide
from hub.stages.enrich import enrich
from hub.stages.segment import segment
from hub.warehouse import Warehouse
from tests.stages.engagement import Shop, shop_in

ZONE = ZoneInfo("Europe/Amsterdam")

WELCOME = {
    "scenario": "welcome",
    "who": "everybody who subscribes to the newsletter or makes an account",
    "from": "prospect",
    "to": "first order",
    "trigger": {"any": [{"event": "newsletter_subscribed"}, {"event": "account_created"}]},
    "target": "age is null or age >= 16",
    "stop_when": "ordered and not sent",
    "priority": 60,
    "valid_for": "14 days",
    "steps": [
        {"send": "welcome", "by": ["email", "sms"], "content": {"species": "coalesce(interests, 'any')"}},
        {"wait": {"until": "clicked or ordered", "at_most": "7 days"}},
        {"if": "opened and (clicked or ordered)", "then": "stop"},
        {"send": "reminder", "by": ["email", "sms"]},
    ],
}

STOCK_LOW = {
    "scenario": "stock_low",
    "who": "people whose kibble must be nearly eaten",
    "from": "customer",
    "to": "next order",
    "trigger": {"any": [{"of": "order_line", "where": "product.category = 'kibble'"}]},
    "per": "person, each time",
    "target": "consents('email', 'marketing')",
    "stop_when": "last_kibble_at > entered_at",
    "valid_for": "30 days",
    "steps": [
        {"if": "kibble_pack = 'XL'", "then": [{"wait": "21 days"}], "else": [{"wait": "14 days"}]},
        {"send": "welcome", "by": "email", "content": {"species": "coalesce(kibble_pack, 'any')"}},
    ],
}

CART = {
    "scenario": "abandoned_cart",
    "who": "recognised visitors who left a cart",
    "from": "visitor",
    "to": "order",
    "trigger": {"any": [{"of": "cart", "where": "status = 'open'"}]},
    "per": "cart, each time",
    "target": "consents('email', 'marketing')",
    "stop_when": "ordered or cart.status <> 'open'",
    "valid_for": "3 days",
    "steps": [
        {"wait": {"for": "1 hour", "at": "18:00"}},
        {"send": "welcome", "by": "email", "content": {"species": "text(cart.total)"}},
    ],
}

TRAITS = {
    "last_kibble_at": {"of": "order_line", "maximum": "ordered_at", "where": "product.category = 'kibble'"},
    "kibble_pack": {"of": "order_line", "last": "product.pack_size", "where": "product.category = 'kibble'"},
}


def at(text: str) -> datetime:
    """Read a local time in Amsterdam."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


@dataclass(frozen=True)
class Calendar:
    """A shop whose days go by: facts at local times, and runs at local times."""

    shop: Shop

    def run(self, local: str) -> dict[str, int]:
        """Walk enrich and decide at a local time, as a run does."""
        moment = at(local)
        enrich(self.shop.warehouse, self.shop.project, moment)
        if self.shop.project.segments:
            segment(self.shop.warehouse, self.shop.project, moment)
        counts = dict(decide(self.shop.warehouse, self.shop.ledger, self.shop.project, moment).counts)
        return {name: number for name, number in counts.items() if name != "handed_over"}

    def sent(self) -> list[tuple[str, str, str]]:
        """Tell what was queued: local time, template, channel."""
        with self.shop.warehouse.begin() as transaction:
            decision = transaction.table("decision")
            columns = (decision.c["at"], decision.c.template, decision.c.channel)
            found = transaction.rows(sa.select(*columns).where(decision.c.outcome == "queued").order_by(*columns))
        return [(f"{row[0].astimezone(ZONE):%Y-%m-%d %H:%M}", row[1], row[2]) for row in found]

    def status(self) -> list[tuple[str, str]]:
        return self.shop.rows("enrolment", "status", "reason")

    def react(self, type_: str, local: str, message: int = -1) -> None:
        """Let the reader of the last message react."""
        with self.shop.warehouse.begin() as transaction:
            decision = transaction.table("decision")
            rows = transaction.rows(
                sa.select(decision.c.decision_id, decision.c.record_id, decision.c.connection)
                .where(decision.c.outcome == "queued")
                .order_by(decision.c["at"])
            )
        number = len(self.shop.rows("message_event", "source_key"))
        id_, record, connection = rows[message]
        self.shop.insert(
            "message_event",
            connection=connection,
            source_key=f"e{number}",
            record_id=record,
            message_key=id_,
            type=type_,
            at=at(local),
        )

    def order(self, record: str, local: str, product: str | None = None, status: str = "paid") -> None:
        number = str(len(self.shop.rows("sales_order", "source_key")) + 1)
        row = {"connection": "shop", "source_key": number, "record_id": record, "ordered_at": at(local)}
        self.shop.insert("sales_order", **row, status=status)
        if product is not None:
            self.shop.insert("order_line", **row, order_key=number, product_key=product)

    def come_back(self, state: str, local: str) -> None:
        """Let all messages that wait in the outbox end in a state."""
        outbox = self.shop.ledger.outbox
        with self.shop.ledger.engine.begin() as connection:
            ids = connection.execute(sa.text("SELECT id FROM outbox WHERE state = 'queued'")).scalars().all()
        if state == "rejected":
            outbox.start(ids, at(local))
            outbox.settle([Settlement(id_, "rejected", reason="not taken") for id_ in ids], at(local))
        else:
            outbox.move(dict.fromkeys(ids, ""), state, at(local))  # type: ignore[arg-type]

    def consent(self, record: str, channel: str, given: bool, local: str) -> None:
        self.shop.consent(record, channel, given=given, at=at(local))

    def with_(self, *scenarios: Mapping[str, Any], **changes: Any) -> Calendar:
        made = [Scenario.model_validate(scenario) for scenario in scenarios]
        return Calendar(self.shop.with_(scenarios={one.scenario: one for one in made}, **changes))

    def limited(self, **limits: Any) -> Calendar:
        hub = self.shop.project.hub.model_copy(update={"limits": Limits.model_validate(limits)})
        return Calendar(self.shop.with_(hub=hub))

    def subscriber(self, number: int, local: str, consent: Sequence[str] = ("email",), **columns: Any) -> str:
        """Add somebody who subscribed at a local time, with consent from long before."""
        given = {"email": f"person{number}@example.nl", "given_name": f"Person{number}", **columns}
        record = self.shop.person(number, **given)
        for channel in consent:
            self.shop.consent(record, channel, at=at("2025-01-01 00:00"))
        self.shop.event(record, at=at(local))
        return record


LATE = "Het is niet te laat om nog te profiteren van deze welkomstaanbieding."
REMINDER = {"reminder/subject.txt": "Nog even", "reminder/email.txt": LATE, "reminder/sms.txt": LATE}


@contextmanager
def days_in(folder: Path, warehouse: Warehouse) -> Iterator[Calendar]:
    """Open a shop that sells kibble and toys, with the welcome as its scenario."""
    with shop_in(folder, warehouse) as opened:
        for name, text in REMINDER.items():
            file = opened.project.templates / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        traits = {name: Trait.model_validate(trait) for name, trait in TRAITS.items()}
        for key, pack in (("K1", "M"), ("K2", "XL"), ("T1", None)):
            category = "kibble" if key.startswith("K") else "toys"
            opened.insert("product", connection="shop", source_key=key, category=category, pack_size=pack)
        yield Calendar(opened.with_(traits=traits)).with_(WELCOME)
