"""Statements, words and consultations in the ledger: added once, never changed, and without personal data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import sqlalchemy as sa

from hub.ledger import Consulted, Ledger, Statement, digest, tables

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def said(at: datetime = NOW, given: bool = False, message: str = "m1") -> Statement:
    return Statement(message, "email", "marketing", given, at, "unsubscribe", evidence=f"link in message {message}")


def test_a_statement_that_is_received_twice_is_there_once(ledger: Ledger) -> None:
    ledger.statements.receive(said())
    ledger.statements.receive(said(), said())
    assert ledger.statements.waiting() == [said()]


def test_statements_come_in_the_order_of_their_moments_whatever_the_zone(ledger: Ledger) -> None:
    amsterdam = timezone(timedelta(hours=1))
    later = said(NOW + timedelta(minutes=30), given=True)
    earlier = said((NOW + timedelta(minutes=10)).astimezone(amsterdam))
    ledger.statements.receive(later, earlier)
    assert [one.given for one in ledger.statements.waiting()] == [False, True]
    assert [one.at for one in ledger.statements.of_message("m1")] == [earlier.at, later.at]


def test_what_has_landed_waits_no_more_and_stays(ledger: Ledger) -> None:
    ledger.statements.receive(said(), said(message="m2"))
    ledger.statements.land([said().id], NOW)
    assert ledger.statements.waiting() == [said(message="m2")]
    assert ledger.statements.of_message("m1") == [said()]


def test_a_statement_of_a_record_is_kept_under_a_digest(ledger: Ledger) -> None:
    record = "shop:email:anna@example.nl"
    ledger.statements.receive(Statement(None, "all", "marketing", False, NOW, "hand", record=digest(record)))
    with ledger.engine.begin() as connection:
        (row,) = connection.execute(sa.select(tables.statement)).all()
    assert "anna" not in repr(row)


def test_words_are_kept_as_they_first_were(ledger: Ledger) -> None:
    assert ledger.consent_texts.pin({"news-v1": "Ja", "news-v2": "Ja, graag"}, NOW) == {}
    assert ledger.consent_texts.pin({"news-v1": "Ja!", "news-v2": "Ja, graag"}, NOW + timedelta(days=1)) == {
        "news-v1": NOW
    }
    assert ledger.consent_texts.words("news-v1") == "Ja"
    assert ledger.consent_texts.words("news-v3") is None


def test_consultations_of_one_mailing_and_moment_add_up_and_others_stand_apart(ledger: Ledger) -> None:
    one = Consulted("bmnm", "bel-me-niet-meer", "calls/1", NOW, "v1", NOW, 10, 2)
    ledger.consultations.add([one, one])
    ledger.consultations.add([Consulted("bmnm", "bel-me-niet-meer", "calls/2", NOW, "v1", NOW, 5, 0)])
    assert [(it.mailing, it.asked, it.listed) for it in ledger.consultations.of()] == [
        ("calls/1", 20, 4),
        ("calls/2", 5, 0),
    ]
    assert len(ledger.consultations.of("calls/1")) == 1
