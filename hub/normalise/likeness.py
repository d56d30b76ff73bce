"""Are these two names one? What a name is without case, accents and prefixes, and how alike two of them are.

Keys are for comparing only; stored names are never changed. Every judgement is made on two keys alone, so that it is
the same in every run: it does not depend on what else a data set holds.
"""

from __future__ import annotations

import re
from typing import Literal

from hub.normalise.edits import within
from hub.normalise.short_names import FORMAL_NAMES, folded

Likeness = Literal["same", "near", "far", "other"]

_PREFIX_WORDS = frozenset(
    {
        "'s", "'t", "s", "t", "a", "aan", "aux", "d", "da", "dal", "dalla", "das", "de", "degli", "dei",
        "del", "della", "den", "der", "des", "di", "do", "dos", "du", "el", "het", "im", "in", "l", "la",
        "las", "le", "les", "los", "of", "onder", "op", "over", "ten", "ter", "te", "tot", "uit", "van",
        "ver", "vom", "von", "voor", "zu", "zum", "zur",
    }
)  # fmt: skip
_TITLES = frozenset(
    {
        "dhr", "mevr", "mw", "mevrouw", "heer", "mr", "mrs", "ms", "miss", "dr", "drs", "ing", "ir", "prof",
        "fam", "familie", "mme",
    }
)  # fmt: skip
_NOBODY = frozenset(
    {
        "onbekend", "unknown", "inconnu", "test", "tester", "testpersoon", "geen", "none", "null", "nvt",
        "nn", "x", "xx", "xxx", "anoniem", "anonymous",
    }
)  # fmt: skip
_PIECES = re.compile(r"[\s.,;:_/&()\[\]\-\u2010-\u2015]+")
_LATIN = 0x250
"""Letters below this are Latin: one alone is an initial; in other scripts one sign may be a name."""


def _words(text: str) -> list[str]:
    pieces = ("".join(filter(str.isalnum, piece)) for piece in _PIECES.split(folded(text)))
    return [piece for piece in pieces if piece]


def given_name_key(text: str) -> str | None:
    """Give the key of given names: "Jan-Willem" gives "jan willem"; initials end in a dot: "J.W." gives "jw.".

    None where the text names nobody: "onbekend", "-", an emoji.
    """
    words = [word for word in _words(text) if word not in _TITLES]
    if not words or set(words) <= _NOBODY or "".join(words) in _NOBODY:
        return None
    words = [word for word in words if not word.isdigit()] if any(map(str.isalpha, "".join(words))) else []
    if not words:
        return None
    if all(len(word) == 1 and ord(word) < _LATIN for word in words):
        return "".join(words) + "."
    return " ".join(word for word in words if len(word) > 1 or ord(word) >= _LATIN)


def surname_key(text: str) -> str | None:
    """Give the key of a surname: "van der Valk" gives "valk", "Jansen-de Vries" gives "jansen vries".

    None where the text names nobody.
    """
    words = [word for word in _words(text) if word not in _TITLES]
    if not words or set(words) <= _NOBODY or "".join(words) in _NOBODY:
        return None
    telling = [word for word in words if word not in _PREFIX_WORDS and len(word) > 1]
    return " ".join(dict.fromkeys(telling or words))


def given_name_likeness(one: str, other: str) -> Likeness:
    """Compare two keys of given names.

    same: they share a name. near: an initial, a short form (Jan for Johannes) or a slip of typing. far: one person's
    only if much else agrees: two short forms of one name (Jan and Joop), one that begins the other (Han and Hanneke),
    a slip in a short name (Mila and Mioa). Else other.
    """
    if one == other or one.replace(" ", "") == other.replace(" ", ""):
        return "same"
    if one.endswith(".") or other.endswith("."):
        return "near" if _initials_fit(one, other) else "other"
    first, second = one.split(), other.split()
    if set(first) & set(second):
        return "same"
    return _name_likeness(first[0], second[0])


def _name_likeness(one: str, other: str) -> Likeness:
    if not one.isalpha() or not other.isalpha():
        return "other"
    formal, others_formal = FORMAL_NAMES.get(one, frozenset()), FORMAL_NAMES.get(other, frozenset())
    if other in formal or one in others_formal or _is_slip(one, other):
        return "near"
    kin = bool(formal & others_formal) or any(_is_slip(one, name) for name in others_formal)
    begins = min(len(one), len(other)) >= 3 and (one.startswith(other) or other.startswith(one))
    if kin or begins or any(_is_slip(other, name) for name in formal):
        return "far"
    short = min(len(one), len(other)) >= 3 and one[0] == other[0] and within(1, one, other)
    return "far" if short else "other"


def surname_likeness(one: str, other: str) -> Likeness:
    """Compare two keys of surnames: same where they share a name (a partner's too), near for a slip of typing."""
    first, second = one.split(), other.split()
    whole = "".join(first), "".join(second)
    if set(first) & set(second) or whole[0] == whole[1]:
        return "same"
    return "near" if _is_slip(*whole) or any(_is_slip(a, b) for a in first for b in second) else "other"


def birth_date_likeness(one: str, other: str) -> Likeness:
    """Compare dates of birth, as YYYY-MM-DD: near where one digit differs, two are swapped, or day and month are."""
    if one == other:
        return "same"
    if len(one) != len(other):
        return "other"
    (first, second) = (date.replace("-", "") for date in (one, other))
    wrong = [place for place in range(len(first)) if first[place] != second[place]]
    turned = first[:4] == second[:4] and first[4:6] == second[6:] and first[6:] == second[4:6]
    near = turned or len(wrong) == 1 or (len(wrong) == 2 and _swapped(first, second, *wrong))
    return "near" if near else "other"


def _swapped(one: str, other: str, place: int, next_: int) -> bool:
    return next_ == place + 1 and one[place] == other[next_] and one[next_] == other[place]


def _initials_fit(one: str, other: str) -> bool:
    """Say whether initials fit a name, or other initials: the first ones, or the name called by is the second one."""
    letters, name = (one[:-1], other) if one.endswith(".") else (other[:-1], one)
    if name.endswith("."):
        return letters.startswith(name[:-1]) or name[:-1].startswith(letters)
    return name[0] in letters or any(formal[0] in letters for formal in FORMAL_NAMES.get(name.split()[0], ()))


_FEMININE = ("a", "e", "ke", "je", "tje", "ine", "ien", "na", "ne")
"""What makes a woman's name of a man's: Daniel and Daniela are two people."""


def _is_slip(one: str, other: str) -> bool:
    """Say whether one is the other mistyped: two letters swapped, one letter wrong (two in long names)."""
    if not one.isalpha() or not other.isalpha():
        return False
    short, long_ = sorted((one, other), key=len)
    if len(long_) - len(short) > 2 or len(short) < 3:
        return False
    if long_.startswith(short) and long_[len(short) :] in _FEMININE:
        return False
    if len(short) == len(long_):
        differing = [position for position in range(len(short)) if short[position] != long_[position]]
        if len(differing) == 2 and _swapped(short, long_, *differing):
            return True
    if len(long_) < 5 or (short[0] != long_[0] and len(long_) < 7):
        return False
    return within(2 if len(short) >= 8 else 1, short, long_)
