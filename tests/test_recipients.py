"""Where a message goes, and what a suppression of that address is about."""

import pytest

from hub.contracts import EmailRecipient, PhoneRecipient, PostalRecipient
from hub.recipients import full_name, identifier, recipient

HOME = {
    "street": "Dorpsstraat",
    "house_number": "103",
    "house_letter": "c",
    "house_addition": None,
    "postcode": "1234AB",
    "city": "Ons Dorp",
    "country": None,
}


def test_each_channel_has_its_own_recipient() -> None:
    assert recipient("email", {"email": "a@example.nl"}, "Anna") == EmailRecipient("a@example.nl", "Anna")
    assert recipient("sms", {"phone": "+31612345678"}, "Anna") == PhoneRecipient("+31612345678")
    assert recipient("letter", HOME, "Anna") == PostalRecipient(
        "Anna", "Dorpsstraat", "103", "c", "", "1234AB", "Ons Dorp", "NL"
    )


def test_a_letter_is_suppressed_by_the_address_however_street_and_city_are_written() -> None:
    other = {**HOME, "street": "Dorpsstr.", "city": "ONS DORP", "house_letter": "C"}
    assert identifier("letter", HOME) == identifier("letter", other)
    assert identifier("letter", HOME) != identifier("letter", {**HOME, "house_addition": "2"})


def test_mail_and_text_messages_are_suppressed_by_the_normalised_value() -> None:
    assert identifier("email", {"email": "a@example.nl", "phone": "x"}) == "a@example.nl"
    assert identifier("sms", {"phone": "+31612345678"}) == "+31612345678"


@pytest.mark.parametrize(
    ("person", "name"),
    [
        ({"given_name": "Anna", "prefix": "van der", "surname": "Valk"}, "Anna van der Valk"),
        ({"initials": "A.Ö.", "surname": "Jansen"}, "A.Ö. Jansen"),
        ({"given_name": "Anna", "surname": "."}, "Anna"),
        ({}, ""),
    ],
)
def test_a_name_is_written_as_on_an_envelope(person: dict[str, str], name: str) -> None:
    assert full_name(person) == name
