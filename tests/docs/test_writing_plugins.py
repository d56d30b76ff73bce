"""Writing plugins: what the page shows is installed as a stranger's packages, and works like ours."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hub import contracts, errors, hookspecs
from hub.contracts import Destination, Plugin, Source
from hub.registry import Registry
from hub.templates import Renderer, Template

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "writing-plugins.md").read_text(encoding="utf-8")
TOKEN = "kattenluik"


def shown_files() -> dict[str, str]:
    """Give the page's code blocks that name a file in their first line."""
    return {
        name: text for name, text in re.findall(r"```\w+\n# (\S+)\n(.*?)```", PAGE, re.DOTALL) if name.endswith(".py")
    }


def section(page: str, heading: str) -> str:
    """Give what stands below a heading, up to the next."""
    return page.split(f"\n### {heading}\n", 1)[1].split("\n#", 1)[0]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed packages: modules, and metadata with entry points."""
    folder = tmp_path / "site"
    folder.mkdir()
    for name, text in shown_files().items():
        (folder / name).write_text(text, encoding="utf-8")
        module = name.removesuffix(".py")
        if module.startswith("test_"):
            continue
        info = folder / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module.replace('_', '-')}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[hub]\n{module.removeprefix('schakel_')} = {module}\n")
    return folder


@pytest.fixture
def club() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A club's server, and what it was sent."""
    taken: list[dict[str, Any]] = []

    class Members(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            welcome = self.headers["Authorization"] == f"Bearer {TOKEN}"
            if welcome:
                taken.append(body)
            self.send_response(204 if welcome else 401)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Members)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", taken
    server.shutdown()
    server.server_close()


def environment(site: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HUB_", "PREFECT_"))}
    return {**kept, "PYTHONPATH": str(site), "CLUB_TOKEN": TOKEN}


@pytest.mark.parametrize("name", ["test_till.py", "test_club.py"])
def test_the_plugins_of_the_page_conform(site: Path, tmp_path: Path, name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(site / name)],
        cwd=tmp_path,
        env=environment(site),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d\d passed", done.stdout), done.stdout


def test_the_plugins_of_the_page_take_part_in_a_run(
    site: Path, tmp_path: Path, club: tuple[str, list[dict[str, Any]]]
) -> None:
    url, taken = club
    project = tmp_path / "corner-shop"
    for file, text in corner_shop(url).items():
        (project / file).parent.mkdir(parents=True, exist_ok=True)
        (project / file).write_text(text, encoding="utf-8")
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", "from hub.cli import main; main()", "run", "--json", "--project", str(project)],
            env=environment(site),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert taken == [{"list": "Members", "do": "upsert", "id": "anna@example.nl", "car": "12ABC3"}]


def corner_shop(url: str) -> dict[str, str]:
    """A project that uses the source, the destination and the function of the page."""
    receipts = [
        {"id": 1, "mail": "Anna@Example.nl", "kenteken": "12-abc-3", "club": True, "at": "2026-01-01T09:00:00Z"},
        {"id": 2, "mail": "bart@example.nl", "kenteken": "99-zzz-9", "club": False, "at": "2026-01-01T09:00:00Z"},
    ]
    return {
        "till.json": json.dumps(receipts),
        "hub.yaml": (
            "name: Corner shop\nconnections:\n  till: {plugin: till, file: till.json}\n"
            f'  club: {{plugin: club, url: "{url}", token: "${{CLUB_TOKEN}}", allow_private: true}}\n'
        ),
        "schema.yaml": "columns: {person: {car: {type: text, summary: The car they drive}}}\n",
        "mappings/till.yaml": (
            "connection: till\nperson:\n  from: receipts\n  key: id\n  updated_at: timestamp(at)\n"
            "  identifiers: {email: email(mail)}\n  columns: {car: plate(kenteken)}\n"
            "  consent: [{channel: email, given: club}]\n"
        ),
        "segments/all.yaml": "segments: {drivers: {where: car is not null}}\n",
        "syncs/club.yaml": (
            "sync: members\nfrom: {segment: drivers}\nto: {connection: club, object: Members}\nkey: email\n"
            "fields: {car: car}\nconsent: {channel: email}\n"
        ),
    }


def test_the_functions_and_filters_of_the_page_are_found(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(site)
    registry = Registry()
    assert registry.functions["plate"].call("12-abc-3") == "12ABC3"
    assert registry.functions["plate"].call("none") is None
    pinned = Template("sms", {"sms.txt": "{{ code | spaced }}"}, {}).text
    assert Renderer(registry.template_filters).render(pinned, {"code": "A12"}) == {"text": "A 1 2"}


def test_every_hook_has_a_heading() -> None:
    hooks = [name for name, hook in vars(hookspecs).items() if hasattr(hook, "hub_spec")]
    assert len(hooks) >= 3
    for name in hooks:
        assert section(PAGE, name).strip(), name


def test_every_contract_and_each_of_its_parts_has_its_entry() -> None:
    shapes = [
        shape for shape in vars(contracts).values() if inspect.isclass(shape) and shape.__module__ == contracts.__name__
    ]
    assert len(shapes) >= 15
    for shape in shapes:
        text = section(PAGE, shape.__name__)
        for part in parts(shape):
            assert re.search(rf"`{part}(\(\w*\))?`", text), f"{shape.__name__} lacks {part}"


def parts(shape: type[Any]) -> list[str]:
    """List what an author must know of a contract."""
    if is_dataclass(shape):
        return [field.name for field in fields(shape)]
    if issubclass(shape, Plugin):
        own = [name for name in vars(shape) if not name.startswith("_")]
        declared = [name for name in shape.__annotations__ if not name.startswith("_")]
        return list(dict.fromkeys(own + declared))
    return []


def test_the_shapes_that_have_parts_are_looked_into() -> None:
    assert "unsubscribe_url" in parts(Destination)
    assert parts(Source) == ["resources"]
    assert {"name", "config_model", "check"} <= set(parts(Plugin))


def test_every_error_has_its_entry() -> None:
    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    found = [error for error in vars(errors).values() if inspect.isclass(error) and issubclass(error, errors.HubError)]
    assert len(found) >= 6
    for error in found:
        text = section(page, error.__name__)
        assert f"Exit code {error.exit_code}." in text, error.__name__
