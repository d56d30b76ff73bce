"""An audience from consent to the platform and back: who agrees goes, who withdraws is taken out (R12, R15)."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hub.pipeline import run
from hub.project import Project, load_project
from plugins.destinations.ads.identifiers import google_identifiers
from tests.plugins.destinations.google_lists import ACCOUNT, REFRESH, CustomerLists
from tests.plugins.vendors.served import served
from tests.serve.texting import MORNING

CUSTOMERS = "id,email,agrees,at\n1,Anna@Example.nl,yes,2026-03-01T10:00:00Z\n2,bo@example.nl,no,2026-03-01T10:00:00Z\n"
MAPPING = """
connection: crm
person:
  from: customers
  key: id
  updated_at: timestamp(at)
  identifiers: {email: email(email)}
  consent:
    - {channel: ads, given: agrees = 'yes', at: timestamp(at), text: form 2026}
    - {channel: ads, purpose: profiling, given: agrees = 'yes', at: timestamp(at), text: form 2026}
"""
SYNC = """
sync: customers_to_google
from: {table: person}
to: {connection: google, object: "42"}
fields:
  email: email
  ad_user_data: consents('ads')
  ad_personalization: consents('ads', 'profiling')
consent: {channel: ads}
guards: {removes: 100%}
"""


def project(folder: Path, url: str, engine: str) -> Project:
    google = {"plugin": "google_ads", "account": ACCOUNT, "client_id": "client", "client_secret": "${GOOGLE_SECRET}"}
    google |= {"refresh_token": "${GOOGLE_TOKEN}", "url": url, "token_url": f"{url}/token", "allow_private": True}
    connections = {"crm": {"plugin": "files", "path": "./data/*.csv"}, "google": google}
    files = {
        "hub.yaml": yaml.safe_dump({"name": "Miaoum", "engine": engine, "connections": connections}),
        ".env": f"HUB_KEY=5f0c3b7a9d1e4c6f8a2b\nGOOGLE_SECRET=geheim-kattenbak\nGOOGLE_TOKEN={REFRESH}\n",
        "data/customers.csv": CUSTOMERS,
        "mappings/crm.yaml": MAPPING,
        "syncs/google.yaml": SYNC,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return load_project(folder)


@pytest.mark.parametrize("engine", ["duckdb", "postgresql"], indirect=True)
def test_who_agrees_is_in_the_audience_until_they_do_not(tmp_path: Path, engine: str) -> None:
    lists = CustomerLists()
    with served(lists) as api:
        made = project(tmp_path, api.url, engine)
        report = run(made, MORNING)
        assert report.ok, report.failures
        assert lists.members == set(google_identifiers({"email": "anna@example.nl"}).values())
        asked = [one.path for one in api.asked if "audienceMembers" in one.path]
        assert run(made, MORNING.replace(hour=10)).ok
        assert [
            one.path for one in api.asked if "audienceMembers" in one.path
        ] == asked  # nothing changed, nothing asked
        later = CUSTOMERS.replace("yes,2026-03-01T10:00:00Z", "no,2026-03-02T11:00:00Z")
        (tmp_path / "data" / "customers.csv").write_text(later)
        report = run(made, MORNING.replace(hour=12))
        assert report.ok, report.failures
        assert lists.members == set()
