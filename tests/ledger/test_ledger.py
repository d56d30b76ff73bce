"""Opening the ledger; suppressions, reactions, templates and runs."""

import hmac
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine.interfaces import ReflectedIndex

from hub.errors import ConfigurationError, TemporaryError
from hub.ledger import Ledger, Reaction, Suppression, hashed, migrations, open_ledger, reading_ledger, tables
from hub.ledger.states import IN_WORDS, LEADS_TO
from hub.report import Report

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def test_the_migrations_make_the_tables_that_a_new_ledger_has(ledger: Ledger) -> None:
    with ledger.engine.begin() as connection:
        new = shape(connection)
        tables.metadata.drop_all(connection)
        connection.execute(sa.text("DROP TABLE alembic_version"))
        migrations.upgrade(connection)
        migrated = shape(connection)
        differences = compare_metadata(MigrationContext.configure(connection), tables.metadata)
    assert set(new) == {*tables.metadata.tables, "alembic_version"}
    assert migrated == new
    assert differences == []


def shape(connection: sa.Connection) -> dict[str, object]:
    """Tell what a database says of its tables; columns that were added later stand last, which is no difference."""
    inspector = sa.inspect(connection)
    return {
        name: (
            sorted(
                (column["name"], str(column["type"]), column["nullable"], column["default"])
                for column in inspector.get_columns(name)
            ),
            inspector.get_pk_constraint(name),
            inspector.get_unique_constraints(name),
            sorted(
                (str(index["name"]), index["column_names"], index["unique"], _where(index))
                for index in inspector.get_indexes(name)
            ),
        )
        for name in inspector.get_table_names()
    }


def _where(index: ReflectedIndex) -> list[str]:
    return sorted(str(value) for key, value in index.get("dialect_options", {}).items() if key.endswith("_where"))


def test_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == migrations.HEAD


def test_a_ledger_that_is_new_or_up_to_date_opens_without_alembic(ledger: Ledger, url: str, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from hub.ledger import open_ledger;"
        f"open_ledger({url!r}, Path({str(tmp_path / '.hub')!r})).close(); "
        f"open_ledger('sqlite', Path({str(tmp_path / 'new')!r})).close(); print('alembic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": "."}
    )
    assert done.stdout.strip() == "False"


def test_what_was_written_is_there_after_opening_again(ledger: Ledger, url: str, tmp_path: Path) -> None:
    ledger.pin({"t1": "Beste {{ salutation }}"})
    again = open_ledger(url, tmp_path / ".hub")
    again.pin({"t1": "something else"})
    assert again.templates(["t1", "t2"]) == {"t1": "Beste {{ salutation }}"}
    again.close()


def test_a_reader_sees_what_is_there_and_can_not_write(ledger: Ledger, url: str, tmp_path: Path) -> None:
    ledger.record_run("r1", NOW, [Report("land")])
    with reading_ledger(url, tmp_path / ".hub") as reading:
        assert reading is not None
        assert [run_id for run_id, _, _ in reading.runs()] == ["r1"]
        with pytest.raises(sa.exc.DBAPIError, match=r"read-only|readonly"):
            reading.record_run("r2", NOW, [])


def test_a_reader_of_a_ledger_that_is_not_there_yet_makes_none(url: str, tmp_path: Path) -> None:
    with reading_ledger(url, tmp_path / ".hub") as reading:
        assert reading is None
    assert not (tmp_path / ".hub").exists()


def test_a_reader_of_a_server_that_does_not_answer_tries_later() -> None:
    with (
        pytest.raises(TemporaryError, match="the ledger does not answer"),
        reading_ledger("postgresql://u:hunter2@127.0.0.1:1/d", Path()),
    ):
        pass


def test_every_state_can_be_said_in_words() -> None:
    assert set(IN_WORDS) == set(LEADS_TO)


def test_an_unknown_kind_of_ledger_is_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="ledger 'mysql' is not known: use sqlite, or postgresql"):
        open_ledger("mysql://u:secret@h/d", tmp_path)


def test_a_server_that_does_not_answer_is_tried_later_and_its_password_is_not_told(tmp_path: Path) -> None:
    with pytest.raises(TemporaryError, match="the ledger does not answer") as caught:
        open_ledger("postgresql://u:hunter2@127.0.0.1:1/d", tmp_path)
    assert "hunter2" not in str(caught.value)


