"""Conversion: from one type to another, by the notation and the time zone of the scope.

Text that is blank is no value. Text that cannot be read gives null, and the rows where that happens are told as a
failure, so that a mapping can set them aside.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.contracts import Notation
from hub.expressions.scope import Element, ExpressionError, ExpressionType, Failure, Once, Scope
from hub.expressions.values import INTEGER, NUMBER, TEXT, Value, is_blank, sql_type, text
from hub.warehouse.constructs import local_date, matches, replace_all, text_constant, try_cast

TRUE_WORDS: Final = ("1", "j", "ja", "y", "yes", "true", "t", "waar", "oui", "on")
FALSE_WORDS: Final = ("0", "n", "nee", "no", "false", "f", "onwaar", "non", "off")

_YEAR = "[1-9][0-9]{3}"
_DAY = "[0-9]{1,2}"
_ISO_DATE = f"{_YEAR}-{_DAY}-{_DAY}"
_CLOCK = "[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.][0-9]+)?)?"
_ISO_LOCAL = f"{_ISO_DATE}[T ]{_CLOCK}"
_ISO_ZONED = f"{_ISO_LOCAL} ?(?:Z|[+-][0-9]{{2}}(?::?[0-9]{{2}})?)"
_DATES: Final[dict[Notation, tuple[str, str] | None]] = {
    "iso": None,
    "nl": (f"({_DAY})[-/.]({_DAY})[-/.]({_YEAR})", r"\3-\2-\1"),
    "be": (f"({_DAY})[-/.]({_DAY})[-/.]({_YEAR})", r"\3-\2-\1"),
    "us": (f"({_DAY})[-/.]({_DAY})[-/.]({_YEAR})", r"\3-\1-\2"),
}
_FORMAT = re.compile(r"YYYY|MM|DD|HH24|MI|SS|[^A-Za-z0-9]|[T]")
_PLACES = ("YYYY", "MM", "DD", "HH24", "MI", "SS")
_NAMES: Final[dict[ExpressionType, str]] = {
    "integer": "not a whole number",
    "number": "not a number",
    "boolean": "not yes or no",
    "date": "not a date",
    "timestamp": "not a date and time",
}


def _itself(element: Element) -> Element:
    return element


def convert(value: Value, to: ExpressionType, scope: Scope, once: Once = _itself) -> tuple[Value, tuple[Failure, ...]]:
    """Give a value as another type. Raises ExpressionError where no rule leads there."""
    if value.type == to:
        return value, ()
    if value.type == "null":
        return Value(sa.cast(sa.null() if value.is_constant else value.element, sql_type(to)), to, value.column), ()
    if to == "text":
        return Value(as_text(value, scope), "text", value.column), ()
    if value.type == "text" and to in _NAMES:
        element = once(_from_text(value, to, scope))
        return Value(element, to, value.column), (unread(value.element, element, _NAMES[to]),)
    element_or_none = _between(value, to, scope)
    if element_or_none is None:
        raise ExpressionError(f"a value of type {value.type} cannot become {to}", value.column)
    lossy = (value.type, to) in {("number", "integer"), ("integer", "boolean")}
    failures = (
        (
            Failure(
                sa.and_(value.element.is_not(None), element_or_none.is_(None)),
                _NAMES[to],
            ),
        )
        if lossy
        else ()
    )
    return Value(element_or_none, to, value.column), failures


def unread(given: Element, result: Element, message: str) -> Failure:
    """Tell the rows where a text was given and nothing came out."""
    return Failure(sa.and_(result.is_(None), sa.not_(is_blank(given))), message)


def _from_text(value: Value, to: ExpressionType, scope: Scope) -> Element:
    if to == "number":
        return number_from_text(value.element, scope.notation, NUMBER)
    if to == "integer":
        return number_from_text(value.element, scope.notation, INTEGER)
    if to == "boolean":
        return boolean_from_text(value.element)
    if to == "date":
        return date_from_text(value.element, scope)
    return timestamp_from_text(value.element, scope)


def _between(value: Value, to: ExpressionType, scope: Scope) -> Element | None:
    given = value.element
    if (value.type, to) == ("integer", "number"):
        return sa.cast(given, NUMBER)
    if (value.type, to) == ("number", "integer"):
        return sa.case((given == sa.func.floor(given), sa.cast(given, INTEGER)))
    if (value.type, to) == ("integer", "boolean"):
        return sa.case((given == sa.literal_column("1"), sa.true()), (given == sa.literal_column("0"), sa.false()))
    if (value.type, to) == ("date", "timestamp"):
        return local_moment(sa.cast(given, sa.DateTime()), scope)
    if (value.type, to) == ("timestamp", "date"):
        return local_date(given, text_constant(scope.timezone))
    return None


def as_text(value: Value, scope: Scope) -> Element:
    """Write a value as text: whole numbers without a fraction, ISO dates, moments as local ISO time."""
    given = value.element
    if value.type in {"text", "null"}:
        return given
    if value.type == "number":
        plain = sa.cast(sa.cast(given, NUMBER), TEXT)
        return replace_all(plain, text_constant("[.]0+$|([.][0-9]*[1-9])0+$"), text_constant(r"\1"))
    if value.type == "boolean":
        return sa.case((given, text_constant("true")), (sa.not_(given), text_constant("false")))
    if value.type == "timestamp":
        local = sa.func.timezone(text_constant(scope.timezone), given)
        return sa.func.substr(sa.cast(local, TEXT), sa.literal_column("1"), sa.literal_column("19"), type_=TEXT)
    return sa.cast(given, TEXT)


def number_from_text(given: Element, notation: Notation, type_: sa.types.TypeEngine) -> Element:
    """Read a number: `1.234,56` in nl and be, `1,234.56` in iso and us; null where it is none."""
    thousands, decimals = (".", ",") if notation in {"nl", "be"} else (",", ".")
    clean = sa.func.trim(sa.func.replace(given, text_constant("\u00a0"), text_constant(" ")))
    whole = f"(?:[0-9]{{1,3}}(?:[{thousands} ][0-9]{{3}})+|[0-9]+)"
    pattern = f"[+-]?{whole}" + ("" if isinstance(type_, sa.Integer) else f"(?:[{decimals}][0-9]*)?")
    if isinstance(type_, sa.Integer):
        pattern += f"(?:[{decimals}]0*)?"
    digits = sa.func.replace(
        sa.func.replace(clean, text_constant(thousands), text_constant("")), text_constant(" "), text_constant("")
    )
    digits = sa.func.replace(digits, text_constant(decimals), text_constant("."))
    if isinstance(type_, sa.Integer):
        digits = sa.func.split_part(digits, text_constant("."), sa.literal_column("1"))
    return sa.case((matches(clean, text_constant(pattern)), try_cast(digits, type_)))


def boolean_from_text(given: Element) -> Element:
    """Read yes or no in Dutch, English or French; null where it is neither."""
    word = sa.func.lower(sa.func.trim(given))
    return sa.case(
        (word.in_([text_constant(known) for known in TRUE_WORDS]), sa.true()),
        (word.in_([text_constant(known) for known in FALSE_WORDS]), sa.false()),
    )


def date_from_text(given: Element, scope: Scope) -> Element:
    """Read a date: ISO always, and the notation's own order of day and month; null where it is no date."""
    clean = sa.func.trim(given)
    ways = [
        (matches(clean, text_constant(_ISO_DATE)), try_cast(clean, sa.Date())),
    ]
    own = _DATES[scope.notation]
    if own is not None:
        pattern, order = own
        ways.append(
            (
                matches(clean, text_constant(pattern)),
                try_cast(replace_all(clean, text_constant(f"^{pattern}$"), text_constant(order)), sa.Date()),
            )
        )
    moment = timestamp_from_text(given, scope, dates=False)
    return sa.case(*ways, else_=local_date(moment, text_constant(scope.timezone)))


