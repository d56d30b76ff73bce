"""Splink's side of the identity benchmark: what it cost and how well it answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from bench.identity.quality import Quality, quality
from bench.measure import python
from bench.people import components

THRESHOLDS = (0.2, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999)
"""Where joining could have begun; who has no truth has no way to choose among them."""


@dataclass(frozen=True)
class SplinkAnswer:
    """What Splink found by its recipe, and at the threshold that suits the truth best."""

    cpu_seconds: float
    peak_mib: float
    quality: Quality
    best: Quality
    best_threshold: float

    def as_figures(self, prefix: str) -> dict[str, float]:
        """The figures by name, each with a prefix."""
        return {
            f"{prefix}cpu_seconds": round(self.cpu_seconds, 3),
            f"{prefix}peak_mib": round(self.peak_mib, 1),
            **self.quality.as_figures(prefix),
            f"{prefix}best_threshold_f1": round(self.best.pairs.f1, 5),
            f"{prefix}best_threshold": self.best_threshold,
        }


def splink(recipe: str, records: Path, truth: Path, folder: Path) -> SplinkAnswer:
    """Run Splink by a recipe in a process of its own and judge its answer; its costs include its start."""
    folder.mkdir(parents=True, exist_ok=True)
    clusters, likely = folder / "clusters.parquet", folder / "likely.parquet"
    cost = python("-m", "bench.identity.splink_model", recipe, records, clusters, likely)
    with duckdb.connect() as connection:
        true = f"SELECT * FROM '{truth}'"
        by_recipe = quality(connection, f"SELECT * FROM '{clusters}'", true)
        best, threshold = max(
            ((quality(connection, "SELECT * FROM answer", true), at) for at in _answers(connection, records, likely)),
            key=lambda judged: judged[0].pairs.f1,
        )
    return SplinkAnswer(cost.cpu_seconds, cost.peak_mib, by_recipe, best, threshold)


def _answers(connection: duckdb.DuckDBPyConnection, records: Path, likely: Path) -> Iterator[float]:
    """Give each threshold while the table `answer` (record_id, person) holds what it joins."""
    connection.execute(f"""
        CREATE TEMP TABLE numbered AS
        SELECT record_id, row_number() OVER (ORDER BY record_id) - 1 AS number FROM '{records}'""")
    count = connection.execute("SELECT count(*) FROM numbered").fetchall()[0][0]
    for threshold in THRESHOLDS:
        pairs = connection.execute(f"""
            SELECT a.number AS one, b.number AS other FROM '{likely}' AS pair
            JOIN numbered AS a ON a.record_id = pair.one JOIN numbered AS b ON b.record_id = pair.other
            WHERE probability >= {threshold}""").fetchnumpy()
        person = components(count, np.asarray(pairs["one"]), np.asarray(pairs["other"]))
        connection.register("labels", pa.table({"number": np.arange(count), "person": person}))
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE answer AS SELECT record_id, person FROM numbered JOIN labels USING (number)"
        )
        yield threshold
