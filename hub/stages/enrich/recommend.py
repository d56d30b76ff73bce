"""Recommend: products for each person, from what others bought and viewed; each with its reason.

    bought together       in one order with one of the products that the person bought last
    also viewed           by people who viewed one of the products that the person viewed last; new to the person
    favourite category    bought by most people, of the category that the person buys most

Each way starts from products or a category of the person, and reads down the lists of these: what most people did comes
first, then the shop's name and the product's key. The first way that the project names goes first; within a way the
first of each list, that of what the person did last before others, then the second of each. Only products that are
offered and that meet `products:` count; what the person bought is left out.

Lists are counted anew, people are not: who did nothing new, and reads the same as before, keeps what they have
(`recommended_before`). How many people stand behind it is told anew where only that differs. Together that comes to the
same as looking at everybody. Orders and viewers with a great many products say little about any two, and are cut.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.expressions import compile_condition
from hub.people.built_in import NOT_COUNTING
from hub.people.recommendations import product_scope
from hub.project import Project
from hub.project.recommendations import RecommendationsFile, Way
from hub.stages.enrich.recommended_before import Before, marked
from hub.warehouse import Transaction
from hub.warehouse.digest import digest

LARGEST_ORDER = 50
"""Products in one order; larger ones are left out."""
LATEST_VIEWS = 10
"""The products that somebody viewed last; what they viewed before says nothing."""
STARTING_POINTS = 3
"""The products that a person bought, or viewed, last: from these the search starts."""
LONGEST_LIST = 10
"""The best of those that go with a product, or are in a category."""
NEXT = STARTING_POINTS + 1
"""So far apart is what stands at one place of a person's lists and at the next; what they did last (1) comes first."""
NEXT_WAY = 1 + LONGEST_LIST
"""So many places down, the next way begins."""
TOLD = ("connection", "product_key", "way", "because", "because_key", "people", "reason")
"""What is told of a product that is recommended."""


def keep_recommendations(transaction: Transaction, project: Project, as_of: datetime) -> int:
    """Make the table `recommendation` hold what suits each person now; who is not touched by news is left as they are.

    Returns how many there are. Without a recommendations.yaml there are none.
    """
    kept = transaction.table("recommendation")
    if project.recommendations is None:
        Before(transaction, None).forget()
        return 0
    found = _Recommending(transaction, project, project.recommendations, as_of).found()
    if found is not None:
        _keep(transaction, *found)
    return transaction.count(kept)


def _keep(transaction: Transaction, touched: sa.TableClause, found: sa.TableClause, told: sa.TableClause) -> None:
    """Give the touched (person_id) what was found for them, and tell everybody's anew where what is told differs."""
    kept = transaction.table("recommendation")
    same = sa.and_(found.c.person_id == kept.c.person_id, found.c.rank == kept.c.rank)
    mine = kept.c.person_id.in_(sa.select(touched.c.person_id))
    transaction.execute(sa.delete(kept).where(mine, ~sa.exists().where(same)))
    transaction.merge(kept, found)
    by = [kept.c[name] == told.c[name] for name in ("way", "connection", "because_key", "product_key")]
    said = {name: told.c[name] for name in ("because", "people", "reason")}
    differs = sa.or_(*(kept.c[name].is_distinct_from(value) for name, value in said.items()))
    transaction.execute(sa.update(kept).values(**said).where(*by, differs))


def recommended_from(transaction: Transaction, project: Project) -> list[sa.ColumnElement[datetime]]:
    """Give the times of what recommendations are made from; none where they are off."""
    if project.recommendations is None:
        return []
    return [transaction.table("order_line").c.ordered_at, transaction.table("web_event").c["at"]]


@dataclass(frozen=True)
class _Way:
    """Where people start by one way, and what they find there.

    `known`: number, connection, key, name of the products or categories that have lists. `start`: person_id, start (a
    number of these), newest (from 1). `lists`: start, number (a product's), place (from 1; those of the second way
    follow those of the first), people. `seen`: person_id, number of what is not new to the person, if that counts.
    """

    known: sa.Subquery
    start: sa.TableClause
    lists: sa.TableClause
    seen: sa.TableClause | None = None


