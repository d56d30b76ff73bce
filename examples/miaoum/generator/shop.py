"""The webshop's database: customers, products, orders (guests too), carts, as SQLite.

Totals are text, because the shop's extensions wrote them in several notations over the years: `12,50`, `12.50`,
`1.234,56 EUR`.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random

from examples.miaoum.generator.catalogue import DUTCH, Product
from examples.miaoum.generator.newcomers import Newcomer, quiet_start, shop_hours, window_start
from examples.miaoum.generator.notation import (
    CROWD_PHONE,
    FALSE_PHONES,
    dutch_amount,
    dutch_date,
    mistype,
    spell_email,
    spell_phone,
    sql_time,
)
from examples.miaoum.generator.people import Address, Person
from examples.miaoum.generator.truth import Truth

SCHEMA = """
create table customers (
    id integer primary key, email text, first_name text, last_name text, gender text, dob text, phone text,
    mobile text, street text, house_number text, postcode text, city text, country text, pet text,
    newsletter integer not null, newsletter_at datetime, created_via text not null,
    created_at datetime not null, updated_at datetime not null
);
create table products (
    sku text primary key, name text not null, category text not null, species text not null, pack_size text,
    price text not null, updated_at datetime not null
);
create table orders (
    order_no integer primary key, customer_id integer, billing_email text, billing_first_name text,
    billing_last_name text, billing_phone text, billing_street text, billing_house_number text,
    billing_postcode text, billing_city text, billing_country text, status text not null, total_incl text,
    created_at datetime not null, updated_at datetime not null
);
create table order_lines (
    id integer primary key, order_no integer not null, sku text not null, quantity integer not null,
    unit_price text not null, updated_at datetime not null
);
create table carts (
    id integer primary key, customer_id integer, status text not null, created_at datetime not null,
    updated_at datetime not null
);
create table cart_lines (
    id integer primary key, cart_id integer not null, sku text not null, quantity integer not null,
    updated_at datetime not null
);
"""


@dataclass
class Shop:
    """The shop while it is being filled: rows by table, and the customer numbers each person got."""

    products: list[Product]
    until: date
    rng: Random
    truth: Truth
    crowd: float
    accounts: dict[str, list[int]] = field(default_factory=dict)
    rows: dict[str, list[tuple]] = field(default_factory=dict)

    @property
    def end(self) -> datetime:
        return datetime.combine(self.until, time(21), UTC)

    def add(self, table: str, *row: object) -> None:
        self.rows.setdefault(table, []).append(row)

    def next_number(self, table: str, first: int) -> int:
        return first + len(self.rows.get(table, ()))


def write_shop(people: list[Person], plan: dict[str, Newcomer], shop: Shop, path: Path) -> None:
    """Fill the shop with what these people did, and write it as a SQLite database."""
    for product in shop.products:
        price = f"{product.price / 100:.2f}"
        shop.add(
            "products",
            product.sku,
            product.name,
            product.category,
            product.species,
            product.pack_size,
            price,
            "2024-01-02 08:00:00",
        )
    for person in people:
        part = plan.get(person.key)
        moments = ordering_moments(shop, person, part)
        open_accounts(shop, person, part, moments)
        for moment in moments:
            place_order(shop, person, part, moment)
        if person.key in shop.accounts and not part and shop.rng.random() < 0.1:
            leave_cart(shop, person)
    test_orders(shop, max(3, len(people) // 80))
    test_accounts(shop, max(2, len(people) // 250))
    save(shop, path)


def ordering_moments(shop: Shop, person: Person, part: Newcomer | None) -> list[datetime]:
    """When a person ordered. Of the newcomers only those who play that part order after their sign-up."""
    if part and part.ordered_at:
        return [part.ordered_at]
    if not person.buys:
        return []
    moments = order_moments(shop)
    return [moment for moment in moments if moment < window_start(shop.until)] if part else moments


def order_moments(shop: Shop) -> list[datetime]:
    """A customer's own rhythm: every so many weeks, some stopped a while or more than a year ago."""
    rng = shop.rng
    count = rng.choices((1, 2, rng.randint(3, 6), rng.randint(7, 20)), (30, 18, 32, 20))[0]
    rhythm = rng.choice((14, 21, 28, 35, 45, 60, 90))
    state = rng.random()
    quiet = (
        rng.randint(0, rhythm)
        if state < 0.7
        else rng.randint(rhythm * 2, 360)
        if state < 0.85
        else rng.randint(366, 700)
    )
    moments = []
    day = shop.end - timedelta(days=quiet)
    for _ in range(count):
        moments.append(shop_hours(day, rng))
        day -= timedelta(days=max(3, round(rhythm * rng.uniform(0.7, 1.3))))
    return sorted(moments)


