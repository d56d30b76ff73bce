"""The bytes of a mail are those that the standard library's `EmailMessage` writes, for whatever people are called."""

from __future__ import annotations

from email import policy
from email.headerregistry import Address
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.destinations.smtp import mime

BOUNDARY = "=_" + "b" * 32
letters = st.characters(codec="utf-8", exclude_characters="\r\n", exclude_categories=["Cc", "Zl", "Zp"])
written = st.text(st.one_of(st.sampled_from("aZ9 .,;:<>\"'()@=?_é€😀"), letters), max_size=120).map(str.strip)
bodies = st.text(st.one_of(st.sampled_from("ab .=\t\r\né😀"), letters), max_size=300)


def by_the_library(headers: list[tuple[str, str | Address]], text: str, html: str, rules: policy.EmailPolicy) -> bytes:
    mail = EmailMessage(policy=rules)
    for name, value in headers:
        mail[name] = value
    if text:
        mail.set_content(text, cte="quoted-printable")
    if text and html:
        mail.add_alternative(html, subtype="html", cte="quoted-printable")
        mail.set_boundary(BOUNDARY)
    elif html:
        mail.set_content(html, subtype="html", cte="quoted-printable")
    return mail.as_bytes()


@given(written, written.filter(bool), bodies, bodies, st.sampled_from([mime.ASCII, mime.UTF8]), st.integers(1, 150))
def test_a_mail_is_written_as_the_library_writes_it(
    name: str, subject: str, text: str, html: str, rules: policy.EmailPolicy, length: int
) -> None:
    headers: list[tuple[str, str | Address]] = [
        ("From", Address("Mia(ou)m", "hallo", "miaoum.example")),
        ("To", Address(name, "anna", "example.nl")),
        ("Subject", subject),
        ("Date", "Mon, 02 Mar 2026 10:30:00 +0000"),
        ("Message-ID", f"<{'m' * length}@miaoum.example>"),
        ("List-Unsubscribe", f"<https://www.miaoum.example/{'t' * length}>"),
    ]
    text = text or "Dag"
    expected = by_the_library(headers, text, html, rules)
    assert mime.head(headers, rules) + mime.body(text, html, BOUNDARY) == expected
    if html:
        assert mime.head(headers, rules) + mime.body("", html, BOUNDARY) == by_the_library(headers, "", html, rules)


@pytest.mark.parametrize("value", ["Dag\r\nBcc: x@example.nl", "Dag\nBcc: x@example.nl", "Dag\rBcc: x@example.nl"])
def test_a_header_with_a_line_break_is_not_written(value: str) -> None:
    with pytest.raises(ValueError, match="linefeed or carriage return"):
        mime.head([("Subject", value)], mime.ASCII)
