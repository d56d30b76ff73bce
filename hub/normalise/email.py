"""E-mail addresses as identifiers: the same mailbox, the same text."""

from __future__ import annotations

import unicodedata

from email_validator import EmailNotValidError, validate_email


def normalise_email(text: str) -> str | None:
    """Trim, compose (NFC) and lower-case an address and write its domain in ASCII (IDNA); None if it is not valid.

    Dots and +tags are kept: most providers tell them apart. The network is not asked. Domains that never
    receive mail from outside (`.test`, `.invalid`, `.local`, `localhost`) are not valid.
    """
    lowered = unicodedata.normalize("NFC", text.strip()).lower()
    try:
        address = validate_email(lowered, check_deliverability=False)
    except EmailNotValidError:
        return None
    return f"{address.local_part}@{address.ascii_domain}"
