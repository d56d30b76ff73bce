"""Rates: what went is counted in the ledger, for every sender and over restarts."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.ledger import Ledger, open_ledger
from hub.ledger.allowances import Grant
from hub.units import Rate

DAY = 86_400
NOON = 1_772_442_000.0


def test_a_day_s_number_survives_a_restart_and_is_shared(ledger: Ledger, url: str, tmp_path: Path) -> None:
    rates = [Rate(100, DAY)]
    assert ledger.allowances.take("mail", rates, 60, NOON) == Grant(60)
    again = open_ledger(url, tmp_path / ".hub")
    assert again.allowances.take("mail", rates, 60, NOON + 3600) == Grant(40)
    none = again.allowances.take("mail", rates, 60, NOON + 7200)
    assert none.number == 0
    assert again.allowances.take("texts", rates, 60, NOON + 7200) == Grant(60)
    assert again.allowances.take("mail", rates, 100, NOON + 7200 + none.wait) == Grant(60)
    again.close()


def test_every_rate_counts_and_the_smallest_gives_way_to_none(ledger: Ledger) -> None:
    rates = [Rate(50, 1), Rate(70, DAY)]
    assert ledger.allowances.take("mail", rates, 100, NOON) == Grant(50)
    assert ledger.allowances.take("mail", rates, 100, NOON).wait <= 1.1
    assert ledger.allowances.take("mail", rates, 100, NOON + 1.1) == Grant(20)
    assert ledger.allowances.take("mail", rates, 100, NOON + 3).wait > DAY - 10


def test_a_clock_that_was_ahead_and_is_set_back_does_not_stop_sending(ledger: Ledger) -> None:
    ledger.allowances.take("mail", [Rate(5, DAY)], 5, NOON + 365 * DAY)
    assert ledger.allowances.take("mail", [Rate(5, DAY)], 5, NOON) == Grant(5)


@settings(max_examples=25, deadline=None)
@given(asked=st.lists(st.tuples(st.integers(1, 30), st.floats(0, 40)), min_size=1, max_size=25))
def test_no_more_than_the_number_goes_in_any_stretch_of_its_length(
    tmp_path_factory: pytest.TempPathFactory, asked: list[tuple[int, float]]
) -> None:
    ledger, rate, now = open_ledger("sqlite", tmp_path_factory.mktemp("ledger")), Rate(20, 60), NOON
    went: list[tuple[float, int]] = []
    for wanted, pause in asked:
        now += pause
        went.append((now, ledger.allowances.take("mail", [rate], wanted, now).number))
    for start, _ in went:
        assert sum(number for at, number in went if start <= at < start + rate.seconds) <= rate.number
    ledger.close()


def test_two_senders_together_take_no_more_than_one_alone(ledger: Ledger) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda _: ledger.allowances.take("mail", [Rate(30, DAY)], 7, NOON).number, range(12)))
    assert sum(taken) == 30
    assert list(itertools.accumulate(sorted(taken)))[-1] == 30
