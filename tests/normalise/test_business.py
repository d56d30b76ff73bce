"""The vectors come from the field rules, section "Business identifiers"."""

from collections.abc import Callable

import pytest

from hub.normalise.business import iban, kvk, rsin, vat, vestiging


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    [
        (kvk, "01234567", "01234567"),
        (kvk, " 6859 9084 ", "68599084"),
        (vestiging, "000037178598", "000037178598"),
        (rsin, "123456782", "123456782"),
        (vat, "NL004495445B01", "NL004495445B01"),
        (vat, "NL002455799B11", "NL002455799B11"),
        (vat, "BE 0403.019.261", "BE0403019261"),
        (iban, "NL91ABNA0417164300", "NL91ABNA0417164300"),
        (iban, "nl91 abna 0417 1643 00", "NL91ABNA0417164300"),
        (iban, "BE68539007547034", "BE68539007547034"),
    ],
)
def test_an_identifier_gets_one_spelling_and_keeps_its_zeros(
    read: Callable[[str], str | None], text: str, expected: str
) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (kvk, "1234567"),
        (kvk, "123456789"),
        (kvk, "1234567x"),
        (kvk, "00000000"),
        (kvk, ""),
        (vestiging, "37178598"),
        (rsin, "123456789"),
        (rsin, "000000000"),
        (rsin, "12345678"),
        (vat, "NL123456789B90"),
        (vat, "BE0411905848"),
        (vat, ""),
        (iban, "NL91ABNA0417164301"),
        (iban, "NL91"),
        (iban, ""),
    ],
)
def test_what_fails_its_form_or_its_proof_is_refused(read: Callable[[str], str | None], text: str) -> None:
    assert read(text) is None


def test_a_vat_number_without_its_country_is_read_as_one_of_the_country_that_is_given() -> None:
    assert vat("0403.019.261", "BE") == "BE0403019261"
    assert vat("NL004495445B01", "BE") == "NL004495445B01"
    assert vat("0403.019.261") is None
    assert vat("0411905848", "BE") is None
