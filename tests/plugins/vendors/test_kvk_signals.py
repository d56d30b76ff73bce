"""`kvk_signals` against a server that keeps to the Mutatieservice's documentation, and what `kvk` asks again (R5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub import pipeline
from hub.contracts import Place
from hub.project import Project, load_project
from hub.registry import Registry
from hub.testing.http_sources import HttpSourceSuite, HttpSourceWorld
from hub.testing.sources import CONNECTION, Landing, SourceWorld
from tests.plugins.destinations.conftest import write_certificate
from tests.plugins.sources.kvk_server import KEY, Company, KvkServer, kvk_server
from tests.serve.texting import asked

from .served import Answered, Asked, Served, served

SUBSCRIPTION = "3e96fad5-606e-43be-9bd5-4718f8afd273"
PARAMETERS = {"vanaf", "tot", "pagina", "aantal"}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
MARCH = datetime(2026, 3, 1, 12, tzinfo=UTC)
Signals: Any = Registry().get("kvk_signals")


class Register:
    """Signals of one subscription, at most two on a page."""

    def __init__(self) -> None:
        self.signals: dict[str, dict[str, Any]] = {}

    def __call__(self, asked: Asked) -> Answered:
        if asked.headers.get("apikey") != KEY:
            return refusal(401, "IPD0100", "De meegegeven API key is niet geldig.")
        if asked.path != f"/api/v1/abonnementen/{SUBSCRIPTION}":
            return refusal(404, "IPD0005", "Het abonnement bestaat niet.")
        query = asked.query
        if query.keys() - PARAMETERS or not 10 <= int(query.get("aantal", 100)) <= 500:
            return refusal(400, "IPD1999", "De parameter is niet geldig.")
        if any(not MOMENT.fullmatch(query[name]) for name in ("vanaf", "tot") if name in query):
            return refusal(400, "IPD1998", "Het tijdstip is niet geldig.")
        found = [one for one in self.signals.values() if one["timestamp"] >= query.get("vanaf", "")]
        number, pages = int(query.get("pagina", 1)), -(-len(found) // 2)
        part = found[2 * (number - 1) : 2 * number]
        told = {"pagina": number, "aantal": len(part), "totaal": len(found), "totaalPaginas": pages, "signalen": part}
        newest = max((one["timestamp"] for one in self.signals.values()), default="2026-01-01T00:00:00Z")
        date = format_datetime(datetime.fromisoformat(newest).replace(tzinfo=UTC), usegmt=True)
        return Answered(200, told, {"Date": date})

    def tell(self, id_: str, kvk: str, at: datetime, kind: str = "SignaalGewijzigdeInschrijving") -> None:
        moment = at.strftime("%Y-%m-%dT%H:%M:%S.86692Z")
        self.signals[id_] = {"id": id_, "timestamp": moment, "kvknummer": kvk, "signaalType": kind}


def refusal(status: int, code: str, message: str) -> Answered:
    return Answered(status, {"fout": [{"code": code, "omschrijving": message}]})


class RegisterWorld(HttpSourceWorld):
    plugin = Signals
    table = "signals"
    columns = ("id", "kind")
    secrets = (KEY, "l7xx-een-andere")

    def __init__(self, register: Register, url: str) -> None:
        self.register, self.url = register, url

    def config(self, key: str = KEY) -> Any:
        return Signals.config_model(url=f"{self.url}/api", key=key, subscription=SUBSCRIPTION, allow_private=True)

    def wrong_config(self) -> Any:
        return self.config("l7xx-een-andere")

    def write(self, records: Any) -> None:
        for record in records:
            at = datetime.fromisoformat(record["changed_at"])
            self.register.tell(str(record["id"]), "12345678", at, record["name"])

    def remove(self, id_: int) -> None:
        del self.register.signals[str(id_)]


@pytest.fixture
def register() -> Register:
    return Register()


@pytest.fixture
def api(register: Register) -> Iterator[Served]:
    with served(register) as running:
        yield running


class TestKvkSignals(HttpSourceSuite):
    @pytest.fixture
    def world(self, register: Register, api: Served) -> RegisterWorld:
        return RegisterWorld(register, api.url)

    def test_a_new_column_lands_with_its_records(self, world: SourceWorld, landing: Landing) -> None:
        """It lands only what the mapping reads."""

    test_what_changes_or_goes_while_a_list_is_read_hides_no_other_record = None  # type: ignore[assignment]  # none does


@pytest.mark.parametrize("query", [{"since": "2026"}, {"vanaf": "gisteren"}, {"aantal": "1000"}])
def test_the_server_refuses_what_the_documentation_does_not_know(register: Register, query: dict[str, str]) -> None:
    path = f"/api/v1/abonnementen/{SUBSCRIPTION}"
    assert register(Asked("GET", path, query, {"apikey": KEY}, b"")).status == 400


def test_a_register_that_its_own_authority_vouches_for_is_read(register: Register, tmp_path: Path) -> None:
    register.tell("s1", "12345678", MARCH)
    certificate = write_certificate(tmp_path / "root.pem", "127.0.0.1")
    (tmp_path / "other.pem").write_text("no certificate")
    with served(register, certificate) as api:

        def check(**settings: Any) -> Any:
            config = RegisterWorld(register, api.url).config().model_dump() | settings
            return Signals(Signals.config_model.model_validate(config), Place(CONNECTION, tmp_path)).check()

        assert check(authority="root.pem").ok
        assert "its certificate is not trusted" in check().message
        assert "other.pem is no file with a certificate" in check(authority="other.pem").message


# what the look-up asks again


@pytest.fixture
def companies() -> Iterator[KvkServer]:
    with kvk_server() as server:
        yield server


def town(folder: Path, engine: str, companies: KvkServer, api: Served, **limits: Any) -> Project:
    """Lay down a project with companies of a CRM, the register, and its signals."""
    hub = {
        "name": "Town",
        "engine": engine,
        "connections": {
            "crm": {"plugin": "files", "path": "./crm/*.csv"},
            "kvk": {
                "plugin": "kvk",
                "url": companies.url,
                "key": "${KVK_KEY}",
                "allow_private": True,
                "rate": "1000/s",
                "branches": False,
                "keep": "52 weeks",
                **limits,
            },
            "kvk_signals": {
                "plugin": "kvk_signals",
                "url": f"{api.url}/api",
                "key": "${KVK_KEY}",
                "subscription": SUBSCRIPTION,
                "allow_private": True,
            },
        },
    }
    (folder / "hub.yaml").write_text(yaml.safe_dump(hub), encoding="utf-8")
    (folder / ".env").write_text(f"HUB_KEY=5f0c3b7a9d1e4c6f8a2b\nKVK_KEY={KEY}\n", encoding="utf-8")
    (folder / "crm").mkdir()
    rows = "\n".join(f"{number},1234567{number},Winkel {number}" for number in range(5))
    (folder / "crm" / "companies.csv").write_text(f"id,kvk,name\n{rows}\n", encoding="utf-8")
    (folder / "mappings").mkdir()
    (folder / "mappings" / "crm.yaml").write_text(
        "connection: crm\norganisation:\n  from: companies\n  key: id\n  columns: {name: name, kvk: kvk(kvk)}\n"
    )
    for number in range(5):
        companies.add(Company(f"1234567{number}", f"Winkel {number} B.V."))
    return load_project(folder)


def found(project: Project, as_of: datetime) -> int:
    """Run, and say how many companies were asked about."""
    report = pipeline.run(project, as_of, ["land", "map", "look_up"])
    assert report.ok, report.failures
    (asked_,) = [one for one in report.reports if one.stage == "look_up" and one.subject == "kvk"]
    return asked_.counts.get("found", 0)


@pytest.mark.parametrize("engine", ["duckdb", "postgresql"], indirect=True)
def test_only_companies_that_changed_are_asked_about_again(
    tmp_path: Path, engine: str, companies: KvkServer, api: Served, register: Register
) -> None:
    project = town(tmp_path, engine, companies, api)
    register.tell("old", "12345671", MARCH - timedelta(days=1))
    assert found(project, MARCH) == 5
    assert found(project, MARCH + timedelta(days=40)) == 0, "nothing is asked about by the clock"
    register.tell("new", "12345672", MARCH + timedelta(days=1))
    register.tell("stranger", "99999999", MARCH + timedelta(days=1))
    companies.add(Company("12345672", "Winkel 2 Nieuw B.V."))
    assert found(project, MARCH + timedelta(days=2)) == 1
    names = "SELECT name FROM organisation_profile WHERE kvk = '12345672' AND status = 'found' ORDER BY looked_up_at"
    assert asked(project, names) == [("Winkel 2 B.V.",), ("Winkel 2 Nieuw B.V.",)]
    assert found(project, MARCH + timedelta(days=3)) == 0, "a signal is answered once"


def test_after_a_limit_the_next_run_goes_on_with_what_changed(
    tmp_path: Path, companies: KvkServer, api: Served, register: Register
) -> None:
    project = town(tmp_path, "duckdb", companies, api, per_run=6, per_month=9)
    assert [found(project, MARCH + timedelta(hours=hour)) for hour in range(3)] == [3, 2, 0]
    for number in range(5):
        register.tell(f"s{number}", f"1234567{number}", MARCH + timedelta(days=1, minutes=number))
    counts = [found(project, MARCH + timedelta(days=2, hours=hour)) for hour in range(3)]
    assert counts == [2, 1, 0], "a question may take two requests, and nine of the month are asked at most"
    assert found(project, MARCH + timedelta(days=31)) == 2, "those of whom the signal is older come in the next month"
    assert found(project, MARCH + timedelta(days=32)) == 0
