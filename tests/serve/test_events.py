"""Events over real HTTP, in the shapes in which browsers' and servers' libraries send them (R2, R3)."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import structlog

from hub.ledger import Ledger
from hub.pipeline import run, workspace
from hub.serve import application
from hub.serve.site import Site
from hub.warehouse import Warehouse
from tests.serve.conftest import Serving
from tests.serve.eventful import BROWSER, HUB_YAML, SERVER_KEY, SITE, SITE_KEY, eventful, kept
from tests.serve.shop import NOW
from tests.stages.world import add, rows

AGREED = {"consent": {"categoryPreferences": {"analytics": True, "advertising": False}}}


@pytest.fixture
def client(serving: Serving, tmp_path: Path) -> httpx.Client:
    return serving(eventful(tmp_path), clock=lambda: NOW)


def from_browser(client: httpx.Client, kind: str, **call: Any) -> httpx.Response:
    """Send one call as the browser's library does: short address, text/plain, the write key in the body."""
    body = {"type": kind, "messageId": "ajs-1", "anonymousId": "a-1", "writeKey": SITE_KEY, "userId": None, **call}
    headers = {**BROWSER, "content-type": "text/plain"}
    return client.post(f"/v1/{kind[0]}", content=json.dumps(body), headers=headers)


def from_server(client: httpx.Client, *calls: dict[str, Any], key: str = SERVER_KEY, **around: Any) -> httpx.Response:
    """Send a batch as servers' libraries do: Basic authentication with the write key."""
    return client.post("/v1/batch", json={"batch": calls, **around}, auth=(key, ""))


def viewed(**more: Any) -> dict[str, Any]:
    page = {"path": "/katten", "referrer": "https://search.example/?q=x", "url": f"{SITE}/katten?mail=a@b.nl#x"}
    return {"context": {"page": {**page, "title": "Katten"}, "locale": "nl-NL", **more}, "properties": {}}


# what comes in


def test_a_page_view_of_the_browsers_library_is_kept_with_what_it_says(client: httpx.Client, ledger: Ledger) -> None:
    answer = from_browser(client, "page", **viewed(**AGREED, campaign={"name": "lente", "source": "mail"}))
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    (row,) = kept(ledger, "site")["events"]
    assert row["device"] == "a-1"
    assert (row["event"], row["title"], row["campaign"], row["source"]) == ("page", "Katten", "lente", "mail")
    assert (row["recognised"], row["at"]) == ("yes", NOW.isoformat())
    assert set(map(type, row.values())) == {str}


@pytest.mark.parametrize("name", ["track", "identify", "page", "screen", "group", "alias"])
def test_each_call_has_an_address_of_its_own(client: httpx.Client, ledger: Ledger, name: str) -> None:
    call = {"userId": "u7", "event": "Signed Up", "groupId": "g1", "previousId": "a-1", "writeKey": SERVER_KEY}
    assert client.post(f"/v1/{name}", json=call).status_code == 200
    tables = {"identify": "people", "group": "groups", "alias": "aliases"}
    (row,) = kept(ledger, "backend")[tables.get(name, "events")]
    assert row["user_id"] == "u7"


def test_a_batch_is_kept_call_by_call_each_once_by_its_id(client: httpx.Client, ledger: Ledger) -> None:
    calls = [{"type": "track", "event": f"E{n}", "userId": "u7", "messageId": f"m{n}"} for n in range(3)]
    assert from_server(client, *calls).status_code == 200
    assert from_server(client, calls[1], {**calls[2], "event": "again"}, calls[0]).status_code == 200
    assert [row["event"] for row in kept(ledger, "backend")["events"]] == ["E0", "E1", "E2"]


def test_a_call_without_an_id_is_known_by_what_it_says(client: httpx.Client, ledger: Ledger) -> None:
    call = {"type": "track", "event": "E", "userId": "u7", "timestamp": "2026-03-02T08:00:00Z"}
    from_server(client, call, {**call, "event": "F"})
    from_server(client, call)
    assert sorted(row["event"] for row in kept(ledger, "backend")["events"]) == ["E", "F"]


