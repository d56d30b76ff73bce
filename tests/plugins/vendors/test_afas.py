"""`afas` against a server that keeps to the documentation of Profit's REST services: GetConnectors and KnPerson."""

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

TOKEN = "PHRva2VuPjx2ZXJzaW9uPjE8L3ZlcnNpb24+PGRhdGE+S0FUVEVOTFVJSzwvZGF0YT48L3Rva2VuPg=="
REST = "/ProfitRestServices/connectors"
PARAMETERS = {"skip", "take", "filterfieldids", "filtervalues", "operatortypes", "orderbyfieldids"}
NOT_BEFORE = "2"
"""The operator type of `>=`."""
KEYS = {"Hub_Persons": "PersonId", "Hub_Organisations": "OrganisationId", "Hub_Invoices": "InvoiceId"}
FIELDS = {"MatchPer", "BcCo", "EmA2", "email", "score", "city"}
Afas: Any = Registry().get("afas")


class Profit:
    """Rows of GetConnectors, never more than two at once, and persons that an UpdateConnector changes."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in KEYS}
        self.persons: dict[str, dict[str, Any]] = {}
        self.failures: list[Answered] = []

    def __call__(self, asked: Asked) -> Answered:
        if asked.headers.get("authorization") != f"AfasToken {TOKEN}":
            return Answered(401, b"")
        name = asked.path.removeprefix(f"{REST}/")
        if asked.method == "GET" and name in KEYS:
            return self.listed(name, asked.query)
        if asked.method == "PUT" and name == "KnPerson":
            return self.updated(asked.json["KnPerson"]["Element"]["Fields"])
        return Answered(404, {"externalMessage": "Connector niet gevonden"})

    def listed(self, name: str, query: dict[str, str]) -> Answered:
        rows = [{KEYS[name]: key, **row} for key, row in self.rows[name].items()]
        if query.keys() - PARAMETERS or query.get("operatortypes") != NOT_BEFORE:
            return Answered(400, {"externalMessage": "Onbekende parameter"})
        if query["orderbyfieldids"] != "ModifiedAt" or query["filterfieldids"] != "ModifiedAt":
            return Answered(400, {"externalMessage": "Onbekend veld"})
        rows = [row for row in rows if row["ModifiedAt"] >= query["filtervalues"]]
        found = sorted(rows, key=lambda row: (row["ModifiedAt"], int(row[KEYS[name]])))
        start, take = int(query.get("skip", 0)), min(int(query["take"]), 2)
        return Answered(200, {"skip": start, "take": take, "rows": found[start : start + take]})

    def updated(self, fields: dict[str, Any]) -> Answered:
        if self.failures:
            return self.failures.pop(0)
        if unknown := fields.keys() - FIELDS:
            return refused(f"Onbekend veld: {min(unknown)}")
        if fields["MatchPer"] != "0" or fields["BcCo"] not in self.persons:
            return refused("De persoon bestaat niet")
        self.persons[fields["BcCo"]].update(fields)
        return Answered(200, b"")


def refused(why: str) -> Answered:
    """What Profit answers to a request that it could read and does not carry out."""
    reference = "210EC951277641BB947A3E6D29D71969"
    return Answered(500, {"externalMessage": why, "errorNumber": -2147180996, "profitLogReference": reference})


class ProfitWorld(HttpSourceWorld):
    plugin = Afas
    table = "persons"
    columns = ("person_id", "first_name")
    secrets = (TOKEN, "dG9rZW4td3Ixbmc=")

    def __init__(self, profit: Profit, url: str) -> None:
        self.profit, self.url = profit, url

    def config(self, token: str = TOKEN) -> Any:
        return config_at(self.url, token=token)

    def wrong_config(self) -> Any:
        return self.config("dG9rZW4td3Ixbmc=")

    def write(self, records: Any) -> None:
        for record in records:
            moment = record["changed_at"].replace(" ", "T") + "Z"
            known = {"FirstName": record["name"], "ModifiedAt": moment, "nickname": record.get("nickname")}
            self.profit.rows["Hub_Persons"][str(record["id"])] = known

    def remove(self, id_: int) -> None:
        del self.profit.rows["Hub_Persons"][str(id_)]


def config_at(url: str, **changes: Any) -> Any:
    said = {"url": f"{url}/ProfitRestServices", "token": TOKEN, "allow_private": True, "resources": ["persons"]}
    return Afas.config_model(**{**said, **changes})


@pytest.fixture
def profit() -> Profit:
    return Profit()


@pytest.fixture
def url(profit: Profit) -> Iterator[str]:
    with served(profit) as api:
        yield api.url


class TestAfasPersons(HttpSourceSuite):
    @pytest.fixture
    def world(self, profit: Profit, url: str) -> ProfitWorld:
        return ProfitWorld(profit, url)


class TestAfasWrites(HttpDestinationSuite):
    plugin = Afas
    target = "persons"

    @pytest.fixture
    def config(self, profit: Profit, url: str) -> Mapping[str, Any]:
        profit.persons = {f"row-{number:04d}": {} for number in range(1, 300)}
        return {"url": f"{url}/ProfitRestServices", "token": TOKEN, "allow_private": True}


def test_the_server_refuses_what_the_documentation_does_not_know(profit: Profit) -> None:
    headers = {"authorization": f"AfasToken {TOKEN}"}
    assert profit(Asked("GET", f"{REST}/Hub_Persons", {"page": "1"}, headers, b"")).status == 400


def test_every_list_is_asked_for_by_its_own_connector(profit: Profit, url: str, tmp_path: Path) -> None:
    for name in KEYS:
        profit.rows[name] = {"1": {"ModifiedAt": "2026-03-01T10:00:00Z"}}
    plugin = Afas(config_at(url, resources=None), Place(CONNECTION, tmp_path))
    assert Landing(plugin, tmp_path).run().rows == {"persons": 1, "organisations": 1, "invoices": 1}


def test_one_person_that_is_refused_does_not_stop_the_others(profit: Profit, url: str, tmp_path: Path) -> None:
    profit.persons = {"100012": {}}
    afas: Destination = Afas(config_at(url), Place(CONNECTION, tmp_path))
    rows = [Row("999", {"EmA2": "a@example.nl"}), Row("100012", {"EmA2": "anna@example.nl"})]
    results = afas.sync(SyncBatch("persons", "update", rows))
    assert [result.status for result in results] == ["rejected", "accepted"]
    assert "De persoon bestaat niet" in results[0].reason
    assert profit.persons["100012"]["EmA2"] == "anna@example.nl"


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (refused("Vul een geldig e-mailadres in: anna@example"), "rejected", "HTTP 500: Vul een geldig e-mailadres in"),
        (refused("Er is een onverwachte fout opgetreden."), "later", "HTTP 500: Er is een onverwachte fout"),
        (Answered(500, b"<html>Internal Server Error</html>"), "unknown", "HTTP 500"),
        (Answered(502, {"message": "Bad gateway"}), "unknown", "HTTP 502"),
        (Answered(503, {"externalMessage": "De omgeving is in onderhoud"}), "later", "HTTP 503"),
    ],
)
def test_a_refusal_by_500_is_told_from_a_failure(
    profit: Profit, url: str, tmp_path: Path, answer: Answered, status: str, reason: str
) -> None:
    profit.persons, profit.failures = {"100012": {}}, [answer]
    afas: Destination = Afas(config_at(url), Place(CONNECTION, tmp_path))
    (result,) = afas.sync(SyncBatch("persons", "update", [Row("100012", {"EmA2": "anna@example.nl"})]))
    assert result.status == status
    assert reason in result.reason
    assert "anna" not in result.reason
