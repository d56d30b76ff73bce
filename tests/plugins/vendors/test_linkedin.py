"""`linkedin` against a server that keeps to the documentation of DMP segment users."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Destination, Place, Row, SyncBatch
from hub.registry import Registry
from hub.testing import HttpDestinationSuite

from .served import Answered, Asked, served

TOKEN = "kattenluik"
LinkedIn: Any = Registry().get("linkedin")


class Segments:
    """Adds and removes by hash, each element with a status of its own; twice is as good as once."""

    def __init__(self) -> None:
        self.members: set[str] = set()

    def __call__(self, asked: Asked) -> Answered:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return Answered(401, {"status": 401, "code": "INVALID_ACCESS_TOKEN", "message": "Invalid access token"})
        if (asked.method, asked.path) == ("GET", "/rest/dmpSegments"):
            assert asked.headers["x-restli-protocol-version"] == "2.0.0"
            assert asked.query == {"q": "account", "account": "urn:li:sponsoredAccount:7", "start": "0", "count": "1"}
            return Answered(200, {"elements": [], "paging": {"start": 0, "count": 1, "total": 0}})
        known = re.fullmatch(r"/rest/dmpSegments/[0-9]+/users", asked.path) is not None
        method = asked.headers.get("x-restli-method")
        if not known or method != "BATCH_CREATE" or not re.fullmatch(r"20\d{4}", asked.headers["linkedin-version"]):
            return Answered(400, {"status": 400, "message": "Invalid request"})
        return Answered(200, {"elements": [self.take(one) for one in asked.json["elements"]]})

    def take(self, one: Mapping[str, Any]) -> dict[str, Any]:
        (id_,) = one["userIds"]
        if id_["idType"] != "SHA256_EMAIL" or not re.fullmatch(r"[0-9a-f]{64}", id_["idValue"]):
            return {"status": 400, "message": "invalid idValue"}
        (self.members.add if one["action"] == "ADD" else self.members.discard)(id_["idValue"])
        return {"status": 201}


@pytest.fixture
def segments() -> Segments:
    return Segments()


@pytest.fixture
def linkedin(segments: Segments) -> Iterator[Destination]:
    with served(segments) as api:
        config = LinkedIn.config_model(url=f"{api.url}/rest", token=TOKEN, allow_private=True)
        yield LinkedIn(config, Place("ads", Path()))


class TestLinkedInConforms(HttpDestinationSuite):
    plugin = LinkedIn
    target = "10804"

    @pytest.fixture
    def config(self, segments: Segments) -> Iterator[Mapping[str, Any]]:
        with served(segments) as api:
            yield {"url": f"{api.url}/rest", "token": TOKEN, "account": "7", "allow_private": True}

    def rows(self, count: int, start: int = 1) -> list[Row]:
        return hashes(*(f"kanarieberg{number}@example.nl" for number in range(start, start + count)))


def hashes(*emails: str) -> list[Row]:
    return [Row(sha256(email.encode()).hexdigest()) for email in emails]


def test_members_come_and_go_by_their_hash(segments: Segments, linkedin: Destination) -> None:
    rows = [*hashes("anna@example.nl", "bo@example.nl"), Row("anna@example.nl")]
    results = linkedin.sync(SyncBatch("10804", "upsert", rows))
    assert [result.status for result in results] == ["accepted", "accepted", "rejected"]
    assert segments.members == {row.key for row in rows[:2]}
    assert [result.status for result in linkedin.sync(SyncBatch("10804", "remove", rows[:1]))] == ["accepted"]
    assert segments.members == {rows[1].key}


@pytest.mark.parametrize(
    ("token", "settings", "ok", "told"),
    [
        (TOKEN, {"account": "7"}, True, "takes the sign-in"),
        ("kruidnagel", {"account": "7"}, False, "401"),
        ("kruidnagel", {}, True, "shows with the first request"),
    ],
)
def test_with_an_account_the_check_proves_the_sign_in(
    segments: Segments, token: str, settings: dict[str, str], ok: bool, told: str
) -> None:
    with served(segments) as api:
        config = LinkedIn.config_model(url=f"{api.url}/rest", token=token, allow_private=True, **settings)
        check = LinkedIn(config, Place("ads", Path())).check()
    assert check.ok == ok
    assert told in check.message
    assert token not in check.message


def test_it_says_that_its_documentation_is_all_that_it_was_held_to() -> None:
    assert [proof.how for proof in LinkedIn.proven] == ["played contract"]


def test_the_server_refuses_what_the_documentation_does_not_know(segments: Segments) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "linkedin-version": "202610"}
    assert segments(Asked("POST", "/rest/dmpSegments/1/users", {}, headers, b"{}")).status == 400
    assert segments.take({"action": "ADD", "userIds": [{"idType": "EMAIL", "idValue": "x"}]})["status"] == 400