def test_a_hash_depends_on_key_channel_and_value_and_needs_a_key() -> None:
    same = hashed(b"k", "email", "anna@example.nl")
    assert len(same) == 64
    assert len({same, hashed(b"l", "email", "anna@example.nl"), hashed(b"k", "sms", "anna@example.nl")}) == 3
    with pytest.raises(ConfigurationError, match="HUB_KEY is not set"):
        hashed(b"", "email", "anna@example.nl")


@pytest.mark.parametrize("length", [1, 32, 63, 64, 65, 200])
def test_a_hash_is_the_hmac_of_channel_and_value_whatever_the_length_of_the_key(length: int) -> None:
    key = bytes(range(1, length + 1))
    for address in ("anna@example.nl", "", "zoë@example.nl"):
        wanted = hmac.new(key, f"email|{address}".encode(), "sha256").hexdigest()
        assert hashed(key, "email", address) == wanted


def test_an_address_is_suppressed_once_per_purpose(ledger: Ledger) -> None:
    assert ledger.suppressions.empty()
    complaint = Suppression("h1", "marketing", "complained", "mail:1", NOW)
    bounce = Suppression("h2", "all", "bounced 5.1.1", "mail:2", NOW)
    assert ledger.suppressions.add([complaint, bounce, complaint]) == 2
    assert ledger.suppressions.add([complaint]) == 0
    assert ledger.suppressions.among(["h1", "h2", "h3"]) == {"h1": [complaint], "h2": [bounce]}
    assert not ledger.suppressions.empty()


def test_an_unsubscribe_ends_with_a_newer_yes_and_nothing_else_does() -> None:
    before, after = NOW - timedelta(days=1), NOW + timedelta(days=1)
    unsubscribed = Suppression("h1", "marketing", "unsubscribed", "mail:1", NOW)
    assert [unsubscribed.stops("marketing", at) for at in (None, before, NOW, after)] == [True, True, True, False]
    assert not unsubscribed.stops("service", None)
    assert Suppression("h1", "marketing", "complained", "mail:1", NOW).stops("marketing", after)
    assert Suppression("h1", "all", "bounced 5.1.1", "mail:1", NOW).stops("service", after)


def test_a_newer_unsubscribe_counts_anew_and_a_complaint_is_never_weakened(ledger: Ledger) -> None:
    first = Suppression("h1", "marketing", "unsubscribed", "mail:1", NOW)
    second = Suppression("h1", "marketing", "unsubscribed", "mail:2", NOW + timedelta(days=9))
    complaint = Suppression("h1", "marketing", "complained", "mail:3", NOW + timedelta(days=3))
    ledger.suppressions.add([first])
    ledger.suppressions.add([second, first])
    assert [(entry.reason, entry.at) for entry in ledger.suppressions.among(["h1"])["h1"]] == [
        ("unsubscribed", second.at)
    ]
    ledger.suppressions.add([complaint])
    ledger.suppressions.add([Suppression("h1", "marketing", "unsubscribed", "mail:4", NOW + timedelta(days=11))])
    assert ledger.suppressions.among(["h1"]) == {"h1": [complaint]}


def test_soft_bounces_are_counted_inside_the_window_and_each_once(ledger: Ledger) -> None:
    reactions = [
        Reaction("mail", f"e{days}", "soft_bounced", NOW - timedelta(days=days), "m1", "h1", "4.2.2")
        for days in (1, 29, 30, 31)
    ]
    ledger.reactions.add(reactions)
    ledger.reactions.add(reactions)
    assert ledger.reactions.soft_bounces(["h1", "h2"], NOW - timedelta(days=30), NOW) == {"h1": 2}
    assert ledger.reactions.applied("mail", ["e1", "e5"]) == {"e1"}
    assert ledger.reactions.applied("other", ["e1"]) == set()


def test_finished_loads_are_remembered_with_their_numbers(ledger: Ledger) -> None:
    ledger.reactions.finish({("mail", "l1", "bounced"): 3})
    ledger.reactions.finish({("mail", "l1", "bounced"): 4, ("mail", "l2", "delivered"): 1})
    assert ledger.reactions.loads() == {("mail", "l1", "bounced"): 4, ("mail", "l2", "delivered"): 1}


def test_runs_are_kept_with_their_reports_the_latest_first(ledger: Ledger) -> None:
    ledger.record_run("r1", NOW, [Report("map", 3, 2, 1, {"mapped": 2})])
    ledger.record_run("r2", NOW + timedelta(hours=1), [])
    ledger.record_run("r1", NOW, [Report("map", 3, 3)])
    runs = ledger.runs()
    assert [run[0] for run in runs] == ["r2", "r1"]
    assert runs[1][1] == NOW
    assert runs[1][2][0]["rows_out"] == 3
