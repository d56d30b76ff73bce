"""The outbox: what may happen to a message, and what may not."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.errors import InternalError, TemporaryError
from hub.ledger import Ledger, Settlement, digest, migrations, open_ledger, tables
from hub.ledger.ledger import FILE
from tests.ledger.intent import Intent, handed

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
WELCOME = Intent(
    id="m1",
    scenario="welcome",
    step="offer",
    connection="mail",
    channel="email",
    purpose="marketing",
    record="shop:1",
    template="t1",
    priority=50,
    consent_key="shop:c1",
    queued_at=NOW,
    expires_at=NOW + timedelta(days=14),
)


def test_a_message_is_queued_once_however_often_it_is_handed_over(ledger: Ledger) -> None:
    ledger.outbox.add(handed([WELCOME]))
    ledger.outbox.start(["m1"], NOW)
    ledger.outbox.add(handed([replace(WELCOME, connection="other")]))
    assert ledger.outbox.counts() == {"sending": 1}
    message = ledger.outbox.get("m1")
    assert message is not None
    assert message.connection == "mail"


def test_a_message_keeps_what_it_brings_to_the_microsecond_in_any_time_zone(ledger: Ledger) -> None:
    here = timezone(timedelta(hours=2))
    given = replace(
        WELCOME, record='shop:"1", or two', consent_key="", queued_at=datetime(2026, 3, 2, 11, 0, 0, 17, tzinfo=here)
    )
    ledger.outbox.add(handed([given, replace(WELCOME, id="m2", consent_key=None)]))
    with ledger.engine.begin() as connection:
        table = tables.outbox
        columns = [table.c[name] for name in vars(given)]
        found = connection.execute(sa.select(*columns, table.c.state, table.c.attempts, table.c.updated_at)).all()
    assert [tuple(row) for row in sorted(found)] == [
        (*vars(given).values(), "queued", 0, NOW + timedelta(microseconds=17)),
        (*vars(replace(WELCOME, id="m2", consent_key=None)).values(), "queued", 0, NOW),
    ]
    # written as one by one: the database itself compares moments right
    with ledger.engine.begin() as connection:
        exactly = sa.select(table.c.id).where(table.c.queued_at == NOW + timedelta(microseconds=17))
        assert connection.execute(exactly).scalars().all() == ["m1"]


def test_a_batch_costs_the_same_however_many_messages_wait(tmp_path: Path) -> None:
    """In steps of SQLite's own machine, which knows no statistics of what is queued."""

    def steps(waiting: int) -> int:
        ledger = open_ledger("sqlite", tmp_path / str(waiting))
        ledger.outbox.add(handed([replace(WELCOME, id=f"m{number}") for number in range(waiting)]))
        taken: list[int] = []
        raw = ledger.engine.raw_connection()
        assert raw.driver_connection is not None
        raw.driver_connection.set_progress_handler(lambda: taken.append(1), 100)
        raw.close()
        batch = [f"m{number}" for number in range(100)]
        assert len(ledger.outbox.start(batch[:50], NOW)) == 50
        assert ledger.outbox.withdraw(dict.fromkeys(batch[50:], "no consent"), "refused", NOW) == 50
        ledger.close()
        return len(taken)

    few = steps(300)
    assert few > 20
    assert steps(6000) <= 1.1 * few


def test_higher_priority_goes_first_and_then_the_oldest(ledger: Ledger) -> None:
    ledger.outbox.add(
        handed(
            [
                replace(WELCOME, id="late", queued_at=NOW + timedelta(minutes=1)),
                replace(WELCOME, id="early"),
                replace(WELCOME, id="urgent", priority=90, queued_at=NOW + timedelta(minutes=2)),
                replace(WELCOME, id="elsewhere", connection="sms"),
            ]
        )
    )
    assert [message.id for message in ledger.outbox.due("mail", NOW, 10)] == ["urgent", "early", "late"]


def test_a_message_is_started_by_one_process_only(ledger: Ledger) -> None:
    ledger.outbox.add(handed([WELCOME]))
    assert ledger.outbox.start(["m1"], NOW) == {"m1"}
    assert ledger.outbox.start(["m1"], NOW) == set()


def test_a_message_that_must_wait_is_not_due_before_its_time(ledger: Ledger) -> None:
    ledger.outbox.add(handed([WELCOME]))
    ledger.outbox.start(["m1"], NOW)
    later = NOW + timedelta(minutes=5)
    ledger.outbox.settle([Settlement("m1", "queued", reason="asked to wait", next_at=later)], NOW)
    assert ledger.outbox.due("mail", NOW, 10) == []
    (message,) = ledger.outbox.due("mail", later, 10)
    assert message.next_at == later
    assert message.reason == "asked to wait"
    assert message.attempts == 1


