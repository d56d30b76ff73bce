"""De Linde: R23 (wishes), R25 (loyalty frequency) and R26 (transitions), walked through once on a calendar."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.examples.playing import Example, Sent, example

DAYS = (
    "2026-03-02 10:00",
    "2026-03-03 21:00",
    "2026-03-04 08:59",
    "2026-03-04 09:00",
    "2026-03-04 09:00",
    "2026-03-05 13:00",
    "2026-03-06 13:00",
    "2026-03-10 10:00",
    "2026-03-11 09:00",
    "2026-03-11 10:00",
    "2026-03-11 11:00",
    "2026-03-28 21:00",
    "2026-03-29 08:59",
    "2026-03-29 09:00",
    "2026-03-30 09:00",
    "2026-03-30 10:00",
    "2026-10-24 21:00",
    "2026-10-25 08:59",
    "2026-10-25 09:00",
    "2026-10-26 09:00",
    "2026-10-26 10:00",
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    with example("retailer", tmp_path_factory.mktemp("retailer")) as opened:
        for day in DAYS:
            opened.run(day)
        yield opened


def times(store: Example, scenario: str, name: str) -> list[str]:
    return [sent.at for sent in store.sent(scenario, name)]


# R23: viewed, starred or basketed, and not bought


def test_r23_who_wants_something_gets_one_mail_with_an_offer_that_suits_them(store: Example) -> None:
    assert times(store, "wish", "Anna") == times(store, "wish", "Bram") == ["2026-03-04 09:00"]
    (anna,), (bram,) = store.mails("anna@example.nl"), store.mails("bram@example.nl")
    assert anna.subject == "Tafellamp Maan: wij bezorgen gratis"
    assert bram.subject == "10% korting op Koekenpan 28 cm"
    assert "De code werkt drie dagen, vanaf 03-03-2026." in bram.text


def test_r23_a_score_of_seven_is_too_little_and_eight_is_enough(store: Example) -> None:
    assert store.ways("wish", "Chris") == []
    assert times(store, "wish", "Quinten") != []


def test_r23_who_bought_after_looking_gets_nothing(store: Example) -> None:
    assert store.ways("wish", "Dewi") == []


def test_r23_a_purchase_between_decision_and_sending_interrupts(store: Example) -> None:
    """Emre's mail waited for the morning; he ordered at eight."""
    assert times(store, "wish", "Emre") == []
    assert store.ways("wish", "Emre") == [("stopped", "interrupted: ordered")]


def test_r23_gold_customers_get_a_printed_voucher_by_post_also_at_night(store: Example) -> None:
    assert store.sent("wish", "Fatma") == [Sent("2026-03-03 21:00", "Fatma", "voucher", "letter")]
    assert len(store.letters) == 2  # hers, and one for who has no e-mail address (R25)


def test_r23_gold_customers_who_want_no_post_get_the_voucher_by_mail(store: Example) -> None:
    """From 500 euros on somebody is gold: Gerard spent exactly that."""
    assert store.sent("wish", "Gerard") == [Sent("2026-03-04 09:00", "Gerard", "voucher", "email")]
    (gerard,) = store.mails("gerard@example.nl")
    assert "Je bent goldklant van De Linde." in gerard.text


def test_r23_who_can_be_written_to_in_no_way_is_told_of_and_the_offer_lapses_after_three_days(store: Example) -> None:
    assert store.refused("wish", "Hanna") == ["email: consent withdrawn"]
    assert store.ways("wish", "Hanna") == [("stopped", "too late: nothing could be sent in time")]


def test_r23_quiet_hours_end_at_nine_on_the_wall_on_both_days_the_clock_changes(store: Example) -> None:
    assert times(store, "wish", "Quinten") == ["2026-03-29 09:00"]
    assert times(store, "wish", "Sanne") == ["2026-10-25 09:00"]


# R25: against the customer's own historic frequency


def test_r25_who_comes_less_often_is_written_to_from_day_91_on_and_not_on_day_90(store: Example) -> None:
    assert store.sent("frequency", "Kaat") == [Sent("2026-03-11 10:00", "Kaat", "frequency", "email")]
    (entered,) = store.ask("""
        select e.entered_at from enrolment e join source_record r on r.record_id = e.record_id
        join person p on p.person_id = r.person_id where e.scenario = 'frequency' and p.given_name = 'Kaat'
    """)
    assert f"{entered['entered_at']:%Y-%m-%d}" == "2026-03-11"  # day 90 would have led to the same mail


def test_r25_day_91_is_a_day_of_the_calendar_also_when_the_clock_changes(store: Example) -> None:
    """Day 90 is the day of the change itself."""
    assert times(store, "frequency", "Rosa") == ["2026-03-30 10:00"]
    assert times(store, "frequency", "Tess") == ["2026-10-26 10:00"]


def test_r25_the_credit_is_in_proportion_to_what_the_customer_spent(store: Example) -> None:
    """R35. Kaat spent 300 euros in 365 days; Rosa's 5% is 6 euros."""
    (kaat,), (rosa,) = store.mails("kaat@example.nl"), store.mails("rosa@example.nl")
    assert "tegoed van € 15 " in kaat.text
    assert "tegoed van € 6 " in rosa.text


def test_r25_who_comes_more_often_hears_that_too(store: Example) -> None:
    """In the autumn she comes less often, and that is another way."""
    assert times(store, "frequency", "Maria")[0] == "2026-03-06 13:00"
    maria = store.mails("maria@example.nl")[0]
    assert maria.subject == "Fijn dat je zo vaak komt"


def test_r25_without_an_email_address_a_letter_goes(store: Example) -> None:
    assert store.sent("frequency", "Lotte") == [Sent("2026-03-11 10:00", "Lotte", "frequency", "letter")]


def test_r25_without_a_card_nothing_goes(store: Example) -> None:
    """Nico buys as Kaat does, and has no card."""
    entered = store.ask("""
        select p.given_name from transition t join person p on p.person_id = t.person_id
        where t.segment = 'buying_less' and t.kind = 'entered'
    """)
    assert {"Nico", "Kaat"} <= {row["given_name"] for row in entered}
    assert store.ways("frequency", "Nico") == []


def test_r25_an_order_in_time_interrupts(store: Example) -> None:
    assert times(store, "frequency", "Otto") == []
    assert store.ways("frequency", "Otto")[0] == ("stopped", "interrupted: ordered")


def test_r25_who_can_be_reached_by_no_channel_is_told_of(store: Example) -> None:
    assert store.refused("frequency", "Piet") == ["email: consent withdrawn; letter: consent withdrawn"]


# R26: bronze -> premium


def test_r26_from_bronze_to_premium_is_one_transition_and_one_mail(store: Example) -> None:
    assert times(store, "premium", "Ivo") == ["2026-03-05 13:00"]
    (ivo,) = store.mails("ivo@example.nl")
    assert ivo.subject == "Welkom bij onze premiumklanten"
    found = store.ask("""
        select t.segment, t.kind from transition t join person p on p.person_id = t.person_id
        where p.given_name = 'Ivo' and t."at" >= '2026-03-03' order by t.segment
    """)
    tiers = [(row["segment"], row["kind"]) for row in found if row["segment"] in ("bronze", "premium")]
    assert tiers == [("bronze", "left"), ("premium", "entered")]


def test_r26_who_was_premium_when_the_hub_first_looked_is_not_welcomed(store: Example) -> None:
    assert times(store, "premium", "Lotte") == []
