"""The form of a built-in function: how it is documented, what it takes, how it becomes SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from hub.expressions.conversion import convert
from hub.expressions.scope import Element, ExpressionError, ExpressionType, Failure, Fast, Lookup, Scope, Step
from hub.expressions.values import Value, is_blank

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
ANY: tuple[ExpressionType, ...] = ("text", "integer", "number", "boolean", "date", "timestamp", "interval")


@dataclass(frozen=True)
class FunctionDoc:
    """One function on the generated page: how it is written, and what it gives, in one line."""

    name: str
    signature: str
    summary: str
    subject: str


@dataclass
class Found:
    """What was met while an expression was compiled."""

    lookups: list[Lookup] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    guards: list[sa.ColumnElement[bool]] = field(default_factory=list)
    """The conditions of the `case` branches around: elsewhere nothing needs to be looked up."""
    stepwise: bool = False
    steps: list[Step] = field(default_factory=list)

    def once(self, element: Element) -> Element:
        """Give what stands for an element that is needed several times; itself where nobody computes steps.

        What a library is asked comes after all steps, so that nothing made of it can be one.
        """
        asked = {lookup.output.name for lookup in self.lookups}
        parts = [part for part in sa.sql.visitors.iterate(element) if isinstance(part, sa.ColumnClause)]
        if not self.stepwise or element in parts or any(part.name in asked for part in parts):
            return element
        step = Step(f"step_{sha256(_written(element).encode()).hexdigest()[:16]}", element)
        if step not in self.steps:
            self.steps.append(step)
        return step.column


@dataclass(frozen=True)
class Call:
    """One call in an expression: its name, its place, its arguments, and the scope it stands in."""

    name: str
    column: int
    arguments: Sequence[Value]
    scope: Scope
    found: Found = field(repr=False)

    def __getitem__(self, position: int) -> Element:
        """Give an argument's element."""
        return self.arguments[position].element

    def __len__(self) -> int:
        return len(self.arguments)

    def constant(self, position: int, what: str) -> Any:
        """Give an argument that must be written out; `what` says what it is in the error."""
        value = self.arguments[position]
        if not value.is_constant or value.constant is None:
            raise ExpressionError(f"{self.name}() needs {what} written out here, not computed", value.column)
        return value.constant

    def convert(self, position: int, to: ExpressionType) -> Value:
        """Give an argument as another type, and keep where it could not be read."""
        value, failures = convert(self.arguments[position], to, self.scope, self.once)
        self.found.failures.extend(failures)
        return value

    def once(self, element: Element) -> Element:
        """Give what stands for an element that is needed several times."""
        return self.found.once(element)

    def give(self, element: Element, type_: ExpressionType, never_blank: bool = False) -> Value:
        """Give the result."""
        return Value(element, type_, self.column, never_blank=never_blank)

    def ask(
        self, function: str, call: Callable[[str], str | None], input_: Element, fast: Fast | None, message: str
    ) -> Value:
        """Give what is computed once per distinct value, by the engine where it is certain, else by a library.

        Where `message` is not empty, values that were given and are not valid are told as failures.
        """
        if not self.scope.lookups_allowed:
            raise ExpressionError(f"{self.name}() can be used in mappings only: map it to a column first", self.column)
        given = sa.not_(is_blank(input_))
        needed = sa.and_(*self.found.guards, given) if self.found.guards else given
        written = _written(input_, needed)
        depends = tuple(earlier for earlier in self.found.lookups if earlier.name in written)
        name = f"values_{sha256(repr([function, written]).encode()).hexdigest()[:16]}"
        lookup = Lookup(name, function, call, input_, needed, fast, depends)
        if lookup not in self.found.lookups:
            self.found.lookups.append(lookup)
        output = lookup.output
        if message:
            self.found.failures.append(Failure(sa.and_(needed, output.is_(None)), message))
        return self.give(output, "text", never_blank=True)


def _written(*elements: Element) -> str:
    """Write elements out: lookups of equal text share their values."""
    return "; ".join(
        str(element.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True})) for element in elements
    )


Build = Callable[[Call], Value]


@dataclass(frozen=True)
class Parameter:
    """One parameter: the types that it takes (numbers take whole numbers too)."""

    types: tuple[ExpressionType, ...]
    optional: bool = False
    many: bool = False


TEXT = Parameter(("text",))
NUMBER = Parameter(("number", "integer"))
INTEGER = Parameter(("integer",))
MOMENT = Parameter(("date", "timestamp"))
VALUE = Parameter(ANY)


@dataclass(frozen=True)
class BuiltIn:
    """A function that every expression may call."""

    doc: FunctionDoc
    parameters: tuple[Parameter, ...]
    build: Build

    def check(self, call: Call) -> None:
        """Check number and types of the arguments."""
        least = sum(not parameter.optional for parameter in self.parameters)
        many = bool(self.parameters) and self.parameters[-1].many
        if len(call) < least or (len(call) > len(self.parameters) and not many):
            raise ExpressionError(f"{call.name}() is written {self.doc.signature}", call.column)
        for position, value in enumerate(call.arguments):
            parameter = self.parameters[min(position, len(self.parameters) - 1)]
            if value.type not in (*parameter.types, "null"):
                raise ExpressionError(
                    f"{call.name}() takes {' or '.join(parameter.types)} here, not {value.type}: it is written "
                    f"{self.doc.signature}",
                    value.column,
                )


@dataclass(frozen=True)
class Subject:
    """The functions of one subject."""

    name: str
    functions: dict[str, BuiltIn] = field(default_factory=dict)

    def function(self, signature: str, summary: str, *parameters: Parameter) -> Callable[[Build], Build]:
        """Make a builder the function that its signature names."""
        name = signature.partition("(")[0]

        def register(build: Build) -> Build:
            doc = FunctionDoc(name, signature, summary, self.name)
            self.functions[name] = BuiltIn(doc, parameters, build)
            return build

        return register
