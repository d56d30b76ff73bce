"""`hub new`: the package that it makes passes its tests, is found by the hub, and takes part in a run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hub.registry import Registry
from tests.installing import install, with_packages

TOKEN = "kattenluik"
PEOPLE = [
    {"id": 1, "email": "Anna@Example.nl", "given_name": "Anna", "surname": "de Vries", "changed_at": "2026-01-01"},
    {"id": 2, "email": "bart@example.nl", "given_name": "Bart", "surname": "Bakker", "changed_at": "2026-01-02"},
]  # fmt: skip


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed packages."""
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


@pytest.fixture
def api() -> Iterator[tuple[str, dict[str, Any]]]:
    """A system that gives its people and keeps lists, as the scaffold believes it; and the lists."""
    kept: dict[str, Any] = {}

    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(200, json.dumps({"people": PEOPLE, "next": None}).encode())

        def do_PUT(self) -> None:
            kept[self.path] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(200, b"")

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status if self.headers["Authorization"] == f"Bearer {TOKEN}" else 401)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", kept
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("shape", ["source", "destination"])
def test_the_tests_of_a_new_package_pass_as_it_is_made(hub: Any, tmp_path: Path, site: Path, shape: str) -> None:
    package = tmp_path / "made"
    made = hub("new", shape, "my_crm", "--to", str(package))
    assert made.exit_code == 0, made.output
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"],
        cwd=package,
        env=with_packages(site),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d\d passed", done.stdout), done.stdout
    written = sorted(str(path.relative_to(package)) for path in package.rglob("*") if path.is_file())
    assert f"Made {package} with {len(written)} files." in made.stdout
    for path in written:
        assert not re.search("@[A-Z]+@", path + (package / path).read_text(encoding="utf-8")), path


def test_both_are_found_by_the_hub_and_take_part_in_a_run(
    hub: Any, tmp_path: Path, site: Path, api: tuple[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, kept = api
    for shape, name in (("source", "till"), ("destination", "club")):
        assert hub("new", shape, name, "--to", str(tmp_path / name)).exit_code == 0
        install(tmp_path / name, site)
    project = tmp_path / "corner-shop"
    (project / "segments").mkdir(parents=True)
    (project / "syncs").mkdir()
    (project / "hub.yaml").write_text(
        "name: Corner shop\nconnections:\n"
        f'  till: {{plugin: till, url: "{url}", token: "${{TOKEN}}", allow_private: true}}\n'
        f'  members: {{plugin: club, url: "{url}", token: "${{TOKEN}}", allow_private: true}}\n'
    )
    (project / "segments/all.yaml").write_text("segments: {named: {where: surname is not null}}\n")
    (project / "syncs/club.yaml").write_text(
        "sync: members\nfrom: {segment: named}\nto: {connection: members, object: Members}\nkey: email\n"
        "fields: {name: given_name, prefix: prefix}\nconsent: {channel: email, purpose: service}\n"
    )

    def call(*arguments: str) -> str:
        command = [sys.executable, "-c", "from hub.cli import main; main()", *arguments, "--project", str(project)]
        done = subprocess.run(
            command, env=with_packages(site, TOKEN=TOKEN), capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    listed = {entry["name"]: entry for entry in json.loads(call("plugins", "--json"))}
    assert (listed["till"]["shape"], listed["till"]["package"], listed["till"]["version"]) == (
        "source", "schakel-till", "0.1.0",
    )  # fmt: skip
    assert listed["till"]["can"] == ["brings data in", "brings a mapping"]
    assert (listed["club"]["shape"], listed["club"]["connections"]) == ("destination", ["members"])
    assert "Everything is in order: 2 connections, 1 mapped table" in call("check")
    assert "2 of 2 cases hold." in call("test")
    for _ in range(2):
        call("run")
    assert kept == {
        "/lists/Members/anna%40example.nl": {"name": "Anna", "prefix": "de"},
        "/lists/Members/bart%40example.nl": {"name": "Bart", "prefix": None},
    }
    monkeypatch.syspath_prepend(site)
    assert Registry().plugins["club"].package == "schakel-club"
    again = hub("new", "source", "club", "--to", str(tmp_path / "again"))
    assert again.exit_code == 2
    assert again.stderr == "the name 'club' is taken by the package schakel-club: choose another\n"
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("My-CRM", "'My-CRM' can't be the name of a plugin: .*: my_crm\n"),
        ("class", "'class' can't be the name of a plugin: .* no word of Python\n"),
        ("9lives", "'9lives' can't be the name of a plugin: .* with a letter first, and no word of Python\n"),
        ("../up", "'../up' can't be the name of a plugin: .*: up\n"),
        ("odoo", "the name 'odoo' is taken by the package schakel: choose another\n"),
        ("vendors", "the name 'vendors' is taken by the package schakel: choose another\n"),
    ],
)
def test_a_name_that_cannot_be_is_refused_with_what_to_write(
    hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = hub("new", "source", name)
    assert refused.exit_code == 2
    assert re.fullmatch(told, refused.stderr), refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_has_something_in_it_is_left_alone(
    hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert hub("new", "destination", "my_crm").exit_code == 0
    assert (tmp_path / "schakel-my-crm" / "schakel_my_crm" / "__init__.py").is_file()
    again = hub("new", "destination", "my_crm")
    assert again.exit_code == 2
    assert again.stderr == "schakel-my-crm is there already and not empty: choose another folder with --to\n"
    told = json.loads(hub("new", "source", "other", "--to", "elsewhere", "--json").stdout)
    assert told["folder"] == "elsewhere"
    assert "schakel_other/other.cases.yaml" in told["files"]
