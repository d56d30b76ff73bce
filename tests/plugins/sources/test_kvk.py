"""The look-up `kvk` against a server that enforces the published contract."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from hub import patience
from hub.contracts import Finding, Place, Question
from hub.errors import ConfigurationError, TemporaryError
from hub.testing import LookupSuite, LookupWorld
from plugins.sources.kvk import Kvk
from plugins.sources.kvk.config import KvkConfig
from tests.plugins.sources.kvk_server import KEY, SEARCH, Company, KvkServer, kvk_server

ROOT = Path(__file__).parents[3]
CONTRACTS = Path(os.environ.get("HUB_CONTRACTS", ROOT.parent / "shared" / "contracts"))
KATTENBAK = Company("12345678", "De Kattenbak B.V.", trade_names=["Kattenbak Online"])


@pytest.fixture
def server():
    with kvk_server() as register:
        register.add(KATTENBAK)
        yield register


class RegisterWorld(LookupWorld):
    plugin = Kvk
    secrets = (KEY, "wr0ng-s3same")

    def __init__(self, server: KvkServer) -> None:
        self.server = server

    def config(self, key: str = KEY) -> KvkConfig:
        return KvkConfig(url=self.server.url, key=key, allow_private=True, rate="1000/s")

    def wrong_config(self) -> KvkConfig:
        return self.config("wr0ng-s3same")

    def known(self) -> Question:
        return Question("kvk=12345678", {"kvk": "12345678"})

    def unknown(self) -> Question:
        return Question("name=niemand|city=urk", {"name": "Niemand", "city": "Urk"})

    def requests(self) -> int:
        return len(self.server.asked)


class TestKvkConforms(LookupSuite):
    @pytest.fixture
    def world(self, server):
        return RegisterWorld(server)


def look_up(server: KvkServer, *facts: dict[str, str], **config: Any) -> list[Finding]:
    given = {"url": server.url, "key": KEY, "allow_private": True, "rate": "1000/s", **config}
    lookup = Kvk(KvkConfig.model_validate(given), Place("kvk", Path()))
    return list(lookup.look_up([Question(str(number), known) for number, known in enumerate(facts)]))


def test_a_profile_comes_as_one_row_under_the_names_of_the_register(server):
    (finding,) = look_up(server, {"kvk": "12345678"})
    assert {name: value for name, value in finding.row.items() if value is not None} == {
        "kvkNummer": "12345678",
        "vestigingsnummer": "000012345678",
        "naam": "De Kattenbak B.V.",
        "handelsnamen": "De Kattenbak B.V.; Kattenbak Online",
        "rechtsvorm": "BeslotenVennootschap",
        "eigenaarRsin": "123456782",
        "sbiCode": "47762",
        "sbiOmschrijving": "Winkels in dieren",
        "totaalWerkzamePersonen": "5",
        "totaalAantalVestigingen": "1",
        "straatnaam": "Keizerstraat",
        "huisnummer": "12",
        "postcode": "2583XL",
        "plaats": "Scheveningen",
        "land": "Nederland",
        "indNonMailing": "Nee",
        "datumAanvang": "20150622",
    }
    assert finding.requests == 2


@pytest.mark.parametrize(
    "facts",
    [
        {"kvk": "1234 5678"},
        {"branch": "000012345678"},
        {"name": "de kattenbak", "postcode": "2583 xl", "house_number": "12"},
        {"name": "Kattenbak", "city": "Scheveningen"},
    ],
    ids=lambda facts: "+".join(facts),
)
def test_an_organisation_is_found_in_every_way(server, facts):
    (finding,) = look_up(server, facts)
    assert (finding.status, finding.row["kvkNummer"]) == ("found", "12345678")


def test_a_branch_is_told_as_it_trades_and_its_company_as_it_is_registered(server):
    server.add(Company("87654321", "Bloem B.V.", branches=["000000000001", "000000000002"], employees=9))
    (finding,) = look_up(server, {"branch": "000000000002"})
    row = finding.row
    assert (row["kvkNummer"], row["vestigingsnummer"], row["naam"]) == (
        "87654321",
        "000000000002",
        "Bloem B.V. filiaal 1",
    )
    assert (row["straatnaam"], row["huisnummer"], row["sbiCode"]) == ("Meir", "1", "4776")
    assert (row["totaalWerkzamePersonen"], row["totaalAantalVestigingen"], row["rechtsvorm"]) == (
        "9",
        "2",
        "BeslotenVennootschap",
    )
    assert row["indNonMailing"] == "Ja", "who objects to post for the branch, objects"
    assert finding.requests == 3
    assert json.loads(finding.answer).keys() == {"basisprofiel", "vestigingen", "vestigingsprofiel"}
    (absent,) = look_up(server, {"branch": "000000000009"})
    assert (absent.status, absent.requests) == ("absent", 1)


def test_without_branches_a_question_by_number_takes_one_request(server):
    (finding,) = look_up(server, {"kvk": "12345678"}, branches=False)
    assert (finding.requests, finding.row["totaalAantalVestigingen"]) == (1, None)
    assert server.asked == ["/api/v1/basisprofielen/12345678"]


def test_of_several_registrations_the_one_with_this_very_name_is_meant(server):
    server.add(Company("22222222", "De Kattenbak Holding Amsterdam"))
    (finding,) = look_up(server, {"name": "de kattenbak", "city": "Scheveningen"})
    assert finding.row["kvkNummer"] == "12345678"


def test_several_registrations_that_fit_equally_are_no_answer(server):
    server.add(Company("22222222", "De Kattenbak B.V."))
    (finding,) = look_up(server, {"name": "de kattenbak", "city": "scheveningen"})
    assert finding.status == "rejected"
    assert "2 registrations fit" in finding.reason


def test_a_question_that_fits_too_much_is_no_answer(server):
    server.add(*(Company(f"{number:08d}", f"Kat {number}") for number in range(101)))
    (finding,) = look_up(server, {"name": "kat", "city": "Scheveningen"})
    assert (finding.status, finding.requests) == ("rejected", 1)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"kvk": "1234"}, "the KVK number does not have 8 digits"),
        ({"branch": "12"}, "the branch number does not have 12 digits"),
        ({"name": "x", "postcode": "1000", "house_number": "1"}, "no Dutch postcode"),
    ],
)
def test_what_can_be_no_number_is_not_asked(server, facts, reason):
    (finding,) = look_up(server, facts)
    assert finding.status == "rejected"
    assert reason in finding.reason
    assert server.asked == []


def test_a_registration_that_the_register_does_not_give_is_absent(server):
    (finding,) = look_up(server, {"kvk": "99999999"})
    assert (finding.status, finding.requests) == ("absent", 1)


def said(code: str) -> dict[str, Any]:
    return {"fout": [{"code": code, "omschrijving": "?"}]}


@pytest.mark.parametrize(
    ("status", "code"), [(429, ""), (500, "IPD9999"), (404, "IPD1002"), (404, "IPD1003"), (503, "")]
)
def test_a_busy_register_is_asked_again(server, status, code):
    server.stumble = [(status, said(code) if code else {}, {"Retry-After": "0"})]
    (finding,) = look_up(server, {"kvk": "12345678"})
    assert (finding.status, finding.requests) == ("found", 3)


def test_one_question_without_an_answer_now_does_not_keep_the_others(server):
    server.stumble = [(404, said("IPD1002"), {"Retry-After": "0"})] * 3
    first, second = look_up(server, {"kvk": "11111111"}, {"kvk": "12345678"})
    assert (first.status, first.requests, second.status) == ("later", 3, "found")
    assert "IPD1002" in first.reason


def test_a_register_that_is_away_is_left_alone(server):
    server.stumble = [(503, {}, {"Retry-After": "0"})] * 99
    with pytest.raises(TemporaryError, match="HTTP 503"):
        look_up(server, *[{"kvk": f"{number:08d}"} for number in range(20)])
    assert len(server.asked) == 9


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [(401, "IPD0002", "check `key`"), (403, "", "check `key`"), (404, "", "check `url`"), (400, "IPD1999", "IPD1999")],
)
def test_what_an_admin_must_mend_is_said_in_words(server, status, code, message):
    server.stumble = [(status, said(code) if code else {}, {})]
    with pytest.raises(ConfigurationError, match=message):
        look_up(server, {"kvk": "12345678"})


def test_a_value_that_the_register_refuses_is_rejected(server):
    server.stumble = [(400, said("IPD0004"), {})]
    (finding,) = look_up(server, {"kvk": "00000000"})
    assert (finding.status, finding.reason) == (
        "rejected",
        "the register does not take this value (HTTP 400, IPD0004)",
    )


@pytest.mark.parametrize("other", [{"handelsnamen": "Kat"}, {"_embedded": ["Kat"]}, {"sbiActiviteiten": {"a": 1}}])
def test_an_answer_in_another_form_is_set_aside_and_the_next_question_is_asked(server, other):
    server.stumble = [(200, {"kvkNummer": "12345678", **other}, {})]
    odd, good = look_up(server, {"kvk": "12345678"}, {"kvk": "12345678"})
    assert (odd.status, good.status) == ("rejected", "found")
    assert "another form than the register's contract (" in odd.reason
    assert "Kat" not in odd.reason


def test_requests_keep_to_the_rate(server):
    started = patience.clock.now()
    look_up(server, {"kvk": "12345678"}, {"kvk": "12345678"}, rate="20/s")
    assert patience.clock.now() - started >= 3 / 20


def test_plain_http_to_the_world_is_a_mistake():
    with pytest.raises(ValidationError, match="https"):
        KvkConfig(key=KEY, url="http://api.kvk.nl/api")


def test_a_root_certificate_that_is_none_is_told(server, tmp_path):
    (tmp_path / "root.pem").write_text("no certificate")
    config = KvkConfig(key=KEY, url=server.url, allow_private=True, authority="root.pem")
    check = Kvk(config, Place("kvk", tmp_path)).check()
    assert not check.ok
    assert "root.pem is no file with a certificate" in check.message


# the published contract ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    """The published files, which belong to their owner and are not in this repository."""
    folder = CONTRACTS / "kvk"
    if not folder.is_dir() and "HUB_CONTRACTS" not in os.environ:
        missing = "the published contract is not at hand: set HUB_CONTRACTS to its folder"
        pytest.fail(missing) if "CI" in os.environ else pytest.skip(missing)
    names = ("zoeken", "basisprofiel", "vestigingsprofiel")
    return {name: yaml.safe_load((folder / f"{name}-openapi.yaml").read_text(encoding="utf-8")) for name in names}


def test_the_server_knows_the_parameters_of_the_contract(published):
    parameters = published["zoeken"]["paths"]["/zoeken"]["get"]["parameters"]
    assert {parameter["name"] for parameter in parameters} == set(SEARCH)
    for parameter in parameters:
        schema, rule = parameter["schema"], SEARCH[parameter["name"]]
        assert rule.get("pattern") == schema.get("pattern"), parameter["name"]
        assert rule.get("maximum") == schema.get("maximum"), parameter["name"]
        if schema["type"] == "array":
            assert rule["enum"] == schema["items"]["enum"]


def test_the_answers_of_the_server_fit_the_contract(published):
    zoeken, profile, branch = (published[name] for name in ("zoeken", "basisprofiel", "vestigingsprofiel"))
    server = KvkServer()
    server.add(KATTENBAK)
    headers = {"apikey": KEY}
    for target, spec, schema in (
        ("/api/v2/zoeken?naam=kat&resultatenPerPagina=100", zoeken, "Resultaat"),
        ("/api/v2/zoeken?naam=hond", zoeken, "Error"),
        ("/api/v1/basisprofielen/12345678", profile, "Basisprofiel"),
        ("/api/v1/basisprofielen/12345678/vestigingen", profile, "VestigingList"),
        ("/api/v1/basisprofielen/1", profile, "Error"),
        ("/api/v1/vestigingsprofielen/000012345678", branch, "Vestiging"),
    ):
        _, body, _ = server.answer(target, headers)
        assert not list(misfits(body, {"$ref": f"#/components/schemas/{schema}"}, spec, schema))


def test_a_field_outside_the_contract_is_noticed(published):
    wrong = {"kvkNummer": 12345678, "nonMailing": "Nee"}
    found = list(misfits(wrong, {"$ref": "#/components/schemas/Basisprofiel"}, published["basisprofiel"], "it"))
    assert found == ["it.kvkNummer is no string", "it.nonMailing is not in the contract"]


def misfits(value: Any, schema: dict[str, Any], spec: dict[str, Any], place: str):
    """Say where a value has a field that the contract lacks, or a value of another type."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        schema = spec["components"]["schemas"][name]
    types = {"string": str, "integer": int, "number": float, "boolean": bool, "array": list, "object": dict}
    if not isinstance(value, types[schema["type"]]):
        yield f"{place} is no {schema['type']}"
    elif isinstance(value, list):
        for item in value:
            yield from misfits(item, schema["items"], spec, f"{place}[]")
    elif isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        for name, item in value.items():
            if name not in known and others is None:
                yield f"{place}.{name} is not in the contract"
            else:
                yield from misfits(item, known.get(name, others), spec, f"{place}.{name}")
