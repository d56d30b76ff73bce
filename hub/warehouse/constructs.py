"""SQL that engines spell differently, as SQLAlchemy constructs: written once here, compiled for each engine.

Each is tested with the same rows on every engine (tests/warehouse/test_constructs.py).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

Compiler = Any
"""SQLAlchemy's compiler object, which has no useful static type."""


def _arguments(element: Any, compiler: Compiler, keywords: dict[str, Any]) -> list[str]:
    """Write the arguments of a construct."""
    return [compiler.process(clause, **keywords) for clause in element.clauses.clauses]


def in_order(one: sa.ColumnElement[str], other: sa.ColumnElement[str]) -> tuple[Any, Any]:
    """Give the smaller and the greater of two texts by their code points, as Python orders them.

    A database may sort texts by the rules of a language, to which `shop_be:1` comes before `shop:9`.
    """
    texts = (one.collate("C"), other.collate("C"))
    return sa.func.least(*texts, type_=sa.Text()), sa.func.greatest(*texts, type_=sa.Text())


class try_cast(FunctionElement[Any]):
    """`try_cast(text, type)`: the value as that type, or null where it is not one."""

    name = "try_cast"
    inherit_cache = True

    def __init__(self, value: sa.ColumnElement[Any], type_: sa.types.TypeEngine[Any]) -> None:
        self.type = type_
        super().__init__(value, sa.type_coerce(sa.null(), type_))


@compiles(try_cast)
def _try_cast_postgresql(element: Any, compiler: Compiler, **keywords: Any) -> str:
    value = compiler.process(element.clauses.clauses[0], **keywords)
    type_ = compiler.dialect.type_compiler_instance.process(element.type)
    text = f"CAST({value} AS TEXT)"
    return f"(CASE WHEN pg_input_is_valid({text}, '{type_}') THEN CAST({text} AS {type_}) END)"


@compiles(try_cast, "duckdb")
def _try_cast_duckdb(element: Any, compiler: Compiler, **keywords: Any) -> str:
    value = compiler.process(element.clauses.clauses[0], **keywords)
    return f"TRY_CAST({value} AS {compiler.dialect.type_compiler_instance.process(element.type)})"


class matches(FunctionElement[bool]):
    """`matches(text, pattern)`: whether the whole text matches; patterns keep to what RE2 and PostgreSQL share."""

    name = "matches"
    inherit_cache = True
    type = sa.Boolean()


@compiles(matches)
def _matches_postgresql(element: Any, compiler: Compiler, **keywords: Any) -> str:
    value, pattern = _arguments(element, compiler, keywords)
    return f"({value} ~ ('^(?:' || {pattern} || ')$'))"


@compiles(matches, "duckdb")
def _matches_duckdb(element: Any, compiler: Compiler, **keywords: Any) -> str:
    value, pattern = _arguments(element, compiler, keywords)
    return f"regexp_full_match({value}, {pattern})"


class replace_all(FunctionElement[str]):
    r"""`replace_all(text, pattern, replacement)`: every match replaced; groups are `\1`."""

    name = "replace_all"
    inherit_cache = True
    type = sa.Text()


@compiles(replace_all)
def _replace_all(element: Any, compiler: Compiler, **keywords: Any) -> str:
    value, pattern, replacement = _arguments(element, compiler, keywords)
    return f"regexp_replace({value}, {pattern}, {replacement}, 'g')"


class extract_first(FunctionElement[str]):
    """`extract_first(text, pattern)`: the pattern's first group at its first match, or null."""

    name = "extract_first"
    inherit_cache = True
    type = sa.Text()


@compiles(extract_first)
def _extract_first_postgresql(element: Any, compiler: Compiler, **keywords: Any) -> str:
    value, pattern = _arguments(element, compiler, keywords)
    return f"NULLIF((regexp_match({value}, {pattern}))[1], '')"