def test_old_events_can_be_imported_with_their_own_moments(client: httpx.Client, ledger: Ledger) -> None:
    call = {"type": "track", "event": "Order Completed", "userId": "u7", "timestamp": "2019-03-02T08:00:00.000Z"}
    client.post("/v1/import", json={"batch": [call]}, auth=(SERVER_KEY, ""))
    (row,) = kept(ledger, "backend")["events"]
    assert row["at"] == "2019-03-02T08:00:00+00:00"


def test_a_packed_batch_is_unpacked(client: httpx.Client, ledger: Ledger) -> None:
    body = gzip.compress(json.dumps({"batch": [{"type": "page", "userId": "u7", "messageId": "m"}]}).encode())
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    assert client.post("/v1/batch", content=body, headers=headers, auth=(SERVER_KEY, "")).status_code == 200
    assert len(kept(ledger, "backend")["events"]) == 1


def test_a_pixel_in_a_page_counts_a_call(client: httpx.Client, ledger: Ledger) -> None:
    call = {"writeKey": SITE_KEY, "event": "Mail Read", "messageId": "p1", "context": AGREED, "anonymousId": "a-1"}
    data = base64.urlsafe_b64encode(json.dumps(call).encode()).decode().rstrip("=")
    answer = client.get("/v1/pixel/track", params={"data": data})
    assert answer.headers["content-type"] == "image/gif"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert [row["event"] for row in kept(ledger, "site")["events"]] == ["Mail Read"]


# clocks


@pytest.mark.parametrize(
    ("happened", "sent", "expected"),
    [
        ("2026-03-02T08:59:00Z", "2026-03-02T09:00:00Z", NOW - timedelta(minutes=1)),
        ("2031-01-01T00:00:00+01:00", "2031-01-01T00:02:00+01:00", NOW - timedelta(minutes=2)),
        ("1999-12-31T23:00:00Z", "2000-01-01T00:00:00Z", NOW - timedelta(hours=1)),
        ("2026-03-02T08:00:00Z", "", datetime.fromisoformat("2026-03-02T08:00:00Z")),
        ("2031-01-01T00:00:00Z", "", NOW),
        ("2026-03-02T09:05:00Z", "2026-03-02T09:00:00Z", NOW),
        ("gisteren", "2026-03-02T09:00:00Z", NOW),
        ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", NOW),
        ("", "", NOW),
    ],
)
def test_a_clock_that_is_wrong_is_set_right_by_when_it_says_that_it_sent(
    client: httpx.Client, ledger: Ledger, happened: str, sent: str, expected: datetime
) -> None:
    from_server(client, {"type": "track", "event": "E", "userId": "u", "timestamp": happened}, sentAt=sent)
    (row,) = kept(ledger, "backend")["events"]
    assert datetime.fromisoformat(row["at"]) == expected


# consent


@pytest.mark.parametrize(
    "preferences", [{"C0002": True}, {"analytics": True, "C0002": False}], ids=["one tool", "another tool"]
)
def test_who_agreed_is_recognised(client: httpx.Client, ledger: Ledger, preferences: dict[str, Any]) -> None:
    context = {"consent": {"categoryPreferences": preferences}}
    from_browser(client, "identify", userId="u7", traits={"email": "anna@example.nl"}, context=context)
    assert [row["email"] for row in kept(ledger, "site")["people"]] == ["anna@example.nl"]


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"consent": {}},
        {"consent": "yes"},
        {"consent": {"categoryPreferences": {"analytics": False}}},
        {"consent": {"categoryPreferences": {"analytics": "true"}}},
        {"consent": {"categoryPreferences": {"analytics": 1}}},
        {"consent": {"categoryPreferences": ["analytics"]}},
        {"consent": {"categoryPreferences": {"advertising": True}}},
    ],
)
def test_who_did_not_agree_is_counted_and_not_recognised(
    client: httpx.Client, ledger: Ledger, context: dict[str, Any]
) -> None:
    about = {"userId": "u7", "anonymousId": "a-1"}
    secret = {"email": "anna@example.nl", "name": "Anna", "product_id": "T1", "url": f"{SITE}/k?email=anna@example.nl"}
    tells = {**context, "traits": {"email": "anna@example.nl"}, "ip": "203.0.113.9", "userAgent": "Mozilla/5.0 anna"}
    from_browser(client, "track", event="Product Viewed", properties=secret, context=tells, **about)
    for kind in ("identify", "group", "alias"):
        call = {"traits": {"email": "anna@example.nl"}, "groupId": "g", "previousId": "a-0", "messageId": kind}
        assert from_browser(client, kind, context=tells, **call, **about).status_code == 200
    found = kept(ledger, "site")
    (row,) = found["events"]
    assert set(found) == {"events"}
    assert (row["recognised"], row["user_id"], row["product_id"]) == ("no", "", "T1")
    assert row["url"] == f"{SITE}/k"
    assert row["device"].startswith("day-")
    written = json.dumps(row)
    for hidden in ("anna", "Anna", "u7", "a-1", "203.0.113.9", "127.0.0.1", "Mozilla"):
        assert hidden not in written


