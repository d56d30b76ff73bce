"""The pages behind the links in messages, over real HTTP: as browsers, mail programs and link scanners visit them."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from hub.errors import ConfigurationError
from hub.ledger import Ledger, Statement
from hub.project import load_project
from hub.serve import application
from hub.serve.pages.words import LANGUAGES, language_for, words
from hub.serve.site import Site
from tests.serve.conftest import Serving
from tests.serve.mailing import KEY, MESSAGE, link, mailing, queue
from tests.serve.shop import NOW

BROWSER = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "accept": "text/html,*/*;q=0.8"}
PAGES = ("unsubscribe", "preferences", "confirm", "survey")


@pytest.fixture
def client(serving: Serving, ledger: Ledger, tmp_path: Path) -> httpx.Client:
    queue(ledger)
    client = serving(mailing(tmp_path), clock=lambda: NOW)
    client.headers.update(BROWSER)
    return client


class Page(HTMLParser):
    """What a page holds: its text, its forms' fields, its language, and whether every field has a label."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def fields(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for _, attributes in self.tags if attributes.get("name") == name]


def said(ledger: Ledger) -> list[tuple[str, str, bool, str]]:
    return [(one.channel, one.purpose, one.given, one.source) for one in ledger.statements.of_message(MESSAGE)]


def rows(ledger: Ledger, table: str) -> list[dict[str, Any]]:
    ledger.inbox.take("mail", "looked at")
    pages = ledger.inbox.read("mail", "looked at")
    found = [row for page in pages for push in page for row in push.rows([KEY.encode()]).get(table, ())]
    return [dict(row) for row in found]


# unsubscribe


def test_the_mail_programs_post_unsubscribes_at_once_without_a_cookie_or_a_redirect(
    client: httpx.Client, ledger: Ledger
) -> None:
    answer = client.post(link("unsubscribe"), data={"List-Unsubscribe": "One-Click"}, headers={"accept": "*/*"})
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert said(ledger) == [("email", "marketing", False, "unsubscribe")]
    assert rows(ledger, "hub_unsubscribes") == [{"message_id": MESSAGE, "at": NOW.isoformat()}]


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"content": b"\xff\x00", "headers": {"content-type": "application/x-www-form-urlencoded"}},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {"content": b"List-Unsubscribe=One-Click", "headers": {"content-type": "text/plain"}},
    ],
)
def test_a_post_unsubscribes_whatever_its_body_says(client: httpx.Client, ledger: Ledger, sent: Any) -> None:
    assert client.post(link("unsubscribe"), **sent).status_code == 200
    assert [given for _, _, given, _ in said(ledger)] == [False]


def test_unsubscribing_twice_is_as_good_as_once(client: httpx.Client, ledger: Ledger) -> None:
    statuses = {client.post(link("unsubscribe")).status_code for _ in range(3)}
    assert statuses == {200}
    assert said(ledger) == [("email", "marketing", False, "unsubscribe")]
    assert len(rows(ledger, "hub_unsubscribes")) == 1


def test_a_link_that_is_followed_never_unsubscribes_nor_confirms(client: httpx.Client, ledger: Ledger) -> None:
    for kind in PAGES[:3]:
        for method in ("GET", "HEAD"):
            answer = client.request(method, link(kind))
            assert answer.status_code == 200
    assert said(ledger) == []
    assert ledger.inbox.waiting() == {}


def test_the_page_has_a_button_that_unsubscribes_and_a_way_to_the_choices(client: httpx.Client, ledger: Ledger) -> None:
    shown = client.get(link("unsubscribe"))
    page = Page(shown.text)
    assert ("form", {"method": "post"}) in page.tags
    choices = next(attributes["href"] for tag, attributes in page.tags if tag == "a")
    assert choices is not None
    assert client.get(str(shown.url.join(choices))).status_code == 200
    assert "U bent afgemeld" in client.post(link("unsubscribe")).text


@pytest.mark.parametrize("kind", PAGES)
def test_a_link_that_is_not_ours_does_nothing_and_says_so(client: httpx.Client, ledger: Ledger, kind: Any) -> None:
    other: Any = "survey" if kind != "survey" else "confirm"
    good = link(kind)
    bad = [
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        good.partition(".")[0],
        link(other).replace(other, kind),
        link(kind, key="another key of ours"),
        link(kind, subject="nosuchmessage") if kind != "confirm" else link(kind, key="x" * 20),
        f"/{kind}/{'x' * 5000}",
        f"/{kind}/%00%ff",
    ]
    for path in bad:
        data = {"kind": "nps", "score": "9", "yes": "email:marketing"}
        answer = client.post(path, data=data)
        assert answer.status_code == 404
        assert Page(answer.text).text.endswith("laatste bericht.")
    assert said(ledger) == []
    assert ledger.inbox.waiting() == {}


