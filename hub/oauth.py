"""Access tokens by OAuth 2.0 (RFC 6749): asked for when one is needed, used for as long as it is good, and never shown.

    auth:
      type: oauth2
      token_url: https://login.example.com/oauth2/token
      client_id: ${CRM_CLIENT}
      client_secret: ${CRM_SECRET}
      refresh_token: ${CRM_REFRESH}      # without one: the client signs in as itself (client credentials)

A program may also sign in by a key of its own (RFC 7523), which Google calls a service account: `service_account` names
the file with it.

Some servers give a new refresh token each time and take every one only once. The newest is kept in `.hub/tokens/`, in
a file that only its owner may read; another one in the configuration replaces it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from hub.errors import ConfigurationError
from hub.outgoing import Answer, NoAnswerError, NotSentError, Outgoing

MARGIN = 25.0
"""Seconds before its end at which a token is no longer used; some servers give a new one no earlier than 30."""
UNSAID = 300.0
"""Seconds that a token is used where the server does not say."""

ASSERTED = 3600
"""Seconds that a statement of a service account holds: the most that Google takes."""

_KEY_FILE = ("client_email", "private_key_id", "private_key", "token_uri")
_CODE = re.compile(r"[a-z_]{3,40}")
_SIGN_IN_AGAIN = "the refresh token is no longer taken: sign in again, and give the hub a new one"
_WHO = "mend what it signs in with: client, secret or refresh token, or the key of the service account"
_MEANINGS = {
    "invalid_grant": _SIGN_IN_AGAIN,
    "invalid_client": "mend `client_id` or `client_secret`",
    "unauthorized_client": "the client may not sign in this way: look at its rights there",
    "invalid_scope": "mend `scope`",
}


@dataclass(frozen=True)
class ServiceAccount:
    """A program's own key (RSA, in PEM), as its file has it."""

    email: str
    key_id: str
    key: str = field(repr=False)
    token_url: str

    def assertion(self, token_url: str, scope: str | None, now: int) -> str:
        """Say who signs in, for an hour from now, signed with the key (RS256). Raises ConfigurationError."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import padding, rsa

        try:
            key = serialization.load_pem_private_key(self.key.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ConfigurationError("`service_account`: its private_key can't be read") from None
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ConfigurationError("`service_account`: its private_key is no RSA key")
        head = {"alg": "RS256", "typ": "JWT", "kid": self.key_id}
        says = {"iss": self.email, "aud": token_url, "iat": now, "exp": now + ASSERTED, "scope": scope or ""}
        signed = f"{_encoded(json.dumps(head).encode())}.{_encoded(json.dumps(says).encode())}"
        return f"{signed}.{_encoded(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def service_account(file: Path) -> ServiceAccount:
    """Read a key file, as Google gives it (JSON). Raises ConfigurationError."""
    try:
        said = json.loads(file.read_bytes())
        return ServiceAccount(*(str(said[name]) for name in _KEY_FILE))
    except FileNotFoundError:
        raise ConfigurationError(f"`service_account`: there is no file {file.name}") from None
    except (ValueError, KeyError, TypeError):
        raise ConfigurationError(f"`service_account`: {file.name} is no key file of a service account") from None


@dataclass(frozen=True)
class Client:
    """Who signs in, and where; texts as the configuration has them."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    scope: str | None = None
    account: ServiceAccount | None = None

    @property
    def mark(self) -> str:
        """What tells this sign-in from another one, without its secrets."""
        said = [self.token_url, self.client_id, self.client_secret, self.refresh_token or "", self.scope or ""]
        said += [self.account.key] if self.account is not None else []
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


class Tokens:
    """The access token of one connection, for all processes of a project on this machine."""

    def __init__(self, client: Client, folder: Path, connection: str, *, allow_private: bool = False) -> None:
        """Keep nothing and ask nothing yet. `folder` is the project's."""
        self._client = client
        self._file = folder / ".hub" / "tokens" / f"{connection}.json"
        self._allow_private = allow_private

    def access(self, refused: str | None = None) -> str:
        """Give a token that is good, and another one than `refused`.

        Raises ConfigurationError where the sign-in is refused, NotSentError where the server does not answer.
        """
        with self._alone():
            known = self._known()
            if known.get("access") not in (None, refused) and float(known["good_until"]) > time.time():
                return known["access"]
            answer = self._ask(known.get("refresh") or self._client.refresh_token)
            lasts = _seconds(answer.get("expires_in"))
            self._keep(
                {
                    "client": self._client.mark,
                    "access": answer["access_token"],
                    "refresh": answer.get("refresh_token") or known.get("refresh") or "",
                    "good_until": str(time.time() + max(lasts - MARGIN, lasts / 2)),
                }
            )
            return answer["access_token"]

    def _ask(self, refresh: str | None) -> dict[str, str]:
        form = self._form(refresh)
        kinds = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        with Outgoing(self._client.token_url, allow_private=self._allow_private) as outgoing:
            try:
                answer = outgoing.request("POST", urlencode(form).encode(), kinds)
            except NoAnswerError as error:
                raise NotSentError(f"the sign-in: {error}") from None  # what we want to send has not left yet
        return _given(answer, f"the sign-in at {outgoing.host}")

    def _form(self, refresh: str | None) -> dict[str, str]:
        client = self._client
        if client.account is not None:
            asserted = client.account.assertion(client.token_url, client.scope, int(time.time()))
            return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": asserted}
        form = {"grant_type": "refresh_token" if refresh else "client_credentials", "client_id": client.client_id}
        form["client_secret"] = client.client_secret
        form |= {"refresh_token": refresh} if refresh else {}
        return form | ({"scope": client.scope} if client.scope else {})

    def _known(self) -> dict[str, str]:
        try:
            known: dict[str, str] = json.loads(self._file.read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return known if known.get("client") == self._client.mark else {}

    def _keep(self, known: Mapping[str, str]) -> None:
        new = self._file.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(known, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._file)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one process ask at a time: two that use the same refresh token would lose it."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _seconds(said: object) -> float:
    """Read how long a token lasts; some servers give it as text, or give nothing."""
    try:
        return float(str(said))
    except ValueError:
        return UNSAID


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")


def _given(answer: Answer, what: str) -> dict[str, str]:
    try:
        said = json.loads(answer.body)
    except ValueError:
        said = None
    said = said if isinstance(said, dict) else {}
    if answer.status == 429 or answer.status >= 500:
        raise NotSentError(f"{what} answers {answer.status}", retry_after=answer.retry_after)
    if answer.status >= 300:
        code = str(said.get("error", ""))
        told = f" ({code})" if _CODE.fullmatch(code) else ""
        raise ConfigurationError(f"{what} is refused{told}: {_MEANINGS.get(code, _WHO)}")
    if not isinstance(said.get("access_token"), str):
        raise ConfigurationError(f"{what} gives no access token; mend `token_url`")
    return said
