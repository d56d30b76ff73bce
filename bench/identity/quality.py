"""How good an answer to "who is who" is: the persons that were found against the persons there are.

Everything is computed in sets, by the sizes of the overlaps of found persons with true ones: pairs are never listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

_SQL = Path(__file__).parent / "sql" / "quality.sql"


@dataclass(frozen=True)
class Shares:
    """Of what was found, how much is right; and of what is true, how much was found."""

    right: int
    found: int
    true: int

    @property
    def precision(self) -> float:
        """The share of what was found that is right; 1 where nothing was found."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """The share of what is true that was found; 1 where there was nothing to find."""
        return self.right / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        both = self.found + self.true
        return 2 * self.right / both if both else 1.0

    def __add__(self, other: Shares) -> Shares:
        """Count both."""
        return Shares(self.right + other.right, self.found + other.found, self.true + other.true)


@dataclass(frozen=True)
class Quality:
    """The quality of an answer.

    `pairs`: of records that are one person. `clusters`: persons of two records or more whose records are exactly those.
    `exact`: how many of all true `persons`, single records included, have exactly their records.
    """

    pairs: Shares
    clusters: Shares
    exact: int
    persons: int

    @property
    def exact_persons(self) -> float:
        """The share of all true persons whose records are exactly those."""
        return self.exact / self.persons

    def __add__(self, other: Quality) -> Quality:
        """Judge two answers about different people as one."""
        return Quality(
            self.pairs + other.pairs,
            self.clusters + other.clusters,
            self.exact + other.exact,
            self.persons + other.persons,
        )

    def as_figures(self, prefix: str = "") -> dict[str, float]:
        """The figures by name, each name with a prefix, rounded to five places."""
        figures = {
            "precision": self.pairs.precision,
            "recall": self.pairs.recall,
            "f1": self.pairs.f1,
            "cluster_precision": self.clusters.precision,
            "cluster_recall": self.clusters.recall,
            "cluster_f1": self.clusters.f1,
            "exact_persons": self.exact_persons,
        }
        return {f"{prefix}{name}": round(figure, 5) for name, figure in figures.items()}


def quality(connection: duckdb.DuckDBPyConnection, found: str, truth: str) -> Quality:
    """Compare two queries that each give (record_id, person), a record at most once.

    Only records of `truth` count. One that `found` does not have is a person of its own.
    """
    connection.execute(f"CREATE OR REPLACE TEMP TABLE found AS {found}")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE truth AS {truth}")
    row = connection.execute(_SQL.read_text("utf-8")).fetchone()
    assert row is not None
    return Quality(Shares(*row[0:3]), Shares(*row[3:6]), *row[6:8])


def of_project(project: Path, truth: Path) -> Quality:
    """Compare what a project published with the truth in a Parquet file of (record_id, person)."""
    with duckdb.connect(str(project / ".hub/published.duckdb"), read_only=True) as published:
        return quality(
            published, "SELECT record_id, person_id AS person FROM source_record", f"SELECT * FROM '{truth}'"
        )
