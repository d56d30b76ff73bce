"""How destinations are doing: left alone while they are in trouble, tried by one, told once."""

from datetime import UTC, datetime, timedelta

from hub.ledger import Ledger

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_one_that_was_never_in_trouble_gets_everything(ledger: Ledger) -> None:
    with ledger.senders.enter() as sender:
        assert ledger.destinations.may_send("mail", sender, NOW) == "yes"
    assert ledger.destinations.in_trouble() == []


def test_one_in_trouble_is_left_alone_until_its_time_and_then_tried_by_one_sender(ledger: Ledger) -> None:
    assert ledger.destinations.fails("mail", "later", "connection refused", NOW + MINUTE, NOW)
    with ledger.senders.enter() as one, ledger.senders.enter() as other:
        assert ledger.destinations.may_send("mail", one, NOW) == "no"
        assert ledger.destinations.may_send("mail", one, NOW + MINUTE) == "one"
        assert ledger.destinations.may_send("mail", other, NOW + MINUTE) == "no"
        assert ledger.destinations.may_send("mail", one, NOW + MINUTE) == "one"
        assert ledger.destinations.may_send("texts", other, NOW) == "yes"
    with ledger.senders.enter() as third:  # the one that tried it is gone
        assert ledger.destinations.may_send("mail", third, NOW + MINUTE) == "one"
        assert ledger.destinations.recovers("mail")
        assert not ledger.destinations.recovers("mail")
        assert ledger.destinations.may_send("mail", third, NOW + MINUTE) == "yes"


def test_the_same_trouble_is_news_once_and_another_one_again(ledger: Ledger) -> None:
    fails = ledger.destinations.fails
    assert fails("mail", "later", "connection refused", NOW + MINUTE, NOW)
    assert not fails("mail", "later", "request 77 timed out", NOW + 3 * MINUTE, NOW + 2 * MINUTE)
    (health,) = ledger.destinations.in_trouble()
    assert (health.reason, health.since, health.until, health.failures) == (
        "request 77 timed out",
        NOW,
        NOW + 3 * MINUTE,
        2,
    )
    assert fails("mail", "configuration", "the password is refused", NOW + 5 * MINUTE, NOW + 4 * MINUTE)
    (health,) = ledger.destinations.in_trouble()
    assert (health.trouble, health.since, health.failures) == ("configuration", NOW + 4 * MINUTE, 1)


def test_a_time_that_a_wrong_clock_wrote_does_not_keep_it_away(ledger: Ledger) -> None:
    ledger.destinations.fails("mail", "later", "refused", NOW + timedelta(days=900), NOW + timedelta(days=899))
    with ledger.senders.enter() as sender:
        assert ledger.destinations.may_send("mail", sender, NOW) == "one"
