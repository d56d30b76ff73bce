"""A scenario as a picture: its steps from top to bottom, the ways of a branch side by side, in SVG.

Every box tells what the step does, how many are at it now, and what it has done so far. It stands for itself: no
script, no font and no file from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap

from hub.project.diagram import Numbers, begins, labels, told
from hub.project.program import Op, program
from hub.project.scenario import AnyStep, End, If, Scenario, Send, Split, Wait, ways

WIDTH, LINE, PADDING = 230, 17, 12
"""Of a box, of a line of text, and around the text; in pixels, as all lengths here."""
GAP, BESIDE, LETTERS = 26, 24, 32
"""Between steps, between ways side by side, and how many letters go on a line."""

STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1c2733;text-anchor:middle}"
    ".number{font-weight:600;fill:#0b5394}.way{font-size:12px;fill:#51606e;paint-order:stroke;stroke:#fff;stroke-width:4px}"
    "rect,circle{fill:#f4f7fa;stroke:#8ba0b3}.send{fill:#e3f1e4;stroke:#6fa873}.wait{fill:#fff6df;stroke:#cfae62}"
    ".branch{fill:#e7ecfb;stroke:#7f93cf}.end{fill:#eceff2;stroke:#9aa5af}.begin{fill:#ffffff;stroke:#51606e}"
    "path{fill:none;stroke:#7a8896;stroke-width:1.4}"
)


def svg(scenario: Scenario, numbers: Mapping[str, Numbers] | None = None) -> str:
    """Draw a scenario; `numbers` are by the steps' names. The same scenario and numbers give the same picture."""
    laid_out = program(scenario)
    names = {id(op.step): op for op in laid_out.ops}
    drawing = _Drawing(names, numbers or {})
    start = _wrapped(begins(scenario))
    tall = _tall(start)
    block = drawing.measure(scenario.steps)
    width, height = block[0] + 2 * BESIDE, tall + 2 * GAP + block[1] + 2 * GAP
    middle = width / 2
    parts = [*_box(middle, GAP, start, [], "begin")]
    open_at, below = drawing.sequence(scenario.steps, middle, GAP + tall)
    parts += below
    if open_at is not None:
        parts.append(_line(middle, open_at, middle, open_at + GAP - 8))
        parts.append(f'<circle cx="{middle:g}" cy="{open_at + GAP:g}" r="8"/>')
    title = escape(f"{scenario.scenario}: {scenario.from_} to {scenario.to}")
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
            f'viewBox="0 0 {width:g} {height:g}" role="img">',
            f"<title>{title}</title>",
            f"<desc>{escape(scenario.who)}</desc>",
            f"<style>{STYLE}</style>",
            *parts,
            "</svg>",
            "",
        ]
    )


@dataclass(frozen=True)
class _Drawing:
    ops: Mapping[int, Op]
    numbers: Mapping[str, Numbers]

    def measure(self, steps: Sequence[AnyStep]) -> tuple[float, float]:
        """Give how wide and how high steps are, one below the other."""
        sizes = [self._size(step) for step in steps]
        return max([WIDTH, *(size[0] for size in sizes)]), sum(size[1] + GAP for size in sizes)

    def _size(self, step: AnyStep) -> tuple[float, float]:
        inner = [self.measure(below) for below in ways(step).values()]
        own = self._own_height(step)
        if not inner:
            return WIDTH, own
        wide = sum(size[0] for size in inner) + BESIDE * (len(inner) - 1)
        return max(WIDTH, wide), own + GAP + max(size[1] for size in inner) + GAP / 2

    def _own_height(self, step: AnyStep) -> float:
        return _tall([*_wrapped(told(self.ops[id(step)])), *self._numbers(step).lines])

    def _numbers(self, step: AnyStep) -> Numbers:
        return self.numbers.get(self.ops[id(step)].name, Numbers())

    def sequence(self, steps: Sequence[AnyStep], middle: float, top: float) -> tuple[float | None, list[str]]:
        """Draw steps below a point; give where the line goes on, None where everybody has ended, and the parts."""
        open_at: float | None = top
        parts: list[str] = []
        for step in steps:
            if open_at is None:
                break
            parts.append(_arrow(middle, open_at, middle, open_at + GAP))
            open_at, drawn = self._step(step, middle, open_at + GAP)
            parts += drawn
        return open_at, parts

    def _step(self, step: AnyStep, middle: float, top: float) -> tuple[float | None, list[str]]:
        op = self.ops[id(step)]
        parts = list(_box(middle, top, _wrapped(told(op)), self._numbers(step).lines, _kind(step)))
        bottom = top + self._own_height(step)
        below = ways(step)
        if not below:
            return None if isinstance(step, End) else bottom, parts
        sizes = [self.measure(inner)[0] for inner in below.values()]
        ends = top + self._size(step)[1]
        left = middle - (sum(sizes) + BESIDE * (len(sizes) - 1)) / 2
        goes_on = False
        for label, inner, size in zip(labels(op), below.values(), sizes, strict=True):
            column = left + size / 2
            left += size + BESIDE
            parts.append(_bent(middle, bottom, column, bottom + GAP))
            parts.append(f'<text class="way" x="{column:g}" y="{bottom + GAP - 6:g}">{escape(label)}</text>')
            open_at, drawn = self.sequence(inner, column, bottom + GAP)
            parts += drawn
            if open_at is not None:
                goes_on = True
                parts.append(_line(column, open_at, column, ends))
                parts.append(_line(column, ends, middle, ends))
        return ends if goes_on else None, parts


def _kind(step: AnyStep) -> str:
    match step:
        case Send():
            return "send"
        case Wait():
            return "wait"
        case If() | Split():
            return "branch"
        case End():
            return "end"
        case _:
            return "act"


def _wrapped(text: str) -> list[str]:
    return [line for part in text.split("\n") for line in wrap(part, LETTERS) or [""]]


def _tall(lines: Sequence[str]) -> float:
    return len(lines) * LINE + 2 * PADDING


def _box(middle: float, top: float, lines: Sequence[str], numbers: Sequence[str], kind: str) -> Iterator[str]:
    height = _tall([*lines, *numbers])
    yield (
        f'<rect class="{kind}" x="{middle - WIDTH / 2:g}" y="{top:g}" width="{WIDTH}" height="{height:g}" '
        f'rx="{16 if kind in ("end", "begin") else 4}"/>'
    )
    for place, line in enumerate([*lines, *numbers]):
        number = ' class="number"' if place >= len(lines) else ""
        yield f'<text{number} x="{middle:g}" y="{top + PADDING + 13 + place * LINE:g}">{escape(line)}</text>'


def _line(x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<path d="M{x:g} {y:g}L{to_x:g} {to_y:g}"/>'


def _arrow(x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<path d="M{x:g} {y:g}L{to_x:g} {to_y:g}m-4 -6l4 6l4 -6"/>'


def _bent(x: float, y: float, to_x: float, to_y: float) -> str:
    half = (y + to_y) / 2 - 5
    return f'<path d="M{x:g} {y:g}V{half:g}H{to_x:g}V{to_y:g}"/>'
