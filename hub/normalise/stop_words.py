"""Words that end it: what people answer to a text message when they want no more of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

STOP_WORDS = ("stop", "stopp", "stoppen", "afmelden", "uit", "arret", "unsubscribe")
"""Dutch, French and English; case, accents and what stands around them do not count."""

_LETTERS = re.compile(r"[^\W\d_]+")
_MOST_WORDS = 2


def refuses(text: str, words: Collection[str] = STOP_WORDS) -> bool:
    """Say whether a reply is one of the words, alone or before one more (STOP MIAOUM).

    A longer sentence that only holds one of them is for a person to read.
    """
    found = _LETTERS.findall(_plain(text))
    return 0 < len(found) <= _MOST_WORDS and found[0] in {_plain(word) for word in words}


def _plain(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))
