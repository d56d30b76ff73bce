"""Names and salutation, as Dutch and Flemish readers expect them.

Stored names are never re-cased: people write their own name right. Only the first letter after mevrouw or
heer is raised.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORD_OF = {"F": "mevrouw", "M": "heer"}
_PIECES = re.compile(r"[\s.\-]+")
_APOSTROPHES = str.maketrans("\u2018\u2019`\u00b4", "''''")

# The prefixes of Dutch, Frisian and Flemish surnames, and foreign ones common here; after table 36
# (voorvoegsels) of the Dutch population register.
_PREFIX_LIST = """
's; 't; a; aan; aan de; aan den; aan der; aan het; aan 't; af; al; auf; auf dem; auf den; auf der; aus; aus dem;
aus den; aus der; ben; bij; bij de; bij den; bij het; bij 't; boven d'; da; dal; dal'; dalla; das; de; de die;
de die le; de l'; de la; de las; de le; de los; de van der; deca; degli; dei; del; della; den; der; des; di;
die; die le; do; don; dos; du; el; het; i; im; in; in de; in den; in der; in het; in 't; l'; la; las; le; les;
lo; los; of; onder; onder de; onder den; onder het; onder 't; op; op de; op den; op der; op gen; op het; op 't;
op ten; over; over de; over den; over het; over 't; te; ten; ter; tho; thoe; thor; to; toe; tot; uijt; uijt de;
uijt den; uijt ten; uit; uit de; uit den; uit het; uit 't; uit te de; uit ten; uyt; uyt de; uyt den; uyt ten;
van; van de; van de l'; van den; van der; van gen; van het; van la; van 't; van ter; van van de; ver; vom; von;
von dem; von den; von der; von 't; voor; voor de; voor den; voor in 't; voor 't; vor; vor der; zu; zum; zur
"""
PREFIXES = frozenset(" ".join(prefix.split()) for prefix in _PREFIX_LIST.split(";"))
"""All prefixes, in small letters and with one space between their words."""
PREFIX_WORDS = tuple(sorted({word for prefix in PREFIXES for word in prefix.split()}))
"""The single words that prefixes are made of."""

_LONGEST_PREFIX = max(len(prefix.split()) for prefix in PREFIXES)


def initials(given_name: str) -> str:
    """Abbreviate given names: "Anna Özil" and "anna özil" give "A.Ö.", "Jean-Paul" gives "J.P."."""
    return "".join(f"{piece[0].upper()}." for piece in _PIECES.split(given_name) if piece and piece[0].isalpha())


def split_prefix(surname: str) -> tuple[str | None, str]:
    """Split "van der Valk" into ("van der", "Valk"), the longest known prefix first.

    Only a prefix in small letters is split off: in Flanders "Van Der Broeck" is one surname, filed under V.
    """
    words = surname.split()
    for count in range(min(_LONGEST_PREFIX, len(words) - 1), 0, -1):
        if " ".join(words[:count]).translate(_APOSTROPHES) in PREFIXES:
            return " ".join(words[:count]), " ".join(words[count:])
    return None, " ".join(words)


@dataclass(frozen=True)
class _FamilyName:
    prefix: str
    surname: str

    @property
    def is_known(self) -> bool:
        """Tell a name from an empty field and from the dots and dashes that stand for one."""
        return any(letter.isalpha() for letter in self.surname)

    def __str__(self) -> str:
        return f"{self.prefix} {self.surname}".strip()


def salutation(
    gender: str | None,
    given_name: str | None,
    prefix: str | None,
    surname: str | None,
    partner_prefix: str | None = None,
    partner_surname: str | None = None,
    partner_first: bool = False,
) -> str | None:
    """Give the words after "Beste"; None where no surname is known and the greeting stays neutral.

    Gender is F, M or anything else for unknown. Where the gender is unknown, the initials take the place of
    mevrouw or heer.
    """
    own = _FamilyName((prefix or "").strip(), (surname or "").strip())
    partner = _FamilyName((partner_prefix or "").strip(), (partner_surname or "").strip())
    names = [name for name in ((partner, own) if partner_first else (own, partner)) if name.is_known]
    if not names:
        return None
    family = "-".join(str(name) for name in names)
    word = _WORD_OF.get(gender or "")
    if word:
        return f"{word} {_raised(family)}"
    letters = initials(given_name or "")
    return f"{letters} {family}" if letters else _raised(family)


def _raised(name: str) -> str:
    return name[0].upper() + name[1:]
