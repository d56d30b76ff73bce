"""Cases in scenarios and beside segments run on the engine itself, and tell what differs, with file and line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent

import pytest

from hub.cases import CaseResult, run_cases
from hub.project import load_project

HUB = """
name: Corner shop
connections:
  mail: {plugin: smtp, host: localhost, port: 2525, sender: "Shop <shop@corner.example>"}
  texts: {plugin: sms_http, url: "https://sms.example/send", body: {to: "{phone}", text: "{text}"}}
"""
SCENARIO = """\
scenario: welcome
who: new people
from: prospect
to: first order
trigger: {any: [{event: newsletter_subscribed}, {event: account_created}]}
per: person, once
target: age is null or age >= 16
stop_when: ordered
valid_for: 14 days
control_group: 50%
steps:
  - send: welcome
    by: [email, sms]
    content: {species: "coalesce(interests, 'any')"}
  - wait: {until: clicked, at_most: 7 days}
  - if: clicked
    then: [{task: Ring, to: desk}]
    else: [{send: reminder, by: [email, sms]}]
cases:
"""

Run = Callable[[str], list[CaseResult]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HUB_KEY", "8f1c0a5bd2e94b6c7f3a")
    (tmp_path / "hub.yaml").write_text(HUB, encoding="utf-8")
    for template in ("welcome", "reminder"):
        place = tmp_path / "templates" / template
        place.mkdir(parents=True)
        for name in ("subject.txt", "email.txt", "sms.txt"):
            (place / name).write_text("Dag {{ species }}", encoding="utf-8")
    for kind in ("scenarios", "segments", "traits"):
        (tmp_path / kind).mkdir()
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    def cases(written: str) -> list[CaseResult]:
        text = SCENARIO + indent(dedent(written), "  ")
        (folder / "scenarios" / "welcome.yaml").write_text(text, encoding="utf-8")
        return run_cases(load_project(folder))

    return cases


def test_cases_that_hold_tell_no_differences_r17(run: Run) -> None:
    results = run(
        """
        subscribes and makes an account on one day:
          person: {email: anna@example.nl, consents: [email]}
          activity:
            - {type: newsletter_subscribed, at: 2026-03-02 08:00}
            - {type: account_created, at: 2026-03-02 08:30}
          expect:
            messages: [{step: welcome, channel: email, on: 2026-03-02}, {step: reminder, on: 2026-03-09}]
            ends: message queued
        no e-mail address:
          person: {phone: "+31612345678", consents: [sms]}
          activity: [{type: account_created, at: 2026-03-29}]
          expect: {messages: [{channel: sms}, {channel: sms, at: 2026-04-05 09:00}]}
        clicks:
          person: {email: bert@example.nl, consents: [email]}
          activity: [{type: account_created, at: 2026-03-02 08:00}]
          message_event: [{message: welcome, type: clicked, at: 2026-03-03 10:00}]
          expect: {messages: 1, task: [{subject: Ring, at: 2026-03-04 09:00}]}
        an account alone is no consent:
          person: {email: carla@example.nl}
          activity: [{type: account_created, at: 2026-03-02 08:00}]
          expect: {messages: 0, ends: too late}
        too young:
          person: {email: dirk@example.nl, birth_date: 2015-01-01, consents: [email]}
          activity: [{type: account_created, at: 2026-03-02 08:00}]
          expect: {entries: 0}
        orders before the message:
          person: {email: eva@example.nl, consents: [email]}
          activity: [{type: account_created, at: 2026-03-02 10:00}]
          sales_order: [{ordered_at: 2026-03-02 11:00, status: paid, total: 20}]
          expect: {messages: 0, ends: interrupted}
        the mail comes back, so a text message goes:
          person: {email: fien@example.nl, phone: "+31612345678", consents: [email, sms]}
          activity: [{type: account_created, at: 2026-03-02 08:00}]
          message_event: [{message: welcome, type: bounced, at: 2026-03-02 09:30}]
          until: 2026-03-04
          expect: {messages: [{channel: email}, {channel: sms, on: 2026-03-03}], ends: active}
        """
    )
    assert [(result.name, result.differences) for result in results if not result.ok] == []
    assert len(results) == 7


def test_a_case_decides_at_every_time_of_a_range_and_on_no_other_day(folder: Path, run: Run) -> None:
    (folder / "hub.yaml").write_text(HUB + 'schedules: {engage: "0 9-19 * * mon-sat"}\n', encoding="utf-8")
    results = run(
        """
        within the hour:
          person: {email: anna@example.nl, consents: [email]}
          activity: [{type: account_created, at: 2026-03-02 10:01}]
          expect: {messages: [{at: 2026-03-02 11:00}, {at: 2026-03-09 11:00}]}
        on Monday what comes late on Saturday:
          person: {email: bert@example.nl, consents: [email]}
          activity: [{type: account_created, at: 2026-03-07 19:01}]
          expect: {messages: [{at: 2026-03-09 09:00}, {at: 2026-03-16 09:00}]}
        """
    )
    assert [result.differences for result in results] == [(), ()]


def test_what_differs_is_told_with_the_line_of_the_case(run: Run) -> None:
    (result,) = run(
        """
        one message:
          person: {email: anna@example.nl, consents: [email]}
          activity: [{type: account_created, at: 2026-03-02 08:00}]
          expect:
            messages: [{step: welcome, channel: sms}, {step: reminder}]
            entries: 2
            ends: too late
            task: [{subject: Ring}]
        """
    )
    assert (result.file, result.line, result.name) == ("scenarios/welcome.yaml", 21, "welcome: one message")
    assert result.differences == (
        "messages: expected {step: welcome, channel: sms}, but there is {step: welcome, channel: email}",
        "entries: expected 2, but there are 1",
        "ends: expected 'too late', but there is: message queued",
        "task: expected {subject: Ring}, but there is no such row",
    )


def test_a_wrong_number_of_messages_shows_those_there_are(run: Run) -> None:
    (result,) = run(
        """
        none:
          person: {email: anna@example.nl, consents: [email]}
          activity: [{type: account_created, at: 2026-03-02 08:00}]
          until: 2026-03-05
          expect: {messages: 0}
        """
    )
    assert result.differences == ("messages: expected 0, but there are 1: welcome by email on 2026-03-02",)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("activty: [{at: 2026-03-02}]", "there is no table 'activty' to give rows of. Did you mean 'activity'?"),
        ("activity: [{typ: x, at: 2026-03-02}]", "activity[1]: activity has no column 'typ'. Did you mean 'type'?"),
        ("activity: [{type: x, at: tomorrow}]", "activity[1]: at is timestamp, but 'tomorrow' is none"),
        ("activity: [{type: x}]", "nothing happens: give a row with a time"),
        ("activity: [{at: 2026-03-02, person: bert}]", "activity[1]: there is no person 'bert'."),
        ("activity: [{at: 2026-03-02}]\n  until: 2026-03-01", "until: 2026-03-01 lies before its last row"),
        (
            "message_event: [{message: welcome, type: clicked, at: 2026-03-02}]",
            "message_event: 'welcome' has sent no message by 2026-03-02 00:00",
        ),
    ],
)
def test_a_case_that_can_not_be_run_says_why(run: Run, given: str, told: str) -> None:
    (result,) = run(f"wrong:\n  person: {{email: a@example.nl}}\n  {given}\n  expect: {{messages: 0}}\n")
    assert result.differences[0].startswith(told)


def test_people_of_one_case_are_told_apart(run: Run) -> None:
    results = run(
        """
        two people:
          person:
            - {key: anna, email: anna@example.nl, consents: [email]}
            - {key: bert, email: bert@example.nl}
          activity:
            - {type: account_created, at: 2026-03-02 08:00}
            - {type: account_created, at: 2026-03-02 08:00, person: bert}
          until: 2026-03-04
          expect:
            messages: [{person: anna}]
            decision: [{person: anna, outcome: queued}, {person: bert, outcome: refused}]
        """
    )
    assert results[0].differences == ()


def test_a_cart_that_changes_is_one_row_that_changes(folder: Path) -> None:
    cart = """\
    scenario: cart
    who: visitors
    from: visitor
    to: order
    trigger: {any: [{of: cart, where: status = 'open'}]}
    per: cart, each time
    target: consents('email', 'marketing')
    stop_when: cart.status <> 'open'
    valid_for: 3 days
    steps:
      - wait: {for: 1 hour, at: "18:00"}
      - {send: welcome, by: email, content: {species: text(cart.total)}}
    cases:
      stays open:
        person: {email: a@example.nl, consents: [email]}
        cart: [{key: c1, status: open, total: 10, changed_at: 2026-03-02 08:00}]
        expect: {messages: 1}
      is ordered:
        person: {email: b@example.nl, consents: [email]}
        cart:
          - {key: c1, status: open, total: 10, changed_at: 2026-03-02 08:00}
          - {key: c1, status: ordered, total: 10, changed_at: 2026-03-02 12:00}
        expect: {messages: 0, ends: interrupted}
    """
    (folder / "scenarios" / "cart.yaml").write_text(dedent(cart), encoding="utf-8")
    assert [result.differences for result in run_cases(load_project(folder))] == [(), ()]


SEGMENTS = """\
traits:
  spent: {of: sales_order, sum: total, within: 30 days}
