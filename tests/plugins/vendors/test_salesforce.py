"""`salesforce` against a server that keeps to the documentation of its REST API (queries, collections)."""

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
from hub.testing.sources import CONNECTION, Landing

from .served import Answered, Asked, served

SECRET = "c0nsumer-kattenluik"
DATA = "/services/data/v62.0"
SOQL = re.compile(
    r"SELECT (?P<fields>\w+(?:, \w+)*) FROM (?P<object>\w+) WHERE SystemModstamp >= "
    r"(?P<since>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?(?:Z|[+-]\d\d:?\d\d)) ORDER BY SystemModstamp, Id"
)
FIELDS = {
    "Contact": "Id AccountId Salutation FirstName LastName Email Phone MobilePhone Birthdate Title MailingStreet "
    "MailingPostalCode MailingCity MailingCountry HasOptedOutOfEmail DoNotCall IsDeleted SystemModstamp Hub_Id__c "
    "Score__c Pets__c email score city nickname",
    "Lead": "Id FirstName LastName Company Email Phone MobilePhone LeadSource Status HasOptedOutOfEmail "
    "ConvertedContactId CreatedDate IsDeleted SystemModstamp Hub_Id__c",
    "Account": "Id Name Industry BillingStreet BillingPostalCode BillingCity BillingCountry IsDeleted SystemModstamp",
    "Opportunity": "Id ContactId Name StageName IsClosed IsWon Amount CreatedDate IsDeleted SystemModstamp",
}
Salesforce: Any = Registry().get("salesforce")


