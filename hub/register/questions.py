"""The question that a look-up is asked about an organisation: its key, made of what is known.

    kvk=12345678
    name=de kattenbak|postcode=1234AB|house_number=12

Organisations of which the same is known, in whatever system, share one question and so one answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from hub.contracts import Lookup
from hub.warehouse.constructs import text_constant


def asked(lookup: type[Lookup], organisation: sa.FromClause) -> sa.ColumnElement[str]:
    """Give the key of the question about each organisation; null where nothing can be asked."""
    keys = {
        number: sa.func.concat_ws(
            text_constant("|"), *(text_constant(f"{name}=") + _spelled(organisation.c[name], name) for name in way)
        )
        for number, way in enumerate(lookup.by)
    }
    return sa.type_coerce(_chosen(lookup, organisation, keys), sa.Text())


def way_of(lookup: type[Lookup], organisation: sa.FromClause) -> sa.ColumnElement[int]:
    """Give the place in `by` of the way in which each organisation is asked for; null where nothing can be asked."""
    places = {number: sa.literal(number) for number in range(len(lookup.by))}
    return sa.type_coerce(_chosen(lookup, organisation, places), sa.Integer())


def _chosen(
    lookup: type[Lookup], organisation: sa.FromClause, values: Mapping[int, sa.ColumnElement[Any]]
) -> sa.ColumnElement[Any]:
    """Give the value of the first way of which all columns are filled."""
    within = covered(lookup, organisation)
    ways = [
        (sa.and_(within, *(_spelled(organisation.c[name], name) != "" for name in way)), values[number])
        for number, way in enumerate(lookup.by)
    ]
    return sa.case(*ways)


def covered(lookup: type[Lookup], organisation: sa.FromClause) -> sa.ColumnElement[bool]:
    """Say whether an organisation is in a country that the register covers."""
    country = sa.func.coalesce(sa.func.nullif(sa.func.trim(organisation.c.country), ""), lookup.countries[0])
    return sa.func.upper(country).in_(lookup.countries)


def _spelled(column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[str]:
    text = sa.func.trim(sa.cast(column, sa.Text()), type_=sa.Text())
    if name == "postcode":
        return sa.func.upper(sa.func.replace(text, " ", ""), type_=sa.Text())
    return sa.func.lower(text, type_=sa.Text())
