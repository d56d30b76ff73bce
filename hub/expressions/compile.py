"""Compile: from a syntax tree to SQLAlchemy elements, one allow-listed node at a time."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa
from sqlglot import exp

from hub.errors import suggest
from hub.expressions.conversion import as_text, convert
from hub.expressions.functions import BUILT_INS
from hub.expressions.functions.dates import as_of
from hub.expressions.functions.function import Call, Found
from hub.expressions.functions.unified import unify
from hub.expressions.parse import UNITS, column_of, parse
from hub.expressions.scope import (
    Compiled,
    Element,
    ExpressionError,
    ExpressionType,
    Failure,
    RowsAsked,
    RowsFunction,
    Scope,
    ScopeFunction,
)
from hub.expressions.values import INTEGER, INTERVAL, NUMBER, Value, boolean, null, number, sql_type, text
from hub.warehouse.constructs import text_constant

AS_OF = "as_of"


def compile_expression(written: str, scope: Scope) -> Compiled:
    """Compile an expression. Raises ExpressionError(message, column)."""
    compiler = _Compiler(scope)
    value = compiler.value(parse(written))
    return compiler.compiled(value)


def compile_condition(written: str, scope: Scope) -> Compiled:
    """Compile an expression that must be true or false."""
    compiler = _Compiler(scope)
    tree = parse(written)
    return compiler.compiled(compiler.condition(tree, "the condition"))


def assign(written: str, scope: Scope, to: ExpressionType) -> Compiled:
    """Compile an expression for a column of a type: text is read as that type by the scope's notation.

    Blank text becomes null. Values that were given and cannot be read are told in `failures`.
    """
    compiler = _Compiler(scope)
    given = compiler.value(parse(written))
    value, failures = convert(given, to, scope, compiler.found.once)
    compiler.found.failures.extend(failures)
    if to == "text" and given.type == "text" and not given.is_constant and not given.never_blank:
        blank = text_constant("")
        once = compiler.found.once(value.element)
        value = Value(sa.case((sa.func.ltrim(once) != blank, once)), "text", value.column)
    if to == "number":
        value = Value(sa.cast(value.element, NUMBER), "number", value.column)
    return compiler.compiled(value)


def compile_text(written: str, scope: Scope) -> Compiled:
    """Compile an expression and give its value as text, whatever its type is."""
    compiler = _Compiler(scope)
    value = compiler.value(parse(written))
    return compiler.compiled(Value(as_text(value, scope), "text", value.column))


def names_in(written: str) -> frozenset[str]:
    """Give the names that an expression uses, whether they exist or not. Raises ExpressionError for wrong syntax."""
    return frozenset(_written(node) for node in parse(written).find_all(exp.Column))


def _written(node: exp.Expression) -> str:
    table = node.text("table")
    return f"{table}.{node.name}" if table else str(node.name)


def _where_null(element: Element, condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Give a condition on the rows without a value; a case, so that engines leave the others alone."""
    return sa.case((element.is_(None), condition), else_=sa.false())


