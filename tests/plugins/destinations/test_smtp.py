"""smtp against a real SMTP server."""

import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword
from pydantic import ValidationError

from hub.contracts import EmailRecipient, Message, PhoneRecipient, Place
from hub.testing.destinations import CANARY, DestinationSuite, sample_message
from hub.units import Rate
from plugins.destinations.smtp import Smtp
from plugins.destinations.smtp.config import SmtpConfig
from plugins.destinations.smtp.mail import message_id_header, message_id_of
from plugins.destinations.smtp.reactions import new_lines

from .conftest import write_certificate

SENDER = "Mia(ou)m <hallo@miaoum.example>"
UNSUBSCRIBE = "https://www.miaoum.example/unsubscribe"


class TestSmtp(DestinationSuite):
    plugin = Smtp
    server_loggers = ("mail",)

    @pytest.fixture
    def config(self, postbox: Any) -> Mapping[str, Any]:
        return {"host": "127.0.0.1", "port": postbox.port, "sender": SENDER, "reactions": "reactions", "timeout": 5}


def make(port: int, folder: Path = Path(), **settings: Any) -> Smtp:
    config = {"host": "127.0.0.1", "port": port, "sender": SENDER, "unsubscribe_url": UNSUBSCRIBE, "timeout": 5}
    return Smtp(SmtpConfig.model_validate({**config, **settings}), Place("mail", folder))


def message_to(address: str, number: int = 1, name: str = "") -> Message:
    return replace(sample_message("email", number), recipient=EmailRecipient(address, name))


def received(postbox: Any) -> list[EmailMessage]:
    return [message_from_bytes(mail.content, policy=policy.default) for mail in postbox.mails]


# what a mail looks like -----------------------------------------------------------------------------------------------


def test_a_mail_has_a_text_and_an_html_part(postbox: Any) -> None:
    make(postbox.port).send([sample_message("email")])
    (mail,) = received(postbox)
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    text, html = (part.get_content().replace("\r\n", "\n") for part in mail.iter_parts())
    assert text == "Dag, één vraag.\n"
    assert html == "<p>Dag, één vraag.</p>\n"


def test_the_sender_keeps_the_parentheses_in_its_name(postbox: Any) -> None:
    make(postbox.port, reply_to="vragen@miaoum.example").send(
        [message_to("anna@example.nl", name='Anna "Zoë" Özil, A.')]
    )
    (mail,) = received(postbox)
    assert mail["From"].addresses[0].display_name == "Mia(ou)m"
    assert mail["To"].addresses[0].display_name == 'Anna "Zoë" Özil, A.'
    assert mail["To"].addresses[0].addr_spec == "anna@example.nl"
    assert mail["Reply-To"] == "vragen@miaoum.example"
    assert postbox.mails[0].sender == "hallo@miaoum.example"


def test_date_and_message_id_come_from_the_message(postbox: Any) -> None:
    queued_at = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
    message = replace(sample_message("email"), id="welcome/1.a@b", queued_at=queued_at)
    (result,) = make(postbox.port).send([message])
    (mail,) = received(postbox)
    assert mail["Date"].datetime == queued_at
    assert mail["Message-ID"] == result.remote_id
    assert message_id_of(mail["Message-ID"]) == "welcome/1.a@b"


@pytest.mark.parametrize("identity", ["3fa9", "welcome:1:42", "a@b", "..", "één"])
def test_a_message_id_leads_back_to_the_message(identity: str) -> None:
    header = message_id_header(identity, "miaoum.example")
    assert header.isascii()
    assert header.count("@") == 1
    assert message_id_of(header) == identity


def test_an_id_without_a_domain_is_the_messages_own_id() -> None:
    assert message_id_of("3fa9") == "3fa9"


def test_the_same_message_gives_the_same_bytes(postbox: Any) -> None:
    destination = make(postbox.port)
    destination.send([sample_message("email")])
    destination.send([sample_message("email")])
    first, again = postbox.mails
    assert first.content == again.content


