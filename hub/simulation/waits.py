"""Waits: who could not be written to on which day, because of a limit, another scenario or the hour."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from hub.warehouse import Warehouse


def waits_table(warehouse: Warehouse) -> sa.Table:
    """Make the table in which the simulation notes waits."""
    made = sa.Table(
        "waited",
        sa.MetaData(),
        sa.Column("at", sa.DateTime(timezone=True)),
        sa.Column("scenario", sa.Text()),
        sa.Column("enrolment_id", sa.Text()),
        sa.Column("person_id", sa.BigInteger()),
        sa.Column("reason", sa.Text()),
    )
    with warehouse.begin() as transaction:
        made.create(transaction.connection)
    return made


def note_waits(warehouse: Warehouse, waits: sa.Table, as_of: datetime) -> None:
    """Note who waits at this moment, and why."""
    with warehouse.begin() as transaction:
        enrolment, record = transaction.table("enrolment"), transaction.table("source_record")
        now = sa.cast(sa.literal(as_of, sa.DateTime(timezone=True)), sa.DateTime(timezone=True))
        held = (
            sa.select(now, enrolment.c.scenario, enrolment.c.enrolment_id, record.c.person_id, enrolment.c.reason)
            .join_from(enrolment, record, record.c.record_id == enrolment.c.record_id)
            .where(enrolment.c.status == "active", enrolment.c.reason.is_not(None))
        )
        transaction.execute(sa.insert(waits).from_select([column.name for column in waits.c], held))
