"""The pet shop's data and the outside world that the example plays: what they promise to the demo and its tests."""

from __future__ import annotations

import base64
import csv
import hashlib
import hmac
import json
import smtplib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import phonenumbers
import pyarrow.parquet as pq
import pytest
from openpyxl import load_workbook

from examples.miaoum.generate import UNTIL, generate
from examples.miaoum.generator.newcomers import KINDS, quiet_start, window_start
from examples.miaoum.servers.audience import AudienceServer
from examples.miaoum.servers.crm import CrmServer
from examples.miaoum.servers.mailbox import ONE_CLICK, Mailbox
from examples.miaoum.servers.sms import SmsServer

PEOPLE = 600
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("miaoum")
    generate(folder, people=PEOPLE)
    return folder


def truth(data: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(data / "truth" / f"{name}.parquet").to_pylist()
    return rows


def contacts(data: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((data / "crm" / "contacts.json").read_text(encoding="utf-8"))
    return rows


def ask(data: Path, statement: str) -> list[tuple[Any, ...]]:
    database = sqlite3.connect(data / "shop.db")
    rows = database.execute(statement).fetchall()
    database.close()
    return rows


def events_of(data: Path) -> list[dict[str, Any]]:
    paths = sorted((data / "web").glob("*.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


# The data


def test_the_same_seed_gives_the_same_bytes_and_another_seed_gives_others(data: Path, tmp_path: Path) -> None:
    generate(tmp_path / "again", people=PEOPLE)
    generate(tmp_path / "other", people=PEOPLE, seed=18)
    texts = [path.relative_to(data) for path in sorted(data.rglob("*")) if path.suffix in {".json", ".jsonl", ".csv"}]
    assert len(texts) == 3 + 5 + 5
    for path in texts:
        assert (tmp_path / "again" / path).read_bytes() == (data / path).read_bytes(), path
        assert (tmp_path / "other" / path).read_bytes() != (data / path).read_bytes(), path
    for name in ("customers", "orders", "order_lines", "carts"):
        assert ask(tmp_path / "again", f"select * from {name}") == ask(data, f"select * from {name}")
    for path in (data / "web").glob("*.parquet"):
        assert pq.read_table(path).equals(pq.read_table(tmp_path / "again" / "web" / path.name))
    for path in (data / "truth").glob("*.parquet"):
        assert pq.read_table(path).equals(pq.read_table(tmp_path / "again" / "truth" / path.name))


def test_generating_again_leaves_nothing_of_the_earlier_data(data: Path, tmp_path: Path) -> None:
    generate(tmp_path, people=PEOPLE, until=date(2026, 3, 31))
    generate(tmp_path, people=PEOPLE)
    assert {path.name for path in (tmp_path / "web").iterdir()} == {path.name for path in (data / "web").iterdir()}


def test_too_few_people_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="too few for the example"):
        generate(tmp_path, people=20)


def test_every_system_knows_a_believable_share_of_the_people(data: Path) -> None:
    people: dict[tuple[str, str], set[str]] = {}
    for row in truth(data, "records"):
        people.setdefault((row["system"], row["table"]), set()).add(row["person"])
    share = {key: len(known) / PEOPLE for key, known in people.items()}
    assert 0.7 < share["crm", "contacts"] < 0.95
    assert 0.4 < share["shop", "customers"] < 0.7
    assert 0.5 < share["shop", "orders"] < 0.75
    assert 0.1 < share["erp", "debtors"] < 0.35
    assert 0.03 < share["events", "registrations"] < 0.2
    assert 0.25 < share["web", "visitors"] < 0.6
    assert 2 < len(ask(data, "select 1 from orders")) / PEOPLE < 4


def test_people_are_in_systems_more_than_once_and_the_truth_knows_each_record(data: Path) -> None:
    known = {(row["system"], row["table"], row["key"]): row["person"] for row in truth(data, "records")}
    keys = [known["crm", "contacts", contact["id"]] for contact in contacts(data)]
    assert len(keys) - len(set(keys)) > PEOPLE * 0.03
    accounts = [known["shop", "customers", str(key)] for (key,) in ask(data, "select id from customers")]
    assert len(accounts) - len(set(accounts)) > 5
    guests = ask(data, "select billing_email from orders where customer_id is null and status <> 'test'")
    assert len(guests) > 100
    stored = {email for (email,) in ask(data, "select email from customers where email is not null")}
    tidied = {email.strip().lower() for email in stored}
    assert len(stored - tidied) > 20
    joined = {email.strip().lower() for (email,) in guests if email} & tidied
    assert joined


def test_every_phone_of_the_truth_is_valid_in_some_notation_and_the_false_ones_are_listed(data: Path) -> None:
    false = {row["key"] for row in truth(data, "false_values") if row["column"] == "mobile"}
    assert false
    for contact in contacts(data):
        for number in (contact["phone"], contact["mobile"]):
            if number and contact["id"] not in false and contact["surname"] != "Test":
                assert phonenumbers.is_valid_number(phonenumbers.parse(number, contact["country"])), number


def test_families_share_telephones_and_companies_share_mailboxes(data: Path) -> None:
    mailboxes = [contact["email"] for contact in contacts(data) if (contact["email"] or "").startswith("info@")]
    assert len(mailboxes) > len(set(mailboxes))
    landlines: dict[str, set[str]] = {}
    for contact in contacts(data):
        if contact["phone"]:
            number = phonenumbers.parse(contact["phone"], contact["country"]).national_number
            landlines.setdefault(str(number), set()).add(contact["given_name"])
    assert sum(len(names) > 1 for names in landlines.values()) > 20


def test_prefixes_addresses_and_boxes_look_dutch_and_belgian(data: Path) -> None:
    people = contacts(data)
    assert {"van der", "de", "van"} <= {contact["prefix"] for contact in people}
    assert any(contact["box"] for contact in people if contact["country"] == "BE")
    assert all(contact["postcode"][:4].isdigit() for contact in people if contact["postcode"])
    assert any(" bus " in house for (house,) in ask(data, "select house_number from customers"))


def test_the_erp_files_are_cp1252_with_dutch_notation_and_some_impossible_dates(data: Path) -> None:
    rows: dict[str, list[dict[str, str]]] = {"debtors": [], "invoices": []}
    for path in sorted((data / "erp").glob("*.csv")):
        with path.open(encoding="cp1252", newline="") as stream:
            rows[path.name.split("_")[0]].extend(csv.DictReader(stream, delimiter=";"))
    assert any("é" in row["Omschrijving"] for row in rows["invoices"])
    assert all(row["Kredietlimiet"].startswith("€ ") for row in rows["debtors"])
    with pytest.raises(UnicodeDecodeError):
        (data / "erp" / "invoices_1.csv").read_text(encoding="utf-8")
    amounts = [row["Bedrag incl."] for row in rows["invoices"]]
    assert any("." in amount and amount.endswith(" EUR") for amount in amounts)
    false = {row["key"]: row["value"] for row in truth(data, "false_values") if row["column"] == "Factuurdatum"}
    dates = {row["Factuurnr"]: row["Factuurdatum"] for row in rows["invoices"]}
    assert false
    for number, written in dates.items():
        if number in false:
            assert written == false[number]
            with pytest.raises(ValueError, match=r"time data|day is out of range"):
                datetime.strptime(written, "%d-%m-%Y").replace(tzinfo=UTC)
        else:
            assert datetime.strptime(written, "%d-%m-%Y").replace(tzinfo=UTC).year >= 2024


def test_the_workshops_come_as_a_sheet_with_real_and_typed_dates(data: Path) -> None:
    sheet = load_workbook(data / "events" / "registrations.xlsx").active
    assert sheet is not None
    header, *rows = sheet.iter_rows(values_only=True)
    assert header[:4] == ("Nr", "Workshop", "Datum", "Voornaam")
    assert {type(row[2]) for row in rows} == {datetime, str}
    assert {row[8] for row in rows} <= {"ja", "nee", "", None}


def test_nothing_happens_after_the_last_day(data: Path) -> None:
    end = datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC)
    assert max(event["at"] for event in events_of(data)) <= end
    assert ask(data, "select max(updated_at) from orders")[0][0] <= end.strftime("%Y-%m-%d %H:%M:%S")
    assert max(contact["updated_at"] for contact in contacts(data)) <= "2026-10-31T23:59:59Z"
    for path in (data / "mail").glob("*.jsonl"):
        assert all(json.loads(line)["at"] <= "2026-10-31T23:59:59Z" for line in path.read_text().splitlines())


def test_the_truth_adds_up_with_the_orders_of_the_shop(data: Path) -> None:
    orders = truth(data, "orders")
    assert len(orders) == ask(data, "select count(*) from orders where status <> 'test'")[0][0]
    readable = [row for row in orders if row["total_cents"] is not None]
    persons = truth(data, "persons")
    assert sum(row["orders"] for row in persons) == len(readable)
    assert sum(row["paid_cents"] for row in persons) == sum(
        row["total_cents"] for row in readable if row["status"] == "P"
    )
    written = dict(ask(data, "select order_no, total_incl from orders"))
    for row in readable[:200]:
        digits = written[int(row["order_no"])].replace("EUR", "").replace("€", "").strip()
        plain = digits.replace(".", "").replace(",", ".") if "," in digits else digits
        assert round(float(plain) * 100) == row["total_cents"]


# The newcomers


def test_every_part_of_the_welcome_is_played_and_only_by_the_newcomers(data: Path) -> None:
    plan = {row["person"]: row for row in truth(data, "welcome")}
    assert {row["kind"] for row in plan.values()} == set(KINDS)
    assert all(bool(row["channel"]) != bool(row["reason"]) for row in plan.values())
    known = {(row["system"], row["key"]): row["person"] for row in truth(data, "records")}
    signs = [event for event in events_of(data) if event["type"] in {"newsletter_subscribed", "account_created"}]
    recent = [event for event in signs if event["at"] >= quiet_start(UNTIL)]
    assert all(event["at"] >= window_start(UNTIL) for event in recent)
    by_account = {known["shop", str(event["customer_id"])] for event in recent if event["customer_id"]}
    by_cookie = {known["web", event["visitor"]] for event in recent if event["visitor"]}
    assert by_account | by_cookie == set(plan)
    assert len(signs) > len(recent)


def test_five_thousand_people_bring_some_two_hundred_welcomes() -> None:
    counts: dict[str, int] = {}
    for count, channel, _ in KINDS.values():
        counts[channel] = counts.get(channel, 0) + count
    assert counts == {"email": 160, "sms": 30, "letter": 15, "": 67}


def test_consent_of_the_newcomers_is_what_their_part_says(data: Path) -> None:
    people = {row["person"]: row for row in truth(data, "persons")}
    for row in truth(data, "welcome"):
        person = people[row["person"]]
        assert person["email_consent"] == (
            row["channel"] == "email" or row["reason"] in {"under 16", "ordered since"}
        ), row["kind"]
        assert person["sms_consent"] == (row["channel"] == "sms"), row["kind"]
        assert person["letter_consent"] == (row["channel"] == "letter"), row["kind"]
        birthday = (
            person["born"].replace(year=person["born"].year + 16)
            if person["born"].day < 29
            else person["born"] + timedelta(5844)
        )
        assert (birthday > UNTIL) == (row["kind"] == "under_16")


def test_newcomers_reachable_by_text_message_or_post_have_no_usable_address(data: Path) -> None:
    plan = {row["person"]: row for row in truth(data, "welcome")}
    known = {(row["system"], row["key"]): row["person"] for row in truth(data, "records")}
    seen = 0
    for contact in contacts(data):
        part = plan.get(known["crm", contact["id"]] or "")
        if part and part["channel"] in {"sms", "letter"}:
            seen += 1
            assert contact["customer_number"]
            assert contact["email"] is None or part["kind"] == "broken_email"
            assert (contact["mobile"] is None) == (part["channel"] == "letter")
            assert (contact["sms_opt_in"], contact["print_opt_out"]) == (
                (True, None) if part["channel"] == "sms" else (None, False)
            )
    assert seen == sum(row["channel"] in {"sms", "letter"} for row in plan.values())


# The CRM's API


@pytest.fixture
def crm(data: Path) -> Iterator[CrmServer]:
    with CrmServer(data / "crm", token="let-me-in") as server:
        yield server


def get(server: CrmServer, path: str, token: str = "let-me-in") -> httpx.Response:
    return httpx.get(f"{server.url}{path}", headers={"Authorization": f"Bearer {token}"})


def test_the_crm_gives_every_contact_once_over_its_pages(crm: CrmServer, data: Path) -> None:
    rows: list[dict[str, Any]] = []
    address: str | None = f"{crm.url}/contacts?per_page=200"
    while address:
        page = httpx.get(address, headers={"Authorization": "Bearer let-me-in"}).json()
        rows.extend(page["data"])
        address = page["next"]
    assert crm.requests == -(-len(rows) // 200)
    assert sorted(row["id"] for row in rows) == sorted(row["id"] for row in contacts(data))
    assert [row["updated_at"] for row in rows] == sorted(row["updated_at"] for row in rows)


def test_the_crm_gives_only_what_changed_since(crm: CrmServer, data: Path) -> None:
    since = "2026-10-20T00:00:00Z"
    page = get(crm, f"/contacts?updated_since={since}&per_page=500").json()
    assert page["next"] is None
    assert {row["id"] for row in page["data"]} == {row["id"] for row in contacts(data) if row["updated_at"] >= since}
    assert page["data"]


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("/contacts?page=0", "page must be a whole number"),
        ("/contacts?page=two", "page must be a whole number"),
        ("/contacts?per_page=501", "per_page must be a whole number from 1 to 500"),
        ("/contacts?updated_since=yesterday", "updated_since must be a moment"),
        ("/contacts?updated_since=2026-10-01", "updated_since must be a moment"),
    ],
)
def test_the_crm_refuses_a_bad_parameter(crm: CrmServer, path: str, complaint: str) -> None:
    answer = get(crm, path)
    assert answer.status_code == 400
    assert complaint in answer.json()["error"]


def test_the_crm_shows_nothing_without_its_token(crm: CrmServer) -> None:
    assert httpx.get(f"{crm.url}/contacts").status_code == 401
    assert get(crm, "/contacts", token="wrong").status_code == 401
    assert get(crm, "/salaries").status_code == 404
    assert get(crm, "/contacts?page=9999").json() == {"data": [], "next": None}


# The mailbox


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    with Mailbox(keep=tmp_path / "mails") as server:
        yield server


def deliver(mailbox: Mailbox, number: int) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "hallo@miaoum.example", f"lezer{number}@example.nl", f"Welkom {number}"
    mail["Message-ID"] = f"<m{number}@miaoum.example>"
    mail["List-Unsubscribe"] = f"<{mailbox.unsubscribe_url}/token{number}>"
    mail["List-Unsubscribe-Post"] = ONE_CLICK
    mail.set_content("Welkom")
    mail.add_alternative('<p><a href="https://www.miaoum.example/kat">Kat</a></p>', subtype="html")
    with smtplib.SMTP(mailbox.host, mailbox.smtp_port) as client:
        client.send_message(mail)


def lines(path: Path | None) -> list[dict[str, str]]:
    assert path is not None
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


AT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def test_recipients_react_in_every_way_and_always_the_same(mailbox: Mailbox, tmp_path: Path) -> None:
    for number in range(200):
        deliver(mailbox, number)
    assert [mail.copies for mail in mailbox.mails] == [1] * 200
    assert len(list((tmp_path / "mails").glob("*.eml"))) == 200
    events = lines(mailbox.react(tmp_path / "reactions", seed=1, at=AT))
    kinds = {event["type"] for event in events}
    assert kinds == {"delivered", "opened", "clicked", "bounced", "soft_bounced", "complained", "unsubscribed"}
    assert len({event["event_id"] for event in events}) == len(events)
    assert {event["message_id"] for event in events} == {mail.message_id for mail in mailbox.mails}
    assert {event["code"] for event in events if event["type"] == "bounced"} == {"5.1.1"}
    assert {event["url"] for event in events if event["type"] == "clicked"} == {"https://www.miaoum.example/kat"}
    assert all(datetime.fromisoformat(event["at"]) > AT for event in events)
    assert mailbox.react(tmp_path / "reactions", seed=1, at=AT + timedelta(days=1)) is None
    with Mailbox() as another:
        for number in reversed(range(200)):
            deliver(another, number)
        assert lines(another.react(tmp_path / "again", seed=1, at=AT)) == events


def test_a_mail_that_comes_twice_is_seen_as_a_double(mailbox: Mailbox) -> None:
    deliver(mailbox, 1)
    deliver(mailbox, 1)
    assert [mail.copies for mail in mailbox.mails] == [2]


def test_a_link_scanner_does_not_unsubscribe_and_a_one_click_post_does(mailbox: Mailbox, tmp_path: Path) -> None:
    deliver(mailbox, 1)
    mailbox.react(tmp_path, seed=1, at=AT)
    address = f"{mailbox.unsubscribe_url}/token1"
    assert httpx.get(address).json()["message"].startswith("nothing changed")
    assert httpx.post(address, content="something else").json()["message"].startswith("nothing changed")
    assert mailbox.react(tmp_path, seed=1, at=AT + timedelta(hours=1)) is None
    assert httpx.post(f"{mailbox.unsubscribe_url}/guessed", content=ONE_CLICK).status_code == 404
    for _ in range(2):
        assert httpx.post(address, content=ONE_CLICK).json() == {"message": "unsubscribed"}
    events = lines(mailbox.react(tmp_path, seed=1, at=AT + timedelta(hours=2)))
    assert [(event["type"], event["message_id"]) for event in events] == [("unsubscribed", "<m1@miaoum.example>")]


# The audience API


def sign(body: bytes, identity: str, stamp: int, secret: str = SECRET) -> dict[str, str]:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{identity}.{stamp}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,AAAA v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": identity, "webhook-timestamp": str(stamp), "webhook-signature": signature}


@pytest.fixture
def audiences() -> Iterator[AudienceServer]:
    with AudienceServer(SECRET, clock=lambda: 1614265330.0) as server:
        yield server


def push(
    server: AudienceServer, batch: dict[str, Any], identity: str, stamp: int = 1614265330, secret: str = SECRET
) -> httpx.Response:
    body = json.dumps(batch).encode()
    return httpx.post(f"{server.url}/audiences", content=body, headers=sign(body, identity, stamp, secret))


def test_an_audience_takes_rows_and_answers_for_each(audiences: AudienceServer) -> None:
    rows = [{"key": "1", "email": "ab12"}, {"key": "2", "email": None}, {"email": "cd34"}]
    batch = {"audience": "Customers A", "operation": "upsert", "rows": rows}
    results = push(audiences, batch, "msg_1").json()["results"]
    assert [(result["key"], result["status"]) for result in results] == [
        ("1", "accepted"),
        ("2", "rejected"),
        (None, "rejected"),
    ]
    assert results[0]["id"]
    assert audiences.members == {"Customers A": {"1": {"email": "ab12"}}}
    assert push(audiences, batch, "msg_1").json()["results"] == results
    assert audiences.operations == {"upsert": 1, "remove": 0}
    push(audiences, {"audience": "Customers A", "operation": "remove", "rows": [{"key": "1"}]}, "msg_2")
    assert audiences.members == {"Customers A": {}}


def test_an_audience_refuses_what_is_not_signed_in_time_with_its_secret(audiences: AudienceServer) -> None:
    batch = {"audience": "A", "operation": "upsert", "rows": []}
    assert push(audiences, batch, "m", secret="whsec_AAAAAAAAAAAAAAAAAAAAAAAA").status_code == 401
    assert push(audiences, batch, "m", stamp=1614265330 - 301).status_code == 401
    assert httpx.post(f"{audiences.url}/audiences", json=batch).status_code == 401
    assert push(audiences, {"audience": "A", "operation": "replace", "rows": []}, "m").status_code == 400


def test_the_vector_of_the_standard_is_verified(audiences: AudienceServer) -> None:
    headers = {"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330"}
    for ending, status in (("J1OE=", 400), ("J1OA=", 401)):
        signature = {"webhook-signature": f"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOL{ending}"}
        answer = httpx.post(f"{audiences.url}/audiences", content=b'{"test": 2432232314}', headers=headers | signature)
        assert answer.status_code == status


# The SMS provider


@pytest.fixture
def sms() -> Iterator[SmsServer]:
    with SmsServer(token="let-me-in") as server:
        yield server


def text(server: SmsServer, to: str, reference: str, words: str = "Welkom", token: str = "let-me-in") -> httpx.Response:
    fields = {"to": to, "text": words, "reference": reference}
    return httpx.post(f"{server.url}/messages", json=fields, headers={"Authorization": f"Bearer {token}"})


def test_the_same_reference_is_sent_once(sms: SmsServer) -> None:
    first = text(sms, "+31612345678", "ref-1")
    again = text(sms, "+31612345678", "ref-1")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert [message.to for message in sms.sent] == ["+31612345678"]
    assert sms.attempts == 2
    assert text(sms, "+31612345678", "ref-1", words="Iets anders").status_code == 409


@pytest.mark.parametrize(
    "number", ["0612345678", "+31201234567", "+097012345678", "+3197012345678", "+32512345", "onbekend"]
)
def test_a_number_that_takes_no_text_messages_is_refused(sms: SmsServer, number: str) -> None:
    assert text(sms, number, "ref-1").status_code == 422
    assert sms.sent == []


def test_the_provider_wants_its_token_and_all_fields(sms: SmsServer) -> None:
    assert text(sms, "+31612345678", "ref-1", token="wrong").status_code == 401
    assert text(sms, "+31612345678", "").status_code == 400
    assert text(sms, "+32470123456", "ref-2").status_code == 202
