"""Verdicts by hand on who is who (R6, R42)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from hub.errors import RejectedError
from hub.ledger import Ledger, Verdict, Verdicts, migrations, open_ledger, reading_ledger, tables

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


@pytest.fixture
def verdicts(ledger: Ledger) -> Verdicts:
    return ledger.verdicts


def standing(verdicts: Verdicts) -> list[tuple[str, str, bool]]:
    return [(row["low"], row["high"], row["same"]) for row in verdicts.current().to_pylist()]


def test_a_verdict_stands_whichever_record_is_named_first(verdicts: Verdicts) -> None:
    verdicts.give("shop:2", "crm:1", True, "anna", NOW, "same signature")
    verdicts.give("crm:7", "crm:9", False, "anna", NOW, "father and son")
    assert standing(verdicts) == [("crm:1", "shop:2", True), ("crm:7", "crm:9", False)]


def test_without_verdicts_the_table_is_empty_and_typed(verdicts: Verdicts) -> None:
    empty = verdicts.current()
    assert empty.num_rows == 0
    assert empty.schema == pa.schema([("low", pa.string()), ("high", pa.string()), ("same", pa.bool_())])


def test_the_last_verdict_on_a_pair_counts_and_the_history_keeps_all(verdicts: Verdicts) -> None:
    verdicts.give("crm:1", "shop:2", True, "anna", LATER, "same signature")
    verdicts.give("shop:2", "crm:1", False, "bram", NOW, "she called: two people")
    assert standing(verdicts) == [("crm:1", "shop:2", False)]
    assert verdicts.history() == [
        Verdict(1, "crm:1", "shop:2", "same", "anna", LATER, "same signature"),
        Verdict(2, "crm:1", "shop:2", "different", "bram", NOW, "she called: two people"),
    ]


def test_a_withdrawn_verdict_stands_no_longer_and_can_be_given_again(verdicts: Verdicts) -> None:
    verdicts.give("crm:1", "shop:2", True, "anna", NOW, "same signature")
    verdicts.withdraw("shop:2", "crm:1", "bram", LATER, "a mistake")
    assert standing(verdicts) == []
    with pytest.raises(RejectedError, match="nothing stands between crm:1 and shop:2"):
        verdicts.withdraw("crm:1", "shop:2", "bram", LATER, "a mistake")
    verdicts.give("crm:1", "shop:2", True, "anna", LATER, "no mistake")
    assert standing(verdicts) == [("crm:1", "shop:2", True)]
    assert [verdict.ruling for verdict in verdicts.history(("shop:2", "crm:1"))] == ["same", "withdrawn", "same"]


def test_the_history_of_some_records_leaves_out_the_others(verdicts: Verdicts) -> None:
    verdicts.give("crm:1", "shop:2", True, "anna", NOW, "same signature")
    verdicts.give("crm:7", "crm:9", False, "anna", NOW, "father and son")
    assert [verdict.low for verdict in verdicts.history(records=["crm:9", "erp:4"])] == ["crm:7"]


def test_a_record_is_not_paired_with_itself_and_a_verdict_has_a_reason(verdicts: Verdicts) -> None:
    with pytest.raises(RejectedError, match="crm:1 is one record"):
        verdicts.give("crm:1", "crm:1", True, "anna", NOW, "of course")
    with pytest.raises(RejectedError, match="needs a reason"):
        verdicts.give("crm:1", "crm:2", True, "anna", NOW, " ")
    assert verdicts.history() == []


def test_the_mark_changes_with_every_verdict_and_only_then(verdicts: Verdicts) -> None:
    marks = [verdicts.mark(), verdicts.mark()]
    verdicts.give("crm:1", "shop:2", True, "anna", NOW, "same signature")
    marks += [verdicts.mark(), verdicts.mark()]
    verdicts.withdraw("crm:1", "shop:2", "anna", LATER, "a mistake")
    marks.append(verdicts.mark())
    assert marks[0] == marks[1] != marks[2] == marks[3] != marks[4] != marks[0]


def test_operators_at_two_desks_lose_no_verdict(verdicts: Verdicts) -> None:
    with ThreadPoolExecutor(4) as desks:
        list(desks.map(lambda n: verdicts.give("crm:1", f"crm:{n}", True, "anna", NOW, "same"), range(10, 22)))
    assert len(standing(verdicts)) == len(verdicts.history()) == 12


def test_a_ledger_of_before_verdicts_is_brought_up_to_date(ledger: Ledger, url: str, tmp_path: Path) -> None:
    with ledger.engine.begin() as connection:
        tables.metadata.drop_all(connection)
        connection.execute(sa.text("DROP TABLE alembic_version"))
        migrations.upgrade(connection, "0002")
    with reading_ledger(url, tmp_path / ".hub") as reading:
        assert reading is not None
        assert reading.verdicts.history() == []
    again = open_ledger(url, tmp_path / ".hub")
    again.verdicts.give("crm:1", "shop:2", True, "anna", NOW, "same signature")
    assert standing(again.verdicts) == [("crm:1", "shop:2", True)]
    again.close()
