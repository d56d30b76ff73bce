"""`hub segments` and `hub preview segment`: on a project that `hub init` made and `hub run` ran."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.cli.segments import spark
from tests.cli.conftest import Hub, as_json


@pytest.fixture
def ran(corner: Path, hub: Hub) -> Path:
    (corner / "segments" / "more.yaml").write_text(
        "segments:\n"
        "  known: {where: email is not null, summary: Has an address}\n"
        "  grown_up: {where: age >= 18 and email is not null}\n",
        encoding="utf-8",
    )
    with (corner / "hub.yaml").open("a", encoding="utf-8") as file:
        file.write("\npacks: [life_cycle]\n")
    done = hub("run", "ingest", "build", "--project", str(corner))
    assert done.exit_code == 0, done.output
    return corner


def test_segments_are_listed_with_size_change_and_trend(ran: Path, hub: Hub) -> None:
    told = hub("segments", "--project", str(ran))
    assert told.exit_code == 0, told.output
    assert "known" in told.output
    assert "Has an address" in told.output
    data = as_json(hub("segments", "known", "loyal_customers", "--overlap", "--json", "--project", str(ran)))
    known, loyal = data["sizes"]
    assert (known["entered"], known["left"]) == (known["members"], 0)
    assert 0 < known["members"] < data["people"]
    assert known["trend"][-1] == known["members"]
    assert data["overlap"]["known"]["known"] == known["members"]
    assert data["overlap"]["known"]["loyal_customers"] == loyal["members"]
    assert "In both" in hub("segments", "--overlap", "--project", str(ran)).output


def test_a_segment_that_is_not_there_is_told(ran: Path, hub: Hub) -> None:
    told = hub("segments", "knwn", "--project", str(ran))
    assert told.exit_code == 2
    assert "Did you mean 'known'?" in told.output


def test_a_segment_is_previewed_for_everybody(ran: Path, hub: Hub) -> None:
    told = hub("preview", "segment", "grown_up", "--project", str(ran))
    assert told.exit_code == 0, told.output
    assert "age >= 18" in told.output
    assert "out by this alone" in told.output
    data = as_json(hub("preview", "segment", "grown_up", "--rows", "1", "--json", "--project", str(ran)))
    age, address = data["reason"]["parts"]
    assert (age["written"], address["written"]) == ("age >= 18", "email is not null")
    assert age["yes"] + age["no"] + age["unknown"] == data["people"]
    assert len([example for example in data["examples"] if not example["inside"]]) <= 1


def test_a_segment_is_explained_for_one_person(ran: Path, hub: Hub) -> None:
    told = hub("preview", "segment", "grown_up", "--person", "1", "--project", str(ran))
    assert told.exit_code == 0, told.output
    assert "age >= 18" in told.output
    assert "age is " in told.output
    data = as_json(hub("preview", "segment", "grown_up", "--person", "1", "--json", "--project", str(ran)))
    assert data["person_id"] == 1
    assert list(data["reason"]["parts"][0]["values"]) == ["age"]


def test_what_can_not_be_previewed_is_told(ran: Path, hub: Hub) -> None:
    wrong = hub("preview", "trait", "age", "--project", str(ran))
    assert (wrong.exit_code, "`hub preview segment NAME`" in wrong.output) == (2, True)
    mapping = hub("preview", "mapping", "person", "--person", "1", "--project", str(ran))
    assert (mapping.exit_code, "--person goes with" in mapping.output) == (2, True)
    nobody = hub("preview", "segment", "known", "--person", "nobody@example.nl", "--project", str(ran))
    assert nobody.exit_code == 1


@pytest.mark.parametrize(("sizes", "drawn"), [((0, 0), "▁▁"), ((0, 4, 8), "▁▅█"), ((), "")])
def test_a_trend_is_drawn_as_bars(sizes: tuple[int, ...], drawn: str) -> None:
    assert spark(sizes) == drawn