def test_events_without_consent_can_be_dropped_altogether(client: httpx.Client, ledger: Ledger) -> None:
    call = {"type": "page", "anonymousId": "a-1", "messageId": "m1"}
    assert from_server(client, call, {**call, "messageId": "m2", "context": AGREED}, key="strict-key").is_success
    assert [row["message_id"] for row in kept(ledger, "strict")["events"]] == ["m2"]


# visitors without cookies


def test_a_visitor_is_the_same_until_midnight_and_another_one_afterwards(
    serving: Serving, ledger: Ledger, tmp_path: Path
) -> None:
    moments = {"now": NOW}
    client = serving(eventful(tmp_path), clock=lambda: moments["now"])

    def visit(id_: str, agent: str = BROWSER["user-agent"], address: str = "203.0.113.9") -> None:
        headers = {"user-agent": agent, "x-forwarded-for": address, "origin": SITE}
        call = {"type": "page", "messageId": id_, "anonymousId": "a-1", "writeKey": SITE_KEY}
        assert client.post("/v1/p", json=call, headers=headers).status_code == 200

    visit("1 first")
    visit("2 again")
    visit("3 other browser", agent="Mozilla/5.0 (Macintosh)")
    visit("4 other address", address="203.0.113.10")
    visit("5 no browser", agent="curl/8")
    moments["now"] = datetime.fromisoformat("2026-03-03T00:00:01+01:00")
    visit("6 next day")
    names = [row["device"] for row in kept(ledger, "site")["events"]]
    assert names[0] == names[1]
    assert names[4] == ""
    assert len({names[0], names[2], names[3], names[5]}) == 4
    with ledger.engine.begin() as connection:
        days = connection.execute(sa.text("SELECT day FROM day_salt")).scalars().all()
    assert [str(day) for day in days] == ["2026-03-03"]


def test_two_servers_name_a_visitor_alike(ledger: Ledger) -> None:
    day = NOW.date()
    assert ledger.day_salts.of(day) == ledger.day_salts.of(day)
    assert ledger.day_salts.of(day) != ledger.day_salts.of(day + timedelta(days=1))


# who may send


@pytest.mark.parametrize(
    ("kind", "sent", "status"),
    [
        ("track", {"json": {"event": "E"}}, 401),
        ("track", {"json": {"event": "E", "writeKey": "nobody's"}}, 401),
        ("track", {"json": {"event": "E"}, "auth": ("nobody's", "")}, 401),
        ("track", {"json": {"event": "E", "writeKey": ["x"]}}, 401),
        ("track", {"content": b"{"}, 400),
        ("track", {"content": b"[]"}, 400),
        ("batch", {"json": {"batch": {}}, "auth": (SERVER_KEY, "")}, 400),
        ("batch", {"json": {"batch": [7]}, "auth": (SERVER_KEY, "")}, 400),
        ("batch", {"json": {"batch": [{"type": "delete"}]}, "auth": (SERVER_KEY, "")}, 400),
        ("batch", {"json": {"batch": [{"type": "page"}] * 2501}, "auth": (SERVER_KEY, "")}, 400),
        ("track", {"json": {"event": "x" * 40_000, "writeKey": SERVER_KEY}}, 400),
        ("track", {"content": b'{"event": "\\ud800", "writeKey": "server-write-key"}'}, 400),
        ("batch", {"content": b"x" * 600_000}, 413),
        ("batch", {"content": gzip.compress(b" " * 60_000_000), "headers": {"content-encoding": "gzip"}}, 413),
        ("batch", {"content": b"no gzip", "headers": {"content-encoding": "gzip"}}, 400),
        ("nothing", {"json": {}}, 404),
    ],
)
def test_what_is_not_allowed_or_not_readable_is_refused(
    client: httpx.Client, ledger: Ledger, kind: str, sent: Any, status: int
) -> None:
    assert client.post(f"/v1/{kind}", **sent).status_code == status
    assert ledger.inbox.waiting() == {}


