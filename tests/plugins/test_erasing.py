"""Every plugin that erases keeps to the suite; and each vendor is asked as its documentation says (R40)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.contracts import Erasable, Place, Plugin
from hub.registry import Registry
from hub.testing import ErasureSuite, ErasureWorld
from hub.testing.destinations import closed_port, sample_message
from hub.testing.erasing import CANARY
from plugins.destinations.print import Print
from plugins.sources.odoo import Odoo
from plugins.sources.odoo.config import OdooConfig
from plugins.sources.rest import Rest
from plugins.sources.sql import Sql
from tests.plugins.sources.odoo_server import KEY, OdooServer, odoo_server
from tests.plugins.vendors.served import Answered, Asked, Served, served


def made(plugin: type[Plugin], root: Path, **config: Any) -> Plugin:
    return plugin(plugin.config_model.model_validate(config), Place("sample", root))


class Api(ErasureWorld):
    """Contacts behind a JSON API, by number or by address."""

    def __init__(self) -> None:
        self.contacts: dict[str, str] = {}
        self.url = ""

    def __call__(self, asked: Asked) -> Answered:
        if asked.method == "DELETE":
            name = asked.path.rpartition("/")[2]
            found = next((key for key, email in self.contacts.items() if name in (key, email)), None)
            return Answered(204, b"") if found and self.contacts.pop(found) else Answered(404, {})
        return Answered(400, {})

    def plugin(self, reachable: bool = True) -> Plugin:
        url = self.url if reachable else f"http://127.0.0.1:{closed_port()}"
        gone = {"method": "DELETE", "accepted": [404]}
        erase = [{"path": "contacts/{id}", **gone}, {"path": "contacts/{email}", **gone}]
        return made(
            Rest, Path(), url=url, allow_private=True, resources={"contacts": {"path": "contacts"}}, erase=erase
        )

    def people(self, number: int) -> Sequence[Erasable]:
        found = []
        for place in range(1, number + 1):
            email = f"{CANARY}{place}@example.nl"
            self.contacts[str(place)] = email
            found.append(Erasable(str(place), str(place)) if place % 2 else Erasable(str(place), "", email))
        return found

    def standing(self) -> set[str]:
        return set(self.contacts)


class TestRestErases(ErasureSuite):
    @pytest.fixture
    def world(self) -> Iterator[ErasureWorld]:
        world = Api()
        with served(world) as api:
            world.url = api.url
            yield world


class Shop(ErasureWorld):
    """Customers who are deleted, orders that stay without an address, and a list that is known by address only."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = sa.create_engine(url, poolclass=sa.NullPool)
        with self.engine.begin() as database:
            database.execute(sa.text("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, email TEXT)"))
            database.execute(sa.text("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER, email TEXT)"))
            database.execute(sa.text("CREATE TABLE readers (address TEXT)"))

    def plugin(self, reachable: bool = True) -> Plugin:
        url = self.url if reachable else f"postgresql+psycopg://x:y@127.0.0.1:{closed_port()}/shop"
        erase = {
            "orders": {"key": "customer", "set": {"email": None}},
            "readers": {"email": "address"},
            "customers": {"key": "id"},
        }
        return made(Sql, Path(), url=url, tables=["customers"], erase=erase)

    def people(self, number: int) -> Sequence[Erasable]:
        with self.engine.begin() as database:
            for place in range(1, number + 1):
                values = {"id": place, "name": CANARY, "email": f"{CANARY}{place}@example.nl"}
                database.execute(sa.text("INSERT INTO customers VALUES (:id, :name, :email)"), values)
                database.execute(sa.text("INSERT INTO orders VALUES (:id, :id, :email)"), values)
                database.execute(sa.text("INSERT INTO readers VALUES (upper(:email))"), values)
        return [Erasable(str(place), str(place), f"{CANARY}{place}@example.nl") for place in range(1, number + 1)]

    def standing(self) -> set[str]:
        with self.engine.begin() as database:
            found = {str(row[0]) for row in database.execute(sa.text("SELECT id FROM customers"))}
            named = {
                str(row[0]) for row in database.execute(sa.text("SELECT customer FROM orders WHERE email IS NOT NULL"))
            }
            assert database.execute(sa.text("SELECT count(*) FROM readers")).scalar() == len(found)
        assert named == found
        return found


class TestSqlErases(ErasureSuite):
    @pytest.fixture(params=["sqlite", "postgresql"])
    def world(self, request: pytest.FixtureRequest, tmp_path: Path) -> ErasureWorld:
        if request.param == "sqlite":
            return Shop(f"sqlite:///{tmp_path / 'shop.db'}")
        address = sa.make_url(request.getfixturevalue("postgres_url")).set(drivername="postgresql+psycopg")
        return Shop(address.render_as_string(hide_password=False))


class Crm(ErasureWorld):
    """Contacts of an Odoo, one of them with a lead, which Odoo does not let go."""

    def __init__(self, server: OdooServer) -> None:
        self.server = server

    def plugin(self, reachable: bool = True) -> Plugin:
        url = self.server.url if reachable else f"http://127.0.0.1:{closed_port()}"
        return Odoo(OdooConfig.model_validate({"url": url, "key": KEY, "allow_private": True}), Place("crm", Path()))

    def people(self, number: int) -> Sequence[Erasable]:
        found = []
        for place in range(number):
            values = {"name": CANARY, "email": f"{CANARY}{place}@example.nl"}
            contact = self.server.add("res.partner", values)
            if place == 0:
                self.server.add("crm.lead", {"name": "a quote", "partner_id": contact})
            found.append(Erasable(str(contact), str(contact), values["email"]))
        return found

    def standing(self) -> set[str]:
        return {str(number) for number, one in self.server.records["res.partner"].items() if CANARY in str(one)}


