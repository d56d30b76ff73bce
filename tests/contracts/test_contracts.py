"""What our plugins ask and what the played servers answer, judged twice by the contracts that the vendors publish.

Each contract has a negative control: a request that is wrong, and that both judges refuse.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from hub.contracts import Destination, Place, Question, Row, SyncBatch
from hub.registry import Registry
from hub.testing.sources import CONNECTION, Landing
from plugins.sources.kvk import Kvk
from plugins.sources.kvk.config import KvkConfig
from tests.contracts.published import FORM, Contract
from tests.plugins.sources.kvk_server import KEY as KVK_KEY
from tests.plugins.sources.kvk_server import Company, KvkServer, kvk_server
from tests.plugins.vendors.served import Answered, Asked, Served, basic, served
from tests.plugins.vendors.test_klaviyo import HEADERS as KLAVIYO_HEADERS
from tests.plugins.vendors.test_klaviyo import KEY as KLAVIYO_KEY
from tests.plugins.vendors.test_klaviyo import Account as Klaviyo
from tests.plugins.vendors.test_klaviyo import event
from tests.plugins.vendors.test_magento import TOKEN as MAGENTO_TOKEN
from tests.plugins.vendors.test_magento import Shop, customer
from tests.plugins.vendors.test_twilio import ACCOUNT, Account, settings
from tests.plugins.vendors.test_twilio import TOKEN as TWILIO_TOKEN
from tests.plugins.vendors.texts import PHONE, made, text

Exchange = tuple[Asked, Answered]
NAMED = {"email": "anna@example.nl", "firstname": "Anna", "lastname": "de Vries"}
AT = "2026-03-02T10:00:00+00:00"


@cache
def contract(name: str) -> Contract:
    """Read the contract of a vendor, narrowed to what our plugin uses."""
    match name:
        case "klaviyo profiles":
            return Contract("klaviyo/stable-profiles.json", "/api/profiles", "/api/profile-import")
        case "klaviyo lists":
            return Contract("klaviyo/stable-lists.json", "/api/lists")
        case "klaviyo events":
            return Contract("klaviyo/stable-events.json", "/api/events")
        case "klaviyo segments":
            return Contract("klaviyo/stable-segments.json", "/api/segments")
        case "magento":
            lists = ("/V1/customers/search", "/V1/products", "/V1/orders")
            coupons = ("/V1/coupons", "/V1/coupons/search", "/V1/coupons/{couponId}")
            paths = (*lists, *coupons, "/V1/customers/{customerId}")
            return Contract("magento/admin-schema-2.4.9.yaml", *paths, server="http://localhost/rest")
        case "twilio":
            return Contract("twilio/twilio_api_v2010.json", "/2010-04-01/Accounts/{AccountSid}/Messages.json")
        case "kvk zoeken":
            return Contract("kvk/zoeken-openapi.yaml", "/zoeken", server="http://localhost/api/v2")
        case "kvk vestigingsprofiel":
            path = "/v1/vestigingsprofielen/{vestigingsnummer}"
            return Contract("kvk/vestigingsprofiel-openapi.yaml", path, server="http://localhost/api")
        case _:
            paths = ("/basisprofielen/{kvkNummer}", "/basisprofielen/{kvkNummer}/vestigingen")
            return Contract("kvk/basisprofiel-openapi.yaml", *paths, server="http://localhost/api/v1")


def both_agree(name: str, exchanges: Sequence[Exchange]) -> None:
    """Let both judges look at every exchange; what either has against one fails the test."""
    assert exchanges, "nothing was exchanged"
    for asked, answered in exchanges:
        judged = contract(name).judge(asked, answered)
        assert (judged.core, judged.strict) == ([], []), f"{asked.method} {asked.path}"


def both_refuse(name: str, asked: Asked) -> None:
    """Check that each judge finds the fault by itself."""
    judged = contract(name).judge_request(asked)
    assert judged.core, "openapi-core passes it"
    assert judged.strict, "the strict judge passes it"


def exchanged(api: Served, path: str = "") -> list[Exchange]:
    return [pair for pair in zip(api.asked, api.answered, strict=True) if pair[0].path.endswith(path)]


def vendor(name: str, tmp_path: Path, **settings: Any) -> Any:
    plugin: Any = Registry().get(name)
    config = plugin.config_model(allow_private=True, **settings)
    return plugin(config, Place(CONNECTION, tmp_path))


# Klaviyo --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def klaviyo(tmp_path: Path) -> Iterator[Served]:
    """Read three profiles, lists, segments and events, and write one profile and one that Klaviyo refuses."""
    account = Klaviyo()
    with served(account) as api:
        account.url = f"{api.url}/api"
        profile = {"email": "anna@example.nl", "updated": AT}
        link = {"self": f"{account.url}/profiles/1"}
        for number in range(3):
            account.profiles[str(number)] = {
                "type": "profile",
                "id": f"01-{number}",
                "attributes": profile,
                "links": link,
            }
            account.lists[str(number)] = {
                "type": "list",
                "id": f"L{number}",
                "attributes": {"name": "Nieuws"},
                "links": link,
            }
            told = {"name": "Actief", "created": AT, "updated": AT}
            told |= {"is_active": True, "is_processing": False, "is_starred": False}
            segment = {"type": "segment", "id": f"S{number}", "attributes": told, "links": link}
            account.segments.append(segment)
            account.events.append(event(number, AT, "M1", Subject="Lente"))
        since = "2026-01-01T00:00:00Z"
        plugin = vendor("klaviyo", tmp_path, url=account.url, key=KLAVIYO_KEY, events_since=since)
        landing = Landing(plugin, tmp_path)
        landing.run()
        landing.run()
        rows = [Row("p1", {"email": "bo@example.nl", "tier": "gold"}), Row("p2", {"email": "kanarieberg"})]
        assert [result.status for result in plugin.sync(SyncBatch("profiles", "upsert", rows))] == [
            "accepted",
            "rejected",
        ]
        yield api


def test_what_klaviyo_is_asked_and_answers_is_in_its_contract(klaviyo: Served) -> None:
    both_agree("klaviyo profiles", [*exchanged(klaviyo, "/profiles"), *exchanged(klaviyo, "/profile-import")])
    for name in ("lists", "segments", "events"):
        both_agree(f"klaviyo {name}", exchanged(klaviyo, f"/{name}"))


def test_events_in_an_order_that_is_none_or_in_pages_too_large_are_refused_by_both() -> None:
    for query in ({"page[size]": "9999"}, {"sort": "at"}):
        both_refuse("klaviyo events", Asked("GET", "/api/events", query, KLAVIYO_HEADERS, b""))


def test_a_profile_without_a_type_is_refused_by_both() -> None:
    headers = {**KLAVIYO_HEADERS, "content-type": "application/vnd.api+json"}
    body = json.dumps({"data": {"attributes": {"email": 7}}}).encode()
    both_refuse("klaviyo profiles", Asked("POST", "/api/profile-import", {}, headers, body))


def test_a_page_that_is_too_large_is_refused_by_both() -> None:
    both_refuse("klaviyo profiles", Asked("GET", "/api/profiles", {"page[size]": "9999"}, KLAVIYO_HEADERS, b""))


# Magento --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def magento(tmp_path: Path) -> Iterator[Served]:
    """Read customers, products and orders, twice."""
    shop = Shop()
    at = "2026-03-01 10:00:00"
    address = {"id": 5, "street": ["Dorpsstraat", "12"], "country_id": "NL"}
    customer = {"email": "anna@example.nl", "firstname": "Anna", "lastname": "de Vries", "addresses": [address]}
    shop.lists["customers/search"][26] = {"id": 26, "updated_at": at, **customer}
    shop.lists["products"][93] = {"id": 93, "sku": "BAK-1", "name": "Kattenbak", "price": 20.0, "updated_at": at}
    line = {"item_id": 5, "product_id": 93, "sku": "BAK-1", "qty_ordered": 2, "row_total": 40.0}
    shop.lists["orders"][727] = {
        "entity_id": 727,
        "base_grand_total": 40.0,
        "grand_total": 40.0,
        "customer_email": "anna@example.nl",
        "created_at": at,
        "updated_at": at,
        "items": [line],
    }
    with served(shop) as api:
        landing = Landing(vendor("magento", tmp_path, url=api.url, token=MAGENTO_TOKEN), tmp_path)
        landing.run()
        landing.run()
        yield api


def test_what_magento_is_asked_and_answers_is_in_its_contract(magento: Served) -> None:
    for path in ("/customers/search", "/products", "/orders"):
        whole = [(asked, _listing(answered)) for asked, answered in exchanged(magento, path)]
        both_agree("magento", whole)


def _listing(answered: Answered) -> Answered:
    """A listing of Magento also repeats what was asked; nobody reads that, so the played shop leaves it out."""
    return replace(answered, body={**answered.body, "search_criteria": {"filter_groups": []}})


def test_the_coupons_that_magento_is_given_are_in_its_contract(tmp_path: Path) -> None:
    with served(Shop()) as api:
        shop = vendor("magento", tmp_path, url=api.url, token=MAGENTO_TOKEN)
        rows = [Row("42", {"code": "ANNA-10", "rule": 7})]
        made = [shop.sync(SyncBatch("coupons", "upsert", rows))[0] for _ in range(2)]
        (gone,) = shop.sync(SyncBatch("coupons", "remove", [Row("42", remote_id=made[0].remote_id)]))
        assert [result.status for result in (*made, gone)] == ["accepted"] * 3
        both_agree("magento", [(asked, _listing(answered)) for asked, answered in exchanged(api, "/search")])
        both_agree("magento", [pair for pair in exchanged(api) if pair[0].method in ("POST", "DELETE")])


def test_the_customers_that_magento_is_given_are_in_its_contract(tmp_path: Path) -> None:
    stands = Shop()
    stands.lists["customers/search"] = {26: customer(26)}
    with served(stands) as api:
        shop = vendor("magento", tmp_path, url=api.url, token=MAGENTO_TOKEN)
        told = {"tier": "gold", "score": 7, "calls": True, "group_id": "3", "is_subscribed": True}
        rows = [Row("26", told), Row("27", {"tier": "gold"})]
        assert [one.status for one in shop.sync(SyncBatch("customers", "update", rows))] == ["accepted", "rejected"]
        both_agree("magento", exchanged(api))


@pytest.mark.parametrize(
    "wrong",
    [{"email": "anna@example.nl"}, {**NAMED, "group_id": "3"}, {**NAMED, "custom_attributes": {"tier": "gold"}}],
)
def test_a_customer_without_a_name_or_with_a_field_of_another_kind_is_refused_by_both(wrong: dict[str, Any]) -> None:
    headers = {"authorization": f"Bearer {MAGENTO_TOKEN}", "content-type": "application/json"}
    body = json.dumps({"customer": wrong}).encode()
    both_refuse("magento", Asked("PUT", "/rest/V1/customers/26", {}, headers, body))


def test_a_coupon_without_its_rule_is_refused_by_both() -> None:
    headers = {"authorization": f"Bearer {MAGENTO_TOKEN}", "content-type": "application/json"}
    body = json.dumps({"coupon": {"code": "ANNA-10", "times_used": 0, "is_primary": False}}).encode()
    both_refuse("magento", Asked("POST", "/rest/V1/coupons", {}, headers, body))


def test_a_page_without_a_number_is_refused_by_both() -> None:
    headers = {"authorization": f"Bearer {MAGENTO_TOKEN}"}
    both_refuse("magento", Asked("GET", "/rest/V1/orders", {"searchCriteria[pageSize]": "many"}, headers, b""))


# Twilio ---------------------------------------------------------------------------------------------------------------


def test_what_twilio_is_asked_and_answers_is_in_its_contract() -> None:
    with served(Account()) as api:
        destination: Destination = made(Registry().get("twilio"), **settings(api.url))
        assert destination.send([text("Dag Zoë €"), text("x" * 300, number=2)])[0].status == "accepted"
        both_agree("twilio", exchanged(api))


@pytest.mark.parametrize(
    ("form", "account"),
    [({"From": "Miaoum", "Body": "Dag"}, ACCOUNT), ({"To": PHONE, "Body": "Dag", "MessagingServiceSid": "x"}, ACCOUNT)],
)
def test_a_message_without_a_number_or_with_a_wrong_sid_is_refused_by_both(form: dict[str, str], account: str) -> None:
    headers = {"authorization": basic(ACCOUNT, TWILIO_TOKEN), "content-type": FORM}
    path = f"/2010-04-01/Accounts/{account}/Messages.json"
    both_refuse("twilio", Asked("POST", path, {}, headers, urlencode(form).encode()))


def test_a_field_that_twilio_does_not_know_is_refused_by_the_strict_judge_alone() -> None:
    headers = {"authorization": basic(ACCOUNT, TWILIO_TOKEN), "content-type": FORM}
    form = {"To": PHONE, "From": "Miaoum", "Body": "Dag", "Reference": "m1"}
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    judged = contract("twilio").judge_request(Asked("POST", path, {}, headers, urlencode(form).encode()))
    assert judged.core == []
    assert "'Reference' was unexpected" in judged.strict[0]


# KvK ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def register() -> Iterator[list[Exchange]]:
    """Look up a company by number, by name and by a branch, and one that is not there; give the exchanges."""
    with kvk_server() as server:
        server.add(Company("12345678", "De Kattenbak B.V.", trade_names=["Kattenbak Online"]))
        lookup = Kvk(
            KvkConfig(url=server.url, key=KVK_KEY, allow_private=True, rate="1000/s"),  # type: ignore[arg-type]
            Place("kvk", Path()),
        )
        facts = [{"kvk": "12345678"}, {"name": "Kattenbak", "city": "Scheveningen"}]
        facts += [{"branch": "000012345678"}, {"kvk": "87654321"}]
        found = list(lookup.look_up([Question(str(number), known) for number, known in enumerate(facts)]))
        assert [finding.status for finding in found] == ["found", "found", "found", "absent"]
        yield [_again(server, target) for target in list(server.asked)]


def _again(server: KvkServer, target: str) -> Exchange:
    status, body, _ = server.answer(target, {"apikey": KVK_KEY})
    url = urlsplit(target)
    return Asked("GET", url.path, dict(parse_qsl(url.query)), {"apikey": KVK_KEY}, b""), Answered(status, body)


def test_what_the_business_register_is_asked_and_answers_is_in_its_contract(register: list[Exchange]) -> None:
    both_agree("kvk zoeken", [pair for pair in register if pair[0].path.endswith("/zoeken")])
    both_agree("kvk basisprofiel", [pair for pair in register if "basisprofielen" in pair[0].path])
    both_agree("kvk vestigingsprofiel", [pair for pair in register if "vestigingsprofielen" in pair[0].path])


def test_a_branch_that_is_asked_for_in_a_wrong_way_is_refused_by_both() -> None:
    path = "/api/v1/vestigingsprofielen/000012345678"
    asked = Asked("GET", path, {"geoData": "misschien"}, {"apikey": KVK_KEY}, b"")
    both_refuse("kvk vestigingsprofiel", asked)


def test_a_number_that_is_none_and_too_many_results_are_refused_by_both() -> None:
    for query in ({"kvkNummer": "1234"}, {"naam": "kat", "resultatenPerPagina": "101"}):
        both_refuse("kvk zoeken", Asked("GET", "/api/v2/zoeken", query, {"apikey": KVK_KEY}, b""))
    both_refuse(
        "kvk basisprofiel", Asked("GET", "/api/v1/basisprofielen/12345678", {"geoData": "x"}, {"apikey": "k"}, b"")
    )
