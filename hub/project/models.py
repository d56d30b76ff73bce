"""The YAML files of a hub project, as models: what each key means, and which keys there are.

Descriptions here become the JSON Schemas that editors complete from. Expressions are text: they are parsed and
checked against the schema after these models have checked the form.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from hub.contracts import Channel
from hub.law import Basis
from hub.project.consent_terms import ConsentSection
from hub.project.erasure import ErasureSection
from hub.project.keep import Keep
from hub.project.limits import Limits
from hub.project.public_url import PublicUrl
from hub.project.results import Results
from hub.project.serve import Serve
from hub.schema import Type


class Form(BaseModel):
    """One mapping of a YAML file: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True)


def _expression(value: Any) -> Any:
    """YAML reads `true` and `1` as values; in an expression they are text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _duration(value: Any) -> Any:
    """Read `14 days`, `36 hours`, `2 weeks`."""
    if isinstance(value, timedelta):
        return value
    amount, _, unit = value.strip().partition(" ") if isinstance(value, str) else ("", "", "")
    units = {"minute": 1 / 1440, "hour": 1 / 24, "day": 1, "week": 7}
    days = units.get(unit.strip().removesuffix("s"))
    if not amount.isdigit() or days is None:
        raise ValueError("write a length of time as a number and a unit: 14 days, 36 hours, 2 weeks")
    return timedelta(days=int(amount) * days)


def percentage(value: Any) -> Any:
    """Read `10%` as 0.1."""
    share = value
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            share = float(value.strip()[:-1]) / 100
        except ValueError:
            raise ValueError("write a percentage as a number with a percent sign: 10%") from None
    if isinstance(share, int | float) and not 0 <= share <= 1:
        raise ValueError("a percentage is from 0% to 100%: write 10%")
    return share


Expression = Annotated[
    str,
    BeforeValidator(_expression, json_schema_input_type=str | int | float | bool),
    Field(description="An SQL expression."),
]
Duration = Annotated[
    timedelta,
    BeforeValidator(_duration, json_schema_input_type=Annotated[str, Field(pattern=r"^\d+ (minute|hour|day|week)s?$")]),
]
Percentage = Annotated[
    float,
    BeforeValidator(percentage, json_schema_input_type=float | Annotated[str, Field(pattern=r"^\d+(\.\d+)?%$")]),
    Field(ge=0, le=1),
]
StatedChannel = Literal["email", "sms", "letter", "phone", "ads", "all"]
Purpose = Literal["marketing", "service", "profiling"]
Scalar = str | int | float | bool | None


# hub.yaml ------------------------------------------------------------------------------------------------------------


class Schedules(Form):
    """When the flows run, as cron expressions in the project's time zone."""

    ingest: str | None = Field(None, description="Land and map what the systems have for us.")
    build: str | None = Field(None, description="Resolve, enrich and segment.")
    engage: str | None = Field(None, description="Decide and send.")
    listen: str | None = Field(None, description="Take reactions in.")


class HubFile(Form):
    """hub.yaml: the project's name, its engine, its connections and its calendar."""

    name: str = Field(description="The name that people know the project by.")
    locale: str = Field("nl-NL", description="Language and country of salutations, numbers and dates.")
    timezone: str = Field("Europe/Amsterdam", description="The time zone of its calendar days.")
    engine: str = Field("duckdb", repr=False, description="duckdb, or postgresql://user:password@host/database.")
    public_url: PublicUrl | None = Field(
        None,
        description="The https address under which `hub serve` can be reached from outside: links to unsubscribe, to "
        "choose, to confirm and to answer a survey begin with it. Without it, messages carry none of the hub's own.",
    )
    ledger: str = Field("sqlite", repr=False, description="sqlite, or postgresql://user:password@host/database.")
    lake: str = Field("./lake", description="Where raw data lands: a folder or an fsspec URL such as s3://bucket/lake.")
    connections: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        repr=False,
        description="The systems, by a name of your own; `plugin` says what kind each is.",
    )
    channels: dict[Channel, str] = Field(
        default_factory=dict,
        description="Which connection sends a channel; needed only where several connections could.",
    )
    schedules: Schedules = Field(Schedules(), description="When the flows run by themselves.")
    costs: dict[Channel, Annotated[Decimal, Field(ge=0)]] = Field(
        default_factory=dict,
        description="What one message costs, by channel, to tell what scenarios cost: {sms: 0.07, letter: 0.95}.",
    )
    packs: list[str] = Field(
        default_factory=list,
        description="Packs of traits, segments and scores that come with the hub, to switch on: [value_tiers].",
    )
    results: Results = Field(Results(), description="How results of scenarios are told.")
    limits: Limits = Field(Limits(), description="How often and when people are written to, over all scenarios.")
    keep: Keep = Field(Keep(), description="How long the hub keeps what it has written down about its own work.")
    serve: Serve = Field(Serve(), description="What `hub serve` takes from the world.")
    erasure: ErasureSection = Field(ErasureSection(), description="How people are erased.")
    consent: ConsentSection = Field(
        default_factory=ConsentSection, description="What you ask of a yes beyond the law; it can make nothing looser."
    )


