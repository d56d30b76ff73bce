"""A sync of people with twenty fields: the difference, an unchanged destination, and a first sync over HTTP.

Size counts people; nine in ten have agreed and go. The line's costs are those of the difference when one person in a
hundred has changed, against the same difference by hand-written SQL. The first sync goes to a receiver on loopback, in
batches of 100, as rows per CPU second of the sending process beyond what it takes to start; drt-core sends the same
rows, which lie ready for it in one table, to the same receiver.

Most of the memory of a first sync is DuckDB's, which takes what it may (HUB_MEMORY) for hash tables, temporary tables
and what it has read of the file: the same first sync runs once more with the least that it may have, and so does one of
a tenth of the people. `memory_growth` is the peak of the one over that of the other: what ten times the rows take.
"""

from __future__ import annotations

import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench.measure import Cost, MeasurementError, Result, beyond_startup, child, must_agree, python
from bench.receiver import received, receiving
from bench.walk import registry

PROJECT = Path(__file__).parent.parent / "crm"
SQL = Path(__file__).parent.parent / "sql"
AS_OF = datetime(2026, 3, 2, 9, tzinfo=UTC)
NAME = "crm"
PROMISED = {
    "promised_ratio": 2.0,
    "promised_rows_per_cpu_second": 50_000,
    "promised_drt_ratio": 3.0,
    "promised_memory_growth": 1.15,
}
ENVIRONMENT = "HUB_KEY=signs-links-that-nobody-gets\nCRM_URL={url}\n"
LITTLE = "HUB_MEMORY=64MB\n"
FIELDS = """email, phone, given_name, initials, prefix, surname, gender, birth_date, street, house_number,
    house_addition, postcode, city, country, household_id AS household, records, order_count AS orders,
    spent_lifetime AS spent,    first_order_at AS first_order, last_order_at AS last_order"""


