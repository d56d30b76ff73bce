"""The engine decides all people at once what a plain loop decides for one person at a time, over random days (R8-R17).

Scenarios, limits, people and what happens to them are drawn from a number. After every run the engine and the loop in
`one_person` must agree about each way and each message; and the same moment again, nothing remembered, changes nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.project.limits import Limits
from hub.project.scenario import Scenario
from hub.stages.decide import decide
from hub.warehouse import Warehouse
from tests.stages.engagement import Shop, shop_in
from tests.stages.one_person import ZONE, Decider, Person, Sent, every

PEOPLE = 9
RUNS = 7
FIRST_DAYS = (date(2026, 3, 25), date(2026, 10, 21), date(2026, 4, 22))
"""Around both nights on which the clock changes, and the King's birthday."""
HOLIDAYS = frozenset({date(2026, 4, 27), date(2026, 5, 5)})
STARTS = ("newsletter_subscribed", "account_created")
EVENTS = (*STARTS, *STARTS, "visit", "login")
CONDITIONS = ("clicked", "ordered", "bounced", "clicked or ordered", "happened('visit')", "interests = 'cat'")


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Iterator[Shop]:
    with shop_in(tmp_path, warehouse) as opened:
        yield opened


class Drawn:
    """Scenarios and limits drawn by chance."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def scenario(self, name: str, priority: int) -> dict[str, Any]:
        chance = self.chance
        drawn = {
            "scenario": name,
            "who": "some",
            "from": "here",
            "to": "there",
            "trigger": {"any": [{"event": type_} for type_ in chance.sample(STARTS, chance.choice((1, 1, 2)))]},
            "per": chance.choice(("person, once", "person, each time", "person, again after 2 days")),
            "target": chance.choice(("true", "true", "interests = 'cat'")),
            "stop_when": chance.choice(("false", "ordered", "happened('visit')", "ordered and not sent")),
            "purpose": chance.choice(("marketing", "marketing", "marketing", "service")),
            "priority": priority,
            "control": chance.choice((0.0, 0.0, 0.3)),
            "valid_for": chance.choice(("2 days", "4 days", "9 days")),
            "steps": [*self.steps(2), self.send()],
        }
        for number, step in enumerate(every(drawn["steps"])):
            step["name"] = f"s{number}"  # type: ignore[index]
        return drawn

    def steps(self, deep: int) -> list[dict[str, Any]]:
        return [self.step(deep) for _ in range(self.chance.choice((1, 2, 2, 3)))]

    def step(self, deep: int) -> dict[str, Any]:
        chance = self.chance
        kind = chance.choice(("send", "send", "wait", "wait", "until", *(("if", "split") if deep else ())))
        if kind == "send":
            return self.send()
        if kind == "wait":
            return {"wait": {"for": chance.choice(("1 day", "2 days", "5 hours", "25 hours", "30 minutes"))}}
        if kind == "until":
            return {"wait": {"until": chance.choice(CONDITIONS), "at_most": chance.choice(("1 day", "36 hours"))}}
        if kind == "if":
            ends = [{"end": "enough"}] if chance.random() < 0.5 else []
            then = [*self.steps(deep - 1), *ends]
            return {"if": chance.choice(CONDITIONS), "then": then, "else": chance.choice(([], self.steps(deep - 1)))}
        part = chance.choice((0.5, 0.25))
        ways = ((part, self.steps(deep - 1)), (1 - part, []))
        return {"split": {f"w{place}": {"part": share, "steps": inner} for place, (share, inner) in enumerate(ways)}}

    def send(self) -> dict[str, Any]:
        chance = self.chance
        step = {"send": "welcome", "by": chance.choice((["email"], ["email", "sms"], ["sms", "email"]))}
        for what in ("if_capped", "if_outranked"):
            step[what] = chance.choice(("wait", "wait", "drop", "1 day"))
        return step

    def limits(self) -> dict[str, Any]:
        chance = self.chance
        return {
            "marketing": chance.choice(("2 per 7 days", "1 per 2 days", "3 per 3 days")),
            "channels": chance.choice(({}, {"sms": "1 per 3 days"})),
            "quiet": {"send": chance.choice(("09:00-20:00", "00:00-23:59")), "not_on": ["sunday", "holidays"]},
        }


def written(drawn: Mapping[str, Any]) -> Scenario:
    """Write a drawn scenario as a file would."""
    control = f"{drawn['control']:.0%}"
    form = {key: value for key, value in drawn.items() if key != "control"}
    return Scenario.model_validate({**form, "control_group": control, "steps": _steps(drawn["steps"])})


def _steps(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{**step, **_inside(step)} for step in found]


def _inside(step: Mapping[str, Any]) -> dict[str, Any]:
    if "send" in step:
        return {"content": {"species": "coalesce(interests, 'any')"}}
    if "split" in step:
        ways = step["split"].items()
        return {"split": {name: {"share": f"{it['part']:.0%}", "steps": _steps(it["steps"])} for name, it in ways}}
    return {way: _steps(step[way]) for way in ("then", "else") if way in step}


class World:
    """The same facts for the engine and for the loop, each told when it comes in."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self.chance = random.Random(seed)  # chosen, so that a failure can be seen again
        drawn = Drawn(self.chance)
        scenarios = [drawn.scenario(name, 10 * place) for place, name in enumerate(("c", "b", "a"), 1)]
        limits = drawn.limits()
        hub = shop.project.hub.model_copy(update={"limits": Limits.model_validate(limits)})
        made = [written(one) for one in scenarios]
        self.shop = shop.with_(hub=hub, scenarios={one.scenario: one for one in made})
        self.decider = Decider(scenarios, limits, HOLIDAYS)
        self.first = FIRST_DAYS[seed % len(FIRST_DAYS)]
        self.number = 0
        self.coming: list[tuple[datetime, Any]] = []
        self.people = [self.person(number) for number in range(1, PEOPLE + 1)]

    def moment(self, day: float) -> datetime:
        start = datetime.combine(self.first, datetime.min.time(), ZONE)
        return (start + timedelta(minutes=round(day * 1440))).astimezone(UTC)

    def person(self, number: int) -> Person:
        chance = self.chance
        channels = frozenset(chance.choice((["email"], ["sms"], ["email", "sms"], ["email", "sms"])))
        interests = chance.choice(("cat", "dog", None))
        columns = {"email": f"p{number}@example.nl"} if "email" in channels else {}
        columns |= {"phone": f"+3161234567{number}"} if "sms" in channels else {}
        person = Person(self.shop.person(number, interests=interests, **columns), channels, interests)
        for channel in channels:
            self.tell(person, "consent", -30.0, channel, True)
        for _ in range(chance.choice((0, 0, 1, 1, 2))):
            self.tell(
                person, "consent", chance.uniform(0, RUNS), chance.choice(sorted(channels)), chance.random() < 0.4
            )
        for _ in range(chance.choice((1, 2, 3, 5))):
            late = chance.choice((0.0, 0.0, 0.0, 1.5, 3.0, -2.0))
            self.tell(person, "event", chance.uniform(-1, RUNS - 1), chance.choice(EVENTS), late)
        for _ in range(chance.choice((0, 1, 1))):
            self.tell(person, "order", chance.uniform(0, RUNS))
        if chance.random() < 0.3:
            self.tell(person, "other", chance.uniform(0, RUNS), "email")
        return person

    def tell(self, person: Person, what: str, day: float, *more: Any) -> None:
        at = self.moment(day)
        comes = at + timedelta(days=more[1]) if what == "event" else at
        self.coming.append((comes, (person, what, at, more)))

    def come_in(self, now: datetime) -> None:
        """Bring in what has come by now; some of it comes twice, with other bytes."""
        for _, (person, what, at, more) in [it for it in self.coming if it[0] <= now]:
            self.number += 1
            own = {"connection": "shop", "source_key": f"f{self.number}", "record_id": person.record}
            if what == "consent":
                person.consents.append((at, *more))
                self.shop.insert("consent", **own, channel=more[0], given=more[1], purpose="marketing", at=at)
            elif what == "event":
                person.events.append((at, more[0]))
                self.shop.insert("activity", **own, type=more[0], at=at)
            elif what == "order":
                person.orders.append(at)
                self.shop.insert("sales_order", **own, status="paid", ordered_at=at)
            else:
                person.sent.append(Sent(at, more[0]))
                self.shop.insert("message", **own, channel=more[0], purpose="marketing", sent_at=at)
        self.coming = [it for it in self.coming if it[0] > now]

    def react(self, now: datetime) -> None:
        """Let readers of the messages of this run click, or their messages bounce."""
        for person in self.people:
            for sent in person.sent:
                if sent.at != now or sent.way is None:
                    continue
                fate = self.chance.choice(("clicked", "bounced", "rejected", "", "", ""))
                scenario, step = sent.scenario, sent.step
                id_ = self.id_of(person, str(scenario), str(step), sent)
                if fate == "clicked":
                    sent.clicked = now + timedelta(hours=self.chance.choice((1, 20, 40)))
                    self.number += 1
                    own = {"connection": "mail", "source_key": f"f{self.number}", "record_id": person.record}
                    self.shop.insert("message_event", **own, message_key=id_, type="clicked", at=sent.clicked)
                elif fate:
                    sent.failed = fate
                    self.shop.ledger.outbox.move({id_: ""}, fate, now + timedelta(minutes=1))  # type: ignore[arg-type]

    def id_of(self, person: Person, scenario: str, step: str, sent: Sent) -> str:
        with self.shop.warehouse.begin() as transaction:
            decision, enrolment = transaction.table("decision"), transaction.table("enrolment")
            return str(
                transaction.scalar(
                    sa.select(decision.c.decision_id)
                    .join(enrolment, enrolment.c.enrolment_id == decision.c.enrolment_id)
                    .where(
                        decision.c.record_id == person.record,
                        decision.c.scenario == scenario,
                        decision.c.step == step,
                        decision.c.channel == sent.channel,
                        decision.c["at"] == sent.at,
                        enrolment.c.occurrence == (sent.way.occurrence if sent.way else 0),
                    )
                )
            )

    def run(self, now: datetime) -> None:
        decide(self.shop.warehouse, self.shop.ledger, self.shop.project, now)
        for person in self.people:
            self.decider.run(person, now)

    def forget(self) -> None:
        """Forget all that lets a tick be left out."""
        with self.shop.warehouse.begin() as transaction:
            state = transaction.table("stage_state")
            transaction.execute(sa.delete(state).where(state.c.stage.like("decide %")))

    def engine(self) -> list[Any]:
        """Tell ways and messages as the engine left them."""
        found: list[Any] = []
        with self.shop.warehouse.begin() as transaction:
            way, decision = transaction.table("enrolment"), transaction.table("decision")
            for row in transaction.rows(sa.select(way)):
                at_step = (row.step, row.since) if row.status == "active" else ()
                found.append(
                    (row.record_id, row.scenario, row.occurrence, row.entered_at, row.status, row.reason, *at_step)
                )
            joined = sa.select(decision, way.c.occurrence).join(way, way.c.enrolment_id == decision.c.enrolment_id)
            for row in transaction.rows(joined):
                at = (row.channel, row.at) if row.outcome == "queued" else ()
                found.append((row.record_id, row.scenario, row.occurrence, row.step, row.outcome, *at))
        return sorted(found, key=repr)

    def loop(self) -> list[Any]:
        """Tell them as the loop did."""
        found: list[Any] = []
        for person in self.people:
            for way in person.ways:
                at_step = (way.left[0]["name"], way.since) if way.status == "active" else ()
                name = way.scenario["scenario"]
                found.append((person.record, name, way.occurrence, way.entered_at, way.status, way.reason, *at_step))
            for sent in person.sent:
                if sent.way is not None:
                    own = (person.record, sent.scenario, sent.way.occurrence, sent.step)
                    found.append((*own, "queued", sent.channel, sent.at))
            found += [(person.record, *decided, "refused") for decided in person.refused]
            found += [(person.record, *decided, "dropped") for decided in person.dropped]
        return sorted(found, key=repr)


@pytest.mark.parametrize("seed", range(3))
def test_all_people_at_once_go_the_way_that_each_goes_alone(shop: Shop, seed: int) -> None:
    world = World(shop, seed)
    for number in range(RUNS):
        now = world.moment(number + world.chance.choice((0.4, 0.45, 0.05, 0.9)))
        world.come_in(now)
        world.run(now)
        engine, loop = world.engine(), world.loop()
        assert [it for it in engine if it not in loop] == [it for it in loop if it not in engine], now
        if number % 3 == 0:
            world.forget()
            world.run(now)
            assert world.engine() == engine, f"the second time at {now}"
        world.react(now)
    assert any(row[4] == "queued" for row in world.engine())
