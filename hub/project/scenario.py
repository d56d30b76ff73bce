"""scenarios/*.yaml, as models: what starts a scenario, for whom, its steps, and what ends it.

Steps read like a recipe: send, wait, if, split, end, and what else can be done (see actions). They only ever lead
forward, so that one pass over them in the order in which they are written brings everybody as far as time and facts
allow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator

from hub.contracts import Channel
from hub.errors import suggest
from hub.project.actions import ACTION_KEYS, Action, AddTo, Banner, Post, RemoveFrom, SetFields, Task, expressions_of
from hub.project.cases import ScenarioCase
from hub.project.consent_terms import ConsentChannel
from hub.project.lengths import Clock, Length, Loses
from hub.project.models import Duration, Expression, Form, Percentage

_PER = re.compile(r"([a-z][a-z0-9_]*)(?:, (?:(once)|(each time)|again after (\d+ (?:day|week)s?)))?")
PERSON = "person"

Path = tuple[str | int, ...]


def _listed(value: Any) -> Any:
    """One channel may stand without brackets."""
    return [value] if isinstance(value, str) else value


class EventTrigger(Form):
    """One thing that starts a scenario: something that happened, a segment, a condition, a date or the calendar."""

    event: str | None = Field(None, description="The type of an activity or web_event: newsletter_subscribed.")
    of: str | None = Field(None, description="A table whose rows belong to people and have a time.")
    where: Expression | None = Field(None, description="With `event` or `of`: only rows that meet this condition.")
    enters: str | None = Field(None, description="A segment: the person enters it.")
    leaves: str | None = Field(None, description="A segment: the person leaves it.")
    becomes: Expression | None = Field(
        None,
        description="A condition on the person that comes true: a score that reaches a threshold. Those for whom it "
        "is true already when the hub first looks do not start.",
    )
    date: Expression | None = Field(None, description="A date or moment of the person that is reached.")
    every: Literal["day", "week", "month", "quarter", "year"] | None = Field(
        None, description="Everybody in the target starts on the first day of each; weeks begin on Monday."
    )

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = [name for name in KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"a trigger has exactly one of {', '.join(KINDS)}")
        if self.where is not None and given[0] not in ("event", "of"):
            raise ValueError("`where` goes with `event` and `of` only")
        return self


KINDS = ("event", "of", "enters", "leaves", "becomes", "date", "every")
"""The kinds of triggers, by their key."""


class Trigger(Form):
    """What starts a scenario for a person."""

    any: list[EventTrigger] = Field(min_length=1, description="Any of these starts it.")


class Goal(Form):
    """What the scenario is for, to measure it by: a row that somebody who enters has within a length of time."""

    of: str = Field(description="A table whose rows belong to people and have a time: sales_order.")
    where: Expression | None = Field(None, description="Only rows that meet this condition.")
    within: Length = Field(description="How long after the entry a row counts: 30 days.")
    value: Expression | None = Field(None, description="What a row is worth: total.")


class Confirms(Form):
    """What the people of a scenario are asked to confirm: the second step of a double opt-in."""

    channel: ConsentChannel = Field(description="The channel that they say yes to.")
    purpose: Literal["marketing", "profiling"] = Field("marketing", description="What they say yes to.")
    text: str = Field("", description="The words that the message shows: a text of consent-texts.yaml.")


class Send(Form):
    """Send one message: by the first channel of the list on which the person can be reached and may be written to.

    Where a message bounces for good or is not taken, the next channel follows while the message is still valid.
    """

    send: str = Field(description="The template: a folder under templates/.")
    by: Annotated[list[Channel], BeforeValidator(_listed, json_schema_input_type=Channel | list[Channel])] = Field(
        min_length=1, description="Channels in order of preference."
    )
    content: dict[str, Expression] | None = Field(
        None, description="Values for the template, by name: the personalisation (R11)."
    )
    recommendations: int | None = Field(
        None,
        ge=1,
        description="So many of the person's recommendations go to the template, as the list `recommendations`.",
    )
    if_capped: Loses = Field(
        "wait",
        description="Where a limit of hub.yaml is reached: wait until it allows, drop the message and go on, try the "
        "next channel, or move its turn on by a length of time: 3 days.",
    )
    if_outranked: Loses = Field(
        "wait",
        description="Where another scenario writes to the person today: wait until tomorrow, drop the message and go "
        "on, or move its turn on by a length of time: 3 days.",
    )
    name: str | None = Field(None, description="The step's own name; the template's where absent.")

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        twice = next((channel for channel in self.by if self.by.count(channel) > 1), None)
        if twice is not None:
            raise ValueError(f"`by` names {twice} twice: a message that did not arrive would take the same way again")
        return self

    @model_validator(mode="after")
    def _another_day(self) -> Self:
        if self.if_outranked == "next channel":
            raise ValueError("one message goes per person and day, over all channels: write another `if_outranked`")
        return self


class WaitFor(Form):
    """What is waited for, where it is more than a length of time."""

    for_: Length | None = Field(None, alias="for", description="A length of time: 7 days.")
    until: Expression | None = Field(None, description="A condition that ends the wait as soon as it holds.")
    at_most: Length | None = Field(None, description="With `until`: then it goes on in any case.")
    date: Expression | None = Field(None, description="A date or moment to wait for; who has none, ends here.")
    to: Literal["working day", "working day of the person"] | None = Field(
        None,
        description="On to the next working day: no Saturday, Sunday or public holiday. The holidays are those of the "
        "country in `locale`, or of the country that the person lives in.",
    )
    at: Clock | None = Field(None, description='On to this time of day: "09:00".')

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.until is None) != (self.at_most is None):
            raise ValueError("`until` and `at_most` go together: else people could wait forever")
        if sum(given is not None for given in (self.for_, self.until, self.date)) > 1:
            raise ValueError("a wait has one of `for`, `until` and `date`")
        if self.until is not None and (self.to or self.at):
            raise ValueError("`to` and `at` do not go with `until`: write a second wait")
        if not any((self.for_, self.until, self.date, self.to, self.at)):
            raise ValueError("say what is waited for: for, until, date, to, at")
        return self


def _wait(value: Any) -> Any:
    """A length of time may stand alone."""
    return value if isinstance(value, dict | WaitFor) else {"for": value}


class Wait(Form):
    """Wait: a length of time, until something happens, for a date, to a working day or a time of day."""

    wait: Annotated[WaitFor, BeforeValidator(_wait, json_schema_input_type=Length | WaitFor)] = Field(
        description="How long (7 days), or for what."
    )
    name: str | None = Field(None, description="The step's own name.")


class End(Form):
    """End here. `stop` and `end` alone mean the same."""

    end: str = Field(description="Why, in words.")
    name: str | None = Field(None, description="The step's own name.")


STEPS = ("send", "wait", "if", "split", "end", *ACTION_KEYS)
"""The kinds of steps, by their key."""

USE = "use"
"""The key that stands for shared steps; they are written out before a scenario is read."""


def _key(value: Any) -> str | None:
    given = value if isinstance(value, dict) else dict(value) if isinstance(value, Form) else {}
    return next((key for key in STEPS if key in given or f"{key}_" in given), None)


def kind_of(step: AnyStep) -> str:
    """Name the kind of a step, by its key."""
    return _key(step) or ""


def _step(value: Any) -> Any:
    if value in ("stop", "end"):
        return {"end": ""}
    if isinstance(value, dict) and USE in value:
        raise ValueError(f"`{USE}` stands in scenarios only: shared steps use no others")
    if _key(value) is None:
        near = "".join(suggest(str(key), [*STEPS, USE]) for key in (value if isinstance(value, dict) else [value]))
        raise ValueError(f"a step is one of {', '.join(f'`{key}`' for key in STEPS)}{near and '.'}{near}")
    several = [key for key in STEPS if isinstance(value, dict) and key in value]
    if len(several) > 1:
        raise ValueError(f"a step does one thing: put `{several[1]}` behind a dash of its own, after `{several[0]}`")
    return value


def _steps(value: Any) -> Any:
    if value in ("stop", "end"):
        return [value]
    listed = isinstance(value, list | tuple)
    if not listed:
        raise ValueError("write steps as a list, each behind a dash, or `stop`")
    return value


Step = Annotated[
    Annotated[Send, Tag("step send")]
    | Annotated[Wait, Tag("step wait")]
    | Annotated["If", Tag("step if")]
    | Annotated["Split", Tag("step split")]
    | Annotated[End, Tag("step end")]
    | Annotated[AddTo, Tag("step add_to")]
    | Annotated[RemoveFrom, Tag("step remove_from")]
    | Annotated[SetFields, Tag("step set")]
    | Annotated[Task, Tag("step task")]
    | Annotated[Banner, Tag("step banner")]
    | Annotated[Post, Tag("step post")],
    Discriminator(lambda value: f"step {_key(value)}"),
    BeforeValidator(_step),
]
Steps = Annotated[list[Step], BeforeValidator(_steps, json_schema_input_type=Literal["stop", "end"] | list[Step])]


class If(Form):
    """Go one way or the other. Both ways come together again at the next step, unless they end."""

    if_: Expression = Field(alias="if", description="The condition; what is not known does not meet it.")
    then: Steps = Field(description="The steps where it holds, or `stop`.")
    else_: Steps = Field(default_factory=list, alias="else", description="The steps where it does not.")
    name: str | None = Field(None, description="The step's own name.")


class Branch(Form):
    """One way of a split."""

    share: Percentage = Field(description="The share of people who go this way.")
    steps: Steps = Field(default_factory=list, description="What happens on it.")


class Split(Form):
    """Divide people by chance, to compare ways. The draw follows from the person and never changes."""

    split: dict[str, Branch] = Field(min_length=2, description="The ways, by names of your own; shares make 100%.")
    name: str | None = Field(None, description="The step's own name.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        total = sum(branch.share for branch in self.split.values())
        if abs(total - 1) > 1e-9:
            raise ValueError(f"the shares of a split make 100%, not {total:.0%}")
        return self


If.model_rebuild()
Branch.model_rebuild()
Split.model_rebuild()

AnyStep = Send | Wait | If | Split | End | Action


def _per(value: Any) -> Any:
    found = _PER.fullmatch(value) if isinstance(value, str) else None
    if isinstance(value, str) and found is None:
        raise ValueError("write `person, once`, `person, again after 90 days` or `person, each time`; or a table first")
    if found is not None and found[4] is not None and not int(found[4].split()[0]):
        raise ValueError("again after no time at all would never end: allow at least a day, or write `each time`")
    return value


class Scenario(Form):
    """scenarios/*.yaml: who gets what, when, how, and when not (R11, R15)."""

    scenario: str = Field(description="Its name, in one word.")
    who: str = Field(description="The group, in words.")
    from_: str = Field(alias="from", description="Where the person stands at the start, in words.")
    to: str = Field(description="Where the scenario leads to, in words.")
    trigger: Trigger = Field(description="What starts it.")
    per: Annotated[str, BeforeValidator(_per)] = Field(
        "person, once",
        description="Whose way it is, and how often: `person, once`; `person, again after 90 days` since the last "
        "entry; `person, each time`: a newer trigger ends the running one and starts afresh. With a table in place "
        "of person, each of its rows has a way of its own: `cart, each time`.",
    )
    target: Expression = Field(description="Who may enter.")
    stop_when: Expression = Field(
        description="What interrupts it; may use `entered_at`, `ordered`, `clicked` and so on. Asked before every "
        "step, and again when a message goes out."
    )
    purpose: Literal["marketing", "service"] = Field(
        "marketing", description="What it is for: the consent for this purpose is asked."
    )
    own_similar_products: bool = Field(
        False,
        description="Whether everything in it is about your own products, similar to those that its people bought: "
        "only then does a soft opt-in allow its messages, and only where their templates offer a refusal.",
    )
    confirms: Confirms | None = Field(
        None,
        description="What a click on `confirm_url` in its messages says yes to: the second step of a double opt-in.",
    )
    priority: int = Field(50, ge=0, le=100, description="Higher goes first.")
    value: Expression | None = Field(
        None,
        description="What a message is worth for a person, a number: among scenarios of one priority, the one that is "
        "worth more goes first. Without it, nothing.",
    )
    control_group: Percentage = Field(
        0.0, description="The share of people who enter and get nothing, to compare with."
    )
    valid_for: Duration = Field(
        description="A trigger older than this starts nothing, however late it comes in, and a message that could not "
        "be sent within this time after its turn is not sent any more."
    )
    goal: Goal | None = Field(
        None, description="What it is measured by, against the control group; it changes nobody's way."
    )
    when_changed: Literal["stay", "move"] = Field(
        "stay",
        description="After a change of this file those under way go on with the version they entered (stay), or with "
        "the new one at the step of the same name (move).",
    )
    steps: list[Step] = Field(min_length=1, description="What happens, one after the other.")
    cases: dict[str, ScenarioCase] = Field(
        default_factory=dict, description="Examples that run as tests (`hub test`), each under a sentence."
    )

    @field_validator("valid_for")
    @classmethod
    def _some_time(cls, value: timedelta) -> timedelta:
        if not value:
            raise ValueError("nothing starts within no time at all: write at least a day, `valid_for: 1 day`")
        return value

    @model_validator(mode="after")
    def _is_personal(self) -> Self:
        sends = [step for step in every_step(self.steps) if isinstance(step, Send)]
        if sends and not any(step.content or step.recommendations for step in sends):
            raise ValueError("the personalisation is missing: give `content:` to at least one send (R11)")
        return self

    @property
    def table(self) -> str | None:
        """Name the table whose rows have a way of their own; None where people have it."""
        name = self.per.partition(",")[0]
        return name if name != PERSON else None

    @property
    def entry(self) -> Literal["once", "again", "each time"]:
        """Say how often one may enter."""
        _, _, how = self.per.partition(", ")
        return "again" if how.startswith("again") else "each time" if how == "each time" else "once"

    @property
    def again_after(self) -> str | None:
        """Give the length of time after which one may enter again."""
        return self.per.partition("again after ")[2] or None

    @property
    def text(self) -> str:
        """Write it in its one canonical form, from which `Scenario.model_validate_json` reads it again.

        What it is measured and tested by, and what consent it rests on or asks for, is no part of it: those hold for
        everybody as the file says now, and make no other version.
        """
        kept = self.model_dump(by_alias=True, exclude={"goal", "cases", "own_similar_products", "confirms"})
        return json.dumps(kept, sort_keys=False, default=_written, ensure_ascii=False)


def expressions_in(step: AnyStep) -> Iterator[tuple[Path, Literal["condition", "value", "moment"], str]]:
    """Give the expressions of a step itself: the keys that lead to each, what it must be, and its text."""
    match step:
        case Send():
            yield from ((("content", name), "value", text) for name, text in (step.content or {}).items())
        case Wait():
            if step.wait.until is not None:
                yield ("wait", "until"), "condition", step.wait.until
            if step.wait.date is not None:
                yield ("wait", "date"), "moment", step.wait.date
        case If():
            yield ("if",), "condition", step.if_
        case Split() | End():
            pass
        case _:
            yield from expressions_of(step)


def expressions(scenario: Scenario) -> Iterator[str]:
    """Give every expression that decides something: all but the values for the templates of messages."""
    yield from (scenario.target, scenario.stop_when)
    if scenario.value is not None:
        yield scenario.value
    for trigger in scenario.trigger.any:
        yield from filter(None, (trigger.where, trigger.becomes, trigger.date))
    for step in every_step(scenario.steps):
        if not isinstance(step, Send):
            yield from (text for _, _, text in expressions_in(step))


def every_step(steps: Sequence[AnyStep]) -> Iterator[AnyStep]:
    """Give all steps, those of branches included, in the order in which they are written."""
    for step in steps:
        yield step
        for inner in ways(step).values():
            yield from every_step(inner)


def ways(step: AnyStep) -> dict[str, Sequence[AnyStep]]:
    """Give the ways that a step branches into, by their name."""
    if isinstance(step, If):
        return {"then": step.then, "else": step.else_}
    if isinstance(step, Split):
        return {name: branch.steps for name, branch in step.split.items()}
    return {}


def _written(value: Any) -> str:
    if not isinstance(value, timedelta):
        raise TypeError(type(value).__name__)
    return f"{value // timedelta(minutes=1)} minutes"