def run(size: int, folder: Path) -> Result:
    """Prepare, sync for the first time, again, and after a change; then the others' turn."""
    shutil.rmtree(folder, ignore_errors=True)
    project = folder / "project"
    shutil.copytree(PROJECT, project)
    going = size - size // 10
    _say(f"preparing {size} people ...")
    _child("prepare", project, str(size))
    held = shutil.copytree(project, folder / "held")
    tenth = shutil.copytree(PROJECT, folder / "tenth")
    _child("prepare", tenth, str(size // 10))
    with receiving() as url:
        (project / ".env").write_text(ENVIRONMENT.format(url=url), "utf-8")
        _say("the hub: a first sync ...")
        first = _child("sync", project)
        must_agree({"rows": received(url)[1]}, {"rows": going})
        _say("the hub: nothing has changed ...")
        idle = _child("sync", project)
        _child("look_again", project)
        unchanged = _child("sync", project)
        requests, _ = received(url)
        must_agree({"requests": requests}, {"requests": 0})
        _say("the hub: first syncs of all and of a tenth with little memory for DuckDB ...")
        for place in (held, tenth):
            (place / ".env").write_text(ENVIRONMENT.format(url=url) + LITTLE, "utf-8")
        little = _child("sync", held)
        must_agree({"rows": received(url)[1]}, {"rows": going})
        fewer = _child("sync", tenth)
        _say("drt-core: the same rows ...")
        received(url)
        drt = _drt(project, folder / "drt", url, going)
    _say("the difference when one in a hundred has changed ...")
    _child("change", project)
    compared, opened = _child("compare", project, folder / "hub.json"), _child("open", project)
    by_hand = _child("reference", project, folder / "reference.json")
    imported = _child("nothing", project)
    must_agree(*(json.loads((folder / f"{side}.json").read_text("utf-8")) for side in ("hub", "reference")))
    with receiving() as url:
        (project / ".env").write_text(ENVIRONMENT.format(url=url), "utf-8")
        changed = _child("sync", project)
        sent = received(url)[1]
    ours, theirs = beyond_startup(compared, opened), beyond_startup(by_hand, imported)
    rows_per_cpu_second = going / beyond_startup(first, idle).cpu_seconds
    drt_rows_per_cpu_second = going / drt.cpu_seconds
    return Result(
        "sync",
        size,
        ours.cpu_seconds,
        theirs.cpu_seconds,
        compared.peak_mib,
        {
            "rows_per_cpu_second": round(rows_per_cpu_second),
            "drt_rows_per_cpu_second": round(drt_rows_per_cpu_second),
            "drt_ratio": round(rows_per_cpu_second / drt_rows_per_cpu_second, 2),
            "rows": going,
            "first_sync_peak_mib": round(first.peak_mib, 1),
            "first_sync_peak_mib_with_64_mb": round(little.peak_mib, 1),
            "tenth_peak_mib_with_64_mb": round(fewer.peak_mib, 1),
            "memory_growth": round(little.peak_mib / fewer.peak_mib, 2),
            "rows_per_cpu_second_with_64_mb": round(going / beyond_startup(little, idle).cpu_seconds),
            "nothing_to_do_peak_mib": round(idle.peak_mib, 1),
            "first_sync_wall_seconds": round(first.wall_seconds, 1),
            "drt_peak_mib": round(drt.peak_mib, 1),
            "unchanged_requests": requests,
            "unchanged_cpu_seconds": round(beyond_startup(unchanged, idle).cpu_seconds, 3),
            "changed_rows": sent,
            "changed_cpu_seconds": round(beyond_startup(changed, idle).cpu_seconds, 3),
            "nothing_to_do_cpu_seconds": round(idle.cpu_seconds, 3),
            **PROMISED,
        },
    )


def _drt(project: Path, folder: Path, url: str, going: int) -> Cost:
    """Send with drt-core, whose rows lie ready in one table; its start does not count either."""
    costs = {}
    for name, rows in (("one", 1), ("all", going)):
        place = folder / name
        _child("table", project, place, str(rows), url)
        received(url)
        command = ["env", f"HOME={place}", sys.executable, "-c", "from drt.cli.main import app; app()", "run"]
        costs[name] = child(command, cwd=place)
        if received(url)[1] != rows:
            raise MeasurementError("drt-core sent another number of rows")
    return beyond_startup(costs["all"], costs["one"])


def _child(what: str, *arguments: Path | str) -> Cost:
    return python("-m", "bench.benchmarks.sync", what, *arguments)


def _say(what: str) -> None:
    print(what, flush=True)


# in child processes --------------------------------------------------------------------------------------------------


def prepare(project: str, size: str) -> None:
    """Fill the warehouse."""
    from hub.ledger import open_ledger
    from hub.pipeline import workspace
    from hub.project import load_project
    from hub.stages.enrich import enrich

    loaded = load_project(Path(project), registry())
    with workspace(loaded):
        pass
    _execute(loaded.state, (SQL / "crm.sql").read_text("utf-8").replace("$size", size))
    with workspace(loaded) as stores:
        enrich(stores.warehouse, loaded, AS_OF)
    _execute(loaded.state, (SQL / "crm_traits.sql").read_text("utf-8"))
    open_ledger("sqlite", loaded.state).close()


def sync(project: str) -> None:
    """Run the sync as its schedule would."""
    from hub.pipeline import SYNC
    from hub.pipeline import run as run_pipeline
    from hub.project import load_project

    report = run_pipeline(load_project(Path(project), registry()), AS_OF, [SYNC + NAME])
    if not report.ok:
        raise MeasurementError("; ".join(report.failures))


def look_again(project: str) -> None:
    """Make the next run compare, though nothing has changed."""
    _execute(Path(project) / ".hub", f"DELETE FROM store.stage_state WHERE stage = 'sync {NAME}'")


def change(project: str) -> None:
    """Let one in a hundred move, and put what is acknowledged beside the reference's own hashes."""
    state = Path(project) / ".hub"
    wanted = (SQL / "crm_reference.sql").read_text("utf-8").partition("CREATE TEMP TABLE changes")[0]
    _execute(state, wanted + "CREATE OR REPLACE TABLE reference_state AS SELECT * FROM wanted")
    _execute(state, (SQL / "crm_change.sql").read_text("utf-8"))


def opened(project: str, report: str = "") -> None:
    """Open what a comparison works on; with a report, compare."""
    from hub.pipeline import workspace
    from hub.project import load_project
    from hub.recipients import Marks
    from hub.stages.activate.sync import Stores, compare, destination_of

    loaded = load_project(Path(project), registry())
    with workspace(loaded) as open_:
        stores = Stores(open_.warehouse, open_.ledger, loaded, AS_OF, Marks(loaded.key))
        if report:
            with open_.warehouse.begin() as reading:
                its = loaded.syncs[NAME]
                differs = compare(reading, stores, its, destination_of(loaded, its))
            Path(report).write_text(json.dumps(dict(differs.by_kind)), "utf-8")


def reference(project: str, report: str = "") -> None:
    """Compare by hand; without a report only open."""
    import duckdb

    with duckdb.connect(str(Path(project) / ".hub" / "warehouse.duckdb")) as connection:
        if report:
            connection.execute("SET preserve_insertion_order = false")
            connection.execute((SQL / "crm_reference.sql").read_text("utf-8"))
            counted = connection.execute("SELECT kind, count(*) FROM changes GROUP BY kind").fetchall()
            Path(report).write_text(json.dumps(dict(counted)), "utf-8")


def table(project: str, folder: str, rows: str, url: str) -> None:
    """Lay the rows ready for drt-core: a table, a profile, a sync."""
    place = Path(folder)
    (place / "syncs").mkdir(parents=True)
    (place / ".drt").mkdir()
    _execute(
        Path(project) / ".hub",
        f"ATTACH '{place}/crm.duckdb' AS drt; CREATE TABLE drt.crm AS SELECT p.person_id::TEXT AS key, {FIELDS} "
        "FROM store.person p JOIN store.trait t USING (person_id) WHERE person_id % 10 > 0 "
        f"ORDER BY person_id LIMIT {rows}; DETACH drt",
    )
    (place / "drt_project.yml").write_text("name: crm\nversion: '0.1'\nprofile: local\n", "utf-8")
    profile = f"local:\n  type: duckdb\n  database: {place}/crm.duckdb\n"
    (place / ".drt" / "profiles.yml").write_text(profile, "utf-8")
    sync_ = {
        "name": "crm",
        "model": "ref('crm')",
        "destination": {
            "type": "rest_api",
            "url": url,
            "method": "POST",
            "headers": {"Content-Type": "application/json"},
            "body_mode": "batch",
            "batch_template": '{"audience": "contacts", "operation": "upsert", "rows": {{ rows | tojson_safe }}}',
            "max_records_per_request": 100,
        },
        "sync": {"mode": "full", "batch_size": 100, "rate_limit": {"requests_per_second": 0}, "on_error": "fail"},
    }
    (place / "syncs" / "crm.yml").write_text(json.dumps(sync_), "utf-8")


def _execute(state: Path, text: str) -> None:
    import duckdb

    with duckdb.connect(str(state / "warehouse.duckdb")) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(text)


CHILDREN = {
    "prepare": prepare,
    "sync": sync,
    "look_again": look_again,
    "change": change,
    "open": opened,
    "compare": opened,
    "nothing": reference,
    "reference": reference,
    "table": table,
}

if __name__ == "__main__":
    what, *given = sys.argv[1:]
    CHILDREN[what](*given)  # type: ignore[operator]
