"""The commands: what they answer, how they fail, and which exit codes they end with."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hub.cli import app
from hub.cli.query import harmless
from hub.project import load_project
from hub.warehouse import open_warehouse

HEAVY = ("pydantic", "sqlalchemy", "duckdb", "dlt", "pyarrow", "sqlglot", "prefect", "structlog", "yaml")


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def publish(folder: Path, *statements: str) -> None:
    """Publish a warehouse with a few rows."""
    project = load_project(folder)
    warehouse = open_warehouse("duckdb", project.schema, project.state)
    with warehouse.begin() as transaction:
        for statement in statements:
            transaction.connection.exec_driver_sql(statement)
    warehouse.publish()
    warehouse.close()


def test_help_answers_at_once_and_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom hub.cli import main\nsys.argv = ['hub', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "Exit codes" in done.stdout
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5


def test_every_command_has_help_and_speaks_json(hub: Any) -> None:
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    overview = hub("--help").output
    for command in commands:
        assert f" {command} " in overview
        told = hub(command, "--help").output
        assert "--json" in told
        assert ("--project" in told) == (command != "init")
    for group in app.registered_groups:
        for sub in group.typer_instance.registered_commands:
            told = hub(group.name, sub.name, "--help").output
            assert "--json" in told
            assert ("--project" in told) == (group.name != "new")  # a package of its own stands in no project


def test_a_new_project_is_in_order(hub: Any, corner: Path) -> None:
    answered = hub("check", "--project", str(corner))
    assert answered.exit_code == 0
    assert answered.stdout.startswith("Everything is in order: 2 connections, 5 mapped tables, ")


def test_a_new_project_never_overwrites(hub: Any, corner: Path) -> None:
    answered = hub("init", str(corner))
    assert answered.exit_code == 2
    assert answered.stderr == f"{corner} is there already and not empty: choose another name\n"


def test_two_new_projects_have_different_keys_that_only_their_owner_reads(
    hub: Any, corner: Path, tmp_path: Path
) -> None:
    hub("init", str(tmp_path / "other"))
    assert (corner / ".env").read_text() != (tmp_path / "other/.env").read_text()
    assert (corner / ".env").stat().st_mode & 0o077 == 0
    assert ".env" in (corner / ".gitignore").read_text().splitlines()


def test_check_tells_every_mistake_of_form_with_exit_code_2(hub: Any, corner: Path) -> None:
    change(corner / "mappings/shop.yaml", "    status: status", "    statuss: status")
    change(corner / "hub.yaml", "plugin: print", "plugin: prnt")
    answered = hub("check", "--project", str(corner))
    assert answered.exit_code == 2
    assert answered.stdout == ""
    lines = answered.stderr.splitlines()
    assert lines[0].startswith("hub.yaml:10:18: no plugin 'prnt' is installed. Did you mean 'print'?")
    assert lines[1] == "mappings/shop.yaml:51:5: sales_order has no column 'statuss'. Did you mean 'status'?"
    assert lines[-1] == "2 mistakes to mend."


def test_check_tells_every_mistake_in_expressions(hub: Any, corner: Path) -> None:
    change(corner / "mappings/shop.yaml", "trim(surname)", "trm(surname)")
    change(corner / "segments/shop.yaml", "order_count >= 3", "ordr_count >= 3")
    change(corner / "scenarios/welcome.yaml", "> entered_at", "> entered")
    change(corner / "scenarios/welcome.yaml", "{city: city}", "{city: citty}")
    answered = hub("check", "--project", str(corner))
    assert answered.exit_code == 2
    assert [line.split(": ")[0] for line in answered.stderr.splitlines()[:-2]] == [
        "mappings/shop.yaml:15:14",
        "scenarios/welcome.yaml:9:28",
        "scenarios/welcome.yaml:14:21",
        "segments/shop.yaml:3:21",
    ]
    assert "there is no 'ordr_count'. Did you mean 'order_count'?" in answered.stderr


def test_check_tells_traits_that_need_each_other_and_broken_templates(hub: Any, corner: Path) -> None:
    change(corner / "traits/shop.yaml", "traits:", "traits:\n  a: {is: b}\n  b: {is: a}")
    answered = hub("check", "--project", str(corner))
    assert answered.exit_code == 2
    assert "a -> b -> a" in answered.stderr


def test_mistakes_are_json_for_machines(hub: Any, corner: Path) -> None:
    change(corner / "segments/shop.yaml", "where: order_count", "were: order_count")
    answered = hub("check", "--json", "--project", str(corner))
    assert answered.exit_code == 2
    assert json.loads(answered.stdout)["problems"][0] == {
        "file": "segments/shop.yaml",
        "line": 3,
        "column": 14,
        "message": "unknown key 'were'. Did you mean 'where'?",
    }


def test_the_project_is_the_nearest_one_upwards(hub: Any, corner: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(corner / "mappings")
    assert hub("schema").exit_code == 0
    assert (corner / ".hub/schema/mapping.json").is_file()


def test_without_a_project_the_remedy_is_told(hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    answered = hub("check")
    assert answered.exit_code == 2
    assert "make one with `hub init NAME`" in answered.stderr
    elsewhere = hub("check", "--project", str(tmp_path / "lost"))
    assert elsewhere.exit_code == 2
    assert "there is no hub.yaml in" in elsewhere.stderr


@pytest.mark.parametrize("moment", ["yesterday", "2026-02-30", "2026-3-1"])
def test_a_moment_that_is_none_is_told(hub: Any, corner: Path, moment: str) -> None:
    answered = hub("run", "--as-of", moment, "--project", str(corner))
    assert answered.exit_code == 2
    assert answered.stderr == f"--as-of '{moment}' is no moment: write 2026-03-01 or 2026-03-01T09:00\n"


def test_a_project_with_a_mistake_does_not_start_to_run(hub: Any, corner: Path) -> None:
    change(corner / "segments/shop.yaml", "order_count >= 3", "ordr_count >= 3")
    answered = hub("run", "--project", str(corner))
    assert answered.exit_code == 2
    assert answered.stderr == "segments/shop.yaml:3:21: there is no 'ordr_count'. Did you mean 'order_count'?\n"
    assert not (corner / "lake").exists()
    assert not (corner / ".hub").exists()


def test_a_stage_that_is_none_is_told_with_those_that_are(hub: Any, corner: Path) -> None:
    answered = hub("run", "lnd", "--project", str(corner))
    assert answered.exit_code == 2
    assert "there is no stage or flow 'lnd'. Did you mean 'land'?" in answered.stderr


def test_a_query_before_the_first_run_says_so(hub: Any, corner: Path) -> None:
    answered = hub("query", "SELECT 1", "--project", str(corner))
    assert answered.exit_code == 2
    assert answered.stderr == "nothing is published yet: run `hub run` first\n"


PEOPLE = """INSERT INTO store.person (person_id, given_name, surname, phone)
VALUES (1, '=cmd()', 'Jansen', '+31612345678'), (2, 'Ann', '-5.00', NULL)"""


def test_a_query_answers_as_table_csv_and_json(hub: Any, corner: Path) -> None:
    publish(corner, PEOPLE)
    sql = "SELECT person_id, given_name, surname, phone, -2.5 AS score FROM person ORDER BY 1"
    asked = ("query", sql, "--project", str(corner))
    assert "2 rows" in hub(*asked).stdout
    assert hub(*asked, "--format", "csv").stdout == (
        "person_id,given_name,surname,phone,score\n1,'=cmd(),Jansen,'+31612345678,-2.5\n2,Ann,'-5.00,,-2.5\n"
    )
    assert hub(*asked, "--format", "csv", "--raw").stdout == (
        "person_id,given_name,surname,phone,score\n1,=cmd(),Jansen,+31612345678,-2.5\n2,Ann,-5.00,,-2.5\n"
    )
    assert json.loads(hub(*asked, "--json").stdout)[1] == {
        "person_id": 2, "given_name": "Ann", "surname": "-5.00", "phone": None, "score": -2.5,
    }  # fmt: skip
    assert hub(*asked, "--json").stdout == hub(*asked, "--format", "json").stdout


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\0x"])
def test_text_that_a_spreadsheet_would_run_is_made_harmless(value: str) -> None:
    assert harmless(value) == f"'{value}"
    assert harmless(-1) == -1
    assert harmless("a=1") == "a=1"


def test_a_query_can_not_write_and_can_not_read_other_files(hub: Any, corner: Path) -> None:
    publish(corner)
    secret = corner / "secret.csv"
    secret.write_text("a\n1\n")
    for sql in (
        "DELETE FROM store.person",
        f"SELECT * FROM read_csv('{secret}')",
        "SELEC 1",
        "SELECT nothing FROM person",
    ):
        answered = hub("query", sql, "--project", str(corner))
        assert answered.exit_code == 2, sql
        assert answered.stderr.startswith("this query does not work: ")


def test_control_characters_of_strangers_do_not_reach_the_terminal(hub: Any, corner: Path) -> None:
    publish(corner, "INSERT INTO store.person (person_id, given_name) VALUES (1, 'a' || chr(27) || '[31mred')")
    shown = hub("query", "SELECT given_name FROM person", "--project", str(corner)).stdout
    assert "\x1b" not in shown
    assert "a?[31mred" in shown


def test_a_reader_that_has_seen_enough_is_no_failure(corner: Path) -> None:
    publish(corner)
    sql = "SELECT i FROM range(200000) AS numbers(i)"
    program = f"{sys.executable} -c 'from hub.cli import main; main()' query '{sql}' --format csv --project {corner}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{program} | head -2"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "i\n0\n", "")


def test_status_of_a_fresh_project_says_how_to_start(hub: Any, corner: Path) -> None:
    assert "No run yet: start one with `hub run`." in hub("status", "--project", str(corner)).stdout


def test_status_counts_what_is_published_and_set_aside(hub: Any, corner: Path) -> None:
    publish(
        corner,
        PEOPLE,
        "INSERT INTO store.quarantine (connection, target, reason) "
        "VALUES ('shop', 'sales_order', 'matches(x, ''[0-9]'')')",
    )
    told = json.loads(hub("status", "--json", "--project", str(corner)).stdout)
    assert told["tables"] == {"person": 2}
    assert told["quarantine"] == [
        {"connection": "shop", "target": "sales_order", "reason": "matches(x, '[0-9]')", "rows": 1}
    ]
    assert "matches(x, '[0-9]')" in hub("status", "--project", str(corner)).stdout


def test_doctor_tries_everything_and_names_what_is_ill(hub: Any, corner: Path) -> None:
    well = hub("doctor", "--json", "--project", str(corner))
    assert well.exit_code == 0, well.output
    assert [finding["what"] for finding in json.loads(well.stdout)["findings"]] == [
        "settings", "engine", "ledger", "lake", "connection shop", "connection post",
    ]  # fmt: skip
    change(corner / "hub.yaml", "./data/*.csv", "./dta/*.csv")
    ill = hub("doctor", "--project", str(corner))
    assert ill.exit_code == 1
    assert "mend  connection shop: ./dta/*.csv: there is no folder dta; mend `path`" in ill.stdout


def test_plugins_tells_who_uses_what(hub: Any, corner: Path) -> None:
    listed = {entry["name"]: entry for entry in json.loads(hub("plugins", "--json", "--project", str(corner)).stdout)}
    assert listed["files"]["connections"] == ["shop"]
    assert listed["webhook"]["can"] == ["sends messages", "takes audiences and rows"]
    assert listed["files"]["keys"]["encoding"].startswith("The characters' encoding")
    assert listed["files"]["proven"][0] == {
        "how": "real system",
        "against": "AsyncSSH",
        "version": "2",
        "day": "2026-11-22",
    }
    shown = hub("plugins", "--project", str(corner)).stdout.splitlines()
    at = shown.index("files  source and destination; proven against AsyncSSH 2, moto 5, 2026-11-22; used by shop")
    assert shown[at + 1] == "    CSV, Excel, JSON Lines and Parquet files, read and written: local, SFTP, S3"
    assert len(shown) == 2 * len(listed) + 1


def test_plugins_tells_all_of_one(hub: Any, corner: Path) -> None:
    told = hub("plugins", "brevo", "--project", str(corner)).stdout
    assert told.startswith("brevo  source and destination (schakel ")
    for line in (
        "  sends messages",
        "  its documentation (November 2026), played by a server of the tests; "
        "the live service is unverified; 2026-11-22",
        "  key: The API key.",
    ):
        assert line in told.splitlines()
    assert json.loads(hub("plugins", "brevo", "--json").stdout)["name"] == "brevo"
    assert "Did you mean 'brevo'?" in hub("plugins", "brevoo").stderr


def test_a_schedule_without_a_server_is_told(hub: Any, corner: Path) -> None:
    answered = hub("schedule", "--project", str(corner))
    assert answered.exit_code == 2
    assert "PREFECT_API_URL" in answered.stderr


@pytest.mark.parametrize("command", ["schedule", "run"])
def test_without_prefect_the_package_to_install_is_told(
    hub: Any, corner: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    for name in [name for name in sys.modules if name.partition(".")[0] == "flows"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "prefect", None)
    answered = hub(command, "--project", str(corner))
    assert answered.exit_code == 2
    assert answered.stderr == "flows and schedules need Prefect: `pip install 'schakel[flows]'`\n"


def test_a_bug_is_told_without_a_traceback_and_without_values(
    hub: Any, corner: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("canary-value")

    monkeypatch.setattr("hub.cli.status.status", broken)
    answered = hub("status", "--project", str(corner))
    assert answered.exit_code == 70
    assert answered.stderr.startswith("this is a bug of the hub (RuntimeError at test_cli.py:")
    assert "canary" not in answered.output
    assert "Traceback" not in answered.output


def test_no_command_ever_prints_a_secret(hub: Any, corner: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_URL", "sqlite:///canary-secret.db")
    monkeypatch.setenv("SMS_TOKEN", "canary-secret")
    monkeypatch.setenv("HUB_KEY", "canary-secret-9d2f61c07b")
    change(
        corner / "hub.yaml",
        "  # Where letters go",
        '  web: {plugin: sql, url: "${SHOP_URL}", tables: [a]}\n'
        '  sms: {plugin: sms_http, url: "https://sms.example/${SMS_TOKEN}", token: "${SMS_TOKEN}", '
        'bogus: "${SMS_TOKEN}"}\n'
        "  # Where letters go",
    )
    for command in (["check"], ["doctor"], ["status"], ["plugins"], ["schema"], ["query", "SELECT 1"], ["run", "land"]):
        for arguments in (command, [*command, "--json"]):
            answered = hub(*arguments, "--project", str(corner))
            assert "canary" not in answered.output, arguments
    change(corner / "hub.yaml", ', bogus: "${SMS_TOKEN}"', "")
    for command in (["check"], ["doctor"], ["status"], ["run", "land"]):
        answered = hub(*command, "--project", str(corner))
        assert "canary-secret" not in answered.output, command


WRITTEN_WRONG = {
    "a forbidden function": ("trim(surname)", "pg_sleep(10)", "15:14: there is no function pg_sleep()."),
    "a query inside": (
        "trim(surname)",
        "(select 1)",
        "15:15: subqueries and statements are not allowed: write one expression",
    ),
    "two statements": (
        "trim(surname)",
        "surname; drop table person",
        "15:21: `;` is not allowed: write one expression",
    ),
    "an unclosed bracket": ("trim(surname)", "trim(surname", "15:19: a parenthesis is opened but not closed"),
    "a check that is no condition": (
        "total >= 0",
        "total",
        "55:7: the condition must be true or false, but this is number: compare it with something",
    ),
    "a date from a number": (
        "ordered_at: timestamp(ordered_at)",
        "ordered_at: 2 * 3",
        "50:17: a value of type integer cannot become timestamp",
    ),
}


@pytest.mark.parametrize("wrong", WRITTEN_WRONG)
def test_an_expression_that_is_not_allowed_is_told_with_its_place(hub: Any, corner: Path, wrong: str) -> None:
    old, new, told = WRITTEN_WRONG[wrong]
    change(corner / "mappings/shop.yaml", old, new)
    answered = hub("check", "--project", str(corner))
    assert answered.exit_code == 2, answered.output
    assert answered.stderr == f"mappings/shop.yaml:{told}\n"


def test_segments_that_ask_for_each_other_are_told(hub: Any, corner: Path) -> None:
    change(
        corner / "segments/shop.yaml",
        "segments:",
        "segments:\n  a: {where: \"member_of('b')\"}\n  b: {where: \"member_of('a')\"}",
    )
    answered = hub("check", "--project", str(corner))
    assert answered.exit_code == 2
    assert "segments/shop.yaml:3:15: segments ask for each other in a circle: a -> b -> a" in answered.stderr


def test_a_template_that_does_not_parse_is_told(hub: Any, corner: Path) -> None:
    folder = corner / "templates/welcome"
    (folder / "subject.txt").write_text("Welkom")
    (folder / "email.txt").write_text("Dag {% if given_name %}{{ given_name }}")
    change(corner / "scenarios/welcome.yaml", "by: [letter]", "by: [email, letter]")
    change(
        corner / "hub.yaml",
        "  # Where letters go",
        '  mail: {plugin: smtp, host: localhost, sender: "a@example.nl"}\n  # Where letters go',
    )
    answered = hub("check", "--project", str(corner))
    assert answered.exit_code == 2, answered.output
    assert answered.stderr.startswith("templates/welcome"), answered.stderr
    assert "email.txt" in answered.stderr
