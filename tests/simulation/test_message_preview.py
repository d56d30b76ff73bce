"""A message as one person would get it: every channel through the real templates, and nothing is sent (R11, R33)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.errors import ConfigurationError
from hub.simulation.message import Rendered, preview_message
from hub.warehouse import Warehouse
from tests.stages.days import CART, WELCOME, Calendar, at, days_in

ALL = {**WELCOME, "steps": [{**WELCOME["steps"][0], "by": ["email", "sms", "letter"]}]}
NOW = at("2026-03-09 09:00")


@pytest.fixture
def days(engine: str, warehouse: Warehouse, tmp_path: Path) -> Iterator[Calendar]:
    with days_in(tmp_path, warehouse) as opened:
        stores = {"engine": engine} if engine == "duckdb" else {"engine": engine, "ledger": engine}
        hub = opened.shop.project.hub.model_copy(update=stores)
        yield Calendar(opened.shop.with_(hub=hub)).with_(ALL)


def preview(days: Calendar, scenario: str = "welcome", step: str = "welcome", person: int = 1) -> tuple[Rendered, ...]:
    days.shop.warehouse.publish(True)
    return preview_message(days.shop.project, scenario, step, person, NOW)


def ready(days: Calendar, **columns: str) -> None:
    """Add a person whose traits are computed, and another one beside."""
    days.subscriber(1, "2026-03-02 08:00", **columns)
    days.subscriber(2, "2026-03-02 08:00")
    days.with_().run("2026-03-01 09:00")


def test_all_channels_are_rendered_with_the_reason_for_each_r11(days: Calendar) -> None:
    ready(days, gender="F", surname="Jansen", interests="cat")
    email, sms, letter = preview(days)
    assert (email.channel, email.works, email.problem) == ("email", True, "")
    assert email.content["subject"] == "Welkom"
    assert email.content["text"].startswith("Beste mevrouw Jansen: cat https://shop.example/out?token=preview.")
    assert (sms.works, sms.reason, sms.content) == (False, "sms: no phone", {"text": "Dag Person1: cat"})
    assert (letter.works, letter.reason) == (False, "letter: no complete address")


def test_nothing_is_sent_and_nothing_is_kept(days: Calendar) -> None:
    ready(days)
    preview(days)
    assert days.shop.taken("mail") == []
    assert days.shop.rows("enrolment", "enrolment_id") == days.shop.rows("decision", "decision_id") == []
    assert days.shop.ledger.outbox.counts() == {}


def test_a_value_that_is_missing_is_told_with_its_place(days: Calendar) -> None:
    ready(days)
    (days.shop.project.templates / "welcome" / "sms.txt").write_text("Dag\n{{ voornaam }}", encoding="utf-8")
    _, sms, _ = preview(days)
    assert (sms.problem, sms.content) == ("sms.txt:2:4: there is no value 'voornaam'", {})


def test_who_is_under_way_gets_it_by_their_own_way(days: Calendar) -> None:
    entered = {**WELCOME["steps"][0], "content": {"species": "text(entered_at)"}}
    days = days.with_({**ALL, "steps": [entered]})
    ready(days)
    days.run("2026-03-02 09:00")
    (email, *_) = preview(days)
    assert "2026-03-02 08:00" in email.content["text"]


def test_the_newest_row_is_taken_where_rows_have_ways_of_their_own_r19(days: Calendar) -> None:
    days = days.with_(CART)
    ready(days)
    with pytest.raises(ConfigurationError, match="this person has no cart: preview it with somebody who has"):
        preview(days, "abandoned_cart")
    for key, moment, total in (("1", "2026-03-02 10:00", 12), ("2", "2026-03-03 10:00", 34)):
        row = {"record_id": "shop:1", "status": "open", "total": total, "changed_at": at(moment)}
        days.shop.insert("cart", connection="shop", source_key=key, **row)
    (email,) = preview(days, "abandoned_cart")
    assert ": 34" in email.content["text"]


def test_a_step_that_does_not_send_is_told(days: Calendar) -> None:
    ready(days)
    with pytest.raises(ConfigurationError, match=r"has no step 'welcom' that sends\. Did you mean 'welcome'"):
        preview(days, step="welcom")
    with pytest.raises(ConfigurationError, match="there is no scenario 'hello'"):
        preview(days, "hello")
