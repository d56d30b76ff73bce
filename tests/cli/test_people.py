"""`hub people`: verdicts by hand, and the review queue (R6, R42)."""

from __future__ import annotations

import getpass
import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hub.project import load_project
from hub.warehouse import open_warehouse
from tests.stages.world import NOON, add, fact, record


@pytest.fixture
def shop(corner: Path) -> Path:
    """Give a project with three people published: Anna and Ans, who may be one, and Bert."""
    project = load_project(corner)
    warehouse = open_warehouse("duckdb", project.schema, project.state)
    record(warehouse, "crm:12", NOON, given_name="Anna", surname="Wit", email="a@example.nl", record_no=1, person_id=1)
    record(warehouse, "shop:7", NOON, given_name="Ans", surname="Wit", phone="+31612345678", record_no=2, person_id=2)
    record(warehouse, "shop:12", NOON, given_name="Bert", record_no=3, person_id=3)
    fact(warehouse, "address", "crm:12", "a1", street="Dorpsstraat", house_number="9", city="Ede")
    fact(warehouse, "address", "shop:7", "a2", street="Dorpsstraat", house_number="9", city="Ede")
    pair = {"found_by": "address", "as_of": NOON}
    add(
        warehouse,
        "match_candidate",
        {**pair, "low_record": "crm:12", "high_record": "shop:12", "score": 0.3, "reason": None},
        {**pair, "low_record": "crm:12", "high_record": "shop:7", "score": 0.7, "reason": "given names are alike"},
    )
    warehouse.publish()
    warehouse.close()
    return corner


def verdicts(hub: Any, shop: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(hub("people", "verdicts", "--json", "--project", str(shop)).stdout)
    return found


def test_every_command_has_help_and_speaks_json(hub: Any) -> None:
    overview = hub("people", "--help").output
    for command in ("link", "unlink", "withdraw", "review", "verdicts"):
        assert f" {command} " in overview
        told = hub("people", command, "--help").output
        assert "--json" in told
        assert "--project" in told


def test_two_records_are_linked_by_hand_from_the_next_resolve_on(hub: Any, shop: Path) -> None:
    answered = hub("people", "link", "shop:7", "crm:12", "--why", "she called us", "--project", str(shop))
    assert answered.exit_code == 0, answered.output
    assert answered.stdout.splitlines() == [
        f"crm:12 and shop:7 are one person, says {getpass.getuser()}: she called us",
        "It counts from the next resolve on: `hub run build`, or the next scheduled run.",
    ]
    (given,) = verdicts(hub, shop)
    assert (given["low"], given["high"], given["ruling"], given["stands"]) == ("crm:12", "shop:7", "same", True)


def test_a_verdict_that_changes_nothing_yet_says_so(hub: Any, shop: Path) -> None:
    arguments = ("shop:7", "crm:12", "--why", "twins", "--by", "anna", "--project", str(shop))
    assert "They are two people already; the verdict keeps it so." in hub("people", "unlink", *arguments).stdout
    answered = json.loads(hub("people", "unlink", *arguments, "--json").stdout)
    assert (answered["by"], answered["ruling"], answered["already"]) == ("anna", "different", True)


def test_the_last_verdict_stands_and_can_be_withdrawn(hub: Any, shop: Path) -> None:
    where = ("--project", str(shop), "--by", "anna", "--why")
    hub("people", "link", "crm:12", "shop:7", *where, "she called")
    hub("people", "unlink", "crm:12", "shop:7", *where, "she did not")
    assert [(it["ruling"], it["stands"]) for it in verdicts(hub, shop)] == [("same", False), ("different", True)]
    answered = hub("people", "withdraw", "shop:7", "crm:12", *where, "who knows")
    assert answered.stdout.startswith("crm:12 and shop:7 are as the rules say, says anna: who knows")
    assert [it["stands"] for it in verdicts(hub, shop)] == [False, False, False]
    told = hub("people", "verdicts", "--project", str(shop)).stdout
    assert "one person (superseded)" in told
    assert "she did not" in told
    again = hub("people", "withdraw", "shop:7", "crm:12", *where, "who knows")
    assert again.exit_code == 1
    assert again.stderr == "nothing stands between shop:7 and crm:12: there is no verdict to withdraw\n"


def test_the_verdicts_on_one_record_are_listed_alone(hub: Any, shop: Path) -> None:
    where = ("--project", str(shop), "--why", "because")
    hub("people", "link", "crm:12", "shop:7", *where)
    hub("people", "unlink", "shop:7", "shop:12", *where)
    found = json.loads(hub("people", "verdicts", "shop:12", "--json", "--project", str(shop)).stdout)
    assert [it["high"] for it in found] == ["shop:7"]


def test_before_any_verdict_the_list_says_so(hub: Any, corner: Path) -> None:
    assert hub("people", "verdicts", "--project", str(corner)).stdout == "No verdict was given yet.\n"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("crm:13", "there is no record 'crm:13' in what the last run published. Did you mean 'crm:12'?"),
        ("shp:7", "there is no record 'shp:7' in what the last run published. Did you mean 'shop:7'?"),
        ("erp:99", "there is no record 'erp:99' in what the last run published."),
        (
            "7",
            "'7' is no record: write `connection:key`, as in crm:12. `hub explain` lists the records of a person by "
            "number, e-mail address or phone.",
        ),
    ],
)
def test_a_record_that_is_not_there_is_told_with_the_one_that_may_be_meant(
    hub: Any, shop: Path, given: str, told: str
) -> None:
    answered = hub("people", "link", given, "shop:12", "--why", "because", "--project", str(shop))
    assert answered.exit_code == 2
    assert answered.stderr == f"{told}\n"
    assert verdicts(hub, shop) == []