def test_one_call_that_is_none_does_not_cost_the_others(client: httpx.Client, ledger: Ledger) -> None:
    good = {"type": "page", "userId": "u", "messageId": "good"}
    assert from_server(client, {"type": "delete"}, good, {**good, "event": "x" * 40_000}).status_code == 200
    assert [row["message_id"] for row in kept(ledger, "backend")["events"]] == ["good"]


def test_a_former_write_key_still_counts(client: httpx.Client, ledger: Ledger) -> None:
    assert from_server(client, {"type": "page", "userId": "u"}, key="former-key").status_code == 200
    assert ledger.inbox.waiting() == {"backend": 1}


def test_only_pages_of_the_sites_named_may_send(client: httpx.Client, ledger: Ledger) -> None:
    call = {"type": "page", "messageId": "m", "writeKey": SITE_KEY}
    for origin in ("https://evil.example", "null", f"{SITE}.evil.example", "http://www.shop.example"):
        refused = client.post("/v1/p", json=call, headers={"origin": origin})
        assert (refused.status_code, "access-control-allow-origin" in refused.headers) == (403, False)
    assert client.post("/v1/p", json={**call, "writeKey": SERVER_KEY}, headers={"origin": SITE}).status_code == 403
    assert ledger.inbox.waiting() == {}
    allowed = client.post("/v1/p", json=call, headers={"origin": SITE})
    assert allowed.headers["access-control-allow-origin"] == SITE
    assert allowed.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in allowed.headers
    assert "set-cookie" not in allowed.headers


def test_a_browser_that_asks_first_is_told_what_it_may_send(client: httpx.Client) -> None:
    asked = client.options("/v1/batch", headers={"origin": SITE, "access-control-request-method": "POST"})
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == SITE
    assert "Content-Type" in asked.headers["access-control-allow-headers"]
    assert client.options("/v1/batch", headers={"origin": "https://evil.example"}).status_code == 403


def test_the_browsers_library_finds_where_to_send(client: httpx.Client) -> None:
    settings = client.get(f"/v1/projects/{SITE_KEY}/settings", headers={"origin": SITE}).json()
    own = settings["integrations"]["Segment.io"]
    assert own == {"apiKey": SITE_KEY, "apiHost": f"{client.base_url.host}:{client.base_url.port}/v1"}
    assert settings["metrics"] == {"sampleRate": 0}, "it tells its maker how it is used"
    assert client.get("/v1/projects/nobody/settings").status_code == 401


def test_who_sends_too_fast_is_asked_to_wait(serving: Serving, tmp_path: Path) -> None:
    client = serving(eventful(tmp_path, HUB_YAML + "serve: {pushes: 1/min}\n"), clock=lambda: NOW)
    statuses = [from_server(client, {"type": "page", "userId": str(n)}).status_code for n in range(2)]
    assert statuses == [200, 429]


def test_a_project_without_such_a_connection_has_no_such_address(ledger: Ledger, tmp_path: Path) -> None:
    made = eventful(tmp_path, "name: shop\n")
    assert application(Site(made, ledger))


def test_no_log_line_tells_who_did_what(client: httpx.Client) -> None:
    with structlog.testing.capture_logs() as logs:
        from_browser(client, "identify", userId="u7", traits={"email": "anna@example.nl"}, context=AGREED)
        client.get(f"/v1/projects/{SITE_KEY}/settings")
        from_server(client, {"type": "delete", "x": "anna"}, {"type": "page"})
    written = json.dumps(logs)
    for hidden in ("anna", "u7", SITE_KEY, SERVER_KEY, "127.0.0.1"):
        assert hidden not in written