@compiles(extract_first, "duckdb")
def _extract_first_duckdb(element: Any, compiler: Compiler, **keywords: Any) -> str:
    value, pattern = _arguments(element, compiler, keywords)
    return f"NULLIF(regexp_extract({value}, {pattern}, 1), '')"


class arg_max(FunctionElement[Any]):
    """`arg_max(value, order)`: the aggregate value at the greatest order, nulls of either left out."""

    name = "arg_max"
    inherit_cache = True

    def __init__(self, value: sa.ColumnElement[Any], order: sa.ColumnElement[Any]) -> None:
        self.type = value.type
        super().__init__(value, order)


@compiles(arg_max)
def _arg_max_postgresql(element: Any, compiler: Compiler, **keywords: Any) -> str:
    value, order = _arguments(element, compiler, keywords)
    present = f"({value}) IS NOT NULL AND ({order}) IS NOT NULL"
    return f"((array_agg({value} ORDER BY {order} DESC) FILTER (WHERE {present}))[1])"


@compiles(arg_max, "duckdb")
def _arg_max_duckdb(element: Any, compiler: Compiler, **keywords: Any) -> str:
    value, order = _arguments(element, compiler, keywords)
    return f"arg_max({value}, {order})"


class mean(FunctionElement[Any]):
    """`mean(number)`: the aggregate average, to four decimals exactly.

    DuckDB's own average of decimals is a floating-point number: one that lies in the middle of two of four decimals, as
    a sixteenth of an amount often does, may be rounded the wrong way.
    """

    name = "mean"
    inherit_cache = True
    type = sa.Numeric(18, 4)


@compiles(mean)
def _mean_postgresql(element: Any, compiler: Compiler, **keywords: Any) -> str:
    (value,) = _arguments(element, compiler, keywords)
    return f"CAST(avg({value}) AS NUMERIC(18, 4))"


@compiles(mean, "duckdb")
def _mean_duckdb(element: Any, compiler: Compiler, **keywords: Any) -> str:
    (value,) = _arguments(element, compiler, keywords)
    twice = f"(CAST(abs(sum({value})) * 20000 AS HUGEINT) + count({value})) // (2 * count({value}))"
    return f"CAST(CAST(({twice}) * sign(sum({value})) AS DECIMAL(38, 4)) * 0.0001 AS DECIMAL(18, 4))"


class median(FunctionElement[float]):
    """`median(number)`: the aggregate median, interpolated."""

    name = "median"
    inherit_cache = True
    type = sa.Double()


@compiles(median)
def _median_postgresql(element: Any, compiler: Compiler, **keywords: Any) -> str:
    (value,) = _arguments(element, compiler, keywords)
    return f"percentile_cont(0.5) WITHIN GROUP (ORDER BY {value})"


@compiles(median, "duckdb")
def _median_duckdb(element: Any, compiler: Compiler, **keywords: Any) -> str:
    (value,) = _arguments(element, compiler, keywords)
    return f"median({value})"


class local_date(FunctionElement[Any]):
    """`local_date(timestamp, zone)`: the calendar date of a moment in a time zone."""

    name = "local_date"
    inherit_cache = True
    type = sa.Date()


@compiles(local_date)
def _local_date(element: Any, compiler: Compiler, **keywords: Any) -> str:
    # the zone stands in the text: DuckDB counts the parameters of AT TIME ZONE from right to left
    moment = compiler.process(element.clauses.clauses[0], **keywords)
    zone = compiler.process(element.clauses.clauses[1], **{**keywords, "literal_binds": True})
    return f"CAST(({moment} AT TIME ZONE {zone}) AS DATE)"


class utc(FunctionElement[Any]):
    """`utc(moment)`: the moment as a timestamp without a zone, in UTC; null where it is infinite.

    DuckDB asks its calendars about zones at every value. UTC needs none: a quarter of the cost.
    """

    name = "utc"
    inherit_cache = True
    type = sa.DateTime()


