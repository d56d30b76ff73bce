"""Guards: what holds a sync until a person has looked. They never hold back the removal of who refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hub.project.sync import Sync
from hub.stages.activate.difference import Difference

Guard = Literal["removes", "rows", "drop", "empty"]


@dataclass(frozen=True)
class Held:
    """Which guard holds a sync, and why in words."""

    guard: Guard
    why: str


def held_by(sync: Sync, differs: Difference, source_before: int | None) -> Held | None:
    """Find the first guard that holds; `source_before` is how large the source was when it was last let through."""
    guards, source, there = sync.guards, differs.counts.source, differs.acknowledged
    if source == 0 and there and not guards.may_be_empty:
        return Held(
            "empty", f"the source is empty, and {there} rows are there: write `may_be_empty: true` if it may be"
        )
    left = 0 if sync.on_leaving == "keep" else differs.by_kind.get("left", 0)
    if left > guards.removes * there:
        return Held(
            "removes",
            f"this run would remove {left} of {there} rows ({left / there:.0%}), more than the {guards.removes:.0%} "
            "that `guards: removes` allows",
        )
    if guards.drop is not None and source_before and source < (1 - guards.drop) * source_before:
        share = 1 - source / source_before
        return Held(
            "drop",
            f"the source has {source} rows and had {source_before} ({share:.0%} less), a larger drop than the "
            f"{guards.drop:.0%} that `guards: drop` allows",
        )
    if guards.rows is not None and differs.changed > guards.rows:
        return Held(
            "rows", f"this run would change {differs.changed} rows, more than the {guards.rows} of `guards: rows`"
        )
    return None


def told(sync: Sync, held: Held, refused: int) -> str:
    """Say what is held, what went all the same, and what to do."""
    but = f" but the removal of {refused} who withdrew consent or are suppressed" if refused else ""
    return (
        f"{held.why}; nothing was sent{but}. Look at where the rows come from and at the consent behind them; if they "
        f"are right: `hub plan {sync.sync} --out FILE`, then `hub apply FILE --override REASON`"
    )
