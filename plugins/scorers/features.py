"""What scorers learn from: people at a moment, their traits as numbers, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from hub.contracts import Tried

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

COMMONEST = 20
"""Values of a text that count on their own; the others count as one."""


@dataclass(frozen=True)
class Period:
    """People at a moment, and what came of it until the end of the horizon (where that is over)."""

    moment: datetime
    people: pa.Table
    outcome: np.ndarray | None


@dataclass(frozen=True)
class Features:
    """How traits become numbers: as learned from one period, applied to any."""

    traits: tuple[Feature, ...]

    @classmethod
    def of(cls, period: Period, names: Sequence[str]) -> Features:
        """Learn from a period how these traits are spread."""
        return cls(tuple(Feature.of(name, period) for name in names))

    def matrix(self, period: Period) -> np.ndarray:
        """Give a row per person, standardised: nought is the usual."""
        import numpy as np

        return np.hstack([trait.columns(period) for trait in self.traits])

    def summed(self, matrix: np.ndarray) -> np.ndarray:
        """Sum up the columns of each trait."""
        import numpy as np

        ends = np.cumsum([trait.width for trait in self.traits])
        starts = [0, *ends[:-1]]
        return np.column_stack([matrix[:, start:end].sum(axis=1) for start, end in zip(starts, ends, strict=True)])


@dataclass(frozen=True)
class Feature:
    """One trait: a number and whether it is unknown, or one column for each common value of a text.

    What is the same for everybody (nobody's value is known) gives nought throughout, so that it is nobody's reason.
    """

    name: str
    values: tuple[str, ...] | None
    usual: float = 0.0
    spread: float = 1.0
    shares: Mapping[str, float] | None = None
    unknown: float = 0.0

    @property
    def width(self) -> int:
        """Say how many columns it becomes."""
        return 2 if self.values is None else len(self.values)

    @classmethod
    def of(cls, name: str, period: Period) -> Feature:
        """Learn from a period how this trait is spread."""
        import numpy as np
        import pyarrow as pa

        column = period.people.column(name)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            counted = sorted(
                ((entry["counts"], entry["values"]) for entry in column.value_counts().to_pylist()),
                key=lambda entry: (-entry[0], str(entry[1])),
            )
            common = [(value, count / len(column)) for count, value in counted[:COMMONEST] if value is not None]
            return cls(name, tuple(value for value, _ in common), shares=dict(common))
        given = numbers(column, period.moment)
        known = given[~np.isnan(given)]
        usual = float(np.median(known)) if len(known) else 0.0
        spread = float(known.std()) or 1.0 if len(known) else 1.0
        return cls(name, None, usual, spread, unknown=1 - len(known) / max(1, len(given)))

    def columns(self, period: Period) -> np.ndarray:
        """Give its columns, a row per person."""
        import numpy as np

        column = period.people.column(self.name)
        if self.values is not None:
            given = np.array(column.to_pylist(), dtype=object)
            shares = self.shares or {}
            each = [(given == value).astype(float) - shares[value] for value in self.values]
            return np.column_stack(each) if each else np.zeros((len(given), 0))
        known = numbers(column, period.moment)
        unknown = np.isnan(known)
        standard = np.where(unknown, 0.0, (np.where(unknown, self.usual, known) - self.usual) / self.spread)
        return np.column_stack([np.clip(standard, -5, 5), unknown - self.unknown])


def numbers(column: pa.ChunkedArray, moment: datetime | None = None) -> np.ndarray:
    """Give numbers, NaN where there is none; moments and days as days before the moment."""
    import numpy as np
    import pyarrow as pa

    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        seconds = column.cast(pa.timestamp("s", tz="UTC")).cast(pa.int64()).cast(pa.float64())
        now = moment.timestamp() if moment is not None else 0.0
        return (now - np.asarray(seconds.to_numpy(), dtype=float)) / 86_400
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=float)


def raised_most(by_trait: np.ndarray, names: Sequence[str]) -> list[str | None]:
    """Name for each person the trait that raises the score most; none where nothing raises it above the usual."""
    import numpy as np

    most = np.array(names, dtype=object)[by_trait.argmax(axis=1)]
    most[by_trait.max(axis=1) <= 0] = None
    found: list[str | None] = most.tolist()
    return found


def lift_and_calibration(foretold: Mapping[str, np.ndarray], came: np.ndarray) -> Iterator[Tried]:
    """Tell of the model, and of rules beside it, the lift; and what the model foretold for each tenth, and what came.

    The lift is how many times as much came of the tenth of which most was foretold.
    """
    import numpy as np

    for of, given in foretold.items():
        top = np.argsort(-given, kind="stable")[: max(1, len(given) // 10)]
        yield Tried("lift", float(came[top].mean() / came.mean()), of)
    tenths = np.array_split(np.argsort(foretold["model"], kind="stable"), 10)
    for number, each in enumerate(tenths, start=1):
        if len(each):
            yield Tried("foretold", float(foretold["model"][each].mean()), tenth=number)
            yield Tried("came", float(came[each].mean()), tenth=number)
