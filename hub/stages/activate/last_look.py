"""The last look: whether a message may still go, the moment before it does. No configuration can remove this step.

It fails closed: a message goes when the newest valid statements allow it, those included that the hub itself received
a moment ago, its address is not suppressed, no organisation at that address objects to letters, no do-not-contact
register lists it, nothing has interrupted its scenario, the person did not turn out to be one who gets it already, and
the decision behind it is still there.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub import consent
from hub.contracts import Channel
from hub.do_not_contact import Approached, consult
from hub.expressions import ExpressionError
from hub.ledger import Ledger, Queued
from hub.people.instance import instances, versions_of
from hub.people.scope import People, person_scope
from hub.project import Project
from hub.project.scenario import Scenario
from hub.recipients import Destined, identifier, suppressed
from hub.register import objections
from hub.statements import take_in
from hub.templates import offers_refusal
from hub.warehouse import Transaction, Warehouse

GONE = "the decision behind it is gone"
MERGED = "merged: the person gets this message already"
BROKEN = "its version of the scenario uses what is no longer there"

GOT = frozenset({"sending", "accepted", "unknown", "delivered"})
"""The states of a message that its person has, or may have."""


@dataclass(frozen=True)
class Cleared:
    """A message that may go, with what was decided: where to, and the values for its template."""

    queued: Queued
    address: Mapping[str, Any]
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Looked:
    """What the last look found: messages that may go, and id -> reason for those that may not, or not any more."""

    cleared: Sequence[Cleared]
    refused: Mapping[str, str]
    cancelled: Mapping[str, str]


def last_look(
    warehouse: Warehouse, ledger: Ledger, project: Project, messages: Sequence[Queued], as_of: datetime
) -> Looked:
    """Check messages as of a moment."""
    take_in(warehouse, ledger, project, as_of)
    with warehouse.begin() as transaction:
        looked_at = _load(transaction, messages)
        decided = {row.decision_id: row for row in transaction.rows(_decided(transaction, looked_at))}
        refused, given_at = _without_consent(transaction, ledger, project, looked_at, decided, messages, as_of)
        addresses = {id_: json.loads(row.address) for id_, row in decided.items()}
        refused |= _suppressed(ledger, project, messages, addresses, given_at)
        cancelled = _interrupted(transaction, project, looked_at, messages, as_of)
        refused |= _objected(transaction, project, messages, decided, addresses)
        refused |= _listed(ledger, project, messages, decided, addresses, refused, as_of)
        doubled = _doubled(transaction, ledger, project, looked_at, {*refused, *cancelled})
        cancelled |= dict.fromkeys(doubled - cancelled.keys(), MERGED)
    cleared = [
        Cleared(message, addresses[message.id], json.loads(decided[message.id].content))
        for message in messages
        if message.id not in refused and message.id not in cancelled
    ]
    return Looked(cleared, refused, {id_: why for id_, why in cancelled.items() if id_ not in refused})


def _load(transaction: Transaction, messages: Sequence[Queued]) -> sa.TableClause:
    import pyarrow as pa

    from hub.warehouse.arrow import texts

    names = ("id", "channel", "purpose", "scenario", "template")
    columns = {name: texts([getattr(message, name) for message in messages]) for name in names}
    return transaction.load("looked_at", pa.table(columns))


def _decided(transaction: Transaction, looked_at: sa.TableClause) -> sa.Select:
    decision, record = transaction.table("decision"), transaction.table("source_record")
    person = transaction.table("person")
    return (
        sa.select(decision.c.decision_id, decision.c.address, decision.c.content, record.c.person_id, person.c.country)
        .join(looked_at, looked_at.c.id == decision.c.decision_id)
        .join(record, record.c.record_id == decision.c.record_id)
        .outerjoin(person, person.c.person_id == record.c.person_id)
        .where(decision.c.outcome == "queued", decision.c.address.is_not(None), decision.c.content.is_not(None))
    )


def _without_consent(
    transaction: Transaction,
    ledger: Ledger,
    project: Project,
    looked_at: sa.TableClause,
    decided: Mapping[str, Any],
    messages: Sequence[Queued],
    as_of: datetime,
) -> tuple[dict[str, str], dict[str, datetime]]:
    """Give id -> reason of the refused, and id -> when consent was given.

    Everything that is not found to be allowed is refused.
    """
    decision, record = transaction.table("decision"), transaction.table("source_record")
    refused: dict[str, str] = {message.id: GONE for message in messages if message.id not in decided}
    given_at: dict[str, datetime] = {}
    soft = _taking_soft_opt_in(ledger, project, messages)
    groups = {(message.purpose, (message.scenario, message.template) in soft) for message in messages}
    for purpose, takes_soft in sorted(groups):
        alike = sa.tuple_(looked_at.c.scenario, looked_at.c.template).in_(sorted(soft)) if soft else sa.false()
        people = transaction.hold(
            "people_looked_at",
            sa.select(looked_at.c.id, looked_at.c.channel, record.c.person_id)
            .join(decision, decision.c.decision_id == looked_at.c.id)
            .join(record, record.c.record_id == decision.c.record_id)
            .where(looked_at.c.purpose == purpose, alike if takes_soft else sa.not_(alike)),
        )
        # a withdrawal counts however late it is dated: nothing goes out against one that is known
        given = consent.in_effect(
            transaction, project.terms, people, purpose, as_of, soft_opt_in=takes_soft, ahead=None
        ).subquery("given")
        verdict = sa.select(
            people.c.id,
            consent.allowed(given.c.given, purpose),
            consent.refusal(given.c.given),
            sa.case((given.c.given, given.c.at)),
        ).outerjoin_from(
            people, given, sa.and_(given.c.person_id == people.c.person_id, given.c.channel == people.c.channel)
        )
        for id_, allowed, why, at in transaction.rows(verdict):
            if not allowed:
                refused[id_] = why
            if at is not None:
                given_at[id_] = at
    return refused, given_at


def _taking_soft_opt_in(ledger: Ledger, project: Project, messages: Sequence[Queued]) -> set[tuple[str, str]]:
    """Give (scenario, template) of the messages that meet the conditions of a soft opt-in that lie in a message."""
    candidates = {
        (message.scenario, message.template) for message in messages if project.takes_soft_opt_in(message.scenario)
    }
    texts = ledger.templates({template for _, template in candidates}) if candidates else {}
    offering = {name for name, text in texts.items() if offers_refusal(text)}
    return {(scenario, template) for scenario, template in candidates if template in offering}


def _interrupted(
    transaction: Transaction,
    project: Project,
    looked_at: sa.TableClause,
    messages: Sequence[Queued],
    as_of: datetime,
) -> dict[str, str]:
    cancelled: dict[str, str] = {}
    everybody = person_scope(transaction, project, as_of)
    for name in {message.scenario for message in messages}:
        scenario = project.scenarios.get(name)
        if scenario is None:
            why = "its scenario is no longer there"
            cancelled |= {message.id: why for message in messages if message.scenario == name}
            continue
        forms = versions_of(transaction, name)
        for version in transaction.rows(_versions(transaction, looked_at, name)):
            form = forms.get(version[0], scenario)
            found = _stopped(transaction, project, looked_at, everybody, form, version[0], as_of)
            cancelled |= {row.id: row.why for row in transaction.rows(found)}
    return cancelled


def _doubled(
    transaction: Transaction, ledger: Ledger, project: Project, looked_at: sa.TableClause, stopped: Collection[str]
) -> set[str]:
    """Find the messages that people who were merged got as another's before, or will get first.

    Those that are `stopped` by this look will not be got. It is about scenarios that people enter once, ever: in
    others, the same message may well come again.
    """
    once = [name for name, it in project.scenarios.items() if it.table is None and it.entry == "once"]
    decision, record = transaction.table("decision"), transaction.table("source_record")
    alias = transaction.table("person_alias")
    merged = transaction.hold(
        "merged_looked_at",
        sa.select(decision.c.decision_id, decision.c.scenario, decision.c.step, decision.c.at, record.c.person_id)
        .join(looked_at, looked_at.c.id == decision.c.decision_id)
        .join(record, record.c.record_id == decision.c.record_id)
        .where(record.c.person_id.in_(sa.select(alias.c.now_person_id)), decision.c.scenario.in_(once)),
    )
    if not transaction.count(merged):
        return set()
    earlier = sa.or_(
        decision.c.at < merged.c.at,
        sa.and_(decision.c.at == merged.c.at, decision.c.decision_id < merged.c.decision_id),
    )
    others = transaction.rows(
        sa.select(merged.c.decision_id, decision.c.decision_id.label("other_id"), earlier.label("earlier"))
        .join(record, record.c.person_id == merged.c.person_id)
        .join(
            decision,
            sa.and_(
                decision.c.record_id == record.c.record_id,
                decision.c.scenario == merged.c.scenario,
                decision.c.step == merged.c.step,
                decision.c.decision_id != merged.c.decision_id,
            ),
        )
        .where(decision.c.outcome == "queued")
    )
    held = ledger.outbox.among([row.other_id for row in others])
    states = {id_: queued.state for id_, queued in held.items() if id_ not in stopped}
    return {
        row.decision_id
        for row in others
        if states.get(row.other_id) in GOT or (states.get(row.other_id) == "queued" and row.earlier)
    }


def _versions(transaction: Transaction, looked_at: sa.TableClause, scenario: str) -> sa.Select:
    """Give the versions of a scenario that the messages come from."""
    decision, enrolment = transaction.table("decision"), transaction.table("enrolment")
    return (
        sa.select(enrolment.c.version)
        .join(decision, decision.c.enrolment_id == enrolment.c.enrolment_id)
        .join(looked_at, looked_at.c.id == decision.c.decision_id)
        .where(looked_at.c.scenario == scenario)
        .distinct()
    )


def _stopped(
    transaction: Transaction,
    project: Project,
    looked_at: sa.TableClause,
    everybody: People,
    form: Scenario,
    version: str,
    as_of: datetime,
) -> sa.Select:
    """Give the messages of a version whose instance is interrupted by now, or can't be asked any more, and why."""
    decision = transaction.table("decision")
    under_way = instances(project, everybody, form, as_of)
    enrolment = under_way.enrolment
    relation = under_way.relation.join(decision, decision.c.enrolment_id == enrolment.c.enrolment_id).join(
        looked_at, looked_at.c.id == decision.c.decision_id
    )
    try:
        stopped, why = under_way.interrupted(form), f"interrupted: {form.stop_when}"
    except ExpressionError:
        stopped, why = sa.true(), BROKEN
    return (
        sa.select(looked_at.c.id, sa.literal(why).label("why"))
        .select_from(relation)
        .where(looked_at.c.scenario == form.scenario, enrolment.c.version == version, stopped)
    )


