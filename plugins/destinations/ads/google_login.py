"""Signing in to Google: a refresh token becomes an access token, which holds for an hour."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlencode

from pydantic import SecretStr

from hub.errors import ConfigurationError
from hub.outgoing import NotSentError, Outgoing, clean_reason
from hub.templated import parsed, text_at, value_at

_EARLY = 60.0
"""So many seconds before its end a token is not used any more."""


class GoogleLogin:
    """The access token of a connection, fetched when it is needed."""

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: SecretStr,
        refresh_token: SecretStr,
        allow_private: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url, self._allow_private = token_url, allow_private
        self._client_id, self._client_secret, self._refresh_token = client_id, client_secret, refresh_token
        self._clock = clock
        self._token, self._until = "", 0.0

    def token(self) -> str:
        """Give an access token. Raises ConfigurationError where Google refuses us, NotSentError and NoAnswerError."""
        if not self._token or self._clock() > self._until:
            fields = {
                "grant_type": "refresh_token",
                "client_id": self._client_id,
                "client_secret": self._client_secret.get_secret_value(),
                "refresh_token": self._refresh_token.get_secret_value(),
            }
            headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
            with Outgoing(self._url, allow_private=self._allow_private) as google:
                answer = google.request("POST", urlencode(fields).encode(), headers)
                if answer.status >= 500 or answer.status == 429:
                    raise NotSentError(f"{google.host} gives no access token now: HTTP {answer.status}")
            said = parsed(answer.body)
            self._token = text_at("access_token", said)
            if answer.status != 200 or not self._token:
                error = clean_reason(text_at("error", said) or f"HTTP {answer.status}")
                raise ConfigurationError(
                    f"Google gives no access token ({error}): mend `client_id`, `client_secret` and `refresh_token`"
                )
            expires = value_at("expires_in", said)
            self._until = self._clock() + (expires if isinstance(expires, int) else 0) - _EARLY
        return self._token
