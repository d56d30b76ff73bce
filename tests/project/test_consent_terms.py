"""consent-texts.yaml and `consent:` of hub.yaml: what they say, each mistake in its place, no key that loosens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hub.check import check_project
from hub.consent_texts import pin_texts
from hub.errors import ConfigurationError
from hub.law import Span, Stricter, Text
from hub.ledger import open_ledger
from hub.project.json_schema import json_schemas
from hub.project.models import HubFile, MappingFile
from hub.project.yaml import read

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

TEXTS = """
texts:
  till-news-v2:
    channels: [email]
    from: 2026-01-15
    until: 2026-09-01
    words: {nl: "Ja, mail mij de nieuwsbrief van de winkel.", fr: "Oui, envoyez-moi la lettre du magasin."}
"""

STATED = "  consent: [{channel: email, given: news, text: till-news-v2}]\nsales_order:"

CONFIRMS = "purpose: service\nconfirms: {channel: email, text: till-news-v2}\nsteps:"


@pytest.fixture
def stating(shop: Any) -> Any:
    """Give the corner shop with declared words, a statement that names them, and a scenario that asks to confirm."""
    shop.write("consent-texts.yaml", TEXTS)
    shop.change("mappings/till.yaml", "sales_order:", STATED)
    shop.change("scenarios/thanks.yaml", "steps:", CONFIRMS)
    shop.change("hub.yaml", "name: Corner shop", "name: Corner shop\npublic_url: https://mail.till.example")
    shop.write("templates/thanks/email.txt", "Klik: {{ confirm_url }}")
    return shop


def test_what_a_project_asks_of_a_yes_is_read(stating: Any) -> None:
    rule = "{without: [soft opt-in], countries: [BE]}, {age: 18}"
    stating.change("hub.yaml", "connections:", f"consent: {{valid_for: 24 months, stricter: [{rule}]}}\nconnections:")
    project = stating.load()
    assert project.terms.texts == (
        Text(
            "till-news-v2",
            ("email",),
            "marketing",
            datetime(2026, 1, 14, 23, tzinfo=UTC),
            datetime(2026, 8, 31, 22, tzinfo=UTC),
        ),
    )
    assert project.terms.valid_for == Span(24, "month")
    assert project.terms.stricter == (
        Stricter(countries=("BE",), without=frozenset({"soft opt-in"})),
        Stricter(age=18),
    )
    assert check_project(project, NOW, registry=stating.registry) == []


def test_without_the_file_a_yes_need_name_no_text(shop: Any) -> None:
    assert shop.load().terms.texts is None


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (
            "mappings/till.yaml",
            "till-news-v2",
            "till-news-v3",
            "mappings/till.yaml:7:49: consent-texts.yaml declares no text 'till-news-v3'. Did you mean 'till-news-v2'?",
        ),
        (
            "mappings/till.yaml",
            ", text: till-news-v2",
            "",
            "mappings/till.yaml:7:13: name the `text` that people agreed to: one of consent-texts.yaml",
        ),
        (
            "mappings/till.yaml",
            "channel: email",
            "channel: sms",
            "mappings/till.yaml:7:47: the text 'till-news-v2' asks for marketing by email, not for marketing by sms",
        ),
        (
            "mappings/till.yaml",
            "given: news",
            "given: news, purpose: profiling",
            "not for profiling by email",
        ),
        ("mappings/till.yaml", "given: news", "given: news, basis: soft opt-in", "go together"),
        (
            "scenarios/thanks.yaml",
            "text: till-news-v2",
            "text: till-news",
            "declares no text 'till-news'. Did you mean 'till-news-v2'?",
        ),
        ("scenarios/thanks.yaml", "purpose: service", "purpose: marketing", "write `purpose: service`"),
        ("hub.yaml", "public_url: https://mail.till.example", "", "set `public_url` in hub.yaml"),
        ("consent-texts.yaml", "until: 2026-09-01", "until: 2026-01-15", "`until` is the first day it was not shown"),
        ("consent-texts.yaml", "until:", "untill:", "unknown key 'untill'. Did you mean 'until'?"),
        ("hub.yaml", "connections:", "consent: {stricter: [{age: 0}]}\nconnections:", "greater than or equal to 1"),
        ("hub.yaml", "connections:", "consent: {stricter: [{channels: [sms]}]}\nconnections:", "say what is asked"),
        (
            "hub.yaml",
            "connections:",
            "consent: {stricter: [{age: 9, channels: [sms]}]}\nconnections:",
            "leave `channels`",
        ),
        ("hub.yaml", "connections:", "consent: {valid_for: always}\nconnections:", "24 months, 2 years, 90 days"),
    ],
)
def test_each_mistake_is_told_with_its_place(stating: Any, file: str, old: str, new: str, told: str) -> None:
    stating.change(file, old, new)
    problems = stating.problems()
    assert any(told in problem for problem in problems), problems
    assert len(problems) == 1


def test_a_withdrawal_and_a_ground_without_words_need_name_no_text(stating: Any) -> None:
    more = "{channel: all, given: not stop, at: stopped_at}, {channel: letter, given: true, basis: legitimate interest}"
    stating.change("mappings/till.yaml", "consent: [", f"consent: [{more}, ")
    stating.load()


def test_a_message_that_asks_to_confirm_has_the_link(stating: Any) -> None:
    stating.write("templates/thanks/email.txt", "Klik!")
    (problem,) = check_project(stating.load(), NOW, registry=stating.registry)
    assert "asks for a confirmation and has no {{ confirm_url }}" in problem.message


def test_a_scenario_that_rests_on_a_soft_opt_in_offers_a_refusal_in_every_part(shop: Any) -> None:
    shop.change("scenarios/thanks.yaml", "steps:", "own_similar_products: true\nsteps:")
    shop.write("templates/thanks/email.txt", "Genoeg? {{ unsubscribe_url }}")
    shop.write("templates/thanks/email.html", "<p>Nieuw!</p>")
    (problem,) = check_project(shop.load(), NOW, registry=shop.registry)
    assert problem.message.startswith("email offers no refusal")
    shop.write("templates/thanks/email.html", '<p>Nieuw!</p>{% render "footer.html" %}')
    shop.write("templates/blocks/footer.html", '<a href="{{ preferences_url }}">Kies</a>')
    assert check_project(shop.load(), NOW, registry=shop.registry) == []


def test_editors_know_the_form_of_the_file(stating: Any) -> None:
    project = stating.load()
    schemas = json_schemas(stating.registry, project.schema)
    value = read(stating.folder / "consent-texts.yaml", "consent-texts.yaml")[0].value
    jsonschema.validate(value, schemas["consent-texts"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"texts": {"a": {"words": {}}}}, schemas["consent-texts"])


# the words are pinned


def test_words_that_people_have_seen_can_not_be_changed_under_their_name(stating: Any, tmp_path: Path) -> None:
    ledger = open_ledger("sqlite", tmp_path / "ledger")
    pin_texts(stating.load(), ledger, NOW)
    pin_texts(stating.load(), ledger, NOW + timedelta(days=1))
    stating.change("consent-texts.yaml", "Ja, mail mij", "Ja, bel en mail mij")
    with pytest.raises(ConfigurationError) as caught:
        pin_texts(stating.load(), ledger, NOW + timedelta(days=2))
    (problem,) = caught.value.problems
    assert str(problem).startswith("consent-texts.yaml:2:3: these are not the words that were in force on 2026-03-02")
    assert "Ja, mail mij" in (ledger.consent_texts.words("till-news-v2") or "")
    ledger.close()


def test_words_may_change_until_their_first_day_and_a_last_day_may_be_set(stating: Any, tmp_path: Path) -> None:
    ledger = open_ledger("sqlite", tmp_path / "ledger")
    pin_texts(stating.load(), ledger, datetime(2026, 1, 1, tzinfo=UTC))
    stating.change("consent-texts.yaml", "Ja, mail mij", "Ja, stuur mij")
    pin_texts(stating.load(), ledger, NOW)
    stating.change("consent-texts.yaml", "until: 2026-09-01", "until: 2026-03-02")
    pin_texts(stating.load(), ledger, NOW)
    ledger.close()


# no key takes consent away


def keys(schema: Any) -> set[str]:
    """List every key that a JSON Schema knows, at any depth."""
    if isinstance(schema, dict):
        own = set(schema.get("properties", {}))
        return own.union(*(keys(value) for value in schema.values()))
    return set().union(*(keys(value) for value in schema)) if isinstance(schema, list) else set()


def test_no_key_of_hub_yaml_turns_consent_off_or_makes_a_rule_looser() -> None:
    about = HubFile.model_json_schema()["$defs"]
    assert keys(about["ConsentSection"]) == {"valid_for", "stricter"}
    assert keys(about["StricterRule"]) == {"channels", "countries", "without", "age"}


def test_a_statement_in_a_mapping_can_not_say_that_it_needs_no_proof() -> None:
    about = MappingFile.model_json_schema()["$defs"]["ConsentStatement"]
    assert keys(about) == {"channel", "purpose", "given", "at", "text", "basis", "soft_opt_in", "evidence"}


def test_a_statement_that_can_only_be_a_refusal_needs_no_declared_text(stating: Any) -> None:
    stating.change("mappings/till.yaml", "till-news-v2", "till-refusals")
    assert any("declares no text 'till-refusals'" in problem for problem in stating.problems())
    stating.change("mappings/till.yaml", "given: news", "given: case when news then false end")
    assert stating.load().terms.texts is not None
