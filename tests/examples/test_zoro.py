"""Zoro: R19 (abandoned cart) and R20 (repurchase overdue), walked through once on a simulated calendar."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.playing import Example, Sent, example

DAYS = (
    "2026-03-01 10:00",
    "2026-03-02 09:00",
    "2026-03-02 10:00",
    "2026-03-02 18:59",
    "2026-03-02 19:00",
    "2026-03-02 19:00",
    "2026-03-03 19:00",
    "2026-03-29 10:00",
    "2026-03-29 18:59",
    "2026-03-29 19:00",
    "2026-03-30 09:00",
    "2026-03-30 10:00",
    "2026-10-25 10:00",
    "2026-10-25 18:59",
    "2026-10-25 19:00",
    "2026-10-26 09:00",
    "2026-10-26 10:00",
)


def walk(zoro: Example, days: tuple[str, ...] = DAYS) -> None:
    for day in days:
        if day == "2026-03-02 18:59":
            zoro.add(
                "carts-2026-03-02.csv",
                "id,customer_id,visitor,status,total,changed_at",
                "K10,13,w-13,abandoned,59.95,2026-03-02 12:00:00",
            )
        zoro.run(day)


@pytest.fixture(scope="module")
def zoro(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    with example("zoro", tmp_path_factory.mktemp("zoro")) as opened:
        walk(opened)
        yield opened


def rows_of(zoro: Example, name: str) -> list[dict[str, str]]:
    with (zoro.folder / "data" / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def cart(zoro: Example, name: str) -> list[str]:
    return [sent.at for sent in zoro.sent("abandoned_cart", name)]


def overdue(zoro: Example, name: str) -> list[str]:
    return [sent.at for sent in zoro.sent("repurchase_overdue", name)]


# R19: abandoned cart


def test_r19_a_cart_left_during_the_day_is_written_about_at_seven_once(zoro: Example) -> None:
    assert cart(zoro, "Anna") == ["2026-03-02 19:00"]
    assert len(zoro.mails("anna@example.nl")) == 1


def test_r19_the_mail_is_about_delivery_and_service(zoro: Example) -> None:
    (anna,), (eva,) = zoro.mails("anna@example.nl"), zoro.mails("eva@example.nl")
    assert anna.text.startswith("Beste mevrouw De Vries,")
    assert "Wij bezorgen gratis" in anna.text
    assert "Ruilen kan 30 dagen" in anna.text
    assert "Nog € 20 en wij bezorgen gratis." in eva.text


def test_r19_a_cart_changed_within_the_last_hour_waits_for_the_next_day(zoro: Example) -> None:
    assert cart(zoro, "Faisal") == ["2026-03-03 19:00"]


def test_r19_a_purchase_before_sending_interrupts(zoro: Example) -> None:
    assert cart(zoro, "Bram") == []
    assert zoro.ways("abandoned_cart", "Bram") == [("stopped", "interrupted: ordered or cart.status <> 'open'")]


def test_r19_a_cart_that_is_no_longer_open_interrupts(zoro: Example) -> None:
    assert cart(zoro, "Karin") == []
    assert zoro.ways("abandoned_cart", "Karin") == [("stopped", "interrupted: ordered or cart.status <> 'open'")]


def test_r19_a_visitor_is_recognised_by_a_device_that_logged_in_once_and_a_stranger_is_not(zoro: Example) -> None:
    """R3."""
    assert cart(zoro, "Eva") == ["2026-03-02 19:00"]
    carts = zoro.ask(
        "select source_key from cart c join enrolment e on e.row_key = c.connection || ':' || c.source_key"
    )
    assert "K6" not in {row["source_key"] for row in carts}


def test_r19_who_cannot_be_reached_by_mail_is_told_of(zoro: Example) -> None:
    assert cart(zoro, "Chantal") == []
    assert zoro.refused("abandoned_cart", "Chantal") == ["email: consent withdrawn"]
    assert zoro.ways("abandoned_cart", "Chantal") == [("stopped", "too late: nothing could be sent in time")]
    assert zoro.refused("abandoned_cart", "Daan") == ["rejected"]
    assert zoro.mails("daan@weg.example") == []


def test_r19_seven_is_seven_on_the_wall_on_both_days_the_clock_changes(zoro: Example) -> None:
    assert cart(zoro, "Greet") == ["2026-03-29 19:00"]
    assert cart(zoro, "Hugo") == ["2026-10-25 19:00"]


# R20: repurchase overdue


def test_r20_day_90_is_not_overdue_and_day_91_is_and_one_mail_goes(zoro: Example) -> None:
    assert overdue(zoro, "Iris") == ["2026-03-02 10:00"]
    entered = zoro.ask("""
        select min(t."at") as first from transition t join person p on p.person_id = t.person_id
        where t.segment = 'repurchase_overdue' and p.given_name = 'Iris'
    """)
    assert f"{entered[0]['first']:%Y-%m-%d}" == "2026-03-02"


def test_r20_who_was_late_already_when_the_hub_first_looked_is_written_to_as_well(zoro: Example) -> None:
    """Pim's last order was half a year ago; the first run was on 1 March at ten, and mails wait an hour for ten."""
    assert overdue(zoro, "Pim") == ["2026-03-02 10:00"]


