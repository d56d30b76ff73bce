"""KIX: PostNL's code of a Dutch address, printed as bars under it, so that machines sort the letter at the first look.

The code is postcode, house number and, behind an X, what follows the number: 1231FZ13XHS for Havendijk 13 hs. It is
written in the four bars of the Royal Mail's 4-state code, without its start, stop and check bars.

Source: PostNL, Handleiding KIX-code.
"""

from __future__ import annotations

import re

from hub.normalise.address import PostalAddress, postcode

_CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_HALVES = ((0, 0, 1, 1), (0, 1, 0, 1), (0, 1, 1, 0), (1, 0, 0, 1), (1, 0, 1, 0), (1, 1, 0, 0))
"""Which two of a character's four bars go up: by its sixth of the alphabet. Which go down: by its place therein."""
_BARS = {(0, 0): "T", (1, 0): "A", (0, 1): "D", (1, 1): "F"}
_LONGEST_NUMBER = 5
_LONGEST_ADDITION = 6


def kix_of(address: PostalAddress) -> str:
    """Give the code of an address; empty where it has none: abroad, or with a number or addition too long for it."""
    code = postcode(address.postcode, address.country) if address.country == "NL" else None
    number = address.house_number.strip().lstrip("0")
    addition = re.sub("[^0-9A-Z]", "", f"{address.letter}{address.addition}".upper())
    if code is None or not re.fullmatch(f"[0-9]{{1,{_LONGEST_NUMBER}}}", number) or len(addition) > _LONGEST_ADDITION:
        return ""
    return f"{code}{number}X{addition}" if addition else f"{code}{number}"


def bars_of(code: str) -> str:
    """Write a code as bars, four per character: F (full), A (goes up), D (goes down), T (neither)."""
    return "".join(_BARS[pair] for character in code for pair in _pairs(character))


def _pairs(character: str) -> list[tuple[int, int]]:
    up, down = divmod(_CHARACTERS.index(character), len(_HALVES))
    return list(zip(_HALVES[up], _HALVES[down], strict=True))
