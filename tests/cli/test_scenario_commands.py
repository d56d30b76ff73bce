"""`hub scenario simulate`, `hub scenario results` and `hub preview message`, on a project of `hub init`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.cli.conftest import Hub, as_json


@pytest.fixture
def ran(corner: Path, hub: Hub) -> Path:
    with (corner / "hub.yaml").open("a", encoding="utf-8") as file:
        file.write("\ncosts: {letter: 0.95}\n")
    with (corner / "scenarios" / "welcome.yaml").open("a", encoding="utf-8") as file:
        file.write("goal: {of: sales_order, within: 10 days, value: total}\n")
    done = hub("run", "--project", str(corner))
    assert done.exit_code == 0, done.output
    return corner


def test_a_scenario_is_simulated(ran: Path, hub: Hub) -> None:
    days = ("--from", "2026-03-01", "--to", "2026-03-03", "--project", str(ran))
    told = hub("scenario", "simulate", "welcome", *days)
    assert told.exit_code == 0, told.output
    assert "nothing was sent" in told.output
    assert "2026-03-02" in told.output
    data = as_json(hub("scenario", "simulate", "welcome", "--people", "2", "--json", *days))
    assert [day["day"] for day in data["days"]] == ["2026-03-01", "2026-03-02", "2026-03-03"]
    assert (data["people"], data["cost"].keys()) == (2, data["messages"].keys())


def test_many_days_are_shown_by_week(ran: Path, hub: Hub) -> None:
    told = hub("scenario", "simulate", "welcome", "--from", "2026-01-01", "--to", "2026-03-05", "--project", str(ran))
    assert "Messages by week" in told.output
    assert "2025-12-29" in told.output


def test_a_day_that_is_none_is_told(ran: Path, hub: Hub) -> None:
    told = hub("scenario", "simulate", "welcome", "--from", "1 May", "--to", "2026-03-03", "--project", str(ran))
    assert told.exit_code == 2
    assert "--from '1 May' is no day: write 2026-03-01" in told.output


def test_results_of_few_people_are_hidden(ran: Path, hub: Hub) -> None:
    told = hub("scenario", "results", "welcome", "--project", str(ran))
    assert told.exit_code == 0, told.output
    assert "Goal: sales_order, within 10 days" in told.output
    data = as_json(hub("scenario", "results", "welcome", "--json", "--project", str(ran)))
    assert data["goal"] == "sales_order, within 10 days"
    assert {group["people"] for group in data["groups"]} <= {None}


def test_results_are_told_by_group_and_hour_r39(ran: Path, hub: Hub) -> None:
    told = hub("scenario", "results", "welcome", "--by", "group_hour", "--project", str(ran))
    assert told.exit_code == 0, told.output
    assert "life_cycle" in told.output
    assert "Hidden are groups of few people" in told.output
    data = as_json(hub("scenario", "results", "welcome", "--by", "channel", "--json", "--project", str(ran)))
    assert {(row["hidden"], row["sent"]) for row in data["rows"]} == {(True, None)}
    wrong = hub("scenario", "results", "welcome", "--by", "hours", "--project", str(ran))
    assert wrong.exit_code == 2
    assert "results are not cut by 'hours'. Did you mean 'hour'?" in wrong.output


def test_a_grouping_that_there_is_not_is_told(corner: Path, hub: Hub) -> None:
    with (corner / "hub.yaml").open("a") as file:
        file.write("results: {groups: [life_cicle, order_count]}\n")
    told = hub("check", "--project", str(corner))
    assert "no segment, trait or column of person 'life_cicle'. Did you mean 'life_cycle'?" in told.output
    assert "'order_count' is of the type integer: group by a text, or by a segment" in told.output


def test_a_letter_is_previewed_into_a_file(ran: Path, hub: Hub, tmp_path: Path) -> None:
    out = tmp_path / "proof"
    told = hub("preview", "message", "welcome", "welcome", "--person", "1", "--out", str(out), "--project", str(ran))
    assert told.exit_code == 0, told.output
    assert "Nothing was sent." in told.output
    assert (out / "letter.pdf").read_bytes().startswith(b"%PDF")
    data = as_json(hub("preview", "message", "welcome", "welcome", "--person", "1", "--json", "--project", str(ran)))
    assert [(one["channel"], one["files"]) for one in data["messages"]] == [("letter", ["letter.pdf"])]


def test_a_message_needs_its_step_and_person(ran: Path, hub: Hub) -> None:
    told = hub("preview", "message", "welcome", "--project", str(ran))
    assert told.exit_code == 2
    assert "write `hub preview message SCENARIO STEP --person PERSON`" in told.output
    told = hub("preview", "segment", "x", "step", "--project", str(ran))
    assert "a step and --out go with `hub preview message" in told.output


def test_a_way_through_a_scenario_is_told_by_the_clock_on_the_wall(ran: Path, hub: Hub) -> None:
    told = hub("explain", "1", "--scenario", "welcome", "--project", str(ran))
    assert told.exit_code == 0, told.output
    assert "Person 1 in welcome" in told.output
    assert "message by letter" in told.output
    data = as_json(hub("explain", "1", "--scenario", "welcome", "--json", "--project", str(ran)))
    assert data["chapters"][0]["what"] == "entered"
    on_the_wall = datetime.fromisoformat(data["chapters"][0]["at"]).astimezone(ZoneInfo("Europe/Amsterdam"))
    assert told.output.splitlines()[1].split() == [*f"{on_the_wall:%Y-%m-%d %H:%M}".split(), "entered"]


def test_a_scenario_is_drawn_into_a_file_with_its_numbers(ran: Path, hub: Hub, tmp_path: Path) -> None:
    told = hub("scenario", "show", "welcome", "--svg", str(tmp_path / "welcome.svg"), "--project", str(ran))
    assert told.exit_code == 0, told.output
    picture = (tmp_path / "welcome.svg").read_text(encoding="utf-8")
    assert picture.startswith("<svg")
    assert "messages</text>" in picture
    refused = hub("scenario", "show", "welcome", "--svg", str(tmp_path / "no" / "x.svg"), "--project", str(ran))
    assert refused.exit_code == 2
    assert "can't be written: No such file or directory" in refused.output
