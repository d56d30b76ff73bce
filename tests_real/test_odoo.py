"""The plugin `odoo` against a real Odoo 19: what people do there comes in, and what the hub decides goes back."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub import pipeline
from hub.contracts import Place, Row, SyncBatch
from hub.errors import ConfigurationError
from hub.project import Project
from hub.project.load import load_project
from hub.registry import Registry
from hub.report import Report
from hub.schema import BUILT_IN
from hub.testing.sources import Landing
from hub.warehouse import open_warehouse
from plugins.sources.odoo import Odoo
from plugins.sources.odoo.config import OdooConfig
from tests_real.systems.odoo import Odoo as RealOdoo

HUB = """
name: Miaoum
connections:
  crm: {{plugin: odoo, url: "{url}", key: "${{CRM_KEY}}", allow_private: true}}
  site: {{plugin: files, path: ./site.csv, table: newsletter}}
"""
SITE = """
connection: site
person:
  from: newsletter
  key: email
  identifiers: {email: email(email)}
  consent:
    - {channel: email, given: boolean(yes), at: timestamp(at), text: site-v1}
"""
SEGMENTS = """
segments:
  buyers: {where: "has('sales_order', status <> 'cancelled')"}
"""
BACK = """
sync: loyalty
from: {table: source_record, where: "matches(source_key, '[0-9]+')"}
to: {connection: crm, object: contacts}
key: source_key
fields: {x_loyalty: "case when member_of('buyers') then 'koper' else 'kijker' end"}
mode: update
write_back: true
"""
SYNC = """
sync: buyers
from: {segment: buyers}
to: {connection: crm, object: Kopers}
key: email
fields: {function: "'Vaste klant'"}
consent: {channel: email}
guards: {removes: 100%, may_be_empty: true}
"""


@pytest.fixture(scope="module")
def company(odoo: RealOdoo) -> dict[str, int]:
    """What people did in Odoo: a company, contacts, leads, a call, orders, invoices, an event and a survey."""
    call = odoo.call
    (contacts,) = call("ir.model", "search", domain=[["model", "=", "res.partner"]])
    own = {"model_id": contacts, "name": "x_loyalty", "field_description": "Loyalty", "ttype": "char"}
    call("ir.model.fields", "create", vals_list=[own])
    (country,) = call("res.country", "search", domain=[["code", "=", "NL"]])
    (company,) = call(
        "res.partner",
        "create",
        vals_list=[
            {"name": "De Kattenbak B.V.", "is_company": True, "company_registry": "12345678", "country_id": country}
        ],
    )
    zoe, bram, old = call(
        "res.partner",
        "create",
        vals_list=[
            {"name": "Zoë van 't Wolkje", "email": "Zoe@Example.nl", "parent_id": company, "function": "Inkoper"},
            {"name": "Bram de Boer", "email": "bram@example.nl", "street": "Dorpsstraat 5 b", "zip": "1234 AB",
             "city": "Urk", "country_id": country},
            {"name": "Oud Archief", "email": "oud@example.nl", "active": False},
        ],
    )  # fmt: skip
    _, chance = call(
        "crm.lead",
        "create",
        vals_list=[
            {"name": "Brochure", "type": "lead", "contact_name": "Cato Prospect", "email_from": "cato@example.nl"},
            {"name": "Offerte", "type": "opportunity", "partner_id": bram, "expected_revenue": 250},
        ],
    )
    call("crm.lead", "action_set_won", ids=[chance])
    (model,) = call("ir.model", "search", domain=[["model", "=", "crm.lead"]])
    (kind,) = call("mail.activity.type", "search", domain=[["category", "=", "phonecall"]])
    activity = {"res_model_id": model, "res_id": chance, "activity_type_id": kind, "summary": "Nabellen"}
    call("mail.activity", "action_feedback", ids=call("mail.activity", "create", vals_list=[activity]), feedback="Ja")
    call(
        "res.partner", "message_post", ids=[bram], body="Belt na vijven", message_type="comment",
        subtype_xmlid="mail.mt_note",
    )  # fmt: skip
    (product,) = call("product.product", "create", vals_list=[{"name": "Kattenbak XL", "list_price": 40}])
    line = [[0, 0, {"product_id": product, "product_uom_qty": 2, "discount": 10}]]
    order, _ = call(
        "sale.order",
        "create",
        vals_list=[{"partner_id": bram, "order_line": line}, {"partner_id": zoe, "order_line": line}],
    )
    call("sale.order", "action_confirm", ids=[order])
    (invoicing,) = call(
        "sale.advance.payment.inv", "create", vals_list=[{"advance_payment_method": "delivered"}],
        context={"active_model": "sale.order", "active_ids": [order]},
    )  # fmt: skip
    call("product.product", "write", ids=[product], vals={"invoice_policy": "order"})
    call("sale.advance.payment.inv", "create_invoices", ids=[invoicing])
    (invoice,) = call("account.move", "search", domain=[["partner_id", "=", bram]])
    call("account.move", "action_post", ids=[invoice])
    (event,) = call(
        "event.event", "create",
        vals_list=[{"name": "Kattendag", "date_begin": "2026-05-01 10:00:00", "date_end": "2026-05-01 16:00:00"}],
    )  # fmt: skip
    guest = {"event_id": event, "partner_id": bram, "name": "Dirk Bezoeker", "email": "dirk@example.nl"}
    call("event.registration", "action_set_done", ids=call("event.registration", "create", vals_list=[guest]))
    question = {"title": "Beveelt u ons aan?", "question_type": "scale", "scale_min": 0, "scale_max": 10}
    (survey,) = call(
        "survey.survey", "create", vals_list=[{"title": "NPS", "question_and_page_ids": [[0, 0, question]]}]
    )
    (asked,) = call("survey.question", "search", domain=[["survey_id", "=", survey]])
    given = {"question_id": asked, "answer_type": "scale", "value_scale": 9, "skipped": False}
    answers = {"survey_id": survey, "partner_id": zoe, "state": "done", "user_input_line_ids": [[0, 0, given]]}
    call("survey.user_input", "create", vals_list=[answers])
    (mailing_list,) = call("mailing.list", "create", vals_list=[{"name": "Nieuwsbrief"}])
    (reader,) = call(
        "mailing.contact", "create", vals_list=[{"email": "zoe@example.nl", "list_ids": [[4, mailing_list]]}]
    )
    left = call("mailing.subscription", "search", domain=[["contact_id", "=", reader]])
    call("mailing.subscription", "write", ids=left, vals={"opt_out": True})
    call("mail.blacklist", "create", vals_list=[{"email": "oud@example.nl"}])
    return {"bram": bram, "zoe": zoe, "order": order, "invoice": invoice, "old": old}


def plugin(odoo: RealOdoo, **given: Any) -> Odoo:
    config = {"url": odoo.url, "key": odoo.key, "allow_private": True, **given}
    return Odoo(OdooConfig.model_validate(config), Place("crm", Path("/nowhere")))


@pytest.fixture
def project(odoo: RealOdoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("CRM_KEY", odoo.key)
    (tmp_path / "hub.yaml").write_text(HUB.format(url=odoo.url))
    (tmp_path / "site.csv").write_text("email,yes,at\nbram@example.nl,ja,2026-01-01 12:00:00\n")
    files = {"mappings/site": SITE, "segments/buyers": SEGMENTS, "syncs/buyers": SYNC, "syncs/loyalty": BACK}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.yaml").write_text(text)
    points = {
        "odoo": EntryPoint("odoo", "plugins.sources.odoo", "hub"),
        "files": EntryPoint("files", "plugins.sources.files", "hub"),
    }
    return load_project(tmp_path, Registry(points))


def run(project: Project, *stages: pipeline.Stage) -> dict[str, Report]:
    report = pipeline.run(project, datetime.now(UTC), stages or pipeline.STAGES)
    assert [failure for each in report.reports for failure in each.failures] == []
    return {each.subject if each.stage == "land" else each.stage: each for each in report.reports}


def rows(project: Project, table: str) -> list[dict[str, Any]]:
    warehouse = open_warehouse("duckdb", BUILT_IN, project.state, [project.folder])
    with warehouse.begin() as transaction:
        found: list[dict[str, Any]] = transaction.arrow(sa.select(transaction.table(table))).read_all().to_pylist()
    warehouse.close()
    return found


def order_total(odoo: RealOdoo) -> float:
    (order,) = odoo.call("sale.order", "search_read", domain=[["state", "=", "sale"]], fields=["amount_total"])
    return float(order["amount_total"])


def test_the_check_tells_what_is_there(odoo: RealOdoo) -> None:
    check = plugin(odoo).check()
    assert check.ok
    assert check.message.startswith("Odoo 19.0: contacts, leads, notes, activities")
    assert odoo.version.startswith(Odoo.proven[0].version), "it claims another version than the one that is tested here"
    assert "left out" not in check.message


def test_a_wrong_key_is_told_in_words(odoo: RealOdoo, tmp_path: Path) -> None:
    wrong = plugin(odoo, key="0" * 40)
    assert "Odoo refuses the key" in wrong.check().message
    with pytest.raises(ConfigurationError, match="Odoo refuses the key"):
        Landing(wrong, tmp_path).run()
    assert "there is no JSON-2 API here" in plugin(odoo, database="no_such_database").check().message


def test_what_people_do_in_odoo_comes_into_the_shared_schema(
    odoo: RealOdoo, company: dict[str, int], project: Project
) -> None:
    reports = run(project, "land", "map", "resolve")
    assert reports["map"].counts["quarantined"] == 0
    key = str(company["bram"])
    people = {row["source_key"]: row for row in rows(project, "source_record")}
    zoe = people[str(company["zoe"])]
    assert (zoe["given_name"], zoe["prefix"], zoe["surname"]) == ("Zoë", "van 't", "Wolkje")
    assert str(company["old"]) in people
    whose = f"crm:{key}"
    found = {
        table: [row for row in rows(project, table) if row.get("record_id") in (None, whose)]
        for table in ("organisation", "address", "sales_order", "order_line", "invoice", "lead", "call", "activity")
    }
    assert "12345678" in [row["kvk"] for row in found["organisation"]]
    assert [(row["street"], row["house_number"], row["postcode"]) for row in found["address"]] == [
        ("Dorpsstraat", "5", "1234AB")
    ]
    assert [(float(row["total"]), row["status"]) for row in found["sales_order"]] == [(order_total(odoo), "paid")]
    assert [float(row["quantity"]) for row in found["order_line"]] == [2.0]
    (invoice,) = found["invoice"]
    assert (invoice["status"], invoice["order_key"]) == ("open", str(company["order"]))
    assert [row["status"] for row in found["lead"]] == ["won"]
    assert [(row["subject"], row["notes"]) for row in found["call"]] == [("Nabellen", "Ja")]
    assert [(row["type"], row["subject"]) for row in found["activity"]] == [("note", "Belt na vijven")]
    assert [row["attended"] for row in rows(project, "registration")] == [True]
    assert [(row["kind"], float(row["score"])) for row in rows(project, "survey_response")] == [("nps", 9.0)]
    said = {(row["text"], row["given"]) for row in rows(project, "consent")}
    assert said == {("odoo-mailing-list", False), ("odoo-blacklist", False), ("site-v1", True)}


def test_a_payment_changes_the_invoice_with_the_next_run(
    odoo: RealOdoo, company: dict[str, int], tmp_path: Path
) -> None:
    landing = Landing(plugin(odoo, resources=["invoices"]), tmp_path)
    landing.run()
    (payment,) = odoo.call(
        "account.payment.register", "create", vals_list=[{}],
        context={"active_model": "account.move", "active_ids": [company["invoice"]]},
    )  # fmt: skip
    odoo.call("account.payment.register", "action_create_payments", ids=[payment])
    assert landing.run().rows == {"invoices": 1}
    assert [row["amount_residual"] for row in landing.rows("invoices")][-1] == 0
    assert landing.run().loads == ()


def test_an_audience_goes_to_odoo_as_a_tag_and_its_echo_changes_nothing(
    odoo: RealOdoo, company: dict[str, int], project: Project
) -> None:
    bram = company["bram"]
    run(project)
    (tag,) = odoo.call("res.partner.category", "search", domain=[["name", "=", "Kopers"]])
    fields = ["category_id", "function", "x_loyalty", "write_date"]
    (there,) = odoo.call("res.partner", "read", ids=[bram], fields=fields)
    assert (there["category_id"], there["function"], there["x_loyalty"]) == ([tag], "Vaste klant", "koper")
    (other,) = odoo.call("res.partner", "read", ids=[company["zoe"]], fields=fields)
    assert (other["category_id"], other["x_loyalty"]) == ([], "kijker")
    second = run(project)
    assert set(second["crm"].counts) == {"contacts"}, "the changes come back once, as any other"
    third = run(project)
    assert third["crm"].skipped
    (after,) = odoo.call("res.partner", "read", ids=[bram], fields=["write_date"])
    assert after["write_date"] == there["write_date"]
    odoo.call("sale.order", "action_cancel", ids=[company["order"]])
    run(project)
    (left,) = odoo.call("res.partner", "read", ids=[bram], fields=["category_id", "function", "x_loyalty"])
    assert (left["category_id"], left["function"], left["x_loyalty"]) == ([], "Vaste klant", "kijker")
    odoo.call("sale.order", "action_draft", ids=[company["order"]])
    odoo.call("sale.order", "action_confirm", ids=[company["order"]])


def test_rows_are_written_read_back_and_refused_one_by_one(odoo: RealOdoo) -> None:
    crm = plugin(odoo)
    new = [
        Row(
            "els@example.nl", {"name": "Els", "city": "Edam", "country": "NL", "note": "Via de site", "credit_limit": 5}
        ),
        Row("leeg@example.nl", {"name": None}),
        Row("fout@example.nl", {"website": 3.5, "color": "rood"}),
        Row("dirk@example.nl", {"is_blacklisted": True}),
    ]
    for _ in range(2):
        results = crm.sync(SyncBatch("Proef", "upsert", new))
        assert [result.status for result in results] == ["accepted", "rejected", "rejected", "accepted"]
    assert "name" in results[1].reason
    there = crm.read_back("Proef", new, ["name", "city", "is_blacklisted"])
    assert there == {
        "els@example.nl": {"name": "Els", "city": "Edam", "is_blacklisted": None},
        "dirk@example.nl": {"name": "dirk@example.nl", "city": None, "is_blacklisted": True},
    }
    notes = odoo.call(
        "mail.message", "search_count",
        domain=[["res_id", "=", int(results[0].remote_id)], ["message_id", "like", "@schakel>"]],
    )  # fmt: skip
    assert notes == 1
    assert set(crm.read_back("blacklist", new, [])) == {"dirk@example.nl"}
    crm.sync(SyncBatch("blacklist", "remove", [Row("dirk@example.nl")]))
    assert crm.read_back("blacklist", new, []) == {}


def test_what_changed_in_odoo_meanwhile_is_not_overwritten(odoo: RealOdoo, company: dict[str, int]) -> None:
    crm = plugin(odoo)
    row = Row(f"crm:{company['zoe']}", {"function": "Directeur", "write_date": datetime(2020, 1, 1, tzinfo=UTC)})
    (result,) = crm.sync(SyncBatch("contacts", "update", [row]))
    assert (result.status, result.reason.partition(":")[0]) == ("later", "it was changed in Odoo since the hub read it")
    fresh = Row(row.key, {**row.fields, "write_date": datetime.now(UTC)})
    assert crm.sync(SyncBatch("contacts", "update", [fresh]))[0].status == "accepted"


def test_a_deleted_contact_that_orders_name_stays_without_what_is_personal(odoo: RealOdoo) -> None:
    (buyer,) = odoo.call("res.partner", "create", vals_list=[{"name": "Weg Ermee", "email": "weg@example.nl"}])
    odoo.call("sale.order", "create", vals_list=[{"partner_id": buyer}])
    rows = [Row("weg@example.nl"), Row("els@example.nl"), Row("niemand@example.nl")]
    results = plugin(odoo).sync(SyncBatch("contacts", "delete", rows))
    assert [result.status for result in results] == ["accepted"] * 3
    (left,) = odoo.call("res.partner", "read", ids=[buyer], fields=["name", "email", "active"])
    assert left == {"id": buyer, "name": f"#{buyer}", "email": False, "active": False}


def test_a_company_of_thousands_lands_in_pages(odoo: RealOdoo, tmp_path: Path) -> None:
    many = [{"name": f"Klant {number}", "email": f"klant{number}@example.nl"} for number in range(2_500)]
    odoo.call("res.partner", "create", vals_list=many)
    landing = Landing(plugin(odoo, resources=["contacts"], page_size=1_000), tmp_path)
    assert landing.run().rows["contacts"] >= 2_500
    assert landing.run().loads == ()
