"""`typeform` against a server that keeps to the documentation of its Responses API."""

import hmac
import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Place, Pushed
from hub.errors import UnsignedError
from hub.registry import Registry
from hub.testing.http_sources import HttpSourceSuite, HttpSourceWorld
from hub.testing.sources import CONNECTION, Landing

from .served import Answered, Asked, served

TOKEN = "tfp_kattenluik"
PARAMETERS = {"page_size", "since", "until", "after", "before", "response_type", "query", "fields"}
Typeform: Any = Registry().get("typeform")


class Form:
    """Responses from new to old, in pages of two: `since` is inclusive, `before` is not."""

    def __init__(self) -> None:
        self.responses: dict[str, dict[str, Any]] = {}

    def __call__(self, asked: Asked) -> Answered:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return refusal(403, "AUTHENTICATION_FAILED", "Authentication credentials not found on the Request Headers")
        if asked.path != "/forms/u6nXL7/responses":
            return refusal(404, "FORM_NOT_FOUND", "non existing form")
        query = asked.query
        if query.keys() - PARAMETERS or int(query.get("page_size", 25)) > 1000:
            return refusal(400, "VALIDATION_ERROR", "unknown or invalid parameters")
        found = sorted(self.responses.values(), key=lambda one: (one["submitted_at"], one["token"]), reverse=True)
        found = [one for one in found if one["submitted_at"] >= query.get("since", "")]
        if "before" in query:
            tokens = [one["token"] for one in found]
            found = found[tokens.index(query["before"]) + 1 :]
        return Answered(200, {"total_items": len(found), "page_count": 1, "items": found[:2]})


def refusal(status: int, code: str, description: str) -> Answered:
    return Answered(status, {"code": code, "description": description})


class FormWorld(HttpSourceWorld):
    plugin = Typeform
    table = "responses"
    secrets = (TOKEN, "tfp_wr0ng")

    def __init__(self, form: Form, url: str) -> None:
        self.form, self.url = form, url

    def config(self, token: str = TOKEN) -> Any:
        return Typeform.config_model(url=self.url, token=token, form="u6nXL7", allow_private=True)

    def wrong_config(self) -> Any:
        return self.config("tfp_wr0ng")

    def write(self, records: Any) -> None:
        for record in records:
            moment = record["changed_at"].replace(" ", "T") + "Z"
            token = f"token-{record['id']}"
            self.form.responses[token] = {**record, "token": token, "submitted_at": moment}

    def remove(self, id_: int) -> None:
        del self.form.responses[f"token-{id_}"]


@pytest.fixture
def form() -> Form:
    return Form()


@pytest.fixture
def url(form: Form) -> Iterator[str]:
    with served(form) as api:
        yield api.url


class TestTypeformResponses(HttpSourceSuite):
    @pytest.fixture
    def world(self, form: Form, url: str) -> FormWorld:
        return FormWorld(form, url)


def test_the_server_refuses_what_the_documentation_does_not_know(form: Form) -> None:
    path, headers = "/forms/u6nXL7/responses", {"authorization": f"Bearer {TOKEN}"}
    assert form(Asked("GET", path, {"modified_since": "2026"}, headers, b"")).status == 400


def test_every_answer_knows_its_response_and_whom_the_hidden_field_names(form: Form, url: str, tmp_path: Path) -> None:
    answer = {"type": "number", "number": 9, "field": {"id": "f1", "ref": "recommend", "type": "nps"}}
    choice = {"type": "choice", "choice": {"label": "Kat"}, "field": {"id": "f2", "ref": "animal", "type": "dropdown"}}
    form.responses["t1"] = {
        "token": "t1",
        "submitted_at": "2026-03-01T10:00:00Z",
        "hidden": {"email": "anna@example.nl"},
        "answers": [answer, choice],
    }
    form.responses["t2"] = {"token": "t2", "submitted_at": "2026-03-01T10:00:00Z", "answers": None}
    config = Typeform.config_model(url=url, token=TOKEN, form="u6nXL7", allow_private=True)
    landing = Landing(Typeform(config, Place(CONNECTION, tmp_path)), tmp_path)
    assert landing.run().rows == {"responses": 2, "answers": 2}
    nps, animal = landing.rows("answers")
    assert (nps["token"], nps["email"], nps["number"], nps["field_type"]) == ("t1", "anna@example.nl", 9, "nps")
    assert (animal["token"], animal["choice_label"]) == ("t1", "Kat")


def pushed(body: Any, secret: str = "h00k-geheim") -> Pushed:
    content = json.dumps(body).encode()
    signature = b64encode(hmac.digest(secret.encode(), content, "sha256")).decode()
    headers = {"typeform-signature": f"sha256={signature}"}
    return Pushed("POST", "", {}, headers, content, datetime(2026, 3, 1, tzinfo=UTC))


def test_a_pushed_response_brings_its_answers_with_whom_the_hidden_field_names(url: str, tmp_path: Path) -> None:
    said = {"url": url, "token": TOKEN, "form": "u6nXL7", "webhook_secret": "h00k-geheim", "allow_private": True}
    typeform = Typeform(Typeform.config_model(**said), Place(CONNECTION, tmp_path))
    answer = {"type": "number", "number": 9, "field": {"id": "f1", "type": "nps", "ref": "aanbevelen"}}
    form = {"form_id": "u6nXL7", "token": "t1", "submitted_at": "2026-03-01T10:00:00Z", "answers": [answer]}
    event = {"event_id": "e1", "event_type": "form_response"}
    event["form_response"] = {**form, "hidden": {"email": "anna@example.nl"}}  # type: ignore[assignment]
    received = typeform.webhook(pushed(event))
    (row,) = received.rows["answers"]
    assert (row["token"], row["email"], row["number"], row["field_ref"]) == ("t1", "anna@example.nl", 9, "aanbevelen")
    assert [row["token"] for row in received.rows["responses"]] == ["t1"]
    with pytest.raises(UnsignedError):
        typeform.webhook(pushed(event, secret="another"))
