"""google_ads: keeps the members of Google's customer lists through the Data Manager API.

    POST /v1/audienceMembers:ingest   POST /v1/audienceMembers:remove   GET /v1/requestStatus:retrieve?requestId=

Google takes an upload at once, under a request id, and tells its outcome later: `feedback` asks for it, and lands it
with the match rate. What it finds wrong with single members at once is told by their place, and the others go again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, SecretStr

from hub.contracts import Capabilities, Check, Destination, Place, Proof, Result, SyncBatch
from hub.errors import ConfigurationError, HubError, TemporaryError
from hub.oauth import Client, Tokens
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
from hub.templated import parsed, text_at, value_at
from hub.units import Rate, Rates
from plugins.destinations.ads.google_requests import TakenRequests
from plugins.destinations.ads.identifiers import GOOGLE_ALONE, google_identifiers
from plugins.destinations.ads.members import Member, Prepared, prepared
from plugins.destinations.ads.news import news

if TYPE_CHECKING:
    from dlt.extract import DltResource

MOST = 10_000
"""Members per request."""

RETRIABLE = frozenset({408, 425, 429, 503})
FORGOTTEN = "NOT_FOUND"
"""What Google says of an upload that it no longer knows."""
FINAL = frozenset({"SUCCESS", "FAILED", "PARTIAL_SUCCESS", FORGOTTEN})
_GRANTED = {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"}
_PLACE = re.compile(r"audience_?members\[(\d+)\]", re.IGNORECASE)
_ADDRESS = ("givenName", "familyName", "regionCode", "postalCode")
_ROUNDS = 5
"""So often a request goes again without the members that Google found wrong."""


class GoogleAdsConfig(AddressConfig):
    """Which account, and who we are."""

    account: str = Field(pattern=r"^[0-9]+$", description="The number of the account, without hyphens.")
    account_type: Literal["GOOGLE_ADS", "DISPLAY_VIDEO_ADVERTISER", "DISPLAY_VIDEO_PARTNER"] = Field(
        "GOOGLE_ADS", description="What kind of account it is."
    )
    login_account: str | None = Field(None, pattern=r"^[0-9]+$", description="The manager account, if we come by one.")
    client_id: str = Field(description="The OAuth client.")
    client_secret: SecretStr = Field(description="The secret of that client.")
    refresh_token: SecretStr = Field(
        description="Of a user with the scope https://www.googleapis.com/auth/datamanager."
    )
    project: str | None = Field(None, description="The Google Cloud project whose quota is used.")
    accepts_terms: bool = Field(
        False, description="You accept Google's Customer Match terms; needed once per account, here or in Google Ads."
    )
    url: str = Field("https://datamanager.googleapis.com", description="The address of the API.")
    token_url: str = Field("https://oauth2.googleapis.com/token", description="Where tokens are given.")
    rate: Rates = Field((Rate(300, 60),), description="The most that is asked; Google takes 300/min in a project.")
    timeout: Seconds = 60.0


class GoogleAds(Destination):
    """One request per batch; adding somebody who is there, and removing who is not, changes nothing."""

    name = "google_ads"
    summary = "Keeps the members of Google's customer lists by their hashes (Data Manager API); reads match rates."
    config_model = GoogleAdsConfig
    default_mapping = Path(__file__).parents[3] / "mappings" / "google_ads.yaml"
    proven = (Proof("played contract", "its discovery document", "v1, 20261106", date(2026, 11, 22)),)
    config: GoogleAdsConfig

    def __init__(self, config: Any, place: Place) -> None:
        super().__init__(config, place)
        secret, refresh = config.client_secret.get_secret_value(), config.refresh_token.get_secret_value()
        client = Client(config.token_url, config.client_id, secret, refresh)
        self._tokens = Tokens(client, place.folder, place.connection, allow_private=config.allow_private)
        self._taken = TakenRequests(place.folder, place.connection)

    @property
    def capabilities(self) -> Capabilities:
        """Members come and go, 10,000 in a request, which can be tried first."""
        return Capabilities(
            operations=frozenset({"upsert", "remove"}),
            batch_size=MOST,
            rates=self.config.rate,
            one_by_one=True,
            can_try=True,
        )

    def check(self) -> Check:
        """List the customer lists of the account."""
        try:
            lists = list(self._lists())
        except HubError as error:
            return Check(False, str(error))
        return Check(True, f"the account has {len(lists)} customer lists")

    def sync(self, batch: SyncBatch) -> Sequence[Result]:
        """Add or remove members of the customer list whose number the sync names."""
        return self._carry_out(batch, prepared(batch, google_identifiers, GOOGLE_ALONE), try_only=False)

    def try_out(self, batch: SyncBatch) -> Sequence[Result]:
        """Let Google validate a batch, and write nothing."""
        return self._carry_out(batch, prepared(batch, google_identifiers, GOOGLE_ALONE), try_only=True)

    def _carry_out(self, batch: SyncBatch, sorted_: Prepared, try_only: bool) -> list[Result]:
        if not batch.target.isdigit():
            raise ConfigurationError(f"{self.place.connection}: `object` is the number of a customer list")
        results = dict(sorted_.results)
        with self._outgoing() as google:
            outdated = [Member(one.key, {}, one.gone) for one in sorted_.writing if one.gone]
            removed = self._change(google, "remove", batch.target, [*sorted_.leaving, *outdated], try_only)
            results |= {key: result for key, result in removed.items() if result.status != "accepted"}
            going = [one for one in sorted_.writing if one.key not in results]
            results |= self._change(google, "ingest", batch.target, going, try_only)
        return [results[key] for key in batch.keys]

    def _change(
        self,
        google: Outgoing,
        verb: Literal["ingest", "remove"],
        audience: str,
        members: Sequence[Member],
        try_only: bool,
    ) -> dict[str, Result]:
        """Send members; those that Google finds wrong are rejected, and the others go again."""
        results: dict[str, Result] = {}
        going = list(members)
        for _ in range(_ROUNDS):
            if not going:
                return results
            try:
                body = self._body(verb, audience, going, try_only)
                answer = self._ask(google, "POST", f"/v1/audienceMembers:{verb}", body)
            except NotSentError as error:
                return results | _all(going, "later", str(error), error.retry_after)
            except NoAnswerError as error:
                return results | _all(going, "unknown", str(error))
            wrong = _wrong_ones(answer, len(going))
            if not wrong:
                return results | self._told(answer, verb, audience, going, try_only)
            results |= {
                going[place].key: Result(going[place].key, "rejected", reason=why) for place, why in wrong.items()
            }
            going = [one for place, one in enumerate(going) if place not in wrong]
        return results | _all(
            going, "later", "Google finds more and more members wrong: they go again with the next run"
        )

    def _told(
        self, answer: Answer, verb: str, audience: str, members: Sequence[Member], try_only: bool
    ) -> dict[str, Result]:
        status = status_of(answer, RETRIABLE)
        if status != "accepted":
            reason = _reason(answer)
            return {
                one.key: Result(
                    one.key, status, reason=reason, retry_after=answer.retry_after if status == "later" else None
                )
                for one in members
            }
        request_id = text_at("requestId", parsed(answer.body))
        if request_id and not try_only:
            sent_at = answer.at.isoformat() if answer.at else None
            about = {"audience": audience, "operation": verb, "rows": len(members), "sent_at": sent_at}
            self._taken.add(request_id, about)
        return {one.key: Result(one.key, "accepted", one.remote_id if one.new else "") for one in members}

    def _body(self, verb: str, audience: str, members: Sequence[Member], try_only: bool) -> bytes:
        account = {"accountType": self.config.account_type, "accountId": self.config.account}
        destination: dict[str, Any] = {"operatingAccount": account, "productDestinationId": audience}
        if self.config.login_account is not None:
            destination["loginAccount"] = {"accountType": "GOOGLE_ADS", "accountId": self.config.login_account}
        body: dict[str, Any] = {
            "destinations": [destination],
            "audienceMembers": [{"userData": {"userIdentifiers": _written(one.new or one.gone)}} for one in members],
            "encoding": "HEX",
            "validateOnly": try_only,
        }
        if verb == "ingest":
            body["consent"] = _GRANTED  # a row without both has been rejected before
            if self.config.accepts_terms:
                body["termsOfService"] = {"customerMatchTermsOfServiceStatus": "ACCEPTED"}
        return json.dumps(body).encode()

    def feedback(self) -> Iterable[DltResource]:
        """Give the customer lists with size and match rate, and the outcome of uploads once Google knows it."""
        import dlt

        def audiences() -> Iterator[Any]:
            yield news((_listed(one) for one in self._lists()), "id")

        def requests() -> Iterator[Any]:
            told: list[str] = dlt.current.resource_state("audience_requests").setdefault("told", [])
            self._taken.forget(told)  # they came with a package that is in the lake
            told.clear()
            for one in self._taken.all():
                outcome = self._outcome(one["request_id"])
                if outcome is not None:
                    yield [{**one, **outcome}]
                    told.append(one["request_id"])

        return [dlt.resource(audiences(), name="audiences"), dlt.resource(requests(), name="audience_requests")]

    def _outcome(self, request_id: str) -> dict[str, Any] | None:
        """Ask what became of an upload; None while Google is at it."""
        with self._outgoing() as google:
            answer = self._ask(google, "GET", "/v1/requestStatus:retrieve", query={"requestId": request_id})
            said = parsed(answer.body)
            if answer.status == 404 and text_at("error.status", said) == FORGOTTEN:
                said = {"requestStatusPerDestination": [{"requestStatus": FORGOTTEN}]}
            else:
                _demand(google, answer)
        (status, *_) = value_at("requestStatusPerDestination", said) or [{}]
        if status.get("requestStatus") not in FINAL:
            return None
        ingested = value_at("audienceMembersIngestionStatus.userDataIngestionStatus", status) or {}
        removed = value_at("audienceMembersRemovalStatus.userDataRemovalStatus", status) or {}
        return {
            "status": status["requestStatus"],
            "record_count": ingested.get("recordCount") or removed.get("recordCount"),
            "match_rate": ingested.get("uploadMatchRateRange"),
            "errors": _counts(status, "errorInfo.errorCounts"),
            "warnings": _counts(status, "warningInfo.warningCounts"),
        }

    def _lists(self) -> Iterator[dict[str, Any]]:
        """List the customer lists, page after page. Raises ConfigurationError and TemporaryError."""
        path = f"/v1/accountTypes/{self.config.account_type}/accounts/{self.config.account}/userLists"
        query = {"pageSize": "100"}
        while True:
            page = self._read(path, query)
            yield from value_at("userLists", page) or ()
            following = text_at("nextPageToken", page)
            if not following:
                return
            query["pageToken"] = following

    def _read(self, path: str, query: Mapping[str, str]) -> Any:
        with self._outgoing() as google:
            answer = self._ask(google, "GET", path, query=query)
            _demand(google, answer)
            return parsed(answer.body)

    def _ask(
        self, google: Outgoing, method: str, path: str, body: bytes = b"", query: Mapping[str, str] | None = None
    ) -> Answer:
        """Make a request; once more with a new token where Google does not take this one any more."""
        token = self._tokens.access()
        answer = google.request(method, body, self._headers(token), query, path)
        if answer.status == 401:
            answer = google.request(method, body, self._headers(self._tokens.access(refused=token)), query, path)
        return answer

    def _headers(self, token: str) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        if self.config.project is not None:
            headers["x-goog-user-project"] = self.config.project
        if self.config.login_account is not None:
            headers["login-account"] = f"accountTypes/GOOGLE_ADS/accounts/{self.config.login_account}"
        return headers | {"Content-Type": "application/json; charset=utf-8"}

    def _outgoing(self) -> Outgoing:
        return self.config.outgoing()


def _written(known: Mapping[str, str]) -> list[dict[str, Any]]:
    """Write the identifiers of one member; the parts of an address are one of them."""
    found: list[dict[str, Any]] = [{kind: known[kind]} for kind in ("emailAddress", "phoneNumber") if kind in known]
    if "address" in known:
        found.append({"address": dict(zip(_ADDRESS, known["address"].split("|"), strict=True))})
    return found


def _wrong_ones(answer: Answer, number: int) -> dict[int, str]:
    """Give the places of the members that Google finds wrong, each with what it says."""
    if answer.status != 400:
        return {}
    found: dict[int, str] = {}
    for detail in value_at("error.details", parsed(answer.body)) or ():
        for violation in detail.get("fieldViolations", ()) if isinstance(detail, Mapping) else ():
            place = _PLACE.search(str(violation.get("field", "")))
            if place is not None and int(place[1]) < number:
                found.setdefault(int(place[1]), clean_reason(f"Google: {violation.get('description', '')}"))
    return found


def _demand(google: Outgoing, answer: Answer) -> None:
    """Raise TemporaryError or ConfigurationError for what is no answer to a question."""
    if answer.status != 200:
        busy = answer.status in RETRIABLE or answer.status >= 500
        raise (TemporaryError if busy else ConfigurationError)(f"{google.host}: {_reason(answer)}")


def _reason(answer: Answer) -> str:
    if answer.is_page:
        return reason_of(answer)
    said = parsed(answer.body)
    words = f"{text_at('error.status', said)} {text_at('error.message', said)}".strip()
    return clean_reason(f"HTTP {answer.status}: {words}".rstrip(": "))


def _all(
    members: Sequence[Member], status: Literal["later", "unknown"], reason: str, retry_after: float | None = None
) -> dict[str, Result]:
    return {one.key: Result(one.key, status, reason=reason, retry_after=retry_after) for one in members}


def _counts(status: Mapping[str, Any], path: str) -> str | None:
    counts = {str(one.get("reason")): one.get("recordCount") for one in value_at(path, status) or ()}
    return json.dumps(counts, sort_keys=True) if counts else None


def _listed(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": one.get("id"),
        "name": one.get("displayName"),
        "membership_status": one.get("membershipStatus"),
        "match_rate": value_at("ingestedUserListInfo.contactIdInfo.matchRatePercentage", one),
        "search_members": value_at("sizeInfo.searchNetworkMembersCount", one),
        "display_members": value_at("sizeInfo.displayNetworkMembersCount", one),
        "youtube_members": value_at("sizeInfo.youtubeMembersCount", one),
    }
