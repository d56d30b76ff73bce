"""The pages: their links lead somewhere, their YAML is right, and what they quote is what the hub says."""

from __future__ import annotations

import hmac
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from hub.consent import CHANNELS
from hub.errors import ConfigurationError, PluginError
from hub.ledger.states import LEADS_TO
from hub.people.scope import PURPOSES
from hub.pipeline import FLOWS, STAGES
from hub.project import load_project
from hub.project.check import SHORTEST_KEY
from hub.project.consent_terms import ConsentTextsFile
from hub.project.form import validate
from hub.project.identity import IdentityFile
from hub.project.models import HubFile, MappingFile, SchemaFile
from hub.project.project import MappedTable
from hub.project.quality import QualityFile
from hub.project.recommendations import RecommendationsFile
from hub.project.scenario import Scenario
from hub.project.scores import Score
from hub.project.segments import SegmentFile
from hub.project.shared_steps import SharedSteps
from hub.project.sync import Sync
from hub.project.traits import TraitFile
from hub.project.yaml import parse
from hub.registry import Registry
from hub.schema import BUILT_IN
from hub.settings import Settings
from hub.stages.feedback import SOFT_LIMIT, SOFT_WINDOW
from hub.stages.map import problems_of_mapping
from hub.stages.resolve.rules import CROWD, DEVICE, TELLING
from hub.tokens import token as token_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SHOP = ROOT / "examples" / "miaoum"
PAGES = sorted([*DOCS.glob("*.md"), *DOCS.glob("decisions/*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
MODELS: dict[str, type[BaseModel]] = {
    "connection": MappingFile,
    "traits": TraitFile,
    "segments": SegmentFile,
    "score": Score,
    "scenario": Scenario,
    "sync": Sync,
    "name": HubFile,
    "columns": SchemaFile,
    "golden": IdentityFile,
    "identifiers": IdentityFile,
    "checks": QualityFile,
    "arrivals": QualityFile,
    "shared_steps": SharedSteps,
    "at_most": RecommendationsFile,
    "match": IdentityFile,
    "texts": ConsentTextsFile,
}
"""Kinds of files, by the key that they begin with."""


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Give (page, text) of each fenced block in a language."""
    for page in PAGES:
        for text in re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            yield page.name, text


YAML = list(blocks("yaml"))


def test_there_is_yaml_on_the_pages_for_admins() -> None:
    assert {"mapping.md", "traits-and-segments.md", "syncs-and-templates.md"} <= {page for page, _ in YAML}


@pytest.mark.parametrize(("page", "text"), YAML, ids=[f"{page}-{number}" for number, (page, _) in enumerate(YAML)])
def test_yaml_is_a_part_of_the_example_or_a_whole_file(page: str, text: str) -> None:
    document, problems = parse(text, page)
    assert not problems
    named = re.match(r"# (\S+\.yaml)\n", text)
    if named:
        whole, _ = parse((SHOP / named[1]).read_text(encoding="utf-8"), named[1])
        assert_part(document.value, whole.value, named[1])
        return
    if all(isinstance(entry, dict) and "plugin" in entry for entry in document.value.values()):
        for entry in document.value.values():
            plugin = Registry().get(entry["plugin"])
            plugin.config_model.model_validate({key: value for key, value in entry.items() if key != "plugin"})
        return
    model = MODELS[next(iter(document.value))]
    form, problems = validate(model, document)
    assert not problems
    if isinstance(form, MappingFile):
        assert not list(wrong_expressions(form))


def assert_part(shown: Any, whole: Any, place: str) -> None:
    """Hold that everything shown stands in the whole; a list is shown in full."""
    if isinstance(shown, dict):
        for key, value in shown.items():
            assert key in whole, f"{place} has no {key}"
            assert_part(value, whole[key], f"{place}: {key}")
    else:
        assert shown == whole, place


def wrong_expressions(form: MappingFile) -> Iterator[str]:
    lists = {name: given if isinstance(given, dict) else {} for name, given in form.lookups.items()}
    for position, (target, mapping) in enumerate(form.tables):
        mapped = MappedTable(Path("page.yaml"), form.connection, target, mapping, lists, position)  # type: ignore[arg-type]
        yield from (message for _, message, _ in problems_of_mapping(mapped, BUILT_IN, None))


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_link_leads_to_a_page_and_a_heading(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if target.startswith("https://"):
            continue
        file, _, heading = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        assert path.exists(), target
        if heading:
            assert heading in anchors(path), target


def anchors(page: Path) -> set[str]:
    """Give the anchors of a page's headings, as they are made on GitHub."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    for page in DOCS.glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index, page.name


def test_operating_tells_every_setting_stage_flow_and_state() -> None:
    page = (DOCS / "operating.md").read_text(encoding="utf-8")
    for name in Settings.model_fields:
        assert f"| `HUB_{name.upper()}` |" in page
    for flow, stages in FLOWS.items():
        assert re.search(rf"hub run {flow} ", page), flow
        if flow != "listen":
            assert ", ".join(stages) in page
    killed = page.split("## When a run is killed")[1].split("\n## ")[0]
    for stage in STAGES:
        assert re.search(rf"^\| .*{stage}", killed, re.MULTILINE), stage
    for state in LEADS_TO:
        assert re.search(rf"\b{state}\b", page), state
    assert f"At least {SHORTEST_KEY} characters" in page


def test_consent_names_every_channel_purpose_and_reaction() -> None:
    page = (DOCS / "consent.md").read_text(encoding="utf-8")
    for name in (*CHANNELS, *PURPOSES):
        assert f"`{name}`" in page, name
    kept = page.split("## Suppression")[1].split("\n## ")[0]
    for reaction in ("unsubscribe", "complaint", "hard bounce", "soft bounce", "bounce by policy"):
        assert re.search(rf"^\| {reaction}", kept, re.MULTILINE), reaction
    assert f"third within {SOFT_WINDOW.days} days" in kept
    assert SOFT_LIMIT == 3


def test_the_rules_of_law_are_dated_and_say_whether_they_are_enforced() -> None:
    law = (DOCS / "consent.md").read_text(encoding="utf-8").split("## The law, as we read it")[1]
    law = law.split("### ")[0]
    assert re.search(r"our reading of \d+ \w+ \d{4}, for a lawyer to check", law)
    rules = [line.split("|") for line in law.splitlines() if line.startswith("| ")][1:]
    assert len(rules) >= 10
    for _, rule, today, *_ in rules:
        assert re.search(r"enforced|not there|not consulted|no telephone channel|is yours", today), rule


def test_mapping_tells_what_ties_records_together() -> None:
    page = (DOCS / "mapping.md").read_text(encoding="utf-8")
    tied = page.split("| identifier |")[1].split("\n\n")[0]
    for kind in TELLING:
        assert re.search(rf"^\| .*`{kind}`.* \| yes", tied, re.MULTILINE), kind
    assert f"`{DEVICE}` | no" in tied
    assert f"more than {CROWD} records" in page


def test_the_mistakes_on_the_page_are_told_in_those_words(tmp_path: Path) -> None:
    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    project = tmp_path / "shop"
    shutil.copytree(ROOT / "hub" / "project" / "scaffold", project)
    change(project / "hub.yaml", "path: ./data/*.csv", "notation: nl")
    change(project / "mappings" / "shop.yaml", "    total: money", "    totall: money")
    with pytest.raises(ConfigurationError) as caught:
        load_project(project)
    told = [str(problem) for problem in caught.value.problems if "HUB_KEY" not in problem.message]
    assert len(told) == 2
    for line in told:
        assert f"\n{line}\n" in page, line


def change(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")


def test_the_missing_plugin_on_the_page_is_told_in_those_words() -> None:
    shown = next(line for line in (DOCS / "errors.md").read_text(encoding="utf-8").splitlines() if "pipedrive" in line)
    with pytest.raises(PluginError) as caught:
        Registry().get("pipedrive")
    assert re.fullmatch(re.escape(shown.strip()).replace(re.escape("..."), ".*"), str(caught.value))


def test_the_token_of_an_unsubscribe_link_is_read_as_the_page_shows() -> None:
    ((_, code),) = [block for block in blocks("python") if block[0] == "consent.md"]
    page: dict[str, Any] = {}
    exec(compile(code, "consent.md", "exec"), page)
    token = token_of(b"a key of 16 signs", "unsubscribe", "5d41402abc4b2a76b9719d911017c592")
    assert page["message_of"](token, "a key of 16 signs") == "5d41402abc4b2a76b9719d911017c592"
    assert page["message_of"](token, "another key") is None
    assert page["message_of"](token[:-1], "a key of 16 signs") is None
    assert hmac.compare_digest(token.partition(".")[0], "5d41402abc4b2a76b9719d911017c592")