def timestamp_from_text(given: Element, scope: Scope, dates: bool = True) -> Element:
    """Read a moment: ISO with a zone, or without one in local time; null where it is none."""
    clean = sa.func.trim(given)
    ways: list[tuple[Element, Element]] = [
        (matches(clean, text_constant(_ISO_ZONED)), try_cast(clean, sa.DateTime(timezone=True))),
        (matches(clean, text_constant(_ISO_LOCAL)), local_moment(try_cast(clean, sa.DateTime()), scope)),
    ]
    own = _DATES[scope.notation]
    if own is not None:
        pattern, order = own
        ways.append(
            (
                matches(clean, text_constant(f"{pattern} {_CLOCK}")),
                local_moment(
                    try_cast(
                        replace_all(clean, text_constant(f"^{pattern} "), text_constant(f"{order} ")), sa.DateTime()
                    ),
                    scope,
                ),
            )
        )
    if dates:
        midnight = local_moment(sa.cast(date_from_text_only(clean, scope), sa.DateTime()), scope)
        return sa.case(*ways, else_=midnight)
    return sa.case(*ways)


def date_from_text_only(clean: Element, scope: Scope) -> Element:
    """Read a date that has no time behind it."""
    ways = [(matches(clean, text_constant(_ISO_DATE)), try_cast(clean, sa.Date()))]
    own = _DATES[scope.notation]
    if own is not None:
        pattern, order = own
        iso = replace_all(clean, text_constant(f"^{pattern}$"), text_constant(order))
        ways.append((matches(clean, text_constant(pattern)), try_cast(iso, sa.Date())))
    return sa.case(*ways)


