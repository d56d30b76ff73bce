"""Entries: the newest answer about each organisation."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from hub.contracts import Lookup
from hub.project import Project
from hub.register.questions import asked, covered
from hub.warehouse import Transaction

SAID = ("status", "kvk", "name", "non_mailing", "postcode", "house_number")
OBJECTED = "objected"


def entries(transaction: Transaction, project: Project) -> sa.TableClause:
    """Hold one row per organisation that a register of the project covers, with its newest answer.

    Columns: connection, organisation_key (the organisation), register (the connection asked), own_postcode,
    own_house_number, and what the register said: status (null: not asked yet), kvk, name, non_mailing, postcode,
    house_number; `objected` is the non_mailing of the newest answer that found it, for an objection does not go when
    the register does not find who objected any more.
    """
    organisation, profile = transaction.table("organisation"), transaction.table("organisation_profile")
    question = [profile.c.connection, profile.c.asked]
    newest = [profile.c.looked_up_at.desc(), profile.c.source_key.desc()]
    found_first = [sa.case((profile.c.status == "found", 0), else_=1), *newest]
    said = sa.select(
        *question,
        *(profile.c[name] for name in SAID),
        sa.func.row_number().over(partition_by=question, order_by=newest).label("place"),
        sa.func.first_value(profile.c.non_mailing).over(partition_by=question, order_by=found_first).label(OBJECTED),
    ).subquery()
    queries: list[sa.Select[Any]] = []
    for connection in project.lookups:
        lookup = connection.plugin
        assert issubclass(lookup, Lookup)
        answer = said.alias(f"answer_{len(queries)}")
        queries.append(
            sa.select(
                organisation.c.connection,
                organisation.c.source_key.label("organisation_key"),
                sa.literal(connection.name).label("register"),
                organisation.c.postcode.label("own_postcode"),
                organisation.c.house_number.label("own_house_number"),
                *(answer.c[name] for name in (*SAID, OBJECTED)),
            )
            .select_from(
                organisation.outerjoin(
                    answer,
                    sa.and_(
                        answer.c.connection == connection.name,
                        answer.c.asked == asked(lookup, organisation),
                        answer.c.place == 1,
                    ),
                )
            )
            .where(covered(lookup, organisation))
        )
    return transaction.hold("register_entry", sa.union_all(*queries) if len(queries) > 1 else queries[0])