def open_accounts(shop: Shop, person: Person, part: Newcomer | None, moments: list[datetime]) -> None:
    rng, truth = shop.rng, shop.truth
    for number in range(person.accounts):
        key = shop.next_number("customers", 20001)
        shop.accounts.setdefault(person.key, []).append(key)
        limit = quiet_start(shop.until)
        if part:
            created = part.account_at or part.triggered_at
        elif moments and number == 0 and rng.random() < 0.7:
            created = min(moments[0], limit) - timedelta(minutes=rng.randint(2, 9))
        else:
            created = shop_hours(limit - timedelta(days=rng.randint(1, 900)), rng)
        subscribed, newsletter_at = newsletter(shop, person, part, created)
        email = part.typed_email if part and part.typed_email else person.email
        if number and email:
            email = person.second_email or email.upper()
        elif email and not (part and part.typed_email):
            email = spell_email(email, rng)
        first, last = person.given, person.full_surname
        if not part:
            first, last = write_name(shop, first, last, key)
        via = "till" if part and part.at_the_till else "web"
        street, house, postcode, town = write_address(person.address, rng)
        shop.add(
            "customers",
            key,
            email,
            first,
            last,
            {"F": "v", "M": "m", "": ""}[person.gender] if rng.random() < 0.8 else None,
            write_birth(shop, person, part, key),
            spell_phone(person.landline, rng) if person.landline and rng.random() < 0.5 else None,
            write_mobile(shop, person, part, key),
            street,
            house,
            postcode,
            town,
            person.address.country,
            DUTCH[person.species] if rng.random() < 0.5 else rng.choice((None, "onbekend")),
            int(subscribed),
            sql_time(newsletter_at) if newsletter_at else None,
            via,
            sql_time(created),
            sql_time(max(created, newsletter_at) if newsletter_at else created),
        )
        truth.record("shop", "customers", str(key), person.key)


def newsletter(shop: Shop, person: Person, part: Newcomer | None, created: datetime) -> tuple[bool, datetime | None]:
    """The state of the newsletter box (never ticked, ticked, cleared again) and when it last changed."""
    rng = shop.rng
    if part:
        if part.subscribed_at:
            shop.truth.consent(person.key, "email", True, part.subscribed_at, "shop")
        return bool(part.subscribed_at), part.subscribed_at
    chance = rng.random()
    if chance < 0.45:
        return False, None
    if chance < 0.93:
        shop.truth.consent(person.key, "email", True, created, "shop")
        return True, created
    cleared = min(created + timedelta(days=rng.randint(10, 200)), quiet_start(shop.until) - timedelta(hours=1))
    cleared = max(cleared, created)
    shop.truth.consent(person.key, "email", False, cleared, "shop")
    return False, cleared


def write_name(shop: Shop, first: str, last: str, key: int) -> tuple[str, str]:
    rng = shop.rng
    chance = rng.random()
    if chance < 0.03:
        return first, mistype(last, rng)
    if chance < 0.05:
        return first.lower(), last.lower()
    if chance < 0.06:
        return f"{first[0]}.", last
    if chance < 0.07:
        value = rng.choice(("", ".", "onbekend"))
        shop.truth.false_value("shop", "customers", str(key), "last_name", value, "no surname")
        return first, value
    return first, last


def write_birth(shop: Shop, person: Person, part: Newcomer | None, key: int) -> str | None:
    rng = shop.rng
    if part:
        return dutch_date(person.born) if part.kind == "under_16" or rng.random() < 0.4 else None
    chance = rng.random()
    if chance < 0.02:
        value = rng.choice(("00-00-0000", "31-02-1985", "30-02-1990", "onbekend"))
        shop.truth.false_value("shop", "customers", str(key), "dob", value, "no such date")
        return value
    return dutch_date(person.born) if chance < 0.5 else None


def write_mobile(shop: Shop, person: Person, part: Newcomer | None, key: int) -> str | None:
    rng = shop.rng
    if part:
        if part.at_the_till:
            return spell_phone(person.mobile, rng) if person.mobile else None
        return spell_phone(person.mobile, rng) if person.mobile and rng.random() < 0.5 else None
    chance = rng.random()
    if chance < 0.02:
        value = rng.choice(FALSE_PHONES)
        shop.truth.false_value("shop", "customers", str(key), "mobile", value, "no such number")
        return value
    if chance < 0.02 + shop.crowd:
        shop.truth.false_value("shop", "customers", str(key), "mobile", CROWD_PHONE, "nobody's number")
        return CROWD_PHONE
    return spell_phone(person.mobile, rng) if person.mobile and chance < 0.8 else None


def write_address(address: Address, rng: Random) -> tuple[str, str, str, str]:
    """Street, house number with what follows it, postcode and town, as a customer fills them in."""
    house = str(address.number)
    if address.box:
        house += rng.choice((f" bus {address.box}", f" bte {address.box}", f"/{address.box}"))
    elif address.letter:
        house += rng.choice((address.letter, f" {address.letter}", address.letter.upper()))
    elif address.addition:
        house += rng.choice((f"-{address.addition}", f" {address.addition}"))
    postcode = address.postcode
    if address.country == "NL":
        postcode = rng.choice((postcode, f"{postcode[:4]} {postcode[4:]}", f"{postcode[:4]} {postcode[4:].lower()}"))
    return address.street, house, postcode, address.city if rng.random() < 0.93 else address.city.upper()


