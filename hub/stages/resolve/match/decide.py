"""Decide: which of the likely pairs join, and which wait for people.

Two people who contradict each other are never brought together by a third who fits both: of the two pairs, the less
likely one goes to the review queue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.stages.resolve.match.model import gammas

if TYPE_CHECKING:
    import duckdb


def decide(connection: duckdb.DuckDBPyConnection, join: float, contradicts: str) -> None:
    """Make the table `decided`: (low, high, score, reason, joined) of all likely pairs that were not decided by hand.

    Reads `scored`, the likely pairs; `people`, who are in them; and `never`, what was decided by hand. `contradicts`
    is the SQL that holds where two people are not one.
    """
    connection.execute("CREATE TABLE likely AS FROM scored WHERE (low, high) NOT IN (SELECT (low, high) FROM never)")
    connection.execute(f"CREATE TABLE tie AS {_ENDS}", {"join": join})
    connection.execute(f"CREATE TABLE hop AS {gammas(_HOPS)}")
    connection.execute(f"CREATE TABLE apart AS SELECT low, high FROM hop WHERE {contradicts} UNION FROM never")
    connection.execute(f"CREATE TABLE decided AS {_DECIDED}", {"join": join, "several": SEVERAL})


SEVERAL = "fits several people; "
"""How the reason begins of a pair that gave way: both or one of them fit others too."""

_ENDS = """
SELECT low AS middle, high AS other, low, high, score FROM likely WHERE score >= $join
UNION ALL
SELECT high, low, low, high, score FROM likely WHERE score >= $join
"""


_HOPS = """
SELECT DISTINCT one.other AS low, two.other AS high
FROM tie AS one
JOIN tie AS two ON one.middle = two.middle AND one.other < two.other
"""

_DECIDED = """
WITH weaker AS (
    SELECT
        unnest([one.low, two.low]) AS low,
        unnest([one.high, two.high]) AS high,
        unnest([
            (one.score, -one.low, -one.high) < (two.score, -two.low, -two.high),
            (two.score, -two.low, -two.high) < (one.score, -one.low, -one.high)
        ]) AS gives_way
    FROM tie AS one
    JOIN tie AS two ON one.middle = two.middle AND one.other < two.other
    JOIN apart ON apart.low = one.other AND apart.high = two.other
),
refused AS (SELECT DISTINCT low, high, true AS is_refused FROM weaker WHERE gives_way)
SELECT
    low,
    high,
    score,
    score >= $join AND is_refused IS NULL AS joined,
    CASE WHEN is_refused THEN $several ELSE '' END || reason AS reason
FROM likely
LEFT JOIN refused USING (low, high)
"""
