"""`exact` against a server that keeps to the documentation of Exact Online: row versions, tokens taken once."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from hub.contracts import Destination, Place, Row, SyncBatch
from hub.registry import Registry
from hub.testing.http import HttpDestinationSuite
from hub.testing.http_sources import HttpSourceSuite, HttpSourceWorld
from hub.testing.sources import CONNECTION, Landing, SourceWorld

from .served import Answered, Asked, served

SECRET, FIRST = "s3cret-kattenluik", "stampNL001.first"
API = "/api/v1/1234567"
ENTITIES = {
    "sync/CRM/Contacts": "ID Account FirstName MiddleName LastName Initials Gender BirthDate Email Mobile Phone "
    "Language JobTitleDescription Country IsMailingExcluded IsAnonymised Modified Timestamp",
    "sync/CRM/Accounts": "ID Code Name Email Phone VATNumber ChamberOfCommerce AddressLine1 Postcode City Country "
    "Status Modified Timestamp",
    "sync/Logistics/Items": "ID Code Description ItemGroupDescription Modified Timestamp",
    "sync/SalesInvoice/SalesInvoices": "ID InvoiceID LineNumber InvoiceTo InvoiceToContactPerson InvoiceDate DueDate "
    "AmountDC Currency Item Quantity Status Modified Timestamp",
    "sync/Deleted": "ID EntityKey EntityType DeletedDate Timestamp",
}
FILTER = re.compile(r"Timestamp gt (\d+)L")
WRITABLE = {"Email", "JobTitleDescription", "IsMailingExcluded", "email", "score", "city"}
Exact: Any = Registry().get("exact")


class Administration:
    """Rows by entity in the order of their versions, in pages of two; a refresh token is taken once."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {entity: [] for entity in ENTITIES}
        self.version = 0
        self.refresh = FIRST
        self.tokens = 0
        self.contacts: dict[str, dict[str, Any]] = {}
        self.url = ""

    def change(self, entity: str, **row: Any) -> None:
        self.version += 1
        self.rows[entity] = [known for known in self.rows[entity] if known["ID"] != row["ID"]]
        self.rows[entity].append({**row, "Timestamp": self.version + 9_990})

    def __call__(self, asked: Asked) -> Answered:
        if asked.path == "/api/oauth2/token":
            return self.signed_in(dict(parse_qsl(asked.body.decode())))
        if asked.headers.get("authorization") != f"Bearer access-{self.tokens}":
            return Answered(401, b"", {"WWW-Authenticate": "Bearer"})
        entity = asked.path.removeprefix(f"{API}/")
        if asked.method == "GET" and entity in ENTITIES:
            return self.listed(entity, asked.query)
        if asked.method == "PUT" and (guid := re.fullmatch(r"crm/Contacts\(guid'([\w-]+)'\)", entity)):
            return self.written(guid[1], asked.json)
        return refusal(404, "Resource not found")

    def signed_in(self, form: dict[str, str]) -> Answered:
        known = (form["client_id"], form["client_secret"]) == ("hub", SECRET)
        if form["grant_type"] != "refresh_token" or form.get("refresh_token") != self.refresh or not known:
            return Answered(400, {"error": "invalid_grant", "error_description": "Token is not allowed"})
        self.tokens += 1
        self.refresh = f"stampNL001.{self.tokens}"
        given = {"access_token": f"access-{self.tokens}", "refresh_token": self.refresh}
        return Answered(200, {**given, "token_type": "bearer", "expires_in": "600"})

    def listed(self, entity: str, query: dict[str, str]) -> Answered:
        fields = [field.strip() for field in query.get("$select", "").split(",")]
        after = FILTER.fullmatch(query.get("$filter", ""))
        if query.keys() - {"$select", "$filter", "$skiptoken"} or after is None:
            return refusal(400, "Only a filter on Timestamp is allowed")
        if unknown := set(fields) - set(ENTITIES[entity].split()):
            return refusal(400, f"No property '{min(unknown)}' exists in type '{entity}'")
        start = max(int(after[1]), int(query.get("$skiptoken", 0)))
        found = [row for row in self.rows[entity] if row["Timestamp"] > start]
        page = [{"__metadata": {"type": entity}, **{name: row.get(name) for name in fields}} for row in found[:2]]
        more = {}
        if len(found) > 2:
            link = f"{self.url}{API}/{entity}?$select={query['$select']}&$filter={query['$filter']}"
            more = {"__next": f"{link}&$skiptoken={found[1]['Timestamp']}"}
        return Answered(200, {"d": {"results": page, **more}})

    def written(self, guid: str, fields: dict[str, Any]) -> Answered:
        if guid not in self.contacts:
            return refusal(404, "Contact not found")
        if unknown := fields.keys() - WRITABLE:
            return refusal(400, f"No property '{min(unknown)}' exists in type 'Contact'")
        self.contacts[guid].update(fields)
        return Answered(204, b"")


def refusal(status: int, message: str) -> Answered:
    return Answered(status, {"error": {"code": "", "message": {"lang": "", "value": message}}})