@dataclass(frozen=True)
class _Recommending:
    """Products and categories go by numbers of their own within one run: these are joined faster than keys."""

    transaction: Transaction
    project: Project
    asked: RecommendationsFile
    as_of: datetime

    def found(self) -> tuple[sa.TableClause, sa.TableClause, sa.TableClause] | None:
        """Hold whose recommendations may have changed (person_id), what they have now, and what is told of each.

        None where everything is as it was.
        """
        hold = self.transaction.hold
        product = hold("product_known", self._products())
        bought = hold("product_bought", self._bought(product))
        viewed = hold("product_viewed", self._viewed(product))
        people = hold("person_now", self._people(product, bought, viewed))
        before = Before(self.transaction, self.asked)
        if not before.differ(people, product):
            return None
        ways = self._ways(product, bought, viewed)
        told = hold("list_told", sa.union_all(*(_told(name, way, product) for name, way in ways.items())))
        of_list = (told.c.way, told.c.connection, told.c.because_key.label("name"))
        lists = hold("list_now", sa.select(*of_list, told.c.place, told.c.product_key))
        touched = before.touched(people, lists, [_starts(name, way) for name, way in ways.items()], NEXT)
        had = hold("product_had", self._had(bought, touched))
        chosen: list[sa.TableClause] = []
        for name, way in ways.items():
            chosen.append(hold(f"chosen_{name}", self._chosen(way, touched, had, chosen)))
        ranked = hold("recommended_in_order", self._ranked(chosen))
        before.keep(people, product, lists, hold("recommended_read", self._read(people, touched, ranked)), self.as_of)
        return touched, hold("recommended", _with_told(ranked, told)), told

    # what people did

    def _people(self, product: sa.TableClause, bought: sa.TableClause, viewed: sa.TableClause) -> sa.Select[Any]:
        """Select a number for all that a person did: person_id, mark. What falls out of a window changes it."""
        lately, again = self._since, self.asked.again_after
        windows = [lately] if again is None else [lately, self._ago(again)]
        inside = [sa.case((bought.c["at"] >= since, 1), else_=0) for since in windows]
        did = ((bought, [sa.extract("epoch", bought.c["at"]), bought.c.basket, *inside]), (viewed, [viewed.c.newest]))
        rows = sa.union_all(
            *(
                sa.select(
                    table.c.person_id, digest(sa.literal(table.name), product.c.mark, *values).label("row")
                ).join_from(table, product, product.c.number == table.c.number)
                for table, values in did
            )
        ).subquery("did")
        return sa.select(rows.c.person_id, marked(rows.c.row).label("mark")).group_by(rows.c.person_id)

    @property
    def _since(self) -> datetime:
        return self._ago(self.asked.within)

    def _ago(self, length: timedelta) -> datetime:
        """Give the start of a day so long ago, in the project's time zone: one day has one answer."""
        now = self.as_of.astimezone(ZoneInfo(self.project.hub.timezone))
        return (now.replace(hour=0, minute=0, second=0, microsecond=0) - length).astimezone(UTC)

    def _products(self) -> sa.Select[Any]:
        """Select the products: number, connection, product_key, name, category, offered, mark, told, family."""
        product = self.transaction.table("product")
        whole = product.alias("whole")
        of_whole = sa.and_(whole.c.connection == product.c.connection, whole.c.source_key == product.c.variant_of)
        offered = sa.and_(*(sa.func.coalesce(it.c.offered, sa.true()) for it in (product, whole)))
        if self.asked.products is not None:
            condition = compile_condition(self.asked.products, product_scope(self.project, self.as_of)).element
            offered = sa.and_(offered, sa.func.coalesce(condition, sa.false()))
        key = [product.c.connection, product.c.source_key]
        name, category = (
            sa.func.coalesce(product.c.name, product.c.source_key),
            sa.func.coalesce(product.c.category, ""),
        )
        rows = (
            sa.select(
                sa.func.row_number().over(order_by=key).label("number"),
                product.c.connection,
                product.c.source_key.label("product_key"),
                name.label("name"),
                product.c.category,
                offered.label("offered"),
                digest(*key, category).label("mark"),
                digest(*key, category, name, sa.cast(offered, sa.Text())).label("told"),
            )
            .outerjoin_from(product, whole, of_whole)
            .subquery("numbered")
        )
        family = sa.func.dense_rank().over(order_by=[rows.c.connection, rows.c.category])
        return sa.select(*rows.c, sa.case((rows.c.category.is_not(None), family)).label("family"))

    def _bought(self, product: sa.TableClause) -> sa.Select[Any]:
        """Select what people bought, a row per product and order: person_id, number, basket (the order), at."""
        line, order, record = (self.transaction.table(name) for name in ("order_line", "sales_order", "source_record"))
        of_order = sa.and_(order.c.connection == line.c.connection, order.c.source_key == line.c.order_key)
        known = sa.and_(product.c.connection == line.c.connection, product.c.product_key == line.c.product_key)
        at = sa.func.coalesce(line.c.ordered_at, order.c.ordered_at)
        basket = digest(line.c.connection, sa.func.coalesce(line.c.order_key, line.c.source_key))
        rows = (
            sa.select(record.c.person_id, product.c.number, basket.label("basket"), at.label("at"))
            .select_from(
                line.join(record, record.c.record_id == line.c.record_id)
                .join(product, known)
                .outerjoin(order, of_order)
            )
            .where(
                record.c.person_id.is_not(None),
                at <= self.as_of,
                sa.or_(order.c.status.is_(None), order.c.status.not_in(NOT_COUNTING)),
            )
            .subquery("line_bought")
        )
        group = (rows.c.person_id, rows.c.number, rows.c.basket)
        return sa.select(*group, sa.func.max(rows.c["at"]).label("at")).group_by(*group)

    def _viewed(self, product: sa.TableClause) -> sa.Select[Any]:
        """Select the products that each person viewed last: person_id, number, newest (their place, from 1)."""
        event, record = self.transaction.table("web_event"), self.transaction.table("source_record")
        known = sa.and_(product.c.connection == event.c.connection, product.c.product_key == event.c.product_key)
        seen = (
            sa.select(record.c.person_id, product.c.number, sa.func.max(event.c["at"]).label("at"))
            .select_from(event.join(record, record.c.record_id == event.c.record_id).join(product, known))
            .where(record.c.person_id.is_not(None), event.c["at"].between(self._since, self.as_of))
            .where(sa.literal("also_viewed" in self.asked.by))
            .group_by(record.c.person_id, product.c.number)
            .subquery("seen")
        )
        return _newest(seen, LATEST_VIEWS)

    def _had(self, bought: sa.TableClause, touched: sa.TableClause) -> sa.Select[Any]:
        """Select what is not recommended to the touched, since they bought it: person_id, number."""
        mine: list[sa.ColumnElement[bool]] = [bought.c.person_id.in_(sa.select(touched.c.person_id))]
        if self.asked.again_after is not None:
            mine.append(bought.c["at"] >= self._ago(self.asked.again_after))
        return sa.select(bought.c.person_id, bought.c.number).where(*mine).distinct()

    # the three ways

    def _ways(self, product: sa.TableClause, bought: sa.TableClause, viewed: sa.TableClause) -> dict[Way, _Way]:
        """Count the lists of each way that the project names, and find where people start."""
        lately = self.transaction.hold("bought_lately", sa.select(*bought.c).where(bought.c["at"] >= self._since))
        makers: Mapping[Way, Callable[[int], _Way]] = {
            "bought_together": lambda after: self._bought_together(product, lately, after),
            "also_viewed": lambda after: self._also_viewed(product, viewed, after),
            "favourite_category": lambda after: self._of_favourite_category(product, lately, after),
        }
        return {name: makers[name](number * NEXT_WAY) for number, name in enumerate(self.asked.by)}

    def _bought_together(self, product: sa.TableClause, lately: sa.TableClause, after: int) -> _Way:
        order = [lately.c.person_id, lately.c.basket]
        several = (
            sa.select(*order).group_by(*order).having(sa.func.count().between(2, LARGEST_ORDER)).subquery("several")
        )
        of_several = sa.and_(*(lately.c[column.name] == column for column in several.c))
        columns = (lately.c.person_id, lately.c.number, lately.c.basket)
        basket = self.transaction.hold("basket", sa.select(*columns).join_from(lately, several, of_several))
        other = basket.alias("other")
        pair = sa.and_(basket.c.person_id == other.c.person_id, basket.c.basket == other.c.basket)
        last = sa.select(lately.c.person_id, lately.c.number, sa.func.max(lately.c["at"]).label("at"))
        last = last.group_by(lately.c.person_id, lately.c.number)
        # who buys two things together each month is one person all the same
        pairs = _pairs(basket, other, pair).add_columns(basket.c.person_id).distinct()
        start = self.transaction.hold("start_bought", _start(_newest(last.subquery("last_bought"), STARTING_POINTS)))
        return _Way(_products_known(product), start, self._lists("bought_with", pairs, product, after))

    def _also_viewed(self, product: sa.TableClause, viewed: sa.TableClause, after: int) -> _Way:
        other = viewed.alias("other")
        pairs = _pairs(viewed, other, viewed.c.person_id == other.c.person_id)
        last = sa.select(*viewed.c).where(viewed.c.newest <= STARTING_POINTS)
        start = self.transaction.hold("start_viewed", _start(last))
        return _Way(_products_known(product), start, self._lists("viewed_with", pairs, product, after), viewed)

    def _lists(self, name: str, pairs: sa.Select[Any], product: sa.TableClause, after: int) -> sa.TableClause:
        """Hold what goes with each product: start, number, place, people. Each pair of products comes once a person."""
        each = pairs.subquery("pair")
        counted = self.transaction.hold(
            f"{name}_counted",
            sa.select(each.c.low, each.c.high, sa.func.count().label("people"))
            .group_by(each.c.low, each.c.high)
            .having(sa.func.count() >= self.asked.least),
        )
        both = sa.union_all(
            sa.select(counted.c.low.label("start"), counted.c.high.label("number"), counted.c.people),
            sa.select(counted.c.high, counted.c.low, counted.c.people),
        ).subquery("both")
        mine, its = product.alias("mine"), product.alias("its")
        rows = (
            sa.select(*both.c)
            .join_from(both, mine, mine.c.number == both.c.start)
            .join(its, its.c.number == both.c.number)
            .where(its.c.offered, its.c.connection == mine.c.connection)
        )
        return self.transaction.hold(name, _best(rows.subquery("going_with"), after))

    def _of_favourite_category(self, product: sa.TableClause, lately: sa.TableClause, after: int) -> _Way:
        rows = self.transaction.hold(
            "bought_of_category",
            sa.select(lately.c.person_id, lately.c.number, lately.c["at"], product.c.family, product.c.offered)
            .join_from(lately, product, product.c.number == lately.c.number)
            .where(product.c.family.is_not(None)),
        )
        columns = (rows.c.person_id, rows.c.family)
        favour = sa.func.row_number().over(
            partition_by=rows.c.person_id,
            order_by=[sa.func.count().desc(), sa.func.max(rows.c["at"]).desc(), rows.c.family],
        )
        favoured = sa.select(*columns, favour.label("place")).group_by(*columns).subquery("favoured")
        one: sa.Label[int] = sa.literal_column("1").label("newest")
        best = sa.select(favoured.c.person_id, favoured.c.family.label("start"), one).where(favoured.c.place == 1)
        people = sa.func.count(rows.c.person_id.distinct())
        popular = (
            sa.select(rows.c.family.label("start"), rows.c.number, people.label("people"))
            .where(rows.c.offered)
            .group_by(rows.c.family, rows.c.number)
            .having(people >= self.asked.least)
        )
        category = product.c.category
        known = sa.select(product.c.family.label("number"), product.c.connection, category.label("key"))
        known = known.add_columns(category.label("name")).where(product.c.family.is_not(None)).distinct()
        start = self.transaction.hold("start_category", best)
        lists = self.transaction.hold("popular_of", _best(popular.subquery("popular"), after))
        return _Way(known.subquery("category_known"), start, lists)

    # the choice

    def _chosen(
        self, way: _Way, touched: sa.TableClause, had: sa.TableClause, earlier: list[sa.TableClause]
    ) -> sa.Select[Any]:
        """Select the best by one way, for who has too few by earlier ones: person_id, number, start, place, order."""
        start, lists = way.start, way.lists
        rows = (
            sa.select(start.c.person_id, lists.c.number, (lists.c.place * NEXT + start.c.newest).label("order"))
            .join_from(start, lists, lists.c.start == start.c.start)
            .where(start.c.person_id.in_(sa.select(touched.c.person_id)))
        )
        if earlier:
            so_far = sa.union_all(*(sa.select(it.c.person_id) for it in earlier)).subquery("so_far")
            enough = sa.select(so_far.c.person_id).group_by(so_far.c.person_id)
            rows = rows.where(start.c.person_id.not_in(enough.having(sa.func.count() >= self.asked.at_most)))
        for known in (had, *earlier, *([way.seen] if way.seen is not None else [])):
            same = sa.and_(known.c.person_id == start.c.person_id, known.c.number == lists.c.number)
            rows = rows.where(~sa.exists().where(same))
        candidate = rows.subquery("candidate")
        whose = (candidate.c.person_id, candidate.c.number)
        once = sa.select(*whose, sa.func.min(candidate.c.order).label("order")).group_by(*whose).subquery("once")
        rank = sa.func.row_number().over(partition_by=once.c.person_id, order_by=once.c.order)
        best = sa.select(*once.c, rank.label("rank")).subquery("best")
        newest = best.c.order % NEXT
        begun = sa.and_(start.c.person_id == best.c.person_id, start.c.newest == newest)
        columns = (best.c.person_id, best.c.number, best.c.order, (best.c.order - newest).label("place_times"))
        return sa.select(*columns, start.c.start).join_from(best, start, begun).where(best.c.rank <= self.asked.at_most)

    def _ranked(self, chosen: list[sa.TableClause]) -> sa.Select[Any]:
        """Select each person's best of all ways: person_id, rank, start, order, place_times."""
        together = sa.union_all(*(sa.select(*it.c) for it in chosen)).subquery("together")
        rank = sa.func.row_number().over(partition_by=together.c.person_id, order_by=together.c.order)
        ranked = sa.select(*together.c, rank.label("rank")).subquery("ranked")
        columns = (ranked.c.person_id, ranked.c.rank, ranked.c.start, ranked.c.order, ranked.c.place_times)
        return sa.select(*columns).where(ranked.c.rank <= self.asked.at_most)

    def _read(self, people: sa.TableClause, touched: sa.TableClause, ranked: sa.TableClause) -> sa.Select[Any]:
        """Select how far the touched have read: person_id, read; null for who read to the end and has too few."""
        last = sa.and_(ranked.c.person_id == people.c.person_id, ranked.c.rank == self.asked.at_most)
        return (
            sa.select(people.c.person_id, ranked.c.order.label("read"))
            .select_from(people.outerjoin(ranked, last))
            .where(people.c.person_id.in_(sa.select(touched.c.person_id)))
        )


