"""Who sent a push: Standard Webhooks, a signed body, a secret in the address; and what can't be read."""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from hub.contracts import Pushed
from hub.errors import ConfigurationError, RejectedError, UnsignedError
from hub.incoming import json_object, secret_path, signed_body, standard_webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(b"another secret of ours").decode()
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SENT_AT = datetime.fromtimestamp(1614265330, UTC)
RIGHT = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
WRONG = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA="


def push(
    signature: str = RIGHT,
    body: bytes = b'{"test": 2432232314}',
    stamp: str = "1614265330",
    received_at: datetime = SENT_AT,
    path: str = "",
) -> Pushed:
    headers = {"webhook-id": ID, "webhook-timestamp": stamp, "webhook-signature": signature}
    return Pushed("POST", path, {}, headers, body, received_at)


def test_the_vector_of_standard_webhooks_passes_and_gives_its_id() -> None:
    assert standard_webhook(push(), SECRET) == ID


@pytest.mark.parametrize("signature", [f"{WRONG} {RIGHT}", f"v1a,abc {RIGHT} v1,ü"])
def test_one_right_signature_among_several_is_enough(signature: str) -> None:
    assert standard_webhook(push(signature), SECRET) == ID


def test_while_a_secret_is_replaced_both_are_right() -> None:
    assert standard_webhook(push(), OTHER, SECRET) == ID
    with pytest.raises(UnsignedError, match="no signature is right"):
        standard_webhook(push(), OTHER)


@pytest.mark.parametrize(
    "request_",
    [
        push(WRONG),
        push(""),
        push("v1,"),
        push(RIGHT.removeprefix("v1,")),
        push(body=b'{"test": 2432232315}'),
        push(stamp="1614265331"),
    ],
)
def test_anything_else_is_not_signed(request_: Pushed) -> None:
    with pytest.raises(UnsignedError):
        standard_webhook(request_, SECRET)


@pytest.mark.parametrize(("seconds", "passes"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_a_signature_holds_for_five_minutes_either_way(seconds: int, passes: bool) -> None:
    late = push(received_at=SENT_AT + timedelta(seconds=seconds))
    if passes:
        assert standard_webhook(late, SECRET) == ID
    else:
        with pytest.raises(UnsignedError, match="301 seconds from our clock"):
            standard_webhook(late, SECRET)


@pytest.mark.parametrize("stamp", ["soon", "9" * 400, "-1", "1e9", "١"])
def test_a_time_that_is_none_is_not_signed(stamp: str) -> None:
    signed = f"{ID}.{stamp}.".encode() + b"{}"
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    right = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    with pytest.raises(UnsignedError, match="no number of seconds"):
        standard_webhook(push(right, b"{}", stamp), SECRET)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64!"])
def test_a_secret_that_is_none_lets_nobody_in(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="signing secret is none"):
        standard_webhook(push(), secret)


def test_a_body_signed_as_webshops_do_passes_and_a_changed_one_does_not() -> None:
    body = '{"id": 1, "naam": "één"}'.encode()
    signature = base64.b64encode(hmac.digest(b"shop secret", body, "sha256")).decode()
    right = Pushed("POST", "", {}, {"x-shopify-hmac-sha256": signature}, body, SENT_AT)
    signed_body(right, "X-Shopify-Hmac-Sha256", "shop secret")
    for wrong in (
        Pushed("POST", "", {}, {"x-shopify-hmac-sha256": signature}, body + b" ", SENT_AT),
        Pushed("POST", "", {}, {}, body, SENT_AT),
    ):
        with pytest.raises(UnsignedError, match="X-Shopify-Hmac-Sha256"):
            signed_body(wrong, "X-Shopify-Hmac-Sha256", "shop secret")
    with pytest.raises(ConfigurationError):
        signed_body(right, "X-Shopify-Hmac-Sha256", "")


def test_a_body_may_be_signed_in_hexadecimal_with_a_prefix() -> None:
    signature = "sha256=" + hmac.digest(b"secret", b"{}", "sha256").hex()
    request = Pushed("POST", "", {}, {"x-hub-signature-256": signature}, b"{}", SENT_AT)
    signed_body(request, "X-Hub-Signature-256", "secret", encoding="hex", prefix="sha256=")


def test_a_sender_that_cannot_sign_knows_a_secret_address() -> None:
    secret_path(push(path="s3cret"), "s3cret")
    for path in ("", "s3cre", "s3cret/more", "ü"):
        with pytest.raises(UnsignedError):
            secret_path(push(path=path), "s3cret")
    with pytest.raises(ConfigurationError):
        secret_path(push(path=""), "")


@pytest.mark.parametrize("body", [b"", b"[1]", b"\xff", b"{", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"])
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(RejectedError):
        json_object(push(body=body))


def test_what_was_pushed_shows_in_no_representation() -> None:
    shown = repr(push(path="s3cret"))
    assert "s3cret" not in shown
    assert "2432232314" not in shown
    assert "v1," not in shown
