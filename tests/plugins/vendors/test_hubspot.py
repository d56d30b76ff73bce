"""`hubspot` against a server that keeps to the documentation of its CRM API (v3)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Destination, Place, Row, SyncBatch
from hub.registry import Registry
from hub.testing.http import HttpDestinationSuite
from hub.testing.http_sources import HttpSourceSuite, HttpSourceWorld
from hub.testing.sources import CONNECTION, Landing

from .served import Answered, Asked, served

TOKEN = "pat-eu1-kattenluik"
CONTACTS = "/crm/v3/objects/contacts"
PARAMETERS = {"limit", "after", "properties", "propertiesWithHistory", "associations", "archived"}
KNOWN = {"email", "firstname", "lastname", "score", "city"}
HubSpot: Any = Registry().get("hubspot")


class Portal:
    """Contacts by number, in pages of two; batches tell per row what became of it."""

    def __init__(self) -> None:
        self.contacts: dict[str, dict[str, Any]] = {}
        self.others: dict[str, list[dict[str, Any]]] = {"companies": [], "deals": []}

    def __call__(self, asked: Asked) -> Answered:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return refusal(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
        match asked.method, asked.path.removeprefix(CONTACTS).split("/"):
            case "GET", [""]:
                return self.listed(list(self.contacts.values()), asked.query)
            case "GET", ["", "crm", "v3", "objects", "companies" | "deals" as name]:
                return self.listed(self.others[name], asked.query)
            case "POST", ["", "batch", "upsert" | "update" as way]:
                return self.batch(way, asked.json)
            case "POST", ["", "gdpr-delete"]:
                gone = self.contacts.pop(asked.json["objectId"], None)
                return Answered(204, b"") if gone else refusal(404, "OBJECT_NOT_FOUND", "Object not found.")
        return refusal(404, "OBJECT_NOT_FOUND", "Unable to infer object type.")

    def listed(self, items: list[dict[str, Any]], query: dict[str, str]) -> Answered:
        if unknown := query.keys() - PARAMETERS:
            return refusal(400, "VALIDATION_ERROR", f"Unknown parameters: {sorted(unknown)}")
        if int(query.get("limit", 10)) > 100:
            return refusal(400, "VALIDATION_ERROR", "limit must be at most 100")
        gone = query.get("archived", "false").lower() == "true"
        found = [item for item in items if bool(item.get("archived")) is gone]
        rest = sorted(
            (one for one in found if int(one["id"]) > int(query.get("after", 0))), key=lambda one: int(one["id"])
        )
        part = rest[:2]
        more = {"paging": {"next": {"after": part[-1]["id"], "link": "?after="}}} if len(rest) > 2 else {}
        return Answered(200, {"results": part, **more})

    def batch(self, way: str, body: dict[str, Any]) -> Answered:
        if len(body["inputs"]) > 100:
            return refusal(400, "VALIDATION_ERROR", "The maximum number of inputs supported in a batch request is 100")
        results, errors = [], []
        for one in body["inputs"]:
            contact = self.upserted(one) if way == "upsert" else self.contacts.get(one["id"])
            if contact is None or one["properties"].keys() - KNOWN:
                context = {"objectWriteTraceId": [one["objectWriteTraceId"]]}
                errors.append({"status": "error", "category": "VALIDATION_ERROR", "message": "no", "context": context})
                continue
            contact["properties"].update(one["properties"])
            results.append({**contact, "objectWriteTraceId": one["objectWriteTraceId"]})
        if not errors:
            return Answered(200, {"status": "COMPLETE", "results": results})
        told = {"status": "COMPLETE", "results": results, "numErrors": len(errors), "errors": errors}
        return Answered(207, told)

    def upserted(self, one: dict[str, Any]) -> dict[str, Any] | None:
        if one["idProperty"] != "email" or "@" not in one["id"]:
            return None
        for contact in self.contacts.values():
            if contact["properties"].get("email") == one["id"].lower():
                return contact
        number = str(500 + len(self.contacts))
        self.contacts[number] = {"id": number, "properties": {}, "updatedAt": "2026-03-01T10:00:00.000Z"}
        return self.contacts[number]


def refusal(status: int, category: str, message: str) -> Answered:
    return Answered(status, {"status": "error", "message": message, "correlationId": "0", "category": category})


class PortalWorld(HttpSourceWorld):
    plugin = HubSpot
    table = "contacts"
    columns = ("id", "properties_firstname")
    secrets = (TOKEN, "pat-eu1-wr0ng")

    def __init__(self, portal: Portal, url: str) -> None:
        self.portal, self.url = portal, url

    def config(self, token: str = TOKEN) -> Any:
        return HubSpot.config_model(url=self.url, token=token, allow_private=True)

    def wrong_config(self) -> Any:
        return self.config("pat-eu1-wr0ng")

    def write(self, records: Any) -> None:
        for record in records:
            moment = record["changed_at"].replace(" ", "T") + ".000Z"
            known = {"properties": {"firstname": record["name"]}, "updatedAt": moment, "archived": False}
            self.portal.contacts[str(record["id"])] = {**record, "id": str(record["id"]), **known}

    def remove(self, id_: int) -> None:
        del self.portal.contacts[str(id_)]


@pytest.fixture
def portal() -> Portal:
    return Portal()


@pytest.fixture
def url(portal: Portal) -> Iterator[str]:
    with served(portal) as api:
        yield api.url


class TestHubSpotContacts(HttpSourceSuite):
    @pytest.fixture
    def world(self, portal: Portal, url: str) -> PortalWorld:
        return PortalWorld(portal, url)


class TestHubSpotWrites(HttpDestinationSuite):
    plugin = HubSpot
    target = "contacts"

    @pytest.fixture
    def config(self, url: str) -> Mapping[str, Any]:
        return {"url": url, "token": TOKEN, "allow_private": True}


@pytest.fixture
def hubspot(url: str, tmp_path: Path) -> Destination:
    made: Destination = HubSpot(
        HubSpot.config_model(url=url, token=TOKEN, allow_private=True), Place(CONNECTION, tmp_path)
    )
    return made


def test_the_server_refuses_what_the_documentation_does_not_know(portal: Portal) -> None:
    asked = Asked("GET", CONTACTS, {"since": "2026"}, {"authorization": f"Bearer {TOKEN}"}, b"")
    assert portal(asked).status == 400


def test_the_properties_that_are_asked_for_are_a_setting(portal: Portal, tmp_path: Path) -> None:
    with served(portal) as api:
        config = HubSpot.config_model(url=api.url, token=TOKEN, properties="email,tier", allow_private=True)
        assert HubSpot(config, Place(CONNECTION, tmp_path)).check().ok
        assert {asked.query["properties"] for asked in api.asked if asked.path == CONTACTS} == {"email,tier"}


def test_one_contact_that_is_refused_does_not_sink_its_batch(portal: Portal, hubspot: Destination) -> None:
    rows = [
        Row("p1", {"email": "anna@example.nl", "firstname": "Anna"}),
        Row("p2", {"email": "kanarieberg", "firstname": "Bea"}),
        Row("p3", {"email": "cor@example.nl", "firstname": "Cor"}),
    ]
    results = hubspot.sync(SyncBatch("contacts", "upsert", rows))
    assert [(result.status, result.remote_id) for result in results] == [
        ("accepted", "500"),
        ("rejected", ""),
        ("accepted", "501"),
    ]
    assert [contact["properties"]["firstname"] for contact in portal.contacts.values()] == ["Anna", "Cor"]


def test_the_same_address_again_is_the_same_contact(portal: Portal, hubspot: Destination) -> None:
    for tier in ("Ede", "Breda"):
        row = Row("p1", {"email": "anna@example.nl", "city": tier})
        hubspot.sync(SyncBatch("contacts", "upsert", [row]))
    assert [contact["properties"]["city"] for contact in portal.contacts.values()] == ["Breda"]


def test_a_contact_that_is_there_is_changed_by_its_number_and_no_other_is_made(
    portal: Portal, hubspot: Destination
) -> None:
    portal.contacts["512"] = {"id": "512", "properties": {}}
    rows = [Row("512", {"city": "Ede"}), Row("999", {"city": "Ede"})]
    results = hubspot.sync(SyncBatch("contacts", "update", rows))
    assert [result.status for result in results] == ["accepted", "rejected"]
    assert portal.contacts == {"512": {"id": "512", "properties": {"city": "Ede"}}}


def test_an_erased_contact_is_gone_for_good(portal: Portal, hubspot: Destination) -> None:
    (made,) = hubspot.sync(SyncBatch("contacts", "upsert", [Row("p1", {"email": "anna@example.nl"})]))
    for _ in range(2):
        (gone,) = hubspot.sync(SyncBatch("contacts", "delete", [Row("p1", remote_id=made.remote_id)]))
        assert gone.status == "accepted"
    assert portal.contacts == {}


def test_a_contact_that_is_archived_lands_as_archived(portal: Portal, url: str, tmp_path: Path) -> None:
    moment = "2026-03-01T10:00:00.000Z"
    portal.contacts["7"] = {"id": "7", "properties": {"email": "a@example.nl"}, "updatedAt": moment, "archived": False}
    config = HubSpot.config_model(url=url, token=TOKEN, allow_private=True)
    landing = Landing(HubSpot(config, Place(CONNECTION, tmp_path)), tmp_path)
    assert landing.run().rows == {"contacts": 1}
    portal.contacts["7"] |= {"archived": True, "archivedAt": "2026-03-02T10:00:00.000Z"}
    assert landing.run().rows == {"archived_contacts": 1}
    assert [row["archived_at"] for row in landing.rows("archived_contacts")] == ["2026-03-02T10:00:00.000Z"]
    assert landing.run().loads == ()


def test_companies_and_deals_land_with_what_they_belong_to(portal: Portal, tmp_path: Path) -> None:
    moment = "2026-03-01T10:00:00.000Z"
    contacts = {"contacts": {"results": [{"id": "512", "type": "deal_to_contact"}]}}
    portal.others["companies"] = [
        {"id": str(number), "properties": {"name": "Kattenbak"}, "updatedAt": moment} for number in range(1, 4)
    ]
    portal.others["deals"] = [{"id": "7", "properties": {"amount": "9"}, "updatedAt": moment, "associations": contacts}]
    with served(portal) as api:
        config = HubSpot.config_model(url=api.url, token=TOKEN, allow_private=True, resources=["companies", "deals"])
        landing = Landing(HubSpot(config, Place(CONNECTION, tmp_path)), tmp_path)
        assert landing.run().rows == {"companies": 3, "deals": 1}
    (deal,) = landing.rows("deals")
    assert deal["associations_contacts_results"] == '[{"id":"512","type":"deal_to_contact"}]'
