"""Parts of people's names; stored names are never re-cased."""

from __future__ import annotations

import sqlalchemy as sa

from hub.expressions.functions.function import TEXT, Call, Subject
from hub.expressions.scope import Element, Once
from hub.expressions.values import Value
from hub.warehouse.constructs import matches, replace_all, text_constant

subject = Subject("names")

_ONE_WORD_OR_CAPITAL = "[A-Z].*|[^ \t\r\n\u00a0]*"
_PLAIN_WORDS = "[A-Z][A-Za-z'-]*(?: +[A-Za-z'-]+)*"
_ONE_NAME = "[A-Z][a-z]*"


@subject.function("prefix(surname)", "The prefix of a surname: `van der` of van der Valk; empty without one.", TEXT)
def _prefix_of(call: Call) -> Value:
    return call.ask("prefix", _prefix, call[0], _no_prefix, message="")


@subject.function("surname_without_prefix(surname)", "The surname without its prefix: `Valk` of van der Valk.", TEXT)
def _surname_without_prefix(call: Call) -> Value:
    return call.ask("surname_without_prefix", _surname, call[0], _whole_surname, message="")


@subject.function("initials(given_name)", "The initials: `J.P.` of Jan Piet.", TEXT)
def _initials_of(call: Call) -> Value:
    return call.ask("initials", _initials, call[0], _one_initial, message="")


def _no_prefix(surname: Element, _: Once) -> tuple[Element, sa.ColumnElement[bool]]:
    return sa.cast(sa.null(), sa.Text()), _has_no_prefix(surname)


def _whole_surname(surname: Element, _: Once) -> tuple[Element, sa.ColumnElement[bool]]:
    spaced = replace_all(sa.func.trim(surname), text_constant("[ ]+"), text_constant(" "))
    return spaced, matches(sa.func.trim(surname), text_constant(_PLAIN_WORDS))


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