class _Compiler:
    """Walks one tree; keeps the lookups, failures and names that it met."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.found = Found(stepwise=scope.stepwise)

    def compiled(self, value: Value) -> Compiled:
        failures = tuple(
            Failure(_where_null(value.element, failure.condition), failure.message) for failure in self.found.failures
        )
        found = self.found
        return Compiled(
            value.element, value.type, tuple(found.lookups), tuple(found.steps), failures, frozenset(found.names)
        )

    def value(self, node: exp.Expression) -> Value:
        handler = _NODES.get(type(node))
        if handler is None:
            raise ExpressionError(*_not_allowed(node))
        return handler(self, node)

    def condition(self, node: exp.Expression, what: str) -> Value:
        value = self.value(node)
        if value.type not in {"boolean", "null"}:
            raise ExpressionError(
                f"{what} must be true or false, but this is {value.type}: compare it with something", column_of(node)
            )
        return value if value.type == "boolean" else Value(sa.cast(value.element, sa.Boolean()), "boolean")

    # leaves

    def name(self, node: exp.Expression) -> Value:
        if node.args.get("db") or not isinstance(node.this, exp.Identifier):
            raise ExpressionError("a name has at most one dot: product.species", column_of(node))
        written = _written(node)
        column = column_of(node)
        self.found.names.add(written)
        name = self.scope.names.get(written)
        if name is None and written.lower() != written:
            name = self.scope.names.get(written.lower())
        if name is None and written.lower() == AS_OF:
            return as_of(self.scope, column)
        if name is None:
            known = [*self.scope.names, AS_OF]
            elsewhere = self.scope.elsewhere(written)
            hint = elsewhere or suggest(written, known)
            if not hint and written in BUILT_INS:
                hint = f" It is a function: write {BUILT_INS[written].doc.signature}."
            if not hint and len(known) <= 40 and not node.this.quoted:
                hint = f" Known: {', '.join(sorted(known))}."
            compared = isinstance(node.parent, (exp.EQ, exp.NEQ, exp.In)) and not elsewhere
            if node.this.quoted or (compared and not suggest(written, known)):
                hint += f" A text is written in single quotes: '{written}'."
            raise ExpressionError(f"there is no '{written}'.{hint}", column)
        return Value(name.element, name.type, column)

    def literal(self, node: exp.Expression) -> Value:
        column = column_of(node)
        if node.is_string:
            return text(node.this, column)
        try:
            return number(int(node.this), column) if node.this.isdigit() else number(Decimal(node.this), column)
        except InvalidOperation:
            raise ExpressionError(f"`{node.this}` is no number", column) from None

    def truth(self, node: exp.Expression) -> Value:
        return boolean(bool(node.this))

    def nothing(self, _: exp.Expression) -> Value:
        return null()

    def interval(self, node: exp.Expression) -> Value:
        amount, unit = node.this, node.args.get("unit")
        written = f"{amount.this if amount is not None else ''} {unit.name if unit is not None else ''}".strip().lower()
        count, _, word = written.partition(" ")
        singular = word.strip().removesuffix("s")
        if not count.isdigit() or singular not in UNITS:
            raise ExpressionError(
                f"a length of time is a whole number and one of {', '.join(UNITS)}: 14 days", column_of(node)
            )
        months = {"quarter": 3}.get(singular)
        text_ = f"{int(count) * months} months" if months else f"{count} {singular}s"
        constant = (int(count), singular)
        return Value(sa.cast(text_constant(text_), INTERVAL), "interval", column_of(node), constant)

    # operators

    def paren(self, node: exp.Expression) -> Value:
        return self.value(node.this)

    def both(self, node: exp.Expression) -> Value:
        return self._logic(node, sa.and_, "and")

    def either(self, node: exp.Expression) -> Value:
        return self._logic(node, sa.or_, "or")

    def _logic(self, node: exp.Expression, join: Callable[..., Any], word: str) -> Value:
        left, right = (self.condition(side, f"each side of `{word}`") for side in (node.this, node.expression))
        return Value(join(left.element, right.element), "boolean", left.column)

    def negation(self, node: exp.Expression) -> Value:
        return Value(
            _grouped(sa.not_(_grouped(self.condition(node.this, "what follows `not`").element))),
            "boolean",
            column_of(node),
        )

    def comparison(self, node: exp.Expression) -> Value:
        left, right = self.value(node.this), self.value(node.expression)
        for value in (left, right):
            if value.is_constant and value.constant is None:
                raise ExpressionError("nothing equals null: write `is null` or `is not null`", column_of(node))
        left, right = self._comparable(left, right)
        operator = _COMPARISONS[type(node)]
        return Value(operator(left.element, right.element), "boolean", left.column)

    def _comparable(self, left: Value, right: Value) -> tuple[Value, Value]:
        for one, other in ((left, right), (right, left)):
            if one.type == "text" and other.type in {"integer", "number"}:
                raise ExpressionError(
                    f"text and {other.type} cannot be compared: write number(...) around the text, or quotes around "
                    "the number",
                    one.column,
                )
        values, _ = unify([left, right], self.scope, "the comparison")
        return values[0], values[1]

    def null_test(self, node: exp.Expression) -> Value:
        left = self.value(node.this)
        right = node.expression
        negate = bool(node.args.get("negate"))
        if isinstance(right, exp.Not):
            right, negate = right.this, not negate
        element: Element
        if isinstance(right, exp.Null):
            element = left.element.is_not(None) if negate else left.element.is_(None)
        elif isinstance(right, exp.Boolean):
            if left.type not in {"boolean", "null"}:
                raise ExpressionError(f"`is true` needs a condition, not {left.type}", left.column)
            wanted = sa.true() if right.this else sa.false()
            element = left.element.is_distinct_from(wanted) if negate else left.element.is_not_distinct_from(wanted)
        else:
            raise ExpressionError("after `is` comes null, not null, true or false", column_of(right))
        return Value(element, "boolean", left.column)

    def membership(self, node: exp.Expression) -> Value:
        if not node.expressions:
            raise ExpressionError("after `in` comes a list: in ('a', 'b')", column_of(node))
        left = self.value(node.this)
        elements = []
        for item in node.expressions:
            value = self.value(item)
            if value.is_constant and value.constant is None:
                raise ExpressionError("null in a list never matches: add `or ... is null`", value.column)
            one, other = self._comparable(left, value)
            elements.append((one, other))
        if all(one.element is left.element for one, _ in elements):
            element: Element = left.element.in_([other.element for _, other in elements])
        else:
            element = sa.or_(*(one.element == other.element for one, other in elements))
        return Value(
            _grouped(sa.not_(_grouped(element))) if node.args.get("negate") else element, "boolean", left.column
        )

    def between(self, node: exp.Expression) -> Value:
        value = self.value(node.this)
        low, high = self.value(node.args["low"]), self.value(node.args["high"])
        one, bottom = self._comparable(value, low)
        two, top = self._comparable(value, high)
        element = sa.and_(one.element >= bottom.element, two.element <= top.element)
        return Value(
            _grouped(sa.not_(_grouped(element))) if node.args.get("negate") else element, "boolean", value.column
        )

    def likeness(self, node: exp.Expression) -> Value:
        left, right = self.value(node.this), self.value(node.expression)
        for value in (left, right):
            if value.type not in {"text", "null"}:
                raise ExpressionError(f"`like` compares texts, not {value.type}", value.column)
        if not right.is_constant or "\\" in str(right.constant):
            raise ExpressionError(
                "after `like` comes a text with % and _, written out and without backslashes", right.column
            )
        element = left.element.ilike(right.element) if isinstance(node, exp.ILike) else left.element.like(right.element)
        return Value(_grouped(sa.not_(element)) if node.args.get("negate") else element, "boolean", left.column)

    def joined(self, node: exp.Expression) -> Value:
        left, right = self.value(node.this), self.value(node.expression)
        element = sa.type_coerce(as_text(left, self.scope), sa.Text()) + sa.type_coerce(
            as_text(right, self.scope), sa.Text()
        )
        return Value(element, "text", left.column)

    def minus_sign(self, node: exp.Expression) -> Value:
        value = self.value(node.this)
        if value.type not in {"integer", "number", "null"}:
            raise ExpressionError(f"a minus sign goes with a number, not {value.type}", value.column)
        if value.is_constant and value.constant is not None:
            return number(-value.constant, value.column)
        return Value(-_grouped(value.element), value.type, value.column)

    def arithmetic(self, node: exp.Expression) -> Value:
        left, right = self.value(node.this), self.value(node.expression)
        sign = _SIGNS[type(node)]
        kinds = (left.type, right.type)
        if sign in "+-" and set(kinds) & {"date", "timestamp", "interval"}:
            return self._calendar(left, right, sign)
        for value in (left, right):
            if value.type not in {"integer", "number", "null"}:
                hint = ": join texts with ||" if sign == "+" and value.type == "text" else ""
                raise ExpressionError(f"`{sign}` goes with numbers, not {value.type}{hint}", value.column)
        whole = "number" not in kinds
        if sign in "+-":
            one, two = _grouped(left.element), _grouped(right.element)
            return Value(one + two if sign == "+" else one - two, "integer" if whole else "number", left.column)
        if sign == "*" and whole:
            return Value(_grouped(left.element) * _grouped(right.element), "integer", left.column)
        if sign == "%":
            kind = INTEGER if whole else NUMBER
            one, two = sa.cast(left.element, kind), sa.func.nullif(sa.cast(right.element, kind), sa.literal_column("0"))
            return Value(sa.func.mod(one, two, type_=kind), "integer" if whole else "number", left.column)
        one, two = sa.cast(left.element, sa.Double()), sa.cast(right.element, sa.Double())
        if sign == "*":
            return Value(one * two, "number", left.column)
        safe: Element = sa.func.nullif(two, sa.literal_column("0", sa.Double()), type_=sa.Double())
        return Value(sa.type_coerce(one.op("/", precedence=8)(safe), sa.Double()), "number", left.column)

    def _calendar(self, left: Value, right: Value, sign: str) -> Value:
        if sign == "+" and left.type == "interval":
            left, right = right, left
        if sign == "-" and {left.type, right.type} == {"date"}:
            return Value(sa.cast(left.element - right.element, INTEGER), "integer", left.column)
        if sign == "-" and {left.type, right.type} <= {"date", "timestamp"}:
            one, two = (convert(value, "timestamp", self.scope)[0].element for value in (left, right))
            return Value(sa.type_coerce(one - two, INTERVAL), "interval", left.column)
        if right.type != "interval" or left.type not in {"date", "timestamp"}:
            raise ExpressionError(f"`{sign}` does not go with {left.type} and {right.type}", right.column)
        return self._shifted(left, right, sign)

    def _shifted(self, moment: Value, length: Value, sign: str) -> Value:
        """Add a length of time; days and longer are counted on the local calendar."""
        by_clock = length.is_constant and length.constant[1] in {"second", "minute", "hour"}
        if moment.type == "date" and not by_clock:
            return Value(sa.cast(_plus(moment.element, length.element, sign), sa.Date()), "date", moment.column)
        at = convert(moment, "timestamp", self.scope)[0].element
        kind = sa.DateTime(timezone=True)
        if by_clock or not length.is_constant:
            return Value(sa.type_coerce(_plus(at, length.element, sign), kind), "timestamp", moment.column)
        zone = text_constant(self.scope.timezone)
        local = sa.func.timezone(zone, at, type_=sa.DateTime())
        return Value(sa.func.timezone(zone, _plus(local, length.element, sign), type_=kind), "timestamp", moment.column)

    def case(self, node: exp.Expression) -> Value:
        subject = self.value(node.this) if node.this is not None else None
        conditions: list[Element] = []
        results: list[Value] = []
        for branch in node.args["ifs"]:
            if subject is None:
                conditions.append(self.condition(branch.this, "what follows `when`").element)
            else:
                left, right = self._comparable(subject, self.value(branch.this))
                conditions.append(left.element == right.element)
            results.append(self._guarded(branch.args["true"], [*map(_fails, conditions[:-1]), conditions[-1]]))
        default = node.args.get("default")
        results.append(self._guarded(default, list(map(_fails, conditions))) if default is not None else null())
        values, type_ = unify(results, self.scope, "case")
        whens = [(condition, value.element) for condition, value in zip(conditions, values, strict=False)]
        chosen = sa.type_coerce(sa.case(*whens, else_=values[-1].element), sql_type(type_))
        never_blank = all(result.never_blank or result.constant is None for result in results)
        return Value(chosen, type_, column_of(node), never_blank=never_blank)

    def _guarded(self, node: exp.Expression, conditions: list[Element]) -> Value:
        """Compile a branch that counts only where the conditions hold."""
        before = self.found.guards
        self.found.guards = [*before, *conditions]
        value = self.value(node)
        self.found.guards = before
        return value

    # calls

    def call(self, node: exp.Expression) -> Value:
        written = str(node.this)
        name, column = written.lower(), column_of(node)
        local = self.scope.functions.get(name)
        if isinstance(local, RowsFunction):
            return self._rows_function(local, node)
        built_in = BUILT_INS.get(name)
        if local is None and built_in is None and name not in self.scope.plugins:
            near = suggest(name, [*BUILT_INS, *self.scope.functions, *self.scope.plugins])
            hint = self.scope.elsewhere(f"{name}()") or near
            if name in {"count", "sum", "avg", "min", "max"}:
                hint = " An expression looks at one row; totals are traits."
            raise ExpressionError(f"there is no function {name}().{hint}", column)
        arguments = [self.value(argument) for argument in node.expressions]
        call = Call(name, column, arguments, self.scope, self.found)
        if local is not None:
            return self._scope_function(local, call)
        if built_in is None or name in self.scope.plugins:
            return self._plugin_function(call)
        built_in.check(call)
        return built_in.build(call)

    def _rows_function(self, function: RowsFunction, node: exp.Expression) -> Value:
        """Compile has(): its condition is about rows of another table, in a scope of their own."""
        arguments, column = list(node.expressions), column_of(node)
        how = ExpressionError(f"it is written {function.signature}", column)
        at_least, length = 1, None
        if function.counted:
            count = arguments.pop(0) if arguments else None
            if not isinstance(count, exp.Literal) or not count.this.isdigit() or int(count.this) < 1:
                raise ExpressionError(f"first comes how many rows at least; {how.message}", column)
            at_least = int(count.this)
        table = arguments.pop(0) if arguments else None
        if not isinstance(table, exp.Literal) or not table.is_string:
            raise how
        if arguments and isinstance(arguments[-1], exp.Interval):
            value = self.interval(arguments.pop())
            length = value.constant
            if length[1] not in ("day", "week", "month", "year"):
                raise ExpressionError("rows are told apart by days, weeks, months or years: 30 days", value.column)
        if len(arguments) > 1:
            raise how
        try:
            inner = _Compiler(function.scope(table.this))
            condition = inner.compiled(inner.condition(arguments[0], "the condition")) if arguments else None
            built = function.build(RowsAsked(table.this, condition, length, at_least, node.sql()))
        except ValueError as error:
            raise ExpressionError(str(error), column_of(table)) from None
        return Value(built.element, built.type, column)

    def _scope_function(self, function: ScopeFunction, call: Call) -> Value:
        most, least = len(function.parameters), len(function.parameters) - function.optional
        if not least <= len(call) <= most:
            raise ExpressionError(
                f"{call.name}() is written {call.name}({', '.join(function.parameters)})", call.column
            )
        constants = [call.constant(position, name) for position, name in enumerate(function.parameters[: len(call)])]
        try:
            name = function.build(*constants)
        except ValueError as error:
            raise ExpressionError(str(error), call.arguments[0].column if call.arguments else call.column) from None
        return Value(name.element, name.type, call.column)

    def _plugin_function(self, call: Call) -> Value:
        function = self.scope.plugins[call.name]
        if len(call) != 1 + function.constants:
            raise ExpressionError(
                f"{call.name}() takes a text and {function.constants} constants: {function.summary}", call.column
            )
        if call.arguments[0].type not in {"text", "null"}:
            raise ExpressionError(f"{call.name}() takes a text, not {call.arguments[0].type}", call.arguments[0].column)
        constants = [str(call.constant(1 + position, "a constant")) for position in range(function.constants)]
        key = ":".join([function.name, *constants])
        return call.ask(
            key, lambda given: function.call(given, *constants), call[0], None, f"not valid for {call.name}()"
        )


def _grouped(element: Element) -> Element:
    """Put parentheses around an element for good: by SQLAlchemy's precedence `NOT x` needs none before `IS NULL`."""
    return sa.sql.elements.Grouping(element)


