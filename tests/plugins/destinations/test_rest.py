"""`rest` as a destination, against a real HTTP server that keeps what it takes."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from pydantic import ValidationError

from hub.contracts import EmailRecipient, Place, Row, Sent, SyncBatch
from hub.errors import ConfigurationError
from hub.testing.destinations import sample_message, sample_rows
from hub.testing.http import HttpDestinationSuite
from plugins.sources.rest import Rest
from plugins.sources.rest.config import RestConfig

from .conftest import Api, Call, Reply

ONE = {
    "upsert": {"method": "PUT", "path": "contacts/{key}", "body": {"email": "{email}", "more": "{fields}"}},
    "remove": {"method": "DELETE", "path": "contacts/{key}", "accepted": [404]},
}
MANY = {
    "upsert": {
        "path": "contacts/batch",
        "body": {"contacts": "{rows}", "list": "{object}"},
        "row": {"email": "{email}", "score": "{score}", "city": "{city}"},
        "batch": 2,
        "results": {
            "at": "data.results",
            "key_at": "email",
            "key": "{email}",
            "status_at": "state",
            "accepted": ["created", "updated"],
            "later": ["busy"],
            "reason_at": "why",
            "id_at": "nr",
        },
    },
    "remove": {"path": "contacts/leave", "body": {"emails": "{rows}"}, "row": "{key}", "batch": 10},
}
MAIL = {
    "path": "mail/send",
    "headers": {"Idempotency-Key": "{id}"},
    "body": {
        "to": [{"email": "{to}", "name": "{name}"}],
        "from": "{sender}",
        "subject": "{subject}",
        "html": "{html}",
        "headers": {"List-Unsubscribe": "<{unsubscribe_url}>"},
        "custom_id": "{id}",
    },
    "sender": "hallo@example.nl",
    "unsubscribe_url": "https://www.example.com/u",
    "idempotency_window": "24 hours",
    "id_at": "messages.0.id",
    "ask": {"path": "mail/{id}", "taken": ["sent"], "refused": ["blocked"], "id_at": "nr"},
}


class Vendor:
    """An API with contacts and mails; contacts that are named in `says` get that answer."""

    def __init__(self) -> None:
        self.contacts: dict[str, Any] = {}
        self.mails: dict[str, Any] = {}
        self.says: dict[str, str] = {}

    def __call__(self, call: Call) -> Reply:
        assert call.headers["authorization"] == "Bearer kattenluik"
        path = unquote(urlsplit(call.path).path)
        match call.method, path.removeprefix("/v1/").partition("/"):
            case "POST", ("contacts", _, "batch"):
                return Reply(200, {"data": {"results": [self.take(one) for one in call.json["contacts"]]}})
            case "POST", ("contacts", _, "leave"):
                for key in call.json["emails"]:
                    self.contacts.pop(key, None)
                return Reply(204, b"")
            case "PUT", ("contacts", _, key):
                self.contacts[key] = call.json
                return Reply(200, {"id": f"c-{key}"})
            case "DELETE", ("contacts", _, key):
                return Reply(204, b"") if self.contacts.pop(key, None) else Reply(404, {"message": "not here"})
            case "POST", ("mail", _, "send"):
                assert call.headers["idempotency-key"] == call.json["custom_id"]
                self.mails.setdefault(call.json["custom_id"], call.json)
                return Reply(202, {"messages": [{"id": f"m-{call.json['custom_id']}"}]})
            case "GET", ("mail", _, id_) if id_ in self.says:
                return Reply(200, {"status": self.says[id_], "nr": 7})
        return Reply(404, {"message": "no such thing"})

    def take(self, contact: dict[str, Any]) -> dict[str, Any]:
        state = self.says.get(contact["email"], "created")
        if state == "created":
            self.contacts[contact["email"]] = contact
        return {"email": contact["email"], "state": state, "why": f"{contact['email']} is odd", "nr": 5}


@pytest.fixture
def vendor(api: Api) -> Vendor:
    api.answer = vendor = Vendor()
    return vendor


def config_for(api: Api, **settings: Any) -> dict[str, Any]:
    return {
        "url": f"http://127.0.0.1:{api.port}/v1",
        "auth": {"type": "bearer", "token": "kattenluik"},
        "allow_private": True,
        "timeout": 5,
        **settings,
    }


def make(api: Api, **settings: Any) -> Rest:
    return Rest(RestConfig.model_validate(config_for(api, **settings)), Place("crm", Path()))


class TestRowsOneByOne(HttpDestinationSuite):
    plugin = Rest

    @pytest.fixture
    def config(self, api: Api, vendor: Vendor) -> Mapping[str, Any]:
        return config_for(api, objects={"*": ONE})


class TestRowsTogether(HttpDestinationSuite):
    plugin = Rest

    @pytest.fixture
    def config(self, api: Api, vendor: Vendor) -> Mapping[str, Any]:
        return config_for(api, objects={"Customers A": MANY})


class TestMails(HttpDestinationSuite):
    plugin = Rest

    @pytest.fixture
    def config(self, api: Api, vendor: Vendor) -> Mapping[str, Any]:
        return config_for(api, mail=MAIL)

    @pytest.fixture
    def taken(self, vendor: Vendor) -> Callable[[], Sequence[str]]:
        return lambda: list(vendor.mails)


# rows -----------------------------------------------------------------------------------------------------------------


def test_a_value_keeps_its_type_and_a_path_is_escaped(api: Api, vendor: Vendor) -> None:
    row = Row("a/b ü", {"email": "anna@example.nl", "score": 3, "city": None})
    (result,) = make(api, objects={"*": ONE}).sync(SyncBatch("A", "upsert", [row]))
    assert (result.status, result.remote_id) == ("accepted", "c-a/b ü")
    assert api.calls[-1].path == "/v1/contacts/a%2Fb%20%C3%BC"
    assert vendor.contacts["a/b ü"]["more"] == {"email": "anna@example.nl", "score": 3, "city": None}


@pytest.mark.parametrize("key", ["..", ".", "", "k" * 70_000])
def test_a_key_that_would_lead_elsewhere_in_the_api_goes_nowhere(api: Api, vendor: Vendor, key: str) -> None:
    """`DELETE contacts/..` would be `DELETE /`."""
    for operation, fields in (("upsert", {"email": "a@example.nl"}), ("remove", {})):
        rows = [Row(key, fields), Row("k2", fields)]
        results = make(api, objects={"club": ONE}).sync(SyncBatch("club", operation, rows))
        assert [result.status for result in results] == ["rejected", "accepted"]
        assert "address" in results[0].reason
    assert {urlsplit(call.path).path for call in api.calls} == {"/v1/contacts/k2"}


def test_what_is_no_list_of_entries_cannot_be_listed_one_by_one(api: Api, vendor: Vendor) -> None:
    body = {"tags": [{"*": "{email}", "code": "{name}", "value": "{value}"}]}
    one = {"upsert": {"method": "PUT", "path": "contacts/{key}", "body": body}}
    (result,) = make(api, objects={"*": one}).sync(SyncBatch("A", "upsert", [Row("1", {"email": "a@example.nl"})]))
    assert (result.status, result.reason.split(":")[0]) == ("rejected", "a field holds what JSON can't")
    assert vendor.contacts == {}


def test_a_removal_of_what_is_not_there_is_accepted(api: Api, vendor: Vendor) -> None:
    (result,) = make(api, objects={"*": ONE}).sync(SyncBatch("A", "remove", [Row("nobody")]))
    assert result.status == "accepted"


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"message": "no row 7"}, "rejected", 'HTTP 404: {"message": "no row 7"}'),
        (b"<!DOCTYPE html><h1>Not Found</h1>", "later", "HTTP 404: the address is not there: check `url`"),
    ],
)
def test_a_row_that_is_not_there_is_told_from_an_address_that_is_not_there(
    api: Api, body: Any, status: str, reason: str
) -> None:
    api.answer = lambda call: Reply(404, body)
    wrong = {**ONE, "update": {"method": "PUT", "path": "contacts/{key}", "body": "{fields}", "missing": [404]}}
    destination = make(api, objects={"*": wrong})
    (result,) = destination.sync(SyncBatch("A", "update", [Row("7", {"score": 1})]))
    assert (result.status, result.reason) == (status, reason)
    (removed,) = destination.sync(SyncBatch("A", "remove", [Row("7")]))
    assert removed.status == ("accepted" if status == "rejected" else "later"), "a page is no word of the API"


def test_every_row_of_a_request_gets_what_the_answer_says_of_it(api: Api, vendor: Vendor) -> None:
    vendor.says = {"kanarieberg2@example.nl": "refused", "kanarieberg3@example.nl": "busy"}
    results = make(api, objects={"A": MANY}).sync(SyncBatch("A", "upsert", sample_rows(5)))
    assert [result.status for result in results] == ["accepted", "rejected", "later", "accepted", "accepted"]
    assert results[0].remote_id == "5"
    assert results[1].reason == "[hidden] is odd"
    assert [len(call.json["contacts"]) for call in api.calls] == [2, 2, 1]
    assert api.calls[0].json["list"] == "A"
    assert vendor.contacts["kanarieberg1@example.nl"]["score"] == 1


def test_an_answer_may_list_only_the_rows_that_failed(api: Api) -> None:
    api.answer = lambda call: Reply(200, {"errors": [{"index": 1, "message": "too long"}]})
    request = {**MANY["upsert"], "results": {"at": "errors", "index_at": "index", "only": "failed"}, "batch": 9}
    results = make(api, objects={"A": {"upsert": request}}).sync(SyncBatch("A", "upsert", sample_rows(3)))
    assert [(result.status, result.reason) for result in results] == [
        ("accepted", ""),
        ("rejected", "too long"),
        ("accepted", ""),
    ]


def test_a_failure_that_names_none_of_the_rows_leaves_them_unknown(api: Api) -> None:
    """The API writes the key otherwise, or means the whole request: no row is known to be taken."""
    how = {"at": "errors", "key_at": "email", "key": "{email}", "only": "failed"}
    request = {**MANY["upsert"], "results": how, "batch": 9}
    rows = sample_rows(2)
    named = {"email": rows[0].fields["email"], "message": "too long"}
    for other in ({"message": "quota used up"}, {"email": "OTHER@EXAMPLE.NL", "message": "too long"}):
        api.answer = lambda call, other=other: Reply(200, {"errors": [named, other]})  # type: ignore[misc]
        results = make(api, objects={"A": {"upsert": request}}).sync(SyncBatch("A", "upsert", rows))
        assert [result.status for result in results] == ["rejected", "unknown"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            b"<html>",
            "HTTP 200 with a web page in the place of an answer: check `url`, and whether a proxy stands between",
        ),
        (b"OK", "the answer has no list at 'data.results'"),
        ({"data": {"results": []}}, "the answer says nothing about it"),
        ({"data": {"results": "many"}}, "the answer has no list at 'data.results'"),
    ],
)
def test_an_answer_that_says_nothing_of_a_row_leaves_it_unknown(api: Api, answer: Any, reason: str) -> None:
    api.answer = lambda call: Reply(200, answer)
    results = make(api, objects={"A": MANY}).sync(SyncBatch("A", "upsert", sample_rows(2)))
    assert {(result.status, result.reason) for result in results} == {("unknown", reason)}


def test_an_answer_that_is_nested_without_end_says_nothing(api: Api) -> None:
    api.answer = lambda call: Reply(200, b"[" * 200_000)
    rows = [Row("k1", {"email": "a@example.nl", "score": 1, "city": "Urk"})]
    (result,) = make(api, objects={"club": MANY}).sync(SyncBatch("club", "upsert", rows))
    assert (result.status, result.reason) == ("unknown", "the answer has no list at 'data.results'")


def test_results_in_order_must_be_as_many_as_the_rows(api: Api) -> None:
    api.answer = lambda call: Reply(200, {"results": [{"status": "ok"}]})
    request = {**MANY["upsert"], "results": {"status_at": "status", "accepted": ["ok"]}}
    results = make(api, objects={"A": {"upsert": request}}).sync(SyncBatch("A", "upsert", sample_rows(2)))
    assert {result.reason for result in results} == {"the answer speaks of 1 rows, and 2 were sent"}
    assert {result.status for result in results} == {"unknown"}


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"error": None}, "accepted", ""),
        (
            {"error": "Anna de Vries is refused"},
            "rejected",
            "an answer of 200 with an error: [hidden] de [hidden] is refused",
        ),
        ({"error": {"code": "THROTTLED"}}, "later", 'an answer of 200 with an error: {"code": "THROTTLED"}'),
    ],
)
def test_an_error_inside_an_answer_of_200_counts(api: Api, body: Any, status: str, reason: str) -> None:
    api.answer = lambda call: Reply(200, body)
    request = {"path": "x", "body": {"name": "{name}"}, "error_at": "error", "busy": ["throttled"]}
    destination = make(api, objects={"*": {"upsert": request}})
    (result,) = destination.sync(SyncBatch("A", "upsert", [Row("1", {"name": "Anna Vries"})]))
    assert (result.status, result.reason) == (status, reason)


def test_a_row_without_a_field_that_the_template_wants_is_rejected(api: Api, vendor: Vendor) -> None:
    rows = [Row("1", {"score": 1, "city": "Gent"}), *sample_rows(1)]
    results = make(api, objects={"A": MANY}).sync(SyncBatch("A", "upsert", rows))
    assert results[0].reason == "there is no value for {email}: no field of the sync has that name"
    assert [result.status for result in results] == ["rejected", "accepted"]


def test_a_busy_api_says_when_to_come_back(api: Api) -> None:
    api.answer = lambda call: Reply(429, {"message": "slow down"}, {"Retry-After": "30"})
    (result,) = make(api, objects={"*": ONE}).sync(SyncBatch("A", "upsert", sample_rows(1)))
    assert (result.status, result.retry_after) == ("later", 30.0)


def test_an_object_that_nobody_described_is_a_mistake_with_a_remedy(api: Api) -> None:
    destination = make(api, objects={"contacts": ONE})
    with pytest.raises(ConfigurationError, match=r"does not say how to upsert 'people': contacts \(upsert, remove\)"):
        destination.sync(SyncBatch("people", "upsert", sample_rows(1)))


def test_a_form_and_a_key_in_the_query_are_written_as_such(api: Api) -> None:
    api.answer = lambda call: Reply(200, {"id": 9})
    request = {
        "path": "add",
        "body": {"email": "{email}", "city": "{city}"},
        "encoding": "form",
        "query": {"on": "{score}"},
    }
    settings = {"auth": {"type": "api_key", "name": "key", "place": "query", "token": "kattenluik"}}
    (result,) = make(api, objects={"*": {"add": request}}, **settings).sync(SyncBatch("A", "add", sample_rows(1)))
    (call,) = api.calls
    assert parse_qs(urlsplit(call.path).query) == {"key": ["kattenluik"], "on": ["1"]}
    assert parse_qs(call.body.decode()) == {"email": ["kanarieberg1@example.nl"]}
    assert result.remote_id == "9"


# mails ----------------------------------------------------------------------------------------------------------------


def test_a_mail_carries_what_the_template_says(api: Api, vendor: Vendor) -> None:
    message = sample_message("email", 1)
    destination = make(api, mail=MAIL)
    (result,) = destination.send([message])
    assert result.remote_id == f"m-{message.id}"
    sent = vendor.mails[message.id]
    assert isinstance(message.recipient, EmailRecipient)
    assert sent["to"] == [{"email": message.recipient.email, "name": message.recipient.name}]
    assert sent["headers"] == {"List-Unsubscribe": "<https://www.example.com/u?token=token-0001>"}
    assert sent["from"] == "hallo@example.nl"
    assert destination.unsubscribe_url("t") == "https://www.example.com/u?token=t"


@pytest.mark.parametrize(
    ("said", "status"), [("sent", "accepted"), ("blocked", "rejected"), ("thinking", "unknown"), (None, "rejected")]
)
def test_an_api_is_asked_what_became_of_a_mail(api: Api, vendor: Vendor, said: str | None, status: str) -> None:
    vendor.says = {"m1": said} if said else {}
    (result,) = make(api, mail=MAIL).ask([Sent("m1")])
    assert result.status == status
    assert result.remote_id == ("7" if said in ("sent", "blocked") else "")


def test_a_mail_that_can_not_be_asked_about_stays_unknown(api: Api, vendor: Vendor) -> None:
    """`GET mail/` would find nothing, and a mail that came would go again."""
    question = {"path": "mail/{remote_id}", "taken": ["sent"]}
    destination = make(api, mail={**MAIL, "ask": question})
    assert [result.status for result in destination.ask([Sent("m1")])] == ["unknown"]
    assert api.calls == []
    api.answer = lambda call: Reply(404, b"<html><body>No such site</body></html>")
    assert [result.status for result in destination.ask([Sent("m1", "r1")])] == ["unknown"]


def test_a_mail_without_an_address_of_its_own_to_unsubscribe_at_leads_to_the_page_of_the_hub(
    api: Api, vendor: Vendor, tmp_path: Path
) -> None:
    config = RestConfig.model_validate(config_for(api, mail={**MAIL, "unsubscribe_url": None}))
    destination = Rest(config, Place("crm", tmp_path, public_url="https://hub.example"))
    destination.send([sample_message("email", 1)])
    (sent,) = vendor.mails.values()
    assert sent["headers"] == {"List-Unsubscribe": "<https://hub.example/unsubscribe/token-0001>"}


def test_no_answer_leaves_a_mail_unknown_and_a_third_silence_lets_the_rest_wait(api: Api) -> None:
    api.answer = lambda call: Reply(hang_up=True)
    results = make(api, mail=MAIL).send([sample_message("email", number) for number in range(5)])
    assert [result.status for result in results] == ["unknown"] * 3 + ["later"] * 2


# configuration --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "say what is read"),
        ({"objects": {"a": {}}}, "at least one of: upsert"),
        ({"objects": {"a": {"upsert": {"body": {"all": "{rows}"}}}}}, "needs both: {rows} in `body`, and `row`"),
        ({"objects": {"a": {"upsert": {"batch": 5}}}}, "`batch` needs {rows}"),
        ({"objects": {"a": {"upsert": {"path": "{key}", "body": "{rows}", "row": "{key}"}}}}, "outside `row`: {key}"),
        ({"objects": {"a": {"remove": {"path": "{email}"}}}}, "no {email}: use {key}"),
        (
            {"objects": {"a": {"upsert": {"body": "{rows}", "row": 1, "results": {"at": "x"}}}}},
            "which rows the answer lists",
        ),
        ({"objects": {"a": {"find": {"keep": ["name"]}, "update": {"path": "{key}"}}}}, "as {found} in the body"),
        ({"objects": {"a": {"find": {"path": "{key}"}, "delete": {"path": "{key}"}}}}, "needs `add` or `update`"),
        ({"objects": {"a": {"upsert": {"body": "{rows}", "row": 1, "holds": {"x": []}}}}}, "requests of one row"),
        ({"mail": {"body": {"to": "{too}"}}}, "no value {too}. Did you mean 'to'"),
        ({"mail": {"body": {"to": "{to}"}}}, r"must hold {to}, and {text} or {html}"),
        ({"mail": {"body": "{to}{text}", "idempotency_window": "1 day"}}, "needs {id} or {uuid}"),
        ({"mail": {"body": "{to}{text}", "ask": {"path": "{to}", "taken": ["x"]}}}, "not {to}"),
    ],
)
def test_a_wrong_description_is_told_when_it_is_read(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        RestConfig.model_validate({"url": "https://api.example.com", **settings})
    assert message in json.dumps(raised.value.errors(include_url=False, include_input=False), default=str)