def place_order(shop: Shop, person: Person, part: Newcomer | None, moment: datetime) -> None:
    rng, truth = shop.rng, shop.truth
    number = shop.next_number("orders", 700001)
    accounts = [] if part and not part.ordered_at else shop.accounts.get(person.key, [])
    guest = not accounts or rng.random() < 0.05
    if guest and not (person.email or person.second_email):
        billing_email = None
    else:
        billing_email = spell_email(person.email or "", rng) or None
        if person.second_email and rng.random() < 0.2:
            billing_email = spell_email(person.second_email, rng)
    total, liked = add_lines(shop, person, number, moment)
    status = "P" if part else rng.choices(("P", "C", "R"), (93, 4, 3))[0]
    written, cents = write_total(shop, total, number, clean=part is not None)
    street, house, postcode, town = write_address(person.address, rng)
    phone = spell_phone(person.mobile, rng) if person.mobile and rng.random() < 0.6 else None
    shop.add(
        "orders",
        number,
        None if guest else rng.choice(accounts),
        billing_email,
        person.given,
        person.full_surname,
        phone,
        street,
        house,
        postcode,
        town,
        person.address.country,
        status,
        written,
        sql_time(moment),
        sql_time(min(max(shop.end, moment), moment + timedelta(hours=rng.randint(1, 50)))),
    )
    truth.record("shop", "orders", str(number), person.key)
    truth.orders.append((str(number), person.key, status, cents, moment))
    if cents is not None:
        truth.quantities[person.key].update(liked)


def add_lines(shop: Shop, person: Person, number: int, moment: datetime) -> tuple[int, dict[str, int]]:
    rng = shop.rng
    total = 0
    liked: dict[str, int] = {}
    for _ in range(rng.choices((1, 2, 3, 5), (35, 35, 20, 10))[0]):
        own = [product for product in shop.products if product.species == person.species]
        product = rng.choice(own) if rng.random() < 0.9 else rng.choice(shop.products)
        quantity = rng.choices((1, 2, 4, 25), (70, 20, 9.4, 0.6))[0]
        total += product.price * quantity
        liked[product.species] = liked.get(product.species, 0) + quantity
        line = shop.next_number("order_lines", 1)
        shop.add("order_lines", line, number, product.sku, quantity, f"{product.price / 100:.2f}", sql_time(moment))
    return total, liked


def write_total(shop: Shop, cents: int, number: int, clean: bool) -> tuple[str | None, int | None]:
    rng = shop.rng
    if not clean and rng.random() < 0.002:
        value = rng.choice(("n.v.t.", f"-{dutch_amount(cents)}", "gratis"))
        shop.truth.false_value("shop", "orders", str(number), "total_incl", value, "no such amount")
        return value, None
    plain = dutch_amount(cents)
    forms = (plain, plain, f"{cents / 100:.2f}", f"{plain} EUR", f"€ {plain}")
    return rng.choices(forms, (40, 20, 34, 3, 3))[0], cents


def leave_cart(shop: Shop, person: Person) -> None:
    rng = shop.rng
    cart = shop.next_number("carts", 1)
    moment = shop_hours(shop.end - timedelta(days=rng.randint(0, 20)), rng)
    status = rng.choice(("open", "open", "ordered"))
    shop.add("carts", cart, shop.accounts[person.key][0], status, sql_time(moment), sql_time(moment))
    for _ in range(rng.randint(1, 3)):
        product = rng.choice(shop.products)
        shop.add(
            "cart_lines", shop.next_number("cart_lines", 1), cart, product.sku, rng.randint(1, 2), sql_time(moment)
        )


def test_orders(shop: Shop, count: int) -> None:
    """What the shop's own staff ordered to try the checkout."""
    rng = shop.rng
    for _ in range(count):
        number = shop.next_number("orders", 700001)
        moment = shop_hours(shop.end - timedelta(days=rng.randint(1, 600)), rng)
        shop.add(
            "orders",
            number,
            None,
            "test@test.nl",
            "Test",
            "Test",
            "0000000000",
            "Teststraat",
            "1",
            "1234 AB",
            "Testdorp",
            "NL",
            "test",
            "0,01",
            sql_time(moment),
            sql_time(moment),
        )
        shop.truth.record("shop", "orders", str(number), None)


def test_accounts(shop: Shop, count: int) -> None:
    rng = shop.rng
    for _ in range(count):
        key = shop.next_number("customers", 20001)
        moment = sql_time(shop_hours(quiet_start(shop.until) - timedelta(days=rng.randint(1, 600)), rng))
        shop.add(
            "customers",
            key,
            "test@test.nl",
            "Test",
            "Test",
            None,
            "01-01-1900",
            None,
            "0000000000",
            "Teststraat",
            "1",
            "1234 AB",
            "Testdorp",
            "NL",
            None,
            0,
            None,
            "web",
            moment,
            moment,
        )
        shop.truth.record("shop", "customers", str(key), None)
        shop.truth.false_value("shop", "customers", str(key), "email", "test@test.nl", "nobody's address")


def save(shop: Shop, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as database:
        database.executescript(SCHEMA)
        for table, rows in shop.rows.items():
            marks = ", ".join("?" * len(rows[0]))
            database.executemany(f"insert into {table} values ({marks})", rows)
    database.close()
