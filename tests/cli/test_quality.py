"""`hub quality` and `hub quarantine`: see what was not believed, and accept, mend or try it again (R7)."""

from __future__ import annotations

import csv
import json
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Self

import pytest
from typer.testing import CliRunner, Result

from hub.cli import app
from hub.lake import Lake
from hub.ledger import open_ledger

MAPPING = """
connection: shop
person:
  from: customers
  key: id
  updated_at: timestamp(changed_at)
  identifiers: {email: email(email)}
  columns:
    surname: trim(surname)
    birth_date: date(dob, 'DD-MM-YYYY')
    gender: {from: sex, map: {v: F, m: M}, unreadable: empty}
"""
QUALITY = "checks:\n  person:\n    - {column: surname, filled: true, at_least: 60%, otherwise: stop}\n"
HEAD = "id,surname,email,dob,sex,changed_at\n"
ANNA = "1,Wit,anna@example.nl,01-02-1980,v,2026-01-01 10:00:00\n"
BERT = "2,Bruin,bert@example.nl,31-02-1981,m,2026-01-01 10:00:00\n"
CARLA = "3,Groen,carla@example.nl,01-02-1982,?,2026-01-01 10:00:00\n"


class Shop:
    """A project with one file, on an engine."""

    def __init__(self, folder: Path, engine: str) -> None:
        self.folder = folder
        for name, text in {
            "hub.yaml": f"name: shop\nengine: {engine}\nconnections:\n  shop: {{plugin: files, path: ./data/*.csv}}\n",
            "mappings/shop.yaml": MAPPING,
            "quality.yaml": QUALITY,
            "data/customers.csv": HEAD + ANNA + BERT + CARLA,
        }.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def hub(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--project", str(self.folder)])

    def told(self, *arguments: str, ends_with: int = 0) -> Any:
        done = self.hub(*arguments, "--json")
        assert done.exit_code == ends_with, done.output
        return json.loads(done.stdout)

    def run(self, ends_with: int = 0) -> Any:
        return self.told("run", "ingest", "--as-of", "2026-03-01", ends_with=ends_with)

    def ask(self, sql: str) -> Any:
        return self.told("query", sql)

    def acts(self) -> list[tuple[str, str, str, str]]:
        ledger = open_ledger("sqlite", self.folder / ".hub")
        try:
            return [(act.act, act.what, act.by, act.why) for act in ledger.hand_work.history()]
        finally:
            ledger.close()


@pytest.fixture
def shop(tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch) -> Shop:
    for name in ("HUB_KEY", "HUB_SECRETS", "HUB_LOG_LEVEL", "HUB_LOG_FORMAT", "HUB_ENGINE", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    if engine != "duckdb":
        (tmp_path / ".env").write_text(f"ENGINE={engine}\n")
        engine = '"${ENGINE}"'
    return Shop(tmp_path, engine)


def test_the_report_shows_each_field_with_a_bar_and_each_check(shop: Shop) -> None:
    shop.run()
    told = shop.told("quality")
    fields = {it["field"]: (it["rows"], it["filled"], it["valid"], it["different"]) for it in told["fields"]}
    assert fields == {
        "birth_date": (3, 1.0, pytest.approx(2 / 3), 2),
        "email": (3, 1.0, 1.0, 3),
        "gender": (3, 1.0, pytest.approx(2 / 3), 2),
        "surname": (3, 1.0, 1.0, 3),
    }
    assert [(it["demand"], it["met"]) for it in told["checks"]] == [("surname is filled, at least 60%", True)]
    shown = shop.hub("quality", "--connection", "shop").stdout
    assert "██████████ 100%" in shown
    assert "███████░░░  67%" in shown
    assert shop.hub("quality", "-c", "shap").exit_code == 2


def test_a_run_ends_with_what_a_person_should_look_at(shop: Shop) -> None:
    shop.write("quality.yaml", "checks: {person: [{column: gender, filled: true, at_least: 100%, otherwise: warn}]}")
    shown = " ".join(shop.hub("run", "ingest", "--as-of", "2026-03-01").stdout.split())
    assert "warning: shop: person: gender is filled, at least 100%: 1 of 3 rows do not meet it" in shown


def test_r42_the_report_counts_on_what_the_records_of_one_person_disagree(shop: Shop) -> None:
    dora = "4,Witte,dora@example.nl,01-02-1980,v,2026-01-01 10:00:00\n"
    again = "5,Wit,dora@example.nl,01-02-1980,m,2026-01-01 10:00:00\n"
    shop.write("data/customers.csv", HEAD + ANNA + dora + again)
    shop.write("identity.yaml", "identifiers: {email: {agree: []}}\n")
    shop.run()
    shop.told("run", "resolve", "--as-of", "2026-03-01")
    conflicts = {it["field"]: (it["people"], it["disagreeing"]) for it in shop.told("quality")["conflicts"]}
    assert conflicts == {"surname": (2, 1), "gender": (2, 1), "birth_date": (2, 0)}
    assert "People whose records disagree" in shop.hub("quality").stdout
    assert "People whose records disagree" not in shop.hub("quality", "-c", "shop").stdout


def test_quarantine_says_what_to_change_and_hides_what_is_personal(shop: Shop) -> None:
    shop.run()
    told = shop.told("quarantine", "list")
    assert [(it["reason"], it["rows"], it["effect"], it["keys"]) for it in told] == [
        ("birth_date: not a date", 1, "set aside", ["2"]),
        ("gender: not in the list", 1, "noted", ["3"]),
    ]
    assert told[0]["remedy"] == (
        "name its form, `date(x, 'DD-MM-YYYY')`, or the `notation` of shop in hub.yaml, or keep its row with "
        "`unreadable: empty` (mappings/shop.yaml:10), or mend it in shop; the row returns by itself"
    )
    for command in (("quarantine", "list"), ("quarantine", "show"), ("quality",)):
        assert "bert@example.nl" not in shop.hub(*command).output
    shown = shop.told("quarantine", "show", "--reason", "birth_date", "--values")
    assert json.loads(shown[0]["row"])["dob"] == "31-02-1981"
    out = shop.folder / "aside.csv"
    shop.told("quarantine", "export", str(out), "--table", "person")
    rows = list(csv.DictReader(out.open()))
    assert [(row["source_key"], row["reason"]) for row in rows] == [
        ("2", "birth_date: not a date"),
        ("3", "gender: not in the list"),
    ]
    assert "row" not in rows[0]
    assert "can't be written" in shop.hub("quarantine", "export", str(out)).stderr


def test_a_row_mended_by_hand_returns_and_says_who_mended_it(shop: Shop) -> None:
    shop.run()
    mend = ("quarantine", "mend", "shop", "2", "--set", "dob=28-02-1981", "--by", "Iris")
    assert "needs a reason" in shop.hub(*mend, "--why", " ").stderr
    shop.told(*mend, "--why", "he called")
    shop.run()
    born = "SELECT source_key, birth_date FROM source_record ORDER BY 1"
    assert shop.ask(born) == [
        {"source_key": "1", "birth_date": "1980-02-01"},
        {"source_key": "2", "birth_date": "1981-02-28"},
        {"source_key": "3", "birth_date": "1982-02-01"},
    ]
    assert [it["reason"] for it in shop.told("quarantine", "list")] == ["gender: not in the list"]
    assert shop.acts() == [("mend", "customers: dob", "Iris", "he called")]
    # the system sends the wrong row again: it is set aside, and what was mended stays until it sends a better one
    shop.write("data/customers.csv", HEAD + ANNA + BERT + CARLA.replace("?", "v"))
    assert shop.run()["ok"]
    assert [it["reason"] for it in shop.told("quarantine", "list")] == ["birth_date: not a date"]
    assert shop.ask("SELECT birth_date FROM source_record WHERE source_key = '2'") == [{"birth_date": "1981-02-28"}]
    shop.write("data/customers.csv", HEAD + BERT.replace("31-02", "27-02").replace("2026-01-01", "2026-01-02"))
    shop.run()
    assert shop.ask("SELECT birth_date FROM source_record WHERE source_key = '2'") == [{"birth_date": "1981-02-27"}]
    assert shop.told("quarantine", "list") == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("2", "--set", "dbo=1"), "customers of shop has no column 'dbo'. Did you mean 'dob'?"),
        (("2", "--set", "dob"), "write --set column=value"),
        (("9", "--set", "dob=1"), "shop has no row of that key in quarantine"),
        (("#9", "--set", "id=1"), "shop has no row of that key in quarantine"),
        (("*", "--set", "id=1"), "that is a whole column, and no row"),
    ],
)
def test_what_can_not_be_mended_is_refused_before_anything_lands(
    shop: Shop, arguments: tuple[str, ...], told: str
) -> None:
    shop.run()
    before = len(Lake(shop.folder / "lake").loads("shop"))
    done = shop.hub("quarantine", "mend", "shop", *arguments, "--why", "so")
    assert done.exit_code in (1, 2)
    assert told in done.stderr
    assert len(Lake(shop.folder / "lake").loads("shop")) == before
    assert shop.acts() == []


