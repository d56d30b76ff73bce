"""Tokens: what stands in the links of a message, so that who follows one is known without a table or a login.

A token carries its subject in the open and a signature of it: HMAC-SHA-256 with the project's key over the kind of
link and the subject, cut to 128 bits (short enough for an SMS, long enough that nobody guesses one). The kind is part
of what is signed, so a link that confirms never unsubscribes. No personal data belongs in a subject: a message's id
is one, a record's key, which may be an address, is not.

A key that was replaced still opens the links that it signed for as long as it is given among the `former` ones
(HUB_FORMER_KEYS).
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import Literal

from hub.errors import ConfigurationError

Kind = Literal["unsubscribe", "preferences", "confirm", "survey"]

BYTES = 16
"""How much of a signature is kept."""

LONGEST = 200
"""A longer text is no token of ours, and is not looked at."""

SUBJECT = re.compile(r"[A-Za-z0-9_-]+")


def token(key: bytes, kind: Kind, subject: str) -> str:
    """Make the token of a link: the same subject always gives the same one.

    Raises ConfigurationError without a key, and ValueError for a subject that can't stand in a link as it is
    (letters, digits, - and _ can).
    """
    if not SUBJECT.fullmatch(subject):
        raise ValueError("the subject of a token is made of letters, digits, - and _")
    return f"{subject}.{_signature(key, kind, subject)}"


def subject_of(key: bytes, kind: Kind, token: str, former: Sequence[bytes] = ()) -> str | None:
    """Give the subject of a token of this kind; None for one that the key, and the former ones, did not sign.

    It takes as long for a signature that is nearly right as for one that is not.
    """
    subject, _, signature = token.partition(".")
    if len(token) > LONGEST or not SUBJECT.fullmatch(subject):
        return None
    given = signature.encode()
    signed = [hmac.compare_digest(given, _signature(one, kind, subject).encode()) for one in (key, *former)]
    return subject if any(signed) else None


def _signature(key: bytes, kind: Kind, subject: str) -> str:
    if not key:
        raise ConfigurationError("HUB_KEY is not set: the links in messages need a secret of your own")
    digest = hmac.digest(key, f"link 1|{kind}|{subject}".encode(), "sha256")
    return urlsafe_b64encode(digest[:BYTES]).decode().rstrip("=")
