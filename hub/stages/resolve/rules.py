"""Which identifiers may say that two records are one person, and which values never do.

Every rule here is our own default: values that forms are filled with when somebody has nothing to fill in, mailboxes
that a whole company reads, and values that so many records share that they point at nobody.
"""

from __future__ import annotations

import sqlalchemy as sa

from hub.warehouse import constructs

STRONG = ("customer_number", "loyalty_card", "email", "email_hash", "phone")
"""The types that tie records together, the most telling first: a link is explained by the first that applies."""

WEAK = "device"
"""The type that only attaches anonymous visits to a person who is known otherwise (R3)."""

CROWD = 40
"""A value that more records than this share is no person's: it links nothing."""

PLACEHOLDERS = frozenset(
    {
        ".", "x", "xxx", "onbekend", "unknown", "inconnu", "geen", "none", "null", "nvt", "n.v.t.", "n/a", "test",
        "test@test.nl", "test@test.be", "test@test.com", "test@example.com", "a@a.nl", "a@b.nl", "geen@geen.nl",
        "onbekend@onbekend.nl", "geenemail@geenemail.nl", "nomail@nomail.com", "noemail@noemail.com",
        # the hash of an empty value
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }
)  # fmt: skip
"""False values (R7): they link nothing and nobody is written to there. Values of only zeros and signs are false too."""

SHARED_MAILBOXES = frozenset(
    {
        "info", "contact", "mail", "email", "office", "admin", "administratie", "boekhouding", "compta", "facturen",
        "factuur", "invoice", "sales", "verkoop", "inkoop", "receptie", "secretariaat", "klantenservice", "support",
        "helpdesk", "service", "noreply", "no-reply", "donotreply", "postmaster", "webmaster",
    }
)  # fmt: skip
"""Local parts of mailboxes that several people read: they link nothing, but may be written to."""


def placeholder(type_: sa.ColumnElement[str], value: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Say whether an identifier is a false value."""
    own = sa.case(
        (type_.in_(["customer_number", "loyalty_card"]), constructs.replace_all(value, "^[^:]*:", "")), else_=value
    )
    return sa.or_(sa.func.lower(sa.func.trim(own)).in_(sorted(PLACEHOLDERS)), constructs.matches(own, "[-0 .+]*"))


def shared_mailbox(type_: sa.ColumnElement[str], value: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Say whether an identifier is a mailbox that several people read."""
    return sa.and_(type_ == "email", sa.func.split_part(value, "@", 1).in_(sorted(SHARED_MAILBOXES)))


VERSION = (STRONG, WEAK, CROWD, tuple(sorted(PLACEHOLDERS)), tuple(sorted(SHARED_MAILBOXES)))
"""All rules together: when they change, everybody is resolved again."""
