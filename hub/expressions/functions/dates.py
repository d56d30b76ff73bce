"""Dates and moments. Days are calendar days in the scope's time zone."""

from __future__ import annotations

import sqlalchemy as sa

from hub.expressions.conversion import (
    UNIX,
    counted_moment,
    date_value,
    local_moment,
    moment_value,
    parse_format,
    unread,
)
from hub.expressions.functions.function import MOMENT, Call, Parameter, Subject
from hub.expressions.scope import Element, Scope
from hub.expressions.values import INTEGER as SQL_INTEGER
from hub.expressions.values import INTERVAL, Value
from hub.warehouse.constructs import text_constant

subject = Subject("dates")
_READABLE = Parameter(("text", "date", "timestamp"))
_FORM = Parameter(("text",), optional=True)
_ONE = sa.literal_column("1", SQL_INTEGER)


@subject.function(
    "date(value[, form])",
    "The date that a text holds: ISO, the connection's notation, or a form such as 'DD-MM-YYYY'.",
    _READABLE,
    _FORM,
)
def _date(call: Call) -> Value:
    if len(call) == 1 or call.arguments[0].type != "text":
        return call.give(call.convert(0, "date").element, "date")
    result = call.once(parse_format(call[0], call.arguments[1], sa.Date()))
    call.found.failures.append(unread(call[0], result, "not a date"))
    return call.give(result, "date")


@subject.function(
    "timestamp(value[, form])",
    "The moment that a text holds; without a zone it is local: 'DD-MM-YYYY HH24:MI'. "
    "'unix' counts seconds since 1970, 'unix ms' milliseconds.",
    _READABLE,
    _FORM,
)
def _timestamp(call: Call) -> Value:
    if len(call) == 1 or call.arguments[0].type != "text":
        return call.give(call.convert(0, "timestamp").element, "timestamp")
    parts = UNIX.get(str(call.arguments[1].constant))
    if parts is not None:
        result = counted_moment(call[0], parts)
    else:
        result = call.once(local_moment(parse_format(call[0], call.arguments[1], sa.DateTime()), call.scope))
    call.found.failures.append(unread(call[0], result, "not a date and time"))
    return call.give(result, "timestamp")


@subject.function("age(birth_date)", "Whole years from a date to the as-of day.", MOMENT)
def _age(call: Call) -> Value:
    return call.give(_years(call.convert(0, "date").element, today(call.scope)), "integer")


@subject.function(
    "anniversary(date)",
    "The last yearly return of a date, up to the as-of day; 29 February returns on 1 March in other years.",
    MOMENT,
)
def _anniversary(call: Call) -> Value:
    start = call.convert(0, "date").element
    years = _years(start, today(call.scope)) * sa.cast(text_constant("1 year"), INTERVAL)
    returned = sa.cast(start.op("+")(years), sa.Date())
    is_leap_day = sa.and_(_extract("month", start) == 2, _extract("day", start) == 29, _extract("day", returned) == 28)
    return call.give(sa.case((is_leap_day, returned.op("+")(_ONE)), else_=returned), "date")


@subject.function("years_between(start, end)", "Whole years from one date to another.", MOMENT, MOMENT)
def _years_between(call: Call) -> Value:
    return call.give(_years(call.convert(0, "date").element, call.convert(1, "date").element), "integer")


@subject.function("days_since(moment)", "Calendar days from a date or moment to the as-of day.", MOMENT)
def _days_since(call: Call) -> Value:
    return call.give(_days(call.convert(0, "date").element, today(call.scope)), "integer")


@subject.function("days_between(start, end)", "Calendar days from one date or moment to another.", MOMENT, MOMENT)
def _days_between(call: Call) -> Value:
    return call.give(_days(call.convert(0, "date").element, call.convert(1, "date").element), "integer")


@subject.function("year(moment)", "The year.", MOMENT)
def _year(call: Call) -> Value:
    return _part(call, "year")


@subject.function("month(moment)", "The month: 1 to 12.", MOMENT)
def _month(call: Call) -> Value:
    return _part(call, "month")


@subject.function("day(moment)", "The day of the month: 1 to 31.", MOMENT)
def _day(call: Call) -> Value:
    return _part(call, "day")


@subject.function("weekday(moment)", "The day of the week: 1 is Monday, 7 is Sunday.", MOMENT)
def _weekday(call: Call) -> Value:
    return _part(call, "isodow")


def today(scope: Scope) -> Element:
    """Give the as-of day in the scope's time zone."""
    from zoneinfo import ZoneInfo

    return date_value(scope.as_of.astimezone(ZoneInfo(scope.timezone)).date()).element


def as_of(scope: Scope, column: int) -> Value:
    """Give the as-of moment."""
    return moment_value(scope.as_of, column)


def _part(call: Call, part: str) -> Value:
    return call.give(_extract(part, call.convert(0, "date").element), "integer")


def _extract(part: str, moment: Element) -> Element:
    return sa.cast(sa.extract(part, moment), SQL_INTEGER)


def _days(start: Element, end: Element) -> Element:
    return sa.cast(end - start, SQL_INTEGER)


def _years(start: Element, end: Element) -> Element:
    before_birthday = sa.tuple_(_extract("month", end), _extract("day", end)) < sa.tuple_(
        _extract("month", start), _extract("day", start)
    )
    years = _extract("year", end) - _extract("year", start)
    return sa.case((before_birthday, years - sa.literal_column("1", SQL_INTEGER)), else_=years)