def test_one_click_unsubscribe_is_offered_in_a_header_that_is_not_folded(postbox: Any) -> None:
    message = replace(sample_message("email"), unsubscribe_token="t" * 120)
    make(postbox.port).send([message])
    lines = postbox.mails[0].content.decode("ascii").split("\r\n")
    assert f"List-Unsubscribe: <{UNSUBSCRIBE}?token={'t' * 120}>" in lines
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in lines


def test_a_message_without_token_offers_no_unsubscribe(postbox: Any) -> None:
    make(postbox.port).send([replace(sample_message("email"), unsubscribe_token="")])
    (mail,) = received(postbox)
    assert mail["List-Unsubscribe"] is None
    assert mail["List-Unsubscribe-Post"] is None


def test_the_token_joins_a_query_that_is_there() -> None:
    destination = make(25, unsubscribe_url="https://www.miaoum.example/u?shop=1")
    assert destination.unsubscribe_url("a b") == "https://www.miaoum.example/u?shop=1&token=a+b"


@pytest.mark.parametrize(
    "message",
    [
        replace(sample_message("email"), content={"subject": "Dag\r\nBcc: x@example.nl", "text": "Dag"}),
        replace(sample_message("email"), recipient=EmailRecipient("anna@example.nl", "Anna\r\nBcc: x@example.nl")),
        replace(sample_message("email"), recipient=EmailRecipient("anna@example.nl\r\nBcc: x@example.nl")),
        replace(sample_message("email"), recipient=EmailRecipient("anna@example.nl, x@example.nl")),
        replace(sample_message("email"), content={"subject": "", "text": "Dag"}),
        replace(sample_message("email"), content={"subject": "Dag"}),
        replace(sample_message("email"), recipient=PhoneRecipient("+31612345678")),
    ],
    ids=["subject", "name", "address", "two addresses", "no subject", "no body", "a phone"],
)
def test_a_message_that_can_not_be_a_mail_is_rejected_and_nothing_is_sent(postbox: Any, message: Message) -> None:
    (result,) = make(postbox.port).send([message])
    assert result.status == "rejected"
    assert result.reason
    assert "example.nl" not in result.reason
    assert postbox.mails == []


def test_an_address_in_letters_outside_ascii_is_sent_with_its_domain_in_ascii(postbox: Any) -> None:
    (result,) = make(postbox.port).send([message_to("info@münchen.example")])
    assert result.status == "accepted"
    assert postbox.mails[0].recipients == ("info@xn--mnchen-3ya.example",)


def test_a_local_part_outside_ascii_needs_a_server_that_takes_it(start_postbox: Callable[..., Any]) -> None:
    plain, international = start_postbox(enable_SMTPUTF8=False), start_postbox(enable_SMTPUTF8=True)
    (refused,) = make(plain.port).send([message_to("rené@example.nl")])
    (taken,) = make(international.port).send([message_to("rené@example.nl")])
    assert (refused.status, taken.status) == ("rejected", "accepted")
    assert "SMTPUTF8" in refused.reason


# what the server says -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("550 5.1.1 <anna@example.nl>: user anna unknown", "rejected"),
        ("452 4.2.2 mailbox of anna full", "later"),
        ("421 4.3.2 closing", "later"),
        ("530 5.7.0 Must issue a STARTTLS command first", "later"),
    ],
)
@pytest.mark.parametrize("moment", ["rcpt_answers", "data_answers"])
def test_an_answer_of_the_server_decides_for_one_mail_only(postbox: Any, answer: str, status: str, moment: str) -> None:
    getattr(postbox, moment)["anna@example.nl"] = answer
    first, second = make(postbox.port).send([message_to("anna@example.nl", 1), message_to("bert@example.nl", 2)])
    assert (first.status, second.status) == (status, "accepted")
    assert answer[:3] in first.reason
    assert "anna" not in first.reason


