"""Translate: every expression of one mapping, checked and compiled; all mistakes at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from hub.errors import suggest
from hub.expressions import (
    Compiled,
    ExpressionError,
    Failure,
    Lookup,
    Name,
    Scope,
    Step,
    assign,
    compile_condition,
    compile_text,
    names_in,
)
from hub.expressions.values import is_blank
from hub.project.identity import IdentityFile
from hub.project.models import ConsentStatement, PreferenceStatement, RowCheck, TableMapping, Translated
from hub.project.project import MappedTable
from hub.schema import Schema, Table, Type
from hub.schema.shape import SQL_TYPES
from hub.warehouse.constructs import text_constant

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class MappingProblem:
    """One mistake in a mapping: the path of keys below the target table, what is wrong, the column in the expression.

    A path that begins with `lookups` counts from the top of the file instead.
    """

    path: KeyPath
    message: str
    column: int = 1


@dataclass(frozen=True)
class IdentifierRule:
    """One identifier: its type, the system in whose numbering it counts, its value and the value as it was written."""

    type: str
    system: str
    value: sa.ColumnElement[str]
    original: sa.ColumnElement[str]
    unread: sa.ColumnElement[bool] | None
    message: str


@dataclass(frozen=True)
class StatementRule:
    """A consent or preference: the constants of its row, and what is computed."""

    target: str
    constants: Mapping[str, str]
    computed: Mapping[str, sa.ColumnElement[Any]]
    says: sa.ColumnElement[bool]
    dated: sa.ColumnElement[bool]
    """Whether it has a moment of its own; else it is the same statement in every version of its row."""


@dataclass(frozen=True)
class CheckRule:
    """A condition over mapped columns (`c_<name>`) and raw columns (`r_<name>`), and the check that demands it."""

    check: RowCheck
    condition: sa.ColumnElement[bool]

    @property
    def text(self) -> str:
        """Say what is demanded: the reason in quarantine."""
        return self.check.words

    @property
    def warn(self) -> bool:
        """Say whether a row that fails stays: its failures are counted, and may stop the connection."""
        return self.check.otherwise != "quarantine"


@dataclass
class Translation:
    """One mapping as SQLAlchemy elements over its raw relation."""

    mapped: MappedTable
    table: Table
    where: sa.ColumnElement[bool] | None = None
    key: sa.ColumnElement[str] | None = None
    time: sa.ColumnElement[Any] | None = None
    """When the row was last changed: by `updated_at`, or else by its load package."""
    columns: dict[str, sa.ColumnElement[Any]] = field(default_factory=dict)
    person: sa.ColumnElement[str] | None = None
    through: tuple[str, str] | None = None
    """The referenced table and the column that refers to it."""
    guests: list[IdentifierRule] = field(default_factory=list)
    identifiers: list[IdentifierRule] = field(default_factory=list)
    statements: list[StatementRule] = field(default_factory=list)
    checks: list[CheckRule] = field(default_factory=list)
    raw_for_checks: dict[str, sa.ColumnElement[Any]] = field(default_factory=dict)
    failures: list[tuple[sa.ColumnElement[bool], str]] = field(default_factory=list)
    left_empty: list[tuple[sa.ColumnElement[bool], str]] = field(default_factory=list)
    """Values that can't be read and cost only themselves: the rows, and what quarantine notes."""
    lookups: list[Lookup] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    """What expressions need several times, in an order in which each comes after those that it needs."""
    came_back: dict[str, sa.ColumnElement[str]] = field(default_factory=dict)
    """Marks of raw columns that the hub may have written itself, and raw keys by which it knows the row."""

    @property
    def is_plain(self) -> bool:
        """Say whether rows come as they are: nothing is looked up, joined or checked, and no value can fail."""
        demands = (self.lookups, self.through, self.failures, self.left_empty, self.checks)
        return not any(demands)


def translate(
    mapped: MappedTable, schema: Schema, scope: Scope, identity: IdentityFile
) -> tuple[Translation, list[MappingProblem]]:
    """Compile a mapping over the raw names of a scope. With problems, the translation is not to be used.

    `identity` knows the kinds of identifiers that there are.
    """
    table = schema.get(mapped.target)
    if table is None and mapped.target == "person":
        table = schema["source_record"]
    if mapped.target == "person":
        table = schema["source_record"]
    if table is None or not table.mapped or mapped.target == "source_record":
        known = ["person", *(known.name for known in schema.mapped if known.name != "source_record")]
        nowhere = Translation(mapped, schema["source_record"])
        return nowhere, [
            MappingProblem((), f"there is no table '{mapped.target}' to map to.{suggest(mapped.target, known)}")
        ]
    translator = _Translator(mapped, table, schema, scope, identity)
    translator.run()
    return translator.result, translator.problems


