"""The vectors come from the field rules, section "Names and salutation"."""

import pytest

from hub.normalise.names import initials, salutation, split_prefix


@pytest.mark.parametrize(
    ("gender", "given_name", "prefix", "surname", "expected"),
    [
        ("F", None, None, "Jansen", "mevrouw Jansen"),
        ("F", None, "van der", "Valk", "mevrouw Van der Valk"),
        ("M", None, "van", "Puffelen", "heer Van Puffelen"),
        (None, "Robin Melle", "van", "Puffelen", "R.M. van Puffelen"),
        ("unknown", "Robin Melle", "van", "Puffelen", "R.M. van Puffelen"),
        (None, None, "in het", "Zonnetje", "In het Zonnetje"),
        ("F", None, "'t", "Wolkje", "mevrouw 't Wolkje"),
        ("M", None, None, "Van Der Broeck", "heer Van Der Broeck"),
        (None, "Jan", None, "Van Der Broeck", "J. Van Der Broeck"),
        (None, "Anna Özil", None, "Yılmaz", "A.Ö. Yılmaz"),
    ],
)
def test_people_are_greeted_as_they_expect(
    gender: str | None, given_name: str | None, prefix: str | None, surname: str, expected: str
) -> None:
    assert salutation(gender, given_name, prefix, surname) == expected


def test_the_partners_name_comes_first_where_the_person_chose_so() -> None:
    assert salutation("F", None, "in het", "Veld", "van", "Velzen", True) == "mevrouw Van Velzen-in het Veld"


def test_the_own_name_comes_first_otherwise() -> None:
    assert salutation("F", None, "in het", "Veld", "van", "Velzen") == "mevrouw In het Veld-van Velzen"


@pytest.mark.parametrize("surname", [None, "", " ", ".", "-", "??"])
def test_the_greeting_is_neutral_where_no_surname_is_known(surname: str | None) -> None:
    assert salutation("F", "Anna", None, surname) is None


def test_an_unusable_own_name_does_not_spoil_the_partners() -> None:
    assert salutation("F", None, None, ".", "van", "Velzen", True) == "mevrouw Van Velzen"


@pytest.mark.parametrize(
    ("given_name", "expected"),
    [
        ("Anna Özil", "A.Ö."),
        ("Robin Melle", "R.M."),
        ("Jean-Paul", "J.P."),
        ("J.P.", "J.P."),
        ("anna", "A."),
        ("", ""),
        (". -", ""),
    ],
)
def test_given_names_become_initials(given_name: str, expected: str) -> None:
    assert initials(given_name) == expected


@pytest.mark.parametrize(
    ("surname", "expected"),
    [
        ("van der Valk", ("van der", "Valk")),
        ("in het Zonnetje", ("in het", "Zonnetje")),
        ("'t Wolkje", ("'t", "Wolkje")),
        ("\u2019t Wolkje", ("\u2019t", "Wolkje")),
        ("de la Fuente", ("de la", "Fuente")),
        (" van  den   Berg ", ("van den", "Berg")),
        ("van Velzen-in het Veld", ("van", "Velzen-in het Veld")),
        ("Jansen", (None, "Jansen")),
        ("Van Der Broeck", (None, "Van Der Broeck")),
        ("van", (None, "van")),
        ("Vandenberg", (None, "Vandenberg")),
        ("", (None, "")),
    ],
)
def test_the_longest_known_prefix_is_split_off(surname: str, expected: tuple[str | None, str]) -> None:
    assert split_prefix(surname) == expected
