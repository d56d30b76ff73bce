"""A message as it would go out now to one person: rendered by every channel of its step, and sent by none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.contracts import Channel, Destination, Message
from hub.errors import ConfigurationError, RejectedError, suggest
from hub.ledger import Ledger
from hub.links import links
from hub.people.facts import facts
from hub.people.scope import person_scope
from hub.project import Project
from hub.project.program import Op
from hub.project.scenario import Send
from hub.recipients import full_name, recipient
from hub.registry import Registry
from hub.simulation.scratch import scratch_of_one
from hub.stages.activate.compose import template_values
from hub.stages.decide.channels import choose
from hub.stages.decide.plan import Plan, plan_of
from hub.stages.decide.queue import content_of, turn_of
from hub.stages.decide.tick import Tick
from hub.templates import NotRenderedError, Renderer, load_template
from hub.tokens import token
from hub.warehouse import Transaction, Warehouse

PREVIEW = "preview"
"""In place of the message's id: its unsubscribe link leads nowhere."""


@dataclass(frozen=True)
class Rendered:
    """The message by one channel. `reason`: why the channel would be chosen for this person, or would not.

    `content` holds the parts as the template gives them, `files` what the destination makes of them; `problem` says
    what can't be rendered.
    """

    channel: Channel
    works: bool
    reason: str
    content: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    problem: str = ""


def preview_message(
    project: Project, scenario: str, step: str, person_id: int, as_of: datetime, registry: Registry | None = None
) -> tuple[Rendered, ...]:
    """Render the message of a step for a person, by all channels of the step.

    Who is in the scenario gets it by their last way; others as if they had entered at this moment. Raises
    ConfigurationError for a scenario or step that there is not, and where the person has no row to enter with.
    """
    op, send, plan = _step(project, scenario, step)
    with scratch_of_one(project, person_id, as_of) as (own, warehouse, ledger):
        values, chosen = _decide(warehouse, ledger, own, plan, op, send, as_of)
    renderer = Renderer((registry or Registry()).template_filters)
    return tuple(_render(project, renderer, send, as_of, values, row) for row in chosen)


def _step(project: Project, scenario: str, step: str) -> tuple[Op, Send, Plan]:
    found = project.scenarios.get(scenario)
    if found is None:
        raise ConfigurationError(f"there is no scenario '{scenario}'.{suggest(scenario, project.scenarios)}")
    plan = plan_of(project, found)
    sends = {op.name: (op, send) for op, send in plan.program.sends}
    if step not in sends:
        raise ConfigurationError(
            f"'{scenario}' has no step '{step}' that sends.{suggest(step, sends)} Its messages: {', '.join(sends)}."
        )
    return *sends[step], plan


@dataclass(frozen=True)
class _Chosen:
    """What the hub would decide about one channel."""

    channel: Channel
    works: bool
    reason: str


def _decide(
    warehouse: Warehouse, ledger: Ledger, project: Project, plan: Plan, op: Op, send: Send, as_of: datetime
) -> tuple[dict[str, Any], list[_Chosen]]:
    """Give the values for the template, and channel by channel whether it works."""
    with warehouse.begin() as transaction:
        tick = Tick(transaction, ledger, project, plan, person_scope(transaction, project, as_of), as_of)
        way = _way(tick, op)
        mine = tick.enrolment.c.enrolment_id == way
        under_way = tick.instances()
        content = sa.select(content_of(tick, send, under_way)).select_from(under_way.relation).where(mine)
        values: dict[str, Any] = json.loads(transaction.scalar(content))
        turn = transaction.hold("turn", turn_of(tick, mine))
        chosen = []
        for channel in send.by:
            found = choose(tick, [channel], turn)
            (row,) = transaction.rows(sa.select(found.c.outcome, found.c.reason))
            chosen.append(_Chosen(channel, row.outcome == "queued", row.reason))
    return values, chosen


def _way(tick: Tick, op: Op) -> str:
    """Name the person's last way through the scenario, or let them enter now."""
    enrolment = tick.enrolment
    last = sa.select(enrolment.c.enrolment_id).where(enrolment.c.scenario == tick.plan.name)
    found = tick.transaction.scalar(last.order_by(enrolment.c.entered_at.desc(), enrolment.c.enrolment_id).limit(1))
    if found is not None:
        return str(found)
    person = tick.transaction.table("person")
    tick.transaction.execute(
        sa.insert(enrolment).values(
            enrolment_id=PREVIEW,
            scenario=tick.plan.name,
            version=tick.plan.version,
            record_id=tick.transaction.scalar(sa.select(person.c.record_id)),
            row_key=_newest_row(tick.transaction, tick),
            occurrence=1,
            entered_at=tick.as_of,
            step=op.name,
            since=tick.as_of,
            status="active",
        )
    )
    return PREVIEW


def _newest_row(transaction: Transaction, tick: Tick) -> str:
    """Name the row to enter with, where each row of a table has a way of its own."""
    table = tick.plan.scenario.table
    if table is None:
        return ""
    rows = facts(tick.project.schema, table)
    own, time = rows.rows, rows.names[rows.table.time or "at"].element
    newest = sa.select(own.c.connection + ":" + own.c.source_key).order_by(time.desc().nulls_last(), own.c.source_key)
    found = transaction.scalar(newest.limit(1))
    if found is None:
        raise ConfigurationError(f"this person has no {table}: preview it with somebody who has")
    return str(found)


def _render(
    project: Project, renderer: Renderer, send: Send, as_of: datetime, given: Mapping[str, Any], chosen: _Chosen
) -> Rendered:
    connection = project.channel(chosen.channel)
    plugin = connection.open() if connection is not None else None
    destination = plugin if isinstance(plugin, Destination) else None
    unsubscribe = token(project.key, "unsubscribe", PREVIEW)
    own = destination.unsubscribe_url(unsubscribe) if destination is not None else ""
    values = template_values(given, {**links(project.key, project.hub.public_url, PREVIEW), "unsubscribe_url": own})
    template = load_template(project.templates, send.send, chosen.channel)
    content: Mapping[str, str] = {}
    try:
        content = renderer.render(template.text, values)
        message = Message(
            id=PREVIEW,
            channel=chosen.channel,
            recipient=recipient(chosen.channel, given, full_name(given)),
            content=content,
            queued_at=as_of,
            unsubscribe_token=unsubscribe,
            data=values if chosen.channel == "letter" else {},
        )
        files = destination.preview(message) if destination is not None else {}
    except NotRenderedError as error:
        return Rendered(chosen.channel, chosen.works, chosen.reason, problem=str(error))
    except RejectedError as error:
        return Rendered(chosen.channel, chosen.works, chosen.reason, content, problem=str(error))
    return Rendered(chosen.channel, chosen.works, chosen.reason, content, files)
