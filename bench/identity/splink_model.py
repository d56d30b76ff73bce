"""Splink on the same records, by the recipes of its own documentation.

`shop` is the quick start of Splink 5's README with our columns: its comparisons, the prior from deterministic rules at
a recall of 0.7, u from a million random pairs, m by expectation maximisation over blocks, clusters at 0.95. Its two
blocking rules (first name; surname) would compare some billion pairs at our sizes, so the documentation's advice for
larger data is followed: many strict rules. `febrl` is its own example for that data, less the social security number.
Nothing is tuned to our data. Run as `python -m bench.identity.splink_model shop|febrl RECORDS CLUSTERS PREDICTIONS`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

CERTAIN_ENOUGH = 0.95
"""The probability from which the quick start joins records."""

LIKELY = 0.2
"""The probability from which predictions are kept, as the example keeps them."""


@dataclass(frozen=True)
class Recipe:
    """What a recipe of the documentation says: blocks and comparisons in Splink's own terms."""

    comparisons: list[Any]
    blocking: list[Any]
    certain: list[Any]
    recall: float
    training: list[Any]


def shop() -> Recipe:
    """The quick start, for records with names, birth date, address and identifiers."""
    import splink.comparison_library as cl
    from splink import block_on

    keys = ("phone", "customer_number", "loyalty_card")
    return Recipe(
        comparisons=[
            cl.JaroWinklerAtThresholds("given_name", [0.9, 0.7]),
            cl.JaroAtThresholds("surname", [0.9, 0.7]),
            cl.DateOfBirthComparison(
                "birth_date", input_is_string=False, datetime_metrics=["year", "month"], datetime_thresholds=[1, 1]
            ),
            cl.ExactMatch("postcode").configure(term_frequency_adjustments=True),
            cl.EmailComparison("email"),
            *(cl.ExactMatch(key).configure(term_frequency_adjustments=True) for key in keys),
        ],
        blocking=[
            block_on("surname", "birth_date"),
            block_on("given_name", "birth_date"),
            block_on("postcode", "given_name"),
            block_on("postcode", "surname"),
            block_on("email"),
            *(block_on(key) for key in keys),
        ],
        certain=[
            block_on("given_name", "surname", "birth_date"),
            block_on("given_name", "surname", "postcode"),
            block_on("email"),
        ],
        recall=0.7,
        training=[block_on("given_name", "surname"), block_on("birth_date"), block_on("email")],
    )


def febrl() -> Recipe:
    """The example "febrl3", without the number that gives the answer away."""
    import splink.comparison_library as cl
    from splink import block_on

    return Recipe(
        comparisons=[
            cl.NameComparison("given_name"),
            cl.NameComparison("surname"),
            cl.DateOfBirthComparison("birth_date", input_is_string=False),
            cl.ExactMatch("house_number").configure(term_frequency_adjustments=True),
            cl.ExactMatch("postcode").configure(term_frequency_adjustments=True),
        ],
        blocking=[block_on(name) for name in ("given_name", "surname", "birth_date", "postcode")],
        certain=[
            block_on("given_name", "surname", "birth_date"),
            "l.given_name = r.surname and l.surname = r.given_name and l.birth_date = r.birth_date",
        ],
        recall=0.9,
        training=[block_on("birth_date"), block_on("postcode")],
    )


RECIPES: dict[str, Callable[[], Recipe]] = {"shop": shop, "febrl": febrl}


def cluster(recipe: Recipe, records: Path, clusters: Path, predictions: Path) -> None:
    """Train, predict and cluster; write (record_id, person), and the likely pairs (one, other, probability).

    `records` has record_id and the columns of the recipe, as `sql/splink_records.sql` gives them.
    """
    from splink import DuckDBAPI, Linker, SettingsCreator

    with duckdb.connect(config={"temp_directory": str(clusters.parent / "spilled")}) as connection:
        connection.execute(f"CREATE TABLE records AS SELECT * FROM '{records}'")
        settings = SettingsCreator(
            link_type="dedupe_only",
            unique_id_column_name="record_id",
            comparisons=recipe.comparisons,
            blocking_rules_to_generate_predictions=recipe.blocking,
        )
        linker = Linker(DuckDBAPI(connection=connection).register(connection.table("records")), settings)
        linker.training.estimate_probability_two_random_records_match(recipe.certain, recall=recipe.recall)
        linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
        for block in recipe.training:
            linker.training.estimate_parameters_using_expectation_maximisation(block)
        likely = linker.inference.predict(threshold_match_probability=LIKELY)
        found = linker.clustering.cluster_pairwise_predictions_at_threshold(
            likely, threshold_match_probability=CERTAIN_ENOUGH
        )
        found.as_duckdbpyrelation().select("record_id, cluster_id AS person").write_parquet(str(clusters))
        likely.as_duckdbpyrelation().select(
            "record_id_l AS one, record_id_r AS other, match_probability AS probability"
        ).write_parquet(str(predictions))


if __name__ == "__main__":
    cluster(RECIPES[sys.argv[1]](), *map(Path, sys.argv[2:]))