def test_every_attempt_is_kept(ledger: Ledger) -> None:
    ledger.outbox.add(handed([WELCOME]))
    for state in ("queued", "accepted"):
        ledger.outbox.start(["m1"], NOW)
        ledger.outbox.settle([Settlement("m1", state, remote_id="r7")], NOW)
    with ledger.engine.begin() as connection:
        rows = connection.execute(sa.select(tables.attempt).order_by(tables.attempt.c.number)).all()
    assert [(row.number, row.status, row.remote_id) for row in rows] == [(1, "later", "r7"), (2, "accepted", "r7")]


def test_an_answer_for_a_message_that_is_not_being_sent_is_a_broken_promise(ledger: Ledger) -> None:
    ledger.outbox.add(handed([WELCOME]))
    with pytest.raises(InternalError, match="1 of 1 messages were not being sent"):
        ledger.outbox.settle([Settlement("m1", "accepted")], NOW)
    with pytest.raises(InternalError, match="can't go from sending to expired"):
        ledger.outbox.settle([Settlement("m1", "expired")], NOW)


def test_a_bounced_message_never_becomes_delivered(ledger: Ledger) -> None:
    ledger.outbox.add(handed([WELCOME]))
    ledger.outbox.start(["m1"], NOW)
    ledger.outbox.settle([Settlement("m1", "accepted")], NOW)
    ledger.outbox.move({"m1": "5.1.1"}, "bounced", NOW)
    with pytest.raises(InternalError, match="can't become delivered"):
        ledger.outbox.move({"m1": ""}, "delivered", NOW)


def test_a_refused_move_changes_nothing(ledger: Ledger) -> None:
    ledger.outbox.add(handed([WELCOME, replace(WELCOME, id="m2")]))
    ledger.outbox.move({"m2": "interrupted"}, "cancelled", NOW)
    with pytest.raises(InternalError):
        ledger.outbox.move({"m1": "interrupted", "m2": "interrupted"}, "cancelled", NOW)
    assert ledger.outbox.states(["m1", "m2"]) == {"m1": "queued", "m2": "cancelled"}


def test_a_message_expires_when_its_time_is_over_and_not_before(ledger: Ledger) -> None:
    ledger.outbox.add(handed([WELCOME]))
    assert ledger.outbox.expire(WELCOME.expires_at - timedelta(seconds=1)) == 0
    assert ledger.outbox.expire(WELCOME.expires_at) == 1
    assert ledger.outbox.counts() == {"expired": 1}


def test_what_a_killed_run_left_in_sending_is_unknown_and_parked(ledger: Ledger) -> None:
    ledger.outbox.add(handed([WELCOME]))
    ledger.outbox.start(["m1"], NOW)
    assert ledger.outbox.abandon(NOW) == 1
    (parked,) = ledger.outbox.parked()
    assert parked.reason == "the run ended before the answer was written down"
    assert ledger.outbox.due("mail", NOW, 10) == []


def test_an_unknown_message_is_due_again_inside_the_window_of_its_first_attempt_only(ledger: Ledger) -> None:
    window = timedelta(hours=24)
    ledger.outbox.add(handed([WELCOME]))
    ledger.outbox.start(["m1"], NOW)
    ledger.outbox.abandon(NOW)
    later = NOW + window
    assert ledger.outbox.due("mail", NOW, 10) == []
    assert ledger.outbox.due("mail", later, 10, window=window) == []
    assert ledger.outbox.start(["m1"], later, window=window) == set()
    (again,) = ledger.outbox.due("mail", NOW + HOUR, 10, window=window)
    assert again.state == "unknown"
    assert ledger.outbox.start(["m1"], NOW + HOUR, window=window) == {"m1"}
    message = ledger.outbox.get("m1")
    assert message is not None
    assert (message.attempts, message.first_at) == (2, NOW)


def test_an_unknown_message_whose_first_attempt_lies_in_the_future_is_not_repeated(ledger: Ledger) -> None:
    """The clock was set back: nobody knows how long ago that attempt was."""
    ledger.outbox.add(handed([WELCOME]))
    ledger.outbox.start(["m1"], NOW + HOUR)
    ledger.outbox.abandon(NOW + HOUR)
    assert ledger.outbox.due("mail", NOW, 10, window=timedelta(hours=24)) == []


def test_an_unknown_message_that_is_too_late_stays_unknown(ledger: Ledger) -> None:
    ledger.outbox.add(handed([WELCOME]))
    ledger.outbox.start(["m1"], NOW)
    ledger.outbox.abandon(NOW)
    assert ledger.outbox.due("mail", WELCOME.expires_at, 10, window=timedelta(days=99)) == []
    assert ledger.outbox.counts() == {"unknown": 1}


def test_first_tries_go_before_those_that_come_again(ledger: Ledger) -> None:
    ledger.outbox.add(handed([replace(WELCOME, priority=99), replace(WELCOME, id="m2", priority=1)]))
    ledger.outbox.start(["m1"], NOW)
    ledger.outbox.settle([Settlement("m1", "queued", next_at=NOW)], NOW)
    assert [message.id for message in ledger.outbox.due("mail", NOW, 10)] == ["m2", "m1"]


