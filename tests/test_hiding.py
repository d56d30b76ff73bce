"""Which groups are hidden: small ones, and those that would give a small one away (R39)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.people.hiding import Sum, hide


def hidden(people: dict[str, int], *sums: Sum[str], fewest: int = 10) -> set[str]:
    return set(hide(people, sums, fewest))


def test_a_small_group_is_hidden_and_the_smallest_other_part_of_its_total_with_it_r39() -> None:
    people = {"all": 100, "mail": 60, "texts": 31, "letters": 9}
    assert hidden(people, Sum("all", ["mail", "texts", "letters"])) == {"letters", "texts"}


def test_small_groups_that_are_few_people_together_take_a_larger_one_with_them() -> None:
    people = {"all": 100, "a": 50, "b": 44, "c": 3, "d": 3}
    assert hidden(people, Sum("all", ["a", "b", "c", "d"])) == {"b", "c", "d"}
    assert hidden({**people, "c": 5, "d": 5}, Sum("all", ["a", "b", "c", "d"])) == {"c", "d"}


def test_a_total_that_is_hidden_hides_a_part_else_it_could_be_added_up() -> None:
    people = {"all": 100, "a": 50, "b": 50, "x": 9, "more": 109}
    found = hidden(people, Sum("more", ["all", "x"]), Sum("all", ["a", "b"]))
    assert {"x", "all"} <= found
    assert len(found & {"a", "b"}) == 1


def test_a_small_group_that_is_all_there_is_hides_its_total() -> None:
    assert hidden({"all": 9, "a": 9}, Sum("all", ["a"])) == {"all", "a"}


def test_large_groups_are_told() -> None:
    assert hidden({"all": 20, "a": 10, "b": 10}, Sum("all", ["a", "b"])) == set()


@given(st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=5), min_size=1, max_size=5), st.integers(2, 15))
def test_no_hidden_number_follows_from_one_sum(table: list[list[int]], fewest: int) -> None:
    """A table of groups by times, told with both its margins: rows and columns are sums."""
    cells = {(str(row), str(column)): number for row, them in enumerate(table) for column, number in enumerate(them)}
    people = {**cells}
    sums = []
    for place in (0, 1):
        for name in {key[place] for key in cells}:
            parts = [key for key in cells if key[place] == name]
            total = (name, "*") if place == 0 else ("*", name)
            people[total] = sum(cells[key] for key in parts)
            sums.append(Sum(total, parts))
    found = hide(people, sums, fewest)
    assert all(number >= fewest for key, number in people.items() if key not in found)
    for one in sums:
        members = [it for it in (one.total, *one.parts) if it in found]
        assert len(members) != 1
        if one.total not in found and members:
            assert sum(people[it] for it in members) >= fewest
