"""The web shop's stream of events, one Parquet file per month: page views, searches, carts, sign-ups.

A visitor is a cookie until they log in or fill in a form. Forms carry the e-mail address as it was typed.
Accounts made at the till reach the stream from the server: without a cookie.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq

from examples.miaoum.generator.catalogue import DUTCH, Product
from examples.miaoum.generator.newcomers import Newcomer, quiet_start, shop_hours
from examples.miaoum.generator.notation import spell_email
from examples.miaoum.generator.people import Person
from examples.miaoum.generator.truth import Truth

DAYS = 60
SEARCHES = ("brokken", "kattenbak", "hondenmand", "speelgoed", "hooi", "vogelvoer", "anti vlooien")
EVENTS = pa.schema(
    [
        ("event_id", pa.string()),
        ("visitor", pa.string()),
        ("customer_id", pa.int64()),
        ("email", pa.string()),
        ("type", pa.string()),
        ("url", pa.string()),
        ("sku", pa.string()),
        ("search", pa.string()),
        ("consent_text", pa.string()),
        ("at", pa.timestamp("us", "UTC")),
    ]
)


@dataclass(frozen=True)
class WebEvent:
    """One line of the stream, before it has its number."""

    at: datetime
    visitor: str | None
    type: str
    url: str
    customer_id: int | None = None
    email: str | None = None
    sku: str | None = None
    search: str | None = None
    consent_text: str | None = None


def write_web(
    people: list[Person],
    plan: dict[str, Newcomer],
    accounts: dict[str, list[int]],
    products: list[Product],
    until: date,
    rng: Random,
    truth: Truth,
    folder: Path,
) -> None:
    """`events-YYYY-MM.parquet`, ordered by time; event ids count in that order."""
    events: list[WebEvent] = []
    for person in people:
        part = plan.get(person.key)
        account = accounts.get(person.key, [None])[0]
        cookies = [cookie(rng) for _ in range(rng.choice((1, 1, 2)))]
        if part:
            events.extend(sign_up(person, part, account, cookies[0], rng, truth))
        if person.surfs:
            newest = datetime.combine(until, time(20), UTC) if not part else part.triggered_at - timedelta(minutes=5)
            for visitor in cookies:
                # Before they sign up, newcomers are anonymous: their visits attach to them only through the cookie.
                events.extend(visits(person, None if part else account, visitor, products, newest, rng))
                truth.record("web", "visitors", visitor, person.key)
        elif part and not part.at_the_till:
            truth.record("web", "visitors", cookies[0], person.key)
        if person.surfs and not part and person.email and rng.random() < 0.06:
            events.append(early_sign_up(person, cookies[0], until, rng, truth))
    events.extend(strangers(len(people) // 10, products, until, rng))
    events.sort(key=lambda event: (event.at, event.visitor or "", event.type))
    save(events, folder)


def cookie(rng: Random) -> str:
    return f"{rng.getrandbits(64):016x}"


def sign_up(
    person: Person, part: Newcomer, account: int | None, visitor: str, rng: Random, truth: Truth
) -> list[WebEvent]:
    events = []
    seen = None if part.at_the_till else visitor
    typed = spell_email(person.email, rng) if person.email else None
    if part.account_at:
        url = "/kassa" if part.at_the_till else "/account/nieuw"
        events.append(WebEvent(part.account_at, seen, "account_created", url, account, typed or part.typed_email))
    if part.subscribed_at:
        truth.consent(person.key, "email", True, part.subscribed_at, "web")
        events.append(
            WebEvent(
                part.subscribed_at,
                seen,
                "newsletter_subscribed",
                "/nieuwsbrief",
                account,
                typed,
                consent_text="nieuwsbrief-v3",
            )
        )
    return events


def early_sign_up(person: Person, visitor: str, until: date, rng: Random, truth: Truth) -> WebEvent:
    at = shop_hours(quiet_start(until) - timedelta(days=rng.randint(1, 30)), rng)
    truth.consent(person.key, "email", True, at, "web")
    typed = spell_email(person.email or "", rng)
    return WebEvent(at, visitor, "newsletter_subscribed", "/nieuwsbrief", email=typed, consent_text="nieuwsbrief-v3")


def visits(
    person: Person, account: int | None, visitor: str, products: list[Product], newest: datetime, rng: Random
) -> list[WebEvent]:
    """A few visits; customers log in during some of them, from then on the event carries their number."""
    own = [product for product in products if product.species == person.species]
    events = []
    for _ in range(rng.randint(1, 5)):
        at = newest - timedelta(minutes=rng.randint(30, (DAYS - 15) * 24 * 60))
        known = account if account and rng.random() < 0.6 else None
        for _ in range(rng.randint(2, 9)):
            events.append(
                view(at, visitor, known, rng.choice(own) if rng.random() < 0.85 else rng.choice(products), rng)
            )
            at += timedelta(seconds=rng.randint(4, 150))
    return [event for event in events if event.at <= newest]


def view(at: datetime, visitor: str, customer: int | None, product: Product, rng: Random) -> WebEvent:
    page = f"/{DUTCH[product.species]}/{product.sku.lower()}"
    chance = rng.random()
    if chance < 0.12:
        word = rng.choice(SEARCHES)
        return WebEvent(at, visitor, "search", f"/zoeken?q={word.replace(' ', '+')}", customer, search=word)
    if chance < 0.22:
        return WebEvent(at, visitor, "cart", "/winkelwagen", customer, sku=product.sku)
    return WebEvent(at, visitor, "view", page, customer, sku=product.sku)


def strangers(count: int, products: list[Product], until: date, rng: Random) -> list[WebEvent]:
    """Visitors who never say who they are."""
    events = []
    newest = datetime.combine(until, time(20), UTC)
    for _ in range(count):
        visitor = cookie(rng)
        at = newest - timedelta(minutes=rng.randint(30, DAYS * 24 * 60))
        for _ in range(rng.randint(1, 6)):
            events.append(view(at, visitor, None, rng.choice(products), rng))
            at += timedelta(seconds=rng.randint(4, 150))
    return [event for event in events if event.at <= newest]


def save(events: list[WebEvent], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    months: dict[str, list[dict[str, object]]] = {}
    for number, event in enumerate(events, 1):
        row = {"event_id": f"w{number:08d}"} | event.__dict__
        months.setdefault(event.at.strftime("%Y-%m"), []).append(row)
    for month, rows in months.items():
        pq.write_table(pa.Table.from_pylist(rows, EVENTS), folder / f"events-{month}.parquet")