def test_a_wait_that_a_wrong_clock_wrote_is_over(ledger: Ledger) -> None:
    ledger.outbox.add(handed([replace(WELCOME, expires_at=NOW + timedelta(days=1000))]))
    ledger.outbox.start(["m1"], NOW)
    ledger.outbox.settle([Settlement("m1", "queued", next_at=NOW + timedelta(days=900))], NOW)
    assert [message.id for message in ledger.outbox.due("mail", NOW, 10)] == ["m1"]


def test_what_may_not_go_any_more_ends_unless_another_sender_has_it_or_it_was_perhaps_sent(ledger: Ledger) -> None:
    window = timedelta(hours=24)
    ledger.outbox.add(handed([replace(WELCOME, id=id_) for id_ in ("waits", "goes", "perhaps")]))
    ledger.outbox.start(["goes"], NOW, "another")
    ledger.outbox.start(["perhaps"], NOW)
    ledger.outbox.abandon(NOW, lambda senders: {""})
    reason = "consent withdrawn"
    assert ledger.outbox.withdraw(dict.fromkeys(["waits", "goes", "perhaps"], reason), "refused", NOW) == 1
    states = {"waits": "refused", "goes": "sending", "perhaps": "unknown"}
    assert ledger.outbox.states(list(states)) == states
    assert ledger.outbox.due("mail", NOW + HOUR, 10, window=window) == []
    (parked,) = ledger.outbox.parked()
    assert parked.reason == "not sent again: consent withdrawn"


def test_the_provider_is_asked_about_what_may_not_be_repeated_and_not_too_soon(ledger: Ledger) -> None:
    window = timedelta(hours=1)
    ledger.outbox.add(handed([WELCOME]))
    ledger.outbox.start(["m1"], NOW)
    ledger.outbox.abandon(NOW)
    ask = ledger.outbox.to_ask
    assert ask("mail", NOW + timedelta(seconds=30), 10, None) == []
    assert ask("mail", NOW + timedelta(minutes=1), 10, window) == []
    assert [message.id for message in ask("mail", NOW + timedelta(minutes=1), 10, None)] == ["m1"]
    assert [message.id for message in ask("mail", NOW + window, 10, window)] == ["m1"]


def test_what_the_provider_says_settles_only_what_is_still_unknown(ledger: Ledger) -> None:
    ledger.outbox.add(handed([WELCOME, replace(WELCOME, id="m2")]))
    ledger.outbox.start(["m1", "m2"], NOW)
    ledger.outbox.abandon(NOW)
    ledger.outbox.move({"m1": ""}, "delivered", NOW)
    said = [Settlement(id_, "accepted", "r1") for id_ in ("m1", "m2")]
    assert ledger.outbox.resolve(said, NOW) == 1
    assert ledger.outbox.states(["m1", "m2"]) == {"m1": "delivered", "m2": "accepted"}


def test_a_full_disk_stops_before_the_call(tmp_path: Path) -> None:
    ledger = open_ledger("sqlite", tmp_path)
    ledger.outbox.add(handed([replace(WELCOME, id=f"m{number}") for number in range(300)]))
    with ledger.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        connection.commit()
    with pytest.raises(TemporaryError, match="the ledger can't be used: database or disk is full"):
        ledger.outbox.start([f"m{number}" for number in range(300)], NOW, "s" * 3000)
    assert ledger.outbox.counts() == {"queued": 300}
    ledger.close()


def test_thousands_of_messages_move_in_one_go(ledger: Ledger) -> None:
    ids = [f"m{number}" for number in range(1200)]
    ledger.outbox.add(handed([replace(WELCOME, id=id_) for id_ in ids]))
    assert ledger.outbox.start(ids, NOW) == set(ids)
    ledger.outbox.settle([Settlement(id_, "accepted") for id_ in ids], NOW)
    assert ledger.outbox.counts() == {"accepted": 1200}


def test_a_ledger_that_names_records_gets_digests_in_their_place(ledger: Ledger, url: str, tmp_path: Path) -> None:
    kept = {
        "id": "m1",
        "record_id": "shop:email:anna@example.nl",
        "queued_at": NOW,
        "expires_at": NOW,
        "updated_at": NOW,
    }
    texts = ("scenario", "step", "connection", "channel", "purpose", "template", "state")
    kept |= dict.fromkeys(texts, "x") | {"priority": 1, "attempts": 0}
    with ledger.engine.begin() as connection:
        tables.metadata.drop_all(connection)
        connection.execute(sa.text("DROP TABLE alembic_version"))
        migrations.upgrade(connection, "0006")
        connection.execute(sa.insert(sa.table("outbox", *(sa.column(name) for name in kept))).values(**kept))
    again = open_ledger(url, tmp_path / ".hub")
    message = again.outbox.get("m1")
    again.close()
    assert message is not None
    assert message.record == digest("shop:email:anna@example.nl")
    if url == "sqlite":
        ledger.close()
        with closing(sqlite3.connect(tmp_path / ".hub" / FILE)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert all(b"anna@example" not in path.read_bytes() for path in (tmp_path / ".hub").glob("ledger*"))