def _with_told(ranked: sa.TableClause, told: sa.TableClause) -> sa.Select[Any]:
    """Select what is recommended, with what is told of each."""
    same = sa.and_(told.c.start == ranked.c.start, told.c.place * NEXT == ranked.c.place_times)
    return sa.select(ranked.c.person_id, ranked.c.rank, *(told.c[name] for name in TOLD)).join_from(ranked, told, same)


def _newest(rows: sa.FromClause, at_most: int) -> sa.Select[Any]:
    """Select what each person did last, given (person_id, number, at): person_id, number, newest (from 1)."""
    place = sa.func.row_number().over(partition_by=rows.c.person_id, order_by=[rows.c["at"].desc(), rows.c.number])
    placed = sa.select(rows.c.person_id, rows.c.number, place.label("newest")).subquery("placed")
    return sa.select(*placed.c).where(placed.c.newest <= at_most)


def _start(newest: sa.Select[Any]) -> sa.Select[Any]:
    """Select what each person did last as where they start: person_id, start, newest."""
    rows = newest.subquery("start")
    return sa.select(rows.c.person_id, rows.c.number.label("start"), rows.c.newest)


def _products_known(product: sa.TableClause) -> sa.Subquery:
    key = product.c.product_key.label("key")
    return sa.select(product.c.number, product.c.connection, key, product.c.name).subquery("start_known")


