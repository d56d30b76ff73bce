"""One person at a time: what scenarios must decide, as a plain loop without sets or SQL, to hold the engine against.

It knows triggers by event, the three ways of entering, control groups, targets, interruptions, all steps that move
somebody on, fallback by outcome, and arbitration by priority. Steps are named s0, s1 ... in the order of writing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from hashlib import md5
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Amsterdam")
DIED = ("bounced", "rejected")


@dataclass
class Sent:
    """A message, of the hub (`way` is whose) or of another system."""

    at: datetime
    channel: str
    scenario: str | None = None
    step: str | None = None
    turn: datetime | None = None
    way: Way | None = None
    failed: str | None = None
    clicked: datetime | None = None


@dataclass
class Way:
    """One way through a scenario; `left` is what is still to be done, the step at hand first."""

    scenario: Mapping[str, Any]
    occurrence: int
    entered_at: datetime
    since: datetime
    left: list[Mapping[str, Any]]
    status: str = "active"
    reason: str | None = None
    due: datetime | None = None
    last: Sent | None = None

    def go_on(
        self, left: Sequence[Mapping[str, Any]], since: datetime | None = None, reason: str | None = None
    ) -> None:
        self.left, self.since, self.due, self.reason = list(left), since or self.since, None, None
        if not self.left:
            self.status, self.reason = "done", reason or "came to its end"


@dataclass
class Person:
    """Somebody with what is known of them by now, each fact with its moment."""

    record: str
    channels: frozenset[str]
    interests: str | None
    events: list[tuple[datetime, str]] = field(default_factory=list)
    orders: list[datetime] = field(default_factory=list)
    consents: list[tuple[datetime, str, bool]] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)
    refused: set[tuple[str, int, str]] = field(default_factory=set)
    dropped: set[tuple[str, int, str]] = field(default_factory=set)


def local(moment: datetime) -> datetime:
    return moment.astimezone(ZONE)


def plus(moment: datetime, written: str) -> datetime:
    """Days end at the same time on the clock, hours are exact."""
    number, unit = int(written.split()[0]), written.split()[1].rstrip("s")
    if unit == "day":
        return (local(moment) + timedelta(days=number)).astimezone(UTC)
    return moment + timedelta(**{f"{unit}s": number})


def on_the_clock(day: date, clock: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), ZONE).astimezone(UTC)


def drawn(purpose: str, record: str) -> float:
    return int(md5(f"{purpose}{record}".encode()).hexdigest()[:8], 16) / 2**32  # the draw is no secret


@dataclass
class Decider:
    """The scenarios and limits of a project; `holidays` are days without messages."""

    scenarios: Sequence[Mapping[str, Any]]
    limits: Mapping[str, Any]
    holidays: frozenset[date]

    def run(self, person: Person, now: datetime) -> None:
        """Decide everything for one person at a moment."""
        for scenario in sorted(self.scenarios, key=lambda it: -it["priority"]):
            self._enter(person, scenario, now)
            mine = [way for way in person.ways if way.scenario is scenario]
            for way in mine:
                if way.status == "active" and holds(scenario["stop_when"], person, way, now):
                    way.status, way.reason = "stopped", f"interrupted: {scenario['stop_when']}"
            self._fall_back(person, scenario, mine, now)
            for number in range(steps_in(scenario["steps"])):
                here = [way for way in mine if way.status == "active" and way.left[0]["name"] == f"s{number}"]
                for way in sorted(here, key=lambda it: (it.since, it.occurrence)):
                    self._step(person, scenario, way, now)

    def _enter(self, person: Person, scenario: Mapping[str, Any], now: datetime) -> None:
        types = {trigger["event"] for trigger in scenario["trigger"]["any"]}
        oldest = now - timedelta(days=int(scenario["valid_for"].split()[0]))
        came = sorted(at for at, type_ in person.events if type_ in types and oldest < at <= now)
        while True:
            mine = [way for way in person.ways if way.scenario is scenario]
            last = max((way.entered_at for way in mine), default=None)
            how = scenario["per"].partition(", ")[2]
            if how == "once":
                may = came if last is None else []
            elif how == "each time":
                may = [at for at in came if last is None or at > last][-1:]
            else:
                may = [at for at in came if last is None or at >= plus(last, how.removeprefix("again after "))]
            if not may or not (scenario["target"] == "true" or person.interests == "cat"):
                return
            for way in mine if how == "each time" else []:
                if way.status == "active":
                    way.status, way.reason = "stopped", "started afresh: triggered again"
            entered = Way(scenario, len(mine) + 1, may[0], may[0], list(scenario["steps"]))
            person.ways.append(entered)
            if drawn(f"control|{scenario['scenario']}|", person.record) < scenario["control"]:
                entered.status = "control"
                entered.reason = "in the control group: gets nothing, to compare with"
            if not how.startswith("again"):
                return

    def _fall_back(self, person: Person, scenario: Mapping[str, Any], mine: Sequence[Way], now: datetime) -> None:
        valid_for = timedelta(days=int(scenario["valid_for"].split()[0]))
        for way in mine:
            died = way.last
            if way.status not in ("active", "done") or died is None or died.failed not in DIED or died.turn is None:
                continue
            send = next(step for step in every(scenario["steps"]) if step["name"] == died.step)
            channels = send["by"][send["by"].index(died.channel) + 1 :]
            if died.turn + valid_for <= now or holds(scenario["stop_when"], person, way, now):
                continue
            channel = next((it for it in channels if self._works(person, scenario, it, now)), None)
            if channel is not None and self._held(person, scenario, way, channel, now) is None:
                way.last = Sent(now, channel, scenario["scenario"], died.step, died.turn, way)
                person.sent.append(way.last)

    def _step(self, person: Person, scenario: Mapping[str, Any], way: Way, now: datetime) -> None:
        step, rest = way.left[0], way.left[1:]
        if "send" in step:
            self._send(person, scenario, way, now)
        elif "wait" in step:
            wait = step["wait"]
            until = wait.get("until")
            way.due = plus(way.since, wait.get("for") or wait["at_most"]) if way.due is None else way.due
            if until is not None and holds(until, person, way, now):
                way.go_on(rest, min(way.due, now))
            elif way.due <= now:
                way.go_on(rest, way.due)
        elif "if" in step:
            way.go_on([*step["then" if holds(step["if"], person, way, now) else "else"], *rest])
        elif "split" in step:
            draw, below = drawn(f"split|{scenario['scenario']}|{step['name']}|", person.record), 0.0
            for branch in step["split"].values():
                below += branch["part"]
                if draw < below:
                    break
            way.go_on([*branch["steps"], *rest])
        else:
            way.go_on([], reason=step["end"])

    def _send(self, person: Person, scenario: Mapping[str, Any], way: Way, now: datetime) -> None:
        step, rest = way.left[0], way.left[1:]
        decided = (scenario["scenario"], way.occurrence, step["name"])
        if way.since <= now - timedelta(days=int(scenario["valid_for"].split()[0])):
            way.status, way.reason = "stopped", "too late: nothing could be sent in time"
            return
        if way.since > now:
            return
        channel = next((it for it in step["by"] if self._works(person, scenario, it, now)), None)
        if channel is None:
            way.reason = None
            person.refused.add(decided)
            return
        held = self._held(person, scenario, way, channel, now)
        if held is None:
            person.refused.discard(decided)
            way.last = Sent(now, channel, scenario["scenario"], step["name"], way.since, way)
            person.sent.append(way.last)
            way.go_on(rest, now, "message queued")
            return
        why, lost = held
        loses = step.get(f"if_{lost}", "wait") if lost else "wait"
        if loses == "drop":
            person.refused.discard(decided)
            person.dropped.add(decided)
            way.go_on(rest, now)
        elif loses == "wait":
            way.reason = why
        else:
            way.since, way.reason = plus(now, loses), f"{why}: moved on by {loses}"

    def _works(self, person: Person, scenario: Mapping[str, Any], channel: str, now: datetime) -> bool:
        said = sorted((at, given) for at, on, given in person.consents if on == channel and at <= now)
        may = scenario["purpose"] == "service" or bool(said and said[-1][1])
        return channel in person.channels and may

    def _held(
        self, person: Person, scenario: Mapping[str, Any], way: Way, channel: str, now: datetime
    ) -> tuple[str, str | None] | None:
        if scenario["purpose"] == "service":
            return None
        today = local(now).date()
        start, _, end = self.limits["quiet"]["send"].partition("-")
        is_open = on_the_clock(today, start) <= now < on_the_clock(today, end)
        if not is_open or today.weekday() == 6 or today in self.holidays:
            return "quiet hours: no message goes now", None
        counting = [it for it in person.sent if it.failed is None and self._is_marketing(it) and it.at <= now]
        if any(it.way not in (None, way) and local(it.at).date() == today for it in counting):
            return "another scenario goes first today", "outranked"
        for by, written in (("", self.limits["marketing"]), *self.limits["channels"].items()):
            number, days = int(written.split()[0]), int(written.split()[2])
            since = (local(now) - timedelta(days=days)).astimezone(UTC)
            if by in ("", channel) and sum(it.at > since and by in ("", it.channel) for it in counting) >= number:
                return f"limit reached: {number} {by or 'marketing'} messages in {days} days", "capped"
        return None

    def _is_marketing(self, sent: Sent) -> bool:
        return all(it["purpose"] == "marketing" for it in self.scenarios if it["scenario"] == sent.scenario)


def holds(condition: str, person: Person, way: Way, now: datetime) -> bool:
    """Say whether a condition holds: words with `or` or `and` between them, `not` before them."""
    if " or " in condition:
        return any(holds(part, person, way, now) for part in condition.split(" or "))
    if " and " in condition:
        return all(holds(part, person, way, now) for part in condition.split(" and "))
    if condition.startswith("not "):
        return not holds(condition.removeprefix("not "), person, way, now)
    last = way.last
    return {
        "true": True,
        "false": False,
        "ordered": any(way.entered_at < at <= now for at in person.orders),
        "sent": last is not None,
        "clicked": last is not None and last.clicked is not None and last.clicked <= now,
        "bounced": last is not None and last.failed is not None,
        "happened('visit')": any(type_ == "visit" and way.entered_at < at <= now for at, type_ in person.events),
        "interests = 'cat'": person.interests == "cat",
    }[condition]


def every(steps: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Give all steps, in the order of writing."""
    found: list[Mapping[str, Any]] = []
    for step in steps:
        inner = [step.get("then", []), step.get("else", []), *(it["steps"] for it in step.get("split", {}).values())]
        found += [step, *(one for below in inner for one in every(below))]
    return found


def steps_in(steps: Sequence[Mapping[str, Any]]) -> int:
    return len(every(steps))
