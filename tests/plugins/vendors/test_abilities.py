"""What `hub plugins` says that a vendor can do is what its file describes."""

import pytest

from hub.cli.plugins import abilities
from hub.registry import Registry

READS, WRITES, MAILS = "brings data in", "takes audiences and rows", "sends messages"


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
