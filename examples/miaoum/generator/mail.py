"""What the e-mail tool of the past counted per address: JSON Lines, one file per campaign."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random

from examples.miaoum.generator.newcomers import Newcomer, quiet_start
from examples.miaoum.generator.notation import iso
from examples.miaoum.generator.people import Person
from examples.miaoum.generator.truth import Truth

#: campaign, days before `until`, pages a reader may click to
CAMPAIGNS: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    ("winteractie", 300, ("/kat/brokken", "/hond/manden")),
    ("voorjaarskuur", 230, ("/hond/verzorging", "/kat/verzorging")),
    ("vakantiepension", 140, ("/advies/vakantie", "/workshops")),
    ("dierendag", 27, ("/dierendag", "/kat/snacks", "/hond/snacks")),
    ("herfstvoordeel", 4, ("/acties", "/knaagdier/bodembedekking", "/vogel/brokken")),
)


def write_mail(
    people: list[Person], plan: dict[str, Newcomer], until: date, rng: Random, truth: Truth, folder: Path
) -> None:
    """`events-<campaign>.jsonl`: a campaign goes to those who agreed to e-mail by then.

    Unusable addresses bounce with 5.1.1, an unsubscribe ends it for the next campaigns; of the newcomers only those who
    unsubscribe by mail get the last campaign.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    for campaign, days, pages in CAMPAIGNS:
        sent_at = datetime.combine(until - timedelta(days=days), time(9), UTC)
        agreed = truth.consenting("email", sent_at)
        with (folder / f"events-{campaign}.jsonl").open("w", encoding="utf-8", newline="\n") as stream:
            for person in people:
                part = plan.get(person.key)
                leaves = part is not None and part.kind == "withdrawn_by_mail" and days < 10
                if person.email is None or person.key not in agreed or (part and not leaves):
                    continue
                for kind, after, extra in reactions(leaves, pages, sent_at < quiet_start(until), rng):
                    number += 1
                    at = (
                        part.withdrawn_at
                        if leaves and part and part.withdrawn_at and kind == "unsubscribe"
                        else sent_at + after
                    )
                    if kind == "unsubscribe":
                        truth.consent(person.key, "email", False, at, "mail")
                    event = {
                        "event_id": f"ev-{number:07d}",
                        "type": kind,
                        "email": person.email,
                        "campaign": campaign,
                        "at": iso(at),
                    }
                    stream.write(json.dumps(event | extra, ensure_ascii=False) + "\n")
                truth.record("mail", campaign, person.email, person.key)


def reactions(
    leaves: bool, pages: tuple[str, ...], settled: bool, rng: Random
) -> Iterator[tuple[str, timedelta, dict[str, str]]]:
    """One recipient's events, with the time since sending; in the last days only the planned ones unsubscribe."""
    yield "sent", timedelta(), {}
    if leaves:
        yield "open", timedelta(hours=3), {}
        yield "unsubscribe", timedelta(hours=4), {}
        return
    chance = rng.random()
    if chance < 0.012:
        yield "bounce", timedelta(seconds=rng.randint(2, 90)), {"code": "5.1.1", "bounce": "hard"}
        return
    if chance < 0.02:
        yield "bounce", timedelta(seconds=rng.randint(2, 90)), {"code": "4.2.2", "bounce": "soft"}
        return
    if chance < 0.45:
        opened = timedelta(minutes=rng.randint(1, 3000))
        yield "open", opened, {}
        if rng.random() < 0.3:
            url = f"https://www.miaoum.example{rng.choice(pages)}?utm_source=mail"
            yield "click", opened + timedelta(seconds=rng.randint(5, 300)), {"url": url}
        if settled and rng.random() < 0.02:
            yield "unsubscribe", opened + timedelta(seconds=rng.randint(30, 600)), {}
