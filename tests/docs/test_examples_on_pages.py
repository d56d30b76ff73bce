"""What the pages about traits, segments and scenarios show works as it stands: all of it together is one project."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from hub.check import check_project
from hub.project import load_project

DOCS = Path(__file__).parents[2] / "docs"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PAGES = ("traits-and-segments.md", "scenarios.md")
FOLDERS = {"traits": "traits", "score": "scores", "segments": "segments", "scenario": "scenarios"}
"""Folders of a project, by the key that its files begin with."""
HUB = """
name: Corner shop
packs: [appetite, lead]
connections:
  shop: {plugin: files, path: "./data/*.csv"}
  mail: {plugin: smtp, host: localhost, security: none, sender: Shop <hi@shop.example>, unsubscribe_url: https://s.nl/x}
  texts: {plugin: sms_http, url: "https://sms.example", body: {to: "{phone}", text: "{text}"}}
  post: {plugin: print, folder: ./out}
  crm: {plugin: webhook, url: "https://crm.example/in", secret: "${CRM_SECRET}"}
"""


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write every file that the pages show to one folder, with an empty template for each that is sent."""
    monkeypatch.setenv("HUB_KEY", "a key of the tests that is long enough")
    monkeypatch.setenv("CRM_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    (tmp_path / "hub.yaml").write_text(HUB, encoding="utf-8")
    for page in PAGES:
        text = (DOCS / page).read_text(encoding="utf-8")
        for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)):
            folder = FOLDERS.get(next(iter(yaml.safe_load(block))))
            if folder is None:
                continue
            file = tmp_path / folder / f"{Path(page).stem}_{number}.yaml"
            file.parent.mkdir(exist_ok=True)
            file.write_text(block, encoding="utf-8")
            for template in re.findall(r"send: (\w+)", block):
                place = tmp_path / "templates" / template
                place.mkdir(parents=True, exist_ok=True)
                for name in ("subject.txt", "email.txt", "sms.txt", "letter.typ"):
                    (place / name).write_text("", encoding="utf-8")
    return tmp_path


def test_what_the_pages_show_has_no_mistakes_together(shown: Path) -> None:
    project = load_project(shown)
    assert {"welcome", "stock_low", "abandoned_cart", "test_drive", "hello", "newcomers"} <= project.scenarios.keys()
    assert {"lapsing", "upper_tenth", "big_spenders"} <= project.segments.keys()
    assert {"configurator", "churn", "expected_value"} <= project.scores.keys()
    assert [str(problem) for problem in check_project(project, NOW)] == []
