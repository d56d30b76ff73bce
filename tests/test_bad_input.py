"""Bad input, end to end: a mistake is told with its place, or its row is set aside with the reason; the rest goes on.

What comes in is mapped, set aside or superseded by a newer version: nothing disappears.
"""

from __future__ import annotations

import errno
import gzip
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from hub.cli import app
from hub.lake import REJECTED, Lake

HUB = """
name: corner
locale: nl-NL
connections:
  shop: {plugin: files, path: ./data/*}
"""

PEOPLE = """
connection: shop
person:
  from: customers
  key: id
  updated_at: timestamp(changed_at)
  identifiers: {email: email(email), phone: "phone(phone, 'NL')"}
  columns:
    surname: trim(surname)
    birth_date: date(birth_date, 'YYYY-MM-DD')
"""

ORDERS = """
connection: shop
sales_order:
  from: orders
  key: order_no
  person: customer_id
  updated_at: timestamp(ordered_at)
  columns:
    ordered_at: timestamp(ordered_at)
    total: money(total, 'EUR')
    currency: "'EUR'"
"""

CUSTOMERS_CSV = """id,surname,email,phone,birth_date,changed_at
1,Wit,anna@example.nl,06-12345678,1980-01-01,2026-01-01 10:00:00
2,Bruin,bert @ example.nl,06-BEL-BERT,1981-02-28,2026-01-02 10:00:00
3,Groen,carla@example.nl,06-23456789,2025-02-30,2026-01-03 10:00:00
1,Wit-Zwart,anna@example.nl,06-12345678,1980-01-01,2026-01-04 10:00:00
1,Wi,anna@example.nl,06-12345678,1980-01-01,2025-01-01 10:00:00
,Naamloos,,,,2026-01-01 10:00:00
"""

ORDERS_CSV = """order_no,customer_id,total,ordered_at
1,1,12.50,2026-01-05 10:00:00
2,1,"1.234,56 EUR",2026-01-06 10:00:00
3,2,gratis,2026-01-06 11:00:00
4,3,7.00,2026-02-30 11:00:00
"""