# where it ends


def ledger_key(ledger: Ledger) -> str:
    """Write into hub.yaml where the ledger is: a run has to read the one that the server writes."""
    address = ledger.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    return "" if ledger.engine.dialect.name == "sqlite" else f"ledger: {address}\n"


def test_visits_before_a_login_are_in_the_file_of_who_logged_in_and_anonymous_ones_in_nobodys(
    serving: Serving, ledger: Ledger, tmp_path: Path
) -> None:
    made = eventful(tmp_path, HUB_YAML + ledger_key(ledger))
    client = serving(made, clock=lambda: NOW)
    from_browser(client, "page", **viewed(**AGREED), **{"messageId": "before"})
    from_browser(
        client, "identify", userId="u7", traits={"email": "Anna@example.nl"}, context=AGREED, messageId="login"
    )
    from_browser(client, "page", **viewed(), **{"messageId": "without", "userId": "u7"})
    assert run(made, NOW + timedelta(hours=1), ["listen"]).ok
    with workspace(made) as open_, open_.warehouse.begin() as transaction:
        event, record = transaction.table("web_event"), transaction.table("source_record")
        found = transaction.rows(
            sa.select(event.c.source_key, record.c.person_id).outerjoin(record, record.c.record_id == event.c.record_id)
        )
        who = transaction.rows(sa.select(transaction.table("person").c.email, transaction.table("person").c.person_id))
    people = {row.email: row.person_id for row in who}
    visits = {row.source_key: row.person_id for row in found}
    assert visits["before"] == people["anna@example.nl"]
    assert visits["without"] != people["anna@example.nl"]


def known_people(warehouse: Warehouse) -> list[tuple[str, str, int]]:
    """Give (e-mail address, record, person) of everybody who said an address."""
    with warehouse.begin() as transaction:
        identifier, record = transaction.table("identifier"), transaction.table("source_record")
        query = sa.select(identifier.c.value, record.c.record_id, record.c.person_id)
        query = query.join(record, record.c.record_id == identifier.c.record_id)
        return [tuple(row) for row in transaction.rows(query.where(identifier.c.type == "email"))]


def test_two_user_ids_that_a_server_calls_one_are_one_person_and_what_either_refused_stays_refused(
    serving: Serving, ledger: Ledger, tmp_path: Path
) -> None:
    made = eventful(tmp_path, HUB_YAML + ledger_key(ledger))
    client = serving(made, clock=lambda: NOW)
    known = {"u1": "anna@work.example", "u2": "anna@home.example", "u9": "piet@home.example"}
    calls = [
        {"type": "identify", "messageId": user, "userId": user, "traits": {"email": email}}
        for user, email in known.items()
    ]
    from_server(client, *calls)
    assert run(made, NOW + timedelta(hours=1), ["listen"]).ok
    with workspace(made) as open_:
        first = {email: person for email, _, person in known_people(open_.warehouse)}
        assert len(set(first.values())) == 3
        record = {email: record for email, record, _ in known_people(open_.warehouse)}
        said = {"connection": "backend", "load_id": "0", "channel": "email", "purpose": "marketing"}
        for user, given in (("u1", False), ("u2", True)):
            at = NOW - timedelta(days=1 if given else 2)
            its = {"record_id": record[known[user]], "source_key": user, "given": given, "at": at, "text": "form-1"}
            add(open_.warehouse, "consent", {**said, **its})
    from_server(client, {"type": "alias", "messageId": "a", "previousId": "u1", "userId": "u2"})
    assert run(made, NOW + timedelta(hours=2), ["listen"]).ok
    with workspace(made) as open_:
        now = {email: person for email, _, person in known_people(open_.warehouse)}
        repeated = rows(open_.warehouse, "consent", "connection", "given")
    assert now["anna@work.example"] == now["anna@home.example"] == min(first[known["u1"]], first[known["u2"]])
    assert now["piet@home.example"] == first["piet@home.example"]
    assert ("hub", False) in repeated
