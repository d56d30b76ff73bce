"""Outgoing HTTP calls to addresses that an admin configured: where they may go, and what became of them.

A configured address is not trusted: a name may resolve to a server inside the network, or to another one at the
second look. So the name is resolved once, every address behind it is judged, the connection goes to that very
address, and redirects are not followed.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import ssl
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Self

import httpx
from pydantic import Field, model_validator

from hub.contracts import ConnectionConfig, Status, secrets_in
from hub.deadline import TimedTransport, within
from hub.errors import ConfigurationError, RejectedError, TemporaryError

LONGEST_ANSWER = 10 * 1024 * 1024
IN_ALL = 4
"""So many times the time-out of one read may pass until the whole answer is there."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ADDRESS = re.compile(r"\S*@\S*")
_NUMBER = re.compile(r"\+?\d(?:[ ./()-]?\d){6,}")
_ERRNO = re.compile(r"^\[Errno -?\d+\] ")
_LONGEST_REASON = 200
_SHORTEST_SECRET = 8
_SHORTEST_WORD = 3


class NotSentError(TemporaryError):
    """Nothing was taken, and nothing will be now: trying again later doubles nothing."""


class NoAnswerError(TemporaryError):
    """The request left, and no answer came: it may or may not have been taken."""


@dataclass(frozen=True)
class Answer:
    """What the other side said. `retry_after` is in seconds, where it asks us to wait; names of headers are small."""

    status: int
    body: bytes = field(repr=False)
    retry_after: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_page(self) -> bool:
        """Whether it is a page for people: of a sign-in, a proxy on the way, or the site beside the API."""
        return self.body[:200].lstrip().lower().startswith((b"<!doctype html", b"<html"))

    @property
    def holds_for_all(self) -> bool:
        """Whether a next request would get it too: we are to wait, or our sign-in is refused."""
        return self.status in _FOR_ALL or (self.status >= 400 and self.retry_after is not None)

    @property
    def at(self) -> datetime | None:
        """Its own clock, where it tells."""
        return _moment(self.headers.get("date", ""))


# The configuration is wrong, not the message: it waits until that is mended.
_ABOUT_US = {
    401: "the sign-in is refused",
    403: "this is not allowed with our sign-in",
    404: "the address is not there: check `url`",
    405: "the method is refused: check `url`",
    407: "a proxy asks for a sign-in",
}
_FOR_ALL = frozenset({401, 407, 429, 503})
_A_PAGE = "check `url`, and whether a proxy stands between"
_CHANGED_THERE = 412
"""A condition that we sent does not hold: somebody changed it since we read it."""


def status_of(answer: Answer, retriable: Collection[int]) -> Status:
    """Tell what an answer means for what was sent.

    2xx accepted, but unknown with a web page, for that is not what was asked; `retriable` statuses later, and so what
    only an admin can mend (a redirect, a refused sign-in), and 412: it was changed there since the hub read it; any
    other 5xx unknown, for the server may have taken it before it failed; any other 4xx rejected.
    """
    if 200 <= answer.status < 300:
        return "unknown" if answer.is_page else "accepted"
    if answer.status in retriable or answer.status in (*_ABOUT_US, _CHANGED_THERE) or answer.status < 400:
        return "later"
    return "rejected" if answer.status < 500 else "unknown"


def reason_of(answer: Answer, *hidden: str) -> str:
    """Say in one line why an answer was no success, with what the other side wrote; empty for a success."""
    if 200 <= answer.status < 300:
        return f"HTTP {answer.status} with a web page in the place of an answer: {_A_PAGE}" if answer.is_page else ""
    if answer.status < 400:
        return f"HTTP {answer.status}: redirects are not followed: write the final address as `url`"
    known = _ABOUT_US.get(answer.status, "")
    if answer.status == _CHANGED_THERE:
        known = "it was changed there since the hub read it: it goes again when that has landed"
    said = answer.body.decode("utf-8", "replace") if not answer.body.lstrip().startswith(b"<") else ""
    return clean_reason(f"HTTP {answer.status}: " + " ".join(filter(None, (known, said))), *hidden).rstrip(": ")


