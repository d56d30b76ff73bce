"""Hashes for advertising platforms: the published vectors, and what is never hashed."""

import pytest

from plugins.destinations.ads.identifiers import (
    google_identifiers,
    hashed,
    joined,
    meta_identifiers,
    name,
    phone_without_plus,
    plain_email,
)


@pytest.mark.parametrize(
    ("field", "value", "kind", "digest"),
    [
        (
            "email",
            " John_Smith@gmail.com ",
            "EMAIL",
            "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f",
        ),
        ("phone", "+31 6 12345678", "PHONE", "e03d152bbe638d9fe7a04f9b88a67674bf15b73c0981755c16eb78d177721e03"),
        ("given_name", "Valéry", "FN", "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c"),
    ],
)
def test_meta_gets_the_hashes_of_its_documentation(field: str, value: str, kind: str, digest: str) -> None:
    given = {"email": "anna@example.nl", field: value}
    assert meta_identifiers(given)[kind] == digest


@pytest.mark.parametrize(
    ("email", "digest"),
    [
        ("Cloudy.SanFrancisco+shopping@gmail.com", "223ebda6f6889b1494551ba902d9d381daf2f642bae055888e96343d53e9f9c4"),
        ("user.name+NYC@Example.com", "f109a2a632fbcea5fc82049f50beed3d8621bf9034399f437fb622222acccdac"),
        ("alexz@example.com", "509e933019bb285a134a9334b8bb679dff79d0ce023d529af4bd744d47b4fd8a"),
    ],
)
def test_google_gets_the_hashes_of_its_documentation(email: str, digest: str) -> None:
    assert google_identifiers({"email": email}) == {"emailAddress": digest}


def test_google_wants_numbers_with_their_plus() -> None:
    known = google_identifiers({"phone": "0031 6 12345678"})
    assert known == {"phoneNumber": "fab7be8a931d1088a82f6acf9e468aaf6a3accc07d5112ee5d6fca93281e1583"}


@pytest.mark.parametrize("value", ["", "   ", "no address", "0612345678"])
def test_what_is_empty_or_not_valid_is_never_hashed(value: str) -> None:
    assert google_identifiers({"email": value, "phone": value}) == {}
    assert meta_identifiers({"email": value, "phone": value}) == {}


def test_a_hash_is_never_hashed_again() -> None:
    digest = "62A14E44F765419D10FEA99367361A727C12365E2520F32218D505ED9AA0F62F"
    assert hashed(digest, plain_email) == digest.lower()
    assert hashed(digest, phone_without_plus) == digest.lower()


def test_an_accent_in_two_signs_gives_the_same_hash_as_in_one() -> None:
    assert hashed("Vale\u0301ry", name) == hashed("Val\u00e9ry", name)


def test_names_and_places_lose_punctuation_and_keep_accents() -> None:
    assert name(" O'Brien-de  Vries ") == "obriende vries"
    assert joined("'s-Gravenhage") == "sgravenhage"
    assert joined("2583 XL") == "2583xl"


def test_google_takes_an_address_only_whole_and_meta_no_name_alone() -> None:
    given = {"given_name": "Anna", "surname": "de Vries", "country": "nl", "postcode": "2583 xl"}
    address = google_identifiers(given)["address"].split("|")
    assert address[2:] == ["NL", "2583XL"]
    assert all(len(part) == 64 for part in address[:2])
    assert google_identifiers({**given, "postcode": ""}) == {}
    assert meta_identifiers(given) == {}
