"""The engine: Splink in a DuckDB of its own, in memory, for the length of one run.

What does not fit in memory waits in a folder of the project's, which is empty again afterwards: it is about people.

Splink compares whatever pairs its blocking rules give of one table: here the people who changed and those who meet
them in a block. Each block that somebody stands in is a number (a key), so that one rule does for all: who have a key
in common, and of whom one has changed. (Its `find_matches_to_new_records` compares new records with a whole table of
old ones, and not with each other.)
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from hub.errors import ConfigurationError
from hub.project.matching import MatchRules
from hub.stages.resolve.match import model as fields
from hub.stages.resolve.match.decide import decide
from hub.stages.resolve.match.forms import formal_names, name_forms
from hub.stages.resolve.match.train import Model, train
from hub.warehouse.memory import memory
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

_TOLD = Path(__file__).with_name("told.sql")
_PEOPLE = Path(__file__).with_name("people.sql")


def recipe(rules: MatchRules) -> str:
    """Name all that a model, and what is kept of people, was made by."""
    return fingerprint(
        rules.blocks,
        list(name_forms(rules.short_names)),
        rules.limit,
        rules.review,
        fields.COMPARISONS,
        *(file.read_text(encoding="utf-8") for file in (_TOLD, _PEOPLE)),
    )


class Engine:
    """Holds people, prepares a model, and scores pairs. Use it as a context manager.

    `room` is the folder for what does not fit in memory; it is nobody else's, and what a kill left there goes first.
    """

    def __init__(self, rules: MatchRules, room: Path) -> None:
        self.rules = rules
        self._room = room
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
        self._empty()
        self._stack.callback(self._empty)
        self.connection = self._stack.enter_context(
            duckdb.connect(":memory:", config={"temp_directory": str(self._room), "memory_limit": memory()})
        )
        self.connection.execute("SET enable_progress_bar = false")
        self.connection.execute("SET enable_external_access = false")
        self.load("name_form", _pairs(name_forms(self.rules.short_names), "formal", "form"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _empty(self) -> None:
        shutil.rmtree(self._room, ignore_errors=True)

    def load(self, name: str, rows: pa.Table) -> None:
        """Keep Arrow data as a table."""
        self.connection.register("given_rows", rows)
        self.connection.execute(f'CREATE OR REPLACE TABLE "{name}" AS SELECT * FROM given_rows')
        self.connection.unregister("given_rows")

    def hear(self, model: Model | None) -> list[str]:
        """Make the table `people` of what was told (`said.tell`); give the surnames that count as common.

        Without a model everybody counts as changed: a new one scores everybody anew.
        """
        self.connection.execute(_TOLD.read_text(encoding="utf-8"))
        if model is None:
            common = [row[0] for row in self.connection.execute(_COMMON, [FREQUENT]).fetchall()]
            self.connection.execute("UPDATE newcomer SET changed = true")
        else:
            common = model.common
        self._begin(common)
        return common

    def recall(self, common: list[str], people: pa.Table) -> None:
        """Make the table `people` of (person, said), as it was kept."""
        self.load("remembered", people)
        self.connection.execute(_RECALL)
        self._begin(common)

    def add(self, people: pa.Table, again: pa.Table) -> None:
        """Add people who did not change: (person, said), as it was kept. Some of all are compared `again`."""
        self.load("remembered", people)
        self.connection.execute(_RECALL)
        self._derive()
        self.connection.execute("INSERT INTO people FROM derived")
        self.connection.execute(f"INSERT INTO standing {self._keys('derived')}")
        self.load("again", again)
        self.connection.execute("UPDATE people SET changed = true WHERE person IN (SELECT record_no FROM again)")

    def _begin(self, common: list[str]) -> None:
        import pyarrow as pa

        self.load("common", pa.table({"surname": pa.array(common, pa.string())}))
        self._derive()
        self.connection.execute("CREATE TABLE people AS FROM derived")
        self.connection.execute(f"CREATE TABLE standing AS {self._keys('people')}")

    def _keys(self, people: str) -> str:
        """Give the SQL for (person, key): a number for each value of each block that they stand in."""
        parts = []
        for place, block in enumerate(self.rules.blocks):
            columns = [COLUMNS[field] for field in block]
            values = ", ".join(_in_either_order([f"it_{column}" for column in columns]))
            among = ", ".join(f"unnest({column}) AS of_{column}(it_{column})" for column in columns)
            number = f"CAST(md5_number_lower(concat_ws('|', {place}, {values})) >> 1 AS BIGINT)"
            parts.append(f"SELECT person, {number} AS key FROM {people}, {among}")
        return " UNION ".join(parts)

    def _derive(self) -> None:
        named = "SELECT DISTINCT unnest(said.given_name) AS name FROM newcomer ORDER BY name"
        names = [row[0] for row in self.connection.execute(named).fetchall()]
        self.load("formal", _pairs(formal_names(names, self.rules.short_names), "name", "formal"))
        self.connection.execute(_PEOPLE.read_text(encoding="utf-8"))

    def train(self, common: list[str], records: int, as_of: datetime) -> Model:
        """Train a model on the people, who are all; `records` is how many tell a name."""
        self.count_crowds()
        self._stand()
        return train(self.connection, self._blocking(), common, recipe(self.rules), records, as_of)

    def keys(self) -> pa.Table:
        """Give (record_no, key) of those who changed."""
        return self._arrow(
            "SELECT person AS record_no, key FROM standing JOIN people USING (person) WHERE changed ORDER BY ALL"
        )

    def standing(self) -> pa.Table:
        """Give (key) of all blocks that somebody of them stands in."""
        return self._arrow("SELECT DISTINCT key FROM standing ORDER BY key")

    def count_crowds(self) -> None:
        """Find the blocks of more people than the limit, where everybody is here."""
        crowds = "SELECT key FROM standing GROUP BY key HAVING count(*) > $limit"
        self.connection.execute(f"CREATE OR REPLACE TABLE crowd AS {crowds}", {"limit": self.rules.limit})

    def there(self) -> pa.Table:
        """Give (record_no, changed) of the people."""
        return self._arrow("SELECT person AS record_no, changed FROM people ORDER BY person")

    def profiles(self) -> pa.Table:
        """Give (record_no, said) of the newcomers who changed, to be kept."""
        return self._arrow(
            "SELECT person AS record_no, CAST(to_json(said) AS VARCHAR) AS said FROM newcomer WHERE changed ORDER BY 1"
        )

    def score(self, model: Model) -> pa.Table:
        """Give (low, high, score, reason) of the likely pairs of which one changed and who do not contradict.

        It wants to know the crowds: of `count_crowds`, or loaded as `crowd` (key).
        """
        from splink import DuckDBAPI, Linker

        connection = self.connection
        (news,) = connection.execute("SELECT count(*) FROM people WHERE changed").fetchone() or (0,)
        if not news:
            return self._arrow(_NO_PAIRS)
        self._stand()
        described = fields.settings(model.m, model.u, self._blocking(), model.probability)
        blocked = DuckDBAPI(connection=connection).register(connection.table("blocked"))
        linker = Linker(blocked, described, log_level=None)
        linker.inference.predict(warning_mode="never").as_duckdbpyrelation().create("predicted")
        return self._arrow(
            "SELECT least(person_l, person_r) AS low, greatest(person_l, person_r) AS high, "
            f"round(match_probability, 4) AS score, {fields.reason()} AS reason "
            f"FROM predicted WHERE round(match_probability, 4) >= {self.rules.review} "
            f"AND NOT {fields.contradicts(model.families)} ORDER BY low, high"
        )

    def decide(self, model: Model, likely: pa.Table, never: pa.Table) -> pa.Table:
        """Give (low, high, score, joined, reason) of likely pairs, except those that `never` (low, high) join."""
        self.load("scored", likely)
        self.load("never", never)
        decide(self.connection, self.rules.join, fields.contradicts(model.families))
        return self._arrow("SELECT low, high, score, joined, reason FROM decided ORDER BY ALL")

    def _arrow(self, query: str) -> pa.Table:
        return self.connection.execute(query).to_arrow_table()

    def _stand(self) -> None:
        """Make the table `blocked`: the people with the keys of their blocks, crowds left out."""
        self.connection.execute(
            "CREATE OR REPLACE TABLE blocked AS SELECT people.*, stands.keys FROM people LEFT JOIN "
            "(SELECT person, list(key) AS keys FROM standing WHERE key NOT IN (FROM crowd) GROUP BY person) AS stands "
            "USING (person) ORDER BY person"
        )

    def _blocking(self) -> list[Any]:
        """Give the blocks in Splink's terms: only pairs of which one has changed are compared."""
        from splink.blocking_rule_library import CustomRule

        return [CustomRule("l.keys = r.keys AND (l.changed OR r.changed)", arrays_to_explode=["keys"])]