def test_a_link_that_a_replaced_key_signed_still_works(serving: Serving, ledger: Ledger, tmp_path: Path) -> None:
    queue(ledger)
    project = mailing(tmp_path)
    (tmp_path / ".env").write_text(f"HUB_KEY=a newer key of ours\nHUB_FORMER_KEYS={KEY}\n", encoding="utf-8")
    client = serving(load_project(project.folder), clock=lambda: NOW)
    assert client.post(link("unsubscribe")).status_code == 200
    assert [given for _, _, given, _ in said(ledger)] == [False]


def test_a_ledger_that_does_not_answer_is_told_and_nobody_is_told_that_it_worked(
    client: httpx.Client, ledger: Ledger
) -> None:
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE inbox")
    assert client.post(link("unsubscribe")).status_code == 503
    # the withdrawal itself was heard, and stands
    assert [given for _, _, given, _ in said(ledger)] == [False]
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE statement")
    assert client.post(link("unsubscribe")).status_code in (500, 503)
    assert "opnieuw" in client.post(link("survey"), data={"kind": "nps", "score": "9"}).text


# confirm


CONFIRMING = """
scenario: welcome
who: those who asked for it
from: prospect
to: subscriber
trigger: {any: [{event: newsletter_subscribed}]}
purpose: service
target: "true"
stop_when: "false"
valid_for: 7 days
confirms: {channel: email, text: shop-newsletter-v3}
steps:
  - send: please_confirm
    by: email
    content: {species: "'cat'"}
"""
TEXTS = """
texts:
  shop-newsletter-v2: {channels: [email], from: 2020-01-01, until: 2026-01-01, words: {nl: Oude woorden}}
  shop-newsletter-v3:
    {channels: [email], from: 2026-01-01, words: {nl: "Ja, mail mij <b>nieuws</b>.", fr: "Oui, je veux bien."}}
  tailored-v1: {channels: [email], purpose: profiling, from: 2026-01-01, words: {en: Yes and tailor it}}
"""
DOUBLE_OPT_IN = {
    "scenarios/welcome.yaml": CONFIRMING,
    "consent-texts.yaml": TEXTS,
    "templates/please_confirm/subject.txt": "Bevestig",
    "templates/please_confirm/email.txt": "{{ confirm_url }}",
}


def test_the_button_confirms_what_the_scenario_asked_and_the_link_does_not(
    serving: Serving, ledger: Ledger, tmp_path: Path
) -> None:
    queue(ledger, purpose="service")
    client = serving(mailing(tmp_path, **DOUBLE_OPT_IN), clock=lambda: NOW)
    assert "Bevestigen" in client.get(link("confirm")).text
    assert said(ledger) == []
    assert client.post(link("confirm")).status_code == 200
    (statement,) = ledger.statements.of_message(MESSAGE)
    assert (statement.channel, statement.given, statement.text) == ("email", True, "shop-newsletter-v3")
    assert statement.evidence == f"link in message {MESSAGE}"


def test_a_message_that_asked_for_no_confirmation_confirms_nothing(client: httpx.Client, ledger: Ledger) -> None:
    assert client.post(link("confirm")).status_code == 404
    assert said(ledger) == []


# preferences


def test_what_is_changed_is_stated_and_what_is_left_as_it_was_is_not(client: httpx.Client, ledger: Ledger) -> None:
    page = Page(client.get(link("preferences")).text)
    offered = [field["value"] for field in page.fields("yes")]
    assert offered == ["email:marketing", "email:profiling"]
    assert page.fields("was") == []
    client.post(link("preferences"), data={"do": "save", "yes": ["email:profiling", "sms:marketing", "x"]})
    (statement,) = ledger.statements.of_message(MESSAGE)
    assert (statement.channel, statement.purpose, statement.given) == ("email", "profiling", True)
    assert re.fullmatch(r"hub-preferences-nl-[0-9a-f]{8}", statement.text)

    page = Page(client.get(link("preferences")).text)
    assert [field["value"] for field in page.fields("was")] == ["email:profiling"]
    client.post(link("preferences"), data={"do": "save", "yes": "email:profiling", "was": "email:profiling"})
    assert len(said(ledger)) == 1


def test_a_box_that_was_ticked_and_is_not_any_more_is_a_withdrawal(
    serving: Serving, ledger: Ledger, tmp_path: Path
) -> None:
    queue(ledger)
    ledger.statements.receive(
        Statement(MESSAGE, "email", "marketing", True, NOW - timedelta(days=9), "confirm", "shop-newsletter-v3")
    )
    client = serving(mailing(tmp_path), clock=lambda: NOW)
    page = Page(client.get(link("preferences")).text)
    assert [("checked" in field) for field in page.fields("yes")] == [True, False]
    client.post(link("preferences"), data={"do": "save", "was": "email:marketing"})
    assert said(ledger)[-1] == ("email", "marketing", False, "preferences")


