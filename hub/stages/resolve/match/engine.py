"""The engine: Splink in a DuckDB of its own, in memory, for the length of one run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from hub.errors import ConfigurationError
from hub.project.matching import MatchRules
from hub.stages.resolve.match import model as fields
from hub.stages.resolve.match.decide import decide
from hub.stages.resolve.match.train import Model, train
from hub.warehouse.state import fingerprint

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = {
    "email": "email",
    "phone": "phone",
    "address": "address",
    "postcode": "postcode",
    "street": "street",
    "city": "city",
    "given_name": "formal_name",
    "surname": "surname_word",
    "birth_date": "birth_date",
}
"""Field of a block: the list of the table `people` that holds it."""

FREQUENT = 0.001
"""A surname that a larger share of all people bear is a common one."""

_PEOPLE = Path(__file__).with_name("people.sql")


class Engine:
    """Holds what it is told, prepares a model, and scores pairs. Use it as a context manager."""

    def __init__(self, rules: MatchRules) -> None:
        self.rules = rules
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Open it; ConfigurationError where the extra is not installed."""
        import duckdb

        try:
            import splink  # noqa: F401 - asked for here, so that its absence is told in words
        except ImportError:
            raise ConfigurationError(
                "identity.yaml: `match` needs Splink: `pip install 'schakel[match]'`, or remove `match`"
            ) from None
        self._stack.enter_context(_silence())
        self.connection = self._stack.enter_context(duckdb.connect(":memory:"))
        self.connection.execute("SET enable_progress_bar = false")
        self.connection.execute("SET enable_external_access = false")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def load(self, name: str, rows: pa.Table) -> None:
        """Keep Arrow data as a table."""
        self.connection.register("given_rows", rows)
        self.connection.execute(f'CREATE OR REPLACE TABLE "{name}" AS SELECT * FROM given_rows')
        self.connection.unregister("given_rows")

    def given_names(self) -> list[str]:
        """List the distinct given names."""
        names = "SELECT DISTINCT given_name FROM said_name WHERE given_name IS NOT NULL ORDER BY 1"
        return [row[0] for row in self.connection.execute(names).fetchall()]

    def prepare(self, kept: Model | None) -> Model:
        """Make the table `people`, and give the model: the one that was kept while it fits, else a new one."""
        made_for = fingerprint(
            self.rules.blocks,
            sorted(self.rules.short_names.items()),
            self.rules.review,
            fields.COMPARISONS,
            _people_sql(),
        )
        if kept is not None and kept.made_for == made_for:
            self._make_people(kept.common)
            if abs(self._count() - kept.people) <= self.rules.retrain * max(kept.people, 1):
                return kept
        common = [row[0] for row in self.connection.execute(_COMMON, [FREQUENT]).fetchall()]
        self._make_people(common)
        self.connection.execute("UPDATE people SET changed = true")
        return train(self.connection, self._blocking(), common, made_for)

    def pairs(self, model: Model) -> pa.Table:
        """Give (low, high, score, joined, reason) of all pairs from `review` on, kept ones and new ones."""
        self._score(model)
        decide(self.connection, self.rules.join, self.rules.review, fields.contradicts(model.families))
        found = self.connection.execute("SELECT low, high, score, joined, reason FROM decided ORDER BY ALL")
        return found.fetch_arrow_table()

    def marks(self) -> pa.Table:
        """Give (record_no, mark): what each person looked like when it was compared."""
        return self.connection.execute("SELECT person AS record_no, mark FROM people ORDER BY ALL").fetch_arrow_table()

    def counts(self) -> dict[str, int]:
        """Count the pairs, with the precision that the model expects: the mean of their probabilities, in percent."""
        query = """
            SELECT
                count(*) FILTER (joined),
                coalesce(round(100 * avg(score) FILTER (joined)), 0),
                count(*) FILTER (NOT joined),
                coalesce(round(100 * avg(score) FILTER (NOT joined)), 0)
            FROM decided
        """
        found = self.connection.execute(query).fetchone() or (0, 0, 0, 0)
        names = ("matched_pairs", "matched_expected_precision", "pairs_to_review", "review_expected_precision")
        return {name: int(value) for name, value in zip(names, found, strict=True)}

    def _make_people(self, common: list[str]) -> None:
        import pyarrow as pa

        self.load("common", pa.table({"surname": pa.array(common, pa.string())}))
        self.connection.execute(_people_sql())

    def _count(self) -> int:
        (count,) = self.connection.execute("SELECT count(*) FROM people").fetchone() or (0,)
        return int(count)

    def _blocking(self) -> list[Any]:
        """Give the blocks in Splink's terms: only pairs of which one has changed are compared."""
        from splink.blocking_rule_library import CustomRule

        rules = []
        for block in self.rules.blocks:
            columns = [COLUMNS[field] for field in block]
            equal = " AND ".join(f"l.{column} = r.{column}" for column in columns)
            rules.append(CustomRule(f"{equal} AND (l.changed OR r.changed)", arrays_to_explode=columns))
        return rules

    def _score(self, model: Model) -> None:
        """Make the table `fresh`: (low, high, score, reason, contradicts) of the pairs that are scored in this run."""
        from splink import DuckDBAPI, Linker

        connection = self.connection
        (news,) = connection.execute("SELECT count(*) FROM people WHERE changed").fetchone() or (0,)
        if not news:
            connection.execute(_NO_PAIRS)
            return
        described = fields.settings(model.m, model.u, self._blocking(), model.probability)
        linker = Linker(
            DuckDBAPI(connection=connection).register(connection.table("people")), described, log_level=None
        )
        linker.inference.predict(warning_mode="never").as_duckdbpyrelation().create("predicted")
        connection.execute(
            "CREATE TABLE fresh AS SELECT least(person_l, person_r) AS low, greatest(person_l, person_r) AS high, "
            f"round(match_probability, 4) AS score, {fields.reason()} AS reason, "
            f"{fields.contradicts(model.families)} AS contradicts FROM predicted"
        )


@contextmanager
def _silence() -> Iterator[None]:
    """Keep Splink's messages off the console: they tell nothing that the report does not."""
    logger = logging.getLogger("splink")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _people_sql() -> str:
    return _PEOPLE.read_text(encoding="utf-8")


_NO_PAIRS = "CREATE TABLE fresh (low BIGINT, high BIGINT, score DOUBLE, reason TEXT, contradicts BOOLEAN)"

_COMMON = """
SELECT surname
FROM (
    SELECT word AS surname, count(DISTINCT person) AS bearers
    FROM (SELECT person, unnest(string_split(surname, ' ')) AS word FROM said_name WHERE surname IS NOT NULL)
    GROUP BY word
)
WHERE bearers > greatest(2, ? * (SELECT count(DISTINCT person) FROM said_name))
ORDER BY surname
"""