# schema.yaml ---------------------------------------------------------------------------------------------------------


class CustomColumn(Form):
    """A column that you add."""

    type: Type = Field(description="What it holds.")
    summary: str = Field("", description="What it means, in one line.")
    references: str | None = Field(None, description="The table whose source key it holds.")


class CustomTable(Form):
    """A table that you add."""

    summary: str = Field("", description="What a row is, in one line.")
    personal: bool = Field(False, description="Its rows belong to a person.")
    time: str | None = Field(None, description="The column that says when it happened.")
    columns: dict[str, Type | CustomColumn] = Field(description="Its columns by name: a type, or a type and more.")


class SchemaFile(Form):
    """schema.yaml: your own columns on the shared tables, and tables of your own."""

    columns: dict[str, dict[str, Type | CustomColumn]] = Field(
        default_factory=dict, description="Columns that you add, by table of the shared schema."
    )
    tables: dict[str, CustomTable] = Field(default_factory=dict, description="Tables that you add, by name.")


# mappings/*.yaml -----------------------------------------------------------------------------------------------------


class Translated(Form):
    """A column with more to say than an expression: a list that translates its values, or what to do with bad ones."""

    from_: Expression = Field(alias="from", description="The value.")
    map: dict[str | int | bool, Scalar] | None = Field(None, description="Given value: value to store.")
    else_: Expression | None = Field(
        None, alias="else", description="With `map`, for any other value; without it, the row is set aside."
    )
    unreadable: Literal["set aside", "empty"] = Field(
        "set aside",
        description="What happens where a value can't be read, or is not in the list. set aside: its row goes to "
        "quarantine. empty: the row is mapped without this value, and quarantine notes why.",
    )

    @model_validator(mode="after")
    def _says_more(self) -> Self:
        if self.map is None and (self.else_ is not None or self.unreadable == "set aside"):
            raise ValueError("`from` goes with `map`, or with `unreadable: empty`; else write the expression itself")
        return self


ColumnRule = Annotated[
    Annotated[Expression, Tag("expression")] | Annotated[Translated, Tag("rule")],
    Discriminator(lambda value: "rule" if isinstance(value, dict | Translated) else "expression"),
]
"""How a column is filled: by an expression, or by one with more to say."""


class SoftOptIn(Form):
    """The two conditions of a soft opt-in that lie in how the details were collected; the others lie in the message."""

    from_sale: Expression = Field(description="Whether the details come from a sale to this person.")
    refusal_offered: Expression = Field(description="Whether a refusal was offered when they were collected.")


class ConsentStatement(Form):
    """What a record says about consent: true is given, false with a date is withdrawn, false without one is nothing."""

    channel: StatedChannel = Field(
        description="What may be done: write by that channel, call, or show ads. all: a withdrawal of every channel."
    )
    purpose: Purpose = Field("marketing", description="What for.")
    given: Expression = Field(description="Whether it is given.")
    at: Expression | None = Field(None, description="When it was stated; the record's own time where absent.")
    text: str = Field("", description="The text the person saw: its name and version in consent-texts.yaml.")
    basis: Basis = Field("consent", description="The ground that the law gives for it.")
    soft_opt_in: SoftOptIn | None = Field(None, description="What `basis: soft opt-in` rests on.")
    evidence: Expression | None = Field(None, description="Where the proof is.")

    @model_validator(mode="after")
    def _grounds(self) -> Self:
        if (self.basis == "soft opt-in") != (self.soft_opt_in is not None):
            raise ValueError(
                "`basis: soft opt-in` and `soft_opt_in: {from_sale: ..., refusal_offered: ...}` go together"
            )
        return self


