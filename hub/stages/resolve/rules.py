"""Which identifiers may say that two records are one person, and which values never do.

Every rule here is our own default: values that forms are filled with when somebody has nothing to fill in, mailboxes
that a whole company reads, and values that so many records share that they point at nobody.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import sqlalchemy as sa

from hub.project.identity import BUILT_IN_KINDS, IdentifierRule, IdentityFile, KeyField, NameField, Strength
from hub.warehouse import constructs
from hub.warehouse.constructs import text_constant

TELLING = ("customer_number", "loyalty_card", "email", "email_hash", "phone")
"""The hub's own kinds that link, the most telling first; kinds of a project's own come after the loyalty card."""

DEVICE = "device"
"""The kind that only attaches anonymous visits to a person who is known otherwise (R3)."""

HAND = "hand"
"""The kind of a link that somebody made by hand: it counts before all others, and asks for nothing else."""

CROWD = 40
"""A value that more records than this share is no person's: it links nothing."""

AGREE: dict[str, tuple[NameField, ...]] = {
    "email": ("given_name",),
    "email_hash": ("given_name",),
    "phone": ("given_name", "birth_date"),
}
"""What must agree besides; any other kind asks that not the whole name differs."""

TOGETHER: tuple[tuple[KeyField, ...], ...] = (
    ("initial", "surname", "birth_date"),
    ("birth_date", "address"),
    ("initial", "surname", "address"),
)
"""Fields that link when all of them are equal; given names and birth dates must not contradict besides."""


@dataclass(frozen=True)
class Kind:
    """One kind of value that ties records together, as the project has it."""

    name: str
    limit: int
    agree: tuple[NameField, ...]