@compiles(utc)
def _utc_postgresql(element: Any, compiler: Compiler, **keywords: Any) -> str:
    (moment,) = _arguments(element, compiler, keywords)
    return f"(CASE WHEN isfinite({moment}) THEN timezone('UTC', {moment}) END)"


@compiles(utc, "duckdb")
def _utc_duckdb(element: Any, compiler: Compiler, **keywords: Any) -> str:
    (moment,) = _arguments(element, compiler, keywords)
    return f"make_timestamp(epoch_us({moment}))"


class json_object(FunctionElement[str]):
    """`json_object('name', value, ...)`: a JSON object as text."""

    name = "json_object"
    inherit_cache = True
    type = sa.Text()


@compiles(json_object)
def _json_object_postgresql(element: Any, compiler: Compiler, **keywords: Any) -> str:
    pieces = []
    for position, clause in enumerate(element.clauses.clauses):
        text = compiler.process(clause, **keywords)
        pieces.append(f"CAST({text} AS TEXT)" if position % 2 == 0 else text)
    return f"CAST(json_build_object({', '.join(pieces)}) AS TEXT)"


@compiles(json_object, "duckdb")
def _json_object_duckdb(element: Any, compiler: Compiler, **keywords: Any) -> str:
    pieces = ", ".join(_arguments(element, compiler, keywords))
    return f"CAST(json_object({pieces}) AS TEXT)"


class json_list(FunctionElement[str]):
    """`json_list(json, order)`: the aggregate of JSON values, given as text, as one JSON list in that order."""

    name = "json_list"
    inherit_cache = True
    type = sa.Text()


@compiles(json_list)
def _json_list(element: Any, compiler: Compiler, **keywords: Any) -> str:
    value, order = _arguments(element, compiler, keywords)
    return f"('[' || string_agg({value}, ',' ORDER BY {order}) || ']')"


class json_value(FunctionElement[Any]):
    """`json_value(text)`: a text that is JSON, which `json_object` then holds as what it is, not as text."""

    name = "json_value"
    inherit_cache = True
    type = sa.JSON()


@compiles(json_value)
def _json_value(element: Any, compiler: Compiler, **keywords: Any) -> str:
    (value,) = _arguments(element, compiler, keywords)
    return f"CAST({value} AS JSON)"


class sha256_hex(FunctionElement[str]):
    """`sha256_hex(text)`: SHA-256 over the text's UTF-8, in lower hexadecimal."""

    name = "sha256_hex"
    inherit_cache = True
    type = sa.Text()


@compiles(sha256_hex)
def _sha256_hex_postgresql(element: Any, compiler: Compiler, **keywords: Any) -> str:
    (value,) = _arguments(element, compiler, keywords)
    return f"encode(sha256(convert_to({value}, 'UTF8')), 'hex')"


@compiles(sha256_hex, "duckdb")
def _sha256_hex_duckdb(element: Any, compiler: Compiler, **keywords: Any) -> str:
    (value,) = _arguments(element, compiler, keywords)
    return f"sha256({value})"


class text_constant(sa.ColumnElement[str]):
    """`text_constant('value')`: a text that stands in the statement itself, so that engines prepare patterns once."""

    __visit_name__ = "text_constant"
    inherit_cache = False
    type = sa.Text()

    def __init__(self, value: str) -> None:
        self.value = value.replace("\x00", "")


@compiles(text_constant)
def _text_constant(element: Any, compiler: Compiler, **_: Any) -> str:
    quoted: str = "'" + element.value.replace("'", "''") + "'"
    return quoted.replace("%", "%%") if compiler.preparer._double_percents else quoted


class composed(FunctionElement[str]):
    """`composed(text)`: the text in Unicode's composed form (NFC)."""

    name = "composed"
    inherit_cache = True
    type = sa.Text()


@compiles(composed)
def _composed_postgresql(element: Any, compiler: Compiler, **keywords: Any) -> str:
    (value,) = _arguments(element, compiler, keywords)
    return f"normalize({value}, NFC)"


