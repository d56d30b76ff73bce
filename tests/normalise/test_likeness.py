"""When two names are one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.normalise.likeness import (
    birth_date_likeness,
    given_name_key,
    given_name_likeness,
    surname_key,
    surname_likeness,
)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Jan-Willem", "jan willem"),
        ("ZOË", "zoe"),
        ("J.W.", "jw."),
        ("Dhr. Jan", "jan"),
        ("Sophie", "sofie"),
        ("محمد", "محمد"),
        ("\u200fمحمد\u200e", "محمد"),
        ("伟", "伟"),
        ("Anna 👍", "anna"),
    ],
)
def test_the_key_of_a_given_name_is_what_is_left_without_case_accents_and_titles(text: str, key: str) -> None:
    assert given_name_key(text) == key


@pytest.mark.parametrize("text", ["", "-", "onbekend", "N.v.t.", "👍", "null", "Dhr."])
def test_a_name_of_nobody_has_no_key(text: str) -> None:
    assert given_name_key(text) is None
    assert surname_key(text) is None


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("van der Valk", "valk"),
        ("Jansen-de Vries", "jansen vries"),
        ("Meijer", "meyer"),
        ("Van Der Broeck", "broeck"),
        ("Fam. de Wit", "wit"),
        ("Van", "van"),
    ],
)
def test_the_key_of_a_surname_leaves_its_prefixes_out(text: str, key: str) -> None:
    assert surname_key(text) == key


@pytest.mark.parametrize(
    ("one", "other", "likeness"),
    [
        ("Jan Willem", "Willem", "same"),
        ("Zoë", "Zoe", "same"),
        ("J.", "Johannes", "near"),
        ("A.B.", "Bert", "near"),
        ("C.", "Kees", "near"),  # Kees is Cornelis
        ("Kees", "Cornelis", "near"),
        ("Daan", "Dana", "near"),
        ("Wouter", "Woter", "near"),
        ("Jan", "Hans", "far"),
        ("Mila", "Mioa", "far"),
        ("Han", "Hanneke", "far"),
        ("Daniel", "Daniela", "far"),
        ("J.", "Bert", "other"),
        ("Anna", "Bert", "other"),
        ("Emma", "Noah", "other"),
        ("Tim", "Bas", "other"),
    ],
)
def test_given_names_are_as_alike_as_people_would_say(one: str, other: str, likeness: str) -> None:
    keys = given_name_key(one) or "", given_name_key(other) or ""
    assert given_name_likeness(*keys) == likeness
    assert given_name_likeness(*reversed(keys)) == likeness


@pytest.mark.parametrize(
    ("one", "other", "likeness"),
    [
        ("de Vries", "Vries", "same"),
        ("Jansen", "Jansen-de Vries", "same"),
        ("Jansen", "Janssen", "near"),
        ("Dijkstra", "Dykstra", "same"),
        ("Vos", "Bos", "other"),
        ("Jansen", "de Vries", "other"),
    ],
)
def test_surnames_are_as_alike_as_people_would_say(one: str, other: str, likeness: str) -> None:
    keys = surname_key(one) or "", surname_key(other) or ""
    assert surname_likeness(*keys) == likeness
    assert surname_likeness(*reversed(keys)) == likeness


@given(text=st.text(max_size=30))
def test_the_key_of_a_surname_is_its_own_key(text: str) -> None:
    surname = surname_key(text)
    if surname is not None:
        assert surname_key(surname) == surname


@given(one=st.text(min_size=1, max_size=12), other=st.text(min_size=1, max_size=12))
def test_likeness_has_no_order(one: str, other: str) -> None:
    keys = given_name_key(one), given_name_key(other)
    if keys[0] and keys[1]:
        assert given_name_likeness(keys[0], keys[1]) == given_name_likeness(keys[1], keys[0])


@pytest.mark.parametrize(
    ("one", "other", "likeness"),
    [
        ("1980-02-01", "1980-02-01", "same"),
        ("1980-02-01", "1980-02-07", "near"),
        ("1980-02-01", "1908-02-01", "near"),  # two digits swapped
        ("1980-02-01", "1980-01-02", "near"),  # day and month swapped
        ("1980-02-01", "1980-03-07", "other"),  # two wrong digits
        ("1980-02-01", "1978-02-01", "other"),
        ("1980-02-01", "10980-02-01", "other"),
    ],
)
def test_dates_of_birth_are_near_where_one_slip_of_the_fingers_lies_between(
    one: str, other: str, likeness: str
) -> None:
    assert birth_date_likeness(one, other) == likeness
    assert birth_date_likeness(other, one) == likeness
