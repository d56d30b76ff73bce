"""The words of the pages, in the reader's language; each language is a small YAML file in the folder `words`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "words"
LANGUAGES: tuple[str, ...] = tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@cache
def words(language: str) -> Mapping[str, Any]:
    """Give the words of one language."""
    found: Mapping[str, Any] = yaml.safe_load((FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
    return found


def language_for(chosen: str, accepted: str, own: str) -> str:
    """Choose a language: the `chosen` one, else the first of an Accept-Language header that there is, else our own."""
    wanted = [chosen, *_by_preference(accepted), own]
    return next((code for text in wanted if (code := text.strip().lower()[:2]) in LANGUAGES), "en")


def _by_preference(accepted: str) -> list[str]:
    """Order the languages of an Accept-Language header (RFC 9110) by their weight."""
    weighed: list[tuple[float, int, str]] = []
    for entry in accepted[:200].split(","):
        name, _, weight = entry.partition(";q=")
        try:
            value = float(weight or 1)
        except ValueError:
            value = 0.0
        if value > 0:
            weighed.append((-value, len(weighed), name))
    return [name for _, _, name in sorted(weighed)]