@dataclass(frozen=True)
class Rules:
    """Who is who, as one project sees it: `kinds` link, the most telling first; `attaching` ones only bring visits."""

    kinds: tuple[Kind, ...]
    attaching: tuple[Kind, ...]
    together: tuple[tuple[KeyField, ...], ...]
    blocked: Mapping[str, tuple[str, ...]]

    @property
    def version(self) -> tuple[object, ...]:
        """Name all rules together: when they change, everybody is resolved again."""
        own = (self.kinds, self.attaching, self.together, tuple(sorted(self.blocked.items())))
        return (*own, VERSION, tuple(sorted(PLACEHOLDERS)), tuple(sorted(SHARED_MAILBOXES)))

    def rank(self, kind: sa.ColumnElement[str]) -> sa.ColumnElement[int]:
        """Say how telling a kind is: 0 for a link by hand, then in order; those that only attach come last."""
        return sa.case({it.name: place for place, it in enumerate((*self.kinds, *self.attaching))}, value=kind)

    def kind(self, rank: sa.ColumnElement[int]) -> sa.ColumnElement[str]:
        """Name the kind of some rank."""
        return sa.case({place: it.name for place, it in enumerate((*self.kinds, *self.attaching))}, value=rank)

    def links(self, rank: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
        """Say whether a kind of some rank links, or only attaches."""
        return rank < len(self.kinds)

    @property
    def hash_as_address(self) -> bool:
        """Whether the hash of an address links as the address itself does."""
        alike = {it.name: (it.limit, it.agree) for it in self.kinds}
        return "email" in alike and alike["email"] == alike.get("email_hash")

    def place(self, kind: str) -> int | None:
        """Say what `rank` gives for a kind; None where the project has no such kind."""
        names = [it.name for it in (*self.kinds, *self.attaching)]
        return names.index(kind) if kind in names else None

    def limit(self, rank: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
        """Say how many records may share a value of a kind of some rank."""
        every = enumerate((*self.kinds, *self.attaching))
        named = {place: it.limit for place, it in every if it.limit != CROWD}
        return sa.case(named, value=rank, else_=CROWD) if named else sa.literal(CROWD)


def rules_of(identity: IdentityFile) -> Rules:
    """Put the hub's rules and those of a project together."""
    own = [kind for kind in identity.kinds if kind not in BUILT_IN_KINDS]
    order = (*TELLING[:2], *own, *TELLING[2:])
    together = TOGETHER if identity.together is None else tuple(tuple(fields) for fields in identity.together)
    compound = [Kind("+".join(fields), CROWD, ("given_name", "birth_date")) for fields in together]
    strengths = {kind: _strength(identity, kind) for kind in (*order, DEVICE)}
    kinds = [_kind(identity, kind) for kind in order if strengths[kind] == "link"]
    return Rules(
        kinds=(
            Kind(HAND, 2, ()),
            *kinds,
            *([_kind(identity, DEVICE)] if strengths[DEVICE] == "link" else []),
            *compound,
        ),
        attaching=tuple(_kind(identity, kind) for kind in (*order, DEVICE) if strengths[kind] == "attach"),
        together=together,
        blocked={kind: tuple(values) for kind, values in identity.blocked.items() if values},
    )


def _strength(identity: IdentityFile, kind: str) -> Strength:
    given = identity.identifiers[kind].strength if kind in identity.identifiers else None
    return given or ("attach" if kind == DEVICE else "link")


def _kind(identity: IdentityFile, kind: str) -> Kind:
    given = identity.identifiers.get(kind, IdentifierRule())
    agree = AGREE.get(kind, ("name",)) if given.agree is None else tuple(given.agree)
    return Kind(kind, given.limit or CROWD, agree)


PLACEHOLDERS = frozenset(
    {
        ".", "x", "xxx", "onbekend", "unknown", "inconnu", "geen", "none", "null", "nvt", "n.v.t.", "n/a", "test",
        "test@test.nl", "test@test.be", "test@test.com", "test@example.com", "a@a.nl", "a@b.nl", "geen@geen.nl",
        "onbekend@onbekend.nl", "geenemail@geenemail.nl", "nomail@nomail.com", "noemail@noemail.com",
    }
)  # fmt: skip
"""False values (R7): they link nothing and nobody is written to there. Values of only zeros and signs are false too."""

NOBODYS_HASHES = tuple(sorted(sha256(value.encode()).hexdigest() for value in {"", "-", *PLACEHOLDERS}))
"""What systems give that hash whatever they find."""

SHARED_MAILBOXES = frozenset(
    {
        "info", "contact", "mail", "email", "office", "admin", "administratie", "boekhouding", "compta", "facturen",
        "factuur", "invoice", "sales", "verkoop", "inkoop", "receptie", "secretariaat", "klantenservice", "support",
        "helpdesk", "service", "noreply", "no-reply", "donotreply", "postmaster", "webmaster",
    }
)  # fmt: skip
"""Local parts of mailboxes that several people read: they link nothing, but may be written to."""


VERSION = 4
"""Counts the changes of how rules are applied: after one, everybody is resolved again."""


def placeholder(
    rules: Rules, type_: sa.ColumnElement[str], value: sa.ColumnElement[str], scoped: Sequence[str]
) -> sa.ColumnElement[bool]:
    """Say whether an identifier is a false value: by the hub's lists, or by the project's."""
    unscoped = sa.func.substr(value, sa.func.strpos(value, ":", type_=sa.Integer()) + 1)
    own = sa.case((type_.in_(list(scoped)), unscoped), else_=value)
    hashed = sa.and_(type_ == "email_hash", value.in_([text_constant(it) for it in NOBODYS_HASHES]))
    false: list[sa.ColumnElement[bool]] = [constructs.matches(own, _NOTHING), hashed]
    for kind, values in rules.blocked.items():
        said = text_constant(_spaced(map(_pattern, sorted(values))))
        false.append(sa.and_(type_ == kind, constructs.matches(own, said)))
    return sa.or_(*false)


def _spaced(patterns: Iterable[str]) -> str:
    """Give the regular expression of texts, in capitals or not and with spaces around."""
    return f" *(?:{'|'.join(patterns)}) *"


def _pattern(text: str) -> str:
    """Turn a value, with `*` for any text, into a regular expression, in capitals or not."""
    return ".*".join("".join(map(_letter, part)) for part in text.strip().split("*"))


def _letter(letter: str) -> str:
    small, capital = letter.lower(), letter.upper()
    if small != capital and len(small) == len(capital) == 1:
        return f"[{small}{capital}]"
    return re.escape(letter) if letter in string.punctuation else letter


_NOTHING = text_constant(_spaced([*map(_pattern, sorted(PLACEHOLDERS)), "[-0 .+]*"]))


def shared_mailbox(type_: sa.ColumnElement[str], value: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Say whether an identifier is a mailbox that several people read."""
    return sa.and_(type_ == "email", constructs.matches(value, _SHARED))


_SHARED = text_constant(f"(?:{'|'.join(sorted(SHARED_MAILBOXES))})@.*")