class Org:
    """Objects by name and id; queries in pages of two, collections with an answer per row."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in FIELDS}
        self.locked: set[str] = set()
        self.queries: dict[str, tuple[str, list[str]]] = {}

    def __call__(self, asked: Asked) -> Answered:
        if asked.path == "/services/oauth2/token":
            return self.signed_in(dict(parse_qsl(asked.body.decode())))
        if asked.headers.get("authorization") != "Bearer 00D!session":
            return refusal(401, "INVALID_SESSION_ID", "Session expired or invalid")
        path = asked.path.removeprefix(DATA).strip("/").split("/")
        match asked.method, path:
            case "GET", ["queryAll"]:
                return self.queried(asked.query)
            case "GET", ["query", locator]:
                return self.page(locator)
            case "PATCH", ["composite", "sobjects", *where]:
                return self.collection(asked.json, where)
            case "DELETE", ["sobjects", name, "Hub_Id__c", key]:
                found = [id_ for id_, row in self.objects[name].items() if row.get("Hub_Id__c") == key]
                if not found:
                    return refusal(404, "NOT_FOUND", "The requested resource does not exist")
                del self.objects[name][found[0]]
                return Answered(204, b"")
        return refusal(404, "NOT_FOUND", "The requested resource does not exist")

    def signed_in(self, form: dict[str, str]) -> Answered:
        if form["grant_type"] != "client_credentials":
            return Answered(400, {"error": "unsupported_grant_type"})
        if (form["client_id"], form["client_secret"]) != ("hub", SECRET):
            return Answered(400, {"error": "invalid_client", "error_description": "invalid client credentials"})
        return Answered(200, {"access_token": "00D!session", "token_type": "Bearer"})

    def queried(self, query: dict[str, str]) -> Answered:
        soql = SOQL.fullmatch(query["q"])
        if query.keys() != {"q"} or soql is None:
            return refusal(400, "MALFORMED_QUERY", "unexpected token")
        name, fields = soql["object"], soql["fields"].split(", ")
        if unknown := set(fields) - set(FIELDS[name].split()):
            return refusal(400, "INVALID_FIELD", f"No such column {min(unknown)} on entity {name}")
        since = soql["since"].replace("Z", ".000+0000")[:23]
        rows = sorted(self.objects[name].items(), key=lambda item: (item[1]["SystemModstamp"], item[0]))
        ids = [id_ for id_, row in rows if row["SystemModstamp"][:23] >= since]
        locator = f"01g{len(self.queries)}"
        self.queries[locator] = name, ids
        self.fields = fields
        return self.page(f"{locator}-0")

    def page(self, locator: str) -> Answered:
        query, start = locator.rsplit("-", 1)
        name, ids = self.queries[query]
        end = int(start) + 2
        records = [
            {
                "attributes": {"type": name, "url": f"{DATA}/sobjects/{name}/{id_}"},
                **{field: self.objects[name][id_].get(field) for field in self.fields},
            }
            for id_ in ids[int(start) : end]
        ]
        more = {"nextRecordsUrl": f"{DATA}/query/{query}-{end}"} if end < len(ids) else {}
        return Answered(200, {"totalSize": len(ids), "done": not more, **more, "records": records})

    def collection(self, body: dict[str, Any], where: list[str]) -> Answered:
        if len(body["records"]) > 200:
            return refusal(400, "LIMIT_EXCEEDED", "The max number of records is 200")
        return Answered(200, [self.written(dict(row), where) for row in body["records"]])

    def written(self, row: dict[str, Any], where: list[str]) -> dict[str, Any]:
        name = row.pop("attributes")["type"]
        if where and where[0] != name:
            return failure("INVALID_TYPE", "the type is not that of the request")
        if unknown := set(row) - {*FIELDS[name].split(), "id"}:
            return failure("INVALID_FIELD", f"No such column '{min(unknown)}' on sobject of type {name}")
        key = row[where[1]] if where else row.pop("id")
        if key in self.locked:
            return failure("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
        known = {stored.get("Hub_Id__c") if where else id_: id_ for id_, stored in self.objects[name].items()}
        if not where and key not in known:
            return failure("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        id_ = known.get(key, f"003{len(self.objects[name])}")
        created = key not in known
        self.objects[name].setdefault(id_, {"SystemModstamp": "2026-03-01T10:00:00.000+0000"}).update(row)
        return {"id": id_, "success": True, "errors": [], "created": created}


def failure(code: str, message: str) -> dict[str, Any]:
    return {"success": False, "errors": [{"statusCode": code, "message": message, "fields": []}]}


def refusal(status: int, code: str, message: str) -> Answered:
    return Answered(status, [{"errorCode": code, "message": message}])


class OrgWorld(HttpSourceWorld):
    plugin = Salesforce
    table = "contacts"
    columns = ("id", "first_name")
    secrets = (SECRET, "c0nsumer-wr0ng")

    def __init__(self, org: Org, url: str) -> None:
        self.org, self.url = org, url

    def config(self, secret: str = SECRET) -> Any:
        return config_at(self.url, client_secret=secret, contact_fields=", nickname")

    def wrong_config(self) -> Any:
        return self.config("c0nsumer-wr0ng")

    def write(self, records: Any) -> None:
        for record in records:
            moment = record["changed_at"].replace(" ", "T") + ".000+0000"
            self.org.objects["Contact"][str(record["id"])] = {
                "Id": str(record["id"]),
                "FirstName": record["name"],
                "nickname": record.get("nickname"),
                "SystemModstamp": moment,
            }

    def remove(self, id_: int) -> None:
        del self.org.objects["Contact"][str(id_)]


def config_at(url: str, **changes: Any) -> Any:
    said = {"url": url, "client_id": "hub", "client_secret": SECRET, "allow_private": True, "resources": ["contacts"]}
    return Salesforce.config_model(**{**said, **changes})


@pytest.fixture
def org() -> Org:
    return Org()


@pytest.fixture
def url(org: Org) -> Iterator[str]:
    with served(org) as api:
        yield api.url


class TestSalesforceContacts(HttpSourceSuite):
    @pytest.fixture
    def world(self, org: Org, url: str) -> OrgWorld:
        return OrgWorld(org, url)


class TestSalesforceWrites(HttpDestinationSuite):
    plugin = Salesforce
    target = "Contact"

    @pytest.fixture
    def config(self, url: str) -> Mapping[str, Any]:
        return {"url": url, "client_id": "hub", "client_secret": SECRET, "allow_private": True}


@pytest.fixture
def salesforce(url: str, tmp_path: Path) -> Destination:
    made: Destination = Salesforce(config_at(url), Place(CONNECTION, tmp_path))
    return made


def test_the_server_refuses_what_the_documentation_does_not_know(org: Org) -> None:
    headers = {"authorization": "Bearer 00D!session"}
    since = "WHERE SystemModstamp >= 2026-03-01T10:00:00Z ORDER BY SystemModstamp, Id"
    for query in ("SELECT * FROM Contact", f"SELECT Id, Nothing FROM Contact {since}"):
        assert org(Asked("GET", f"{DATA}/queryAll", {"q": query}, headers, b"")).status == 400


def test_every_list_is_asked_for_in_the_words_of_its_object(org: Org, url: str, tmp_path: Path) -> None:
    for name, id_ in (("Contact", "003A"), ("Lead", "00QA"), ("Account", "001A"), ("Opportunity", "006A")):
        org.objects[name][id_] = {"Id": id_, "SystemModstamp": "2026-03-01T10:00:00.000+0000", "IsDeleted": True}
    landing = Landing(Salesforce(config_at(url, resources=None), Place(CONNECTION, tmp_path)), tmp_path)
    landing.run()
    there = {name: [row["id"] for row in landing.rows(name)] for name in ("contacts", "leads", "accounts")}
    assert there == {"contacts": ["003A"], "leads": ["00QA"], "accounts": ["001A"]}
    assert [row["id"] for row in landing.rows("opportunities")] == ["006A"]


def test_own_fields_of_a_contact_are_a_setting(org: Org, url: str, tmp_path: Path) -> None:
    org.objects["Contact"]["003A"] = {"Id": "003A", "SystemModstamp": "2026-03-01T10:00:00.000+0000", "Pets__c": "kat"}
    landing = Landing(Salesforce(config_at(url, contact_fields=", Pets__c"), Place(CONNECTION, tmp_path)), tmp_path)
    landing.run()
    assert [row["pets_c"] for row in landing.rows("contacts")] == ["kat"]


def test_rows_are_written_by_the_external_id_and_each_has_its_own_result(org: Org, salesforce: Destination) -> None:
    org.locked = {"p3"}
    rows = [Row("p1", {"Score__c": 3}), Row("p2", {"Nothing__c": 1}), Row("p3", {"Score__c": 5})]
    results = salesforce.sync(SyncBatch("Contact", "upsert", rows))
    assert [result.status for result in results] == ["accepted", "rejected", "later"]
    assert "Nothing__c" in results[1].reason
    salesforce.sync(SyncBatch("Contact", "upsert", [Row("p1", {"Score__c": 4})]))
    assert [(row["Hub_Id__c"], row["Score__c"]) for row in org.objects["Contact"].values()] == [("p1", 4)]


def test_an_update_goes_by_the_id_of_salesforce_and_makes_nothing(org: Org, salesforce: Destination) -> None:
    org.objects["Contact"]["003A"] = {"Id": "003A", "SystemModstamp": "2026-03-01T10:00:00.000+0000"}
    rows = [Row("003A", {"Score__c": 3}), Row("003Z", {"Score__c": 3})]
    results = salesforce.sync(SyncBatch("Contact", "update", rows))
    assert [result.status for result in results] == ["accepted", "rejected"]
    assert [row.get("Score__c") for row in org.objects["Contact"].values()] == [3]


def test_what_is_deleted_is_gone_and_may_be_gone_already(org: Org, salesforce: Destination) -> None:
    salesforce.sync(SyncBatch("Contact", "upsert", [Row("p1", {"Score__c": 3})]))
    for _ in range(2):
        (gone,) = salesforce.sync(SyncBatch("Contact", "delete", [Row("p1")]))
        assert gone.status == "accepted"
    assert org.objects["Contact"] == {}
