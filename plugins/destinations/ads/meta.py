"""meta_ads: keeps the members of Meta's custom audiences (Facebook, Instagram) by their hashes.

    POST or DELETE /v25.0/AUDIENCE/users   session={...}  payload={"schema": ["EMAIL", "PHONE"], "data": [[HASH, HASH]]}

Meta says how many of a request were invalid and not which, so such a request is sent again in halves until it is known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from pydantic import Field, SecretStr

from hub.contracts import Capabilities, Check, Destination, Proof, Result, Status, SyncBatch
from hub.errors import ConfigurationError, HubError, TemporaryError
from hub.outgoing import (
    AddressConfig,
    Answer,
    NoAnswerError,
    NotSentError,
    Outgoing,
    Seconds,
    clean_reason,
    reason_of,
    status_of,
)
from hub.templated import parsed, value_at
from hub.units import Rates
from plugins.destinations.ads.identifiers import META_ALONE, meta_identifiers
from plugins.destinations.ads.members import Member, prepared
from plugins.destinations.ads.news import news

if TYPE_CHECKING:
    from dlt.extract import DltResource

MOST = 10_000
"""People per request."""

RETRIABLE = frozenset({408, 425, 429, 503})
_BUSY = frozenset({1, 2, 4, 17, 32, 341, 368, 613, *range(80_000, 80_015)})
_OURS = frozenset({10, 102, 190, 294, *range(200, 300)})
_FLAGGED = 1713230
_AUDIENCE = "id,name,approximate_count_lower_bound,approximate_count_upper_bound,operation_status,delivery_status"
_SESSION = "session_id,start_time,end_time,num_received,num_matched,num_invalid_entries,stage,progress"


class MetaAdsConfig(AddressConfig):
    """Which ad account, and who we are."""

    account: str = Field(pattern=r"^(act_)?[0-9]+$", description="The ad account: act_1234567890.")
    token: SecretStr = Field(description="The access token of a system user that may manage ads (ads_management).")
    url: str = Field("https://graph.facebook.com/v25.0", description="The address of the Graph API with its version.")
    rate: Rates = Field((), description="The most that is asked: 100/min. Meta says when to wait.")
    timeout: Seconds = 60.0


@dataclass(frozen=True)
class Told:
    """What an answer means for everything that its request carried; `invalid` of them were not taken."""

    status: Status
    reason: str = ""
    retry_after: float | None = None
    invalid: int = 0


class MetaAds(Destination):
    """One request per batch; adding somebody who is there, and removing who is not, changes nothing."""

    name = "meta_ads"
    summary = "Keeps the members of Meta's custom audiences by their hashes; reads sizes and match rates."
    config_model = MetaAdsConfig
    default_mapping = Path(__file__).parents[3] / "mappings" / "meta_ads.yaml"
    proven = (Proof("played contract", "its documentation", "v25.0", date(2026, 11, 22)),)
    config: MetaAdsConfig

    @property
    def capabilities(self) -> Capabilities:
        """Members come and go, 10,000 in a request."""
        return Capabilities(
            operations=frozenset({"upsert", "remove"}), batch_size=MOST, rates=self.config.rate, one_by_one=True
        )

    def check(self) -> Check:
        """List the audiences of the account."""
        try:
            audiences = list(self._listed(f"{self._account}/customaudiences", "id,name"))
        except HubError as error:
            return Check(False, str(error))
        return Check(True, f"the ad account has {len(audiences)} custom audiences")

    def sync(self, batch: SyncBatch) -> Sequence[Result]:
        """Add or remove members of the audience whose number the sync names."""
        sorted_ = prepared(batch, meta_identifiers, META_ALONE)
        results = dict(sorted_.results)
        with self._outgoing() as meta:
            outdated = [Member(one.key, {}, one.gone) for one in sorted_.writing if one.gone]
            for one, told in self._change(meta, "DELETE", batch.target, [*sorted_.leaving, *outdated]):
                if told.status != "accepted":
                    results[one.key] = Result(one.key, told.status, reason=told.reason, retry_after=told.retry_after)
            going = [one for one in sorted_.writing if one.key not in results]
            for one, told in self._change(meta, "POST", batch.target, going):
                remote_id = one.remote_id if told.status == "accepted" else ""
                results[one.key] = Result(one.key, told.status, remote_id, told.reason, told.retry_after)
        return [results[key] for key in batch.keys]

    def feedback(self) -> Iterable[DltResource]:
        """Give the audiences with their sizes, and the uploads with how many people were matched."""
        import dlt

        def audiences() -> Iterator[Any]:
            yield news(self._listed(f"{self._account}/customaudiences", _AUDIENCE), "id")

        def sessions() -> Iterator[Any]:
            yield news(self._sessions(), "session_id")

        return [
            dlt.resource(audiences(), name="audiences"),
            dlt.resource(sessions(), name="audience_sessions"),
        ]

    def _sessions(self) -> Iterator[dict[str, Any]]:
        for audience in self._listed(f"{self._account}/customaudiences", "id"):
            for one in self._listed(f"{audience['id']}/sessions", _SESSION):
                yield {**one, "audience_id": audience["id"]}

    def _change(
        self, meta: Outgoing, method: str, audience: str, members: Sequence[Member]
    ) -> Iterator[tuple[Member, Told]]:
        """Give what became of each member; a request of which some were invalid is sent again in halves."""
        if not members:
            return
        told = self._ask(meta, method, audience, members)
        if told.status == "accepted" and 0 < told.invalid < len(members):
            half = len(members) // 2
            yield from self._change(meta, method, audience, members[:half])
            yield from self._change(meta, method, audience, members[half:])
            return
        if told.status == "accepted" and told.invalid:
            told = Told("rejected", "Meta calls the entry invalid")
        yield from ((one, told) for one in members)

    def _ask(self, meta: Outgoing, method: str, audience: str, members: Sequence[Member]) -> Told:
        if not audience.isdigit():
            raise ConfigurationError(f"{self.place.connection}: `object` is the number of a custom audience")
        known = [one.new or one.gone for one in members]
        schema = sorted({kind for one in known for kind in one})
        data = [[one.get(kind, "") for kind in schema] for one in known]
        session = {
            "session_id": _session(audience, method, data),
            "batch_seq": 1,
            "last_batch_flag": True,
            "estimated_num_total": len(data),
        }
        fields = {"payload": json.dumps({"schema": schema, "data": data}), "session": json.dumps(session)}
        if method == "POST":
            fields["customer_consent"] = "true"
        headers = {**self._login(), "Content-Type": "application/x-www-form-urlencoded"}
        try:
            answer = meta.request(method, urlencode(fields).encode(), headers, path=f"/{audience}/users")
        except NotSentError as error:
            return Told("later", str(error))
        except NoAnswerError as error:
            return Told("unknown", str(error))
        return _told(answer, len(members))

    def _listed(self, path: str, fields: str) -> Iterator[dict[str, Any]]:
        """List things, page after page. Raises ConfigurationError and TemporaryError."""
        query = {"fields": fields, "limit": "100"}
        with self._outgoing() as meta:
            while True:
                answer = meta.request("GET", b"", self._login(), query, f"/{path}")
                told = _told(answer, 0)
                if told.status != "accepted":
                    kind = ConfigurationError if answer.status < 500 and not told.retry_after else TemporaryError
                    raise kind(f"{meta.host}: {told.reason}")
                page = parsed(answer.body)
                yield from value_at("data", page) or ()
                after = value_at("paging.cursors.after", page)
                if not after or not value_at("paging.next", page):
                    return
                query["after"] = str(after)

    @property
    def _account(self) -> str:
        return f"act_{self.config.account.removeprefix('act_')}"

    def _login(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.config.token.get_secret_value()}", "Accept": "application/json"}

    def _outgoing(self) -> Outgoing:
        return self.config.outgoing()


def _session(audience: str, method: str, data: Sequence[Sequence[str]]) -> int:
    """Name an upload: the same one has the same number whenever it is sent again."""
    digest = sha256(json.dumps([audience, method, data]).encode()).digest()
    return int.from_bytes(digest[:8]) >> 1


def _told(answer: Answer, number: int) -> Told:
    said = parsed(answer.body)
    error = value_at("error", said)
    if isinstance(error, Mapping):
        reason = clean_reason(f"HTTP {answer.status}: Meta's error {error.get('code')}: {error.get('message', '')}")
        code = error.get("code")
        if code in _BUSY or error.get("is_transient") is True or answer.status in RETRIABLE:
            return Told("later", reason, answer.retry_after or _regained(answer))
        if code in _OURS or error.get("error_subcode") == _FLAGGED:
            return Told("later", f"{reason}: mend the token, its rights, or the audience")
        return Told("unknown" if answer.status >= 500 else "rejected", reason)
    status = status_of(answer, RETRIABLE)
    if status != "accepted":
        return Told(status, reason_of(answer), answer.retry_after)
    received, invalid = value_at("num_received", said), value_at("num_invalid_entries", said)
    if number and (received != number or not isinstance(invalid, int)):
        return Told("unknown", f"Meta says that it received {received} of {number} entries")
    return Told("accepted", invalid=invalid if isinstance(invalid, int) else 0)


def _regained(answer: Answer) -> float | None:
    """Read for how long Meta wants us to wait, which it tells in minutes."""
    usage = parsed(answer.headers.get("x-business-use-case-usage", "").encode())
    listed = [one for per in usage.values() if isinstance(per, list) for one in per] if isinstance(usage, dict) else []
    minutes = [one.get("estimated_time_to_regain_access") for one in listed if isinstance(one, Mapping)]
    known = [minute for minute in minutes if isinstance(minute, int) and minute > 0]
    return max(known) * 60.0 if known else None
