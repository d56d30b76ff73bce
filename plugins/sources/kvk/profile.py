"""The basic profile as one flat row, under the register's own names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

COLUMNS = (
    "kvkNummer",
    "vestigingsnummer",
    "naam",
    "statutaireNaam",
    "handelsnamen",
    "rechtsvorm",
    "eigenaarRsin",
    "sbiCode",
    "sbiOmschrijving",
    "totaalWerkzamePersonen",
    "totaalAantalVestigingen",
    "straatnaam",
    "huisnummer",
    "huisletter",
    "huisnummerToevoeging",
    "postcode",
    "plaats",
    "land",
    "website",
    "indNonMailing",
    "datumAanvang",
    "datumEinde",
    "datumUitschrijving",
)
_ADDRESS = ("straatnaam", "huisnummer", "huisletter", "huisnummerToevoeging", "postcode", "plaats", "land")


def row_of(
    profile: Mapping[str, Any], branches: Mapping[str, Any] | None, asked: Mapping[str, Any] | None = None
) -> tuple[dict[str, str | None], str]:
    """Give the row and the whole answer as JSON.

    Name, activity and address are those of the branch that was `asked` for, or else of the main branch where the
    company has one, for that is where it trades. Who objects to post for either, objects.
    """
    embedded = profile.get("_embedded") or {}
    main, owner = embedded.get("hoofdvestiging") or {}, embedded.get("eigenaar") or {}
    place = asked if asked is not None else main
    own = asked.get("sbiActiviteiten") if asked is not None else None
    activities = own or profile.get("sbiActiviteiten") or main.get("sbiActiviteiten") or []
    activity: dict[str, Any] = next((it for it in activities if it.get("indHoofdactiviteit") == "Ja"), {})
    names = sorted(profile.get("handelsnamen") or [], key=lambda it: it.get("volgorde") or 0)
    address = _visited(place.get("adressen") or owner.get("adressen") or [])
    registration, its = (it.get("materieleRegistratie") or {} for it in (profile, asked or {}))
    objects = "Ja" in (profile.get("indNonMailing"), (asked or {}).get("indNonMailing"))
    values: dict[str, Any] = {
        "kvkNummer": profile.get("kvkNummer"),
        "vestigingsnummer": place.get("vestigingsnummer"),
        "naam": (asked or {}).get("eersteHandelsnaam")
        or profile.get("naam")
        or main.get("eersteHandelsnaam")
        or profile.get("statutaireNaam"),
        "statutaireNaam": profile.get("statutaireNaam"),
        "handelsnamen": "; ".join(str(it["naam"]) for it in names if it.get("naam")) or None,
        "rechtsvorm": owner.get("rechtsvorm"),
        "eigenaarRsin": owner.get("rsin"),
        "sbiCode": activity.get("sbiCode"),
        "sbiOmschrijving": activity.get("sbiOmschrijving"),
        "totaalWerkzamePersonen": profile.get("totaalWerkzamePersonen", main.get("totaalWerkzamePersonen")),
        "totaalAantalVestigingen": (branches or {}).get("totaalAantalVestigingen"),
        **{name: address.get(name) for name in _ADDRESS},
        "website": next(iter(place.get("websites") or owner.get("websites") or []), None),
        "indNonMailing": "Ja" if objects else profile.get("indNonMailing"),
        "datumAanvang": registration.get("datumAanvang"),
        "datumEinde": registration.get("datumEinde") or its.get("datumEinde"),
        "datumUitschrijving": owner.get("datumUitschrijving"),
    }
    parts = {"basisprofiel": profile, "vestigingen": branches, "vestigingsprofiel": asked}
    answer = {name: part for name, part in parts.items() if part is not None}
    row = {name: None if value in (None, "") else str(value) for name, value in values.items()}
    return row, json.dumps(answer, ensure_ascii=False, sort_keys=True)


def _visited(addresses: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Choose the address where it can be visited, else the one for its post."""
    return next((it for it in addresses if it.get("type") == "bezoekadres"), addresses[0] if addresses else {})