class Outgoing:
    """A client for one configured address. Use it as a context manager.

    With `allow_private`, loopback and private addresses are allowed, over plain HTTP too; link-local ones, where
    clouds keep their metadata, never are.
    """

    def __init__(
        self,
        url: str,
        *,
        allow_private: bool = False,
        timeout: float = 30.0,
        authority: Path | None = None,
        secrets: Collection[str] = (),
    ) -> None:
        """Judge the form of the address, as `check_url` does. Nothing is resolved yet.

        `timeout` is in seconds, for each read; the whole answer has `IN_ALL` times as long.

        `authority` is a file with the root certificate (PEM) of a server that public authorities do not vouch for.

        `secrets` are what the requests carry to sign in: a server that repeats one has it hidden in its answer.
        """
        check_url(url, allow_private=allow_private)
        self._url = httpx.URL(url)
        self._transport = PinnedTransport(allow_private, authority)
        self._timeout = httpx.Timeout(timeout).as_dict()
        self._in_all = IN_ALL * timeout
        self._secrets = {part for secret in secrets for part in (secret, *secret.split())}

    def __enter__(self) -> Self:
        """Keep the connection open between requests."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def request(
        self,
        method: str,
        content: bytes,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None = None,
        path: str = "",
    ) -> Answer:
        """Send one request, to a path below the address. Raises NotSentError or NoAnswerError; any status is an answer.

        Raises RejectedError for a path that would lead elsewhere (`contacts/..`) or an address that is too long, and
        ConfigurationError for a header that can't be written, as one with a secret that was copied badly.

        This goes around httpx's client, which logs addresses: their query may hold a telephone number.
        """
        headers = {name: _header(name, value) for name, value in headers.items()}
        if not {".", ".."}.isdisjoint(path.split("/")):
            raise RejectedError("a part of the address is . or .. and would lead elsewhere")
        try:
            url = self._url.copy_with(path=self._url.path.rstrip("/") + path) if path else self._url
            url = url.copy_merge_params(query) if query else url
        except httpx.InvalidURL:
            raise RejectedError("the address gets too long, or can't be written") from None
        try:
            with within(self._in_all):
                response = self._transport.send(method, url, headers, content, self._timeout)
                try:
                    signed = headers.get("Authorization", "").split()[1:]
                    body = _without(_read(response), {*self._secrets, *signed})
                    return Answer(response.status_code, body, _retry_after(response), _headers(response))
                finally:
                    response.close()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
            raise NotSentError(f"cannot reach {self.host}: {describe(error)}") from None
        except httpx.HTTPError as error:
            raise NoAnswerError(f"no answer from {self.host}: {type(error).__name__}") from None

    def lines(self) -> Iterator[str]:
        """Give the text that lies at the address line by line, however long it is.

        Raises TemporaryError where it is not there, or breaks off.
        """
        try:
            response = self._transport.send("GET", self._url, {}, b"", self._timeout)
            try:
                if response.status_code != 200:
                    raise TemporaryError(
                        f"{self.host}: what should be there is not (HTTP {response.status_code})",
                        _retry_after(response),
                    )
                yield from response.iter_lines()
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise TemporaryError(f"{self.host}: it broke off ({type(error).__name__})") from None

    def reach(self) -> None:
        """Open a connection and close it, without a request; NotSentError where that fails, or its certificate."""
        secure = self._url.scheme == "https"
        port = self._url.port or (443 if secure else 80)
        try:
            with socket.create_connection((self._transport.resolve(self._url.host, port), port), timeout=5) as opened:
                if secure:
                    self._transport.trust.wrap_socket(opened, server_hostname=self._url.host).close()
        except ssl.SSLCertVerificationError:
            raise NotSentError(f"cannot reach {self.host}: its certificate is not trusted") from None
        except ssl.SSLError:
            raise NotSentError(f"cannot reach {self.host}: it speaks no TLS there: check the port in `url`") from None
        except (OSError, httpx.ConnectError) as error:
            raise NotSentError(f"cannot reach {self.host}: {describe(error)}") from None

    @property
    def host(self) -> str:
        """Host and port, for messages: the path may hold a secret."""
        return self._url.netloc.decode("ascii")


class HttpClient:
    """What asks one server in its own words, through an `Outgoing` of its own. Use it as a context manager."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing

    def __enter__(self) -> Self:
        """Keep the connection open between requests."""
        self._outgoing.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._outgoing.__exit__(kind, error, trace)

    @property
    def host(self) -> str:
        """The server, for messages."""
        return self._outgoing.host