def test_r20_without_a_habit_nobody_is_overdue(zoro: Example) -> None:
    assert overdue(zoro, "Karin") == []


def test_r20_an_order_after_the_decision_to_write_interrupts(zoro: Example) -> None:
    """Joost ordered half an hour before his mail; seven months later he is late again, and that is another way."""
    assert overdue(zoro, "Joost") == ["2026-10-26 10:00"]
    assert zoro.ways("repurchase_overdue", "Joost")[0] == ("stopped", "interrupted: ordered")


def test_r20_the_mail_follows_promotion_sensitivity_and_favourite_collection(zoro: Example) -> None:
    (iris,), (luuk,), (noud,) = (zoro.mails(f"{name}@example.nl") for name in ("iris", "luuk", "noud"))
    assert iris.subject == "Speciaal voor jou: 20% korting"
    assert "De nieuwe jeans" in iris.text
    assert "TERUG20" in iris.text
    assert "loungewear" in luuk.text
    assert "TERUG10" in luuk.text
    assert noud.subject == "Nieuw binnen bij Zoro"
    assert "De nieuwe rokken" in noud.text
    assert "korting" not in noud.text


def test_r20_the_mail_recommends_what_others_bought_and_viewed_counted_from_the_files(zoro: Example) -> None:
    """Iris bought only Jeans recht, and viewed only that."""
    lines, orders = rows_of(zoro, "order_lines"), {row["order_no"]: row for row in rows_of(zoro, "orders")}
    bought = [(orders[row["order_no"]]["customer_id"], row["order_no"], row["sku"]) for row in lines]
    bought = [row for row in bought if orders[row[1]]["status"] == "paid"]
    views = {(row["customer_id"] or row["visitor"], row["sku"]) for row in rows_of(zoro, "views")}
    products = {row["sku"]: row for row in rows_of(zoro, "products")}

    baskets = {order for _, order, sku in bought if sku == "J1"}
    together = {(sku, who) for who, order, sku in bought if order in baskets and sku != "J1"}
    viewers = {who for who, sku in views if sku == "J1"}
    viewed = {(sku, who) for who, sku in views if who in viewers and sku != "J1"}
    of_category = {(sku, who) for who, _, sku in bought if products[sku]["category"] == "jeans" and sku != "J1"}

    told: list[str] = []
    for found, words in (
        (together, "{} klanten namen het samen met Jeans recht"),
        (viewed, "{} anderen die naar Jeans recht keken, bekeken dit ook"),
        (of_category, "door {} klanten gekocht, van jouw favoriete jeans"),
    ):
        counts = Counter(sku for sku, _ in found)
        for sku, people in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
            name, price = products[sku]["name"], products[sku]["price"].replace(".", ",")
            line = f"- {name}, € {price}: {words.format(people)}"
            if people >= 2 and not any(name in earlier for earlier in told):
                told.append(line)
    (iris,) = zoro.mails("iris@example.nl")
    assert [line for line in iris.text.splitlines() if line.startswith("- ")] == told
    assert told == [
        "- Riem leer, € 34,95: 2 klanten namen het samen met Jeans recht",
        "- T-shirt wit, € 24,95: 2 klanten namen het samen met Jeans recht",
        "- Jeans high waist, € 84,95: 2 anderen die naar Jeans recht keken, bekeken dit ook",
        "- Rok plissé, € 59,95: 2 anderen die naar Jeans recht keken, bekeken dit ook",
        "- Jeans wijd, € 89,95: door 2 klanten gekocht, van jouw favoriete jeans",
    ]


def test_r20_who_has_no_recommendations_gets_the_mail_without_them(zoro: Example) -> None:
    (luuk,) = zoro.mails("luuk@example.nl")
    assert "past er goed bij" not in luuk.text


def test_r20_who_withdrew_consent_is_told_of(zoro: Example) -> None:
    assert overdue(zoro, "Mila") == []
    assert zoro.refused("repurchase_overdue", "Mila") == ["email: consent withdrawn"]


def test_r20_days_are_counted_on_the_calendar_also_when_the_clock_changes(zoro: Example) -> None:
    """Day 90 is the day of the change itself."""
    assert overdue(zoro, "Noud") == ["2026-03-30 10:00"]
    assert overdue(zoro, "Olga") == ["2026-10-26 10:00"]


def test_on_postgresql_the_same_messages_go_out(zoro: Example, tmp_path: Path, postgres_url: str) -> None:
    def first_of(played: Example) -> list[Sent]:
        sent = played.sent("abandoned_cart") + played.sent("repurchase_overdue")
        return [one for one in sent if one.at < "2026-03-04"]

    with example("zoro", tmp_path, engine=postgres_url) as other:
        walk(other, DAYS[:7])
        assert first_of(other) == first_of(zoro)
        assert len(first_of(other)) == 7
