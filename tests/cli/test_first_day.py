"""A new project's first day: its cases hold, its run sends two letters, and everything can be asked afterwards."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hub.cli import app
from hub.pipeline import workspace
from hub.project import load_project


def hub(folder: Path, *arguments: str) -> Any:
    return CliRunner().invoke(app, [*arguments, "--project", str(folder)])


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a project after its first run."""
    folder = tmp_path_factory.mktemp("first-day") / "corner"
    made = CliRunner().invoke(app, ["init", str(folder)])
    assert made.exit_code == 0, made.output
    done = hub(folder, "run")
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def project(after: Path, tmp_path: Path) -> Path:
    """Give a copy of that project, to change."""
    return Path(shutil.copytree(after, tmp_path / "corner"))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def ask(folder: Path, sql: str) -> Any:
    answered = hub(folder, "query", sql, "--json")
    assert answered.exit_code == 0, answered.output
    return json.loads(answered.stdout)


def test_the_examples_of_a_new_project_hold(corner: Path) -> None:
    answered = hub(corner, "test")
    assert answered.exit_code == 0, answered.output
    assert answered.stdout.splitlines()[-1] == "3 of 3 cases hold."


def test_an_example_that_does_not_hold_is_told_with_what_differs(corner: Path) -> None:
    change(corner / "mappings/shop.cases.yaml", "[{total: 12.50, status: paid}]", "[{total: 12.75, status: paid}]")
    answered = hub(corner, "test", "--json")
    assert answered.exit_code == 1
    told = json.loads(answered.stdout)
    assert [case["ok"] for case in told["cases"]] == [False, True, True]
    assert told["cases"][0]["line"] == 2
    assert "12.75" in " ".join(told["cases"][0]["differences"])


def test_a_run_sends_letters_to_those_who_said_yes(after: Path) -> None:
    letters = after / "out/letters"
    assert len(list(letters.glob("*.pdf"))) == 2
    manifest = "".join(path.read_text() for path in letters.glob("*.csv"))
    assert "Anna de Vries" in manifest
    assert "Bram Jansen" in manifest
    assert "Chris" not in manifest
    assert ask(after, "SELECT outcome, count(*) AS n FROM decision GROUP BY 1 ORDER BY 1") == [
        {"outcome": "queued", "n": 2},
        {"outcome": "refused", "n": 1},
    ]


def test_a_run_tells_what_each_stage_did_and_what_was_set_aside(project: Path) -> None:
    (project / "data/orders.csv").write_text(
        "order_no,customer_id,billing_email,total,status,ordered_at\n9,1001,,5.00,paid,2026-01-05 10:00:00\n"
    )
    answered = hub(project, "run", "--json")
    assert answered.exit_code == 0, answered.output
    told = json.loads(answered.stdout)
    assert told["ok"] is True
    landed = next(report for report in told["reports"] if report["subject"] == "shop")
    assert landed["counts"] == {"orders": 1}
    for report in told["reports"]:
        assert report["rows_in"] == report["rows_out"] + report["set_aside"]
    assert ask(project, "SELECT count(*) AS n FROM sales_order") == [{"n": 5}]
    assert ask(project, "SELECT source_key, reason FROM quarantine WHERE target = 'sales_order'") == [
        {"source_key": "5", "reason": "total >= 0"}
    ]


def test_a_second_run_sends_nothing_twice(project: Path) -> None:
    before = sorted((project / "out/letters").iterdir())
    answered = hub(project, "run")
    assert answered.exit_code == 0, answered.output
    assert "no news" in answered.stdout
    assert hub(project, "status").stdout.splitlines()[1].endswith("ok  no news")
    assert sorted((project / "out/letters").iterdir()) == before


def test_a_connection_that_fails_does_not_stop_the_others_and_the_exit_code_is_1(project: Path) -> None:
    change(
        project / "hub.yaml",
        "  # Where letters go",
        '  lost: {plugin: sql, url: "sqlite:///no/such/folder/x.db", tables: [a]}\n  # Where',
    )
    change(
        project / "hub.yaml",
        'url: "sqlite:///no/such/folder/x.db"',
        'url: "${LOST_URL:-sqlite:////no/such/folder/x.db}"',
    )
    answered = hub(project, "run", "land", "--json")
    assert answered.exit_code == 1, answered.output
    told = json.loads(answered.stdout)
    assert told["ok"] is False
    newest = hub(project, "status").stdout.splitlines()[1:3]
    assert "UTC  1 failed" in newest[0]
    assert newest[1] == f"    {told['failures'][0]}"
    assert [failure.split(":")[0] for failure in told["failures"]] == ["lost"]
    assert {report["subject"]: bool(report["failures"]) for report in told["reports"]} == {
        "shop": False,
        "lost": True,
        "post": False,
    }


