"""Parts of people's names; stored names are never re-cased."""

from __future__ import annotations

from functools import cache

import sqlalchemy as sa

from hub.expressions.functions.function import TEXT, Call, Subject
from hub.expressions.scope import Element, Once
from hub.expressions.values import Value
from hub.warehouse.constructs import extract_first, matches, replace_all, text_constant

subject = Subject("names")

_ONE_WORD_OR_CAPITAL = "[A-Z].*|[^ \t\r\n\u00a0]*"
_PLAIN_WORDS = "[A-Z][A-Za-z'-]*(?: +[A-Za-z'-]+)*"
_ONE_NAME = "[A-Z][a-z]*"
_REST = "[A-Z][A-Za-z'-]*(?: [A-Za-z'-]+)*"
"""What follows a prefix that the engine splits off: no prefix goes on where a word begins with a capital."""


@subject.function("prefix(surname)", "The prefix of a surname: `van der` of van der Valk; empty without one.", TEXT)
def _prefix_of(call: Call) -> Value:
    return call.ask("prefix", _prefix, call[0], _certain_prefix, message="")


@subject.function("surname_without_prefix(surname)", "The surname without its prefix: `Valk` of van der Valk.", TEXT)
def _surname_without_prefix(call: Call) -> Value:
    return call.ask("surname_without_prefix", _surname, call[0], _certain_surname, message="")


@subject.function("initials(given_name)", "The initials: `J.P.` of Jan Piet.", TEXT)
def _initials_of(call: Call) -> Value:
    return call.ask("initials", _initials, call[0], _one_initial, message="")


def _certain_prefix(surname: Element, once: Once) -> tuple[Element, sa.ColumnElement[bool]]:
    """Decide where no prefix can be, and for one of those that are known before a plain name."""
    none = once(_has_no_prefix(surname))
    found = once(extract_first(_where_not(none, surname, once), text_constant(f"^ *({_prefixes()}) +{_REST} *$")))
    return found, sa.or_(none, found.is_not(None))


def _certain_surname(surname: Element, once: Once) -> tuple[Element, sa.ColumnElement[bool]]:
    """Decide for plain names, with a prefix that is known or with none."""
    bare = once(sa.func.trim(surname, type_=sa.Text()))
    plain = once(matches(bare, text_constant(_PLAIN_WORDS)))
    rest = once(extract_first(_where_not(plain, bare, once), text_constant(f"^(?:{_prefixes()}) +({_REST})$")))
    spaced = replace_all(bare, text_constant("[ ]+"), text_constant(" "))
    return sa.case((plain, spaced), else_=rest), sa.or_(plain, rest.is_not(None))


def _where_not(decided: Element, surname: Element, once: Once) -> Element:
    """Give the names that are not decided yet: a null is passed by, where a CASE around would cost what is in it."""
    return once(sa.case((sa.not_(decided), surname)))


@cache
def _prefixes() -> str:
    from hub.normalise.names import PREFIXES

    return "|".join(sorted(PREFIXES, key=lambda prefix: (-len(prefix), prefix)))


def _one_initial(given_name: Element, _: Once) -> tuple[Element, sa.ColumnElement[bool]]:
    name = sa.func.trim(given_name)
    first = sa.func.left(name, sa.literal_column("1"), type_=sa.Text())
    return first + text_constant("."), matches(name, text_constant(_ONE_NAME))


def _has_no_prefix(surname: Element) -> sa.ColumnElement[bool]:
    """Say where no prefix can be: one word, or a first letter in capitals."""
    return matches(sa.func.trim(surname), text_constant(_ONE_WORD_OR_CAPITAL))


def _prefix(text: str) -> str | None:
    from hub.normalise.names import split_prefix

    return split_prefix(text)[0]


def _surname(text: str) -> str | None:
    from hub.normalise.names import split_prefix

    return split_prefix(text)[1] or None


def _initials(text: str) -> str | None:
    from hub.normalise.names import initials

    return initials(text) or None
