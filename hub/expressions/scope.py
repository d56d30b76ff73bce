"""What an expression may use, and what compiling it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal

import sqlalchemy as sa

from hub.contracts import Function, Notation
from hub.errors import HubError

ExpressionType = Literal["text", "integer", "number", "boolean", "date", "timestamp", "interval", "null"]
"""`null` is the type of the bare null and of names whose type nobody knows: it goes with every other type."""

Element = sa.ColumnElement[Any]


class ExpressionError(HubError):
    """An expression is wrong; `column` counts from 1 in its text."""

    exit_code = 2

    def __init__(self, message: str, column: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.column = column


@dataclass(frozen=True)
class Name:
    """A value that an expression may name."""

    element: Element
    type: ExpressionType


@dataclass(frozen=True)
class ScopeFunction:
    """A function that holds in one scope only, with constant arguments: consents('email', 'marketing').

    `build` gets the constants and gives the value; it raises ValueError for a wrong constant, with a message for the
    admin.
    """

    parameters: tuple[str, ...]
    build: Callable[..., Name]
    optional: int = 0
    """How many of the last parameters may be left out."""
    summary: str = ""


@dataclass(frozen=True)
class RowsAsked:
    """What has() asks for: rows of `table` that meet `condition`, of the last `length` (30, 'day'), `at_least` so many.

    `written` is the call in one spelling: equal calls ask for the same.
    """

    table: str
    condition: Compiled | None
    length: tuple[int, str] | None
    at_least: int
    written: str


@dataclass(frozen=True)
class RowsFunction:
    """A function about rows of another table that holds in one scope only: has('order_line', quantity > 1, 30 days).

    `scope` gives what the condition over a table's rows may use, `build` the value; both raise ValueError with a
    message for the admin. Where it is `counted`, a number of rows comes first: has_times(3, 'web_event').
    """

    signature: str
    scope: Callable[[str], Scope]
    build: Callable[[RowsAsked], Name]
    counted: bool = False
    summary: str = ""


@dataclass(frozen=True)
class Scope:
    """What an expression may use.

    `names` may be qualified (`product.species`). `lists` are the translations for lookup('list', x). `plugins` are
    functions that libraries compute; they and e-mail, phone and name functions need `lookups_allowed`. Moments without
    a time zone are local in `timezone`; numbers and dates in text are written in `notation`. With `stepwise`, what an
    expression needs several times comes as `Compiled.steps`, for who computes them before the expression.
    """

    names: Mapping[str, Name]
    functions: Mapping[str, ScopeFunction | RowsFunction] = field(default_factory=dict)
    notation: Notation = "iso"
    timezone: str = "Europe/Amsterdam"
    as_of: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    lookups_allowed: bool = False
    stepwise: bool = False
    region: str = "NL"
    lists: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    plugins: Mapping[str, Function] = field(default_factory=dict)
    elsewhere: Callable[[str], str] = field(default=lambda name: "", compare=False)
    """Says where a name (or a function, `name()`) that is not there would come from; nothing where nobody knows."""


Once = Callable[[Element], Element]
"""From an element that is needed several times to the one that stands for it, computed once where that can be done."""

Fast = Callable[[Element, Once], tuple[Element, sa.ColumnElement[bool]]]
"""From an input to the value as the engine computes it, and the condition under which that is certainly right."""


@dataclass(frozen=True)
class Step:
    """A value that several parts of an expression need: to be computed once per row, under its name, before them.

    Engines compute what stands twice in a CASE twice. Steps of the same name are one and the same; one that needs
    another one comes after it.
    """

    name: str
    element: Element = field(compare=False)

    @property
    def column(self) -> Element:
        """Give the column that stands for it."""
        return sa.column(self.name, self.element.type)


@dataclass(frozen=True)
class Lookup:
    """Values that are computed once per distinct input: by the engine where `fast` decides, else by `call`.

    Either fill the temporary table `name` (columns `NAME_input` and `NAME_output`) for every `input` of the rows where
    `needed` holds, and join it to the rows on `condition`; or compute `output` by `fast`, and do so for the rows that
    it leaves open. What `call` gives is kept in `store.lookup_value` under `function`. Lookups of the same name are one
    and the same.
    """

    name: str
    function: str
    call: Callable[[str], str | None] = field(compare=False)
    input: Element = field(compare=False)
    needed: sa.ColumnElement[bool] = field(compare=False)
    fast: Fast | None = field(compare=False)
    depends: tuple[Lookup, ...] = field(compare=False, default=())
    """The lookups whose values are part of `input` or `needed`."""

    @property
    def table(self) -> sa.TableClause:
        """Give the temporary table."""
        return _values(self.name)

    @property
    def output(self) -> Element:
        """Give the column of the value: of a name of its own, so that it needs no table before it."""
        return sa.column(f"{self.name}_output", sa.Text())

    @property
    def condition(self) -> sa.ColumnElement[bool]:
        """Give the join condition."""
        return self.table.c[f"{self.name}_input"] == self.input


@cache
def _values(name: str) -> sa.TableClause:
    """Give the one table of a name: SQLAlchemy tells tables apart by the object."""
    return sa.table(name, sa.column(f"{name}_input", sa.Text()), sa.column(f"{name}_output", sa.Text()))


@dataclass(frozen=True)
class Failure:
    """A value that was given but could not be read: `condition` tells the rows, `message` why (`not a date`)."""

    condition: sa.ColumnElement[bool] = field(compare=False)
    message: str = ""


@dataclass(frozen=True)
class Compiled:
    """An expression as a SQLAlchemy element.

    `names` are the names of the scope that it uses. `failures` say which given values could not be read; where the
    whole is then null, the row deserves to be set aside.
    """

    element: Element
    type: ExpressionType
    lookups: tuple[Lookup, ...] = ()
    steps: tuple[Step, ...] = ()
    failures: tuple[Failure, ...] = ()
    names: frozenset[str] = frozenset()
