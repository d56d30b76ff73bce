"""Find the number of a registration from what is known of an organisation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hub.errors import RejectedError
from plugins.sources.kvk.register import Register

MOST = 100
"""The most results that the register gives at once: with more, the question is too wide to answer."""

_LEGAL_FORM = re.compile(r"\b(b\.?v\.?|n\.?v\.?|v\.?o\.?f\.?|c\.?v\.?|stichting|vereniging|holding)(?!\w)")


def find(register: Register, facts: Mapping[str, str]) -> str | None:
    """Give the KVK number, or None where the register knows no such organisation, or branch.

    Raises RejectedError for a number that can't be one, and where several registrations fit.
    """
    if "kvk" in facts:
        return _digits(facts["kvk"], 8, "KVK number")
    if "branch" in facts:
        return None
    query = {"naam": facts["name"], **_place(facts)}
    found = register.get("/v2/zoeken", {**query, "resultatenPerPagina": str(MOST)})
    if found is None:
        return None
    results = [result for result in found.get("resultaten", ()) if result.get("kvkNummer")]
    if int(found.get("totaal") or 0) > MOST:
        raise RejectedError("too many registrations fit: more must be known of the organisation")
    return _only(results, facts.get("name", ""))


def branch_of(register: Register, facts: Mapping[str, str]) -> dict[str, Any] | None:
    """Give the profile of the branch that is asked about, where its company is not known by number.

    Raises RejectedError for a number that can't be one.
    """
    if "kvk" in facts or "branch" not in facts:
        return None
    return register.get(f"/v1/vestigingsprofielen/{_digits(facts['branch'], 12, 'branch number')}")


def _place(facts: Mapping[str, str]) -> dict[str, str]:
    if "city" in facts:
        return {"plaats": facts["city"]}
    postcode, number = facts["postcode"].replace(" ", "").upper(), facts["house_number"]
    if not re.fullmatch(r"[0-9]{4}[A-Z]{2}", postcode) or not re.fullmatch(r"[0-9]{1,5}", number):
        raise RejectedError("the address has no Dutch postcode and house number")
    return {"postcode": postcode, "huisnummer": number}


def _only(results: list[dict[str, Any]], name: str) -> str | None:
    """Choose the one registration; where several fit, the one that has this very name."""
    numbers = {str(result["kvkNummer"]) for result in results}
    if len(numbers) > 1:
        exact = {str(result["kvkNummer"]) for result in results if _plain(str(result.get("naam"))) == _plain(name)}
        if len(exact) != 1:
            raise RejectedError(f"{len(exact or numbers)} registrations fit: more must be known of the organisation")
        numbers = exact
    return next(iter(numbers), None)


def _plain(name: str) -> str:
    """Write a name without its legal form, punctuation and case."""
    return re.sub(r"[\W_]+", "", _LEGAL_FORM.sub("", name.lower()))


def _digits(text: str, length: int, what: str) -> str:
    digits = re.sub(r"[ .\-]", "", text)
    if not re.fullmatch(rf"[0-9]{{{length}}}", digits):
        raise RejectedError(f"the {what} does not have {length} digits")
    return digits
