"""What mails that came back say (R43): after RFC 3464 and 5965, and against what strangers may send."""

import random
from datetime import UTC, datetime

import pytest

from hub.errors import RejectedError
from plugins.destinations.smtp.reports import MOST_FIELDS, read_report

from .mails import ANSWER, OURS, complaint, delivery, headers_returned, recipient, returned

DOMAIN = "miaoum.example"
AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


def told(mail: bytes) -> tuple[str | None, ...]:
    row = read_report(mail, DOMAIN, AT)
    return row["type"], row["code"], row["message_key"]


@pytest.mark.parametrize(
    ("mail", "expected"),
    [
        (delivery(recipient("failed", "5.1.1", "550 5.1.1 user unknown")), ("bounced", "5.1.1", "3fa9")),
        (delivery(recipient("failed", "5.2.2", "552 5.2.2 mailbox full")), ("bounced", "5.2.2", "3fa9")),
        (delivery(recipient("failed", "5.7.1", "550 5.7.1 refused by policy")), ("bounced", "5.7.1", "3fa9")),
        (delivery(recipient("failed", "4.4.7")), ("soft_bounced", "4.4.7", "3fa9")),
        (delivery(recipient("delayed", "4.2.2")), ("delayed", "4.2.2", "3fa9")),
        (delivery(recipient("delivered", "2.1.5")), ("delivered", "2.1.5", "3fa9")),
        (delivery(recipient("relayed", "2.1.9")), ("other", None, None)),
        (complaint("abuse"), ("complained", None, "3fa9")),
        (complaint("not-spam"), ("other", None, None)),
        (ANSWER, ("other", None, None)),
    ],
)
def test_a_report_says_what_became_of_a_mail(mail: bytes, expected: tuple[str, ...]) -> None:
    assert told(mail) == expected


def test_a_status_that_says_only_the_class_is_made_precise_by_the_answer_of_the_other_server() -> None:
    assert told(delivery(recipient("failed", "5.0.0", "550 5.1.1 <anna@example.net> unknown")))[1] == "5.1.1"
    assert told(delivery(recipient("failed", "5.0.0", "550 from 10.5.1.1: no")))[1] == "5.0.0"
    assert told(delivery(recipient("failed", "", "550 no"))) == ("bounced", "5.0.0", "3fa9")
    assert told(delivery(recipient("", "5.1.1")))[:2] == ("bounced", "5.1.1")
    assert told(delivery(recipient("", "4.2.2")))[:2] == ("delayed", "4.2.2")


def test_a_mail_that_an_alias_passed_on_has_failed_only_if_nobody_got_it() -> None:
    gone, there = recipient("failed", "5.1.1"), recipient("delivered", "2.0.0")
    assert told(delivery(gone, there))[0] == "delivered"
    assert told(delivery(gone, recipient("expanded", "2.0.0")))[0] == "other"
    assert told(delivery(gone, recipient("failed", "5.2.2")))[:2] == ("bounced", "5.1.1")


def test_the_message_is_found_in_the_returned_mail_in_its_headers_or_in_what_the_report_answers() -> None:
    gone = recipient("failed", "5.1.1")
    assert told(delivery(gone, back=headers_returned()))[2] == "3fa9"
    assert told(delivery(gone, back="", headers=f"In-Reply-To: {OURS}\n"))[2] == "3fa9"
    assert told(delivery(gone, back="", headers=f"References: <a@b.example>\n {OURS}\n"))[2] == "3fa9"
    assert told(delivery(f"X-Original-Message-ID: {OURS}\n{gone}", back=""))[2] == "3fa9"
    assert told(delivery(gone, kind="message/global-delivery-status"))[:2] == ("bounced", "5.1.1")


def test_a_report_about_a_mail_of_somebody_else_is_no_event_of_ours() -> None:
    gone = recipient("failed", "5.1.1")
    assert told(delivery(gone, back=returned("<3fa9@other.example>"))) == ("other", "5.1.1", None)
    assert told(delivery(gone, back="")) == ("other", "5.1.1", None)


def test_a_row_holds_no_text_and_no_address_of_the_mail() -> None:
    for mail in (delivery(recipient("failed", "5.1.1")), complaint(), ANSWER):
        row = str(read_report(mail, DOMAIN, AT))
        assert not [word for word in ("anna", "Anna", "Welkom", "0612345678", "bounces@") if word in row]


def test_the_same_report_is_the_same_event_and_another_one_is_another() -> None:
    gone = recipient("failed", "5.1.1")
    ids = [
        read_report(mail, DOMAIN, AT)["event_id"] for mail in (delivery(gone), delivery(gone), delivery(gone, number=2))
    ]
    assert ids[0] == ids[1] != ids[2]


def test_the_time_is_when_our_server_took_it_in_else_when_it_was_written() -> None:
    mail = delivery(recipient("failed", "5.1.1"))
    assert read_report(mail, DOMAIN, AT)["at"] == "2026-03-02T12:00:00+00:00"
    assert read_report(mail, DOMAIN, None)["at"] == "2026-03-02T09:00:00+00:00"
    unreceived = mail.replace(b"Received:", b"X-Nothing:")
    assert read_report(unreceived, DOMAIN, None)["at"] == "2026-03-02T08:59:58+00:00"
    with pytest.raises(RejectedError, match="it has no date"):
        read_report(unreceived.replace(b"Date:", b"X-Nothing:"), DOMAIN, None)


@pytest.mark.parametrize(
    ("mail", "reason"),
    [
        (b"", "no headers"),
        (b"\x00\xff\xfe\r\n" * 100, "no headers|no date"),
        (delivery(recipient("failed", "5.1.1")).replace(b'boundary="=_b"', b"x=1"), "none that can be read"),
        (delivery(recipient("failed", "5.1.1"), kind="text/plain"), "none that can be read"),
        (delivery(*["Action: failed"] * (MOST_FIELDS + 1)), "more than 1000 recipients"),
        (
            b"Date: Mon, 2 Mar 2026 10:00:00 +0100\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * 5_000,
            "nested too deeply",
        ),
    ],
)
def test_what_can_not_be_read_is_rejected_with_a_reason(mail: bytes, reason: str) -> None:
    with pytest.raises(RejectedError, match=reason):
        read_report(mail, DOMAIN, None)


def test_a_damaged_report_is_read_or_rejected_and_nothing_else() -> None:
    chance = random.Random(5)
    samples = [delivery(recipient("failed", "5.1.1", "550 5.1.1 unknown")), complaint(), ANSWER]
    outcomes = set()
    for _ in range(600):
        mail = bytearray(chance.choice(samples))
        for _ in range(chance.randint(1, 30)):
            place = chance.randrange(len(mail))
            mail[place : place + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
        try:
            outcomes.add(read_report(bytes(mail), DOMAIN, None)["type"])
        except RejectedError:
            outcomes.add("rejected")
    assert outcomes == {"bounced", "complained", "other", "rejected"}