class AdministrationWorld(HttpSourceWorld):
    plugin = Exact
    table = "contacts"
    columns = ("id", "first_name")
    secrets = (SECRET, FIRST, "s3cret-wr0ng")

    def __init__(self, administration: Administration) -> None:
        self.administration, self.url = administration, administration.url

    def config(self, secret: str = SECRET) -> Any:
        return config_at(self.url, client_secret=secret)

    def wrong_config(self) -> Any:
        return self.config("s3cret-wr0ng")

    def write(self, records: Any) -> None:
        for record in records:
            named = {"FirstName": record["name"], "Initials": record.get("nickname")}
            self.administration.change("sync/CRM/Contacts", ID=str(record["id"]), **named)

    def remove(self, id_: int) -> None:
        rows = self.administration.rows["sync/CRM/Contacts"]
        rows[:] = [row for row in rows if row["ID"] != str(id_)]


def config_at(url: str, **changes: Any) -> Any:
    said = {"client_id": "hub", "client_secret": SECRET, "refresh_token": FIRST, "division": "1234567", "url": url}
    return Exact.config_model(**{**said, "allow_private": True, "resources": ["contacts"], **changes})


@pytest.fixture
def administration() -> Iterator[Administration]:
    made = Administration()
    with served(made) as api:
        made.url = api.url
        yield made


class TestExactContacts(HttpSourceSuite):
    @pytest.fixture
    def world(self, administration: Administration) -> AdministrationWorld:
        return AdministrationWorld(administration)

    def test_a_new_column_lands_with_its_records(self, world: SourceWorld, landing: Landing) -> None:
        """The sync API gives the properties that are named; one that was empty until now is new here."""
        world.write([{"id": 1, "name": "Anna", "changed_at": "2026-03-01 10:00:00"}])
        landing.run()
        world.write([{"id": 2, "name": "Kees", "nickname": "K.", "changed_at": "2026-03-02 10:00:00"}])
        landing.run()
        assert [row.get("initials") for row in landing.rows("contacts")] == [None, "K."]


class TestExactWrites(HttpDestinationSuite):
    plugin = Exact
    target = "contacts"

    @pytest.fixture
    def config(self, administration: Administration) -> Mapping[str, Any]:
        administration.contacts = {f"row-{number:04d}": {} for number in range(1, 300)}
        return dict(config_at(administration.url).model_dump(exclude={"resources"}))


def test_a_contact_that_is_gone_is_refused_and_the_others_are_written(
    administration: Administration, tmp_path: Path
) -> None:
    administration.contacts = {"c-1": {}}
    plugin = Exact(config_at(administration.url), Place(CONNECTION, tmp_path))
    gone, kept = plugin.sync(SyncBatch("contacts", "update", [Row("c-0", {"score": 1}), Row("c-1", {"score": 1})]))
    assert (gone.status, kept.status) == ("rejected", "accepted")
    assert "Contact not found" in gone.reason


def test_the_server_refuses_what_the_documentation_does_not_know(administration: Administration) -> None:
    administration.tokens = 1
    headers = {"authorization": "Bearer access-1"}
    for query in (
        {"$filter": "Modified gt datetime'2026-03-01'"},
        {"$filter": "Timestamp gt 1L", "$select": "Nothing"},
    ):
        assert administration(Asked("GET", f"{API}/sync/CRM/Contacts", query, headers, b"")).status == 400


def test_every_list_is_asked_for_with_properties_that_it_has(administration: Administration, tmp_path: Path) -> None:
    for entity in ENTITIES:
        administration.change(entity, ID="a1")
    plugin = Exact(config_at(administration.url, resources=None), Place(CONNECTION, tmp_path))
    assert plugin.check().ok
    landing = Landing(plugin, tmp_path)
    assert landing.run().rows == {"contacts": 1, "accounts": 1, "items": 1, "invoices": 1, "deleted": 1}
    assert landing.run().loads == ()


def test_a_sign_in_outlives_many_runs_though_each_refresh_token_is_taken_once(
    administration: Administration, tmp_path: Path
) -> None:
    for _ in range(3):
        assert Exact(config_at(administration.url), Place(CONNECTION, tmp_path)).check().ok
        administration.tokens += 1  # the access token is no longer good
    assert administration.refresh == "stampNL001.5"


def test_versions_are_compared_as_numbers(administration: Administration, tmp_path: Path) -> None:
    landing = Landing(Exact(config_at(administration.url), Place(CONNECTION, tmp_path)), tmp_path)
    for number in range(1, 13):  # versions 9991 to 10002: a text would end before 10000
        administration.change("sync/CRM/Contacts", ID=f"c{number}")
        landing.run()
    assert [row["id"] for row in landing.rows("contacts")] == [f"c{number}" for number in range(1, 13)]


def test_one_contact_that_is_refused_does_not_stop_the_others(administration: Administration, tmp_path: Path) -> None:
    administration.contacts = {"c1": {}, "c2": {}}
    exact: Destination = Exact(config_at(administration.url), Place(CONNECTION, tmp_path))
    rows = [Row("c1", {"Nothing": 1}), Row("c2", {"JobTitleDescription": "Inkoper"})]
    results = exact.sync(SyncBatch("contacts", "update", rows))
    assert [result.status for result in results] == ["rejected", "accepted"]
    assert administration.contacts == {"c1": {}, "c2": {"JobTitleDescription": "Inkoper"}}
