"""The vendor `redmine` against a real Redmine: what people ask comes in, once, and a wrong key is noticed."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from hub.errors import ConfigurationError
from hub.project import Project
from hub.testing.sources import Landing
from tests_real import projects
from tests_real.projects import plugin, rows, run
from tests_real.systems.redmine import Redmine

CONNECTION = '  desk: {{plugin: redmine, url: "{url}", key: "${{DESK_KEY}}", allow_private: true}}\n'
WRONG = "0" * 40


@pytest.fixture(scope="module")
def anna(redmine: Redmine) -> dict[str, Any]:
    """A customer with a key of her own."""
    person = {"login": "anna", "firstname": "Anna", "lastname": "van 't Wolkje", "mail": "Anna@Example.nl"}
    made: dict[str, Any] = redmine.ask("POST", "users", {"user": {**person, "password": "w8woord-lang"}})
    return dict(made["user"])


def complain(redmine: Redmine, anna: dict[str, Any], subject: str) -> int:
    issue = {"project_id": "klachten", "subject": subject}
    return int(redmine.ask("POST", "issues", {"issue": issue}, key=anna["api_key"])["issue"]["id"])


@pytest.fixture
def project(redmine: Redmine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("DESK_KEY", redmine.key)
    return projects.project(tmp_path, CONNECTION.format(url=redmine.url))


def test_the_check_tells_what_is_there(redmine: Redmine) -> None:
    desk = plugin("redmine", url=redmine.url, key=redmine.key)
    assert desk.check().ok
    assert desk.check().message.startswith("lists: users (")
    assert redmine.version.startswith(desk.proven[0].version), "it claims another version"


def test_a_wrong_key_is_noticed_although_redmine_answers_it(
    redmine: Redmine, anna: dict[str, Any], tmp_path: Path
) -> None:
    number = complain(redmine, anna, "Openbaar")
    strangers = urllib.request.Request(f"{redmine.url}/issues.json", headers={"X-Redmine-API-Key": WRONG})
    with urllib.request.urlopen(strangers, timeout=30) as answer:
        assert answer.status == 200
        assert number in [issue["id"] for issue in json.load(answer)["issues"]]
    desk = plugin("redmine", url=redmine.url, key=WRONG, resources=["tickets"])
    assert not desk.check().ok
    assert "refuses the login (401)" in desk.check().message
    with pytest.raises(ConfigurationError, match=r"refuses the login \(401\)"):
        Landing(desk, tmp_path).run()
    assert WRONG not in desk.check().message


def test_a_right_that_is_taken_away_stops_the_list_in_words(
    redmine: Redmine, anna: dict[str, Any], tmp_path: Path
) -> None:
    hers = plugin("redmine", url=redmine.url, key=anna["api_key"])
    with pytest.raises(ConfigurationError, match=r"users\.json: the API refuses the login \(403\)"):
        Landing(hers, tmp_path).run()
    allowed = plugin("redmine", url=redmine.url, key=anna["api_key"], resources=["tickets"])
    assert allowed.check().ok


def test_a_complaint_comes_in_and_its_end_too(redmine: Redmine, anna: dict[str, Any], project: Project) -> None:
    number = complain(redmine, anna, "Waar blijft mijn pakket? 🐈")
    run(project)
    (person,) = rows(project, "source_record")
    assert (person["given_name"], person["prefix"], person["surname"]) == ("Anna", "van 't", "Wolkje")
    (ticket,) = [row for row in rows(project, "ticket") if row["source_key"] == str(number)]
    assert (ticket["subject"], ticket["status"], ticket["closed_at"]) == ("Waar blijft mijn pakket? 🐈", "open", None)
    assert ticket["record_id"] == person["record_id"]
    redmine.ask("PUT", f"issues/{number}", {"issue": {"status_id": 5}})
    run(project)
    (ticket,) = [row for row in rows(project, "ticket") if row["source_key"] == str(number)]
    assert ticket["status"] == "closed"
    assert ticket["closed_at"] is not None


def test_pages_lose_and_double_nothing_also_within_one_second(
    redmine: Redmine, anna: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [complain(redmine, anna, f"Klacht {number}") for number in range(7)]
    desk = plugin("redmine", url=redmine.url, key=redmine.key, resources=["tickets"])
    small = desk.config.resources["tickets"]
    paginate = small.paginate.model_copy(update={"size": 2})
    desk.config.resources["tickets"] = small.model_copy(update={"paginate": paginate})
    landing = Landing(desk, tmp_path)
    landing.run()
    there = [issue["id"] for issue in redmine.ask("GET", "issues")["issues"]]
    landed = [row["id"] for row in landing.rows("tickets")]
    assert sorted(set(landed)) == sorted({*numbers, *there, *landed})
    assert len(landed) == len(set(landed))
    assert landing.run().loads == ()
    one_more = complain(redmine, anna, "In dezelfde seconde")
    assert landing.run().rows == {"tickets": 1}
    redmine.ask("DELETE", f"issues/{numbers[0]}")
    redmine.ask("PUT", f"issues/{numbers[3]}", {"issue": {"subject": "Anders"}})
    assert landing.run().rows == {"tickets": 1}
    assert [row["subject"] for row in landing.rows("tickets") if row["id"] in (one_more, numbers[3])][-1] == "Anders"


def test_what_is_not_redmine_is_told_in_words(redmine: Redmine) -> None:
    elsewhere = plugin("redmine", url=f"{redmine.url}/nergens", key=redmine.key)
    assert "there is nothing here (404); mend `url`" in elsewhere.check().message
    with pytest.raises(urllib.error.HTTPError):
        redmine.ask("GET", "nergens/users/current")