def _pairs(one: sa.FromClause, other: sa.FromClause, together: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Select the pairs of products that stand together: low, high."""
    pair = sa.and_(together, one.c.number < other.c.number)
    return sa.select(one.c.number.label("low"), other.c.number.label("high")).join_from(one, other, pair)


def _best(rows: sa.FromClause, after: int) -> sa.Select[Any]:
    """Select the best of each list, given (start, number, people): start, number, place (so many after), people."""
    best = [rows.c.people.desc(), rows.c.number]
    place = sa.func.row_number().over(partition_by=rows.c.start, order_by=best)
    placed = sa.select(rows.c.start, rows.c.number, place.label("place"), rows.c.people).subquery("placed")
    shifted = (placed.c.place + after).label("place")
    return sa.select(placed.c.start, placed.c.number, shifted, placed.c.people).where(placed.c.place <= LONGEST_LIST)


def _told(name: Way, way: _Way, product: sa.TableClause) -> sa.Select[Any]:
    """Select what is told of each product of a way's lists: start, place, and the columns of `TOLD`."""
    lists, known = way.lists, way.known
    told = {
        "connection": product.c.connection,
        "product_key": product.c.product_key,
        "way": sa.literal(name),
        "because": known.c.name,
        "because_key": known.c.key,
        "people": lists.c.people,
        "reason": _in_words(name, known.c.name, lists.c.people),
    }
    return (
        sa.select(lists.c.start, lists.c.place, *(value.label(called) for called, value in told.items()))
        .join_from(lists, known, known.c.number == lists.c.start)
        .join(product, product.c.number == lists.c.number)
    )


def _starts(name: Way, way: _Way) -> sa.Select[Any]:
    """Select the lists that people start from: person_id, way, connection, name."""
    start, known = way.start, way.known
    columns = (start.c.person_id, sa.literal(name).label("way"), known.c.connection, known.c.key.label("name"))
    return sa.select(*columns).join_from(start, known, known.c.number == start.c.start)


def _in_words(way: Way, because: sa.ColumnElement[str], people: sa.ColumnElement[int]) -> sa.ColumnElement[str]:
    who = sa.case((people == 1, sa.literal("1 person")), else_=sa.cast(people, sa.Text()) + " people")
    match way:
        case "bought_together":
            return who + sa.literal(" bought it in one order with ") + because
        case "also_viewed":
            return who + sa.literal(" who viewed ") + because + sa.literal(" viewed it too")
        case "favourite_category":
            return who + sa.literal(" bought it, of the favourite category ") + because