def test_a_connection_lost_after_the_mail_leaves_its_fate_unknown(postbox: Any) -> None:
    postbox.data_answers["anna@example.nl"] = "hang up"
    first, second = make(postbox.port).send([message_to("anna@example.nl", 1), message_to("bert@example.nl", 2)])
    assert (first.status, second.status) == ("unknown", "accepted")
    assert first.remote_id == message_id_header("sample-email-0001", "miaoum.example")


def test_a_server_that_falls_silent_after_the_mail_leaves_its_fate_unknown(postbox: Any) -> None:
    postbox.data_answers["anna@example.nl"] = "silence"
    (result,) = make(postbox.port, timeout=0.3).send([message_to("anna@example.nl")])
    assert result.status == "unknown"
    assert result.reason.startswith(f"no answer to the mail from the SMTP server 127.0.0.1:{postbox.port}: ")
    assert "timed out" in result.reason


# encryption and sign-in -----------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return write_certificate(tmp_path / "loopback.pem", "127.0.0.1")


@pytest.fixture
def secure_postbox(start_postbox: Callable[..., Any], certificate: Path) -> Any:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"hub", b"kattenluik")
        return AuthResult(success=right)

    return start_postbox(tls_context=context, require_starttls=True, auth_required=True, authenticator=authenticate)


def test_mail_is_sent_encrypted_and_signed_in(secure_postbox: Any, certificate: Path) -> None:
    settings = {"security": "starttls", "username": "hub", "password": "kattenluik"}
    destination = make(secure_postbox.port, certificate.parent, trust=certificate.name, **settings)
    assert destination.check().message == (
        f"the SMTP server 127.0.0.1:{secure_postbox.port} is ready (encrypted by STARTTLS)"
    )
    (result,) = destination.send([sample_message("email")])
    assert (result.status, result.reason) == ("accepted", "")


def test_a_certificate_that_is_not_trusted_keeps_the_mail_here(secure_postbox: Any) -> None:
    destination = make(secure_postbox.port, security="starttls", username="hub", password="kattenluik")
    (result,) = destination.send([sample_message("email")])
    assert result.status == "later"
    assert "certificate is not trusted" in result.reason
    assert not destination.check().ok


def test_a_wrong_password_keeps_the_mail_here_and_shows_nowhere(secure_postbox: Any, certificate: Path) -> None:
    destination = make(
        secure_postbox.port, security="starttls", trust=certificate, username="hub", password="hondenmand"
    )
    (result,) = destination.send([sample_message("email")])
    assert result.status == "later"
    assert "refuses the username or the password" in result.reason
    assert "hondenmand" not in result.reason + repr(destination.config)


def test_a_server_without_starttls_is_not_trusted_with_mail(postbox: Any) -> None:
    destination = make(postbox.port, security="starttls")
    (result,) = destination.send([sample_message("email")])
    assert result.status == "later"
    assert "does not offer what the configuration asks for" in result.reason
    assert postbox.mails == []


