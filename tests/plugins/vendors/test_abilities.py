"""What `hub plugins` says that a vendor can do is what its file describes."""

from pathlib import Path
from typing import Any

import pytest

from hub.cli.plugins import abilities
from hub.contracts import Place
from hub.registry import Registry

from .served import Answered, served

READS, WRITES, MAILS = "brings data in", "takes audiences and rows", "sends messages"


SETTINGS = {
    "sendgrid": {"key": "kattenluik", "sender": "hallo@example.nl"},
    "twilio": {"account": f"AC{'a1' * 16}", "token": "kattenluik", "sender": "Miaoum"},
    "messagebird": {"key": "kattenluik", "signing_key": "kruidnagel", "sender": "Miaoum"},
    "brevo": {"key": "kattenluik"},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_check_with_a_wrong_key_names_what_the_admin_wrote_and_not_the_key(name: str, tmp_path: Path) -> None:
    """The server repeats the key that it refuses."""
    with served(lambda asked: Answered(401, {"message": "kattenluik is not known"})) as api:
        plugin: Any = Registry().get(name)
        config = plugin.config_model(url=api.url, allow_private=True, **SETTINGS[name])
        check = plugin(config, Place(name, tmp_path, public_url="https://hub.example")).check()
    assert not check.ok
    assert "401" in check.message
    assert "`auth`" not in check.message
    assert "kattenluik" not in check.message


@pytest.mark.parametrize(
    ("name", "can", "cannot"),
    [
        ("woocommerce", {READS, WRITES}, {MAILS}),
        ("brevo", {READS, WRITES, MAILS}, set()),
        ("pretix", {READS, "takes pushes"}, {WRITES, MAILS}),
        ("twilio", {MAILS, "takes pushes"}, {READS, WRITES}),
        ("salesforce", {READS, WRITES}, {MAILS, "takes pushes"}),
    ],
)
def test_a_vendor_can_do_what_its_file_says(name: str, can: set[str], cannot: set[str]) -> None:
    able = set(abilities(Registry().get(name)))
    assert can <= able
    assert not cannot & able
