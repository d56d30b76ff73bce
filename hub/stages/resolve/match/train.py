"""Train: learn from the project's own data how telling each shade of agreement is.

`u` comes from pairs drawn at random (with a fixed seed), and from counting who shares an e-mail address, phone or
address. `m`, and the share of pairs that are one person, come by expectation maximisation (Dempster, Laird and Rubin,
1977), starting from the expert's prior, which counts as much as `PRIOR_PAIRS` pairs: little data leaves it as it is.
Where families are among the people, the shades that contradict keep the prior: housemates would teach that names may
differ.
"""

from __future__ import annotations

import json
from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass
from datetime import datetime
from math import prod
from typing import TYPE_CHECKING, Any

from hub.stages.resolve.match.model import COMPARISONS, LOOK_ALIKES, RELATIVES, prior_m, prior_u, settings

if TYPE_CHECKING:
    import duckdb

SAMPLE = 150_000
SEED = 1
PRIOR_PAIRS = 100
PRIOR_DRAWN = 20_000
PRIOR_COUNTED = 1_000_000
"""How many pairs the prior counts for: of one person; drawn at random; and counted among all pairs."""
ROUNDS = 40
FIRST_SHARE = 0.05
"""The share of people who are thought to have a second self, before anything is known."""
LARGEST_SHARE = 0.01
"""Where there are a few people only, no more than this share of all pairs is thought to be one person."""
PRIOR_RELATIVES = 20
"""How many pairs of relatives are thought to be there, before any are seen."""
LOOK_ALIKES_AT_MOST = 0.5
"""In families there are fewer twins and namesakes than this share of the other relatives."""
KEPT = frozenset({("given_name", 5), ("gender", 1), ("birth_date", 3)})
"""The levels (by their place) that contradict: not learned where families are."""


