"""The ledger: what must be transactional and shared by processes.

It holds the outbox with its attempts and receipts, the pinned templates, the suppressions, the statements about
consent that the hub received, the verdicts by hand on who is who, the runs, and the inbox of what other systems pushed.
It never holds personal data: a message points at a record of the warehouse, a suppressed address is a keyed hash, and
what waits in the inbox is sealed until it has landed.
"""

from hub.ledger.allowances import Allowances
from hub.ledger.consultations import Consulted
from hub.ledger.destinations import Destinations, Health, Trouble
from hub.ledger.erased import Erased
from hub.ledger.erasures import Erasure, Mark, Task, TaskState, mark_of, name_of
from hub.ledger.forget import forget, scrub
from hub.ledger.inbox import Inbox, Push, sealed_again, sealed_push
from hub.ledger.ledger import Ledger, is_there, open_ledger, reading_ledger
from hub.ledger.outbox import Attempt, Outbox, Queued, Settlement
from hub.ledger.reactions import Reaction, Reactions
from hub.ledger.statements import EVERY_CHANNEL, Statement, digest
from hub.ledger.states import FINAL, IN_WORDS, State
from hub.ledger.suppression import EVERYTHING, UNSUBSCRIBED, Suppression, Suppressions, hashed
from hub.ledger.verdicts import Ruling, Verdict, Verdicts

__all__ = [
    "EVERYTHING",
    "EVERY_CHANNEL",
    "FINAL",
    "IN_WORDS",
    "UNSUBSCRIBED",
    "Allowances",
    "Attempt",
    "Consulted",
    "Destinations",
    "Erased",
    "Erasure",
    "Health",
    "Inbox",
    "Ledger",
    "Mark",
    "Outbox",
    "Push",
    "Queued",
    "Reaction",
    "Reactions",
    "Ruling",
    "Settlement",
    "State",
    "Statement",
    "Suppression",
    "Suppressions",
    "Task",
    "TaskState",
    "Trouble",
    "Verdict",
    "Verdicts",
    "digest",
    "forget",
    "hashed",
    "is_there",
    "mark_of",
    "name_of",
    "open_ledger",
    "reading_ledger",
    "scrub",
    "sealed_again",
    "sealed_push",
]