# configuration --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sender": "Mia(ou)m"}, "write an address such as"),
        ({"sender": "Mia <hallo@example.nl>\r\nBcc: x@example.nl"}, "write an address such as"),
        ({"unsubscribe_url": "http://www.miaoum.example/u"}, "needs https"),
        ({"unsubscribe_url": "https://www.miaoum.example/u>\r\nX: y"}, "write a full address"),
        ({"unsubscribe_url": "unsubscribe"}, "write a full address"),
        ({"username": "hub"}, "belong together"),
        (
            {"host": "mail.example.nl", "security": "none", "username": "hub", "password": "x"},
            "a password needs `security: starttls`",
        ),
        ({"rate": "quick"}, "50/s"),
        ({"rate": ["50/s", "0/day"]}, "10000/day"),
    ],
)
def test_a_mistake_in_the_configuration_says_how_to_mend_it(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make(25, **settings)


def test_this_machine_may_unsubscribe_over_http() -> None:
    assert make(25, unsubscribe_url="http://127.0.0.1:8000/u").unsubscribe_url("t") == "http://127.0.0.1:8000/u?token=t"


def test_other_machines_are_spoken_to_encrypted_unless_the_configuration_says_otherwise() -> None:
    assert make(25, host="mail.example.nl").config.protection == "starttls"
    assert make(25, host="localhost").config.protection == "none"


@pytest.mark.parametrize(
    ("written", "rates"),
    [
        ("50/s", (Rate(50, 1),)),
        ("600/min", (Rate(600, 60),)),
        ("7200 / h", (Rate(7200, 3600),)),
        (["50/s", "10000/day"], (Rate(50, 1), Rate(10_000, 86_400))),
    ],
)
def test_a_rate_is_written_per_second_minute_hour_or_day_or_as_several(written: Any, rates: tuple[Rate, ...]) -> None:
    assert make(25, rate=written).capabilities.rates == rates


# reactions ------------------------------------------------------------------------------------------------------------


def line(number: int, **changes: Any) -> str:
    event = {
        "event_id": f"re_{number}",
        "message_id": "<3fa9@miaoum.example>",
        "type": "opened",
        "at": "2026-03-02T10:00:00Z",
    }
    return json.dumps({**event, **changes})


def rows_of(items: list[Any]) -> list[dict[str, Any]]:
    tables = [getattr(item, "item", item) for item in items]
    return [row for table in tables for row in getattr(table, "data", table).to_pylist()]


def test_reactions_are_read_once_as_files_grow_and_come(tmp_path: Path) -> None:
    folder, places = tmp_path / "reactions", dict[str, int]()
    folder.mkdir()
    (folder / "a.jsonl").write_text(line(1) + "\n" + line(2)[:20])
    first = rows_of(list(new_lines("reactions", tmp_path, places)))
    (folder / "a.jsonl").write_text(line(1) + "\n" + line(2) + "\n" + line(3))
    (folder / "b.jsonl").write_text(line(4, url="https://www.miaoum.example/kat", type="clicked") + "\n")
    second = rows_of(list(new_lines("reactions", tmp_path, places)))
    third = list(new_lines("reactions", tmp_path, places))
    assert [row["event_id"] for row in first] == ["re_1"]
    assert [row["event_id"] for row in second] == ["re_2", "re_3", "re_4"]
    assert third == []
    assert first[0]["message_key"] == "3fa9"
    assert second[2]["url"] == "https://www.miaoum.example/kat"
    assert second[2]["code"] is None


def test_a_file_that_was_replaced_by_a_shorter_one_is_read_from_its_beginning(tmp_path: Path) -> None:
    places = dict[str, int]()
    (tmp_path / "a.jsonl").write_text(line(1) + "\n" + line(2) + "\n")
    list(new_lines("*.jsonl", tmp_path, places))
    (tmp_path / "a.jsonl").write_text(line(3) + "\n")
    assert [row["event_id"] for row in rows_of(list(new_lines("*.jsonl", tmp_path, places)))] == ["re_3"]


def test_a_line_that_can_not_be_read_is_set_aside_with_its_reason(tmp_path: Path) -> None:
    lines = ["no json", "[1]", line(1, event_id=None), line(2, type="danced"), line(3)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n")
    rows = rows_of(list(new_lines("a.jsonl", tmp_path, {})))
    assert [row.get("event_id") for row in rows if "event_id" in row] == ["re_3"]
    assert [row["reason"].split(" one of")[0] for row in rows if "reason" in row] == [
        "the line is no JSON",
        "the line is no JSON object",
        "no event_id",
        "the type is not",
    ]


def test_a_folder_that_is_not_there_holds_no_reactions(tmp_path: Path) -> None:
    assert list(new_lines("nowhere", tmp_path, {})) == []


def test_no_reactions_are_read_unless_the_configuration_names_files() -> None:
    assert list(make(25).feedback()) == []


def test_no_personal_data_shows_in_the_representation_of_a_mail() -> None:
    from plugins.destinations.smtp.mail import compose

    mail = compose(sample_message("email"), make(25).config, "")
    assert CANARY in mail.recipient
    assert "Dag" not in repr(mail)