class _Translator:
    def __init__(self, mapped: MappedTable, table: Table, schema: Schema, scope: Scope, identity: IdentityFile) -> None:
        self.mapping: TableMapping = mapped.mapping
        self.table = table
        self.schema = schema
        self.kinds, self.scoped = identity.kinds, identity.scoped
        self.connection = mapped.connection
        self.scope = replace(scope, lists=mapped.lookups)
        self.result = Translation(mapped, table)
        self.problems: list[MappingProblem] = []

    def run(self) -> None:
        mapping, result = self.mapping, self.result
        if mapping.where is not None:
            where = self._compile(("where",), mapping.where, compile_condition)
            result.where = where.element if where else None
        result.key = self._assigned(("key",), mapping.key, "text", "key")
        if mapping.updated_at is not None:
            result.time = self._assigned(("updated_at",), mapping.updated_at, "timestamp", "updated_at")
        else:
            result.time = self.scope.names["loaded_at"].element
        for name, rule in mapping.columns.items():
            self._column(name, rule)
        self._whose()
        if mapping.identifiers and self.table.name != "source_record":
            self._problem(
                ("identifiers",), "only person has identifiers; use `person` or `guest` to say whose row it is"
            )
        for path, name, text in mapping.identifier_texts:
            identifier = self._identifier(path, name, text)
            if identifier is not None:
                result.identifiers.append(_said_once(identifier, result.identifiers))
        for position, consent in enumerate(mapping.consent):
            self._consent(("consent", position), consent)
        for position, preference in enumerate(mapping.preference):
            self._preference(("preference", position), preference)
        if (mapping.consent or mapping.preference) and not self.table.personal:
            self._problem(("consent",) if mapping.consent else ("preference",), f"{self.table.name} belongs to nobody")
        self._checks()

    # expressions

    def _problem(self, path: KeyPath, message: str, column: int = 1) -> None:
        self.problems.append(MappingProblem(path, message, column))

    def _compile(self, path: KeyPath, text: str, compile_: Callable[[str, Scope], Compiled]) -> Compiled | None:
        try:
            compiled = compile_(text, self.scope)
        except ExpressionError as error:
            self._problem(path, error.message, error.column)
            return None
        self.result.lookups.extend(lookup for lookup in compiled.lookups if lookup not in self.result.lookups)
        self.result.steps.extend(step for step in compiled.steps if step not in self.result.steps)
        return compiled

    def _value(self, path: KeyPath, text: str, type_: Type) -> Compiled | None:
        return self._compile(path, text, lambda written, scope: assign(written, scope, type_))

    def _assigned(self, path: KeyPath, text: str, type_: Type, name: str) -> sa.ColumnElement[Any] | None:
        compiled = self._value(path, text, type_)
        if compiled is None:
            return None
        self._keep(name, compiled.failures)
        return compiled.element

    def _keep(self, name: str, failures: tuple[Failure, ...], costs_the_row: bool = True) -> None:
        kept = self.result.failures if costs_the_row else self.result.left_empty
        kept.extend((failure.condition, f"{name}: {failure.message}") for failure in failures)

    # columns

    def _column(self, name: str, rule: str | Translated) -> None:
        path: KeyPath = ("columns", name)
        column = self.table.column(name)
        own = {"connection", "source_key", "source_time", "load_id", "record_id", "record_no", "person_id"}
        if column is None or name in own | {"linked_by", "linked_to"}:
            known = [known.name for known in self.table.columns if known.name not in own]
            target = self.result.mapped.target
            self._problem(path, f"{target} has no column '{name}' to fill.{suggest(name, known)}")
            return
        if isinstance(rule, str):
            element = self._assigned(path, rule, column.type, name)
        else:
            element = self._translated(path, name, rule, column.type)
        if element is not None:
            self.result.columns[name] = element

    def _translated(self, path: KeyPath, name: str, rule: Translated, type_: Type) -> sa.ColumnElement[Any] | None:
        costs_the_row = rule.unreadable == "set aside"
        if rule.map is None:
            plain = self._value((*path, "from"), rule.from_, type_)
            self._keep(name, plain.failures if plain else (), costs_the_row)
            return plain.element if plain else None
        given = self._compile((*path, "from"), rule.from_, compile_text)
        other = self._value((*path, "else"), rule.else_, type_) if rule.else_ is not None else None
        if given is None or (rule.else_ is not None and other is None):
            return None
        entries = {_scalar(key): None if value is None else _scalar(value) for key, value in rule.map.items()}
        matched = given.element.in_([text_constant(key) for key in entries])
        null = sa.cast(sa.null(), SQL_TYPES[type_])
        whens = []
        for key, value in entries.items():
            element = null if value is None else self._constant((*path, "map", key), value, type_)
            if element is None:
                return None
            whens.append((given.element == text_constant(key), element))
        if other is None:
            unknown = sa.and_(sa.not_(is_blank(given.element)), sa.not_(matched))
            self._keep(name, (Failure(unknown, "not in the list"),), costs_the_row)
        else:
            self._keep(name, other.failures, costs_the_row)
        return sa.case(*whens, else_=other.element if other is not None else null)

    def _constant(self, path: KeyPath, value: str, type_: Type) -> sa.ColumnElement[Any] | None:
        quoted = "'" + value.replace("'", "''") + "'"
        compiled = self._value(path, quoted, type_)
        return compiled.element if compiled else None

    # whose row it is

    def _whose(self) -> None:
        person, guest = self.mapping.person, self.mapping.guest
        if self.table.name == "source_record":
            if person is not None or guest:
                self._problem(("person",), "a record of a person is its own person: leave `person` and `guest` out")
            return
        if not self.table.personal:
            if person is not None or guest:
                self._problem(("person",), f"{self.table.name} belongs to nobody: leave `person` and `guest` out")
            return
        if isinstance(person, str):
            self.result.person = self._assigned(("person",), person, "text", "person")
        elif isinstance(person, Mapping) and set(person) == {"through"}:
            self._through(person["through"])
        elif isinstance(person, Mapping):
            self._guests("person", person)
        self._guests("guest", guest)

    def _through(self, name: str) -> None:
        table = self.schema.get(name)
        column = next((column.name for column in self.table.columns if column.references == name), None)
        if table is None or not table.personal:
            self._problem(("person", "through"), f"there is no table '{name}' whose rows belong to people")
        elif column is None:
            references = [column.references for column in self.table.columns if column.references]
            self._problem(
                ("person", "through"),
                f"no column of {self.table.name} refers to {name}.{suggest(name, references)}",
            )
        elif column not in self.mapping.columns:
            self._problem(("person", "through"), f"map the column '{column}' first: it leads to {name}")
        else:
            self.result.through = (name, column)

    def _guests(self, key: str, identifiers: Mapping[str, str]) -> None:
        for name, text in identifiers.items():
            rule = self._identifier((key, name), name, text)
            if rule is not None:
                self.result.guests.append(rule)

    def _identifier(self, path: KeyPath, name: str, text: str) -> IdentifierRule | None:
        system, _, type_ = name.rpartition(".")
        if type_ not in self.kinds or (system and type_ not in self.scoped):
            hint = suggest(type_, self.kinds) or f" Use {', '.join(self.kinds)}, or CONNECTION.customer_number."
            self._problem(path, f"'{name}' is no kind of identifier.{hint}")
            return None
        compiled = self._value(path, text, "text")
        if compiled is None:
            return None
        system = (system or self.connection) if type_ in self.scoped else ""
        value = text_constant(f"{system}:") + compiled.element if system else compiled.element
        original = compiled.lookups[0].input if compiled.lookups else compiled.element
        failures = compiled.failures
        unread = sa.or_(*(failure.condition for failure in failures)) if failures else None
        message = f"{name}: {failures[0].message}" if failures else ""
        return IdentifierRule(type_, system, value, original, unread, message)

    # statements

    def _consent(self, path: KeyPath, statement: ConsentStatement) -> None:
        given = self._value((*path, "given"), statement.given, "boolean")
        at = self._value((*path, "at"), statement.at, "timestamp") if statement.at is not None else None
        evidence = self._value((*path, "evidence"), statement.evidence, "text") if statement.evidence else None
        soft = {
            name: self._value((*path, "soft_opt_in", name), text, "boolean")
            for name, text in (statement.soft_opt_in.model_dump() if statement.soft_opt_in is not None else {}).items()
        }
        if given is None or (statement.at is not None and at is None) or (statement.evidence and evidence is None):
            return
        if None in soft.values():
            return
        stated = at.element if at is not None else sa.cast(sa.null(), sa.DateTime(timezone=True))
        computed = {"given": given.element, "at": self._moment(stated)}
        if evidence is not None:
            computed["evidence"] = evidence.element
        computed |= {name: condition.element for name, condition in soft.items() if condition is not None}
        constants = {
            "channel": statement.channel,
            "purpose": statement.purpose,
            "text": statement.text,
            "basis": statement.basis,
        }
        says = sa.and_(given.element.is_not(None), sa.or_(given.element, stated.is_not(None)))
        if statement.channel == "all":  # a yes is given for one channel at a time
            says = sa.and_(says, sa.not_(given.element))
        self.result.statements.append(StatementRule("consent", constants, computed, says, stated.is_not(None)))

    def _preference(self, path: KeyPath, statement: PreferenceStatement) -> None:
        channel = self._value((*path, "channel"), statement.channel, "text")
        at = self._value((*path, "at"), statement.at, "timestamp") if statement.at is not None else None
        if channel is None or (statement.at is not None and at is None):
            return
        stated = at.element if at is not None else sa.cast(sa.null(), sa.DateTime(timezone=True))
        computed = {"channel": channel.element, "at": self._moment(stated)}
        constants = {"message_type": statement.message_type}
        says = channel.element.is_not(None)
        self.result.statements.append(StatementRule("preference", constants, computed, says, sa.true()))

    def _moment(self, stated: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """Give the moment of a statement: its own, else the record's, else that of the load."""
        record = [] if self.result.time is None else [self.result.time]
        loaded = self.scope.names["loaded_at"].element
        return sa.func.coalesce(stated, *record, loaded, type_=sa.DateTime(timezone=True))

    # checks

    def _checks(self) -> None:
        shared: list[tuple[KeyPath, RowCheck]] = [(("checks",), check) for check in self.result.mapped.shared_checks]
        for path, check in [*self.mapping.row_checks, *shared]:
            try:
                scope = self._shared_scope() if path == ("checks",) else self._check_scope(names_in(check.condition))
                if path == ("checks",) and not names_in(check.condition) <= {*scope.names, "as_of"}:
                    continue  # the mapping does not fill what the condition is about
                compiled = compile_condition(check.condition, scope)
            except ExpressionError as error:
                self._problem(path, error.message, error.column)
                continue
            if compiled.lookups:
                self._problem(path, "a check cannot call a library: map the value to a column and check that")
                continue
            self.result.checks.append(CheckRule(check, compiled.element))

    def _shared_scope(self) -> Scope:
        """Let quality.yaml see what the mapping fills: columns and, of people, identifiers; nothing raw."""
        names = self._mapped_names()
        for position, rule in enumerate(self.result.identifiers):
            names.setdefault(rule.type, Name(sa.column(f"i_{position}", sa.Text()), "text"))
        return replace(self.scope, names=names, stepwise=False)

    def _mapped_names(self) -> dict[str, Name]:
        names: dict[str, Name] = {}
        for name in self.mapping.columns:
            column = self.table.column(name)
            if column is not None:
                names[name] = Name(sa.column(f"c_{name}", SQL_TYPES[column.type]), column.type)
        return names

    def _check_scope(self, used: frozenset[str]) -> Scope:
        """Let checks see the mapped columns, and raw columns under names that no mapped column has."""
        names = self._mapped_names()
        raw = set(self.scope.names) | {name for name in used if self.scope.names.get(name) is not None}
        for name in sorted(raw - names.keys()):
            given = self.scope.names[name]
            names[name] = Name(sa.column(f"r_{name}", given.element.type), given.type)
            if name in used:
                self.result.raw_for_checks[name] = given.element
        return replace(self.scope, names=names, stepwise=False)


def _said_once(rule: IdentifierRule, before: Sequence[IdentifierRule]) -> IdentifierRule:
    """Leave a value out where one before it, of the same kind, is the same."""
    value = rule.value
    for other in before:
        if (other.type, other.system) == (rule.type, rule.system):
            value = sa.func.nullif(value, other.value)
    return replace(rule, value=value)


def _scalar(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
