"""What sources remember of rows."""

from datetime import UTC, datetime, timedelta

from hub.incremental import MANY, Digest, LookBack, Moment, mark


def test_a_row_is_known_by_its_whole_content():
    assert mark((1, "a")) == mark((1, "a"))
    assert mark((1, "a")) != mark((1, "b"))


def test_the_order_of_keys_and_empty_values_make_no_other_row():
    assert mark({"a": 1, "b": 2, "c": None}) == mark({"b": 2, "a": 1})


def test_the_order_of_rows_makes_no_other_digest():
    one, other, more = Digest(), Digest(), Digest()
    one.add([(1,), (2,)])
    other.add([(2,), (1,)])
    more.add([(1,), (2,), (2,)])
    assert str(one) == str(other) != str(more)


def test_few_rows_are_remembered_one_by_one_and_many_together():
    few, many, same = Moment(), Moment(), Moment()
    few.add([(1,), (2,)])
    assert few.remembered() == {"seen": sorted([mark((1,)), mark((2,))])}
    many.add((number,) for number in range(MANY + 1))
    for number in reversed(range(MANY + 1)):
        same.add([(number,)])
    assert set(many.remembered()) == {"digest"}
    assert many.remembered() == same.remembered()


def test_what_was_read_near_the_end_of_a_run_does_not_come_again_a_day_later() -> None:
    state: dict[str, object] = {}
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    rows = [{"id": 1, "at": noon - timedelta(minutes=5)}, {"id": 2, "at": noon - timedelta(hours=3)}]
    first = LookBack(state, noon, timedelta(minutes=10))
    assert first.fresh(rows, lambda row: row["at"]) == rows
    first.keep()
    later = LookBack(state, noon + timedelta(days=1), timedelta(minutes=10))
    news = {"id": 3, "at": noon + timedelta(hours=1)}
    assert later.after == noon - timedelta(minutes=10)
    assert later.fresh([rows[0], news], lambda row: row["at"]) == [news]
    later.keep()
    assert LookBack(state, noon + timedelta(days=2), timedelta(minutes=10)).after == noon + timedelta(hours=1)


def test_what_shows_late_in_a_quiet_system_is_not_missed_and_what_is_known_does_not_come_again() -> None:
    state: dict[str, object] = {}
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    known, late = {"id": 1, "at": noon}, {"id": 2, "at": noon + timedelta(hours=1)}
    for day in range(3):
        run = LookBack(state, noon + timedelta(days=day), timedelta(minutes=10))
        assert run.fresh([known], lambda row: row["at"]) == ([known] if day == 0 else [])
        run.keep()
    last = LookBack(state, noon + timedelta(days=3), timedelta(minutes=10))
    assert last.after == noon
    assert last.fresh([known, late], lambda row: row["at"]) == [late]
