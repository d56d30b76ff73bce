"""`mailchimp` against a server that keeps to the documentation of its Marketing API (3.0)."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import md5
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from hub.contracts import Destination, Place, Pushed, Row, SyncBatch
from hub.errors import RejectedError, UnsignedError
from hub.registry import Registry
from hub.testing.http import HttpDestinationSuite
from hub.testing.http_sources import HttpSourceSuite, HttpSourceWorld
from hub.testing.sources import CONNECTION, Landing

from .served import Answered, Asked, basic, served

KEY = "kattenluik-us19"
AUDIENCE = "a1b2c3"
PARAMETERS = {"count", "offset", "since_last_changed", "before_last_changed", "status", "sort_field", "sort_dir"}
FIELDS = {"fields", "exclude_fields"}
BODY = {"email_address", "status_if_new", "status", "merge_fields", "interests", "language", "vip"}
STATUSES = {"subscribed", "unsubscribed", "cleaned", "pending", "transactional"}
Mailchimp: Any = Registry().get("mailchimp")


class Audience:
    """Members by the MD5 of their address; `since_last_changed` leaves its own moment out."""

    def __init__(self) -> None:
        self.members: dict[str, dict[str, Any]] = {}

    def __call__(self, asked: Asked) -> Answered:
        if asked.headers.get("authorization") != basic("hub", KEY):
            return problem(401, "API Key Invalid", "Your API key may be invalid, or it's for another datacenter.")
        match asked.method, asked.path.removeprefix("/3.0/lists/a1b2c3/").split("/"):
            case "GET", ["members"]:
                return self.listed(asked.query)
            case "PUT", ["members", who]:
                return self.put(who, asked)
            case "DELETE", ["members", who] if member := self.found(who):
                member["status"] = "archived"
                return Answered(204, b"")
            case "POST", ["members", who, "actions", "delete-permanent"] if member := self.found(who):
                del self.members[member["id"]]
                return Answered(204, b"")
            case "POST", ["members", who, "tags"] if member := self.found(who):
                return tag(member, asked.json)
        return problem(404, "Resource Not Found", "The requested resource could not be found.")

    def listed(self, query: dict[str, str]) -> Answered:
        if unknown := query.keys() - PARAMETERS - FIELDS:
            return problem(400, "Invalid Resource", f"unknown parameters: {sorted(unknown)}")
        size, start = int(query.get("count", 10)), int(query.get("offset", 0))
        if size > 1000:
            return problem(400, "Invalid Resource", "count should be less than or equal to 1000")
        since = datetime.fromisoformat(query.get("since_last_changed", "2000-01-01T00:00:00+00:00"))
        found = [
            member
            for member in sorted(self.members.values(), key=lambda member: member["last_changed"])
            if member["status"] != "archived" and datetime.fromisoformat(member["last_changed"]) > since
        ]
        part = found[start : start + size]
        return Answered(200, {"members": part, "list_id": "a1b2c3", "total_items": len(found)})

    def put(self, who: str, asked: Asked) -> Answered:
        body = asked.json
        if asked.query.keys() - {"skip_merge_validation"} or body.keys() - BODY:
            return problem(400, "Invalid Resource", "The resource submitted could not be validated.")
        if "@" not in body["email_address"] or not isinstance(body.get("merge_fields", {}), dict):
            return problem(400, "Invalid Resource", f"{body['email_address']} looks fake or invalid")
        member = self.found(who)
        if member is None:
            if body.get("status_if_new") not in STATUSES:
                return problem(400, "Invalid Resource", "status_if_new is required for who is new")
            hashed = hash_of(body["email_address"])
            member = {"id": hashed, "contact_id": f"c{len(self.members)}", "status": body["status_if_new"], "tags": []}
            self.members[hashed] = member
        member.update(email_address=body["email_address"], merge_fields=body["merge_fields"])
        return Answered(200, member)

    def found(self, who: str) -> dict[str, Any] | None:
        """Find a member by any of the three names that the path may hold."""
        hashed = hash_of(who) if "@" in who else who
        return next((one for one in self.members.values() if hashed in (one["id"], one.get("contact_id"))), None)


def hash_of(email: str) -> str:
    return md5(email.lower().encode(), usedforsecurity=False).hexdigest()


def tag(member: dict[str, Any], body: dict[str, Any]) -> Answered:
    for one in body["tags"]:
        if one["status"] not in {"active", "inactive"}:
            return problem(400, "Invalid Resource", "status must be active or inactive")
        names = [name for name in member["tags"] if name != one["name"]]
        member["tags"] = [*names, one["name"]] if one["status"] == "active" else names
    return Answered(204, b"")


def problem(status: int, title: str, detail: str) -> Answered:
    kind = "https://mailchimp.com/developer/marketing/docs/errors/"
    return Answered(status, {"type": kind, "title": title, "status": status, "detail": detail, "instance": "0"})


class AudienceWorld(HttpSourceWorld):
    plugin = Mailchimp
    table = "members"
    secrets = (KEY, "wr0ng-us19")

    def __init__(self, audience: Audience, url: str) -> None:
        self.audience, self.url = audience, url

    def config(self, key: str = KEY) -> Any:
        return Mailchimp.config_model(url=self.url, key=key, audience="a1b2c3", allow_private=True)

    def wrong_config(self) -> Any:
        return self.config("wr0ng-us19")

    def write(self, records: Any) -> None:
        for record in records:
            moment = record["changed_at"].replace(" ", "T") + "+00:00"
            self.audience.members[str(record["id"])] = {**record, "status": "subscribed", "last_changed": moment}

    def remove(self, id_: int) -> None:
        del self.audience.members[str(id_)]


@pytest.fixture
def audience() -> Audience:
    return Audience()


@pytest.fixture
def url(audience: Audience) -> Iterator[str]:
    with served(audience) as api:
        yield f"{api.url}/3.0"


class TestMailchimpMembers(HttpSourceSuite):
    @pytest.fixture
    def world(self, audience: Audience, url: str) -> AudienceWorld:
        return AudienceWorld(audience, url)


class TestMailchimpWrites(HttpDestinationSuite):
    plugin = Mailchimp
    target = "members"

    @pytest.fixture
    def config(self, url: str) -> Mapping[str, Any]:
        return {"url": url, "key": KEY, "audience": "a1b2c3", "allow_private": True}


def plugin(url: str, tmp_path: Path, **settings: Any) -> Destination:
    config = Mailchimp.config_model(url=url, key=KEY, audience="a1b2c3", allow_private=True, **settings)
    made: Destination = Mailchimp(config, Place(CONNECTION, tmp_path))
    return made


def test_the_server_refuses_what_the_documentation_does_not_know(audience: Audience) -> None:
    asked = Asked("GET", "/3.0/lists/a1b2c3/members", {"since": "2026"}, {"authorization": basic("hub", KEY)}, b"")
    assert audience(asked).status == 400


def test_an_audience_of_more_than_a_page_lands_whole(audience: Audience, url: str, tmp_path: Path) -> None:
    for number in range(1001):
        moment = "2026-03-01T10:00:00+00:00"
        audience.members[str(number)] = {"id": str(number), "status": "subscribed", "last_changed": moment}
    assert Landing(plugin(url, tmp_path), tmp_path).run().rows == {"members": 1001}


def test_who_unsubscribed_stays_so_when_the_hub_writes_again(audience: Audience, url: str, tmp_path: Path) -> None:
    writer = plugin(url, tmp_path, new_members="subscribed")
    row = Row("p1", {"email": "anna@example.nl", "FNAME": "Anna"})
    (made,) = writer.sync(SyncBatch("members", "upsert", [row]))
    member = audience.members[hash_of("anna@example.nl")]
    assert (made.status, made.remote_id, member["status"]) == ("accepted", "c0", "subscribed")
    assert member["merge_fields"]["FNAME"] == "Anna"
    member["status"] = "unsubscribed"
    (again,) = writer.sync(SyncBatch("members", "upsert", [row]))
    assert (again.status, member["status"]) == ("accepted", "unsubscribed")


def test_who_is_new_gets_no_campaigns_unless_a_setting_says_so(audience: Audience, url: str, tmp_path: Path) -> None:
    plugin(url, tmp_path).sync(SyncBatch("members", "upsert", [Row("p1", {"email": "anna@example.nl"})]))
    assert audience.members[hash_of("anna@example.nl")]["status"] == "transactional"


def test_who_leaves_is_archived_and_who_is_erased_is_gone(audience: Audience, url: str, tmp_path: Path) -> None:
    writer = plugin(url, tmp_path)
    (made,) = writer.sync(SyncBatch("members", "upsert", [Row("p1", {"email": "anna@example.nl"})]))
    left = [Row("p1", remote_id=made.remote_id)]
    writer.sync(SyncBatch("members", "remove", left))
    assert [member["status"] for member in audience.members.values()] == ["archived"]
    (back,) = writer.sync(SyncBatch("members", "upsert", [Row("p1", {"email": "anna@example.nl"}, made.remote_id)]))
    assert (back.status, "status: archived" in back.reason) == ("rejected", True), "it is in no campaign"
    for _ in range(2):
        (gone,) = writer.sync(SyncBatch("members", "delete", left))
        assert gone.status == "accepted"
    assert audience.members == {}


def test_a_tag_is_given_and_taken_by_the_members_address(audience: Audience, url: str, tmp_path: Path) -> None:
    writer = plugin(url, tmp_path)
    writer.sync(SyncBatch("members", "upsert", [Row("p1", {"email": "anna@example.nl"})]))
    (member,) = audience.members.values()
    (tagged,) = writer.sync(SyncBatch("Gold", "upsert", [Row("anna@example.nl", {})]))
    assert (tagged.status, member["tags"]) == ("accepted", ["Gold"])
    (untagged,) = writer.sync(SyncBatch("Gold", "remove", [Row("anna@example.nl")]))
    assert (untagged.status, member["tags"]) == ("accepted", [])


def test_an_address_that_mailchimp_refuses_is_rejected_without_being_told(url: str, tmp_path: Path) -> None:
    (result,) = plugin(url, tmp_path).sync(SyncBatch("members", "upsert", [Row("p1", {"email": "kanarieberg"})]))
    assert result.status == "rejected"
    assert "looks fake or invalid" in result.reason
    assert "kanarieberg" not in result.reason


def test_a_webhook_tells_of_who_unsubscribed_and_its_address_can_be_asked(tmp_path: Path) -> None:
    told = {"url": "https://us19.api.mailchimp.com/3.0", "key": KEY, "audience": AUDIENCE, "push_secret": "h00k-geheim"}
    mailchimp = Mailchimp(Mailchimp.config_model(**told), Place(CONNECTION, tmp_path))

    def pushed(fields: dict[str, str], path: str = "h00k-geheim") -> Pushed:
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        return Pushed("POST", path, {}, headers, urlencode(fields).encode(), datetime(2026, 3, 1, tzinfo=UTC))

    left = {"type": "unsubscribe", "fired_at": "2026-03-01 10:00:00", "data[action]": "unsub", "data[reason]": "manual"}
    left |= {"data[email]": "anna@example.nl", "data[list_id]": AUDIENCE, "data[merges][FNAME]": "Anna"}
    received = mailchimp.webhook(pushed(left))
    row = {"type": "unsubscribe", "at": "2026-03-01 10:00:00", "email": "anna@example.nl", "reason": "manual"}
    assert received.rows == {"member_events": [row]}
    assert mailchimp.webhook(pushed(left)).id == received.id
    assert mailchimp.webhook(pushed({**left, "type": "profile"})).rows == {}
    asked = mailchimp.webhook(Pushed("GET", "h00k-geheim", {}, {}, b"", datetime(2026, 3, 1, tzinfo=UTC)))
    assert (asked.rows, asked.answer) == ({}, "")
    with pytest.raises(UnsignedError):
        mailchimp.webhook(pushed(left, "elsewhere"))
    with pytest.raises(RejectedError, match="two things of 'data'"):
        mailchimp.webhook(pushed({"data": "x", **left}))
