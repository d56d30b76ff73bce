"""Generate the data of the pet shop Mia(ou)m: 5,000 people as six systems know them, and the answer key for tests.

The same arguments give the same data: nothing here reads a clock. What lies under `truth/` is read by tests only, never
by a connection.
"""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, time
from pathlib import Path
from random import Random

from examples.miaoum.generator.catalogue import make_catalogue
from examples.miaoum.generator.crm import Crm, write_crm
from examples.miaoum.generator.erp import write_erp
from examples.miaoum.generator.mail import write_mail
from examples.miaoum.generator.newcomers import choose_newcomers
from examples.miaoum.generator.notation import crowd_share
from examples.miaoum.generator.people import make_people
from examples.miaoum.generator.registrations import write_registrations
from examples.miaoum.generator.shop import Shop, write_shop
from examples.miaoum.generator.truth import Truth, write_truth
from examples.miaoum.generator.web import write_web

UNTIL = date(2026, 10, 31)


def generate(folder: Path, people: int = 5000, seed: int = 17, until: date = UNTIL) -> None:
    """Write six systems' data as of the evening of a day; an earlier generation in this folder is replaced.

    crm/*.json (served over REST), shop.db (SQLite), erp/*.csv, mail/*.jsonl, events/registrations.xlsx, web/*.parquet,
    truth/*.parquet. Fewer than about 200 people leave too few for every part of the story: a ValueError says so.
    """
    for part in ("crm", "erp", "mail", "events", "web", "truth"):
        shutil.rmtree(folder / part, ignore_errors=True)

    def dice(subject: str) -> Random:
        return Random(f"{seed} {subject}")

    population, plan = choose_newcomers(make_people(people, dice("people"), until), dice("newcomers"), until)
    truth = Truth()
    shop = Shop(make_catalogue(), until, dice("shop"), truth, crowd_share(people))
    write_shop(population, plan, shop, folder / "shop.db")
    write_crm(population, plan, Crm(until, dice("crm"), truth, shop.accounts, crowd_share(people)), folder / "crm")
    write_erp(population, plan, shop.accounts, until, dice("erp"), truth, folder / "erp")
    write_registrations(population, until, dice("events"), truth, folder / "events" / "registrations.xlsx")
    write_web(population, plan, shop.accounts, shop.products, until, dice("web"), truth, folder / "web")
    write_mail(population, plan, until, dice("mail"), truth, folder / "mail")
    write_truth(truth, population, plan, datetime.combine(until, time(23, 59), UTC), folder / "truth")
