"""A small business register on loopback that holds callers to the published contract of the KVK API.

What it enforces is written here from that contract (zoeken 2.0.0, basisprofiel 1.5.0, vestigingsprofiel 1.4): the key
in the header `apikey`, the type that is accepted, the parameters that exist with their patterns and limits, which of
them go together, and the error codes. `test_kvk.py` compares it with the published files where those are at hand.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

KEY = "l7xx-een-s3same-sleutel"

SEARCH: dict[str, dict[str, Any]] = {
    "kvkNummer": {"pattern": "^[0-9]{8}$"},
    "rsin": {"pattern": "^[0-9]{9}$"},
    "vestigingsnummer": {"pattern": "^[0-9]{12}$"},
    "naam": {},
    "straatnaam": {},
    "plaats": {},
    "postcode": {"pattern": "^[0-9]{4}[a-z,A-Z]{2}$"},
    "huisnummer": {"pattern": "^[0-9]{1,5}$"},
    "huisletter": {"pattern": "^[a-z,A-Z]{1}$"},
    "postbusnummer": {"pattern": "^[0-9]{1,5}$"},
    "type": {"enum": ["hoofdvestiging", "nevenvestiging", "rechtspersoon"]},
    "inclusiefInactieveRegistraties": {"enum": ["true", "false"]},
    "pagina": {"minimum": 1, "maximum": 1000},
    "resultatenPerPagina": {"minimum": 1, "maximum": 100},
}
ACCEPTED = ("*/*", "application/json", "application/hal+json")
OFFERED = "https://api.kvk.nl/api"


@dataclass
class Company:
    """One registration."""

    kvk: str
    name: str
    street: str = "Keizerstraat"
    house_number: int = 12
    postcode: str = "2583XL"
    city: str = "Scheveningen"
    branches: list[str] = field(default_factory=lambda: ["000012345678"])
    employees: int = 5
    owner: str = "123456782"
    non_mailing: str = "Nee"
    ended: str = ""
    trade_names: list[str] = field(default_factory=list)

    def address(self) -> dict[str, Any]:
        return {
            "type": "bezoekadres",
            "indAfgeschermd": "Nee",
            "volledigAdres": f"{self.street} {self.house_number} {self.postcode}{self.city}",
            "straatnaam": self.street,
            "huisnummer": self.house_number,
            "postcode": self.postcode,
            "plaats": self.city,
            "land": "Nederland",
        }

    def result(self) -> dict[str, Any]:
        parts = ("straatnaam", "huisnummer", "postcode", "plaats")
        full = self.address()
        return {
            "kvkNummer": self.kvk,
            "vestigingsnummer": self.branches[0],
            "naam": self.name,
            "adres": {"binnenlandsAdres": {"type": "bezoekadres", **{part: full[part] for part in parts}}},
            "type": "hoofdvestiging",
            "actief": "Nee" if self.ended else "Ja",
            "_links": {"basisprofiel": {"href": f"{OFFERED}/v1/basisprofielen/{self.kvk}"}},
        }

    def profile(self) -> dict[str, Any]:
        links = [{"rel": "self", "href": f"{OFFERED}/v1/basisprofielen/{self.kvk}"}]
        activities = [
            {"sbiCode": "47762", "sbiOmschrijving": "Winkels in dieren", "indHoofdactiviteit": "Ja"},
            {"sbiCode": "9609", "sbiOmschrijving": "Overige dienstverlening", "indHoofdactiviteit": "Nee"},
        ]
        registered = {"datumAanvang": "20150622", **({"datumEinde": self.ended} if self.ended else {})}
        names = [{"naam": name, "volgorde": place} for place, name in enumerate([self.name, *self.trade_names])]
        return {
            "kvkNummer": self.kvk,
            "indNonMailing": self.non_mailing,
            "naam": self.name,
            "formeleRegistratiedatum": "20150622",
            "materieleRegistratie": registered,
            "totaalWerkzamePersonen": self.employees,
            "handelsnamen": names,
            "sbiActiviteiten": activities,
            "links": links,
            "_embedded": {
                "hoofdvestiging": {
                    "vestigingsnummer": self.branches[0],
                    "kvkNummer": self.kvk,
                    "eersteHandelsnaam": self.name,
                    "indHoofdvestiging": "Ja",
                    "indCommercieleVestiging": "Ja",
                    "totaalWerkzamePersonen": self.employees,
                    "adressen": [self.address()],
                    "links": links,
                },
                "eigenaar": {"rsin": self.owner, "rechtsvorm": "BeslotenVennootschap", "links": links},
            },
        }

    def branch(self, number: str) -> dict[str, Any]:
        """A branch trades under a name and at an address of its own; the first one at the company's."""
        place = self.branches.index(number)
        address = self.address() if not place else {**self.address(), "straatnaam": "Meir", "huisnummer": place}
        return {
            "vestigingsnummer": number,
            "kvkNummer": self.kvk,
            "rsin": self.owner,
            "indNonMailing": "Ja" if place else self.non_mailing,
            "formeleRegistratiedatum": "20180101",
            "materieleRegistratie": {"datumAanvang": "20180101"},
            "eersteHandelsnaam": self.name if not place else f"{self.name} filiaal {place}",
            "indHoofdvestiging": "Nee" if place else "Ja",
            "indCommercieleVestiging": "Ja",
            "voltijdWerkzamePersonen": 1,
            "totaalWerkzamePersonen": 2,
            "adressen": [address],
            "sbiActiviteiten": [{"sbiCode": "4776", "sbiOmschrijving": "Bloemen", "indHoofdactiviteit": "Ja"}],
            "links": [{"rel": "self", "href": f"{OFFERED}/v1/vestigingsprofielen/{number}"}],
        }

    def listed(self) -> dict[str, Any]:
        return {
            "kvkNummer": self.kvk,
            "aantalCommercieleVestigingen": len(self.branches),
            "aantalNietCommercieleVestigingen": 0,
            "totaalAantalVestigingen": len(self.branches),
            "vestigingen": [
                {
                    "vestigingsnummer": number,
                    "kvkNummer": self.kvk,
                    "eersteHandelsnaam": self.name,
                    "indHoofdvestiging": "Nee" if place else "Ja",
                    "volledigAdres": self.address()["volledigAdres"],
                }
                for place, number in enumerate(self.branches)
            ],
            "links": [{"rel": "self", "href": f"{OFFERED}/v1/basisprofielen/{self.kvk}/vestigingen"}],
        }


