"""Readmit: somebody who was erased came back by themselves, and is a customer like any other.

Only what is named is lifted: the address or the record by which the person came back. The log keeps its marks, so it
is told too, or a backup that is brought back would erase the person again.
"""

from __future__ import annotations

from datetime import datetime

from hub.errors import RejectedError
from hub.ledger import hashed
from hub.ledger.erasures import RECORD
from hub.people.file import spellings
from hub.privacy.log import lift_in_log
from hub.privacy.stores import Stores


def readmit(stores: Stores, value: str, by: str, why: str, at: datetime) -> int:
    """Lift the marks of an e-mail address, a phone number or a record; give how many there were.

    Raises RejectedError without a reason.
    """
    if not why.strip():
        raise RejectedError("hand work needs a reason: say --why, for who reads it next year")
    known = {mark.hash for mark in stores.ledger.erasures.marks()}
    hashes = {
        mark
        for key in stores.keys
        for kind in (RECORD, "email", "sms")
        for text in spellings(stores.project, value)
        if (mark := hashed(key, kind, text)) in known
    }
    if not hashes:
        return 0
    lift_in_log(stores.project, hashes)
    stores.ledger.suppressions.lift(hashes, "erased")
    stores.ledger.hand_work.add("readmit", "", "", "somebody who was erased", by, at, why)
    return stores.ledger.erasures.lift(hashes)