@dataclass(frozen=True)
class Corner:
    """A small project, and what comes of it."""

    folder: Path

    def write(self, name: str, content: str | bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def change(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new))

    def hub(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--project", str(self.folder)])

    def run(self, *stages: str, ends_with: int = 0) -> dict[str, Any]:
        """Run stages (ingest by default), and give what the run says of itself."""
        done = self.hub("run", *(stages or ("ingest",)), "--as-of", "2026-03-01", "--json")
        assert done.exit_code == ends_with, done.output
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def ask(self, sql: str) -> Any:
        done = self.hub("query", sql, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def refused(self, *command: str) -> list[str]:
        """Give the mistakes that a command ends on, before anything has been done."""
        done = self.hub(*(command or ("run",)))
        assert done.exit_code == 2, done.output
        assert not (self.folder / ".hub" / "warehouse.duckdb").exists()
        return done.stderr.splitlines()

    def rejected(self) -> list[tuple[str, int | None, str]]:
        """Give file, line and reason of what could not be read as a row."""
        files = [path for load in Lake(str(self.folder / "lake")).loads("shop") for path in load.files[REJECTED]]
        rows = pa.concat_tables([pq.read_table(path) for path in files], promote_options="permissive").to_pylist()
        return sorted((row["file"], row["line"], row["reason"]) for row in rows)

    def set_aside(self, where: str = "true") -> list[tuple[str, str, str]]:
        """Give target, key and reason of the rows in quarantine."""
        rows = self.ask(f"SELECT target, source_key, reason FROM quarantine WHERE {where} ORDER BY 1, 2, 3")
        return [(row["target"], row["source_key"], row["reason"]) for row in rows]

    def landed(self, table: str) -> int:
        lake = Lake(str(self.folder / "lake"))
        return sum(lake.count(load.files.get(table, ())) for load in lake.loads("shop"))

    def is_balanced(self, told: dict[str, Any]) -> bool:
        """Compare what landed with what the mappings say that they did with it, and with the report of the run."""
        mapped = self.ask("SELECT * FROM mapped_load")
        assert mapped
        for row in mapped:
            assert row["rows_in"] == row["rows_mapped"] + row["rows_set_aside"] + row["rows_superseded"], row
        for table in {row["raw_table"] for row in mapped}:
            targets = {row["target"] for row in mapped if row["raw_table"] == table}
            rows_in = sum(row["rows_in"] for row in mapped if row["raw_table"] == table)
            assert rows_in == self.landed(table) * len(targets), table
        for report in told["reports"]:
            assert report["rows_in"] == report["rows_out"] + report["set_aside"], report
        return True


@pytest.fixture
def corner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Corner:
    for name in ("HUB_KEY", "HUB_SECRETS", "HUB_LOG_LEVEL", "HUB_LOG_FORMAT", "HUB_ENGINE", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    made = Corner(tmp_path)
    for name, content in {
        "hub.yaml": HUB,
        "mappings/people.yaml": PEOPLE,
        "mappings/orders.yaml": ORDERS,
        "data/customers.csv": CUSTOMERS_CSV,
        "data/orders.csv": ORDERS_CSV,
    }.items():
        made.write(name, content)
    return made


# Mistakes in the configuration: nothing runs, and each is told with its place


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (
            "hub.yaml",
            "locale: nl-NL",
            "local: nl-NL",
            "hub.yaml:3:1: unknown key 'local'. Did you mean 'locale'?",
        ),
        (
            "hub.yaml",
            "path: ./data/*}",
            "path: ./data/*, header: perhaps}",
            "hub.yaml:5:49: header must be true or false",
        ),
        (
            "mappings/orders.yaml",
            "    total: money",
            "    totall: money",
            "mappings/orders.yaml:10:5: sales_order has no column 'totall'. Did you mean 'total'?",
        ),
        (
            "mappings/orders.yaml",
            "money(total, 'EUR')",
            "read_text('/etc/passwd')",
            "mappings/orders.yaml:10:12: there is no function read_text()",
        ),
        (
            "mappings/orders.yaml",
            "money(total, 'EUR')",
            "(select max(total) from orders)",
            "mappings/orders.yaml:10:13: ",
        ),
    ],
    ids=["unknown key", "wrong type", "unknown column", "forbidden function", "forbidden statement"],
)
def test_a_mistake_in_yaml_is_told_with_its_place_before_anything_runs(
    corner: Corner, file: str, old: str, new: str, told: str
) -> None:
    corner.change(file, old, new)
    (mistake,) = corner.refused()
    assert mistake.startswith(told)


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        (
            "traits/circle.yaml",
            "traits:\n  a: {is: b + 1}\n  b: {is: a + 1}\n",
            "traits/circle.yaml:2:11: traits use each other in a circle: a -> b -> a",
        ),
        (
            "segments/circle.yaml",
            "segments:\n  x: {where: member_of('y')}\n  y: {where: member_of('z')}\n  z: {where: member_of('x')}\n",
            "segments/circle.yaml:2:14: segments ask for each other in a circle: x -> y -> z -> x",
        ),
    ],
    ids=["traits", "segments"],
)
def test_what_needs_itself_is_told_with_its_circle(corner: Corner, file: str, text: str, told: str) -> None:
    corner.write(file, text)
    (mistake,) = corner.refused()
    assert mistake.startswith(told)


def test_a_missing_secret_is_named_and_every_other_mistake_is_told_with_it(corner: Corner) -> None:
    corner.write(
        "hub.yaml", HUB + '  bank: {plugin: sql, url: "${BANK_URL}", tables: [a]}\n  mail: {plugin: smpt, host: x}\n'
    )
    told = corner.refused()
    assert told[0].startswith("hub.yaml:6:28: BANK_URL is not set: set BANK_URL in the environment, in .env, ")
    assert told[1].startswith("hub.yaml:7:18: no plugin 'smpt' is installed. Did you mean 'smtp'?")


# Servers that do not answer: their connection fails, the others go on


def test_sources_that_do_not_answer_are_named_and_the_other_connections_land(corner: Corner) -> None:
    corner.write(
        "hub.yaml",
        HUB
        + '  bank: {plugin: sql, url: "postgresql://hub:${PW:-canary-pw}@127.0.0.1:1/x", tables: [a]}\n'
        + "  crm: {plugin: rest, url: http://127.0.0.1:1, allow_private: true, resources: {contacts: {path: c}}}\n",
    )
    told = corner.run(ends_with=1)
    assert [failure.split(":")[0] for failure in told["failures"]] == ["bank", "crm"]
    assert "canary-pw" not in json.dumps(told)
    assert corner.ask("SELECT count(*) AS n FROM sales_order") == [{"n": 1}]
    assert corner.is_balanced(told)


