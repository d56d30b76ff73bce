"""The plugin `odoo` against a server that enforces the contract of Odoo's JSON-2 API."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hub import patience
from hub.contracts import Place, Row, SyncBatch
from hub.errors import ConfigurationError, HubError, TemporaryError
from hub.testing import HttpDestinationSuite, HttpSourceSuite, HttpSourceWorld
from hub.testing.between import answering, at, hanging_up, passing, standing_between
from hub.testing.sources import Landing
from plugins.sources.odoo import Odoo
from plugins.sources.odoo.config import OdooConfig
from tests.plugins.sources.default_mappings import differences
from tests.plugins.sources.odoo_server import KEY, OdooServer, odoo_server


@pytest.fixture
def server():
    with odoo_server() as odoo:
        yield odoo


def config(server: OdooServer, **given: Any) -> OdooConfig:
    return OdooConfig.model_validate({"url": server.url, "key": KEY, "allow_private": True, **given})


def odoo(server: OdooServer, **given: Any) -> Odoo:
    return Odoo(config(server, **given), Place("crm", Path("/nowhere")))


@pytest.fixture
def landing(server, tmp_path):
    return Landing(odoo(server, resources=["contacts"], page_size=2), tmp_path)


def person(server: OdooServer, name: str, **values: Any) -> int:
    return server.add("res.partner", {"name": name, "email": f"{name.lower()}@example.nl", **values})


class OdooWorld(HttpSourceWorld):
    plugin = Odoo
    table = "contacts"
    secrets = (KEY, "wr0ng-sleutel")

    def __init__(self, server: OdooServer) -> None:
        self.server, self.url = server, server.url

    def config(self, **given: Any) -> OdooConfig:
        return config(self.server, url=self.url, fields={"contacts": ["nickname"]}, **given)

    def wrong_config(self) -> OdooConfig:
        return self.config(key="wr0ng-sleutel")

    def write(self, records) -> None:
        for record in records:
            values = {name: value for name, value in record.items() if name != "changed_at"}
            if "nickname" in values:
                self.server.models["res.partner"]["nickname"] = {"type": "char"}
                for there in self.server.records["res.partner"].values():
                    there.setdefault("nickname", False)
            self.server.add("res.partner", {**values, "write_date": record["changed_at"]})
            self.server.clock = max(self.server.clock, datetime.fromisoformat(record["changed_at"]).replace(tzinfo=UTC))

    def remove(self, id_: int) -> None:
        del self.server.records["res.partner"][id_]


class TestOdooConformsAsASource(HttpSourceSuite):
    @pytest.fixture
    def world(self, server):
        server.clock = datetime(2026, 1, 1, tzinfo=UTC)
        return OdooWorld(server)


class TestOdooConformsAsADestination(HttpDestinationSuite):
    plugin = Odoo
    writes_at = "/(create|web_save_multi)$"

    @pytest.fixture
    def config(self, server):
        return {"url": server.url, "key": KEY, "allow_private": True, "match": "ref"}


def test_the_cases_of_the_default_mapping_hold(tmp_path: Path) -> None:
    assert differences(Odoo, tmp_path) == (13, [])


class TestReading:
    def test_pages_follow_each_other_whatever_changes_meanwhile(self, server, landing) -> None:
        for name in ("Anna", "Bram", "Cato", "Dirk", "Els"):
            person(server, name)
        pages: list[int] = []

        def meanwhile(model: str, method: str, arguments: dict[str, Any]) -> None:
            if method == "web_search_read":
                pages.append(len(pages))
                if len(pages) == 2:  # the first record changes and the second is deleted while the others are read
                    server.passes(seconds=1)
                    server.add("res.partner", {"id": 1, "name": "Anna Maria"})
                    del server.records["res.partner"][2]

        server.before = meanwhile
        landing.run()
        assert landing.names("contacts") == [("1", "Anna"), ("2", "Bram"), ("3", "Cato"), ("4", "Dirk"), ("5", "Els")]
        assert len(pages) == 3
        landing.run()
        assert landing.names("contacts").count(("1", "Anna Maria")) == 1
        assert len(landing.names("contacts")) == 6

    def test_a_slow_transaction_that_shows_later_with_an_older_time_is_not_lost(self, server, landing) -> None:
        person(server, "Anna")
        landing.run()
        started = server.now()
        server.passes(minutes=5)
        person(server, "Bram")
        landing.run()
        person(server, "Cato", write_date=started)
        assert landing.run().rows == {"contacts": 1}
        assert landing.run().loads == ()

    def test_what_is_older_than_the_overlap_and_the_last_record_is_not_read_again(self, server, landing) -> None:
        person(server, "Anna")
        server.passes(minutes=50)
        person(server, "Bram")
        server.passes(minutes=10)
        landing.run()
        server.asked.clear()
        assert landing.run().loads == ()
        asked = [arguments for _, method, arguments in server.asked if method == "web_search_read"]
        assert [["write_date", ">=", "2026-03-01 09:50:00"] in each["domain"] for each in asked] == [True]

    def test_a_run_that_is_killed_at_any_page_loses_and_doubles_nothing(self, server, landing) -> None:
        for name in ("Anna", "Bram", "Cato", "Dirk", "Els"):
            person(server, name)
        for page in (1, 2, 3):
            answered: list[int] = []

            def fail(model: str, method: str, arguments: dict[str, Any], page=page, answered=answered) -> Any:
                if method != "web_search_read":
                    return None
                answered.append(1)
                return (200, {}, b"<html>maintenance</html>") if len(answered) >= page else None

            server.before = fail
            with pytest.raises(HubError, match="no JSON"):
                landing.run()
        server.before = lambda *_: None
        assert landing.run().rows == {"contacts": 5}
        assert landing.run().loads == ()

    def test_archived_records_land_too(self, server, landing) -> None:
        person(server, "Anna", active=False)
        landing.run()
        assert [row["active"] for row in landing.rows("contacts")] == [False]

    def test_values_have_the_types_that_odoo_declares(self, server, tmp_path) -> None:
        boss = person(server, "Boss", is_company=True)
        tag = server.add("res.partner.category", {"name": "Goud"})
        person(server, "Anna", parent_id=boss, country_id=1, category_id=[tag], x_pets="2", birthday="1980-02-29")
        more = {"contacts": ["x_pets", "birthday", "country_id", "no_such_field"]}
        landing = Landing(odoo(server, resources=["contacts"], fields=more), tmp_path)
        landing.run()
        row = landing.rows("contacts")[1]
        assert row["write_date"] == datetime(2026, 3, 1, 9, tzinfo=UTC)
        assert (row["parent_id"], row["parent_id_name"], row["parent_id_is_company"]) == (boss, "Boss", True)
        assert (row["country_id"], row["country_id_code"]) == (1, "NL")
        assert row["category_id_name"] == '["Goud"]'
        assert (row["x_pets"], row["birthday"], row["city"]) == ("2", date(1980, 2, 29), None)
        assert row["no_such_field"] is None

    def test_a_note_about_a_lead_is_about_the_contact_of_the_lead(self, server, tmp_path) -> None:
        anna = person(server, "Anna")
        lead = server.add("crm.lead", {"name": "Offerte", "partner_id": anna})
        for model, number in (("crm.lead", lead), ("res.partner", anna)):
            server.add("mail.message", {"model": model, "res_id": number, "message_type": "comment"})
        landing = Landing(odoo(server, resources=["notes"]), tmp_path)
        landing.run()
        assert [row["about_partner_id"] for row in landing.rows("notes")] == [anna, anna]

    def test_a_subscription_that_odoo_does_not_stamp_comes_with_its_contact(self, server, tmp_path) -> None:
        landing = Landing(odoo(server, resources=["subscriptions"]), tmp_path)
        landing.run()
        server.passes(hours=1)
        contact = server.add("mailing.contact", {"email": "anna@example.nl"})
        server.add("mailing.subscription", {"contact_id": contact, "write_date": False, "create_date": False})
        assert landing.run().rows == {"subscriptions": 1}
        assert landing.run().loads == ()

    def test_a_resource_whose_app_is_not_installed_is_left_out_and_told(self, server, tmp_path) -> None:
        person(server, "Anna")
        landing = Landing(odoo(server), tmp_path)
        assert landing.run().rows == {"contacts": 1}
        message = landing.plugin.check().message
        assert "Odoo 19.0: contacts, leads, notes" in message
        assert "surveys (install the app Surveys in Odoo)" in message

    def test_a_resource_that_the_user_may_not_see_is_left_out_and_told(self, server, tmp_path) -> None:
        person(server, "Anna")
        server.forbidden.add("crm.lead")
        landing = Landing(odoo(server), tmp_path)
        assert landing.run().rows == {"contacts": 1}
        assert "leads (the user of the key may not read crm.lead" in landing.plugin.check().message

    def test_a_resource_that_is_asked_for_must_be_there(self, server, tmp_path) -> None:
        landing = Landing(odoo(server, resources=["contacts", "orders"]), tmp_path)
        with pytest.raises(ConfigurationError, match=r"orders \(install the app Sales in Odoo\).*out of `resources`"):
            landing.run()
        assert not landing.plugin.check().ok

    def test_an_unknown_resource_is_suggested(self, server) -> None:
        with pytest.raises(ValidationError, match=r"there is no 'contact'\. Did you mean 'contacts'"):
            config(server, resources=["contact"])

    def test_a_wrong_key_is_told_in_words(self, server, tmp_path) -> None:
        landing = Landing(odoo(server, key="oud"), tmp_path)
        with pytest.raises(ConfigurationError, match=r"Odoo refuses the key.*make a new one"):
            landing.run()

    def test_a_page_of_another_server_is_told(self, server) -> None:
        server.before = lambda *_: (404, {}, b"<html>Not Found</html>")
        assert "there is no JSON-2 API here" in odoo(server).check().message or (
            "does not look like Odoo" in odoo(server).check().message
        )

    def test_an_odoo_that_is_busy_is_asked_again_after_as_long_as_it_says(self, server, landing) -> None:
        person(server, "Anna")
        busy = [(429, {"Retry-After": "0"}, b"Too Many Requests")] * 2
        server.before = lambda model, method, _: busy.pop() if method == "web_search_read" and busy else None
        assert landing.run().rows == {"contacts": 1}
        assert busy == []

    def test_an_odoo_that_stays_busy_makes_the_run_wait(self, server, tmp_path) -> None:
        landing = Landing(odoo(server, resources=["contacts"]), tmp_path)
        server.before = lambda *_: (429, {"Retry-After": "0"}, b"")
        with pytest.raises(TemporaryError, match="no time now"):
            landing.run()


class TestWriting:
    def send(self, server: OdooServer, *rows: Row, target: str = "Goud", operation: Any = "upsert", **given: Any):
        return odoo(server, **given).sync(SyncBatch(target, operation, rows))

    def tags(self, server: OdooServer, number: int) -> set[str]:
        names = server.records["res.partner.category"]
        return {names[tag]["name"] for tag in server.records["res.partner"][number]["category_id"]}

    def test_an_audience_is_a_tag(self, server) -> None:
        anna, bram = person(server, "Anna"), person(server, "Bram", category_id=[])
        results = self.send(server, Row("anna@example.nl"), Row(" BRAM@example.nl"))
        assert [(result.status, result.remote_id) for result in results] == [
            ("accepted", str(anna)),
            ("accepted", str(bram)),
        ]
        assert self.tags(server, anna) == self.tags(server, bram) == {"Goud"}
        self.send(server, Row("anna@example.nl"), operation="remove")
        assert self.tags(server, anna) == set()
        assert "Anna" in [record["name"] for record in server.records["res.partner"].values()]

    def test_what_stands_there_already_is_not_written(self, server) -> None:
        anna = person(server, "Anna", city="Urk", score=5)
        row = Row("anna@example.nl", {"city": "Urk", "score": 5, "phone": None})
        self.send(server, row)
        stamp = server.records["res.partner"][anna]["write_date"]
        server.passes(hours=1)
        assert [result.status for result in self.send(server, row)] == ["accepted"]
        assert server.records["res.partner"][anna]["write_date"] == stamp

    def test_fields_take_values_of_their_type(self, server) -> None:
        anna = person(server, "Anna")
        values = {"city": "Urk", "score": Decimal(7), "credit_limit": Decimal("12.5"), "birthday": date(1980, 2, 29)}
        (result,) = self.send(server, Row("anna@example.nl", {**values, "country": "NL"}), target="contacts")
        assert result.status == "accepted"
        record = server.records["res.partner"][anna]
        assert [record[name] for name in values] == ["Urk", 7, 12.5, "1980-02-29"]
        assert (record["country_id"], record["category_id"]) == (1, [])

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"citi": "Urk"}, "a contact has no field 'citi' in Odoo. Did you mean 'city'?"),
            ({"score": "veel"}, "the field 'score' of Odoo (integer) can't hold this value"),
            ({"create_date": "2026-01-01"}, "Odoo computes the field 'create_date': it can't be written"),
            ({"country": "XX"}, "Odoo knows no country with this code"),
        ],
    )
    def test_a_field_that_odoo_cannot_take_is_named(self, server, fields, reason) -> None:
        person(server, "Anna")
        person(server, "Bram")
        results = self.send(server, Row("anna@example.nl", fields), Row("bram@example.nl"))
        assert [(result.status, result.reason) for result in results] == [("rejected", reason), ("accepted", "")]

    def test_one_row_that_odoo_refuses_does_not_sink_the_others(self, server) -> None:
        rows = [Row("anna@example.nl", {"name": "Anna"}), Row("leeg@example.nl", {"name": None}), Row("els@example.nl")]
        results = self.send(server, *rows)
        assert [result.status for result in results] == ["accepted", "rejected", "accepted"]
        assert results[1].reason == "Contacts require a name"
        assert [record["name"] for record in server.records["res.partner"].values()] == ["Anna", "els@example.nl"]

    def test_writing_twice_makes_one_contact(self, server) -> None:
        for _ in range(2):
            self.send(server, Row("anna@example.nl", {"name": "Anna", "city": "Urk"}))
        assert len(server.records["res.partner"]) == 1

    def test_add_leaves_a_contact_as_it_is_and_update_wants_one(self, server) -> None:
        anna = person(server, "Anna", city="Urk")
        self.send(server, Row("anna@example.nl", {"city": "Edam"}), operation="add")
        assert (server.records["res.partner"][anna]["city"], self.tags(server, anna)) == ("Urk", {"Goud"})
        results = self.send(server, Row("anna@example.nl", {"city": "Edam"}), Row("els@example.nl"), operation="update")
        assert [result.reason for result in results] == ["", "Odoo has no such contact"]
        assert server.records["res.partner"][anna]["city"] == "Edam"

    def test_the_contact_is_found_by_its_number_or_a_field_of_your_own(self, server) -> None:
        anna = person(server, "Anna", ref="K-7")
        found = [
            self.send(server, Row(f"crm:{anna}"), Row("99"), Row("lead:7")),
            self.send(server, Row("K-7"), match="ref"),
        ]
        assert [[result.status for result in results] for results in found] == [
            ["accepted", "rejected", "rejected"],
            ["accepted"],
        ]
        assert {result.reason for result in found[0][1:]} == {"Odoo has no such contact"}

    def test_a_contact_keeps_its_row_when_its_address_changes(self, server) -> None:
        anna = person(server, "Anna")
        (result,) = self.send(server, Row("nieuw@example.nl", {"city": "Urk"}, remote_id=str(anna)))
        assert (result.remote_id, len(server.records["res.partner"])) == (str(anna), 1)

    def test_of_several_contacts_the_oldest_person_that_is_not_archived_is_meant(self, server) -> None:
        shared = {"email": "info@example.nl"}
        person(server, "Oud", **shared, active=False)
        person(server, "Bedrijf", **shared, is_company=True)
        anna = person(server, "Anna", **shared)
        person(server, "Bram", **shared)
        (result,) = self.send(server, Row("info@example.nl"))
        assert result.remote_id == str(anna)

    def test_a_record_that_changed_since_it_was_read_is_not_overwritten(self, server) -> None:
        anna = person(server, "Anna", city="Urk")
        read_at = server.clock
        server.passes(minutes=3)
        server.add("res.partner", {**server.records["res.partner"][anna], "city": "Hoorn", "write_date": server.now()})
        row = Row("anna@example.nl", {"city": "Edam", "write_date": read_at})
        (result,) = self.send(server, row, target="contacts")
        assert (result.status, server.records["res.partner"][anna]["city"]) == ("later", "Hoorn")
        assert "changed in Odoo since the hub read it" in result.reason
        (result,) = self.send(
            server, replace(row, fields={**row.fields, "write_date": server.clock}), target="contacts"
        )
        assert (result.status, server.records["res.partner"][anna]["city"]) == ("accepted", "Edam")

    def test_a_note_is_posted_once(self, server) -> None:
        anna = person(server, "Anna")
        for _ in range(2):
            self.send(server, Row("anna@example.nl", {"note": "Belde over brokken"}))
        notes = list(server.records["mail.message"].values())
        assert [(note["body"], note["model"], note["res_id"]) for note in notes] == [
            ("Belde over brokken", "res.partner", anna)
        ]
        self.send(server, Row("anna@example.nl", {"note": "Belde nog eens"}))
        assert len(server.records["mail.message"]) == 2

    def test_consent_that_is_withdrawn_puts_the_address_on_the_blacklist(self, server) -> None:
        person(server, "Anna")
        person(server, "Bram")
        on = [Row("anna@example.nl", {"is_blacklisted": True}), Row("bram@example.nl", {"is_blacklisted": False})]
        self.send(server, *on, target="contacts")
        there = odoo(server).read_back("contacts", on, ["is_blacklisted"])
        assert {key: fields["is_blacklisted"] for key, fields in there.items()} == {
            "anna@example.nl": True,
            "bram@example.nl": None,
        }

    @pytest.mark.parametrize("model", ["mail.blacklist", "mail.message"])
    def test_a_row_of_which_only_a_part_was_done_goes_again(self, server, model: str) -> None:
        """Who withdrew is not told as done before the blacklist has them."""
        for name in ("Anna", "Bram", "Cas"):
            person(server, name)
        rows = [
            Row("anna@example.nl", {"is_blacklisted": True, "note": "Belde", "city": "Urk"}),
            Row("bram@example.nl", {"is_blacklisted": True, "note": "Belde", "email": "geen adres"}),
            Row("cas@example.nl", {"city": "Urk"}),
        ]
        with standing_between(server.url) as between:
            for trouble, status in ((answering(503), "later"), (hanging_up, "unknown")):
                between.trouble = at(f"/{model}/", trouble)
                results = self.send(server, *rows, target="contacts", url=between.url)
                assert [results[0].status, results[2].status] == [status, "accepted"]
                assert results[1].status != "accepted"
            between.trouble = passing
            results = self.send(server, *rows, target="contacts", url=between.url)
        assert [result.status for result in results] == ["accepted", "rejected", "accepted"]
        assert len(server.records["mail.message"]) == 1

    def test_the_blacklist_is_a_target_of_its_own(self, server) -> None:
        rows = [Row("Anna@example.nl"), Row("geen adres"), Row("els@example.nl")]
        results = self.send(server, *rows, target="blacklist")
        assert [result.status for result in results] == ["accepted", "rejected", "accepted"]
        assert "geen adres" not in results[1].reason
        self.send(server, rows[0], target="blacklist", operation="remove")
        assert odoo(server).read_back("blacklist", rows, []) == {"els@example.nl": {}}
        self.send(server, rows[0], target="blacklist")
        assert len(server.records["mail.blacklist"]) == 2

    def test_what_stands_there_is_read_back(self, server) -> None:
        person(server, "Anna", city="Urk")
        person(server, "Bram", city="Edam")
        self.send(server, Row("anna@example.nl"))
        rows = [Row("anna@example.nl"), Row("bram@example.nl"), Row("niemand@example.nl")]
        assert odoo(server).read_back("Goud", rows, ["city", "phone"]) == {
            "anna@example.nl": {"city": "Urk", "phone": None}
        }
        assert set(odoo(server).read_back("contacts", rows, ["city"])) == {"anna@example.nl", "bram@example.nl"}

    def test_a_deleted_contact_that_the_books_need_stays_without_what_is_personal(self, server) -> None:
        anna, bram = person(server, "Anna", city="Urk", phone="0612345678"), person(server, "Bram")
        server.add("crm.lead", {"name": "Offerte", "partner_id": anna})
        rows = [Row("anna@example.nl"), Row("bram@example.nl"), Row("niemand@example.nl")]
        results = self.send(server, *rows, operation="delete")
        assert [result.status for result in results] == ["accepted"] * 3
        assert bram not in server.records["res.partner"]
        left = server.records["res.partner"][anna]
        assert (left["name"], left["email"], left["phone"], left["city"]) == (f"#{anna}", False, False, False)
        assert left["active"] is False

    def test_a_user_without_rights_is_the_admins_to_mend(self, server) -> None:
        person(server, "Anna")
        server.forbidden.add("res.partner")
        with pytest.raises(ConfigurationError, match=r"may not do this with res\.partner"):
            self.send(server, Row("anna@example.nl"))

    @pytest.mark.parametrize(
        ("answer", "status"),
        [((429, {"Retry-After": "7"}, b""), "later"), ((500, {}, b'{"name": "psycopg2.OperationalError"}'), "unknown")],
    )
    def test_an_odoo_that_takes_nothing_is_told_per_row(self, server, answer, status) -> None:
        anna = person(server, "Anna")
        server.before = lambda model, method, _: answer if method == "web_save_multi" else None
        results = self.send(server, Row("anna@example.nl"), Row("weg@example.nl", {"no": 1}))
        assert [result.status for result in results] == [status, "rejected"]
        assert results[0].retry_after == (7 if status == "later" else None)
        assert self.tags(server, anna) == set()


def test_the_overlap_is_a_length_of_time(server) -> None:
    assert config(server, overlap="30 minutes").overlap == timedelta(minutes=30)


def test_odoo_is_asked_no_faster_than_allowed(server) -> None:
    crm = odoo(server, rate="20/s", resources=["contacts"])
    server.asked.clear()
    started = patience.clock.now()
    assert crm.check().ok
    crm.read_back("contacts", [Row("anna@example.nl")], ["city"])
    assert patience.clock.now() - started >= (len(server.asked) - 1) / 20
