"""The source `rest` against a real HTTP server on loopback."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest
from pydantic import ValidationError

from hub.contracts import Place
from hub.errors import ConfigurationError, TemporaryError
from hub.incremental import MANY
from hub.testing.http_sources import HttpSourceSuite, HttpSourceWorld
from hub.testing.sources import CONNECTION, Landing
from plugins.sources.rest import Rest
from plugins.sources.rest.config import RestConfig

TOKEN = "s3same-0pen"


class Api:
    """A JSON API; `answer(path, parameters, headers)` returns (status, headers, body)."""

    def __init__(self, answer):
        self.asked = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body go out together: else the second waits 40 ms for the first

            def do_GET(self):
                url = urlsplit(self.path)
                parameters = dict(parse_qsl(url.query))
                api.asked.append((url.path, parameters))
                status, headers, body = answer(url.path, parameters, self.headers)
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {
                    "Content-Type": "application/json",
                    "Content-Length": len(content),
                    **headers,
                }.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def serve():
    """Start an API that answers with the given function."""
    started = []

    def start(answer):
        started.append(Api(answer))
        return started[-1]

    yield start
    for api in started:
        api.close()


class ApiWorld(HttpSourceWorld):
    """An API that wants a token, hands out pages of two, and filters by the time of the last change."""

    plugin = Rest
    secrets = (TOKEN, "wr0ng-s3same")

    def __init__(self, serve):
        self.records = {}
        self.url = serve(self.answer).url

    def answer(self, path, parameters, headers):
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {}, {"error": "who are you?"}
        found = [r for r in self.records.values() if r["changed_at"] >= parameters.get("since", "")]
        start = int(parameters["offset"])
        return 200, {}, {"meta": {"found": len(found)}, "items": found[start : start + 2]}

    def config(self, token=TOKEN):
        return RestConfig(
            url=self.url,
            allow_private=True,
            auth={"type": "bearer", "token": token},
            resources={
                "people": {
                    "path": "people",
                    "data": "items",
                    "paginate": {"by": "offset", "total": "meta.found"},
                    "cursor": {"field": "changed_at", "param": "since", "overlap": "10 minutes"},
                }
            },
        )

    def wrong_config(self):
        return self.config("wr0ng-s3same")

    def write(self, records):
        self.records.update({record["id"]: record for record in records})

    def remove(self, id_):
        del self.records[id_]


class TestRestConforms(HttpSourceSuite):
    @pytest.fixture
    def world(self, serve):
        return ApiWorld(serve)


@pytest.fixture
def lands(tmp_path):
    """Land the list `things` of an API; every call is a run of the same connection."""

    def run(api, auth=None, **settings):
        config = RestConfig(
            url=api.url, allow_private=True, auth=auth, resources={"things": {"path": "things", **settings}}
        )
        landing = Landing(Rest(config, Place(CONNECTION, tmp_path)), tmp_path)
        landing.report = landing.run()
        return landing

    return run


def ids(landing):
    return [row["id"] for row in landing.rows("things")]


THINGS = [{"id": number} for number in range(5)]


def by_page(path, parameters, headers):
    page, size = int(parameters["page"]), int(parameters["per_page"])
    return 200, {}, THINGS[(page - 1) * size : page * size]


def by_offset(path, parameters, headers):
    start, size = int(parameters["offset"]), int(parameters["limit"])
    return 200, {}, {"data": THINGS[start : start + size], "total": 5}


def by_cursor(path, parameters, headers):
    start = int(parameters.get("after", 0))
    return 200, {}, {"data": THINGS[start : start + 2], "meta": {"next": start + 2 if start < 4 else None}}


def by_link(path, parameters, headers):
    start = int(parameters.get("from", 0))
    return 200, {}, {"data": THINGS[start : start + 2], "next": f"/things?from={start + 2}" if start < 4 else None}


def by_header(path, parameters, headers):
    start = int(parameters.get("from", 0))
    link = {"Link": f'<http://{headers["Host"]}/things?from={start + 2}>; rel="next"'} if start < 4 else {}
    return 200, link, THINGS[start : start + 2]


@pytest.mark.parametrize(
    ("answer", "settings"),
    [
        (by_page, {"paginate": {"by": "page", "size": 2, "size_param": "per_page"}}),
        (by_offset, {"paginate": {"by": "offset", "size": 2, "total": "total"}, "data": "data"}),
        (by_cursor, {"paginate": {"by": "cursor", "param": "after", "next": "meta.next"}, "data": "data"}),
        (by_link, {"paginate": {"by": "link", "next": "next"}, "data": "data"}),
        (by_header, {"paginate": {"by": "header"}}),
    ],
    ids=["page", "offset", "cursor", "link", "header"],
)
def test_every_kind_of_pages_is_read_to_the_end(serve, lands, answer, settings):
    assert ids(lands(serve(answer), **settings)) == [0, 1, 2, 3, 4]


def test_a_link_to_another_host_is_not_followed_with_our_login(serve, lands):
    elsewhere = serve(lambda path, parameters, headers: (200, {}, {"data": THINGS, "next": None}))
    api = serve(lambda path, parameters, headers: (200, {}, {"data": THINGS[:2], "next": f"{elsewhere.url}/things"}))
    with pytest.raises(ConfigurationError, match="on another host"):
        lands(api, {"type": "bearer", "token": TOKEN}, paginate={"by": "link", "next": "next"}, data="data")
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("auth", "right"),
    [
        ({"type": "bearer", "token": TOKEN}, lambda q, h: h.get("Authorization") == f"Bearer {TOKEN}"),
        (
            {"type": "basic", "user": "hub", "password": TOKEN},
            lambda q, h: h.get("Authorization") == "Basic " + base64.b64encode(f"hub:{TOKEN}".encode()).decode(),
        ),
        ({"type": "api_key", "name": "X-Key", "token": TOKEN}, lambda q, h: h.get("X-Key") == TOKEN),
        ({"type": "api_key", "name": "key", "token": TOKEN, "place": "query"}, lambda q, h: q.get("key") == TOKEN),
    ],
    ids=["bearer", "basic", "key in a header", "key in the query"],
)
def test_every_kind_of_login_works(serve, lands, auth, right):
    api = serve(lambda path, parameters, headers: (200, {}, THINGS) if right(parameters, headers) else (401, {}, {}))
    assert ids(lands(api, auth)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (401, {}, r"the API refuses the login \(401\); mend `auth`"),
        (403, {}, r"the API refuses the login \(403\); mend `auth`"),
        (404, {}, r"there is nothing here \(404\); mend `url` or `path`"),
        (400, {}, r"the API refuses the request \(400\); mend `params`"),
        (200, b"<html>Please log in</html>", r"the answer is no JSON \(application/json\); mend `url` or `path`"),
        (200, [1, 2], "things: the answer holds no list of items; say where it is in `data`"),
    ],
)
def test_what_the_configuration_must_mend_is_said_in_words(serve, lands, status, body, message):
    api = serve(lambda *_: (status, {}, body))
    with pytest.raises(ConfigurationError, match=f"^{CONNECTION}: .*{message}"):
        lands(api, {"type": "api_key", "name": "key", "token": TOKEN, "place": "query"})


def test_a_busy_api_is_asked_again_after_as_long_as_it_wants(serve, lands, quick):
    answers = iter([(429, {"Retry-After": "7"}, {}), (200, {}, THINGS)])
    assert ids(lands(serve(lambda *_: next(answers)))) == [0, 1, 2, 3, 4]
    assert quick.waited == 7


def test_an_api_that_stumbles_is_asked_again(serve, lands):
    answers = iter([(503, {}, b"<html>"), (500, {}, {}), (200, {}, THINGS)])
    assert ids(lands(serve(lambda *_: next(answers)))) == [0, 1, 2, 3, 4]


def test_an_api_that_stays_down_is_worth_a_later_run(serve, lands):
    api = serve(lambda *_: (503, {"Retry-After": "0"}, {}))
    with pytest.raises(TemporaryError, match=f"{CONNECTION}: {api.url}/things: the API answers 503"):
        lands(api)


def test_a_server_that_is_not_there_is_worth_a_later_run(serve, lands, tmp_path):
    api = serve(lambda *_: (200, {}, []))
    api.close()
    with pytest.raises(TemporaryError, match="no answer"):
        lands(api)


def test_a_list_without_cursor_lands_again_only_when_it_changed(serve, lands):
    things = list(THINGS)
    api = serve(lambda *_: (200, {}, things))
    lands(api)
    things.reverse()
    assert lands(api).report.loads == ()
    things.append({"id": 5})
    assert lands(api).report.rows == {"things": 6}


def test_an_api_that_knows_no_filter_is_filtered_here(serve, lands):
    things = [{"id": 1, "v": 10}, {"id": 2, "v": 20}, {"id": 3, "v": None}]
    api = serve(lambda *_: (200, {}, things))
    lands(api, cursor={"field": "v"})
    things += [{"id": 4, "v": 15}, {"id": 5, "v": 20}, {"id": 6, "v": 30}, {"id": 7, "v": None}]
    assert ids(lands(api, cursor={"field": "v"})) == [1, 2, 3, 5, 6, 7]
    assert lands(api, cursor={"field": "v"}).report.loads == ()


def test_many_records_of_one_moment_land_once(serve, lands):
    things = [{"id": number, "v": 1} for number in range(MANY + 1)]
    api = serve(lambda *_: (200, {}, things))
    assert lands(api, cursor={"field": "v"}).report.rows == {"things": MANY + 1}
    assert lands(api, cursor={"field": "v"}).report.loads == ()
    things.append({"id": -1, "v": 1})
    assert -1 in ids(lands(api, cursor={"field": "v"}))


def test_the_first_run_asks_from_the_initial_value(serve, lands):
    api = serve(lambda *_: (200, {}, [{"id": 1, "at": "2026-02-01"}]))
    settings = {"cursor": {"field": "at", "param": "since", "initial": "2026-01-01"}, "params": {"kind": "x"}}
    lands(api, **settings)
    lands(api, **settings)
    assert [asked for _, asked in api.asked] == [
        {"kind": "x", "since": "2026-01-01"},
        {"kind": "x", "since": "2026-02-01"},
    ]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("crm.example/api", "write a full address such as https://"),
        ("http://crm.example/api", "plain http is for this machine or a private network, with `allow_private: true`"),
        ("https://hub:s3same@crm.example/api", "put a name and password into a header, not into the address"),
    ],
)
def test_an_address_that_should_not_be_called_is_a_mistake_in_the_configuration(url, told):
    with pytest.raises(ValidationError) as caught:
        RestConfig(url=url, resources={"things": {"path": "things"}})
    assert told in str(caught.value)
    assert "s3same" not in str(caught.value)


def test_a_name_that_leads_into_our_network_is_not_called_unless_the_admin_means_it(serve, tmp_path):
    api = serve(lambda path, parameters, headers: (200, {}, [{"id": 1}]))
    inside = RestConfig(
        url=api.url.replace("http://127.0.0.1", "https://localhost"), resources={"things": {"path": "things"}}
    )
    check = Rest(inside, Place(CONNECTION, tmp_path)).check()
    assert not check.ok
    assert check.message.startswith("localhost: this leads to an address that is not public")
    assert "allow_private: true" in check.message
    assert api.asked == []
