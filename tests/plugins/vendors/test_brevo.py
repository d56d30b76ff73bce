"""`brevo` against a server that keeps to the documentation of its API (v3)."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from hub.contracts import EmailRecipient, Place, Pushed, Row, SyncBatch
from hub.errors import UnsignedError
from hub.registry import Registry
from hub.testing.destinations import sample_message
from hub.testing.http import HttpDestinationSuite
from hub.testing.http_sources import HttpSourceSuite, HttpSourceWorld
from hub.testing.sources import CONNECTION, Landing

from .served import Answered, Asked, served

KEY = "xkeysib-kattenluik"
Brevo: Any = Registry().get("brevo")


class Account:
    """Contacts, their lists, mail events, and mails that a UUID sends once: it is refused the second time."""

    def __init__(self) -> None:
        self.contacts: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.mails: dict[str, dict[str, Any]] = {}

    def __call__(self, asked: Asked) -> Answered:
        if asked.headers.get("api-key") != KEY:
            return Answered(401, {"code": "unauthorized", "message": "Key not found"})
        match asked.method, asked.path.removeprefix("/v3/").split("/"):
            case "GET", ["contacts"]:
                return self.listed("contacts", asked.query, 1000)
            case "GET", ["smtp", "statistics", "events"]:
                found = self.events[int(asked.query["offset"]) :][: int(asked.query["limit"])]
                return Answered(200, {"events": found} if found else {})  # nothing to tell: no list at all
            case "POST", ["contacts"]:
                return self.make(asked.json)
            case "PUT", ["contacts", key] if asked.query == {"identifierType": "ext_id"}:
                return self.unlink(key, asked.json)
            case "DELETE", ["contacts", key] if asked.query == {"identifierType": "ext_id"}:
                gone = self.contacts.pop(key, None)
                return Answered(204, b"") if gone else missing()
            case "POST", ["smtp", "email"]:
                return self.send(asked.json)
        return missing()

    def listed(self, name: str, query: dict[str, str], most: int) -> Answered:
        if query.keys() - {"limit", "offset", "modifiedSince", "createdSince", "sort", "listIds"}:
            return Answered(400, {"code": "invalid_parameter", "message": "Invalid parameter"})
        if int(query.get("limit", 50)) > most:
            return Answered(400, {"code": "out_of_range", "message": f"Limit exceeds max value of {most}"})
        since = query.get("modifiedSince", "")
        found = [one for one in self.contacts.values() if one["modifiedAt"] > since]
        start = int(query.get("offset", 0))
        return Answered(200, {name: found[start : start + int(query.get("limit", 50))], "count": len(found)})

    def make(self, body: dict[str, Any]) -> Answered:
        if body.keys() - {"ext_id", "email", "attributes", "listIds", "updateEnabled"} or "@" not in str(
            body.get("email")
        ):
            return Answered(400, {"code": "invalid_parameter", "message": f"Invalid email address {body.get('email')}"})
        lists = body.get("listIds", [])
        if not all(isinstance(number, int) for number in lists):
            return Answered(400, {"code": "invalid_parameter", "message": "List ids should be integers"})
        if not isinstance(body.get("attributes", {}), dict):
            return Answered(400, {"code": "invalid_parameter", "message": "attributes should be an object"})
        known = self.contacts.setdefault(body["ext_id"], {"id": len(self.contacts) + 1, "listIds": []})
        known.update(email=body["email"], attributes=body["attributes"], listIds=[*known["listIds"], *lists])
        return Answered(201, {"id": known["id"]})

    def unlink(self, key: str, body: dict[str, Any]) -> Answered:
        if key not in self.contacts:
            return missing()
        left = [number for number in self.contacts[key]["listIds"] if number not in body["unlinkListIds"]]
        self.contacts[key]["listIds"] = left
        return Answered(204, b"")

    def send(self, body: dict[str, Any]) -> Answered:
        key = str(UUID(body["headers"]["idempotencyKey"]))
        if "\n" in body["to"][0]["email"]:
            return Answered(400, {"code": "invalid_parameter", "message": "email is not valid in to"})
        if any(text == "" for text in (body["to"][0].get("name"), body.get("htmlContent"), body.get("textContent"))):
            return Answered(400, {"code": "missing_parameter", "message": "name or content is empty"})
        if key in self.mails:
            return Answered(400, {"code": "duplicate_parameter", "message": "the idempotencyKey was used before"})
        self.mails[key] = body
        return Answered(201, {"messageId": f"<{key}@smtp-relay.example>"})


def missing() -> Answered:
    return Answered(404, {"code": "document_not_found", "message": "Contact does not exist"})


class BrevoWorld(HttpSourceWorld):
    plugin = Brevo
    table = "contacts"
    columns = ("id", "name")
    secrets = (KEY, "xkeysib-wr0ng")

    def __init__(self, account: Account, url: str) -> None:
        self.account, self.url = account, url

    def config(self, key: str = KEY) -> Any:
        return Brevo.config_model(url=f"{self.url}/v3", key=key, allow_private=True, resources=["contacts"])

    def wrong_config(self) -> Any:
        return self.config("xkeysib-wr0ng")

    def write(self, records: Any) -> None:
        for record in records:
            moment = record["changed_at"].replace(" ", "T") + ".000Z"
            self.account.contacts[str(record["id"])] = {**record, "modifiedAt": moment, "email": "a@example.nl"}

    def remove(self, id_: int) -> None:
        del self.account.contacts[str(id_)]


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def url(account: Account) -> Iterator[str]:
    with served(account) as api:
        yield api.url


class TestBrevoContacts(HttpSourceSuite):
    @pytest.fixture
    def world(self, account: Account, url: str) -> BrevoWorld:
        return BrevoWorld(account, url)


class TestBrevoLists(HttpDestinationSuite):
    plugin = Brevo
    target = "12"

    @pytest.fixture
    def config(self, url: str) -> Mapping[str, Any]:
        return {"url": f"{url}/v3", "key": KEY, "sender": "hallo@example.nl", "allow_private": True}

    @pytest.fixture
    def taken(self, account: Account) -> Callable[[], Sequence[str]]:
        return lambda: [mail["headers"]["X-Mailin-custom"] for mail in account.mails.values()]


def test_events_land_once_also_when_the_clocks_are_put_back(account: Account, url: str, tmp_path: Path) -> None:
    config = Brevo.config_model(url=f"{url}/v3", key=KEY, allow_private=True, resources=["events"])
    landing = Landing(Brevo(config, Place("tested", tmp_path)), tmp_path)
    assert landing.run().rows == {}
    account.events.append({"messageId": "<1@x>", "event": "opened", "date": "2026-10-25T02:50:00.000+02:00"})
    assert landing.run().rows == {"events": 1}
    account.events.append({"messageId": "<2@x>", "event": "opened", "date": "2026-10-25T02:10:00.000+01:00"})
    assert landing.run().rows == {"events": 1}
    assert landing.run().loads == ()


def test_without_a_sender_it_sends_no_mail(url: str) -> None:
    config = Brevo.config_model(url=f"{url}/v3", key=KEY, allow_private=True)
    assert Brevo(config, Place("brevo", Path())).capabilities.channel is None


def test_a_mail_without_a_plain_text_or_a_name_is_taken(account: Account, url: str) -> None:
    config = Brevo.config_model(url=f"{url}/v3", key=KEY, sender="hallo@example.nl", allow_private=True)
    bare = replace(
        sample_message("email"),
        recipient=EmailRecipient("anna@example.nl"),
        content={"subject": "Welkom", "html": "<p>Dag</p>", "text": ""},
    )
    (result,) = Brevo(config, Place("brevo", Path())).send([bare])
    assert (result.status, result.reason) == ("accepted", "")
    (mail,) = account.mails.values()
    assert (mail["to"], mail["htmlContent"]) == ([{"email": "anna@example.nl"}], "<p>Dag</p>")


def test_who_leaves_a_list_stays_a_contact(account: Account, url: str) -> None:
    config = Brevo.config_model(url=f"{url}/v3", key=KEY, allow_private=True)
    brevo = Brevo(config, Place("brevo", Path()))
    row = Row("p1", {"email": "anna@example.nl", "TIER": "gold"})
    (made,) = brevo.sync(SyncBatch("12", "upsert", [row]))
    assert (made.status, made.remote_id) == ("accepted", "1")
    assert account.contacts["p1"]["listIds"] == [12]
    assert account.contacts["p1"]["attributes"]["TIER"] == "gold"
    brevo.sync(SyncBatch("12", "remove", [Row("p1")]))
    assert account.contacts["p1"]["listIds"] == []


def test_a_list_that_is_no_number_is_rejected_with_the_reason(url: str) -> None:
    config = Brevo.config_model(url=f"{url}/v3", key=KEY, allow_private=True)
    row = Row("p1", {"email": "anna@example.nl"})
    (result,) = Brevo(config, Place("brevo", Path())).sync(SyncBatch("gold", "upsert", [row]))
    assert result.status == "rejected"


def test_what_a_webhook_tells_lands_once_by_the_secret_address(url: str, tmp_path: Path) -> None:
    told = {"url": f"{url}/v3", "key": KEY, "allow_private": True, "push_secret": "h00k-geheim"}
    brevo = Brevo(Brevo.config_model(**told), Place(CONNECTION, tmp_path))
    event = {"event": "click", "email": "anna@example.nl", "id": 26224, "ts": 1604933619, "ts_event": 1604933654}
    event |= {"message-id": "<m1@relay>", "X-Mailin-custom": "h1", "subject": "Welkom", "link": "https://example.nl/x"}

    def pushed(body: Any, path: str = "h00k-geheim") -> Pushed:
        return Pushed("POST", path, {}, {}, json.dumps(body).encode(), datetime(2026, 3, 1, tzinfo=UTC))

    received = brevo.webhook(pushed(event))
    (row,) = received.rows["pushed_events"]
    assert (row["event"], row["at"], row["message_id"], row["hub_message"]) == ("click", 1604933654, "<m1@relay>", "h1")
    assert brevo.webhook(pushed(event)).id == received.id
    several = brevo.webhook(pushed([event, {**event, "event": "unsubscribed"}]))
    assert [one["event"] for one in several.rows["pushed_events"]] == ["click", "unsubscribed"]
    with pytest.raises(UnsignedError):
        brevo.webhook(pushed(event, "elsewhere"))