def test_a_row_without_a_key_is_mended_by_its_place_and_leaves_quarantine(shop: Shop) -> None:
    keyless = BERT.removeprefix("2").replace("31-02", "28-02")
    shop.write("data/customers.csv", HEAD + ANNA + keyless)
    shop.run()
    shop.write("data/customers.csv", HEAD + CARLA.replace("?", "v") + keyless)
    shop.run()
    shown = shop.told("quarantine", "show", "--reason", "key is empty")
    assert [it["source_key"] for it in shown] == ["#2", "#2"]
    first, second = (it["load_id"] for it in shown)
    mend = ("quarantine", "mend", "shop", "#2", "--set", "id=2", "--why", "found in the till")
    assert f"several rows #2, which have no key and count within their load: say --load, one of {first}, {second}" in (
        " ".join(shop.hub(*mend).stderr.split())
    )
    shop.told(*mend, "--load", first)
    shop.run()
    people = "SELECT source_key, surname FROM source_record ORDER BY 1"
    three = [{"source_key": key, "surname": name} for key, name in (("1", "Wit"), ("2", "Bruin"), ("3", "Groen"))]
    assert shop.ask(people) == three
    left = shop.told("quarantine", "show", "--reason", "key is empty")
    assert [it["load_id"] for it in left] == [second]
    # a changed mapping reads all rows again: what was mended stays out
    shop.write("mappings/shop.yaml", MAPPING.replace("trim(surname)", "upper(trim(surname))"))
    shop.run()
    assert [it["load_id"] for it in shop.told("quarantine", "show", "--reason", "key is empty")] == [second]
    shop.told(*mend)
    shop.run()
    assert shop.told("quarantine", "list") == []
    assert [row["surname"] for row in shop.ask(people)] == ["WIT", "BRUIN", "GROEN"]


