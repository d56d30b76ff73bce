"""The vectors come from the field rules, section "Address"."""

from dataclasses import replace

import pytest

from hub.normalise.address import (
    PostalAddress,
    address_lines,
    postcode,
    show_house_number,
    show_postcode,
    why_unaddressable,
)

ANNA = PostalAddress(
    recipient=("Mevrouw A. van der Valk",),
    street="Keizerstraat",
    house_number="103",
    addition="c",
    postcode="2583XL",
    city="Scheveningen",
    country="NL",
)
LUC = PostalAddress(
    recipient=("De heer L. Peeters",),
    street="Nieuwstraat",
    house_number="12",
    box="3",
    postcode="1000",
    city="Brussel",
    country="BE",
)


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("1234 AB", "NL", "1234AB"),
        ("1234ab", "NL", "1234AB"),
        (" 2583  xl ", "NL", "2583XL"),
        ("NL-2583 XL", "NL", "2583XL"),
        ("1000", "BE", "1000"),
        ("B-9000", "BE", "9000"),
        ("80331", "DE", "80331"),
    ],
)
def test_a_postcode_is_stored_in_one_spelling(text: str, country: str, expected: str) -> None:
    assert postcode(text, country) == expected


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("0234AB", "NL"),
        ("1234SA", "NL"),
        ("1234SD", "NL"),
        ("1234SS", "NL"),
        ("1234", "NL"),
        ("1234ABC", "NL"),
        ("0999", "BE"),
        ("10000", "BE"),
        ("1234AB", "BE"),
        ("", "BE"),
        (" ", "DE"),
    ],
)
def test_a_postcode_that_was_never_issued_is_refused(text: str, country: str) -> None:
    assert postcode(text, country) is None


def test_a_dutch_postcode_is_shown_with_a_space() -> None:
    assert show_postcode("1234AB", "NL") == "1234 AB"
    assert show_postcode("1000", "BE") == "1000"


@pytest.mark.parametrize(
    ("number", "letter", "addition", "expected"),
    [
        ("103", "", "c", "103 c"),
        ("103", "c", "", "103 c"),
        ("35", "", "III", "35 III"),
        ("9", "", "2", "9-2"),
        ("555", "B", "73c", "555 B73c"),
        ("12", "A", "bis", "12 A bis"),
        ("7", "", "", "7"),
    ],
)
def test_a_house_number_is_shown_with_what_belongs_to_it(
    number: str, letter: str, addition: str, expected: str
) -> None:
    assert show_house_number(number, letter, addition) == expected


def test_a_dutch_address_ends_with_postcode_two_spaces_and_the_place_in_capitals() -> None:
    assert address_lines(ANNA) == ("Mevrouw A. van der Valk", "Keizerstraat 103 c", "2583 XL  SCHEVENINGEN")


def test_a_belgian_address_shows_its_box_and_its_country() -> None:
    assert address_lines(LUC) == ("De heer L. Peeters", "Nieuwstraat 12 bus 3", "1000 BRUSSEL", "BELGIË")


def test_the_country_is_left_out_at_home() -> None:
    assert address_lines(LUC, sent_from="BE")[-1] == "1000 BRUSSEL"


def test_an_address_that_can_be_delivered_has_nothing_against_it() -> None:
    assert why_unaddressable(ANNA) is None
    assert why_unaddressable(LUC) is None


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (replace(ANNA, recipient=(" ",)), "no name of a recipient"),
        (replace(ANNA, street="", city=""), "no street, no city"),
        (replace(ANNA, house_number=""), "no house number"),
        (replace(ANNA, postcode="1234SS"), "the postcode is not valid in NL"),
        (replace(ANNA, country=""), "no country"),
    ],
)
def test_what_keeps_a_letter_from_arriving_is_named(address: PostalAddress, reason: str) -> None:
    assert why_unaddressable(address) == reason
