"""`hub plan`, `hub apply`, `hub sync resync`, `hub status` on a project with a real receiver on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Hub, as_json

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CUSTOMERS = "id,email,first_name,ads\n" + "".join(
    f"{number},p{number}@example.nl,P{number},{'yes' if number < 6 else 'no'}\n" for number in range(1, 8)
)
FILES = {
    "hub.yaml": (
        "name: Club\nconnections:\n  shop: {plugin: files, path: ./in/customers.csv}\n"
        "  board: {plugin: webhook, url: URL, secret: '${BOARD_SECRET}', allow_private: true}\n"
    ),
    ".env": f"BOARD_SECRET={SECRET}\nHUB_KEY=8f2e61d0c97b4a35e1f6\n",
    "in/customers.csv": CUSTOMERS,
    "mappings/shop.yaml": (
        "connection: shop\nperson:\n  from: customers\n  key: id\n  identifiers: {email: email(email)}\n"
        "  columns: {given_name: first_name}\n"
        "  consent:\n    - {channel: ads, given: ads = 'yes', at: \"'2026-01-01'\"}\n"
    ),
    "segments/club.yaml": "segments:\n  club: {where: email is not null}\n",
    "syncs/club.yaml": (
        "sync: club\nfrom: {segment: club}\nto: {connection: board, object: Members}\nkey: email\n"
        "fields: {name: given_name}\nconsent: {channel: ads}\nschedule: '0 6 * * *'\n"
    ),
}


class Board:
    """What a receiver was given, and what it answers."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []
        self.status = 200
        board = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if board.status == 200:
                    board.rows += [(body["operation"], row["key"]) for row in body["rows"]]
                self.send_response(board.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def taken(self) -> list[tuple[str, str]]:
        """Tell what came since this was asked last."""
        found, self.rows = sorted(self.rows), []
        return found


@pytest.fixture
def board() -> Iterator[Board]:
    made = Board()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def club(tmp_path: Path, hub: Hub, board: Board) -> Path:
    """Give a project whose people are mapped, and whose sync never ran."""
    for name, text in FILES.items():
        file = tmp_path / "club" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("URL", board.url))
    done = hub("run", "ingest", "build", "--project", str(tmp_path / "club"))
    assert done.exit_code == 0, done.output
    return tmp_path / "club"


def change(club: Path, hub: Hub, customers: str) -> None:
    (club / "in" / "customers.csv").write_text(customers)
    done = hub("run", "ingest", "build", "--project", str(club))
    assert done.exit_code == 0, done.output


def test_a_plan_is_shown_written_and_applied(club: Path, hub: Hub, board: Board) -> None:
    file = club / "club.plan"
    told = hub("plan", "--out", str(file), "--project", str(club))
    assert told.exit_code == 0, told.output
    for words in ("club: to Members at board", "7 in the source", "2 of them refused", "5 added", "p1@example.nl"):
        assert words in " ".join(told.output.split())
    assert "example.nl" not in file.read_text()
    assert board.taken() == []
    done = hub("apply", str(file), "--project", str(club))
    assert done.exit_code == 0, done.output
    assert "club: synced 5" in done.output
    assert board.taken() == [("upsert", f"p{number}@example.nl") for number in range(1, 6)]
    again = hub("apply", str(file), "--project", str(club))
    assert again.exit_code == 1
    assert "changed since the plan was made: nothing was sent" in " ".join(again.output.split())
    assert as_json(hub("plan", "club", "--json", "--project", str(club)))["syncs"][0]["changes"] == {}


def test_one_person_or_the_first_rows_go_as_a_test(club: Path, hub: Hub, board: Board) -> None:
    for option, value, expected in (
        ("--person", "p3@example.nl", ["p3@example.nl"]),
        ("--limit", "2", ["p1@example.nl", "p2@example.nl"]),
    ):
        file = club / f"{expected[0]}.plan"
        hub("plan", "club", "--out", str(file), "--project", str(club))
        done = hub("apply", str(file), option, value, "--project", str(club))
        assert done.exit_code == 0, done.output
        assert [key for _, key in board.taken()] == expected