def _fails(condition: Element) -> Element:
    return condition.is_not(sa.true())


def _plus(moment: Element, length: Element, sign: str) -> Element:
    return moment.op(sign)(length)


def _not_allowed(node: exp.Expression) -> tuple[str, int]:
    if isinstance(node, exp.Alias):
        column = column_of(node.args["alias"])
        return f"an operator is missing before `{node.alias}`", column
    if isinstance(node, exp.Tuple):
        return "a list stands only after `in`", column_of(node)
    return f"`{type(node).__name__.lower()}` is not allowed in an expression", column_of(node)


_COMPARISONS: dict[type, Callable[[Element, Element], Element]] = {
    exp.EQ: lambda left, right: left == right,
    exp.NEQ: lambda left, right: left != right,
    exp.LT: lambda left, right: left < right,
    exp.LTE: lambda left, right: left <= right,
    exp.GT: lambda left, right: left > right,
    exp.GTE: lambda left, right: left >= right,
}
_SIGNS: dict[type, str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}
_NODES: dict[type, Callable[[_Compiler, Any], Value]] = {
    exp.Column: _Compiler.name,
    exp.Literal: _Compiler.literal,
    exp.Boolean: _Compiler.truth,
    exp.Null: _Compiler.nothing,
    exp.Interval: _Compiler.interval,
    exp.Paren: _Compiler.paren,
    exp.And: _Compiler.both,
    exp.Or: _Compiler.either,
    exp.Not: _Compiler.negation,
    **dict.fromkeys(_COMPARISONS, _Compiler.comparison),
    exp.Is: _Compiler.null_test,
    exp.In: _Compiler.membership,
    exp.Between: _Compiler.between,
    exp.Like: _Compiler.likeness,
    exp.ILike: _Compiler.likeness,
    exp.DPipe: _Compiler.joined,
    exp.Neg: _Compiler.minus_sign,
    **dict.fromkeys(_SIGNS, _Compiler.arithmetic),
    exp.Case: _Compiler.case,
    exp.Anonymous: _Compiler.call,
}
