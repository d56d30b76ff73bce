"""A program that signs in by a key of its own (RFC 7523)."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from hub.contracts import Place
from hub.errors import ConfigurationError
from hub.testing.sources import CONNECTION, Landing
from plugins.sources.rest import Rest, RestConfig
from tests.plugins.vendors.accounts import EMAIL, JWT, key_file, says
from tests.plugins.vendors.served import Answered, Asked, served

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def things(url: str, folder: Path, **auth: str) -> Landing:
    login = {"type": "oauth2", "service_account": "key.json", "scope": "things.read", **auth}
    lists = {"things": {"path": "things"}}
    config = RestConfig.model_validate({"url": url, "allow_private": True, "auth": login, "resources": lists})
    return Landing(Rest(config, Place(CONNECTION, folder)), folder)


def test_what_a_program_signs_says_who_it_is_and_is_good_for_an_hour(tmp_path: Path) -> None:
    def api(asked: Asked) -> Answered:
        if asked.path == "/token":
            return Answered(200, {"access_token": "t0ken", "expires_in": 3599})
        right = asked.headers.get("authorization") == "Bearer t0ken"
        return Answered(200, [{"id": 1}]) if right else Answered(401, {})

    with served(api) as running:
        key_file(tmp_path / "key.json", KEY, f"{running.url}/token")
        assert things(running.url, tmp_path).run().rows == {"things": 1}
        things(running.url, tmp_path).run()
        asked = [dict(parse_qsl(one.body.decode())) for one in running.asked if one.path == "/token"]
        (form,) = asked
    assert form["grant_type"] == JWT
    claims = says(form["assertion"], KEY)
    issued = claims["iat"]
    assert claims == {
        "iss": EMAIL,
        "aud": f"{running.url}/token",
        "iat": issued,
        "exp": issued + 3600,
        "scope": "things.read",
    }
    assert abs(time.time() - issued) < 600
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "key.json"]
    assert not any(b"PRIVATE KEY" in path.read_bytes() for path in kept), "the key stays where it is"


def test_a_key_file_that_is_none_is_told(tmp_path: Path) -> None:
    file, url = tmp_path / "key.json", "http://127.0.0.1:9"
    with pytest.raises(ConfigurationError, match=r"there is no file key\.json"):
        things(url, tmp_path).run()
    file.write_text('{"type": "authorized_user"}', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"key\.json is no key file of a service account"):
        things(url, tmp_path).run()
    key_file(file, KEY, f"{url}/token", private_key="no key")
    with pytest.raises(ConfigurationError, match="its private_key can't be read"):
        things(url, tmp_path).run()


def test_who_signs_in_neither_way_is_told() -> None:
    with pytest.raises(ValueError, match="or a `service_account`"):
        RestConfig.model_validate(
            {"url": "https://api.example.com", "auth": {"type": "oauth2"}, "resources": {"things": {"path": "things"}}}
        )