def check_url(url: str, *, allow_private: bool = False) -> None:
    """Judge the form of a configured address; ConfigurationError says what to mend. Nothing is resolved."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ConfigurationError("url: write a full address such as https://api.example.com/messages")
    if parsed.scheme == "http" and not allow_private:
        raise ConfigurationError(
            "url: personal data needs https; plain http is for this machine or a private network, with "
            "`allow_private: true`"
        )
    if parsed.userinfo:
        raise ConfigurationError("url: put a name and password into a header, not into the address")


Seconds = Annotated[float, Field(gt=0, description="Seconds to wait for an answer.")]


class AddressConfig(ConnectionConfig):
    """The keys of a connection to one address. A plugin says in `url` what stands there, and adds its own."""

    url: str
    timeout: Seconds = 30.0
    allow_private: bool = Field(False, description="It stands in our own network, or on this machine.")

    @model_validator(mode="after")
    def _address_is_allowed(self) -> Self:
        try:
            check_url(self.url, allow_private=self.allow_private)
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
        return self

    def outgoing(self, authority: Path | None = None, url: str | None = None) -> Outgoing:
        """Give a client for the address, or for another `url` of the same system; `authority` as `Outgoing` has it.

        What comes back holds none of the secrets of this configuration.
        """
        return Outgoing(
            url or self.url,
            allow_private=self.allow_private,
            timeout=self.timeout,
            authority=authority,
            secrets=secrets_in(self),
        )


class PinnedTransport:
    """Resolves a name once, refuses addresses that are not public, and connects to the address it judged."""

    def __init__(self, allow_private: bool = False, authority: Path | None = None) -> None:
        self._allow_private = allow_private
        self._pinned: dict[tuple[str, int], str] = {}
        self._last: tuple[httpx.URL, httpx.URL] | None = None
        self._authority = authority
        self._transport = TimedTransport(verify=self.trust if authority else True)

    @cached_property
    def trust(self) -> ssl.SSLContext:
        """Who vouches for a server: public authorities, and the one that was named."""
        return _trusting(self._authority)

    def send(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        content: bytes,
        timeout: Mapping[str, float | None],
    ) -> httpx.Response:
        """Send a request to the pinned address; certificate and Host header still belong to the name."""
        pinned = httpx.Request(
            method,
            self._pinned_url(url),
            headers={"Host": url.netloc.decode("ascii"), **headers},
            content=content,
            extensions={"timeout": timeout, "sni_hostname": url.host},
        )
        return self._transport.handle_request(pinned)

    def _pinned_url(self, url: httpx.URL) -> httpx.URL:
        """Put the address in the place of the name; many requests in a row go to one URL."""
        if self._last is None or self._last[0] != url:
            port = url.port or (443 if url.scheme == "https" else 80)
            self._last = url, url.copy_with(host=self.resolve(url.host, port))
        return self._last[1]

    def resolve(self, host: str, port: int) -> str:
        """Give the one address that this transport uses for a name; httpx.ConnectError if it may not be used."""
        if (host, port) not in self._pinned:
            try:
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except OSError as error:
                raise httpx.ConnectError(f"the name does not resolve: {error.strerror}") from None
            addresses = [str(entry[4][0]) for entry in found]
            if not all(may_be_called(address, self._allow_private) for address in addresses):
                raise httpx.ConnectError(
                    "the name leads to an address that is not public; if you mean it, set `allow_private: true` "
                    "(never for link-local addresses)"
                )
            self._pinned[host, port] = addresses[0]
        return self._pinned[host, port]

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


def may_be_called(address: str, allow_private: bool = False) -> bool:
    """Judge an IP address: public ones may be called, private and loopback ones only where allowed.

    An IPv4 address inside an IPv6 one (mapped, 6to4, NAT64) is judged as itself.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or _nat64(ip) or ip
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified or str(ip) == "fd00:ec2::254":
        return False
    return ip.is_global or (allow_private and (ip.is_private or ip.is_loopback))