Said = tuple[int, dict[str, Any]]


def fault(status: int, code: str, text: str) -> Said:
    return status, {"fout": [{"code": code, "omschrijving": text}]}


class KvkServer:
    """The register: `companies` by number, `asked` what was asked, `stumble` the answers to give first."""

    def __init__(self) -> None:
        self.companies: dict[str, Company] = {}
        self.asked: list[str] = []
        self.stumble: list[tuple[int, dict[str, Any], dict[str, str]]] = []
        self.url = ""

    def add(self, *companies: Company) -> None:
        self.companies.update({company.kvk: company for company in companies})

    def answer(self, target: str, headers: Any) -> tuple[int, dict[str, Any], dict[str, str]]:
        self.asked.append(target)
        if headers.get("apikey") != KEY:
            return *fault(401, "IPD0002", "Unauthorized"), {}
        if headers.get("Accept", "*/*") not in ACCEPTED:
            return *fault(406, "IPD0008", "Not acceptable"), {}
        if self.stumble:
            return self.stumble.pop(0)
        url = urlsplit(target)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        if url.path == "/api/v2/zoeken":
            return *self._search(query), {}
        branch = re.fullmatch(r"/api/v1/vestigingsprofielen/([^/]+)", url.path)
        if branch is not None:
            return *self._branch(branch[1], query), {}
        profile = re.fullmatch(r"/api/v1/basisprofielen/([^/]+)(/vestigingen)?", url.path)
        if profile is None:
            return 404, {}, {}
        return *self._profile(profile[1], bool(profile[2]), query), {}

    def _search(self, query: dict[str, str]) -> Said:
        wrong = [name for name in query if name not in SEARCH or not _fits(query[name], SEARCH[name])]
        if wrong:
            return fault(400, "IPD1999", f"De volgende opgegeven parameter(s) is(zijn) ongeldig: {', '.join(wrong)}")
        if "postcode" in query and not query.keys() & {"huisnummer", "postbusnummer"}:
            return fault(400, "IPD1998", "postcode alleen met huisnummer of postbusnummer")
        if query.keys() & {"huisnummer", "postbusnummer"} and "postcode" not in query:
            return fault(400, "IPD1998", "huisnummer alleen met postcode")
        if not query.keys() - {"type", "inclusiefInactieveRegistraties", "pagina", "resultatenPerPagina"}:
            return fault(400, "IPD1998", "geen zoekterm")
        page, size = int(query.get("pagina", 1)), int(query.get("resultatenPerPagina", 10))
        found = [company.result() for company in self.companies.values() if _meets(company, query)]
        if not found:
            return fault(404, "IPD5200", "Er zijn geen gegevens gevonden die voldoen aan de opgegeven zoekparameters.")
        return 200, {
            "pagina": page,
            "resultatenPerPagina": size,
            "totaal": len(found),
            "resultaten": found[(page - 1) * size : page * size],
            "_links": {"self": {"href": f"{OFFERED}/v2/zoeken?pagina={page}"}},
        }

    def _branch(self, number: str, query: dict[str, str]) -> Said:
        if any(name != "geoData" or value not in ("true", "false") for name, value in query.items()):
            return fault(400, "IPD1999", "De volgende opgegeven parameter(s) is(zijn) ongeldig")
        if not re.fullmatch(r"[0-9]{12}", number):
            return fault(400, "IPD0006", f"Het vestigingsnummer {number} is niet valide.")
        company = next((one for one in self.companies.values() if number in one.branches), None)
        if company is None:
            return fault(
                404, "IPD0007", f"Op basis van vestigingsnummer {number} kan het product niet worden geleverd."
            )
        return 200, company.branch(number)

    def _profile(self, number: str, branches: bool, query: dict[str, str]) -> Said:
        allowed = {} if branches else {"geoData": {"enum": ["true", "false"]}}
        if any(name not in allowed or not _fits(query[name], allowed[name]) for name in query):
            return fault(400, "IPD1999", "De volgende opgegeven parameter(s) is(zijn) ongeldig")
        if not re.fullmatch(r"[0-9]{8}", number):
            return fault(400, "IPD0004", f"Het KvK nummer {number} is niet valide.")
        company = self.companies.get(number)
        if company is None:
            return fault(404, "IPD0005", f"Op basis van het KVK-nummer {number} kan het product niet worden geleverd.")
        return 200, company.listed() if branches else company.profile()


