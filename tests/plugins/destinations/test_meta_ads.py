"""meta_ads against a server that keeps to the documentation of custom audience users (v25.0)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from hub.contracts import Place, Result, Row, SyncBatch
from hub.errors import ConfigurationError
from hub.testing.http import HttpDestinationSuite
from hub.testing.sources import Landing
from plugins.destinations.ads.identifiers import meta_identifiers
from plugins.destinations.ads.meta import MetaAds, MetaAdsConfig
from tests.plugins.vendors.served import Answered, Asked, Served, served

TOKEN = "EAAB-kattenluik"
AGREED = {"ad_user_data": True, "ad_personalization": True}
SCHEMA = {"EMAIL", "PHONE", "FN", "LN", "CT", "ZIP", "COUNTRY"}
FORM = "application/x-www-form-urlencoded"


class Audiences:
    """Members by their hashes; counts what is invalid, and does not say which. Two audiences on two pages."""

    def __init__(self) -> None:
        self.members: set[tuple[str, ...]] = set()
        self.bad: set[str] = set()
        self.sessions: list[dict[str, Any]] = []
        self.answers: list[Answered] = []

    def __call__(self, asked: Asked) -> Answered:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return fault(401, 190, "Error validating access token")
        if self.answers:
            return self.answers.pop(0)
        match asked.method, asked.path:
            case "GET", "/v25.0/act_77/customaudiences" if asked.query.keys() <= {"fields", "limit", "after"}:
                return self.page(asked)
            case "GET", "/v25.0/23850/sessions":
                return Answered(200, {"data": self.sessions})
            case "GET", "/v25.0/23851/sessions":
                return Answered(200, {"data": []})
            case "POST" | "DELETE", "/v25.0/23850/users" if asked.headers.get("content-type") == FORM:
                return self.change(asked)
        return fault(400, 100, "Unsupported request")

    def page(self, asked: Asked) -> Answered:
        second = "after" in asked.query
        counts = {"approximate_count_lower_bound": 1000, "approximate_count_upper_bound": 1200}
        audience = {"id": "23851" if second else "23850", "name": "Customers B" if second else "Customers A", **counts}
        named = {field: audience[field] for field in asked.query["fields"].split(",") if field in audience}
        more = {} if second else {"cursors": {"after": "QVFI"}, "next": "https://graph.facebook.com/next"}
        return Answered(200, {"data": [named], "paging": more})

    def change(self, asked: Asked) -> Answered:
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        payload, session = json.loads(form["payload"]), json.loads(form["session"])
        schema, data = payload["schema"], payload["data"]
        known = {"payload", "session"} | ({"customer_consent"} if asked.method == "POST" else set())
        if form.keys() != known or set(schema) - SCHEMA or not 1 <= len(data) <= 10_000:
            return fault(400, 100, "Invalid parameter")
        if not 0 < session["session_id"] < 2**63 or session["last_batch_flag"] is not True or session["batch_seq"] != 1:
            return fault(400, 100, "Invalid session")
        invalid = 0
        for entry in data:
            hashes = [value for value in entry if value]
            wrong = len(entry) != len(schema) or not all(re.fullmatch("[0-9a-f]{64}", value) for value in hashes)
            if wrong or self.bad & set(hashes):
                invalid += 1
            elif asked.method == "POST":
                self.members.add(tuple(hashes))
            else:
                self.members = {member for member in self.members if not set(hashes) & set(member)}
        id_ = str(session["session_id"])
        counts = {"num_received": str(len(data)), "num_matched": "1", "num_invalid_entries": str(invalid)}
        self.sessions.append({"session_id": id_, "stage": "complete", **counts})
        body = {"audience_id": "23850", "session_id": id_, "num_received": len(data), "num_invalid_entries": invalid}
        return Answered(200, {**body, "invalid_entry_samples": {}})


def fault(status: int, code: int, message: str, headers: dict[str, str] | None = None, **more: Any) -> Answered:
    return Answered(
        status, {"error": {"message": message, "type": "OAuthException", "code": code, **more}}, headers or {}
    )


@pytest.fixture
def audiences() -> Audiences:
    return Audiences()


@pytest.fixture
def api(audiences: Audiences) -> Iterator[Served]:
    with served(audiences) as running:
        yield running


class TestMetaAdsConforms(HttpDestinationSuite):
    plugin = MetaAds
    target = "23850"

    @pytest.fixture
    def config(self, api: Served) -> Mapping[str, Any]:
        return {"account": "77", "token": TOKEN, "url": f"{api.url}/v25.0", "allow_private": True}

    def rows(self, count: int, start: int = 1) -> list[Row]:
        return [row(f"row-{number}", f"kanarieberg{number}@example.nl") for number in range(start, start + count)]


def meta(api: Served, tmp_path: Path, **given: Any) -> MetaAds:
    config = {"account": "77", "token": TOKEN, "url": f"{api.url}/v25.0", "allow_private": True, **given}
    return MetaAds(MetaAdsConfig.model_validate(config), Place("meta", tmp_path))


def row(key: str, email: str = "", remote_id: str = "", **fields: Any) -> Row:
    return Row(key, {"email": email, **AGREED, **fields}, remote_id)


def upsert(ads: MetaAds, *rows: Row) -> Sequence[Result]:
    return ads.sync(SyncBatch("23850", "upsert", rows))


def told(results: Sequence[Result]) -> dict[str, str]:
    return {result.id: result.status for result in results}


def email(address: str) -> str:
    return meta_identifiers({"email": address})["EMAIL"]


def test_people_are_known_by_several_keys_and_what_is_unknown_stays_blank(
    audiences: Audiences, api: Served, tmp_path: Path
) -> None:
    anna = row("1", "Anna@Example.nl", phone="+31612345678", given_name="Anna", country="NL")
    assert told(upsert(meta(api, tmp_path), anna, row("2", "bo@example.nl"))) == {"1": "accepted", "2": "accepted"}
    form = parse_qs(api.asked[-1].body.decode())
    payload = json.loads(form["payload"][0])
    assert payload["schema"] == ["COUNTRY", "EMAIL", "FN", "PHONE"]
    assert payload["data"][1] == ["", email("bo@example.nl"), "", ""]
    assert form["customer_consent"] == ["true"]
    assert b"%40" not in api.asked[-1].body


def test_nobody_goes_without_both_consents_and_who_withdraws_is_taken_out(
    audiences: Audiences, api: Served, tmp_path: Path
) -> None:
    ads = meta(api, tmp_path)
    (first,) = upsert(ads, row("1", "anna@example.nl"))
    results = upsert(
        ads, row("1", "anna@example.nl", first.remote_id, ad_user_data=False), Row("2", {"email": "b@c.nl"})
    )
    assert told(results) == {"1": "rejected", "2": "rejected"}
    assert audiences.members == set()


def test_who_leaves_is_taken_out_and_who_never_came_need_not_go(
    audiences: Audiences, api: Served, tmp_path: Path
) -> None:
    ads = meta(api, tmp_path)
    anna, _ = upsert(ads, row("1", "anna@example.nl"), row("2", "bo@example.nl"))
    results = ads.sync(SyncBatch("23850", "remove", [Row("1", {}, anna.remote_id), Row("9")]))
    assert told(results) == {"1": "accepted", "9": "accepted"}
    assert audiences.members == {(email("bo@example.nl"),)}


def test_a_changed_address_is_taken_out_and_a_changed_name_takes_nobody_out(
    audiences: Audiences, api: Served, tmp_path: Path
) -> None:
    ads = meta(api, tmp_path)
    (first,) = upsert(ads, row("1", "anna@example.nl", given_name="Ana"))
    (second,) = upsert(ads, row("1", "anna@example.nl", first.remote_id, given_name="Anna"))
    assert [asked.method for asked in api.asked] == ["POST", "POST"]
    upsert(ads, row("1", "anna@example.be", second.remote_id, given_name="Anna"))
    assert [asked.method for asked in api.asked][2:] == ["DELETE", "POST"]
    assert {value for member in audiences.members for value in member} >= {email("anna@example.be")}
    assert not {value for member in audiences.members for value in member} & {email("anna@example.nl")}


def test_of_a_request_with_invalid_entries_each_row_has_its_own_result(
    audiences: Audiences, api: Served, tmp_path: Path
) -> None:
    audiences.bad = {email("p3@example.nl"), email("p6@example.nl")}
    results = upsert(meta(api, tmp_path), *(row(str(number), f"p{number}@example.nl") for number in range(8)))
    assert [key for key, status in told(results).items() if status == "rejected"] == ["3", "6"]
    assert len(audiences.members) == 6


def test_a_field_that_is_no_text_is_rejected_alone(api: Served, tmp_path: Path) -> None:
    results = upsert(meta(api, tmp_path), row("1", "anna@example.nl", city=object()), row("2", "bo@example.nl"))
    assert told(results) == {"1": "rejected", "2": "accepted"}


def test_the_same_upload_sent_again_is_the_same_session(api: Served, tmp_path: Path) -> None:
    for _ in range(2):
        upsert(meta(api, tmp_path), row("1", "anna@example.nl"))
    sessions = [json.loads(parse_qs(asked.body.decode())["session"][0]) for asked in api.asked]
    assert sessions[0] == sessions[1]


WAIT = {
    "X-Business-Use-Case-Usage": json.dumps({"1": [{"type": "custom_audience", "estimated_time_to_regain_access": 19}]})
}


@pytest.mark.parametrize(
    ("answer", "status", "reason", "wait"),
    [
        (fault(400, 80003, "There have been too many calls", WAIT), "later", "80003", 19 * 60.0),
        (fault(400, 17, "User request limit reached"), "later", "17", None),
        (fault(500, 2, "Service temporarily unavailable", is_transient=True), "later", "2", None),
        (fault(401, 190, "Error validating access token"), "later", "mend the token", None),
        (fault(400, 100, "Invalid", error_subcode=1713230), "later", "or the audience", None),
        (fault(400, 100, "Invalid parameter"), "rejected", "100", None),
        (Answered(502, b"<html>"), "unknown", "HTTP 502", None),
        (Answered(200, {"num_received": 1, "num_invalid_entries": 0}), "unknown", "received 1 of 2", None),
    ],
)
def test_what_meta_answers_is_told_of_every_member(
    audiences: Audiences, api: Served, tmp_path: Path, answer: Answered, status: str, reason: str, wait: float | None
) -> None:
    audiences.answers.append(answer)
    results = upsert(meta(api, tmp_path), row("1", "a@example.nl"), row("2", "b@example.nl"))
    assert told(results) == {"1": status, "2": status}
    assert reason in results[0].reason
    assert results[0].retry_after == wait


def test_the_check_lists_the_audiences_and_a_wrong_token_is_told(api: Served, tmp_path: Path) -> None:
    check = meta(api, tmp_path).check()
    assert (check.ok, check.message) == (True, "the ad account has 2 custom audiences")
    wrong = meta(api, tmp_path, token="EAAB-kanarieberg").check()
    assert not wrong.ok
    assert "190" in wrong.message
    assert "kanarieberg" not in wrong.message


def test_sizes_and_how_many_were_matched_land(audiences: Audiences, api: Served, tmp_path: Path) -> None:
    ads = meta(api, tmp_path)
    upsert(ads, row("1", "anna@example.nl"), row("2", "bo@example.nl"))
    landing = Landing(ads, tmp_path)
    assert landing.run().rows == {"audiences": 2, "audience_sessions": 1}
    assert landing.run().rows == {}
    (session,) = landing.rows("audience_sessions")
    assert (session["audience_id"], session["num_received"], session["num_matched"]) == ("23850", "2", "1")
    assert landing.rows("audiences")[0]["approximate_count_upper_bound"] == 1200


def test_an_audience_is_named_by_its_number(api: Served, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="number of a custom audience"):
        meta(api, tmp_path).sync(SyncBatch("Customers A", "upsert", [row("1", "anna@example.nl")]))


def test_the_server_refuses_what_the_documentation_does_not_know(api: Served, audiences: Audiences) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": FORM}
    session = json.dumps({"session_id": 1, "batch_seq": 1, "last_batch_flag": True, "estimated_num_total": 1})
    for payload in ({"schema": ["NAME"], "data": [["x"]]}, {"schema": ["EMAIL"], "data": []}):
        body = f"payload={json.dumps(payload)}&session={session}&customer_consent=true".encode()
        assert audiences(Asked("POST", "/v25.0/23850/users", {}, headers, body)).status == 400