def test_a_mail_server_that_does_not_answer_keeps_its_messages_waiting(corner: Corner) -> None:
    corner.write(
        "hub.yaml",
        HUB
        + "  mail: {plugin: smtp, host: 127.0.0.1, port: 1, security: none, sender: Corner <hello@corner.example>,"
        + " unsubscribe_url: https://corner.example/out}\n",
    )
    corner.write(".env", "HUB_KEY=9c1f0b7ae2d84356a1b2c3d4e5f60718\n")
    corner.change(
        "mappings/people.yaml",
        "  columns:",
        "  consent: [{channel: email, given: \"surname <> ''\", at: timestamp(changed_at)}]\n  columns:",
    )
    corner.write(
        "mappings/seen.yaml",
        "connection: shop\nactivity:\n  from: customers\n  key: id\n  person: id\n  columns:\n"
        "    type: \"'account_created'\"\n    at: timestamp('2026-02-27 10:00:00')\n",
    )
    corner.write(
        "scenarios/welcome.yaml",
        "scenario: welcome\nwho: new people\nfrom: prospect\nto: first order\n"
        'trigger: {any: [{event: account_created}]}\ntarget: "true"\nstop_when: "false"\nvalid_for: 14 days\n'
        "steps:\n  - {send: welcome, by: [email], content: {town: city}}\n",
    )
    corner.write("templates/welcome/subject.txt", "Welkom")
    corner.write("templates/welcome/email.txt", "Dag {{ salutation }} {{ unsubscribe_url }}")
    told = corner.run("ingest", "build", "engage", ends_with=1)
    assert len(told["failures"]) == 1
    assert told["failures"][0].startswith("mail: ")
    assert "127.0.0.1:1" in told["failures"][0]
    status = json.loads(corner.hub("status", "--json").stdout)
    assert (status["messages"], status["waiting"]) == ({"queued": 1}, {"mail": 1})
    (message,) = json.loads(corner.hub("explain", "anna@example.nl", "--json").stdout)["messages"]
    assert message["became"]["in_words"] == "waits to be sent"


def test_a_warehouse_that_does_not_answer_ends_the_run_with_try_later(corner: Corner) -> None:
    corner.change("hub.yaml", "locale", 'engine: "${ENGINE}"\nlocale')
    corner.write(".env", "ENGINE=postgresql://hub:canary-pw@127.0.0.1:1/hub\n")
    done = corner.hub("run")
    assert done.exit_code == 3
    assert 'the warehouse does not answer: "127.0.0.1", port 1 failed: Connection refused' in done.stderr
    assert "canary-pw" not in done.output


def test_a_password_with_an_at_sign_is_not_shown_where_it_stands_for_the_server(corner: Corner) -> None:
    corner.change("hub.yaml", "locale", 'engine: "${ENGINE}"\nlocale')
    corner.write(".env", "ENGINE=postgresql://hub:canary@canary-pw@127.0.0.1:1/hub\n")
    done = corner.hub("run")
    assert done.exit_code == 3
    assert "In a password write %40 for @" in done.stderr
    assert "canary" not in done.output


def test_a_folder_that_may_not_be_written_to_is_told_with_what_to_mend(
    corner: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(corner.folder / ".hub"))

    monkeypatch.setattr(Path, "mkdir", refused)
    done = corner.hub("schema")
    assert done.exit_code == 2
    assert f"{corner.folder / '.hub'}: Permission denied. Check the rights on it and its folder." in done.stderr


def test_a_warehouse_file_that_can_not_be_opened_is_not_taken_for_one_in_use(corner: Corner) -> None:
    (corner.folder / ".hub" / "warehouse.duckdb").mkdir(parents=True)
    done = corner.hub("run")
    assert done.exit_code == 2
    assert "warehouse.duckdb can't be opened" in done.stderr
    assert "check the rights on it and its folder" in done.stderr


