"""Signing in by OAuth 2.0: tokens are asked for when they are needed, kept, replaced, and never shown (RFC 6749)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from hub.contracts import Place, Row, SyncBatch
from hub.errors import ConfigurationError
from hub.oauth import Client, Tokens
from hub.outgoing import NotSentError
from hub.testing.sources import Landing
from plugins.sources.rest import Rest, RestConfig
from tests.plugins.vendors.served import Answered, Asked, Served, served

SECRET = "cl1ent-s3same"
REFRESH = "refresh-0"


class Api:
    """An API with a token end point; every refresh token is taken once, and gives the next."""

    def __init__(self) -> None:
        self.refresh = REFRESH
        self.given = 0
        self.lasts = 3600
        self.good: set[str] = set()
        self.down = False
        self.things = [{"id": 1}]
        self.written: list[Any] = []

    def __call__(self, asked: Asked) -> Answered:
        if asked.path == "/token":
            return self.token(dict(parse_qsl(asked.body.decode())))
        if asked.headers.get("authorization", "").removeprefix("Bearer ") not in self.good:
            return Answered(401, {"error": "expired"})
        if asked.method == "POST":
            self.written.append(asked.json)
            return Answered(201, {})
        return Answered(200, self.things)

    def token(self, form: dict[str, str]) -> Answered:
        if self.down:
            return Answered(503, {}, {"Retry-After": "7"})
        if (form["client_id"], form["client_secret"]) != ("hub", SECRET):
            return Answered(401, {"error": "invalid_client", "error_description": SECRET})
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] != self.refresh:
                return Answered(400, {"error": "invalid_grant"})
            self.refresh = f"refresh-{self.given + 1}"
        elif form["grant_type"] != "client_credentials" or form.get("scope") != "read write":
            return Answered(400, {"error": "invalid_scope"})
        self.given += 1
        self.good = {f"token-{self.given}"}
        rotated = {"refresh_token": self.refresh} if form["grant_type"] == "refresh_token" else {}
        return Answered(200, {"access_token": f"token-{self.given}", "expires_in": self.lasts, **rotated})


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def shop(api: Api) -> Iterator[Served]:
    with served(api) as found:
        yield found


def rest(shop: Served, folder: Path, **auth: str) -> Rest:
    said = {"type": "oauth2", "token_url": f"{shop.url}/token", "client_id": "hub", "client_secret": SECRET}
    config = {
        "auth": {**said, "scope": "read write", **auth},
        "resources": {"things": {"path": "things"}},
        "objects": {"things": {"upsert": {"path": "things", "body": {"id": "{key}"}}}},
    }
    made = RestConfig.model_validate({"url": shop.url, "allow_private": True, **config})
    return Rest(made, Place("shop", folder))


def tokens_asked(shop: Served) -> int:
    return sum(asked.path == "/token" for asked in shop.asked)


@pytest.mark.parametrize("lasts", [3600, "3600", "", None])
def test_one_token_serves_reading_and_writing_and_the_next_process(
    api: Api, shop: Served, tmp_path: Path, lasts: Any
) -> None:
    api.lasts = lasts
    assert rest(shop, tmp_path).check().ok
    Landing(rest(shop, tmp_path), tmp_path).run()
    (result,) = rest(shop, tmp_path).sync(SyncBatch("things", "upsert", [Row("p1", {})]))
    assert result.status == "accepted"
    assert api.written == [{"id": "p1"}]
    assert tokens_asked(shop) == 1


def test_a_token_near_its_end_is_replaced_before_it_is_used(api: Api, shop: Served, tmp_path: Path) -> None:
    api.lasts = 0
    for _ in range(2):
        assert rest(shop, tmp_path).check().ok
    assert tokens_asked(shop) == 2
    assert not [asked for asked in shop.asked if asked.headers.get("authorization") == "Bearer token-0"]


def test_a_token_that_is_revoked_is_replaced_once_in_reading_and_in_writing(
    api: Api, shop: Served, tmp_path: Path
) -> None:
    assert rest(shop, tmp_path).check().ok
    api.good = set()
    assert rest(shop, tmp_path).check().ok
    api.good = set()
    (result,) = rest(shop, tmp_path).sync(SyncBatch("things", "upsert", [Row("p1", {})]))
    assert result.status == "accepted"
    assert len(api.written) == 1
    assert tokens_asked(shop) == 3


def test_every_refresh_token_is_used_once_and_the_newest_is_kept(api: Api, shop: Served, tmp_path: Path) -> None:
    api.lasts = 0
    for _ in range(3):
        assert rest(shop, tmp_path, refresh_token=REFRESH).check().ok
    assert api.refresh == "refresh-3"
    kept = tmp_path / ".hub" / "tokens" / "shop.json"
    assert kept.stat().st_mode & 0o077 == 0
    assert SECRET not in kept.read_text()


def test_a_new_refresh_token_in_the_configuration_replaces_the_one_that_is_kept(
    api: Api, shop: Served, tmp_path: Path
) -> None:
    assert rest(shop, tmp_path, refresh_token=REFRESH).check().ok
    api.refresh, api.good = "signed-in-again", set()
    lost = rest(shop, tmp_path, refresh_token=REFRESH).check()
    assert not lost.ok
    assert "invalid_grant" in lost.message
    assert "sign in again" in lost.message
    assert rest(shop, tmp_path, refresh_token="signed-in-again").check().ok


def test_a_refused_client_is_told_without_its_secret(shop: Served, tmp_path: Path) -> None:
    check = rest(shop, tmp_path, client_secret="wr0ng").check()
    assert not check.ok
    assert "invalid_client" in check.message
    assert "client_secret" in check.message
    assert SECRET not in check.message


def test_a_sign_in_that_does_not_answer_means_later_and_sends_nothing(api: Api, shop: Served, tmp_path: Path) -> None:
    api.down = True
    (result,) = rest(shop, tmp_path).sync(SyncBatch("things", "upsert", [Row("p1", {})]))
    assert (result.status, result.reason) == ("later", f"the sign-in at {shop.url.removeprefix('http://')} answers 503")
    assert api.written == []


def test_a_sign_in_that_cannot_be_reached_is_nothing_sent(tmp_path: Path) -> None:
    client = Client("http://127.0.0.1:9/token", "hub", SECRET)
    with pytest.raises(NotSentError):
        Tokens(client, tmp_path, "shop", allow_private=True).access()


def test_a_token_end_point_needs_encryption(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="https"):
        Tokens(Client("http://login.example.com/token", "hub", SECRET), tmp_path, "shop").access()


def test_a_sign_in_is_complete() -> None:
    with pytest.raises(ValueError, match="oauth2 needs `token_url`, `client_id` and `client_secret`"):
        RestConfig.model_validate(
            {
                "url": "https://api.example.com",
                "auth": {"type": "oauth2", "client_id": "hub"},
                "resources": {"things": {"path": "things"}},
            }
        )