def _objected(
    transaction: Transaction,
    project: Project,
    messages: Sequence[Queued],
    decided: Mapping[str, Any],
    addresses: Mapping[str, Mapping[str, Any]],
) -> dict[str, str]:
    """Give id -> reason of the letters to organisations that object to advertising by post, or may."""
    letters = [m for m in messages if m.channel == "letter" and m.purpose == "marketing" and m.id in decided]
    if not letters:
        return {}
    import pyarrow as pa

    from hub.warehouse.arrow import numbers, texts

    rows = [(decided[m.id].person_id, addresses[m.id]["postcode"], addresses[m.id]["house_number"]) for m in letters]
    person_ids, postcodes, house_numbers = zip(*sorted(set(rows)), strict=True)
    asked = transaction.load(
        "letters_looked_at",
        pa.table(
            {
                "person_id": numbers(person_ids),
                "postcode": texts(postcodes),
                "house_number": texts(house_numbers),
            }
        ),
    )
    found = {tuple(row)[:3]: row.reason for row in transaction.rows(sa.select(objections(transaction, project, asked)))}
    return {m.id: found[row] for m, row in zip(letters, rows, strict=True) if row in found}


def _listed(
    ledger: Ledger,
    project: Project,
    messages: Sequence[Queued],
    decided: Mapping[str, Any],
    addresses: Mapping[str, Mapping[str, Any]],
    refused: Collection[str],
    as_of: datetime,
) -> dict[str, str]:
    """Give id -> reason of the marketing messages to those whom a do-not-contact register lists, or may list."""
    found: dict[str, str] = {}
    going = [m for m in messages if m.purpose == "marketing" and m.id in addresses and m.id not in refused]
    for name in sorted({message.channel for message in going}):
        channel: Channel = name  # type: ignore[assignment]  # a column of text
        asked = {
            message.id: Approached(
                identifier(channel, addresses[message.id]),
                (decided[message.id].country or "").strip().upper(),
                f"{message.scenario}/{message.step}",
            )
            for message in going
            if message.channel == channel
        }
        answers = consult(project, channel, asked, as_of)
        ledger.consultations.add(answers.proofs)
        found |= answers.refused
    return found


def _suppressed(
    ledger: Ledger,
    project: Project,
    messages: Sequence[Queued],
    addresses: Mapping[str, Mapping[str, Any]],
    given_at: Mapping[str, datetime],
) -> dict[str, str]:
    asked: dict[str, Destined] = {}
    for message in messages:
        if message.id in addresses:
            channel: Channel = message.channel  # type: ignore[assignment]  # a column of text
            asked[message.id] = Destined(channel, addresses[message.id], message.purpose, given_at.get(message.id))
    found = suppressed(ledger.suppressions, project.key, asked)
    return {id_: f"suppressed, {reasons}" for id_, reasons in found.items()}
