"""What a mail that came back says: a delivery report (RFC 3464), a complaint (RFC 5965), or something else.

Anybody can write such a mail. So nothing is taken from it but a code, a kind and the Message-ID of a mail of the hub,
which only those know who got that mail; the address that it names is not read at all, and no text of it is kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email import message_from_bytes, message_from_string, policy
from email.message import Message
from email.utils import parsedate_to_datetime

from hub.errors import RejectedError
from plugins.destinations.smtp.mail import message_id_of
from plugins.destinations.smtp.verp import ReturnPaths

STATUS = frozenset({"message/delivery-status", "message/global-delivery-status"})
COMPLAINT = "message/feedback-report"
RETURNED = frozenset(
    {"message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers", "message/global-headers"}
)
MOST_FIELDS = 1_000
"""More blocks of fields than this are no report about one mail."""

MOST_WORDS = 16 * 1024
"""So much of what a server writes in its own words is looked through."""

_CODE = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_MESSAGE_ID = re.compile(r"<([^<>\s@]{1,400}@[^<>\s@]{1,255})>")
_REPLY = re.compile(r"(?:^|[:>])[ \t]*([45])[0-5]\d(?=[ -])", re.MULTILINE)
_FROM_A_SERVER = re.compile(r"(?i)\b(mailer-daemon|postmaster)@")
_UNDEFINED = {"5": "5.0.0", "4": "4.0.0"}
_COMPLAINTS = frozenset({"abuse", "fraud", "opt-out", "opt-out-list"})


def read_report(
    content: bytes, domain: str, arrived: datetime | None, paths: ReturnPaths | None = None
) -> dict[str, str | None]:
    """Turn a mail into a row of `reactions`; `domain` is that of the hub's Message-IDs.

    With `paths`, the address that it came to may say which mail it is about. Then it need not be a report as RFC 3464
    wants it: where a server just writes what happened, the first code in its words counts.

    `bounced` has a code of class 5 (it failed for good), `soft_bounced` one of class 4 (it was given up);
    `delivered`, `complained`, and `delayed` are what they say. Everything else, also a report about a mail of somebody
    else, is `other`, and has no message. Raises RejectedError for what can't be read.
    """
    try:
        return _read(content, domain, arrived, paths)
    except RecursionError:
        raise RejectedError("its parts are nested too deeply") from None
    except (ValueError, LookupError, TypeError, AttributeError):
        raise RejectedError("it is no mail that can be read") from None


def _read(content: bytes, domain: str, arrived: datetime | None, paths: ReturnPaths | None) -> dict[str, str | None]:
    mail = message_from_bytes(content, policy=policy.compat32)
    if not len(mail):
        raise RejectedError("it has no headers")
    at = arrived or _dated(mail)
    if at is None:
        raise RejectedError("it has no date")
    came_to = paths.message_in(_addresses(mail)) if paths is not None else None
    kind, code = _meaning(mail)
    if kind == "other" and came_to is not None:
        kind, code = _in_words(mail)
    message_id = _message_id(mail, domain) if kind != "other" else None
    message_key = came_to or (message_id_of(message_id) if message_id else None)
    own = _header(mail, "Message-ID").encode("utf-8", "replace") or content
    return {
        "event_id": hashlib.sha256(own).hexdigest(),
        "message_id": message_id,
        "type": kind if message_key else "other",
        "at": at.astimezone(UTC).isoformat(),
        "url": None,
        "code": code,
        "message_key": message_key if kind != "other" else None,
    }


def _meaning(mail: Message) -> tuple[str, str | None]:
    """Give the type of the event and its code."""
    parts = _parts(mail)
    for part in parts:
        if part.get_content_type() in STATUS:
            return _delivery([(_action(block), _code(block)) for block in _blocks(part)])
        if part.get_content_type() == COMPLAINT:
            said = {_header(block, "Feedback-Type").strip().lower() for block in _blocks(part)}
            return ("complained" if said & _COMPLAINTS else "other"), None
    if mail.get_content_type() == "multipart/report" and _claims(mail) in ("delivery-status", "feedback-report"):
        raise RejectedError("it says that it is a report, and has none that can be read")
    return "other", None


def _in_words(mail: Message) -> tuple[str, str | None]:
    """Judge a bounce that is no report: one that nobody is to answer, by the first code in its words.

    Automatic answers of people (away until Monday) have a sender, and say nothing about the address.
    """
    if _header(mail, "Return-Path").strip() != "<>" and not _FROM_A_SERVER.search(_header(mail, "From")):
        return "other", None
    text = next((part for part in [mail, *_parts(mail)] if part.get_content_type() == "text/plain"), None)
    decoded = text.get_payload(decode=True) if text is not None else b""
    words = decoded[:MOST_WORDS].decode("utf-8", "replace") if isinstance(decoded, bytes) else ""
    found = _CODE.search(words)
    plain = _REPLY.search(words)
    code = found[0] if found else _UNDEFINED.get(plain[1]) if plain else None
    if code is None or code.startswith("2"):
        return "other", None
    return ("bounced" if code.startswith("5") else "delayed"), code


def _delivery(recipients: Sequence[tuple[str, str | None]]) -> tuple[str, str | None]:
    """Judge a report by its recipients.

    A mail of the hub has one. Where an alias passed it on to several and one of them got it, it arrived.
    """
    said = {action: code for action, code in reversed(recipients) if action}
    if "delivered" in said:
        return "delivered", said["delivered"]
    if "failed" in said and not said.keys() & {"relayed", "expanded"}:
        code = said["failed"] or _UNDEFINED["5"]
        return ("soft_bounced" if code.startswith("4") else "bounced"), code
    return ("delayed", said["delayed"]) if "delayed" in said else ("other", None)


def _action(block: Message) -> str:
    """Read the action of a recipient; a report that leaves it out is judged by its code."""
    written = re.match(r"\s*([a-z]+)", _header(block, "Action").lower())
    if written:
        return written[1]
    return {"5": "failed", "4": "delayed", "2": "delivered"}.get(_header(block, "Status").strip()[:1], "")


def _code(block: Message) -> str | None:
    """Read the status; one that says only the class is made precise by what the other server answered."""
    status = _CODE.search(_header(block, "Status"))
    if status is None or status[0] in _UNDEFINED.values():
        answered = _CODE.search(_header(block, "Diagnostic-Code"))
        if answered and (status is None or answered[1] == status[1]):
            return answered[0]
    return status[0] if status else None


def _message_id(mail: Message, domain: str) -> str | None:
    """Find the Message-ID of a mail of the hub: in what was returned, else in what the report says it answers."""
    for text in _references(mail):
        for found in _MESSAGE_ID.findall(text):
            if found.rpartition("@")[2].lower() == domain.lower():
                return f"<{found}>"
    return None


def _addresses(mail: Message) -> Iterator[str]:
    """Give where it came to, as the servers on the way noted it."""
    for name in ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To"):
        yield from (str(value) for value in mail.get_all(name, []))


def _references(mail: Message) -> Iterator[str]:
    for part in _parts(mail):
        if part.get_content_type() in RETURNED:
            yield from (_header(block, "Message-ID") for block in _blocks(part))
        elif part.get_content_type() in STATUS:
            yield from (_header(block, "X-Original-Message-ID") for block in _blocks(part))
    yield _header(mail, "In-Reply-To")
    yield _header(mail, "References")


def _parts(mail: Message) -> list[Message]:
    payload = mail.get_payload()
    return [part for part in payload if isinstance(part, Message)] if isinstance(payload, list) else []


def _blocks(part: Message) -> list[Message]:
    """Give the blocks of fields that a part holds; the first block of a returned mail are its headers."""
    inner = _parts(part)
    if not inner:
        decoded = part.get_payload(decode=True)
        text = decoded.decode("utf-8", "replace") if isinstance(decoded, bytes) else ""
        inner = [message_from_string(text, policy=policy.compat32)]
    elif part.get_content_type() == "message/global-delivery-status":
        rest = inner[0].get_payload()
        texts = re.split(r"\r?\n[ \t]*\r?\n", rest) if isinstance(rest, str) else []
        inner = [*inner, *(message_from_string(text, policy=policy.compat32) for text in texts[: MOST_FIELDS + 1])]
    if len(inner) > MOST_FIELDS:
        raise RejectedError(f"it reports on more than {MOST_FIELDS} recipients")
    return inner


def _dated(mail: Message) -> datetime | None:
    """Say when our own server took it in, else when it was written."""
    for text in (_header(mail, "Received").rpartition(";")[2], _header(mail, "Date")):
        try:
            found = parsedate_to_datetime(text.strip())
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def _claims(mail: Message) -> str:
    return str(mail.get_param("report-type") or "").lower()


def _header(mail: Message, name: str) -> str:
    return str(mail.get(name, ""))
