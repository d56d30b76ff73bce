"""The rules come from the field rules, section "E-mail address as an identifier"."""

import pytest

from hub.normalise.email import normalise_email


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Anna@Example.nl ", "anna@example.nl"),
        ("ANNA@EXAMPLE.NL", "anna@example.nl"),
        ("j.de.vries@gmail.com", "j.de.vries@gmail.com"),
        ("user.name+NYC@Example.com", "user.name+nyc@example.com"),
        ("info@m\u00fcnchen.example", "info@xn--mnchen-3ya.example"),
        ("info@mu\u0308nchen.example", "info@xn--mnchen-3ya.example"),
        ("ren\u00e9@example.nl", "ren\u00e9@example.nl"),
        ("rene\u0301@example.nl", "ren\u00e9@example.nl"),
    ],
)
def test_the_same_mailbox_gets_the_same_text(text: str, expected: str) -> None:
    assert normalise_email(text) == expected


def test_normalising_twice_changes_nothing() -> None:
    once = normalise_email("Info@M\u00fcnchen.example")
    assert once is not None
    assert normalise_email(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "onbekend",
        "anna",
        "anna@",
        "@example.nl",
        "anna de vries@example.nl",
        "anna@exam ple.nl",
        "anna@@example.nl",
        "anna..b@example.nl",
        "anna@example",
        "anna@example..nl",
        "Anna <anna@example.nl>",
        "a@example.nl;b@example.nl",
        "anna@example.invalid",
        "anna@example.nl\nBcc: x@example.nl",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    assert normalise_email(text) is None