def test_a_verdict_without_a_reason_is_not_taken(hub: Any, shop: Path) -> None:
    assert hub("people", "link", "crm:12", "shop:7", "--project", str(shop)).exit_code == 2
    answered = hub("people", "link", "crm:12", "shop:7", "--why", " ", "--project", str(shop))
    assert answered.exit_code == 1
    assert answered.stderr.startswith("a verdict needs a reason")


def test_the_queue_shows_two_records_side_by_side_the_likeliest_first(hub: Any, shop: Path) -> None:
    told = hub("people", "review", "--project", str(shop)).stdout
    assert told.index("1 of 2  address (0.70): given names are alike") < told.index("2 of 2  address (0.30)")
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in told.splitlines() if "│" in line]
    assert ["given_name", "Anna", "Ans", "differs"] in lines
    assert ["surname", "Wit", "Wit", "agrees"] in lines
    assert ["address", "Dorpsstraat 9 Ede", "Dorpsstraat 9 Ede", "agrees"] in lines
    assert ["phone", "", "+31612345678", ""] in lines


def test_the_queue_is_json_for_machines_and_can_be_shortened(hub: Any, shop: Path) -> None:
    found = json.loads(hub("people", "review", "--json", "--limit", "1", "--project", str(shop)).stdout)
    assert found["waiting"] == 2
    (pair,) = found["pairs"]
    assert (pair["low_record"], pair["high_record"], pair["score"]) == ("crm:12", "shop:7", 0.7)
    assert (pair["agrees"], pair["differs"]) == (["surname", "address"], ["given_name"])


def test_pairs_are_decided_by_name_and_leave_the_queue(hub: Any, shop: Path) -> None:
    answered = hub(
        "people", "review", "--accept", "shop:7,crm:12", "--refuse", "crm:12,shop:12", "--project", str(shop)
    )
    assert answered.exit_code == 0, answered.output
    assert [(it["high"], it["ruling"], it["why"]) for it in verdicts(hub, shop)] == [
        ("shop:7", "same", "reviewed: given names are alike"),
        ("shop:12", "different", "reviewed: address"),
    ]
    assert hub("people", "review", "--project", str(shop)).stdout == "Nobody waits for a verdict.\n"
    hub("people", "withdraw", "crm:12", "shop:7", "--why", "a mistake", "--project", str(shop))
    assert json.loads(hub("people", "review", "--json", "--project", str(shop)).stdout)["waiting"] == 1


def test_where_one_pair_does_not_wait_none_is_decided(hub: Any, shop: Path) -> None:
    answered = hub(
        "people", "review", "--accept", "crm:12,shop:7", "--accept", "shop:12,shop:7", "--project", str(shop)
    )
    assert answered.exit_code == 2
    assert "shop:12 and shop:7 do not wait for a verdict" in answered.stderr
    assert verdicts(hub, shop) == []
    answered = hub("people", "review", "--accept", "crm:12", "--project", str(shop))
    assert answered.stderr.startswith("'crm:12' is no pair: write two records with a comma between")


def test_before_the_first_run_there_is_nothing_to_review(hub: Any, corner: Path) -> None:
    answered = hub("people", "review", "--project", str(corner))
    assert answered.exit_code == 2
    assert "nothing is published yet" in answered.stderr


