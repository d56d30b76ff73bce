"""The vectors come from the field rules, section "SMS"."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.normalise.sms import SmsParts, sms_parts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a" * 160, SmsParts("GSM-7", 160, 1)),
        ("a" * 161, SmsParts("GSM-7", 161, 2)),
        ("a" * 306, SmsParts("GSM-7", 306, 2)),
        ("a" * 307, SmsParts("GSM-7", 307, 3)),
        ("€" * 80, SmsParts("GSM-7", 160, 1)),
        ("€" * 81, SmsParts("GSM-7", 162, 2)),
        ("a" * 152 + "€" + "a" * 152, SmsParts("GSM-7", 306, 3)),
        ("één", SmsParts("GSM-7", 3, 1)),
        ("Daniël", SmsParts("UCS-2", 6, 1)),
        ("geïnteresseerd", SmsParts("UCS-2", 14, 1)),
        ("\u2019", SmsParts("UCS-2", 1, 1)),
        ("ï" * 70, SmsParts("UCS-2", 70, 1)),
        ("ï" * 71, SmsParts("UCS-2", 71, 2)),
        ("ï" * 134, SmsParts("UCS-2", 134, 2)),
        ("ï" * 135, SmsParts("UCS-2", 135, 3)),
        ("🐈" * 35, SmsParts("UCS-2", 70, 1)),
        ("ï" * 66 + "🐈" + "ï" * 66, SmsParts("UCS-2", 134, 3)),
        ("", SmsParts("GSM-7", 0, 0)),
    ],
)
def test_a_text_takes_so_many_parts(text: str, expected: SmsParts) -> None:
    assert sms_parts(text) == expected


@given(st.text(alphabet="abc€ï🐈", max_size=400))
def test_parts_never_hold_more_than_they_can(text: str) -> None:
    found = sms_parts(text)
    alone, joined = (160, 153) if found.encoding == "GSM-7" else (70, 67)
    assert found.units <= (alone if found.parts == 1 else joined * found.parts)
    assert found.units > joined * (found.parts - 1) - found.parts or found.parts <= 1