class TestOdooErases(ErasureSuite):
    @pytest.fixture
    def world(self) -> Iterator[ErasureWorld]:
        with odoo_server() as server:
            yield Crm(server)


def test_odoo_lets_go_of_leads_and_keeps_its_blacklist() -> None:
    with odoo_server() as server:
        lead = server.add("crm.lead", {"name": CANARY})
        results = (
            Crm(server)
            .plugin()
            .erase(
                [
                    Erasable("lead", f"lead:{lead}"),
                    Erasable("black", "blacklist:1"),
                    Erasable("lead again", f"lead:{lead}"),
                ]
            )
        )
        assert [result.status for result in results] == ["accepted", "rejected", "accepted"]
        assert "blacklist" in results[1].reason
        assert not server.records["crm.lead"]


class Drop(ErasureWorld):
    """Letters that the printer has not fetched yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def plugin(self, reachable: bool = True) -> Plugin:
        if reachable:
            return made(Print, self.folder, folder="letters")
        address = f"sftp://hub@127.0.0.1:{closed_port()}/letters"
        return made(Print, self.folder, folder=address, password="geheim-genoeg", timeout=2.0)

    def people(self, number: int) -> Sequence[Erasable]:
        letters = [sample_message("letter", place) for place in range(1, number + 1)]
        plugin = self.plugin()
        assert isinstance(plugin, Print)
        return [Erasable(result.id, result.remote_id) for result in plugin.send(letters)]

    def standing(self) -> set[str]:
        found = {path.stem for path in (self.folder / "letters").glob("*.pdf")}
        announced = "".join(path.read_text() for path in (self.folder / "letters").glob("*.csv"))
        assert {id_ for id_ in found if id_ in announced} == found
        assert announced.lower().count(CANARY) == len(found)
        return found


class TestPrintErases(ErasureSuite):
    @pytest.fixture
    def world(self, tmp_path: Path) -> ErasureWorld:
        return Drop(tmp_path)

    def test_a_record_of_which_nothing_is_known_sinks_no_other(self, world: ErasureWorld) -> None:
        """A letter that is not there was taken by the printer, or never was."""
        results = world.plugin().erase([Erasable("nothing known"), *world.people(1)])
        assert [result.status for result in results] == ["accepted", "accepted"]


VENDORS: dict[str, tuple[dict[str, Any], str, list[tuple[str, str, dict[str, str], Any]]]] = {
    "brevo": (
        {"key": "k"},
        "accepted",
        [
            ("DELETE", "/contacts/12", {"identifierType": "contact_id"}, None),
            ("DELETE", "/contacts/anna@example.nl", {"identifierType": "email_id"}, None),
        ],
    ),
    "hubspot": (
        {"token": "t"},
        "accepted",
        [
            ("POST", "/crm/v3/objects/contacts/gdpr-delete", {}, {"objectId": "12"}),
            (
                "POST",
                "/crm/v3/objects/contacts/gdpr-delete",
                {},
                {"objectId": "anna@example.nl", "idProperty": "email"},
            ),
        ],
    ),
    "mailchimp": (
        {"key": "k", "audience": "a1"},
        "accepted",
        [
            ("POST", "/lists/a1/members/12/actions/delete-permanent", {}, None),
            ("POST", "/lists/a1/members/anna@example.nl/actions/delete-permanent", {}, None),
        ],
    ),
    "klaviyo": (
        {"key": "k"},
        "unknown",
        [
            ("POST", "/data-privacy-deletion-jobs", {}, {"profile": {"data": {"type": "profile", "id": "12"}}}),
            (
                "POST",
                "/data-privacy-deletion-jobs",
                {},
                {"profile": {"data": {"type": "profile", "attributes": {"email": "anna@example.nl"}}}},
            ),
        ],
    ),
}


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_is_asked_as_it_documents(vendor: str) -> None:
    settings, taken, expected = VENDORS[vendor]
    with served(lambda _: Answered(202 if vendor == "klaviyo" else 204, b"")) as api:
        plugin = made(Registry().get(vendor), Path(), url=api.url, allow_private=True, **settings)
        assert plugin.can_erase
        results = plugin.erase(
            [Erasable("12", "12", "anna@example.nl"), Erasable("x", "", "anna@example.nl"), Erasable("y")]
        )
    assert [result.status for result in results] == [taken, taken, "rejected"]
    assert results[2].reason == "the hub does not know its email or id"
    assert [_said(asked, vendor) for asked in api.asked] == expected


def _said(asked: Asked, vendor: str) -> tuple[str, str, dict[str, str], Any]:
    body = asked.json if asked.body else None
    if vendor == "klaviyo":
        assert body["data"]["type"] == "data-privacy-deletion-job"
        body = body["data"]["attributes"]
    return asked.method, asked.path, asked.query, body


def test_a_vendor_that_refuses_is_told_with_its_reason() -> None:
    with served(lambda _: Answered(403, {"message": "anna@example.nl may not be erased"})) as api:
        assert isinstance(api, Served)
        plugin = made(Registry().get("hubspot"), Path(), url=api.url, allow_private=True, token="t")
        (result,) = plugin.erase([Erasable("12", "12", "anna@example.nl")])
    assert result.status in ("rejected", "later")
    assert "anna" not in result.reason