def _fits(value: str, rule: dict[str, Any]) -> bool:
    if "pattern" in rule and not re.search(rule["pattern"], value):
        return False
    if "enum" in rule and value not in rule["enum"]:
        return False
    return "maximum" not in rule or (value.isdigit() and rule["minimum"] <= int(value) <= rule["maximum"])


def _meets(company: Company, query: dict[str, str]) -> bool:
    result, address = company.result(), company.address()
    checks = {
        "kvkNummer": lambda value: value == company.kvk,
        "rsin": lambda value: value == company.owner,
        "vestigingsnummer": lambda value: value in company.branches,
        "naam": lambda value: value.lower() in company.name.lower(),
        "straatnaam": lambda value: value.lower() == company.street.lower(),
        "plaats": lambda value: value.lower() == company.city.lower(),
        "postcode": lambda value: value.upper() == company.postcode,
        "huisnummer": lambda value: int(value) == address["huisnummer"],
        "type": lambda value: value == result["type"],
    }
    if company.ended and query.get("inclusiefInactieveRegistraties") != "true":
        return False
    return all(checks[name](value) for name, value in query.items() if name in checks)


@contextmanager
def kvk_server() -> Iterator[KvkServer]:
    """Serve a register for the length of the block."""
    register = KvkServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body go out together: else the second waits 40 ms for the first

        def do_GET(self) -> None:
            status, body, headers = register.answer(self.path, self.headers)
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/hal+json",
                "Content-Length": str(len(content)),
                "api-version": "2.0.0",
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    register.url = f"http://127.0.0.1:{server.server_port}/api"
    try:
        yield register
    finally:
        server.shutdown()
        server.server_close()
