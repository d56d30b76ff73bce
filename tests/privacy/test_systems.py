"""Erasure at connected systems (R40): one task each, until it lets go, somebody does it, or the law keeps it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from hub.contracts import Erasable, Result
from hub.errors import TemporaryError
from hub.lake import Lake
from hub.ledger import digest
from hub.privacy import Outcome, Stores, ask, go_on, look
from hub.project import Connection
from hub.project.models import HubFile
from hub.project.segments import Segment
from hub.stages.activate import activate
from hub.stages.decide import decide
from hub.warehouse import Warehouse
from tests.stages.engagement import NOW, Recorder, RecorderConfig, Shop, gold, shop_in

LATER = NOW + timedelta(days=1)


class Forgetful(Recorder):
    """A recorder that erases, and answers as it is told."""

    said: ClassVar[dict[Path, Any]] = {}
    asked: ClassVar[list[tuple[str, str, str]]] = []

    @property
    def can_erase(self) -> bool:
        return True

    def erase(self, records: Sequence[Erasable]) -> Sequence[Result]:
        self.asked.extend((record.key, record.id, record.email) for record in records)
        status = self.said.get(self.place.folder, "accepted")
        if status == "away":
            raise TemporaryError("nobody answers", retry_after=600)
        return [Result(record.key, status, reason="" if status == "accepted" else "so they say") for record in records]


@contextmanager
def shop_with(folder: Path, warehouse: Warehouse, **hub: Any) -> Iterator[tuple[Shop, Stores]]:
    Forgetful.asked.clear()
    with shop_in(
        folder, warehouse, syncs=[gold()], segments={"gold": Segment.model_validate({"where": "true"})}
    ) as shop:
        place = shop.project.connections["ads"].place
        crm = Connection("shop", Forgetful, RecorderConfig(syncs=True), replace(place, connection="shop"))
        shop = shop.with_(
            connections={**shop.project.connections, "shop": crm}, hub=HubFile.model_validate({"name": "Shop", **hub})
        )
        for number in (1, 2):
            shop.newcomer(number, consent=("email", "ads"))
            email = f"person{number}@example.nl"
            own = {"connection": "shop", "source_key": str(number), "record_id": f"shop:{number}"}
            shop.insert("identifier", **own, type="email", value=email)
            shop.insert("membership", person_id=number, segment="gold", since=NOW)
        with warehouse.begin() as transaction:
            from hub.warehouse.state import remember

            remember(transaction, "segment", "gold", NOW)
        decide(warehouse, shop.ledger, shop.project, NOW)
        activate(warehouse, shop.ledger, shop.project, NOW)
        yield shop, Stores(shop.project, Lake(folder / "lake"), warehouse, shop.ledger)


def erase(stores: Stores, person: int = 1) -> Outcome:
    ask(stores, look(stores, [person], NOW), "anna", "", NOW)
    (outcome,) = go_on(stores, NOW)
    return outcome


def states(stores: Stores) -> dict[tuple[str, str], str]:
    (request,) = stores.ledger.erasures.listed()
    return {(it.place, it.what): it.state for it in stores.ledger.erasures.tasks(request.id) if it.place != "hub"}


def test_each_system_lets_go_and_an_audience_before_the_hub_does(warehouse: Warehouse, tmp_path: Path) -> None:
    with shop_with(tmp_path, warehouse) as (shop, stores):
        outcome = erase(stores)
        assert states(stores) == {
            ("ads", "audience gold"): "confirmed",
            ("mail", "records"): "unsupported",
            ("shop", "records"): "confirmed",
        }
        removed = [entry for entry in shop.taken("ads") if entry["operation"] == "remove"]
        assert [entry["key"] for entry in removed] == ["1"]
        assert Forgetful.asked == [("1", "1", "person1@example.nl")]
        assert [place for place, _ in outcome.by_hand] == ["mail"]
        assert shop.rows("audience_state", "row_key") == ["2"]
        assert shop.rows("sync_change", "row_key") == ["2"]
        activate(warehouse, shop.ledger, shop.project, LATER)
        assert [entry["operation"] for entry in shop.taken("ads")] == ["upsert", "upsert", "remove"]


def test_a_system_that_is_away_is_asked_again_though_nothing_is_left_here(warehouse: Warehouse, tmp_path: Path) -> None:
    with shop_with(tmp_path, warehouse) as (shop, stores):
        Forgetful.said[tmp_path] = "away"
        erase(stores)
        assert states(stores)["shop", "records"] == "pending"
        assert shop.rows("source_record", "record_id") == ["shop:2"]
        Forgetful.said[tmp_path] = "accepted"
        Forgetful.asked.clear()
        (outcome,) = go_on(stores, LATER)
        assert states(stores)["shop", "records"] == "confirmed"
        assert Forgetful.asked == [("1", "1", "person1@example.nl")]
        assert outcome.erasure.receipt is not None
        assert '"pending"' not in outcome.erasure.receipt
        assert go_on(stores, LATER) == []


@pytest.mark.parametrize(("answer", "state"), [("rejected", "unsupported"), ("unknown", "sent")])
def test_what_a_system_says_stands_in_the_receipt(
    warehouse: Warehouse, tmp_path: Path, answer: str, state: str
) -> None:
    with shop_with(tmp_path, warehouse) as (_, stores):
        Forgetful.said[tmp_path] = answer
        outcome = erase(stores)
        assert states(stores)["shop", "records"] == state
        assert outcome.erasure.receipt is not None
        assert "so they say" in outcome.erasure.receipt
        assert "person1" not in outcome.erasure.receipt


def test_a_system_that_must_keep_what_it_has_is_not_asked(warehouse: Warehouse, tmp_path: Path) -> None:
    law = {"keep": {"shop": {"why": "invoices, art. 52 AWR", "years": 7}}}
    with shop_with(tmp_path, warehouse, erasure=law) as (shop, stores):
        outcome = erase(stores)
        assert Forgetful.asked == []
        (task,) = [it for it in outcome.tasks if it.place == "shop"]
        assert (task.state, task.reason) == ("refused", "invoices, art. 52 AWR (until 2033-03-02)")
        assert shop.rows("source_record", "record_id") == ["shop:2"]


def test_an_audience_keeps_a_row_that_somebody_else_is_behind_too(warehouse: Warehouse, tmp_path: Path) -> None:
    with shop_with(tmp_path, warehouse) as (shop, stores):
        shop = shop.with_(syncs={"gold": gold(key="given_name")})
        stores = replace(stores, project=shop.project)
        shop.update("person", {"person_id": 2}, given_name="Person1")
        shop.insert("audience_state", sync="gold", row_key="Person1", row_hash="x", acknowledged_at=NOW)
        found = look(stores, [1], NOW)
        assert [task.what for task in found.tasks if task.place == "ads"] == []


def test_no_name_of_a_record_is_left_in_the_ledger(warehouse: Warehouse, tmp_path: Path) -> None:
    with shop_with(tmp_path, warehouse) as (shop, stores):
        shop.ledger.verdicts.give("shop:1", "crm:anna@example.nl", True, "bert", NOW, "the same desk")
        (message,) = [it for it in shop.ledger.outbox.listed() if it.record == digest("shop:1")]
        erase(stores)
        kept = shop.ledger.outbox.get(message.id)
        assert kept is not None
        assert (kept.record, kept.remote_id, kept.state) == ("erased", None, "accepted")
        assert shop.ledger.verdicts.history() == []
        from hub.statements import take_in, unsubscribe

        assert unsubscribe(shop.ledger, message.id, LATER)
        assert take_in(warehouse, shop.ledger, shop.project, LATER) == 0
        assert shop.ledger.statements.waiting() == []


def test_who_is_erased_between_queue_and_send_gets_nothing_and_the_others_do(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    with shop_with(tmp_path, warehouse) as (shop, stores):
        for number in (3, 4):
            shop.newcomer(number)
        decide(warehouse, shop.ledger, shop.project, LATER)
        (id_,) = [it.id for it in shop.ledger.outbox.listed() if it.record == digest("shop:3")]
        erase(stores, 3)
        activate(warehouse, shop.ledger, shop.project, LATER)
        there = {entry["to"]["email"] for entry in shop.taken("mail")}
        assert there == {f"person{number}@example.nl" for number in (1, 2, 4)}
        kept = shop.ledger.outbox.get(id_)
        assert kept is not None
        assert (kept.record, kept.state, kept.reason) == ("erased", "cancelled", "the person was erased")


def test_an_erasure_without_a_key_of_ones_own_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    with shop_with(tmp_path, warehouse) as (_, stores):
        found = look(stores, [1], NOW)
        bare = replace(stores, project=replace(stores.project, key=b""))
        with pytest.raises(Exception, match="HUB_KEY is not set"):
            ask(bare, found, "anna", "", NOW)
        assert stores.ledger.erasures.listed() == []