def _trusting(authority: Path | None) -> ssl.SSLContext:
    context = httpx.create_ssl_context()
    if authority is None:
        return context
    try:
        context.load_verify_locations(cafile=authority)
    except (OSError, ssl.SSLError):
        raise ConfigurationError(f"{authority.name} is no file with a certificate (PEM): check the path") from None
    return context


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def _nat64(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None


def clean_reason(text: str, *hidden: str) -> str:
    """Make a reason from outside fit to keep: one short line without addresses, long numbers and `hidden` words."""
    line = _one_line(text)
    words = sorted({_one_line(word) for word in hidden} - {""}, key=len, reverse=True)
    if words:
        line = re.sub("|".join(map(re.escape, words)), "[hidden]", line, flags=re.IGNORECASE)
    line = _NUMBER.sub("[number]", _ADDRESS.sub("[address]", line))
    return line if len(line) <= _LONGEST_REASON else line[: _LONGEST_REASON - 1] + "\u2026"


def words_of(values: Iterable[Any]) -> frozenset[str]:
    """Give the words of personal values that a reason must not repeat, also where only a part is quoted."""
    words = {word for value in values if isinstance(value, str) for word in value.split()}
    return frozenset(word for word in words if len(word) >= _SHORTEST_WORD)


def _one_line(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())


def describe(error: Exception) -> str:
    """Say what an error of the network was, in a few words."""
    text = getattr(error, "strerror", None) or str(error)
    return clean_reason(_ERRNO.sub("", text) or type(error).__name__)


def _header(name: str, value: str) -> str:
    """Write the value of a header: spaces and line breaks around it are no part of it (RFC 9110, 5.5)."""
    value = value.strip()
    if not value.isascii() or _CONTROL.search(value):
        raise ConfigurationError(f"the header {name} holds a sign that no header may: write its key or secret anew")
    return value


def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > LONGEST_ANSWER:
            raise httpx.ReadError("the answer is too long")
    return bytes(body)


def _without(body: bytes, secrets: Collection[str]) -> bytes:
    """Hide secrets, the longest first; what is shorter than any key is left, for it may be a word of the answer."""
    for secret in sorted((one for one in secrets if len(one) >= _SHORTEST_SECRET), key=len, reverse=True):
        body = body.replace(secret.encode(), b"[hidden]").replace(json.dumps(secret)[1:-1].encode(), b"[hidden]")
    return body


def _retry_after(response: httpx.Response) -> float | None:
    """Give the seconds that it asks us to wait; a date counts from its own clock, where it tells that."""
    asked = response.headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdigit():
        return float(asked)
    until = _moment(asked)
    if until is None:
        return None
    now = _moment(response.headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds())


def _moment(written: str) -> datetime | None:
    """Read a date of HTTP (RFC 9110, 5.6.7)."""
    try:
        found = parsedate_to_datetime(written)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _headers(response: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}
