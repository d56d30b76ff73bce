"""The source `events`: its configuration, and the cases beside its default mapping. What it takes: tests/serve."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hub.cases import run_cases
from hub.contracts import Place
from hub.errors import ConfigurationError
from plugins.sources.events import Events, EventsConfig
from tests.serve.eventful import HUB_YAML, eventful

ONE = 'name: shop\nconnections:\n  events: {plugin: events, write_key: "${SITE_KEY}"%s}\n'


def test_the_cases_beside_its_mapping_hold(tmp_path: Path) -> None:
    results = run_cases(eventful(tmp_path, ONE % ""))
    assert len(results) >= 9
    assert [(result.name, result.differences) for result in results if not result.ok] == []


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (", origins: [www.shop.example]", "write a site as the browser does, without a path"),
        (', origins: ["https://www.shop.example/"]', "write a site as the browser does, without a path"),
        (", categories: []", "categories"),
        (", consent: maybe", "consent must be 'required' or 'assumed'"),
    ],
)
def test_a_mistake_in_its_keys_is_told_with_its_place(tmp_path: Path, key: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)) as mistake:
        eventful(tmp_path, ONE % key)
    assert "hub.yaml:3" in str(mistake.value)


def test_a_write_key_is_no_text_of_the_yaml(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="write_key is a secret"):
        eventful(tmp_path, "name: shop\nconnections:\n  site: {plugin: events, write_key: abcdef}\n")


def test_the_check_says_where_the_libraries_send(tmp_path: Path) -> None:
    config = EventsConfig.model_validate({"write_key": "abc"})
    told = Events(config, Place("site", tmp_path, public_url="https://mail.example.com")).check()
    assert (told.ok, told.message) == (True, "takes events at https://mail.example.com/v1")
    empty = Events(EventsConfig.model_validate({"write_key": ""}), Place("site", tmp_path))
    assert not empty.check().ok
    assert empty.write_keys == []


def test_the_write_keys_of_a_project_show_in_no_representation(tmp_path: Path) -> None:
    shown = repr([connection.config for connection in eventful(tmp_path, HUB_YAML).connections.values()])
    assert "site-write-key" not in shown
    assert "former-key" not in shown
