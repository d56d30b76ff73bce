"""A scenario as a flow chart in Mermaid's notation, which many editors, wikis and code hosts draw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hub.project.actions import told
from hub.project.program import Op, program
from hub.project.scenario import End, EventTrigger, If, Scenario, Send, Split, Wait


def mermaid(scenario: Scenario, waiting: Mapping[str, int] | None = None) -> str:
    """Draw a scenario; `waiting` says how many are at each step now, by the step's name."""
    return "\n".join(_lines(scenario, waiting or {})) + "\n"


def _lines(scenario: Scenario, waiting: Mapping[str, int]) -> Iterator[str]:
    laid_out = program(scenario)
    numbers = {op.name: f"s{number}" for number, op in enumerate(laid_out.ops, 1)}
    yield "flowchart TD"
    started = " or ".join(_trigger(trigger) for trigger in scenario.trigger.any)
    begins = _quoted(started + "\n" + scenario.per)
    yield f"    start({begins}) --> {numbers[laid_out.first]}"
    for op in laid_out.ops:
        opens, closes = ("{", "}") if isinstance(op.step, If | Split) else ("[", "]")
        number = waiting.get(op.name, 0)
        told = _told(op) + (f"\n{number:,} here" if number else "")
        yield f"    {numbers[op.name]}{opens}{_quoted(told)}{closes}"
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


def _told(op: Op) -> str:
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
            return told(op.step)


def _trigger(trigger: EventTrigger) -> str:
    told = next(f"{name} {value}" for name, value in trigger.model_dump(exclude_none=True).items() if name != "where")
    return told.removeprefix("event ") + (f" where {trigger.where}" if trigger.where else "")


def _quoted(text: str) -> str:
    """Write a label: Mermaid reads entities, and breaks lines at <br/>."""
    for sign, entity in (("&", "#amp;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        text = text.replace(sign, entity)
    return '"' + text.replace("\n", "<br/>") + '"'
