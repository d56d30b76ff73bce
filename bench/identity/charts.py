"""Draw what the identity benchmark found: `python -m bench.identity.charts LINES FOLDER`.

LINES is a file with the benchmark's lines of JSON, one per size. Two SVG files are written: `quality.svg` (F1 at the
largest size, beside Splink's and the goal) and `growth.svg` (CPU seconds by size). A line may lack what was not run.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 330, 60, 50, 50
OURS, THEIRS, HAND = "#1b6f8a", "#d9822b", "#7a8a99"
"""The colours of the hub, of Splink and of what is written by hand."""

QUALITY = (
    ("first world", "f1", "splink_f1"),
    ("second world", "second_f1", "splink_second_f1"),
    ("FEBRL", "febrl_f1", "splink_febrl_f1"),
)
GROWTH = (
    ("hub: resolve", "cpu_seconds", OURS, ""),
    ("by hand: resolve", "reference_cpu_seconds", HAND, ""),
    ("hub: normalise", "normalise_cpu_seconds", OURS, "5 4"),
    ("by hand: normalise", "reference_normalise_cpu_seconds", HAND, "5 4"),
    ("Splink", "splink_cpu_seconds", THEIRS, ""),
)


def quality_chart(result: Mapping[str, Any]) -> str:
    """Draw F1 on each set of records: the hub's, Splink's by its documentation, and the goal."""
    floor = 0.5
    room = (WIDTH - LEFT - 20) / len(QUALITY)

    def height(value: float) -> float:
        return max(0.0, (value - floor) / (1 - floor)) * (HEIGHT - TOP - BOTTOM)

    parts = [_text(LEFT, 24, "F1 of pairs, by set of records (the axis begins at 0.5)", "start")]
    parts += _legend((("hub", OURS, ""), ("Splink, as documented", THEIRS, "")))
    for step in range(6):
        value = floor + step * (1 - floor) / 5
        parts += _ruler(HEIGHT - BOTTOM - height(value), f"{value:.1f}")
    for place, (name, ours, theirs) in enumerate(QUALITY):
        middle = LEFT + (place + 0.5) * room
        for offset, key, colour in ((-62, ours, OURS), (4, theirs, THEIRS)):
            value = float(result[key])
            tall = height(value)
            top = HEIGHT - BOTTOM - tall
            parts.append(
                f'<rect x="{middle + offset:.1f}" y="{top:.1f}" width="58" height="{tall:.1f}" fill="{colour}"/>'
            )
            parts.append(_text(middle + offset + 29, top - 5, f"{value:.3f}"))
        parts.append(_text(middle, HEIGHT - BOTTOM + 20, name))
    goal = HEIGHT - BOTTOM - height(float(result["promised_f1"]))
    parts.append(_line([(LEFT, goal), (WIDTH - 20, goal)], "#b00020", "3 3"))
    return _svg(parts)


def growth_chart(results: Sequence[Mapping[str, Any]]) -> str:
    """Draw CPU seconds by persons: straight lines are linear growth."""
    most_persons = max(float(result["size"]) for result in results)
    most_seconds = max(float(result[key]) for result in results for _, key, *_ in GROWTH if key in result)

    def at(persons: float, seconds: float) -> tuple[float, float]:
        across = LEFT + persons / most_persons * (WIDTH - LEFT - 40)
        return across, HEIGHT - BOTTOM - seconds / most_seconds * (HEIGHT - TOP - BOTTOM)

    parts = [_text(LEFT, 24, "CPU seconds by number of persons (2.4 records each)", "start")]
    parts += _legend([(name, colour, dashes) for name, _, colour, dashes in GROWTH])
    for step in range(5):
        parts += _ruler(at(0, most_seconds * step / 4)[1], f"{most_seconds * step / 4:.0f}")
    for name, key, colour, dashes in GROWTH:
        told = sorted({(_persons(result, key), float(result[key])) for result in results if key in result})
        points = [at(0, 0), *(at(*point) for point in told)]
        parts.append(_line(points, colour, dashes))
        for x, y in points[1:]:
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"><title>{name}</title></circle>')
    for result in results:
        parts.append(_text(at(result["size"], 0)[0], HEIGHT - BOTTOM + 20, f"{result['size'] // 1000}k"))
    return _svg(parts)


def _persons(result: Mapping[str, Any], key: str) -> float:
    """Say of how many people a figure tells: Splink is not given more than it can take."""
    return float(result.get("splink_persons", result["size"]) if key.startswith("splink") else result["size"])


def _legend(entries: Sequence[tuple[str, str, str]]) -> list[str]:
    parts, across = [], float(LEFT)
    for name, colour, dashes in entries:
        parts.append(_line([(across, HEIGHT - 12), (across + 22, HEIGHT - 12)], colour, dashes, 4))
        parts.append(_text(across + 27, HEIGHT - 8, name, "start"))
        across += 44 + 6.6 * len(name)
    return parts


def _ruler(height: float, label: str) -> list[str]:
    return [
        _line([(LEFT, height), (WIDTH - 20, height)], "#e3e7eb", ""),
        _text(LEFT - 8, height + 4, label, "end"),
    ]


def _line(points: Sequence[tuple[float, float]], colour: str, dashes: str, width: int = 2) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dashed}/>'


def _text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{words}</text>'


def _svg(parts: Sequence[str]) -> str:
    style = 'font-family="sans-serif" font-size="12" fill="#222"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {style}>'
    ground = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
    return "\n".join([head, ground, *parts, "</svg>", ""])


def draw(lines: Path, folder: Path) -> None:
    """Write quality.svg and growth.svg from the benchmark's lines."""
    results = [json.loads(line) for line in lines.read_text("utf-8").splitlines() if line.startswith("{")]
    results.sort(key=lambda result: int(result["size"]))
    folder.mkdir(parents=True, exist_ok=True)
    judged = [result for result in results if all(key in result for _, *keys in QUALITY for key in keys)]
    (folder / "quality.svg").write_text(quality_chart(judged[-1]), "utf-8")
    (folder / "growth.svg").write_text(growth_chart(results), "utf-8")


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
