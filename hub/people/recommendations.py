"""Recommendations: products for each person, with the reason of each. As templates, people and reports read them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.expressions import Name, Scope
from hub.project import Project
from hub.schema import Schema
from hub.warehouse.constructs import json_list, json_object, json_value

OF_PRODUCT = ("name", "category", "collection", "brand", "price", "url")
OF_RECOMMENDATION = ("rank", "way", "because", "people")
FIELDS = ("key", *OF_PRODUCT, *OF_RECOMMENDATION)
"""What a template knows of each product that is recommended."""


def product_scope(project: Project, as_of: datetime) -> Scope:
    """Give what `products:` in recommendations.yaml may use: the columns of a product."""
    product = project.schema["product"]
    stored = project.schema.table("product")
    names = {column.name: Name(stored.c[column.name], column.type) for column in product.all_columns}
    return Scope(names, timezone=project.hub.timezone, as_of=as_of)


def recommended(schema: Schema, person_id: sa.ColumnElement[int], at_most: int) -> sa.ColumnElement[Any]:
    """Give the first recommendations of a person as JSON: a list of products, the best first; empty for nobody's.

    Each has key, name, category, collection, brand, price, url; and rank, way, because, people: why it is there.
    """
    found, product = schema.table("recommendation"), schema.table("product")
    values: list[Any] = [sa.literal("key"), found.c.product_key]
    for name in OF_PRODUCT:
        values += [sa.literal(name), product.c[name]]
    for name in OF_RECOMMENDATION:
        values += [sa.literal(name), found.c[name]]
    same = sa.and_(product.c.connection == found.c.connection, product.c.source_key == found.c.product_key)
    lists = (
        sa.select(found.c.person_id, json_list(json_object(*values), found.c.rank).label("list"))
        .join_from(found, product, same)
        .where(found.c.rank <= at_most)
        .group_by(found.c.person_id)
        .subquery("recommended")
    )
    mine = sa.select(lists.c.list).where(lists.c.person_id == person_id).scalar_subquery()
    return json_value(sa.func.coalesce(mine, sa.literal("[]")))
