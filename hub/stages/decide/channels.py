"""Channels: the first one of a send on which the person can be reached and may be written to.

A channel works when a connection sends it, the person has an address for it, consent allows it, the address is not
suppressed, no do-not-contact register lists it, and no organisation there objects to letters. The reasons why channels
do not work are kept, in the order in which they were tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub import consent
from hub.contracts import Channel
from hub.normalise.phone import parse_phone
from hub.recipients import ADDRESS, NEEDED, Destined, suppressed
from hub.register import objections
from hub.stages.decide.listed import listed
from hub.stages.decide.tick import Tick
from hub.warehouse import Transaction
from hub.warehouse.constructs import json_object

PHONE_KIND = "phone_kind"
"""The name under which `store.lookup_value` keeps what a number reaches: mobile, fixed, machine, other."""


def choose(tick: Tick, channels: Sequence[Channel], turn: sa.TableClause) -> sa.TableClause:
    """Give per instance of `turn`: outcome, channel, connection, address (JSON), consent_key and reason."""
    transaction = tick.transaction
    scenario = tick.plan.scenario
    given = transaction.hold(
        "given",
        consent.in_effect(
            transaction,
            tick.project.terms,
            turn,
            scenario.purpose,
            tick.as_of,
            soft_opt_in=tick.project.takes_soft_opt_in(scenario.scenario),
        ),
    )
    suppressed = suppressed_channels(tick, channels, turn, given)
    source: sa.FromClause = turn
    ways: list[_Way] = []
    for channel in channels:
        way = _Way(tick, channel, turn, given, suppressed)
        source = source.outerjoin(
            way.given, sa.and_(way.given.c.person_id == turn.c.person_id, way.given.c.channel == channel)
        ).outerjoin(
            way.suppressed,
            sa.and_(way.suppressed.c.enrolment_id == turn.c.enrolment_id, way.suppressed.c.channel == channel),
        )
        # the proof is that of the last look, right before the message goes
        found = listed(tick, channel, turn, tick.plan.name) if scenario.purpose == "marketing" else None
        if found is not None:
            way.listed = found.rows
            source = source.outerjoin(found.rows, found.rows.c.enrolment_id == turn.c.enrolment_id)
        if channel == "letter" and tick.plan.scenario.purpose == "marketing":
            way.objection = objections(transaction, tick.project, turn)
            source = source.outerjoin(way.objection, way.objection.c.person_id == turn.c.person_id)
        if channel == "sms":
            _keep_phone_kinds(transaction, turn, source, ways)
            source = source.outerjoin(
                way.kind, sa.and_(way.kind.c.function == PHONE_KIND, way.kind.c.input == turn.c.phone)
            )
        ways.append(way)
    return transaction.hold("chosen", _chosen(turn, source, ways))


class _Way:
    """One channel for everybody: why it does not work (null where it does), and what to use where it does."""

    def __init__(
        self, tick: Tick, channel: Channel, turn: sa.TableClause, given: sa.TableClause, suppressed: sa.TableClause
    ) -> None:
        self.channel = channel
        self.kind = tick.transaction.table("lookup_value").alias(PHONE_KIND)
        self.given = given.alias(f"given_{channel}")
        self.suppressed = suppressed.alias(f"suppressed_{channel}")
        self.objection: sa.TableClause | None = None
        self.listed: sa.TableClause | None = None
        self.destination = tick.plan.destinations.get(channel)
        self._purpose = tick.plan.scenario.purpose
        self._turn = turn

    def problem(self) -> sa.ColumnElement[Any]:
        """Say why the channel does not work for a person; null where it does."""
        if self.destination is None:
            return sa.literal(f"{self.channel}: no connection sends it")
        checks: list[tuple[sa.ColumnElement[bool], sa.ColumnElement[str]]] = [
            (
                sa.or_(*(_blank(self._turn.c[name]) for name in NEEDED[self.channel])),
                sa.literal("no complete address" if self.channel == "letter" else f"no {ADDRESS[self.channel][0]}"),
            )
        ]
        if self.channel == "sms":
            checks.append((sa.func.coalesce(self.kind.c.output, "") != "mobile", sa.literal("not a mobile number")))
        checks += [
            (sa.not_(consent.allowed(self.given.c.given, self._purpose)), consent.refusal(self.given.c.given)),
            (self.suppressed.c.enrolment_id.is_not(None), sa.literal("suppressed, ") + self.suppressed.c.reason),
        ]
        if self.listed is not None:
            checks.append((self.listed.c.enrolment_id.is_not(None), self.listed.c.reason))
        if self.objection is not None:
            checks.append((self.objection.c.person_id.is_not(None), self.objection.c.reason))
        return sa.case(*((failed, sa.literal(f"{self.channel}: ") + why) for failed, why in checks))

    def address(self) -> sa.ColumnElement[str]:
        """Give the address as JSON."""
        pairs: list[Any] = []
        for name in ADDRESS[self.channel]:
            pairs += [sa.literal(name), self._turn.c[name]]
        return json_object(*pairs)


def _blank(value: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    return sa.func.coalesce(sa.func.trim(value), "") == ""


def _chosen(turn: sa.TableClause, source: sa.FromClause, ways: list[_Way]) -> sa.Select:
    problems = [way.problem() for way in ways]
    works = [(problem.is_(None), way) for problem, way in zip(problems, ways, strict=True)]
    none = sa.and_(*(problem.is_not(None) for problem in problems))
    reasons = [
        (problem.is_(None), sa.func.concat_ws("; ", *problems[:place], sa.literal(f"{way.channel}: chosen")))
        for place, (problem, way) in enumerate(zip(problems, ways, strict=True))
    ]
    return sa.select(
        turn.c.enrolment_id,
        turn.c.record_id,
        turn.c.since,
        turn.c.person_id,
        turn.c.household_id,
        sa.case((none, sa.literal("refused")), else_=sa.literal("queued")).label("outcome"),
        sa.case(*((works_, sa.literal(way.channel)) for works_, way in works)).label("channel"),
        sa.case(*((works_, sa.literal(way.destination or "")) for works_, way in works)).label("connection"),
        sa.case(*((works_, way.address()) for works_, way in works)).label("address"),
        sa.case(*((works_, way.given.c.consent_key) for works_, way in works)).label("consent_key"),
        sa.case(*reasons, else_=sa.func.concat_ws("; ", *problems)).label("reason"),
    ).select_from(source)


def _keep_phone_kinds(
    transaction: Transaction, turn: sa.TableClause, source: sa.FromClause, before: list[_Way]
) -> None:
    """Find out what the numbers reach that may be needed, once per number."""
    import pyarrow as pa

    from hub.warehouse.arrow import texts

    lookup = transaction.table("lookup_value")
    known = lookup.alias("known_kind")
    wanted = (
        sa.select(turn.c.phone)
        .select_from(source.outerjoin(known, sa.and_(known.c.function == PHONE_KIND, known.c.input == turn.c.phone)))
        .where(turn.c.phone.is_not(None), known.c.input.is_(None))
        .where(*(way.problem().is_not(None) for way in before))
        .distinct()
    )
    numbers = [number for batch in transaction.arrow(wanted) for number in batch.column(0).to_pylist()]
    if numbers:
        kinds = [(parsed.kind if (parsed := parse_phone(number, "NL")) else "") for number in numbers]
        fresh = transaction.load("phone_kinds", pa.table({"input": texts(numbers), "output": texts(kinds)}))
        transaction.execute(
            sa.insert(lookup).from_select(
                ["function", "input", "output"], sa.select(sa.literal(PHONE_KIND), fresh.c.input, fresh.c.output)
            )
        )


def suppressed_channels(
    tick: Tick, channels: Sequence[Channel], turn: sa.TableClause, given: sa.TableClause
) -> sa.TableClause:
    """Give enrolment_id, channel and reason of the addresses that the ledger knows as suppressed."""
    import pyarrow as pa

    from hub.warehouse.arrow import texts

    found: list[tuple[str, str, str]] = []
    if not tick.ledger.suppressions.empty():
        consented = (
            sa.select(turn.c.enrolment_id, given.c.channel, given.c.at)
            .join(given, given.c.person_id == turn.c.person_id)
            .where(given.c.given)
        )
        given_at = {(row.enrolment_id, row.channel): row.at for row in tick.transaction.rows(consented)}
        names = {name for columns in ADDRESS.values() for name in columns}
        statement = sa.select(turn.c.enrolment_id, *(column for column in turn.c if column.name in names))
        for batch in tick.transaction.arrow(statement):
            found += _suppressed_among(batch.to_pylist(), given_at, tick, channels)
    columns = ("enrolment_id", "channel", "reason")
    values = {column: texts([row[place] for row in found]) for place, column in enumerate(columns)}
    return tick.transaction.load("suppressed", pa.table(values))


def _suppressed_among(
    rows: list[dict[str, Any]], given_at: Mapping[tuple[str, str], datetime], tick: Tick, channels: Sequence[Channel]
) -> list[tuple[str, str, str]]:
    purpose = tick.plan.scenario.purpose
    asked = {
        (row["enrolment_id"], channel): Destined(channel, row, purpose, given_at.get((row["enrolment_id"], channel)))
        for row in rows
        for channel in channels
        if row[NEEDED[channel][0]]
    }
    return [(*way, reasons) for way, reasons in suppressed(tick.ledger.suppressions, tick.project.key, asked).items()]