def test_one_button_stops_all_marketing(client: httpx.Client, ledger: Ledger) -> None:
    client.post(link("preferences"), data={"do": "stop", "yes": "email:marketing"})
    assert said(ledger) == [("all", "marketing", False, "preferences")]


def test_declared_words_in_force_are_shown_in_the_readers_language_and_named_by_the_yes(
    serving: Serving, ledger: Ledger, tmp_path: Path
) -> None:
    queue(ledger)
    client = serving(mailing(tmp_path, **DOUBLE_OPT_IN), clock=lambda: NOW)
    shown = client.get(link("preferences"), headers={"accept-language": "fr-BE,nl;q=0.5"}).text
    assert "Oui, je veux bien." in shown
    assert "Oude woorden" not in shown
    dutch = client.get(link("preferences")).text
    assert "Ja, mail mij &lt;b&gt;nieuws&lt;/b&gt;." in dutch
    client.post(link("preferences"), data={"do": "save", "yes": "email:marketing"})
    assert [one.text for one in ledger.statements.of_message(MESSAGE)] == ["shop-newsletter-v3"]


def test_a_channel_without_words_in_force_cannot_be_agreed_to(serving: Serving, ledger: Ledger, tmp_path: Path) -> None:
    queue(ledger)
    only_profiling = "texts:\n  t1: {channels: [email], purpose: profiling, from: 2026-01-01, words: {nl: Ja}}\n"
    client = serving(mailing(tmp_path, **{"consent-texts.yaml": only_profiling}), clock=lambda: NOW)
    assert [field["value"] for field in Page(client.get(link("preferences")).text).fields("yes")] == ["email:profiling"]
    client.post(link("preferences"), data={"do": "save", "yes": "email:marketing"})
    assert said(ledger) == []


# surveys


NPS = {"survey": "after-order", "kind": "nps"}


def test_a_link_with_a_score_shows_it_chosen_and_only_the_button_answers(client: httpx.Client, ledger: Ledger) -> None:
    page = Page(client.get(link("survey"), params={**NPS, "score": 9}).text)
    scores = page.fields("score")
    assert [field["value"] for field in scores] == [str(number) for number in range(11)]
    assert [field["value"] for field in scores if "checked" in field] == ["9"]
    answer = client.post(link("survey"), data={**NPS, "question": "nps", "score": "9", "answer": "Top! <script>"})
    assert answer.status_code == 200
    opened, confirmed = sorted(rows(ledger, "hub_answers"), key=lambda row: row["confirmed"])
    assert (opened["confirmed"], opened["score"], opened["machine"]) == (False, 9, False)
    assert confirmed == {
        "message_id": MESSAGE,
        "survey": "after-order",
        "question": "nps",
        "kind": "nps",
        "score": 9,
        "answer": "Top! <script>",
        "at": NOW.isoformat(),
        "confirmed": True,
        "machine": False,
    }


@pytest.mark.parametrize(
    "headers",
    [
        {"user-agent": "Mozilla/5.0 (compatible; SafeLinksBot/2.0)"},
        {"user-agent": "python-requests/2.32"},
        {"user-agent": ""},
        {"accept": "*/*"},
        {"sec-purpose": "prefetch;prerender"},
    ],
)
def test_a_scanner_that_follows_every_link_is_marked_and_answers_nothing(
    client: httpx.Client, ledger: Ledger, headers: dict[str, str]
) -> None:
    for score in range(11):
        for _ in range(2):
            client.get(link("survey"), params={**NPS, "score": score}, headers=headers)
    found = rows(ledger, "hub_answers")
    assert len(found) == 11
    assert {(row["confirmed"], row["machine"]) for row in found} == {(False, True)}


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"kind": "nps", "score": "11"},
        {"kind": "nps", "score": "-1"},
        {"kind": "nps", "score": "٣"},
        {"kind": "csat", "score": "0"},
        {"kind": "ces", "score": "6"},
        {"kind": "stars", "score": "3"},
        {"kind": "nps", "survey": "<script>", "score": "3"},
        {"kind": "nps", "question": "x" * 81, "score": "3"},
    ],
)
def test_what_no_link_of_ours_says_is_not_kept(client: httpx.Client, ledger: Ledger, params: dict[str, str]) -> None:
    assert client.get(link("survey"), params=params).status_code == 404
    assert client.post(link("survey"), data=params).status_code == 404
    assert ledger.inbox.waiting() == {}