def test_a_run_that_another_one_holds_up_ends_with_3(project: Path) -> None:
    program = [sys.executable, "-c", "from hub.cli import main; main()", "run", "resolve", "--project", str(project)]
    with workspace(load_project(project)):
        answered = subprocess.run(program, capture_output=True, text=True, check=False)
    assert answered.returncode == 3, answered.stderr
    assert "another run" in answered.stderr


def test_a_run_as_of_a_day_is_as_of_its_first_moment_in_the_projects_zone(project: Path) -> None:
    answered = hub(project, "run", "segment", "--as-of", "2026-07-01", "--json")
    assert json.loads(answered.stdout)["as_of"] == "2026-06-30T22:00:00+00:00"


def test_explain_tells_from_where_and_why(after: Path) -> None:
    told = hub(after, "explain", "ANNA.deVries@example.nl").stdout
    assert told.startswith("Person 1: Anna de Vries\n")
    assert "email shared with shop:1001" in told
    assert "only value" in told
    assert "letter: chosen" in told
    refused = hub(after, "explain", "chris.vdvalk@example.nl").stdout
    assert "letter: consent withdrawn" in refused
    as_json = json.loads(hub(after, "explain", "1", "--json").stdout)
    assert [message["became"]["in_words"] for message in as_json["messages"]] == ["sent"]
    assert {record["record_id"] for record in as_json["records"]} == {"shop:1001", "shop:email:anna.devries@example.nl"}


def test_a_scenario_is_drawn_with_how_many_are_where(after: Path) -> None:
    told = hub(after, "scenario", "show", "welcome").stdout
    assert told.startswith('flowchart TD\n    start("account_created<br/>person, once") --> s1\n')
    as_json = json.loads(hub(after, "scenario", "show", "welcome", "--json").stdout)
    assert as_json["mermaid"] == told
    assert as_json["states"]["done"] >= 1
    wrong = hub(after, "scenario", "show", "welcom")
    assert (wrong.exit_code, wrong.stderr) == (2, "there is no scenario 'welcom'. Did you mean 'welcome'?\n")


def test_explaining_somebody_unknown_does_not_repeat_the_address(after: Path) -> None:
    answered = hub(after, "explain", "canary@example.nl")
    assert answered.exit_code == 1
    assert answered.stderr.startswith("nobody goes by this number, address or key")
    assert "canary" not in answered.output


def test_preview_shows_before_and_after_without_storing(project: Path) -> None:
    change(project / "mappings/shop.yaml", "status: status", "status: upper(status)")
    answered = hub(project, "preview", "mapping", "sales_order", "--rows", "5", "--json")
    assert answered.exit_code == 0, answered.output
    rows = json.loads(answered.stdout)
    assert len(rows) == 5
    assert rows[0]["raw"]["status"] == "paid"
    assert rows[0]["mapped"]["status"] == "PAID"
    assert rows[4]["reason"] == "total >= 0"
    assert "set aside" in hub(project, "preview", "mapping", "shop.sales_order", "--rows", "5").stdout
    assert ask(project, "SELECT DISTINCT status FROM sales_order") == [{"status": "paid"}]


def test_preview_of_what_is_not_there_is_told(project: Path) -> None:
    answered = hub(project, "preview", "mapping", "sales_ordr")
    assert answered.exit_code == 2
    assert "there is no mapping 'sales_ordr'. Did you mean 'sales_order'?" in answered.stderr
    assert hub(project, "preview", "segment", "x").exit_code == 2


def test_check_knows_the_columns_that_have_landed(project: Path) -> None:
    change(project / "mappings/shop.yaml", "city: trim(city)", "city: trim(citty)")
    answered = hub(project, "check")
    assert answered.exit_code == 2
    assert answered.stderr.startswith("mappings/shop.yaml:31:16: ")
    assert "citty" in answered.stderr
    change(project / "mappings/shop.yaml", "trim(citty)", "Woon-plaats")
    change(project / "data/customers.csv", "city", "Woon plaats")
    assert hub(project, "run", "land").exit_code == 0
    told = hub(project, "check").stderr
    assert told.endswith(" The column 'Woon-plaats' is called woon_plaats here\n")


def test_check_minds_a_raw_table_that_never_came(project: Path) -> None:
    change(project / "mappings/shop.yaml", "from: orders", "from: order")
    answered = hub(project, "check")
    assert answered.exit_code == 0
    assert answered.stdout.splitlines()[1] == (
        "Mind: mappings/shop.yaml:44:9: shop has landed no rows of 'order' yet. Did you mean 'orders'?"
    )


def test_status_shows_the_run_and_the_messages(after: Path) -> None:
    told = json.loads(hub(after, "status", "--json").stdout)
    assert told["messages"] == {"accepted": 2}
    assert told["tables"]["person"] == 5
    assert [run["failures"] for run in told["runs"]] == [[]]
    shown = hub(after, "status").stdout
    assert "total >= 0" in shown
    assert "accepted" in shown