@pytest.mark.parametrize(
    ("file", "command", "remedy"),
    [
        ("warehouse.duckdb", "run", "bring it back from the backup, with the ledger of the same moment"),
        ("ledger.sqlite", "status", "bring it back from the backup, with the warehouse of the same moment"),
        ("published.duckdb", "segments", "remove it, and the next `hub run` publishes anew"),
    ],
)
def test_a_file_of_the_hub_that_is_damaged_is_told_with_what_to_do(
    corner: Corner, file: str, command: str, remedy: str
) -> None:
    (corner.folder / ".hub").mkdir()
    (corner.folder / ".hub" / file).write_bytes(b"no database at all" * 100)
    done = corner.hub(command)
    assert done.exit_code == 2, done.output
    assert f"{file} is damaged" in done.stderr
    assert remedy in done.stderr


def test_without_the_ledger_of_earlier_runs_nothing_goes_on(corner: Corner) -> None:
    corner.run()
    for file in (corner.folder / ".hub").glob("ledger.sqlite*"):
        file.unlink()
    done = corner.hub("run")
    assert done.exit_code == 2
    assert "the ledger is gone, and the warehouse has seen runs" in done.stderr
    assert "Bring it back from the backup" in done.stderr
    for file in (corner.folder / ".hub").glob("warehouse.duckdb*"):
        file.unlink()
    assert corner.run()["ok"]


# Values that are wrong: their rows are set aside with the reason


def test_wrong_values_set_their_rows_aside_and_the_rest_is_mapped(corner: Corner) -> None:
    told = corner.run()
    assert told["ok"]
    assert corner.set_aside() == [
        ("identifier", "2", "email: not an e-mail address"),
        ("identifier", "2", "phone: not a phone number"),
        ("person", "#6", "key is empty"),
        ("person", "3", "birth_date: not a date"),
        ("sales_order", "2", "total: not a number"),
        ("sales_order", "3", "total: not a number"),
        ("sales_order", "4", "updated_at: not a date and time"),
    ]
    surnames = corner.ask("SELECT source_key, surname FROM source_record ORDER BY 1")
    assert surnames == [{"source_key": "1", "surname": "Wit-Zwart"}, {"source_key": "2", "surname": "Bruin"}]
    assert corner.ask("SELECT source_key, value FROM identifier WHERE type = 'email' ORDER BY 1") == [
        {"source_key": "1", "value": "anna@example.nl"}
    ]
    assert corner.ask("SELECT source_key FROM sales_order") == [{"source_key": "1"}]
    mapped = next(report for report in told["reports"] if report["stage"] == "map")
    assert mapped["counts"]["superseded"] == 2
    assert corner.is_balanced(told)


def test_prices_and_dates_in_dutch_notation_are_read_where_the_connection_says_so(corner: Corner) -> None:
    corner.change("hub.yaml", "path: ./data/*}", "path: ./data/*, notation: nl}")
    corner.write(
        "data/orders.csv",
        "order_no;customer_id;total;ordered_at\n1;1;1.234,56 EUR;31-12-2025 10:00\n2;1;€ 12,50;30-02-2025 10:00\n"
        "3;1;1,234.56;31-12-2025 11:00\n",
    )
    told = corner.run()
    assert corner.ask("SELECT source_key, total FROM sales_order") == [{"source_key": "1", "total": 1234.56}]
    assert corner.set_aside("target = 'sales_order'") == [
        ("sales_order", "2", "updated_at: not a date and time"),
        ("sales_order", "3", "total: not a number"),
    ]
    assert corner.is_balanced(told)


def test_a_row_whose_newer_version_fails_or_is_left_out_stays_as_it_last_was(corner: Corner) -> None:
    head = "order_no,customer_id,total,ordered_at\n"
    corner.change("mappings/orders.yaml", "  key: order_no", "  where: total <> 'none'\n  key: order_no")
    corner.write("data/orders.csv", head + "1,1,5.00,2026-01-05 10:00:00\n2,1,6.00,2026-01-05 10:00:00\n")
    corner.run()
    corner.write("data/orders.csv", head + "1,1,gratis,2026-01-06 10:00:00\n2,1,none,2026-01-06 10:00:00\n")
    told = corner.run()
    assert corner.ask("SELECT source_key, total FROM sales_order ORDER BY 1") == [
        {"source_key": "1", "total": 5},
        {"source_key": "2", "total": 6},
    ]
    assert corner.set_aside("target = 'sales_order'") == [("sales_order", "1", "total: not a number")]
    assert corner.is_balanced(told)


# Files that are broken: what can be read lands, what can't is set aside with file, line and reason