def test_an_answer_without_a_score_asks_for_one(client: httpx.Client, ledger: Ledger) -> None:
    assert Page(client.post(link("survey"), data=NPS).text).fields("score")
    assert ledger.inbox.waiting() == {}


def test_an_answer_may_be_long_but_not_endless(client: httpx.Client, ledger: Ledger) -> None:
    client.post(link("survey"), data={**NPS, "score": "9", "answer": "é" * 3_000 + "\x00"})
    assert [len(row["answer"]) for row in rows(ledger, "hub_answers")] == [2_000]
    assert client.post(link("survey"), data={**NPS, "score": "9", "answer": "x" * 70_000}).status_code == 413


# how pages look


@pytest.mark.parametrize(("accepted", "language"), [("en-GB", "en"), ("fr", "fr"), ("de-AT,en", "de"), ("es", "nl")])
def test_a_page_speaks_the_readers_language(client: httpx.Client, accepted: str, language: str) -> None:
    for kind in PAGES:
        shown = client.get(link(kind), params={"kind": "csat"}, headers={"accept-language": accepted})
        assert ("html", {"lang": language}) in Page(shown.text).tags
        assert words(language)[kind]["title"] in shown.text
    chosen = client.get(link("unsubscribe"), params={"lang": "fr"}, headers={"accept-language": accepted})
    assert words("fr")["unsubscribe"]["title"] in chosen.text


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("nl;q=0.2,fr;q=0.9", "fr"),
        ("de;q=0", "en"),
        ("*", "en"),
        (";;q=,", "en"),
        ("NL", "nl"),
        ("fr;q=x", "en"),
    ],
)
def test_languages_are_chosen_by_their_weight(accepted: str, language: str) -> None:
    assert language_for("", accepted, "en-GB") == language


def test_every_language_says_everything() -> None:
    def keys(given: Any, path: str = "") -> set[str]:
        return (
            {path} | {deeper for key in given for deeper in keys(given[key], f"{path}.{key}")}
            if isinstance(given, dict)
            else {path}
        )

    assert LANGUAGES == ("de", "en", "fr", "nl")
    assert len({frozenset(keys(words(language))) for language in LANGUAGES}) == 1


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_is_escaped_and_its_fields_have_labels(client: httpx.Client, kind: Any) -> None:
    shown = client.get(link(kind), params={"kind": "nps"}).text
    page = Page(shown)
    assert "Mia(ou)m &amp; &lt;Co&gt;" in shown
    assert "<Co>" not in shown
    assert "<script" not in shown
    assert [tag for tag, _ in page.tags].count("h1") == 1
    for tag, attributes in page.tags:
        if tag == "fieldset":
            assert "legend" in [name for name, _ in page.tags]
        if tag == "textarea":
            assert ("label", {"for": attributes["id"]}) in page.tags


def test_a_project_brands_its_pages_with_a_layout_of_its_own(serving: Serving, ledger: Ledger, tmp_path: Path) -> None:
    queue(ledger)
    layout = "<html lang={{ language }}><h1>{{ name }} | {{ title }}</h1>{{ content }}</html>"
    client = serving(mailing(tmp_path, **{"templates/pages/layout.html": layout}), clock=lambda: NOW)
    shown = client.get(link("unsubscribe")).text
    assert shown.startswith("<html lang=nl><h1>Mia(ou)m &amp; &lt;Co&gt; | Afmelden</h1>")
    assert "<button" in shown


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ("{{ title }}", "must show {{ content }}"),
        ("{% if %}", "can't be shown"),
        ("{{ content }}{{ x }}", "can't be shown"),
    ],
)
def test_a_layout_that_cannot_be_used_stops_the_server_from_starting(
    ledger: Ledger, tmp_path: Path, layout: str, message: str
) -> None:
    project = mailing(tmp_path, **{"templates/pages/layout.html": layout})
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        application(Site(project, ledger))


def test_no_log_line_tells_who_visited(client: httpx.Client) -> None:
    with structlog.testing.capture_logs() as logs:
        client.post(link("unsubscribe"))
        client.post(link("survey"), data={**NPS, "score": "9", "answer": "geheim"})
        client.get(link("preferences"))
    written = json.dumps(logs)
    assert '"route": "/unsubscribe/{token}"' in written
    for hidden in (MESSAGE, link("unsubscribe")[-10:], "geheim", "anna", "127.0.0.1"):
        assert hidden not in written


def test_where_the_world_comes_by_https_browsers_are_told_to_stay_there(client: httpx.Client) -> None:
    assert client.get(link("unsubscribe")).headers["strict-transport-security"].startswith("max-age=")
