"""`ga4_reports` against a server that keeps to the documentation of the Data API (v1beta, properties.runReport)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from hub.contracts import Place
from hub.errors import ConfigurationError
from hub.registry import Registry
from hub.testing.sources import CONNECTION, Landing

from .accounts import JWT, key_file, says
from .served import Answered, Asked, Served, served

REFRESH, ACCESS = "1//kattenluik", "ya29.kattenluik"
SCOPE = "https://www.googleapis.com/auth/analytics.readonly"
PATH = "/v1beta/properties/123456:runReport"
FIELDS = {
    "dateRanges",
    "dimensions",
    "metrics",
    "dimensionFilter",
    "metricFilter",
    "offset",
    "limit",
    "metricAggregations",
    "orderBys",
    "currencyCode",
    "cohortSpec",
    "keepEmptyRows",
    "returnPropertyQuota",
    "comparisons",
}
DIMENSIONS = {"dateHourMinute", "customUser:customer_number", "eventName", "pageLocation", "transactionId"}
Reports: Any = Registry().get("ga4_reports")


class Property:
    """Events of a property; a report has at most two rows a page, and leaves out what is empty."""

    def __init__(self) -> None:
        self.events: dict[int, tuple[str, ...]] = {}
        self.busy = 0
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def __call__(self, asked: Asked) -> Answered:
        if asked.path == "/token":
            return self.token(parse_qs(asked.body.decode()))
        if asked.headers.get("authorization") != f"Bearer {ACCESS}":
            return refusal(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        if (asked.method, asked.path) != ("POST", PATH):
            return refusal(404, "NOT_FOUND", "Requested entity was not found.")
        if self.busy:
            self.busy -= 1
            return refusal(429, "RESOURCE_EXHAUSTED", "Exhausted concurrent requests quota.")
        return self.report(asked.json)

    def token(self, form: dict[str, list[str]]) -> Answered:
        right = {
            "grant_type": ["refresh_token"],
            "client_id": ["hub"],
            "client_secret": ["cl1ent"],
            "refresh_token": [REFRESH],
            "scope": [SCOPE],
        }
        signed = form["grant_type"] == [JWT] and says(form["assertion"][0], self.key)["scope"] == SCOPE
        if form != right and not signed:
            return Answered(400, {"error": "invalid_grant", "error_description": "Bad Request"})
        return Answered(200, {"access_token": ACCESS, "expires_in": 3599, "token_type": "Bearer"})

    def report(self, body: dict[str, Any]) -> Answered:
        names = [dimension["name"] for dimension in body.get("dimensions", ())]
        if body.keys() - FIELDS or not body.get("dateRanges") or not body.get("metrics") or len(names) > 9:
            return refusal(400, "INVALID_ARGUMENT", "Invalid JSON payload received.")
        if set(names) - DIMENSIONS:
            return refusal(
                400, "INVALID_ARGUMENT", "Did you mean customUser:customer_number? Field is not a valid dimension."
            )
        if not 0 < int(body.get("limit", 10_000)) <= 250_000:
            return refusal(400, "INVALID_ARGUMENT", "limit is out of range")
        start = int(body.get("offset", 0))
        found = [[*values] for values in sorted(self.events.values())]
        rows = [
            {"dimensionValues": [{"value": value} for value in values], "metricValues": [{"value": "1"}]}
            for values in found[start : start + 2]
        ]
        header = {"dimensionHeaders": [{"name": name} for name in names], "metricHeaders": [{"name": "eventCount"}]}
        told = {"rows": rows} if rows else {}
        count = {"rowCount": len(found)} if found else {}
        return Answered(200, {**header, **told, **count, "metadata": {"timeZone": "Europe/Amsterdam"}})


def refusal(status: int, code: str, message: str) -> Answered:
    return Answered(status, {"error": {"code": status, "message": message, "status": code}})


@pytest.fixture
def site() -> Property:
    return Property()


@pytest.fixture
def api(site: Property) -> Iterator[Served]:
    with served(site) as running:
        yield running


def landing(api: Served, folder: Path, **settings: Any) -> Landing:
    config = Reports.config_model.model_validate(
        {
            "url": api.url,
            "token_url": f"{api.url}/token",
            "property": "123456",
            "customer": "customUser:customer_number",
            "client_id": "hub",
            "client_secret": "cl1ent",
            "refresh_token": REFRESH,
            "allow_private": True,
            **settings,
        }
    )
    return Landing(Reports(config, Place(CONNECTION, folder)), folder)


@pytest.mark.parametrize(
    "body",
    [
        {"metrics": [{"name": "eventCount"}]},
        {"dateRanges": [{}], "metrics": [{}], "since": "2026"},
        {"dateRanges": [{}], "metrics": [{}], "limit": 300_000},
        {"dateRanges": [{}], "metrics": [{}], "dimensions": [{"name": "userId"}]},
    ],
)
def test_the_server_refuses_what_the_documentation_does_not_know(site: Property, body: dict[str, Any]) -> None:
    assert site.report(body).status == 400


def test_a_report_of_several_pages_lands_by_the_names_of_its_columns(
    site: Property, api: Served, tmp_path: Path
) -> None:
    for number in range(5):
        site.events[number] = (f"20260301123{number}", "42", "page_view", "https://winkel.example/één", "(not set)")
    report = landing(api, tmp_path)
    assert report.run().rows == {"events": 5}
    first = report.rows("events")[0]
    assert {name: first[name] for name in ("at", "customer", "event", "page", "times")} == {
        "at": "202603011230",
        "customer": "42",
        "event": "page_view",
        "page": "https://winkel.example/één",
        "times": "1",
    }
    asked = [one.json for one in api.asked if one.path == PATH]
    assert asked[0]["dateRanges"] == [{"startDate": "7daysAgo", "endDate": "yesterday"}]
    assert [int(body["offset"]) for body in asked] == [0, 2, 4, 5]
    assert report.run().loads == (), "the same report is no news"
    site.events[9] = ("202603021200", "42", "purchase", "https://winkel.example/bedankt", "ORD-1")
    assert report.run().rows == {"events": 6}, "a stretch that changed lands whole; the mapping knows what it has"


def test_an_empty_report_has_no_rows_at_all(api: Served, tmp_path: Path) -> None:
    assert landing(api, tmp_path).run().loads == ()


def test_a_used_up_quota_is_waited_for(site: Property, api: Served, tmp_path: Path) -> None:
    site.events[1] = ("202603021200", "42", "login", "https://winkel.example/", "")
    site.busy = 2
    assert landing(api, tmp_path).run().rows == {"events": 1}


def test_a_refresh_token_that_is_no_longer_taken_is_told(api: Served, tmp_path: Path) -> None:
    report = landing(api, tmp_path, refresh_token="1//wr0ng")
    check = report.plugin.check()
    assert not check.ok
    assert "sign in again" in check.message


def test_a_dimension_that_the_property_lacks_is_a_mistake_of_the_configuration(api: Served, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="the API refuses the request"):
        landing(api, tmp_path, customer="customUser:number").run()


def test_a_service_account_signs_in_by_its_key(site: Property, api: Served, tmp_path: Path) -> None:
    site.events[1] = ("202603021200", "42", "login", "https://winkel.example/", "")
    key_file(tmp_path / "hub.json", site.key, f"{api.url}/token")
    own = {"service_account": "hub.json", "client_id": None, "client_secret": None, "refresh_token": None}
    assert landing(api, tmp_path, **own).run().rows == {"events": 1}
    key_file(tmp_path / "hub.json", rsa.generate_private_key(public_exponent=65537, key_size=2048), f"{api.url}/token")
    check = landing(api, tmp_path, **own).plugin.check()
    assert not check.ok
    assert "is refused (invalid_grant)" in check.message