def _in_either_order(values: list[str]) -> list[str]:
    """Give the values of a block, in SQL, so that names in each other's field are in the same block."""
    names = ["it_formal_name", "it_surname_word"]
    if not {*names} <= {*values}:
        return values
    both = ", ".join(names)
    return [f"least({both})", f"greatest({both})", *(value for value in values if value not in names)]


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


def _pairs(pairs: Iterator[tuple[str, str]], *names: str) -> pa.Table:
    import pyarrow as pa

    columns = list(zip(*pairs, strict=True)) or [(), ()]
    return pa.table({name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)})


_SAID = (
    '{"given_name": ["VARCHAR"], "surname": ["VARCHAR"], "birth_date": ["VARCHAR"], "gender": "VARCHAR", '
    '"email": ["VARCHAR"], "phone": ["VARCHAR"], '
    '"home": [{"street": "VARCHAR", "number": "VARCHAR", "postcode": "VARCHAR", "city": "VARCHAR"}]}'
)

_RECALL = f"""
CREATE OR REPLACE TABLE newcomer AS
SELECT person, from_json(said, '{_SAID}') AS said, false AS changed
FROM remembered
"""

_NO_PAIRS = "SELECT 0::BIGINT AS low, 0::BIGINT AS high, 0::DOUBLE AS score, '' AS reason LIMIT 0"

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
