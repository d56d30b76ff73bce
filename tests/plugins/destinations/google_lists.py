"""Google's Data Manager API on loopback: it keeps to the discovery document (v1, 20261106), and refuses the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator

from tests.plugins.vendors.served import Answered, Asked

ACCOUNT, TOKEN, REFRESH = "1234567890", "ya29.kattenluik", "1//kruidnagel"


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


HEX = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
TEXT = {"type": "string", "minLength": 1}
ACCOUNTED = _object(["accountType", "accountId"], accountType={"enum": ["GOOGLE_ADS"]}, accountId=TEXT, product=TEXT)
GRANT = {"enum": ["CONSENT_GRANTED", "CONSENT_DENIED"]}
ADDRESS = ["givenName", "familyName", "regionCode", "postalCode"]
IDENTIFIER = _object(
    [],
    emailAddress=HEX,
    phoneNumber=HEX,
    address=_object(ADDRESS, givenName=HEX, familyName=HEX, regionCode={"pattern": "^[A-Z]{2}$"}, postalCode=TEXT),
)
USER_DATA = _object(
    ["userIdentifiers"],
    userIdentifiers={"type": "array", "items": {**IDENTIFIER, "minProperties": 1, "maxProperties": 1}, "minItems": 1}
    | {"maxItems": 10},
)
CONSENT = _object([], adUserData=GRANT, adPersonalization=GRANT)
REMOVE = _object(
    ["destinations", "audienceMembers", "encoding"],
    destinations={
        "type": "array",
        "maxItems": 10,
        "items": _object(
            ["operatingAccount", "productDestinationId"],
            operatingAccount=ACCOUNTED,
            loginAccount=ACCOUNTED,
            productDestinationId=TEXT,
            reference=TEXT,
        ),
    },
    audienceMembers={
        "type": "array",
        "minItems": 1,
        "maxItems": 10_000,
        "items": _object(["userData"], userData={"type": "object"}, consent=CONSENT),
    },
    encoding={"enum": ["HEX", "BASE64"]},
    validateOnly={"type": "boolean"},
)
TERMS = _object([], customerMatchTermsOfServiceStatus={"enum": ["ACCEPTED", "REJECTED"]})
INGEST = {**REMOVE, "properties": {**REMOVE["properties"], "consent": CONSENT, "termsOfService": TERMS}}


class CustomerLists:
    """Members of lists by their identifiers; an upload gets a request id, and its outcome is told when asked."""

    def __init__(self) -> None:
        self.members: set[str] = set()
        self.requests: dict[str, dict[str, Any]] = {}
        self.bad: set[str] = set()
        self.tokens = 0
        self.processing = False
        self.answers: list[Answered] = []

    def __call__(self, asked: Asked) -> Answered:
        if asked.path == "/token":
            self.tokens += 1
            if REFRESH.replace("/", "%2F").encode() not in asked.body:
                return Answered(400, {"error": "invalid_grant", "error_description": "Token has been revoked."})
            return Answered(200, {"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"})
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return fault(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        if self.answers:
            return self.answers.pop(0)
        match asked.method, asked.path:
            case "POST", "/v1/audienceMembers:ingest":
                return self.change(asked.json, INGEST)
            case "POST", "/v1/audienceMembers:remove":
                return self.change(asked.json, REMOVE)
            case "GET", "/v1/requestStatus:retrieve" if asked.query.keys() == {"requestId"}:
                return self.outcome(asked.query["requestId"])
            case "GET", path if path == f"/v1/accountTypes/GOOGLE_ADS/accounts/{ACCOUNT}/userLists":
                return self.lists(asked.query)
        return fault(404, "NOT_FOUND", "Method not found.")

    def change(self, body: Mapping[str, Any], schema: Mapping[str, Any]) -> Answered:
        wrong = [error.json_path for error in Draft202012Validator(schema).iter_errors(body)]
        if wrong:
            return fault(400, "INVALID_ARGUMENT", f"Invalid JSON payload received: {wrong[0]}")
        violations = []
        for place, member in enumerate(body["audienceMembers"]):
            invalid = not Draft202012Validator(USER_DATA).is_valid(member["userData"])
            if invalid or known(member) & self.bad:
                field = f"audience_members.audience_members[{place}].user_data.user_identifiers"
                violations.append({"field": field, "description": "Hash of anna@example.nl is invalid"})
        if violations:
            detail = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}
            return fault(400, "INVALID_ARGUMENT", "There was a problem with the request.", detail)
        if schema is INGEST and set(body.get("consent", {}).values()) != {"CONSENT_GRANTED"}:
            return fault(400, "INVALID_ARGUMENT", "Consent is required.")
        id_ = f"request/{len(self.requests)}"
        if not body.get("validateOnly"):
            self.requests[id_] = {"ingest": schema is INGEST, "count": len(body["audienceMembers"])}
            for member in body["audienceMembers"]:
                self.members = self.members | known(member) if schema is INGEST else self.members - known(member)
        return Answered(200, {"requestId": id_})

    def outcome(self, id_: str) -> Answered:
        if id_ not in self.requests:
            return fault(404, "NOT_FOUND", "Requested entity was not found.")
        request = self.requests[id_]
        count = {"recordCount": str(request["count"])}
        status: dict[str, Any] = {"requestStatus": "PROCESSING" if self.processing else "PARTIAL_SUCCESS"}
        if request["ingest"]:
            rate = {"uploadMatchRateRange": "MATCH_RATE_RANGE_51_TO_60", "userIdentifierCount": "2"}
            status["audienceMembersIngestionStatus"] = {"userDataIngestionStatus": {**count, **rate}}
        else:
            status["audienceMembersRemovalStatus"] = {"userDataRemovalStatus": count}
        error = {"reason": "PROCESSING_ERROR_REASON_INVALID_FORMAT", "recordCount": "1"}
        return Answered(200, {"requestStatusPerDestination": [{**status, "errorInfo": {"errorCounts": [error]}}]})

    def lists(self, query: Mapping[str, str]) -> Answered:
        page = int(query.get("pageToken", "0"))
        info = {"contactIdInfo": {"matchRatePercentage": 57}, "uploadKeyTypes": ["CONTACT_ID"]}
        one = {"id": str(page), "displayName": f"Customers {page}", "membershipStatus": "OPEN"}
        one |= {"ingestedUserListInfo": info, "sizeInfo": {"searchNetworkMembersCount": "1200"}}
        return Answered(200, {"userLists": [one], **({"nextPageToken": str(page + 1)} if page < 2 else {})})


def known(member: Mapping[str, Any]) -> set[str]:
    found = member["userData"].get("userIdentifiers", [])
    return {value if isinstance(value, str) else "|".join(value.values()) for one in found for value in one.values()}


def fault(status: int, code: str, message: str, *details: Mapping[str, Any], **headers: str) -> Answered:
    named = {re.sub("_", "-", name): value for name, value in headers.items()}
    return Answered(status, {"error": {"code": status, "status": code, "message": message, "details": details}}, named)
