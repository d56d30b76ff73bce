"""Generate people whose truth is known, and what seven systems wrote down about them.

There are two worlds. For the first, `sql/population.sql` says who there is and `sql/records.sql` what each system took
down and how it went wrong; the second has families, systems and mistakes of another kind, and was written when the
rules were fixed. `README.md` has the shares. What is true lies in `truth/`, which no pipeline reads. Run as
`python -m bench.identity.world FOLDER PERSONS [first|second]`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench.generator import CROWD_LEAST, CROWD_SHARE, draw

BELGIANS = 0.08
"""The share of households in Belgium."""

WORLDS = {"first": ("names", "population", "records"), "second": ("names", "second_population", "second_records")}
"""The scripts of each world, in their order."""

_SQL = Path(__file__).parent / "sql"
_DICE = Path(__file__).parent.parent / "sql" / "dice.sql"


def generate(folder: Path, persons: int, kind: str = "first", *, seed: int = 1, threads: int | None = None) -> Path:
    """Write the raw files of `persons` people of one world under a folder and return the folder.

    Files: crm/contacts, shop/customers, checkout/orders, till/cards, erp/debtors, newsletter/subscribers, web/visitors
    and truth/records (record_id, person), as Parquet; and what changes the next day under `day/`, in files named so
    that they land in the same tables. The same persons and seed give the same rows in the same order.
    """
    variables = {
        "persons": persons,
        "seed": seed,
        "belgians": BELGIANS,
        "crowd": max(CROWD_SHARE, CROWD_LEAST / persons),
    }
    scripts = [_DICE, *(_SQL / f"{name}.sql" for name in WORLDS[kind])]
    return draw(folder, scripts, _SQL / "shapes.sql", variables, threads)


if __name__ == "__main__":
    generate(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:4])
