"""Asking an API: sessions that are patient, sign in, and go nowhere else."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hub.contracts import Place
from hub.errors import ConfigurationError, TemporaryError
from hub.oauth import Client, Tokens, service_account
from hub.outgoing import may_be_called
from hub.patience import patiently
from plugins.sources.rest.config import Auth
from plugins.sources.rest.pace import Pace
from plugins.sources.rest.unreachable import why_unreachable

if TYPE_CHECKING:
    import socket

    import requests

ATTEMPTS = 4
TIMEOUT = 60.0


def session_for(
    url: str,
    auth: Auth | None,
    allow_private: bool,
    tokens: Tokens | None,
    look: Callable[[str, Any], None],
    pace: Pace,
) -> Any:
    """Give a session that asks again when the API is busy or stumbles, after as long as it says in Retry-After.

    Every request keeps the pace, also one that is made again. An API that wants to be left alone for longer than
    a minute is: a next run goes on.

    It signs its requests, so it asks the API at `url` only: a link to another host would carry our login there.
    A token that the API no longer takes is replaced once. `look` is given each answer, to find errors in it. The
    session's `clock` is the API's at its first answer, None before it; its `authority` a file with a root certificate.
    """
    import requests

    class PatientSession(requests.Session):
        clock: datetime | None = None
        authority: str | None = None

        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            return patiently(ATTEMPTS, 0.25)(self._once, request, options)

        def _in_turn(self, request: requests.PreparedRequest, options: dict[str, Any]) -> requests.Response:
            if self.authority is not None:
                options = {**options, "verify": self.authority}  # or the environment of this machine goes first
            with pace.turn():
                return super().send(request, **{"timeout": TIMEOUT, **options})

        def _once(self, request: requests.PreparedRequest, options: dict[str, Any]) -> requests.Response:
            where = _where(request)
            if urlsplit(str(request.url)).netloc != home:
                raise ConfigurationError(
                    f"{where}: the API's next page is on another host; it is not asked with our login"
                )
            try:
                response = self._in_turn(request, options)
                if response.status_code == 401 and tokens is not None:
                    used = str(request.headers["Authorization"]).removeprefix("Bearer ")
                    request.headers["Authorization"] = f"Bearer {tokens.access(refused=used)}"
                    response = self._in_turn(request, options)
            except requests.TooManyRedirects:
                raise ConfigurationError(f"{where}: the API leads from one address to another; mend `url`") from None
            except requests.RequestException as error:
                raise TemporaryError(f"{where}: no answer: {why_unreachable(error)}") from None
            if response.status_code == 429 or response.status_code >= 500:
                raise TemporaryError(f"{where}: the API answers {response.status_code}", _retry_after(response))
            self.clock = self.clock or _date(response)
            _refuse(response)
            answer = _parse(response)
            look(where, answer)
            response.json = lambda **_: answer  # type: ignore[method-assign]  # or each part of dlt parses it again
            return response

    home = urlsplit(url).netloc
    session = PatientSession()
    session.auth = _signer(auth, tokens) if auth is not None else None
    for scheme in ("http://", "https://"):
        session.mount(scheme, _judging_adapter(allow_private))
    return session


def _judging_adapter(allow_private: bool) -> Any:
    """Judge each connection by the address it reached, before anything is sent: a name may lead into our network."""
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    class Judged(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            opened = super()._new_conn()
            if not may_be_called(str(opened.getpeername()[0]), allow_private):
                opened.close()
                raise ConfigurationError(
                    f"{self.host}: this leads to an address that is not public; if you mean it, set "
                    "`allow_private: true` (never for link-local addresses)"
                )
            return opened

    class JudgedTls(Judged, HTTPSConnection):
        """The same, encrypted."""

    class Plain(HTTPConnectionPool):
        ConnectionCls = Judged

    class Encrypted(HTTPSConnectionPool):
        ConnectionCls = JudgedTls

    adapter = HTTPAdapter()
    adapter.poolmanager.pool_classes_by_scheme = {"http": Plain, "https": Encrypted}
    return adapter


def _refuse(response: requests.Response) -> None:
    """Refuse what is no answer, in words that say what to mend."""
    where, status = _where(response.request), response.status_code
    if status in (401, 403):
        raise ConfigurationError(
            f"{where}: the API refuses the login ({status}); mend `auth`, or the rights of its user"
        )
    if status == 404:
        raise ConfigurationError(f"{where}: there is nothing here (404); mend `url` or `path`")
    if status >= 400:
        raise ConfigurationError(
            f"{where}: the API refuses the request ({status}); mend `params`, `paginate` or `cursor`"
        )


def _parse(response: requests.Response) -> Any:
    try:
        return json.loads(response.content)
    except ValueError:
        kind = response.headers.get("Content-Type", "of no type").split(";")[0]
        raise ConfigurationError(
            f"{_where(response.request)}: the answer is no JSON ({kind}); mend `url` or `path`"
        ) from None


def _where(request: Any) -> str:
    return str(request.url).split("?")[0]


def _retry_after(response: requests.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    if text.isdigit():
        return float(text)
    until = _moment(text)
    return None if until is None else max(0.0, (until - datetime.now(UTC)).total_seconds())


def _date(response: requests.Response) -> datetime:
    """Give the API's own clock, or ours where it tells none."""
    return _moment(response.headers.get("Date", "")) or datetime.now(UTC)


