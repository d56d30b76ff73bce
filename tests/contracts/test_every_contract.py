"""Every contract that lies there is read by both judges: they pass what it allows, and refuse what it does not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.contracts import published
from tests.contracts.published import FORM, Contract
from tests.plugins.vendors.served import Asked, basic

KLAVIYO = {"authorization": "Klaviyo-API-Key kattenluik", "revision": "2026-07-15"}
JSON = {"content-type": "application/json"}
TWILIO = {"authorization": basic(f"AC{'a1' * 16}", "kattenluik")}
LOCAL = "http://localhost/rest"


def asked(path: str, query: dict[str, str], headers: dict[str, str], number: str = "") -> Asked:
    return Asked("GET", f"{path}{number}", query, headers, b"")


def given(path: str, body: object, headers: dict[str, str]) -> Asked:
    return Asked("POST", path, {}, {**headers, **JSON}, json.dumps(body).encode())


def form(path: str, fields: dict[str, str]) -> Asked:
    return Asked("POST", path, {}, {**TWILIO, "content-type": FORM}, urlencode(fields).encode())


# what the connectors ask of the other contracts is in test_contracts.py
ALLOWED_AND_NOT = [
    (
        ("klaviyo/stable-events.json", "/api/events", None),
        asked("/api/events", {"page[size]": "50", "sort": "datetime"}, KLAVIYO),
        asked("/api/events", {"page[size]": "50", "sort": "colour"}, KLAVIYO),
    ),
    (
        ("klaviyo/stable-segments.json", "/api/segments", None),
        asked("/api/segments", {"sort": "updated"}, KLAVIYO),
        asked("/api/segments", {"sort": "colour"}, KLAVIYO),
    ),
    (
        ("kvk/vestigingsprofiel-openapi.yaml", "/v1/vestigingsprofielen/{vestigingsnummer}", "http://localhost/api"),
        asked("/api/v1/vestigingsprofielen/", {"geoData": "true"}, {"apikey": "k"}, "000037178598"),
        asked("/api/v1/vestigingsprofielen/", {"geoData": "perhaps"}, {"apikey": "k"}, "000037178598"),
    ),
    (
        ("magento/customer-schema-2.4.9.yaml", "/V1/customers/isEmailAvailable", LOCAL),
        given("/rest/V1/customers/isEmailAvailable", {"customerEmail": "anna@example.nl"}, {}),
        given("/rest/V1/customers/isEmailAvailable", {"customerEmail": 7}, {}),
    ),
    (
        ("twilio/twilio_lookups_v2.json", "/v2/batch/query", None),
        given("/v2/batch/query", {"phone_numbers": [{"phone_number": "+31612345678"}]}, TWILIO),
        given("/v2/batch/query", {"phone_numbers": [{"phone_number": 31612345678}]}, TWILIO),
    ),
    (
        ("twilio/twilio_messaging_v1.json", "/v1/Services", None),
        form("/v1/Services", {"FriendlyName": "Miaoum", "SmartEncoding": "true"}),
        form("/v1/Services", {"FriendlyName": "Miaoum", "SmartEncoding": "perhaps"}),
    ),
]


@pytest.mark.parametrize(
    ("where", "right", "wrong"), ALLOWED_AND_NOT, ids=[where[0] for where, _, _ in ALLOWED_AND_NOT]
)
def test_both_judges_pass_what_it_allows_and_refuse_what_it_does_not(
    where: tuple[str, str, str | None], right: Asked, wrong: Asked
) -> None:
    file, path, server = where
    contract = Contract(file, path, server=server)
    passed, refused = contract.judge_request(right), contract.judge_request(wrong)
    assert (passed.core, passed.strict) == ([], [])
    assert refused.core, "openapi-core passes it"
    assert refused.strict, "the strict judge passes it"


def test_no_contract_lies_there_that_nothing_is_held_to() -> None:
    published.specification(ALLOWED_AND_NOT[0][0][0])  # skips, or fails in CI, where the contracts are not at hand
    there = {str(file.relative_to(published.FOLDER)) for file in published.FOLDER.rglob("*.*") if file.suffix != ".md"}
    connectors = Path(__file__).with_name("test_contracts.py").read_text(encoding="utf-8")
    held = set(re.findall(r'Contract\(\s*"([^"]+)"', connectors)) | {where[0] for where, _, _ in ALLOWED_AND_NOT}
    assert there == held
