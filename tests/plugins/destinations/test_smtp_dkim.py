"""Signed mails, verified by another implementation of DKIM (dkimpy)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from pydantic import ValidationError

from hub.contracts import EmailRecipient
from hub.errors import ConfigurationError
from hub.testing.destinations import sample_message

from .test_smtp import make, message_to


def write_key(folder: Path, key: Any) -> str:
    form = serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (folder / "mail.pem").write_bytes(pem)
    return "mail.pem"


KEYS = {
    "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
}


@pytest.fixture(params=list(KEYS))
def signing(request: pytest.FixtureRequest, tmp_path: Path) -> Mapping[str, Any]:
    return {"folder": tmp_path, "dkim": {"key": write_key(tmp_path, KEYS[request.param]), "selector": "hub2026"}}


def record_of(destination: Any) -> str:
    signer = destination._signer
    assert signer is not None
    return str(signer.published)


def verified(content: bytes, published: str, name: bytes = b"hub2026._domainkey.miaoum.example.") -> bool:
    def txt(asked: bytes, timeout: int = 5) -> bytes:
        assert asked == name
        return published.encode()

    return bool(dkim.verify(content, dnsfunc=txt))


@pytest.mark.parametrize(
    "content",
    [
        {"subject": "Welkom", "text": "Dag, één vraag.\n", "html": "<p>Dag, één vraag.</p>"},
        {"subject": "  Één   heel lang onderwerp " + "over katten " * 20, "text": "Regel  met \t spaties  \n\n\n\n"},
        {"subject": ".", "text": ".\n..\n.met een punt\n" + "x" * 3000},
        {"subject": "Leeg", "text": "\n\n"},
    ],
)
def test_another_implementation_verifies_what_arrived(
    postbox: Any, signing: Mapping[str, Any], content: Mapping[str, str]
) -> None:
    destination = make(postbox.port, **signing)
    message = replace(
        sample_message("email"), content=content, recipient=EmailRecipient("anna@example.nl", "Anna Özil")
    )
    assert destination.send([message])[0].status == "accepted"
    (mail,) = postbox.mails
    assert verified(mail.content, record_of(destination))


def test_a_mail_that_was_changed_on_the_way_no_longer_verifies(postbox: Any, signing: Mapping[str, Any]) -> None:
    destination = make(postbox.port, **signing)
    destination.send([sample_message("email")])
    content, published = postbox.mails[0].content, record_of(destination)
    assert verified(content, published)
    for before, after in [
        (b"vraag", b"vraaq"),
        (b"Subject: Welkom", b"Subject: Gewonnen"),
        (b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click", b""),
        (b"\r\nFrom:", b"\r\nFrom: Mallory <m@example.nl>\r\nFrom:"),
    ]:
        changed = content.replace(before, after, 1)
        assert changed != content
        assert not verified(changed, published)


def test_spaces_and_folds_that_servers_change_do_not_matter(postbox: Any, signing: Mapping[str, Any]) -> None:
    destination = make(postbox.port, **signing)
    destination.send([sample_message("email")])
    content = postbox.mails[0].content.replace(b"Subject: ", b"subject:\r\n\t ", 1)
    assert verified(content + b"\r\n\r\n", record_of(destination))


def test_one_click_unsubscribe_is_signed_as_rfc_8058_asks(postbox: Any, signing: Mapping[str, Any]) -> None:
    make(postbox.port, **signing).send([sample_message("email")])
    (signature,) = [line for line in postbox.mails[0].content.split(b"\r\n") if b"h=from" in line]
    assert b"list-unsubscribe:list-unsubscribe-post" in signature


def test_a_signed_mail_that_is_sent_again_has_the_same_bytes(postbox: Any, tmp_path: Path) -> None:
    destination = make(postbox.port, tmp_path, dkim={"key": write_key(tmp_path, KEYS["rsa"]), "selector": "a"})
    destination.send([message_to("anna@example.nl")])
    destination.send([message_to("anna@example.nl")])
    first, again = postbox.mails
    assert first.content == again.content


def test_the_domain_that_signs_may_be_another_one_and_the_check_tells_what_to_publish(
    postbox: Any, tmp_path: Path
) -> None:
    settings = {"key": write_key(tmp_path, KEYS["rsa"]), "selector": "a.b", "domain": "mail.miaoum.example"}
    destination = make(postbox.port, tmp_path, dkim=settings)
    destination.send([sample_message("email")])
    name = "a.b._domainkey.mail.miaoum.example"
    assert verified(postbox.mails[0].content, record_of(destination), f"{name}.".encode())
    check = destination.check()
    assert check.ok
    assert f"the TXT record of {name} must be: v=DKIM1; k=rsa; p=" in check.message


@pytest.mark.parametrize("kind", ["missing", "no key", "another curve", "a short key"])
def test_a_key_that_can_not_be_used_is_told_by_name_and_nothing_is_sent(
    postbox: Any, tmp_path: Path, kind: str
) -> None:
    match kind:
        case "no key":
            (tmp_path / "mail.pem").write_text("-----BEGIN geheim-kattenbak-----")
        case "another curve":
            write_key(tmp_path, ec.generate_private_key(ec.SECP256R1()))
        case "a short key":
            (tmp_path / "mail.pem").write_bytes(SHORT)
    destination = make(postbox.port, tmp_path, dkim={"key": "mail.pem", "selector": "a"})
    check = destination.check()
    assert not check.ok
    assert "mail.pem" in check.message
    assert "geheim" not in check.message
    with pytest.raises(ConfigurationError, match=r"mail\.pem"):
        destination.send([sample_message("email")])
    assert postbox.mails == []


def _short() -> bytes:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers, RSAPublicNumbers

    p, q, e = 2**127 - 1, 2**521 - 1, 65537  # two primes of Mersenne: a key of 648 bits
    d = pow(e, -1, (p - 1) * (q - 1))
    numbers = RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), RSAPublicNumbers(e, p * q))
    key = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


SHORT = _short()


def test_a_selector_that_is_no_name_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="selector"):
        make(25, dkim={"key": "mail.pem", "selector": "a b"})