def _moment(text: str) -> datetime | None:
    """Read a moment as headers write it."""
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def tokens_for(auth: Auth | None, place: Place, allow_private: bool) -> Tokens | None:
    """Give what hands out access tokens, where the API is signed in to by OAuth."""
    if auth is None or auth.type != "oauth2":
        return None
    if auth.service_account is not None:
        account = service_account(place.folder / auth.service_account)
        own = Client(auth.token_url or account.token_url, account.email, "", scope=auth.scope, account=account)
        return Tokens(own, place.folder, place.connection, allow_private=allow_private)
    if auth.client_secret is None:
        return None
    refresh = auth.refresh_token.get_secret_value() if auth.refresh_token else None
    client = Client(
        auth.token_url or "", auth.client_id or "", auth.client_secret.get_secret_value(), refresh, auth.scope
    )
    return Tokens(client, place.folder, place.connection, allow_private=allow_private)


def login(auth: Auth | None) -> tuple[dict[str, str], dict[str, str]]:
    """Give the headers and the parameters that say who asks; an access token comes with each request."""
    if auth is None or auth.type == "oauth2":
        return {}, {}
    token = auth.token.get_secret_value() if auth.token else ""
    if auth.type == "basic":
        password = auth.password.get_secret_value() if auth.password else ""
        return {"Authorization": f"Basic {b64encode(f'{auth.user}:{password}'.encode()).decode()}"}, {}
    if auth.type == "bearer":
        return {"Authorization": f"Bearer {token}"}, {}
    return ({auth.name: token}, {}) if auth.place == "header" else ({}, {auth.name: token})


def _signer(auth: Auth, tokens: Tokens | None) -> Any:
    from dlt.sources.helpers.rest_client.auth import APIKeyAuth, BearerTokenAuth, HttpBasicAuth

    token = auth.token.get_secret_value() if auth.token else ""
    if auth.type == "basic":
        return HttpBasicAuth(auth.user or "", auth.password.get_secret_value() if auth.password else "")
    if auth.type == "bearer" or tokens is not None:
        return BearerTokenAuth(tokens.access() if tokens is not None else token)
    if auth.place == "form":
        return _in_a_form(auth.name, token)
    return APIKeyAuth(auth.name, token, "header" if auth.place == "header" else "query")


def _in_a_form(name: str, token: str) -> Any:
    """Ask by POST, with the key in a form: some APIs refuse keys in addresses, which end up in logs."""

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.method = "POST"
        request.prepare_body({name: token}, None)
        return request

    return sign
