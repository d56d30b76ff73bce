"""The blacklist of Odoo's mailings: addresses that no campaign is sent to, whichever record holds them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hub.contracts import Result, SyncBatch
from hub.errors import ConfigurationError, RejectedError, TemporaryError
from hub.outgoing import NoAnswerError, clean_reason
from plugins.sources.odoo.client import Client, ForbiddenError

BLACKLIST = "blacklist"
"""The target that is the blacklist; the key of a row is the address."""


Write = Callable[[Client, Sequence[str]], None]


def sync(client: Client, batch: SyncBatch) -> list[Result]:
    """Put the rows on the blacklist, or take them off."""
    emails = [row.key for row in batch.rows]
    try:
        return written(client, emails, take_off if batch.operation in ("remove", "delete") else put_on)
    except ForbiddenError as error:
        raise ConfigurationError(f"{client.host}: {error}") from None
    except NoAnswerError as error:
        return [Result(email, "unknown", reason=str(error)) for email in emails]
    except TemporaryError as error:
        return [Result(email, "later", "", str(error), error.retry_after) for email in emails]


def written(client: Client, emails: Sequence[str], write: Write) -> list[Result]:
    """Do it for all; one at a time only where Odoo refuses them together. Raises what `Client.do` raises besides."""
    try:
        write(client, emails)
    except ForbiddenError:
        raise
    except RejectedError:
        return [_one(client, email, write) for email in emails]
    return [Result(email, "accepted", email) for email in emails]


def _one(client: Client, email: str, write: Write) -> Result:
    try:
        write(client, [email])
    except RejectedError as error:
        return Result(email, "rejected", reason=clean_reason(str(error), email))
    return Result(email, "accepted", email)


def put_on(client: Client, emails: Sequence[str]) -> None:
    """Put addresses on the blacklist; those that were on it once are put back."""
    known = _entries(client, emails)
    again = [entry["id"] for entry in known.values() if not entry["active"]]
    if again:
        client.do("mail.blacklist", "action_unarchive", ids=again)
    new = [{"email": email} for email in emails if _spelt(email) not in known]
    if new:
        client.do("mail.blacklist", "create", vals_list=new)


def take_off(client: Client, emails: Sequence[str]) -> None:
    """Take addresses off; the entries stay, archived, as Odoo itself does it."""
    on = [entry["id"] for entry in _entries(client, emails).values() if entry["active"]]
    if on:
        client.do("mail.blacklist", "action_archive", ids=on)


def listed(client: Client, emails: Sequence[str]) -> set[str]:
    """Say which addresses are on it now."""
    known = _entries(client, emails)
    return {email for email in emails if known.get(_spelt(email), {}).get("active")}


def _entries(client: Client, emails: Sequence[str]) -> dict[str, dict[str, Any]]:
    if not emails:
        return {}
    found = client.ask(
        "mail.blacklist",
        "search_read",
        domain=[["email", "in", sorted({_spelt(email) for email in emails})]],
        fields=["email", "active"],
        context={"active_test": False},
    )
    return {entry["email"]: entry for entry in found}


def _spelt(email: str) -> str:
    return email.strip().lower()