def test_broken_files_cost_only_what_is_broken_in_them(corner: Corner) -> None:
    head = "order_no,customer_id,total,ordered_at\n"
    corner.write("data/empty_orders.csv", b"")
    corner.write("data/orders_2.csv", head + '11,1,5.00,2026-01-07 10:00:00\n12,1,"5.0')
    corner.write("data/orders_3.csv", (head + "13,1,5.00,2026-01-07 10:00:00\n").encode() + b"14,\xe9\xe9n,5.00,x\n")
    corner.write("data/orders_4.csv", head + "15,1,5.00\n16,1,5.00,2026-01-07 10:00:00,extra\n")
    corner.write("data/orders_5.csv", "order_no,total,ordered_at,coupon\n17,5.00,2026-01-07 10:00:00,LENTE\n")
    rows = [{"order_no": str(number), "total": "5.00", "ordered_at": "2026-01-08 10:00:00"} for number in (18, 19)]
    lines = "\n".join(json.dumps(row) for row in rows)
    corner.write("data/orders_6.jsonl", lines[:-10])
    pq.write_table(pa.Table.from_pylist(rows), corner.folder / "data/orders_7.parquet")
    whole = (corner.folder / "data/orders_7.parquet").read_bytes()
    corner.write("data/orders_7.parquet", whole[: len(whole) // 2])
    corner.write("data/orders_8.csv.gz", gzip.compress((head + "20,1,5.00,2026-01-08 10:00:00\n").encode())[:-10])
    told = corner.run()
    assert corner.rejected() == [
        ("orders_2.csv", 3, "a quote is opened and never closed"),
        ("orders_3.csv", 3, "not utf-8 at byte 71 of the file"),
        ("orders_4.csv", 2, "3 values where there are 4 columns"),
        ("orders_4.csv", 3, "5 values where there are 4 columns"),
        ("orders_6.jsonl", 2, "not a line of JSON"),
        ("orders_7.parquet", None, "no Parquet file, or not the whole of one; have it exported again"),
        ("orders_8.csv.gz", None, "the file ends too early; have it exported again"),
    ]
    landed = next(report for report in told["reports"] if report["subject"] == "shop")
    assert landed["set_aside"] == 7
    shown = corner.ask("SELECT source_key, reason FROM quarantine WHERE mapping = 'landing' ORDER BY 1")
    assert len(shown) == 7
    assert {"source_key": "orders_2.csv:3", "reason": "a quote is opened and never closed"} in shown
    read = [row["source_key"] for row in corner.ask("SELECT source_key FROM sales_order ORDER BY 1")]
    assert read == ["1", "11", "13", "17", "18"]
    assert corner.is_balanced(told)


def test_a_column_that_no_file_has_is_told_with_its_place_and_the_other_mappings_go_on(corner: Corner) -> None:
    corner.write("data/orders.csv", "order_no,customer_id,totaal,ordered_at\n1,1,5.00,2026-01-07 10:00:00\n")
    told = corner.run(ends_with=1)
    assert told["failures"] == [
        "shop: mappings/orders.yaml:10:18: there is no 'total'. Did you mean 'totaal'? (in the raw table 'orders')"
    ]


CHILD = """
import resource, sys
from hub.cli import main
sys.argv = ["hub", "run", "land", "--project", sys.argv[1], "--json"]
try:
    main()
except SystemExit as ended:
    assert not ended.code
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
"""


def land_in_a_child(corner: Corner, megabytes: int) -> tuple[int, int]:
    """Land a CSV file of so many megabytes; give its rows and the peak of memory in MiB."""
    block = "".join(f"{number},1,12.50,2026-01-05 10:00:00,{'x' * 150}\n" for number in range(5000)).encode()
    count = megabytes * 1_000_000 // len(block)
    with (corner.folder / "data/orders.csv").open("wb") as file:
        file.write(b"order_no,customer_id,total,ordered_at,note\n")
        for _ in range(count):
            file.write(block)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(corner.folder)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "HUB_LOG_LEVEL": "error"},
    )
    landed = next(report for report in json.loads(done.stdout)["reports"] if report["subject"] == "shop")
    assert landed["counts"]["orders"] == count * 5000
    return count * 5000, int(done.stderr.splitlines()[-1])


def test_a_large_file_lands_in_the_memory_of_a_small_one(corner: Corner) -> None:
    _, some = land_in_a_child(corner, 100)
    _, more = land_in_a_child(corner, 400)
    assert more < some + 200, f"{more} MiB for 400 MB, {some} MiB for 100 MB"
