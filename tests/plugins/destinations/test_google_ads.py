"""google_ads against a server that keeps to the discovery document of the Data Manager API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Place, Result, Row, SyncBatch
from hub.errors import ConfigurationError
from hub.testing.http import HttpDestinationSuite
from hub.testing.sources import Landing
from plugins.destinations.ads.google import GoogleAds, GoogleAdsConfig
from plugins.destinations.ads.identifiers import google_identifiers
from tests.plugins.destinations.google_lists import ACCOUNT, REFRESH, CustomerLists, fault
from tests.plugins.vendors.served import Served, served

AGREED = {"ad_user_data": True, "ad_personalization": True}


@pytest.fixture
def lists() -> CustomerLists:
    return CustomerLists()


@pytest.fixture
def api(lists: CustomerLists) -> Iterator[Served]:
    with served(lists) as running:
        yield running


class TestGoogleAdsConforms(HttpDestinationSuite):
    plugin = GoogleAds
    target = "42"

    @pytest.fixture
    def config(self, api: Served) -> Mapping[str, Any]:
        return settings(api)

    def rows(self, count: int, start: int = 1) -> list[Row]:
        return [row(f"row-{number}", f"kanarieberg{number}@example.nl") for number in range(start, start + count)]


def settings(api: Served) -> dict[str, Any]:
    return {
        "account": ACCOUNT,
        "client_id": "client",
        "client_secret": "geheim-kattenbak",
        "refresh_token": REFRESH,
        "url": api.url,
        "token_url": f"{api.url}/token",
        "allow_private": True,
    }


def google(api: Served, tmp_path: Path, **given: Any) -> GoogleAds:
    return GoogleAds(GoogleAdsConfig.model_validate({**settings(api), **given}), Place("google", tmp_path))


def row(key: str, email: str = "", remote_id: str = "", **fields: Any) -> Row:
    return Row(key, {"email": email, **AGREED, **fields}, remote_id)


def upsert(ads: GoogleAds, *rows: Row) -> Sequence[Result]:
    return ads.sync(SyncBatch("42", "upsert", rows))


def told(results: Sequence[Result]) -> dict[str, str]:
    return {result.id: result.status for result in results}


def hashes(**fields: str) -> set[str]:
    return set(google_identifiers(fields).values())


def test_people_are_known_by_the_hashes_of_all_that_is_there(lists: CustomerLists, api: Served, tmp_path: Path) -> None:
    fields = {
        "phone": "+31612345678",
        "given_name": "Anna",
        "surname": "de Vries",
        "country": "NL",
        "postcode": "2583 XL",
    }
    results = upsert(google(api, tmp_path), row("1", "Anna@Example.nl", **fields), row("2", "bo@gmail.com"))
    assert told(results) == {"1": "accepted", "2": "accepted"}
    assert lists.members == hashes(email="anna@example.nl", **fields) | hashes(email="b.o@gmail.com")
    body = api.asked[-1].json
    assert body["destinations"][0]["productDestinationId"] == "42"
    assert body["consent"] == {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"}
    assert b"@" not in api.asked[-1].body


@pytest.mark.parametrize(
    "consent",
    [
        {},
        {"ad_user_data": True},
        {**AGREED, "ad_personalization": False},
        {**AGREED, "ad_user_data": None},
        {**AGREED, "ad_user_data": "yes"},
        {**AGREED, "ad_user_data": 1},
    ],
)
def test_nobody_goes_without_both_consents(api: Served, tmp_path: Path, consent: Mapping[str, Any]) -> None:
    (result,) = google(api, tmp_path).sync(SyncBatch("42", "upsert", [Row("1", {"email": "a@example.nl", **consent})]))
    assert result.status == "rejected"
    assert "no consent" in result.reason
    assert not [asked for asked in api.asked if "audienceMembers" in asked.path]


def test_who_withdraws_one_of_them_is_taken_out(lists: CustomerLists, api: Served, tmp_path: Path) -> None:
    ads = google(api, tmp_path)
    (first,) = upsert(ads, row("1", "anna@example.nl"))
    assert lists.members
    (result,) = upsert(ads, row("1", "anna@example.nl", first.remote_id, ad_personalization=False))
    assert result.status == "rejected"
    assert lists.members == set()


def test_who_leaves_is_taken_out_by_what_google_knows(lists: CustomerLists, api: Served, tmp_path: Path) -> None:
    ads = google(api, tmp_path)
    anna, bo = upsert(ads, row("1", "anna@example.nl", phone="+31612345678"), row("2", "bo@example.nl"))
    results = ads.sync(SyncBatch("42", "remove", [Row("1", {}, anna.remote_id), Row("3")]))
    assert told(results) == {"1": "accepted", "3": "accepted"}
    assert lists.members == hashes(email="bo@example.nl")
    assert bo.remote_id


def test_a_changed_address_does_not_stay_behind(lists: CustomerLists, api: Served, tmp_path: Path) -> None:
    ads = google(api, tmp_path)
    (first,) = upsert(ads, row("1", "anna@example.nl", phone="+31612345678"))
    (second,) = upsert(ads, row("1", "anna@example.be", first.remote_id, phone="+31612345678"))
    assert lists.members == hashes(email="anna@example.be", phone="+31612345678")
    removed = [asked.json for asked in api.asked if asked.path.endswith(":remove")]
    assert [len(one["userData"]["userIdentifiers"]) for body in removed for one in body["audienceMembers"]] == [1]
    asked = len(api.asked)
    assert upsert(ads, row("1", "anna@example.be", second.remote_id, phone="+31612345678"))[0].status == "accepted"
    assert len(api.asked) == asked + 1


def test_who_can_not_be_known_by_anything_is_rejected_alone(api: Served, tmp_path: Path) -> None:
    results = upsert(google(api, tmp_path), row("1", "anna@example.nl"), row("2", "no address", phone="0612345678"))
    assert told(results) == {"1": "accepted", "2": "rejected"}
    assert "nothing to know the person by" in results[1].reason


def test_members_that_google_finds_wrong_are_rejected_and_the_others_go(
    lists: CustomerLists, api: Served, tmp_path: Path
) -> None:
    lists.bad = hashes(email="bo@example.nl")
    rows = [
        row(str(number), email) for number, email in enumerate(["anna@example.nl", "bo@example.nl", "cas@example.nl"])
    ]
    results = upsert(google(api, tmp_path), *rows)
    assert told(results) == {"0": "accepted", "1": "rejected", "2": "accepted"}
    assert "anna" not in results[1].reason
    assert lists.members == hashes(email="anna@example.nl") | hashes(email="cas@example.nl")


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (fault(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", Retry_After="60"), "later", "RESOURCE_EXHAUSTED"),
        (fault(503, "UNAVAILABLE", "Try later."), "later", "UNAVAILABLE"),
        (fault(403, "PERMISSION_DENIED", "The caller does not have permission."), "later", "PERMISSION_DENIED"),
        (fault(500, "INTERNAL", "Oops."), "unknown", "INTERNAL"),
        (fault(400, "INVALID_ARGUMENT", "The list 42 is closed."), "rejected", "The list 42 is closed"),
    ],
)
def test_what_google_answers_is_told_of_every_member(
    lists: CustomerLists, api: Served, tmp_path: Path, answer: Any, status: str, reason: str
) -> None:
    lists.answers.append(answer)
    results = upsert(google(api, tmp_path), row("1", "a@example.nl"), row("2", "b@example.nl"))
    assert told(results) == {"1": status, "2": status}
    assert reason in results[0].reason
    assert results[0].retry_after == (60.0 if answer.status == 429 else None)


def test_a_batch_may_be_tried_and_writes_nothing(lists: CustomerLists, api: Served, tmp_path: Path) -> None:
    lists.bad = hashes(email="bo@example.nl")
    batch = SyncBatch("42", "upsert", [row("1", "anna@example.nl"), row("2", "bo@example.nl")])
    assert told(google(api, tmp_path).try_out(batch)) == {"1": "accepted", "2": "rejected"}
    assert (lists.members, lists.requests) == (set(), {})


def test_ten_thousand_members_go_in_one_request(lists: CustomerLists, api: Served, tmp_path: Path) -> None:
    rows = [row(str(number), remote_id="", email=f"p{number}@example.nl") for number in range(3)]
    ads = google(api, tmp_path)
    assert ads.capabilities.batch_size == 10_000
    assert [str(rate) for rate in ads.capabilities.rates] == ["300/min"]
    upsert(ads, *rows)
    assert [asked.path for asked in api.asked] == ["/token", "/v1/audienceMembers:ingest"]


def test_one_access_token_serves_until_it_ends(lists: CustomerLists, api: Served, tmp_path: Path) -> None:
    ads = google(api, tmp_path)
    for _ in range(3):
        upsert(ads, row("1", "anna@example.nl"))
    assert lists.tokens == 1


def test_a_revoked_token_is_told_with_its_remedy_and_without_its_value(api: Served, tmp_path: Path) -> None:
    ads = google(api, tmp_path, refresh_token="1//kanarieberg")
    check = ads.check()
    assert not check.ok
    assert "the refresh token is no longer taken: sign in again" in check.message
    with pytest.raises(ConfigurationError) as raised:
        upsert(ads, row("1", "anna@example.nl"))
    assert "kanarieberg" not in str(raised.value)


def test_a_token_that_google_does_not_take_any_more_is_replaced(
    lists: CustomerLists, api: Served, tmp_path: Path
) -> None:
    ads = google(api, tmp_path)
    upsert(ads, row("1", "anna@example.nl"))
    lists.answers.append(fault(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."))
    assert told(upsert(ads, row("2", "bo@example.nl"))) == {"2": "accepted"}
    assert lists.tokens == 2


def test_a_google_that_is_away_lets_members_wait(tmp_path: Path) -> None:
    away = Served("http://127.0.0.1:9")
    (result,) = upsert(google(away, tmp_path), row("1", "anna@example.nl"))
    assert result.status == "later"


def test_the_check_counts_the_lists_over_all_pages(api: Served, tmp_path: Path) -> None:
    check = google(api, tmp_path).check()
    assert (check.ok, check.message) == (True, "the account has 3 customer lists")


def test_match_rates_and_the_outcome_of_uploads_land_once(lists: CustomerLists, api: Served, tmp_path: Path) -> None:
    ads = google(api, tmp_path)
    (first,) = upsert(ads, row("1", "anna@example.nl"), row("2", "no address"))[:1]
    ads.sync(SyncBatch("42", "remove", [Row("1", {}, first.remote_id)]))
    lists.processing = True
    landing = Landing(ads, tmp_path)
    assert landing.run().rows == {"audiences": 3}
    assert landing.rows("audiences")[0]["match_rate"] == 57
    lists.processing = False
    for _ in range(3):
        landing.run()
    outcomes = {one["operation"]: one for one in landing.rows("audience_requests")}
    assert len(landing.rows("audience_requests")) == 2
    assert (outcomes["ingest"]["match_rate"], outcomes["ingest"]["rows"]) == ("MATCH_RATE_RANGE_51_TO_60", 1)
    assert json.loads(outcomes["remove"]["errors"]) == {"PROCESSING_ERROR_REASON_INVALID_FORMAT": "1"}
    assert not list((tmp_path / ".hub" / "google_ads" / "google").glob("*.json"))


def test_an_upload_that_google_no_longer_knows_keeps_no_other_from_landing(
    lists: CustomerLists, api: Served, tmp_path: Path
) -> None:
    ads = google(api, tmp_path)
    for number in (1, 2):
        upsert(ads, row(str(number), f"anna{number}@example.nl"))
    del lists.requests[min(lists.requests)]
    landing = Landing(ads, tmp_path)
    for _ in range(2):
        landing.run()
    assert sorted(one["status"] for one in landing.rows("audience_requests")) == ["NOT_FOUND", "PARTIAL_SUCCESS"]
    assert not list((tmp_path / ".hub" / "google_ads" / "google").iterdir())


@pytest.mark.parametrize(("target", "fields"), [("customers", {}), ("42", {"mail": "a@example.nl"})])
def test_a_name_that_google_does_not_know_is_a_mistake_in_the_sync(
    api: Served, tmp_path: Path, target: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match=r"number of a customer list|no field 'mail'"):
        google(api, tmp_path).sync(SyncBatch(target, "upsert", [row("1", "anna@example.nl", **fields)]))


def test_the_server_refuses_what_the_discovery_document_does_not_know(lists: CustomerLists) -> None:
    from tests.plugins.destinations.google_lists import INGEST

    assert lists.change({"audienceMembers": []}, INGEST).status == 400
    assert lists.change({"hello": 1}, INGEST).status == 400
