"""Mails that came back, written after RFC 3464 (delivery reports) and RFC 5965 (complaints)."""

from __future__ import annotations

OURS = "<3fa9@miaoum.example>"


def _report(kind: str, status: str, returned: str, number: int, headers: str = "") -> bytes:
    text = f"""\
Return-Path: <>
Received: from mx.example.net by mail.miaoum.example; Mon, 2 Mar 2026 10:00:00 +0100
From: Mail Delivery System <MAILER-DAEMON@mx.example.net>
To: bounces@miaoum.example
Date: Mon, 2 Mar 2026 09:59:58 +0100
Subject: Report
Message-ID: <report-{number}@mx.example.net>
{headers}MIME-Version: 1.0
Content-Type: multipart/report; report-type={kind}; boundary="=_b"

This is a report in the format of MIME.

--=_b
Content-Type: text/plain; charset=utf-8

Dear Anna, we could not reach anna@example.net.

{status}{returned}--=_b--
"""
    return text.replace("\n", "\r\n").encode()


def returned(message_id: str = OURS) -> str:
    return f"""--=_b
Content-Type: message/rfc822

From: Mia(ou)m <hallo@miaoum.example>
To: Anna <anna@example.net>
Subject: Welkom, Anna
Message-ID: {message_id}

Dag Anna

"""


def headers_returned(message_id: str = OURS) -> str:
    return f"--=_b\nContent-Type: text/rfc822-headers\n\nTo: anna@example.net\nMessage-ID: {message_id}\n\n"


def recipient(action: str, status: str, diagnostic: str = "") -> str:
    lines = [
        "Original-Recipient: rfc822;anna@example.net",
        "Final-Recipient: rfc822;anna@example.net",
        f"Action: {action}",
        f"Status: {status}",
        *([f"Diagnostic-Code: smtp; {diagnostic}"] if diagnostic else []),
    ]
    return "\n".join(line for line in lines if not line.endswith(": "))


def delivery(
    *recipients: str,
    back: str | None = None,
    number: int = 1,
    headers: str = "",
    kind: str = "message/delivery-status",
) -> bytes:
    blocks = "\n\n".join(
        ["Reporting-MTA: dns; mx.example.net\nArrival-Date: Mon, 2 Mar 2026 09:59:00 +0100", *recipients]
    )
    status = f"--=_b\nContent-Type: {kind}\n\n{blocks}\n\n"
    return _report("delivery-status", status, returned() if back is None else back, number, headers)


def complaint(feedback: str = "abuse", back: str | None = None, number: int = 1) -> bytes:
    fields = f"Feedback-Type: {feedback}\nUser-Agent: SomeGenerator/1.0\nVersion: 1\nOriginal-Rcpt-To: anna@example.net"
    status = f"--=_b\nContent-Type: message/feedback-report\n\n{fields}\n\n"
    return _report("feedback-report", status, headers_returned() if back is None else back, number)


ANSWER = b"""\
From: Anna <anna@example.net>\r
To: bounces@miaoum.example\r
Date: Mon, 2 Mar 2026 10:00:00 +0100\r
Message-ID: <answer@example.net>\r
In-Reply-To: <3fa9@miaoum.example>\r
Auto-Submitted: auto-replied\r
Subject: I am away\r
\r
I am away until Monday, call 0612345678.\r
"""
