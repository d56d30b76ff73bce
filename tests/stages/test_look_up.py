"""Look up: what a register says about organisations, within its limits, kept, and told to those who work there (R5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub import pipeline
from hub.contracts import Place
from hub.pipeline import RunReport
from hub.project import Connection, MappedTable, Project
from hub.project.models import HubFile, MappingFile
from hub.project.yaml import read
from hub.schema import BUILT_IN
from hub.warehouse import Warehouse, open_warehouse
from plugins.sources.kvk import Kvk
from plugins.sources.kvk.config import KvkConfig
from tests.plugins.sources.kvk_server import KEY, Company, KvkServer, kvk_server
from tests.stages.world import add

MARCH = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = MARCH + timedelta(days=31)


class Town:
    """A project with a register, and organisations that some CRM told about."""

    def __init__(self, folder: Path, engine: str, server: KvkServer, **config: Any) -> None:
        self.server = server
        self.folder = folder
        self.engine = engine
        given = {"url": server.url, "key": KEY, "allow_private": True, "rate": "1000/s", "branches": False, **config}
        mapping = Kvk.default_mapping
        form = MappingFile.model_validate(read(mapping, mapping.name)[0].value)
        self.project = Project(
            folder=folder,
            hub=HubFile(name="Town", engine=engine),
            schema=BUILT_IN,
            connections={"kvk": Connection("kvk", Kvk, KvkConfig.model_validate(given), Place("kvk", folder))},
            mappings=tuple(
                MappedTable(mapping, "kvk", target, table, {}, position)
                for position, (target, table) in enumerate(form.tables)
            ),
            traits={},
            segments={},
            scenarios={},
            syncs={},
        )

    @contextmanager
    def warehouse(self) -> Iterator[Warehouse]:
        warehouse = open_warehouse(self.engine, BUILT_IN, self.project.state, [self.folder])
        yield warehouse
        warehouse.close()

    def organisation(self, key: str, *people: str, **columns: Any) -> None:
        """Tell of an organisation, and of the records of people who have a role there."""
        with self.warehouse() as warehouse:
            row = {"connection": "crm", "load_id": "1"}
            add(warehouse, "organisation", {**row, "source_key": key, **columns})
            for person in people:
                number = int(person.removeprefix("crm:"))
                add(
                    warehouse,
                    "source_record",
                    {**row, "source_key": str(number), "record_id": person, "record_no": number, "person_id": number},
                )
                role = {"source_key": f"{key}-{number}", "record_id": person, "organisation_key": key}
                add(warehouse, "role", {**row, **role})

    def run(self, as_of: datetime = MARCH) -> RunReport:
        return pipeline.run(self.project, as_of, ["map", "look_up"])

    def counts(self, as_of: datetime = MARCH) -> dict[str, int]:
        report = self.run(as_of)
        assert report.ok, report.failures
        (asked,) = [entry for entry in report.reports if entry.subject == "kvk"]
        return {name: count for name, count in asked.counts.items() if count}

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        with self.warehouse() as warehouse, warehouse.begin() as transaction:
            stored = transaction.table(table)
            chosen = [stored.c[name] for name in columns]
            return [tuple(row) for row in transaction.rows(sa.select(*chosen).order_by(*chosen))]


@pytest.fixture
def server() -> Iterator[KvkServer]:
    with kvk_server() as register:
        yield register


@pytest.fixture
def town(tmp_path: Path, engine: str, server: KvkServer) -> Callable[..., Town]:
    (tmp_path / ".hub").mkdir()
    return lambda **config: Town(tmp_path, engine, server, **config)


def test_an_organisation_is_looked_up_once_until_its_answer_expires(town: Any, server: KvkServer) -> None:
    shop = town()
    server.add(Company("12345678", "De Kattenbak B.V."))
    shop.organisation("1", kvk="12345678", name="Kattenbak")
    shop.organisation("2", kvk="12345678", name="de Kattenbak (oud)")
    shop.organisation("3", kvk="87654321", name="Weg")
    assert shop.counts() == {"found": 1, "absent": 1, "requests": 2}
    assert shop.rows(
        "organisation_profile", "asked", "status", "kvk", "name", "sector", "employees", "non_mailing"
    ) == [
        ("kvk=12345678", "found", "12345678", "De Kattenbak B.V.", "Winkels in dieren", 5, False),
        ("kvk=87654321", "absent", None, None, None, None, None),
    ]
    assert shop.counts(MARCH + timedelta(days=29)) == {}
    assert shop.counts(MARCH + timedelta(days=30)) == {"found": 1, "absent": 1, "requests": 2}
    assert len(shop.rows("organisation_profile", "asked")) == 4, "every answer is kept"


def test_an_answer_of_which_a_value_can_not_be_read_is_kept_without_it_and_not_asked_for_again(
    town: Any, server: KvkServer
) -> None:
    shop = town()
    server.add(Company("12345678", "Foreign Ltd", postcode="SW1A 1AA", non_mailing="?"))
    shop.organisation("1", kvk="12345678")
    assert shop.counts() == {"found": 1, "requests": 1}
    assert shop.rows("organisation_profile", "name", "postcode", "non_mailing") == [("Foreign Ltd", None, None)]
    assert shop.counts(MARCH + timedelta(days=1)) == {}


def test_an_organisation_without_a_number_is_found_by_name_and_address(town: Any, server: KvkServer) -> None:
    shop = town()
    server.add(Company("12345678", "De Kattenbak B.V."))
    shop.organisation("1", name=" De Kattenbak ", postcode="2583 xl", house_number="12")
    shop.organisation("2", name="de kattenbak", postcode="2583XL", house_number="12", country="NL")
    assert shop.counts() == {"found": 1, "requests": 2}
    assert shop.rows("organisation_profile", "asked", "kvk") == [
        ("name=de kattenbak|postcode=2583XL|house_number=12", "12345678")
    ]


def test_nothing_is_asked_of_what_the_register_does_not_cover_or_nothing_is_known_of(
    town: Any, server: KvkServer
) -> None:
    shop = town()
    shop.organisation("1", name="Frituur Jan", city="Gent", country="BE", kvk="12345678")
    shop.organisation("2", name="Alleen een naam")
    assert shop.counts() == {}
    assert server.asked == []


def test_what_goes_over_the_limit_of_a_run_waits_for_the_next(town: Any, server: KvkServer) -> None:
    shop = town(per_run=6)
    for number in range(5):
        server.add(Company(f"1000000{number}", f"Zaak {number}"))
        shop.organisation(str(number), kvk=f"1000000{number}")
    assert shop.counts() == {"found": 3, "requests": 3, "waiting": 2}
    assert shop.counts() == {"found": 2, "requests": 2}
    assert shop.counts() == {}


def test_the_limit_of_a_month_holds_until_the_next_month(town: Any, server: KvkServer) -> None:
    shop = town(per_month=3, keep="2 weeks")
    for number in range(3):
        server.add(Company(f"1000000{number}", f"Zaak {number}"))
        shop.organisation(str(number), kvk=f"1000000{number}")
    assert shop.counts(MARCH) == {"found": 1, "requests": 1, "waiting": 2}
    assert shop.counts(MARCH + timedelta(days=1)) == {"found": 1, "requests": 1, "waiting": 1}
    assert shop.counts(MARCH + timedelta(days=2)) == {"waiting": 1}
    assert shop.counts(LATER) == {"found": 1, "requests": 1, "waiting": 2}, "what was never asked goes first"


def test_answers_that_came_before_the_register_went_away_are_kept(town: Any, server: KvkServer) -> None:
    shop = town()
    server.add(Company("10000000", "Zaak 0"))
    for number in range(6):
        shop.organisation(str(number), kvk=f"1000000{number}")
    away = (503, {}, {"Retry-After": "0"})
    real = server.answer
    server.answer = lambda target, headers: away if server.asked else real(target, headers)  # type: ignore[method-assign]
    report = shop.run()
    assert report.failures == (f"kvk: {server.url[7:-4]}: the register has no answer now (HTTP 503)",)
    assert len(shop.rows("organisation_profile", "asked")) == 1
    server.answer = real  # type: ignore[method-assign]
    assert shop.counts()["requests"] == 5


def test_questions_that_the_register_never_answers_hold_no_other_up(town: Any, server: KvkServer) -> None:
    shop = town()
    server.add(Company("90000000", "Zaak 9"))
    for number in ("10000000", "10000001", "10000002", "90000000"):
        shop.organisation(number, kvk=number)
    real = server.answer
    away = (503, {}, {"Retry-After": "0"})
    server.answer = lambda target, headers: away if "/1000" in target else real(target, headers)  # type: ignore[method-assign]
    for day in range(4):
        shop.run(MARCH + timedelta(days=day))
    assert shop.rows("organisation_profile", "asked") == [("kvk=90000000",)]


def test_a_refused_key_fails_the_look_up_and_nothing_else(town: Any, server: KvkServer) -> None:
    shop = town(key="wr0ng-s3same")
    shop.organisation("1", kvk="12345678")
    report = shop.run()
    assert len(report.failures) == 1
    assert report.failures[0].startswith("kvk: ")
    assert "check `key`" in report.failures[0]


def test_what_changed_between_two_answers_is_told_to_the_people_with_a_role_there(town: Any, server: KvkServer) -> None:
    shop = town(branches=True)
    company = Company("12345678", "De Kattenbak B.V.")
    server.add(company, Company("87654321", "Onveranderd B.V."))
    shop.organisation("1", "crm:1", "crm:2", kvk="12345678")
    shop.organisation("2", "crm:3", kvk="87654321")
    shop.run()
    assert shop.rows("activity", "type") == [], "the first answer is no change"
    company.name, company.owner, company.employees = "Kat & Co B.V.", "987654329", 12
    company.branches, company.non_mailing = ["000012345678", "000012345679"], "Ja"
    shop.run(LATER)
    told = shop.rows("activity", "record_id", "type", "value", "subject")
    assert [row for row in told if row[0] == "crm:1"] == [
        ("crm:1", "organisation_grown", 7, "Kat & Co B.V."),
        ("crm:1", "organisation_new_branch", 1, "Kat & Co B.V."),
        ("crm:1", "organisation_non_mailing", 1, "Kat & Co B.V."),
        ("crm:1", "organisation_renamed", None, "Kat & Co B.V."),
        ("crm:1", "organisation_taken_over", None, "Kat & Co B.V."),
    ]
    assert {row[0] for row in told} == {"crm:1", "crm:2"}
    assert {row[0] for row in shop.rows("activity", "at")} == {LATER}
    shop.run(LATER)
    assert len(shop.rows("activity", "type")) == len(told), "a signal is told once"
    company.ended = "20260401"
    shop.run(LATER + timedelta(days=31))
    assert ("crm:1", "organisation_ended") in shop.rows("activity", "record_id", "type")


def test_a_project_without_look_ups_has_no_work_here(tmp_path: Path) -> None:
    project = Project(tmp_path, HubFile(name="None"), BUILT_IN, {}, (), {}, {}, {}, {})
    assert pipeline.run(project, MARCH, ["look_up"]).reports == ()


def test_a_run_killed_before_its_answers_were_mapped_asks_nothing_twice(town: Any, server: KvkServer) -> None:
    shop = town()
    server.add(Company("12345678", "De Kattenbak B.V."))
    shop.organisation("1", kvk="12345678")
    with pipeline.workspace(shop.project) as open_workspace:
        pipeline.look_up_connection(open_workspace, shop.project.connections["kvk"], MARCH)
    assert shop.rows("organisation_profile", "asked") == []
    assert shop.counts() == {}
    assert shop.rows("organisation_profile", "asked") == [("kvk=12345678",)]
    assert len(server.asked) == 1
