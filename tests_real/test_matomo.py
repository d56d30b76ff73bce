"""The vendor `matomo` against a real Matomo: visits, what was done in them, and who was signed in."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.errors import ConfigurationError
from hub.project import Project
from hub.testing.sources import Landing
from tests_real import projects
from tests_real.projects import plugin, rows, run
from tests_real.systems.matomo import Matomo

CONNECTION = '  stats: {{plugin: matomo, url: "{url}", site: "1", token: "${{STATS_TOKEN}}", allow_private: true}}\n'
SHOP = "http://winkel.example"


def source(matomo: Matomo, **given: Any) -> Any:
    return plugin("matomo", **{"url": matomo.url, "site": "1", "token": matomo.token, **given})


def visitor(number: int) -> str:
    return f"{number:016x}"


@pytest.fixture
def project(matomo: Matomo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("STATS_TOKEN", matomo.token)
    return projects.project(tmp_path, CONNECTION.format(url=matomo.url))


def test_the_check_tells_what_is_there(matomo: Matomo) -> None:
    stats = source(matomo)
    assert stats.check().ok
    assert stats.check().message.startswith("lists: visits (")
    assert matomo.version.startswith(stats.proven[0].version), "it claims another version"


def test_a_wrong_token_and_a_right_that_is_missing_are_told_in_words(matomo: Matomo, tmp_path: Path) -> None:
    wrong = source(matomo, token="0" * 32)
    assert "the API refuses the login (401); mend `token`" in wrong.check().message
    with pytest.raises(ConfigurationError, match=r"refuses the login \(401\)"):
        Landing(wrong, tmp_path).run()
    elsewhere = source(matomo, site="99").check()
    assert not elsewhere.ok
    assert matomo.token not in elsewhere.message


def test_the_token_is_in_no_address(matomo: Matomo, tmp_path: Path) -> None:
    Landing(source(matomo), tmp_path).run()
    said = (matomo.folder / "server.log").read_text(errors="replace")
    assert "Live.getLastVisitsDetails" in said
    assert matomo.token not in said


def test_a_visit_and_what_was_bought_come_in_with_who_was_signed_in(matomo: Matomo, project: Project) -> None:
    anna = visitor(1)
    matomo.track(anna, url=f"{SHOP}/brokken", action_name="Brokken 🐈")
    matomo.track(anna, search="kattenbak", url=f"{SHOP}/zoeken")
    matomo.track(anna, url=f"{SHOP}/mand", idgoal=0, revenue=12.5, ec_items='[["BR-1","Brokken","voer",12.5,1]]')
    run(project)
    seen = [row for row in rows(project, "web_event") if row["device"] is not None]
    assert sorted(row["type"] for row in seen) == ["cart", "search", "view"]
    assert {row["subject"] for row in seen if row["type"] != "cart"} == {"Brokken 🐈", "kattenbak"}
    (cart,) = rows(project, "cart")
    assert (cart["status"], float(cart["total"])) == ("abandoned", 12.5)
    (nobody,) = rows(project, "source_record")
    assert nobody["source_key"] == f"device:{anna}"
    bought = '[["BR-1","Brokken","voer",12.5,2]]'
    order: dict[str, Any] = {"idgoal": 0, "ec_id": "ORD-1", "revenue": 25, "ec_items": bought}
    matomo.track(anna, user="42", url=f"{SHOP}/dank", **order)
    run(project)
    assert "order" in [row["type"] for row in rows(project, "web_event")]
    visit = [row for row in rows(project, "web_event") if row["type"] != "cart"]
    assert {row["record_id"] for row in visit} == {"stats:customer_number:stats:42"}
    (cart,) = rows(project, "cart")
    assert (cart["status"], float(cart["total"])) == ("ordered", 25.0)


def test_pages_lose_and_double_nothing_also_within_one_second(matomo: Matomo, tmp_path: Path) -> None:
    moment = (datetime.now(UTC) - timedelta(hours=2)).strftime("%Y-%m-%d %H:%M:%S")
    for number in range(100, 107):
        matomo.track(visitor(number), url=f"{SHOP}/{number}", cdt=moment)
    stats = source(matomo)
    visits = stats.config.resources["visits"]
    small = visits.paginate.model_copy(update={"size": 2})
    stats.config.resources["visits"] = visits.model_copy(update={"paginate": small})
    landing = Landing(stats, tmp_path)
    landing.run()
    there = [visit["idVisit"] for visit in matomo.ask("Live.getLastVisitsDetails", idSite=1, filter_limit=500)]
    assert len(there) >= 7
    assert sorted(row["id_visit"] for row in landing.rows("visits")) == sorted(there)
    assert landing.run().loads == ()
    time.sleep(1)
    matomo.track(visitor(200), url=f"{SHOP}/nieuw")
    assert landing.run().rows == {"visits": 1, "actions": 1}
    assert "visit_ip" not in landing.rows("visits")[0]