class Noon(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls(2026, 3, 2, 12, tzinfo=tz)


def test_two_rows_that_are_mended_at_one_moment_both_return(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    keyless = BERT.removeprefix("2").replace("31-02", "28-02")
    shop.write("data/customers.csv", HEAD + ANNA + keyless + keyless)
    shop.run()
    monkeypatch.setattr("hub.cli.quarantine.datetime", Noon)
    for row in (2, 3):
        shop.told("quarantine", "mend", "shop", f"#{row}", "--set", f"id={row}", "--why", "found in the till")
    shop.run()
    assert shop.told("quarantine", "list") == []
    assert [row["source_key"] for row in shop.ask("SELECT source_key FROM source_record ORDER BY 1")] == ["1", "2", "3"]


def test_a_connection_that_was_stopped_goes_on_when_a_person_accepts_it(shop: Shop) -> None:
    shop.run()
    shop.write(
        "data/customers.csv", HEAD + ANNA.replace("Wit", "") + "4,,dora@example.nl,01-02-1990,v,2026-01-02 10:00:00\n"
    )
    told = shop.run(ends_with=1)
    assert told["failures"][0].startswith("shop: stopped, its new loads are not mapped: person: surname is filled")
    assert [it["met"] for it in shop.told("quality")["checks"]] == [False]
    assert "1 of 1 not met" in shop.hub("quality").stdout
    assert shop.ask("SELECT count(*) AS n FROM source_record") == [{"n": 2}]
    assert shop.told("quality", "accept", "shop", "--why", "new form", "--by", "Iris")["rows"] == {"customers": 2}
    assert shop.run()["ok"]
    assert shop.ask("SELECT count(*) AS n FROM source_record") == [{"n": 3}]
    assert shop.acts() == [("accept", "2 customers", "Iris", "new form")]


def test_a_replay_tells_how_many_returned(shop: Shop) -> None:
    shop.run()
    told = shop.told("quarantine", "replay", "--reason", "birth_date", "--why", "to be sure", "--as-of", "2026-03-01")
    assert told == {"before": {"shop": 1}, "after": {"shop": 1}}
    done = shop.hub("quarantine", "replay", "--table", "sales_order", "--why", "x")
    assert done.exit_code == 1
    assert "no row in quarantine is meant by that" in done.stderr


@pytest.mark.parametrize("accept", ["shap", "empty"])
def test_only_what_landed_can_be_accepted(shop: Shop, accept: str) -> None:
    hub = (shop.folder / "hub.yaml").read_text() + '  empty: {plugin: files, path: "./none/*.csv"}\n'
    shop.write("hub.yaml", hub)
    done = shop.hub("quality", "accept", accept, "--why", "x")
    assert done.exit_code == 2
    assert ("Did you mean 'shop'?" if accept == "shap" else "has landed nothing yet") in done.stderr


def test_a_mend_killed_before_its_end_did_not_happen(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec.implementations.local as local

    shop.run()
    before = [load.load_id for load in Lake(shop.folder / "lake").loads("shop")]

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(local.LocalFileSystem, "pipe_file", killed)
        done = shop.hub("quarantine", "mend", "shop", "2", "--set", "dob=28-02-1981", "--why", "he called")
        assert (done.exit_code, done.stderr) == (130, "stopped\n")
    assert [load.load_id for load in Lake(shop.folder / "lake").loads("shop")] == before
    assert shop.run()["ok"]
    shop.told("quarantine", "mend", "shop", "2", "--set", "dob=28-02-1981", "--why", "he called")
    shop.run()
    assert shop.ask("SELECT count(*) AS n FROM source_record") == [{"n": 3}]