@dataclass(frozen=True)
class Model:
    """What training found, and of what and when: `people` were made of `records` that tell a name.

    `common` are the surnames that many bear.
    """

    m: dict[str, list[float]]
    u: dict[str, list[float]]
    probability: float
    people: int
    common: list[str]
    made_for: str
    """The fingerprint of the configuration that it was trained for, and of how people are compared."""
    families: bool = True
    """Whether relatives who live together are among them."""
    records: int = 0
    trained_at: str = ""
    """The moment of the run that trained it, in ISO form."""

    def to_json(self) -> str:
        """Write it as text, for the state that is kept."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Model:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))


def train(
    connection: duckdb.DuckDBPyConnection,
    blocking: Sequence[Any],
    common: list[str],
    made_for: str,
    records: int,
    as_of: datetime,
) -> Model:
    """Train on the tables `people` and `blocked`; the same people give the same model."""
    from splink import DuckDBAPI, Linker

    (count,) = connection.execute("SELECT count(*) FROM people").fetchone() or (0,)
    total = max(1.0, count * (count - 1) / 2)
    m, u, share = prior_m(), prior_u(), min(FIRST_SHARE * count / total, LARGEST_SHARE)
    table = DuckDBAPI(connection=connection).register(connection.table("blocked"))
    linker = Linker(table, settings(m, None, list(blocking), share), log_level=None)
    if count > 1:
        linker.training.estimate_u_using_random_sampling(max_pairs=SAMPLE, seed=SEED, min_count_per_level=None)
        u = _learned_u(linker, min(SAMPLE, total))
    linker.inference.predict(warning_mode="never").as_duckdbpyrelation().create("compared")
    names = [comparison.name for comparison in COMPARISONS]
    gammas = ", ".join(f"gamma_{name}" for name in names)
    patterns = connection.execute(f"SELECT count(*), {gammas} FROM compared GROUP BY ALL ORDER BY ALL").fetchall()
    shared = ("postcode", "birth_date", _STREETS)
    postcodes, births, streets = (_sharing(connection, column) for column in shared)
    u["birth_date"] = _births(u["birth_date"], births, total)
    families = _families(connection)
    m, u, share = _maximise(patterns, names, m, u, share, total, postcodes, streets, KEPT if families else frozenset())
    return Model(m, u, share, count, common, made_for, families, records, as_of.isoformat())


def _families(connection: duckdb.DuckDBPyConnection) -> bool:
    """Say whether families are among the people.

    Of relatives who live together few are twins or bear one name. Where such pairs are many and other relatives are
    few, they are no families: each is one person, of whom a given name or birth date was told wrong.
    """
    query = f"SELECT count(*) FILTER ({RELATIVES}), count(*) FILTER ({LOOK_ALIKES}) FROM compared"
    relatives, look_alikes = connection.execute(query).fetchone() or (0, 0)
    return int(look_alikes) < LOOK_ALIKES_AT_MOST * (int(relatives) + PRIOR_RELATIVES)


_STREETS = "list_distinct(list_transform(place, lambda it: it.street || '|' || it.city))"


def _sharing(connection: duckdb.DuckDBPyConnection, column: str) -> float:
    """Count the pairs of people who share a value."""
    values = f"SELECT unnest({column}) AS value FROM people"
    query = f"SELECT sum(holders * (holders - 1) / 2) FROM (SELECT count(*) AS holders FROM ({values}) GROUP BY value)"
    return float((connection.execute(query).fetchone() or (0,))[0] or 0)


def _births(drawn: list[float], equal: float, total: float) -> list[float]:
    """Give `u` of birth dates: equal ones are counted, for a sample has too few."""
    shares = [_smoothed(equal, total, prior_u()["birth_date"][0], PRIOR_COUNTED), *drawn[1:3]]
    return [*shares, 1 - sum(shares)]


def _learned_u(linker: Any, pairs: float) -> dict[str, list[float]]:
    """Read what Splink drew, with the prior as so many more pairs; what is too rare for a sample stays as it was."""
    found: dict[str, list[float]] = {}
    before = prior_u()
    for comparison in linker._settings_obj.comparisons:
        levels = [level for level in comparison.comparison_levels if not level.is_null_level]
        name = comparison.output_column_name
        shares = [
            _smoothed(level.u_probability * pairs, pairs, share, PRIOR_DRAWN)
            if level._has_estimated_u_values
            else share
            for level, share in zip(levels, before[name], strict=True)
        ]
        found[name] = [share / sum(shares) for share in shares]
    return found


def _smoothed(seen: float, among: float, before: float, weight: float) -> float:
    return (seen + weight * before) / (among + weight)


def _maximise(
    patterns: list[tuple[int, ...]],
    names: list[str],
    m: dict[str, list[float]],
    u: dict[str, list[float]],
    share: float,
    total: float,
    postcodes: float,
    streets: float,
    kept: Set[tuple[str, int]],
) -> tuple[dict[str, list[float]], dict[str, list[float]], float]:
    """Repeat: how likely is each pattern one person; and what do the likely ones look like."""
    before = prior_m()
    for _ in range(ROUNDS):
        likely = [_probability(pattern[1:], names, m, u, share) for pattern in patterns]
        u = {**u, "contact": _contact(patterns, likely, names, total, postcodes, streets)}
        matched = sum(chance * pattern[0] for chance, pattern in zip(likely, patterns, strict=True))
        share = min(max(matched, 1.0) / total, LARGEST_SHARE)
        m = {name: _shares(name, place, patterns, likely, before[name], kept) for place, name in enumerate(names, 1)}
    return m, u, share


def _probability(
    gammas: Sequence[int], names: list[str], m: dict[str, list[float]], u: dict[str, list[float]], share: float
) -> float:
    places = {name: len(m[name]) - 1 - gamma for name, gamma in zip(names, gammas, strict=True) if gamma >= 0}
    odds = share / (1 - share) * prod(m[name][place] / u[name][place] for name, place in places.items())
    return odds / (1 + odds)


def _shares(
    name: str,
    column: int,
    patterns: list[tuple[int, ...]],
    likely: list[float],
    before: list[float],
    kept: Set[tuple[str, int]],
) -> list[float]:
    """Give `m` of one comparison: what is seen, and the prior as so many more pairs; those `kept` as they were."""
    seen = [PRIOR_PAIRS * share for share in before]
    for pattern, chance in zip(patterns, likely, strict=True):
        if pattern[column] >= 0:
            seen[len(before) - 1 - pattern[column]] += chance * pattern[0]
    fixed = {place for place in range(len(before)) if (name, place) in kept}
    free = 1 - sum(before[place] for place in fixed)
    others = sum(value for place, value in enumerate(seen) if place not in fixed)
    return [before[place] if place in fixed else free * value / others for place, value in enumerate(seen)]


def _contact(
    patterns: list[tuple[int, ...]],
    likely: list[float],
    names: list[str],
    total: float,
    postcodes: float,
    streets: float,
) -> list[float]:
    """Give `u` of contact by counting: all who share an e-mail address, phone or address are compared."""
    column = names.index("contact") + 1
    levels = next(len(comparison.levels) for comparison in COMPARISONS if comparison.name == "contact")
    seen = [0.0] * levels
    for pattern, chance in zip(patterns, likely, strict=True):
        if pattern[column] >= 0:
            seen[levels - 1 - pattern[column]] += (1 - chance) * pattern[0]
    before = prior_u()["contact"]
    shares = [_smoothed(count, total, share, PRIOR_COUNTED) for count, share in zip(seen, before, strict=True)]
    shares[-5:-3] = before[-5:-3]  # not all who are a slip apart are compared
    shares[-3] = _smoothed(max(streets - sum(seen[2:-5]), 0.0), total, before[-3], PRIOR_COUNTED)
    shares[-2] = _smoothed(max(postcodes - max(streets, sum(seen[2:-5])), 0.0), total, before[-2], PRIOR_COUNTED)
    shares[-1] = 1 - sum(shares[:-1])
    return shares
