"""A scenario as a flow chart in Mermaid's notation, which many editors, wikis and code hosts draw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hub.project.actions import told as told_of_action
from hub.project.program import Op, program
from hub.project.scenario import End, EventTrigger, If, Scenario, Send, Split, Wait


@dataclass(frozen=True)
class Numbers:
    """What is known of a step: how many are at it now, and in words what it has done so far."""

    here: int = 0
    did: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """Give both as lines."""
        return [*([f"{self.here:,} here"] if self.here else []), *self.did]


def mermaid(scenario: Scenario, numbers: Mapping[str, Numbers] | None = None) -> str:
    """Draw a scenario; `numbers` are by the steps' names."""
    return "\n".join(_lines(scenario, numbers or {})) + "\n"


def _lines(scenario: Scenario, known: Mapping[str, Numbers]) -> Iterator[str]:
    laid_out = program(scenario)
    numbers = {op.name: f"s{number}" for number, op in enumerate(laid_out.ops, 1)}
    yield "flowchart TD"
    yield f"    start({_quoted(begins(scenario))}) --> {numbers[laid_out.first]}"
    for op in laid_out.ops:
        opens, closes = ("{", "}") if isinstance(op.step, If | Split) else ("[", "]")
        joined = "\n".join([told(op), *known.get(op.name, Numbers()).lines])
        yield f"    {numbers[op.name]}{opens}{_quoted(joined)}{closes}"
        for label, to in _arrows(op):
            arrow = f"-- {_quoted(label)} -->" if label else "-->"
            yield f"    {numbers[op.name]} {arrow} {numbers[to] if to is not None else 'finish'}"
    yield "    finish((end))"


def _arrows(op: Op) -> list[tuple[str, str | None]]:
    match op.step:
        case If():
            return [("yes", op.ways["then"]), ("no", op.ways["else"])]
        case Split():
            return [(f"{way}: {branch.share:.0%}", op.ways[way]) for way, branch in op.step.split.items()]
        case _:
            return [("", op.after)]


def begins(scenario: Scenario) -> str:
    """Say what starts a scenario, and whose way it is."""
    return " or ".join(_trigger(trigger) for trigger in scenario.trigger.any) + "\n" + scenario.per


def labels(op: Op) -> list[str]:
    """Name the ways of a branch, in their order."""
    return [label for label, _ in _arrows(op)]


def told(op: Op) -> str:
    """Say what a step does."""
    match op.step:
        case Send():
            return f"send {op.step.send}\nby {', else '.join(op.step.by)}"
        case Wait():
            wait = op.step.wait
            said = (
                wait.for_,
                f"until {wait.until}, at most {wait.at_most}" if wait.until else None,
                f"for {wait.date}" if wait.date else None,
                f"to a {wait.to}" if wait.to else None,
                f"at {wait.at}" if wait.at else None,
            )
            return "wait " + ", ".join(filter(None, said))
        case If():
            return op.step.if_
        case Split():
            return "split"
        case End():
            return f"end: {op.step.end}" if op.step.end else "end"
        case _:
            return told_of_action(op.step)


def _trigger(trigger: EventTrigger) -> str:
    told = next(f"{name} {value}" for name, value in trigger.model_dump(exclude_none=True).items() if name != "where")
    return told.removeprefix("event ") + (f" where {trigger.where}" if trigger.where else "")


def _quoted(text: str) -> str:
    """Write a label: Mermaid reads entities, and breaks lines at <br/>."""
    for sign, entity in (("&", "#amp;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        text = text.replace(sign, entity)
    return '"' + text.replace("\n", "<br/>") + '"'