class PreferenceStatement(Form):
    """Which channel a record prefers."""

    message_type: str = Field(description="Which messages it is about: newsletter, offer, service.")
    channel: Expression = Field(description="The channel chosen.")
    at: Expression | None = Field(None, description="When it was stated; the record's own time where absent.")


Severity = Literal["quarantine", "warn", "stop"]
SEVERITIES = (
    "warn: it is counted and shown. quarantine: the row is set aside. stop: nothing of the connection's new loads is "
    "mapped, and the run ends with a failure."
)


def _percent(share: float) -> str:
    return f"{share * 100:g}%"


class RowCheck(Form):
    """What each row must meet, and what happens otherwise. An empty value passes, save where it must be filled."""

    column: str | None = Field(None, description="The column that it looks at.")
    filled: Literal[True] | None = Field(None, description="It has a value.")
    between: list[str | int | float | None] | None = Field(
        None, min_length=2, max_length=2, description="It lies between two values, both included; null is no bound."
    )
    one_of: list[str | int | float] | None = Field(None, min_length=1, description="It is one of these values.")
    matches: str | None = Field(None, description="The whole text has this form, a regular expression.")
    that: Expression | None = Field(None, description="In place of a column: a condition over the columns.")
    at_least: Percentage | None = Field(
        None, description="So large a share of the new rows must meet it; all of them where this is absent."
    )
    otherwise: Severity = Field(description=SEVERITIES)

    @model_validator(mode="after")
    def _one_demand(self) -> Self:
        self._has_one_demand()
        if self.otherwise == "quarantine" and self.at_least is not None:
            raise ValueError("a share is of many rows, and `quarantine` sets one row aside: write warn or stop")
        return self

    def _has_one_demand(self) -> None:
        known = self.demands()
        given = [name for name in known if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("a check says exactly one of " + ", ".join(known))
        needs_column = given[0] not in ("that", "rows")
        if needs_column != (self.column is not None):
            raise ValueError(f"`{given[0]}` " + ("needs `column`" if needs_column else "goes without `column`"))

    @classmethod
    def demands(cls) -> tuple[str, ...]:
        """Name the keys of which a check has exactly one."""
        return ("filled", "between", "one_of", "matches", "that")

    @property
    def demand(self) -> str:
        """Name the one that this check has."""
        return next(name for name in self.demands() if getattr(self, name) is not None)

    @property
    def words(self) -> str:
        """Say in words what is demanded: it is the reason that people read."""
        return (self.that or f"{self.column} {self._words()}") + self._share()

    def _share(self) -> str:
        return f", at least {_percent(self.at_least)}" if self.at_least is not None else ""

    def _words(self) -> str:
        if self.filled:
            return "is filled"
        if self.between is not None:
            low, high = self.between
            if low is None or high is None:
                return f"is at least {low}" if high is None else f"is at most {high}"
            return f"is between {low} and {high}"
        if self.one_of is not None:
            return f"is one of {', '.join(map(str, self.one_of))}"
        return f"matches {self.matches}"

    @property
    def condition(self) -> str:
        """Give the demand as an expression over the columns."""
        if self.that is not None:
            return self.that
        if self.between is not None:
            bounds = zip((">=", "<="), self.between, strict=True)
            return " and ".join(f"{self.column} {sign} {_literal(one)}" for sign, one in bounds if one is not None)
        if self.one_of is not None:
            return f"{self.column} in ({', '.join(map(_literal, self.one_of))})"
        if self.matches is not None:
            return f"matches({self.column}, {_literal(self.matches)})"
        return f"{self.column} is not null"


def _literal(value: str | float) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def _kind_of_check(value: Any) -> str:
    if not isinstance(value, dict):
        return "row check" if isinstance(value, RowCheck) else "condition"
    return "pair" if len(value) == 1 and not value.keys() & RowCheck.model_fields.keys() else "row check"


CheckEntry = Annotated[
    Annotated[Expression, Tag("condition")]
    | Annotated[dict[str, Severity], Tag("pair")]
    | Annotated[RowCheck, Tag("row check")],
    Discriminator(_kind_of_check),
]
"""A check of a mapping, in one of its three forms."""


class TableMapping(Form):
    """How rows of one raw table become rows of one table of the shared schema."""

    from_: str = Field(alias="from", description="The raw table.")
    where: Expression | None = Field(
        None,
        description="Only these rows; the others are counted as left out. A stored row that no longer meets it stays "
        "as it last did: say that a row ended in a column.",
    )
    key: Expression = Field(description="The row's own key, unique within the connection and table.")
    updated_at: Expression | None = Field(
        None, description="When the system last changed the row: the newest wins. Without it, the latest load wins."
    )
    person: Expression | dict[str, Expression] | None = Field(
        None,
        description="Whose row it is: the key of the person's record in this connection, or identifiers of the person "
        "(the first one present is used), or {through: table} to follow a reference.",
    )
    guest: dict[str, Expression] = Field(
        default_factory=dict, description="Identifiers that tell whose row it is where `person` is empty."
    )
    identifiers: dict[str, Expression | list[Expression]] = Field(
        default_factory=dict,
        description="For person: values that point at the person: email, phone, customer_number, loyalty_card, device, "
        "email_hash. `shop.customer_number` is a number that the connection `shop` gave. A list: several of a "
        "kind.",
    )
    columns: dict[str, ColumnRule] = Field(
        default_factory=dict,
        description="The columns to fill: an expression; or one with a list that translates its values, or with what "
        "happens where a value can't be read.",
    )
    consent: list[ConsentStatement] = Field(default_factory=list, description="For person: what it says about consent.")
    preference: list[PreferenceStatement] = Field(
        default_factory=list, description="For person: which channels it prefers."
    )
    checks: list[CheckEntry] = Field(
        default_factory=list,
        description="Conditions that every row must meet, else it is set aside: {condition: warn} only counts it, "
        "{condition: stop} stops the connection. Or in words: {column: total, between: [0, 5000], otherwise: warn}.",
    )

    @property
    def identifier_texts(self) -> list[tuple[tuple[str | int, ...], str, str]]:
        """Give each identifier: the keys that lead to it, its kind and its expression."""
        found: list[tuple[tuple[str | int, ...], str, str]] = []
        for name, given in self.identifiers.items():
            if isinstance(given, str):
                found.append((("identifiers", name), name, given))
            else:
                found += [(("identifiers", name, place), name, text) for place, text in enumerate(given)]
        return found

    @property
    def row_checks(self) -> list[tuple[tuple[str | int, ...], RowCheck]]:
        """Give the checks in their one full form, each with the keys that lead to its condition."""
        found: list[tuple[tuple[str | int, ...], RowCheck]] = []
        for position, entry in enumerate(self.checks):
            if isinstance(entry, RowCheck):
                path = "column" if entry.column is not None else "that"
                found.append((("checks", position, path), entry))
            elif isinstance(entry, str):
                found.append((("checks", position), RowCheck(that=entry, otherwise="quarantine")))
            else:
                found += [
                    (("checks", position, condition), RowCheck(that=condition, otherwise=severity))
                    for condition, severity in entry.items()
                ]
        return found


class MappingFile(Form):
    """mappings/*.yaml: from the raw tables of one connection to the shared schema, one key per target table."""

    model_config = ConfigDict(extra="allow")

    connection: str = Field(description="The connection whose raw tables are mapped.")
    lookups: dict[str, str | dict[str | int | bool, Scalar]] = Field(
        default_factory=dict,
        description="Translation lists for lookup('name', value): written here, or a CSV file (UTF-8, with commas) "
        "whose first line names its two columns.",
    )
    __pydantic_extra__: dict[str, TableMapping | list[TableMapping]]

    @property
    def tables(self) -> list[tuple[str, TableMapping]]:
        """Give (target table, mapping) pairs in the order they are written."""
        return [
            (name, mapping)
            for name, entry in (self.__pydantic_extra__ or {}).items()
            for mapping in (entry if isinstance(entry, list) else [entry])
        ]