---
segments:
  big: {where: spent >= 100}
  mailable: {where: "consents('email')"}
cases:
  a hundred in a month is big:
    person: {consents: [email]}
    sales_order: [{ordered_at: 2026-03-02, total: 60}, {ordered_at: 2026-03-20, total: 40}]
    at: 2026-03-21
    expect: {in: [big, mailable]}
  a month later it is not:
    sales_order: [{ordered_at: 2026-03-02, total: 100}]
    at: 2026-04-02
    expect: {in: [mailable], not_in: [big]}
  what comes later does not count yet:
    sales_order: [{ordered_at: 2026-03-02, total: 100}]
    at: 2026-03-01
    expect: {not_in: [big]}
  a name that is wrong:
    sales_order: [{ordered_at: 2026-03-02, total: 100}]
    at: 2026-03-01
    expect: {in: [bigg]}
"""


def test_cases_of_segments_are_looked_at_each_at_its_moment(folder: Path) -> None:
    traits, segments = SEGMENTS.split("---\n")
    (folder / "traits" / "all.yaml").write_text(traits, encoding="utf-8")
    (folder / "segments" / "all.yaml").write_text(segments, encoding="utf-8")
    results = run_cases(load_project(folder))
    assert [(result.line, result.differences) for result in results] == [
        (5, ()),
        (10, ("in: expected mailable, but the person is in no segment",)),
        (14, ()),
        (18, ("expect: there is no segment 'bigg'. Did you mean 'big'?",)),
    ]