def local_moment(naive: Element, scope: Scope) -> Element:
    """Read a time without a zone as local time of the scope."""
    return sa.func.timezone(text_constant(scope.timezone), naive, type_=sa.DateTime(timezone=True))


UNIX = {"unix": 1, "unix ms": 1000}
"""Parts of a second that a text counts from the first of January 1970 on, by the name of the form."""


def counted_moment(given: Element, parts: int) -> Element:
    """Read a count since 1970 as a moment, up to the year 5138; null where the text is no whole number."""
    clean = sa.func.trim(given)
    digits = 11 + len(str(parts)) - 1
    counted = try_cast(sa.case((matches(clean, text_constant(f"-?[0-9]{{1,{digits}}}")), clean)), sa.Numeric(18, 0))
    seconds = sa.cast(counted, sa.Float(53)) / sa.literal_column(str(float(parts)))
    return sa.func.to_timestamp(seconds, type_=sa.DateTime(timezone=True))


def parse_format(given: Element, form: Value, type_: sa.types.TypeEngine) -> Element:
    """Read a date or a naive moment by a form such as `DD-MM-YYYY HH24:MI`; null where the text has another form."""
    pattern, order = _pattern(form, with_clock=not isinstance(type_, sa.Date))
    clean = sa.func.trim(given)
    iso = replace_all(clean, text_constant(f"^{pattern}$"), text_constant(order))
    return sa.case((matches(clean, text_constant(pattern)), try_cast(iso, type_)))


def _pattern(form: Value, with_clock: bool) -> tuple[str, str]:
    if not isinstance(form.constant, str):
        raise ExpressionError("the form of a date is a constant, such as 'DD-MM-YYYY'", form.column)
    pieces = _FORMAT.findall(form.constant)
    places = [piece for piece in pieces if piece in _PLACES]
    known = "".join(pieces) == form.constant and len(set(places)) == len(places)
    if not known or not {"YYYY", "MM", "DD"} <= set(places):
        raise ExpressionError(
            f"'{form.constant}' is no form of a date: use YYYY, MM and DD once each, and HH24, MI, SS for the time",
            form.column,
        )
    if not with_clock and set(places) - {"YYYY", "MM", "DD"}:
        raise ExpressionError("a date has no time: use timestamp(x, 'DD-MM-YYYY HH24:MI')", form.column)
    separated = not any(left in _PLACES and right in _PLACES for left, right in pairwise(pieces))
    two = "([0-9]{1,2})" if separated else "([0-9]{2})"
    pattern = "".join(
        (f"({_YEAR})" if piece == "YYYY" else two) if piece in _PLACES else _escaped(piece) for piece in pieces
    )
    group = {place: rf"\{number}" for number, place in enumerate(places, 1)}
    order = f"{group['YYYY']}-{group['MM']}-{group['DD']}"
    if "HH24" in group:
        order += f" {group['HH24']}:{group.get('MI', '00')}:{group.get('SS', '00')}"
    return pattern, order


def _escaped(piece: str) -> str:
    return piece if piece in " T" else f"[{piece}]" if piece not in r"\]^" else rf"\{piece}"


def constant_moment(value: Value, to: ExpressionType, scope: Scope) -> Value:
    """Read a constant text beside a date or moment, at once: a wrong one is a mistake of the admin."""
    written = str(value.constant)
    try:
        moment = datetime.fromisoformat(written.strip())
    except ValueError:
        raise ExpressionError(f"'{written}' is not a date: write it as 2026-12-31", value.column) from None
    if to == "date":
        return date_value(moment.date(), value.column)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(scope.timezone))
    return moment_value(aware, value.column)


def date_value(day: date, column: int = 1) -> Value:
    """Give a constant date."""
    return Value(sa.cast(text(day.isoformat()).element, sa.Date()), "date", column, day)


def moment_value(moment: datetime, column: int = 1) -> Value:
    """Give a constant moment."""
    written = text(moment.astimezone(ZoneInfo("UTC")).isoformat(sep=" ")).element
    return Value(sa.cast(written, sa.DateTime(timezone=True)), "timestamp", column, moment)