@compiles(composed, "duckdb")
def _composed_duckdb(element: Any, compiler: Compiler, **keywords: Any) -> str:
    (value,) = _arguments(element, compiler, keywords)
    return f"nfc_normalize({value})"


class folded(FunctionElement[str]):
    """`folded(text)`: the text to compare names by: small letters, without accents and without spaces around."""

    name = "folded"
    inherit_cache = True
    type = sa.Text()


_MARKS = (
    "\\u0300-\\u036f\\u0483-\\u0489\\u0591-\\u05c7\\u0610-\\u061a\\u064b-\\u065f\\u0670\\u1dc0-\\u1dff\\u20d0-\\u20ff"
)
"""The combining marks of the scripts that people's names here are written in."""


@compiles(folded)
def _folded_postgresql(element: Any, compiler: Compiler, **keywords: Any) -> str:
    (value,) = _arguments(element, compiler, keywords)
    return f"btrim(lower(regexp_replace(normalize({value}, NFD), '[{_MARKS}]', '', 'g')))"


@compiles(folded, "duckdb")
def _folded_duckdb(element: Any, compiler: Compiler, **keywords: Any) -> str:
    (value,) = _arguments(element, compiler, keywords)
    return f"trim(lower(strip_accents({value})))"


class _at_end(FunctionElement[Any]):
    """An aggregate that takes the value of one row, by an order over several values."""

    inherit_cache = True
    descending: bool

    def __init__(self, value: sa.ColumnElement[Any], *order: sa.ColumnElement[Any]) -> None:
        self.type = value.type
        super().__init__(value, *order)


class earliest(_at_end):
    """`earliest(value, order, ...)`: the aggregate value at the smallest order, nulls of either left out."""

    name = "earliest"
    inherit_cache = True
    descending = False


class latest(_at_end):
    """`latest(value, order, ...)`: the aggregate value at the greatest order, nulls of either left out."""

    name = "latest"
    inherit_cache = True
    descending = True


@compiles(earliest)
@compiles(latest)
def _at_end_postgresql(element: Any, compiler: Compiler, **keywords: Any) -> str:
    value, order, given = _value_and_order(element, compiler, keywords)
    by = ", ".join(f"{one} DESC" if element.descending else one for one in order)
    return f"((array_agg({value} ORDER BY {by}) FILTER (WHERE {given}))[1])"


@compiles(earliest, "duckdb")
@compiles(latest, "duckdb")
def _at_end_duckdb(element: Any, compiler: Compiler, **keywords: Any) -> str:
    value, order, given = _value_and_order(element, compiler, keywords)
    by = order[0] if len(order) == 1 else f"row({', '.join(order)})"
    return f"{'arg_max' if element.descending else 'arg_min'}({value}, {by}) FILTER (WHERE {given})"


def _value_and_order(element: Any, compiler: Compiler, keywords: dict[str, Any]) -> tuple[str, list[str], str]:
    """Render value, order and the condition that none is null; constants stand in the text, as each comes twice."""
    value, *order = (
        compiler.process(clause, **{**keywords, "literal_binds": True}) for clause in element.clauses.clauses
    )
    return value, order, " AND ".join(f"({one}) IS NOT NULL" for one in (value, *order))


class row_json(FunctionElement[str]):
    """`row_json(relation)`: a whole row of a named relation as a JSON object in text."""

    name = "row_json"
    inherit_cache = False
    type = sa.Text()

    def __init__(self, relation: sa.FromClause) -> None:
        super().__init__(*relation.c)
        self.relation = relation


@compiles(row_json)
def _row_json_postgresql(element: Any, compiler: Compiler, **_: Any) -> str:
    return f"CAST(row_to_json({compiler.preparer.quote(element.relation.name)}) AS TEXT)"


@compiles(row_json, "duckdb")
def _row_json_duckdb(element: Any, compiler: Compiler, **_: Any) -> str:
    return f"CAST(to_json({compiler.preparer.quote(element.relation.name)}) AS TEXT)"
