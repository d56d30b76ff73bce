"""The mappings that plugins bring, and the cases beside them."""

from pathlib import Path

import pytest
import yaml

from hub.cases import run_cases
from hub.project import load_project
from hub.registry import Registry

MAPPINGS = Path(__file__).parents[2] / "mappings"
WITH_CASES = sorted(file.name.removesuffix(".cases.yaml") for file in MAPPINGS.glob("*.cases.yaml"))


@pytest.mark.parametrize("name", WITH_CASES)
def test_the_cases_beside_a_default_mapping_hold(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_KEY", "a key of the tests that is long enough")
    monkeypatch.setenv("SOME_SECRET", "geheim-kattenluik")
    (tmp_path / "mappings").mkdir()
    for suffix in (".yaml", ".cases.yaml"):
        (tmp_path / "mappings" / f"{name}{suffix}").write_text((MAPPINGS / f"{name}{suffix}").read_text())
    (tmp_path / "hub.yaml").write_text(yaml.safe_dump({"name": "cases", "connections": {name: connection_of(name)}}))
    results = list(run_cases(load_project(tmp_path)))
    assert results
    assert [(result.name, result.differences) for result in results if not result.ok] == []


def connection_of(name: str) -> dict[str, str]:
    """Fill the keys that the plugin can't do without."""
    fields = Registry().get(name).config_model.model_fields
    known = {"account": "1234567890"}
    one_of_two = {"ga4_reports": {"service_account": "key.json"}}
    given = {
        key: known.get(key, "https://api.example.com" if "url" in key else "${SOME_SECRET}")
        for key, field in fields.items()
        if field.is_required()
    }
    return {"plugin": name, **given, **one_of_two.get(name, {})}


def test_every_plugin_with_a_mapping_has_cases_for_it() -> None:
    brought = {
        plugin.plugin.default_mapping.stem for plugin in Registry().plugins.values() if plugin.plugin.default_mapping
    }
    assert brought - {"kvk", "smtp", "sms_http", "print"} <= set(WITH_CASES)
