"""Erasing in Odoo: contacts with all that hangs on them, leads and registrations; one answer per record.

What the books name stays for them: the contact is archived, and everything personal on it is emptied. An entry of the
blacklist stays, for it is what keeps Odoo itself from writing to the address.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hub.contracts import Erasable, Result, Row, SyncBatch
from hub.errors import ConfigurationError, RejectedError, TemporaryError
from hub.outgoing import NoAnswerError, clean_reason
from plugins.sources.odoo.client import AbsentError, Client, ForbiddenError
from plugins.sources.odoo.contacts import CONTACTS, Contacts
from plugins.sources.odoo.finding import Match

MODELS = {"lead": "crm.lead", "registration": "event.registration"}
"""Records that are no contact, by how the mapping's key of them begins."""

BY_HAND = "look the address up in Odoo: the hub knows no contact there"
KEPT = "the blacklist of Odoo keeps the address, so that nobody writes to it: take it off by hand if it must go"


def erase_records(client: Client, connection: str, records: Sequence[Erasable]) -> list[Result]:
    """Erase records by their keys, `12`, `lead:12` or `registration:12`; what syncs wrote by Odoo's own number."""
    numbers = sorted({record.id for record in records if record.id.isascii() and record.id.isdigit()})
    contacts: dict[str, Result] = {}
    if numbers:
        batch = SyncBatch(CONTACTS, "delete", [Row(number, {}, number) for number in numbers])
        contacts = {result.id: result for result in Contacts(client, Match("", connection), batch).results()}
    return [
        _named(record, contacts[record.id]) if record.id in contacts else _other(client, record) for record in records
    ]


def _named(record: Erasable, result: Result) -> Result:
    """Give the result of a contact under the record's key. One of which no answer came goes again."""
    status = "later" if result.status == "unknown" else result.status
    return replace(result, id=record.key, status=status)


def _other(client: Client, record: Erasable) -> Result:
    kind, _, number = record.id.partition(":")
    if kind in ("blacklist", "subscription"):
        return Result(record.key, "rejected", reason=KEPT)
    if kind not in MODELS or not number.isdigit():
        return Result(record.key, "rejected", reason=BY_HAND)
    try:
        there = client.ask(MODELS[kind], "search", domain=[["id", "=", int(number)]], context={"active_test": False})
        if there:
            client.do(MODELS[kind], "unlink", ids=[int(number)])
    except AbsentError:
        return Result(record.key, "accepted")
    except ForbiddenError as error:
        raise ConfigurationError(f"{client.host}: {error}") from None
    except NoAnswerError as error:
        return Result(record.key, "later", reason=str(error))
    except TemporaryError as error:
        return Result(record.key, "later", reason=str(error), retry_after=error.retry_after)
    except RejectedError as error:
        return Result(record.key, "rejected", reason=clean_reason(str(error), record.email, record.phone))
    return Result(record.key, "accepted")
