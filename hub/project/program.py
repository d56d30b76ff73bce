"""A scenario's steps as a program: each with its name and where it leads, in the order in which they are written.

Steps lead forward only. So one pass over the program in its order brings everybody as far as they can come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from hub.project.lengths import length
from hub.project.scenario import AnyStep, End, Path, Scenario, Send, Wait, kind_of, ways


@dataclass(frozen=True)
class Op:
    """One step: its name, its keys in the file, and the name of the step after it (None at the end).

    `ways` says where each way of a branch begins; None where it leads to the end.
    """

    name: str
    path: Path
    step: AnyStep
    after: str | None
    ways: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Program:
    """All steps of a scenario, in their order."""

    ops: tuple[Op, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Op]:
        """Give the steps by their names."""
        return {op.name: op for op in self.ops}

    @property
    def first(self) -> str:
        """Name the step that people enter at."""
        return self.ops[0].name

    @property
    def sends(self) -> tuple[tuple[Op, Send], ...]:
        """Give the steps that send a message."""
        return tuple((op, op.step) for op in self.ops if isinstance(op.step, Send))

    @property
    def longest(self) -> timedelta:
        """Give the longest time that the waits of one way through it take; waits for a date are not counted."""
        taken: dict[str | None, timedelta] = {None: timedelta()}
        for op in reversed(self.ops):
            following = [taken[name] for name in op.ways.values() or (op.after,)]
            own = _length(op.step) if isinstance(op.step, Wait) else timedelta()
            taken[op.name] = own + (timedelta() if isinstance(op.step, End) else max(following))
        return taken[self.first]


def program(scenario: Scenario) -> Program:
    """Lay out a scenario's steps. A step without a name of its own gets one from what it does: send, wait_2."""
    named = dict(_named(scenario.steps, ("steps",), {}))
    return Program(tuple(_laid_out(scenario.steps, ("steps",), None, named)))


def inside(step: AnyStep, way: str) -> Path:
    """Give the keys from a step to the steps of one of its ways."""
    return (way,) if way in ("then", "else") and hasattr(step, "then") else ("split", way, "steps")


def _named(steps: Sequence[AnyStep], path: Path, used: dict[str, int]) -> Iterator[tuple[Path, str]]:
    for number, step in enumerate(steps):
        wanted = step.name or (step.send if isinstance(step, Send) else kind_of(step))
        used[wanted] = used.get(wanted, 0) + 1
        here = (*path, number)
        yield here, wanted if used[wanted] == 1 or step.name else f"{wanted}_{used[wanted]}"
        for way, inner in ways(step).items():
            yield from _named(inner, (*here, *inside(step, way)), used)


def _laid_out(steps: Sequence[AnyStep], path: Path, after: str | None, named: Mapping[Path, str]) -> Iterator[Op]:
    for number, step in enumerate(steps):
        here = (*path, number)
        following = named.get((*path, number + 1), after)
        if isinstance(step, End):
            following = None
        inner = {way: ((*here, *inside(step, way)), below) for way, below in ways(step).items()}
        starts = {way: named.get((*place, 0), following) for way, (place, _) in inner.items()}
        yield Op(named[here], here, step, following, starts)
        for place, below in inner.values():
            yield from _laid_out(below, place, following, named)


def _length(wait: Wait) -> timedelta:
    written = wait.wait.for_ or wait.wait.at_most
    days, rest = length(written) if written else (0, timedelta())
    return timedelta(days=days) + rest
