"""SMS length: how many parts a text takes, which is what a provider charges for (GSM 03.38, 3GPP TS 23.038)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€\f")  # behind an escape: two septets, never split over two parts


@dataclass(frozen=True)
class SmsParts:
    """What a text takes: `units` are septets (GSM-7) or UTF-16 code units (UCS-2), before filling up parts."""

    encoding: Literal["GSM-7", "UCS-2"]
    units: int
    parts: int


def sms_parts(text: str) -> SmsParts:
    """Count the parts of a text as it is given: one character outside GSM-7 makes the whole text UCS-2.

    A text of one part holds 160 septets or 70 UTF-16 units; several parts hold 153 or 67 each.
    """
    if all(letter in _BASIC or letter in _EXTENDED for letter in text):
        widths = [2 if letter in _EXTENDED else 1 for letter in text]
        return SmsParts("GSM-7", sum(widths), _parts(widths, alone=160, joined=153))
    widths = [2 if ord(letter) > 0xFFFF else 1 for letter in text]
    return SmsParts("UCS-2", sum(widths), _parts(widths, alone=70, joined=67))


def _parts(widths: Iterable[int], alone: int, joined: int) -> int:
    """Fill parts one after another; a character that does not fit as a whole begins the next part."""
    widths = list(widths)
    if sum(widths) <= alone:
        return 1 if widths else 0
    parts, used = 1, 0
    for width in widths:
        if used + width > joined:
            parts, used = parts + 1, 0
        used += width
    return parts