def test_a_guard_holds_a_scheduled_run_until_a_plan_overrides_it(club: Path, hub: Hub, board: Board) -> None:
    here = ("--project", str(club))
    assert hub("run", "sync:club", *here).exit_code == 0
    board.taken()
    change(club, hub, CUSTOMERS.replace("p1@example.nl", "").replace("p2@example.nl", ""))
    held = hub("run", "sync:club", *here)
    assert held.exit_code == 1
    assert "this run would remove 2 of 5 rows (40%)" in " ".join(held.output.split())
    assert hub("run", "sync:club", *here).exit_code == 0
    status = hub("status", *here)
    assert "sync club" in status.output
    assert "held" in status.output
    (sync,) = as_json(hub("status", "--json", *here))["syncs"]
    assert (sync["held"], sync["kept_back"]) == ("removes", 2)
    file = club / "held.plan"
    planned = hub("plan", "club", "--out", str(file), *here)
    assert planned.exit_code == 1
    assert "held by `removes`" in planned.output
    assert hub("apply", str(file), *here).exit_code == 1
    assert board.taken() == []
    assert hub("apply", str(file), "--override", "they closed their accounts", "--by", "mia", *here).exit_code == 0
    assert board.taken() == [("remove", "p1@example.nl"), ("remove", "p2@example.nl")]
    assert as_json(hub("status", "--json", *here))["syncs"][0]["held"] is None


def test_a_destination_that_is_down_is_told_by_one_run_and_shown_until_it_takes_rows_again(
    club: Path, hub: Hub, board: Board
) -> None:
    here = ("--project", str(club))
    board.status = 503
    failed = hub("run", "sync:club", "--as-of", "2026-03-02T09:00:00+00:00", *here)
    assert failed.exit_code == 1
    assert "sync club: board: takes nothing now: HTTP 503" in " ".join(failed.output.split())
    board.status = 200
    assert hub("run", "sync:club", "--as-of", "2026-03-02T09:00:10+00:00", *here).exit_code == 0
    assert board.taken() == [], "it is left alone for a minute"
    told = " ".join(hub("status", *here).output.split())
    assert "board takes nothing now since 2026-03-02 09:00: HTTP 503. sync club waits; the first run after" in told
    assert hub("run", "sync:club", "--as-of", "2026-03-02T09:05:00+00:00", *here).exit_code == 0
    assert len(board.taken()) == 5
    assert "takes nothing now" not in hub("status", *here).output


def test_a_sync_with_a_schedule_of_its_own_stays_out_of_engage(club: Path, hub: Hub, board: Board) -> None:
    assert hub("run", "engage", "--project", str(club)).exit_code == 0
    assert board.taken() == []
    assert hub("run", "--project", str(club)).exit_code == 0
    assert len(board.taken()) == 5


def test_a_resync_sends_every_row_again(club: Path, hub: Hub, board: Board) -> None:
    hub("run", "sync:club", "--project", str(club))
    board.taken()
    done = as_json(hub("sync", "resync", "club", "--json", "--project", str(club)))
    assert done == [{"sync": "club", "counts": {"synced": 5}, "failures": [], "refused": ""}]
    assert len(board.taken()) == 5


@pytest.mark.parametrize(
    ("command", "told", "code"),
    [
        (("plan", "clab"), "there is no sync 'clab'. Did you mean 'club'?", 2),
        (("sync", "resync", "clab"), "there is no sync 'clab'. Did you mean 'club'?", 2),
        (("run", "sync:clab"), "there is no sync 'clab'. Did you mean 'club'?", 2),
        (("apply", "none.plan"), "none.plan can't be read: No such file or directory", 2),
        (("apply", "hub.yaml"), "hub.yaml is no plan: `hub plan --out FILE` makes one", 2),
    ],
)
def test_what_is_not_there_is_told(
    club: Path, hub: Hub, command: tuple[str, ...], told: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(club)
    answer: Any = hub(*command)
    assert answer.exit_code == code
    assert told in " ".join(answer.output.split())


def test_a_project_with_mistakes_plans_and_applies_nothing(club: Path, hub: Hub, board: Board) -> None:
    file = club / "syncs" / "club.yaml"
    file.write_text(file.read_text().replace("given_name", "given_nam"))
    answer = hub("plan", "--project", str(club))
    assert answer.exit_code == 2
    assert "Did you mean 'given_name'?" in answer.output
    assert board.taken() == []