def test_a_name_that_a_stranger_chose_does_not_steer_the_terminal(hub: Any, shop: Path) -> None:
    project = load_project(shop)
    warehouse = open_warehouse("duckdb", project.schema, project.state)
    with warehouse.begin() as transaction:
        transaction.connection.exec_driver_sql(
            "UPDATE store.source_record SET given_name = chr(27) || '[2J' WHERE record_no = 1"
        )
    warehouse.publish()
    warehouse.close()
    told = hub("people", "review", "--project", str(shop)).stdout
    assert "\x1b[2J" not in told
    assert "?[2J" in told


def test_at_a_terminal_each_pair_is_asked_about(hub: Any, shop: Path) -> None:
    told = at_a_terminal(["people", "review", "--by", "anna", "--project", str(shop)], ["y", "l"])
    assert "One person? yes, no, later, or quit" in told
    assert "crm:12 and shop:7 are one person, says anna: reviewed: given names are alike" in told
    assert [(it["high"], it["ruling"]) for it in verdicts(hub, shop)] == [("shop:7", "same")]
    told = at_a_terminal(["people", "review", "--project", str(shop)], ["q"])
    assert "Nothing decided." in told
    assert len(verdicts(hub, shop)) == 1


def at_a_terminal(arguments: list[str], answers: list[str]) -> str:
    """Call `hub` on a terminal of its own and type the answers, each when it is asked for."""
    ours, theirs = pty.openpty()
    program = f"import sys\nfrom hub.cli import main\nsys.argv = ['hub', *{arguments!r}]\nmain()"
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "dumb"}
    )
    os.close(theirs)
    told, waiting = "", list(answers)
    while True:
        ready, _, _ = select.select([ours], [], [], 60)
        assert ready, f"nothing more is said: {told}"
        try:
            said = os.read(ours, 4096).decode(errors="replace")
        except OSError:  # the other end is closed
            break
        told += said
        if waiting and told.count("One person?") > len(answers) - len(waiting) and told.rstrip().endswith(":"):
            os.write(ours, f"{waiting.pop(0)}\n".encode())
    assert process.wait(60) == 0, told
    os.close(ours)
    return " ".join(told.split())


def test_explain_tells_the_old_number_the_verdicts_and_the_links_by_hand(hub: Any, shop: Path) -> None:
    hub("people", "link", "crm:12", "shop:7", "--why", "she called", "--by", "anna", "--project", str(shop))
    project = load_project(shop)
    warehouse = open_warehouse("duckdb", project.schema, project.state)
    with warehouse.begin() as transaction:
        transaction.connection.exec_driver_sql(
            "UPDATE store.source_record SET person_id = 1, linked_by = 'hand', linked_to = 'crm:12' WHERE record_no = 2"
        )
    add(warehouse, "person", {"person_id": 1, "record_id": "crm:12", "given_name": "Anna", "records": 2})
    add(warehouse, "person_alias", {"person_id": 2, "now_person_id": 1, "record_no": 2, "since": NOON})
    warehouse.publish()
    warehouse.close()
    told = hub("explain", "2", "--project", str(shop)).stdout
    assert "2 was merged into 1 on 2026-11-22 13:00." in told
    assert "by hand one person with crm:12" in told
    by_hand = told.split("By hand")[1].split("\n\n")[0]
    for words in ("crm:12 and shop:7", "one person", "anna", "she called"):
        assert words in by_hand
    assert "was merged into" not in hub("explain", "1", "--project", str(shop)).stdout
    data = json.loads(hub("explain", "1", "--json", "--project", str(shop)).stdout)
    assert [it["person_id"] for it in data["former_ids"]] == [2]
    assert [it["why"] for it in data["verdicts"]] == ["she called"]


def test_explain_tells_how_likely_a_link_by_probability_is_and_what_spoke_for_it(hub: Any, shop: Path) -> None:
    project = load_project(shop)
    warehouse = open_warehouse("duckdb", project.schema, project.state)
    with warehouse.begin() as transaction:
        transaction.connection.exec_driver_sql(
            "UPDATE store.source_record SET person_id = 1, linked_by = 'match', linked_to = 'crm:12' "
            "WHERE record_no = 2"
        )
    add(warehouse, "person", {"person_id": 1, "record_id": "crm:12", "given_name": "Anna", "records": 2})
    why = "name 0.93"
    pair = {"low_record": "crm:12", "high_record": "shop:7"}
    add(warehouse, "match_link", {**pair, "score": 0.94, "joined": True, "reason": why})
    warehouse.publish()
    warehouse.close()
    told = " ".join(hub("explain", "1", "--project", str(shop)).stdout.split())
    assert f"likely one person with crm:12, 0.94 ({why})" in told
    data = json.loads(hub("explain", "1", "--json", "--project", str(shop)).stdout)
    assert [(it["likely"], it["agreed"]) for it in data["records"]] == [(None, None), (0.94, why)]
