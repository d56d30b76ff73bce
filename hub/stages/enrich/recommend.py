"""Recommend: products for each person, from what others bought and viewed; each with its reason.

    bought together       in one order with one of the products that the person bought last
    also viewed           by people who viewed one of the products that the person viewed last; new to the person
    favourite category    bought by most people, of the category that the person buys most

The first way that the project names goes first, then what more people did, then the shop's name and the product's
key. Only products that are offered and that meet `products:` count; what the person bought is left out.

Neighbours are counted per product and the best of them kept, so what is looked at per person does not grow with the
size of the shop. Orders and viewers with a great many products say little about any two, and are cut. People are
looked at again when they did something, when that fell out of a window, or when the list of a product that they start
from is another one (`recommended_before`): it comes to the same as looking at everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
NEIGHBOURS = 10
"""The best of those that go with a product, or are in a category."""


def keep_recommendations(transaction: Transaction, project: Project, as_of: datetime) -> int:
    """Make the table `recommendation` hold what suits each person now; who is not touched by news is left as they are.

    Returns how many there are. Without a recommendations.yaml there are none.
    """
    kept = transaction.table("recommendation")
    if project.recommendations is None:
        Before(transaction, None).forget()
        return 0
    touched, found = _Recommending(transaction, project, project.recommendations, as_of).found()
    same = sa.and_(found.c.person_id == kept.c.person_id, found.c.rank == kept.c.rank)
    mine = kept.c.person_id.in_(sa.select(touched.c.person_id))
    transaction.execute(sa.delete(kept).where(mine, ~sa.exists().where(same)))
    transaction.merge(kept, found)
    return transaction.count(kept)


def recommended_from(transaction: Transaction, project: Project) -> list[sa.ColumnElement[datetime]]:
    """Give the times of what recommendations are made from; none where they are off."""
    if project.recommendations is None:
        return []
    return [transaction.table("order_line").c.ordered_at, transaction.table("web_event").c["at"]]


@dataclass(frozen=True)
class _Recommending:
    """Products go by a number of their own within one run: numbers are joined and sorted faster than keys."""

    transaction: Transaction
    project: Project
    asked: RecommendationsFile
    as_of: datetime

    def found(self) -> tuple[sa.TableClause, sa.TableClause]:
        """Hold whose recommendations may have changed (person_id), and the recommendations of these."""
        hold = self.transaction.hold
        product = hold("product_known", self._products())
        bought = hold("product_bought", self._bought(product))
        makers: Mapping[Way, Callable[[sa.TableClause, sa.TableClause], _Found]] = {
            "bought_together": self._bought_together,
            "also_viewed": self._also_viewed,
            "favourite_category": self._of_favourite_category,
        }
        ways = {way: makers[way](product, bought) for way in self.asked.by}
        viewed = [found.start for way, found in ways.items() if way == "also_viewed"]
        people = hold("person_now", self._people(product, bought, viewed))
        lists = hold("list_now", sa.union_all(*(_marks(way, found, product) for way, found in ways.items())))
        before = Before(self.transaction, self.asked)
        touched = before.touched(people, lists, [_starts(way, found, product) for way, found in ways.items()])
        candidates = [
            sa.select(sa.literal_column(str(place)).label("place"), *held.c)
            for place, (way, found) in enumerate(ways.items())
            for held in [hold(f"candidate_{way}", found.candidates(touched))]
        ]
        ranked = self._ranked(sa.union_all(*candidates).subquery("candidate"), bought)
        recommended = hold("recommended", self._told(ranked, product))
        before.keep(people, lists, self.as_of)
        return touched, recommended

    def _people(self, product: sa.TableClause, bought: sa.TableClause, viewed: Sequence[sa.TableClause]) -> sa.Select:
        """Select a number for all that a person did: person_id, mark. What falls out of a window changes it."""
        lately, again = self._since, self.asked.again_after
        windows = [lately] if again is None else [lately, self._ago(again)]
        inside = [sa.case((bought.c["at"] >= since, 1), else_=0) for since in windows]
        did: list[tuple[sa.TableClause, list[sa.ColumnElement[Any]]]]
        did = [(bought, [sa.extract("epoch", bought.c["at"]), *inside])]
        did += [(seen, [seen.c.newest]) for seen in viewed]
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
        """Select the products: number, connection, product_key, name, category, offered, mark."""
        product = self.transaction.table("product")
        whole = product.alias("whole")
        of_whole = sa.and_(whole.c.connection == product.c.connection, whole.c.source_key == product.c.variant_of)
        offered = sa.and_(*(sa.func.coalesce(it.c.offered, sa.true()) for it in (product, whole)))
        if self.asked.products is not None:
            condition = compile_condition(self.asked.products, product_scope(self.project, self.as_of)).element
            offered = sa.and_(offered, sa.func.coalesce(condition, sa.false()))
        return sa.select(
            sa.func.row_number().over(order_by=[product.c.connection, product.c.source_key]).label("number"),
            product.c.connection,
            product.c.source_key.label("product_key"),
            sa.func.coalesce(product.c.name, product.c.source_key).label("name"),
            product.c.category,
            offered.label("offered"),
            digest(product.c.connection, product.c.source_key, sa.func.coalesce(product.c.category, "")).label("mark"),
        ).outerjoin_from(product, whole, of_whole)

    def _bought(self, product: sa.TableClause) -> sa.Select[Any]:
        """Select what people bought, a row per product and order: person_id, number, order_key, at."""
        line, order, record = (self.transaction.table(name) for name in ("order_line", "sales_order", "source_record"))
        of_order = sa.and_(order.c.connection == line.c.connection, order.c.source_key == line.c.order_key)
        known = sa.and_(product.c.connection == line.c.connection, product.c.product_key == line.c.product_key)
        at = sa.func.coalesce(line.c.ordered_at, order.c.ordered_at)
        of_record = record.c.record_id == line.c.record_id
        group = [record.c.person_id, product.c.number, sa.func.coalesce(line.c.order_key, line.c.source_key)]
        return (
            sa.select(*group[:2], group[2].label("order_key"), sa.func.max(at).label("at"))
            .select_from(line.join(record, of_record).join(product, known).outerjoin(order, of_order))
            .where(
                record.c.person_id.is_not(None),
                at <= self.as_of,
                sa.or_(order.c.status.is_(None), order.c.status.not_in(NOT_COUNTING)),
            )
            .group_by(*group)
        )

    def _viewed(self, product: sa.TableClause) -> sa.Select[Any]:
        """Select the products that each person viewed last: person_id, number, at, newest (their place, from 1)."""
        event, record = self.transaction.table("web_event"), self.transaction.table("source_record")
        known = sa.and_(product.c.connection == event.c.connection, product.c.product_key == event.c.product_key)
        seen = (
            sa.select(record.c.person_id, product.c.number, sa.func.max(event.c["at"]).label("at"))
            .select_from(event.join(record, record.c.record_id == event.c.record_id).join(product, known))
            .where(record.c.person_id.is_not(None), event.c["at"].between(self._since, self.as_of))
            .group_by(record.c.person_id, product.c.number)
            .subquery("seen")
        )
        return self._newest(seen, LATEST_VIEWS)

    def _newest(self, rows: sa.FromClause, at_most: int) -> sa.Select[Any]:
        place = sa.func.row_number().over(partition_by=rows.c.person_id, order_by=[rows.c["at"].desc(), rows.c.number])
        placed = sa.select(*rows.c, place.label("newest")).subquery("placed")
        return sa.select(*placed.c).where(placed.c.newest <= at_most)

    # the three ways

    def _bought_together(self, product: sa.TableClause, bought: sa.TableClause) -> _Found:
        lately = bought.c["at"] >= self._since
        # an order belongs to one shop: keys of two shops may be the same
        shop = product.c.connection
        many = sa.func.count().over(partition_by=[shop, bought.c.order_key])
        sized = (
            sa.select(bought.c.person_id, bought.c.number, shop, bought.c.order_key, many.label("many"))
            .join_from(bought, product, product.c.number == bought.c.number)
            .where(lately)
            .subquery("sized")
        )
        basket = self.transaction.hold("basket", sa.select(sized).where(sized.c.many.between(2, LARGEST_ORDER)))
        other = basket.alias("other")
        pair = sa.and_(basket.c.connection == other.c.connection, basket.c.order_key == other.c.order_key)
        # who buys two things together each month is one person all the same
        people = sa.func.count(other.c.person_id.distinct())
        neighbours = self._neighbours(basket, other, pair, people, product, "bought_with")
        last = (
            sa.select(bought.c.person_id, bought.c.number, sa.func.max(bought.c["at"]).label("at"))
            .where(lately)
            .group_by(bought.c.person_id, bought.c.number)
            .subquery("last_bought")
        )
        start = self.transaction.hold("start_bought", self._newest(last, STARTING_POINTS))
        return _Found(start, neighbours, lambda touched: _from(_of(start, touched), neighbours))

    def _also_viewed(self, product: sa.TableClause, bought: sa.TableClause) -> _Found:
        viewed = self.transaction.hold("product_viewed", self._viewed(product))
        other = viewed.alias("other")
        pair = viewed.c.person_id == other.c.person_id
        neighbours = self._neighbours(viewed, other, pair, sa.func.count(), product, "viewed_with")

        def candidates(touched: sa.TableClause) -> sa.Select[Any]:
            start = _of(viewed, touched, viewed.c.newest <= STARTING_POINTS)
            had = viewed.alias("had")
            saw_it = sa.and_(had.c.person_id == start.c.person_id, had.c.number == neighbours.c.other)
            return _from(start, neighbours).where(~sa.exists().where(saw_it))

        return _Found(viewed, neighbours, candidates)

    def _neighbours(
        self,
        one: sa.FromClause,
        other: sa.FromClause,
        pair: sa.ColumnElement[bool],
        people: sa.ColumnElement[int],
        product: sa.TableClause,
        name: str,
    ) -> sa.TableClause:
        """Hold what goes with each product, by how many people: number, other, people."""
        differs = one.c.number != other.c.number
        counted = (
            sa.select(one.c.number, other.c.number.label("other"), people.label("people"))
            .select_from(one.join(other, sa.and_(pair, differs)))
            .group_by(one.c.number, other.c.number)
            .having(people >= self.asked.least)
            .subquery("counted")
        )
        mine, its = product.alias("mine"), product.alias("its")
        place = sa.func.row_number().over(
            partition_by=counted.c.number, order_by=[counted.c.people.desc(), counted.c.other]
        )
        placed = (
            sa.select(*counted.c, place.label("place"))
            .select_from(
                counted.join(mine, mine.c.number == counted.c.number).join(its, its.c.number == counted.c.other)
            )
            .where(its.c.offered, its.c.connection == mine.c.connection)
            .subquery("placed")
        )
        columns = (placed.c.number, placed.c.other, placed.c.people)
        return self.transaction.hold(name, sa.select(*columns).where(placed.c.place <= NEIGHBOURS))

    def _of_favourite_category(self, product: sa.TableClause, bought: sa.TableClause) -> _Found:
        category = [product.c.connection, product.c.category]
        rows = self.transaction.hold(
            "bought_of_category",
            sa.select(bought.c.person_id, bought.c.number, bought.c["at"], *category, product.c.offered)
            .join_from(bought, product, product.c.number == bought.c.number)
            .where(bought.c["at"] >= self._since, product.c.category.is_not(None)),
        )
        favour = sa.func.row_number().over(
            partition_by=rows.c.person_id,
            order_by=[sa.func.count().desc(), sa.func.max(rows.c["at"]).desc(), rows.c.connection, rows.c.category],
        )
        chosen = (
            sa.select(rows.c.person_id, rows.c.connection, rows.c.category, favour.label("place"))
            .group_by(rows.c.person_id, rows.c.connection, rows.c.category)
            .subquery("chosen")
        )
        people = sa.func.count(rows.c.person_id.distinct())
        place = sa.func.row_number().over(
            partition_by=[rows.c.connection, rows.c.category], order_by=[people.desc(), rows.c.number]
        )
        popular = (
            sa.select(rows.c.connection, rows.c.category, rows.c.number, people.label("people"), place.label("place"))
            .where(rows.c.offered)
            .group_by(rows.c.connection, rows.c.category, rows.c.number)
            .having(people >= self.asked.least)
            .subquery("popular")
        )
        best = self.transaction.hold("start_category", sa.select(chosen).where(chosen.c.place == 1))
        lists = self.transaction.hold("popular_of", sa.select(popular).where(popular.c.place <= NEIGHBOURS))

        def candidates(touched: sa.TableClause) -> sa.Select[Any]:
            start = _of(best, touched)
            mine = sa.and_(lists.c.connection == start.c.connection, lists.c.category == start.c.category)
            because = sa.cast(sa.null(), sa.BigInteger()).label("because")
            columns = (start.c.person_id, lists.c.number, lists.c.people, because, start.c.category)
            return sa.select(*columns).join_from(start, lists, mine)

        return _Found(best, lists, candidates)

    # the choice

    def _ranked(self, candidate: sa.FromClause, bought: sa.TableClause) -> sa.Subquery:
        """Give each person's best, each product once and by its best way; without what the person bought."""
        had = [bought.c.person_id == candidate.c.person_id, bought.c.number == candidate.c.number]
        if self.asked.again_after is not None:
            had.append(bought.c["at"] >= self._ago(self.asked.again_after))
        once = sa.func.row_number().over(
            partition_by=[candidate.c.person_id, candidate.c.number],
            order_by=[candidate.c.place, candidate.c.people.desc(), candidate.c.because],
        )
        single = sa.select(*candidate.c, once.label("once")).where(~sa.exists().where(*had)).subquery("single")
        rank = sa.func.row_number().over(
            partition_by=single.c.person_id,
            order_by=[single.c.place, single.c.people.desc(), single.c.number],
        )
        ranked = sa.select(*single.c, rank.label("rank")).where(single.c.once == 1).subquery("placed")
        return sa.select(ranked).where(ranked.c.rank <= self.asked.at_most).subquery("ranked")

    def _told(self, ranked: sa.FromClause, product: sa.TableClause) -> sa.Select[Any]:
        """Select them with what they are called, and why they are there."""
        start = product.alias("start")
        of_start = start.c.number == ranked.c.because
        because = sa.func.coalesce(start.c.name, ranked.c.category)
        way: sa.ColumnElement[str] = sa.case(
            *((ranked.c.place == place, sa.literal(name)) for place, name in enumerate(self.asked.by))
        )
        return sa.select(
            ranked.c.person_id,
            ranked.c.rank,
            product.c.connection,
            product.c.product_key,
            way.label("way"),
            because.label("because"),
            ranked.c.people,
            _in_words(way, because, ranked.c.people).label("reason"),
        ).select_from(ranked.join(product, product.c.number == ranked.c.number).outerjoin(start, of_start))


@dataclass(frozen=True)
class _Found:
    """What one way found.

    `start` (person_id, and number, or connection and category) is where people start from; `lists` (number, other,
    people; or connection, category, number, people) what they find there; `candidates` selects person_id, number,
    people, because (a product's number) and category for some of the people.
    """

    start: sa.TableClause
    lists: sa.TableClause
    candidates: Callable[[sa.TableClause], sa.Select[Any]]


def _starts(way: Way, found: _Found, product: sa.TableClause) -> sa.Select[Any]:
    """Select the lists that people start from: person_id, way, connection, name."""
    start, called = found.start, sa.literal(way).label("way")
    if "category" in start.c:
        return sa.select(start.c.person_id, called, start.c.connection, start.c.category.label("name"))
    name = product.c.product_key.label("name")
    return sa.select(start.c.person_id, called, product.c.connection, name).join_from(
        start, product, product.c.number == start.c.number
    )


def _marks(way: Way, found: _Found, product: sa.TableClause) -> sa.Select[Any]:
    """Select a number for each list: way, connection, name, mark."""
    lists, called = found.lists, sa.literal(way).label("way")
    if "category" in lists.c:
        group = [lists.c.connection, lists.c.category]
        mark = marked(product.c.mark, lists.c.people)
        source = lists.join(product, product.c.number == lists.c.number)
        return (
            sa.select(called, group[0], group[1].label("name"), mark.label("mark")).select_from(source).group_by(*group)
        )
    its = product.alias("its")
    mark = marked(product.c.name, its.c.mark, lists.c.people)
    source = lists.join(product, product.c.number == lists.c.number).join(its, its.c.number == lists.c.other)
    group = [product.c.connection, product.c.product_key]
    return sa.select(called, group[0], group[1].label("name"), mark.label("mark")).select_from(source).group_by(*group)


def _of(start: sa.TableClause, touched: sa.TableClause, *conditions: sa.ColumnElement[bool]) -> sa.Subquery:
    """Select where some of the people start from."""
    mine = start.c.person_id.in_(sa.select(touched.c.person_id))
    return sa.select(start).where(mine, *conditions).subquery("start")


def _from(start: sa.FromClause, neighbours: sa.TableClause) -> sa.Select[Any]:
    """Select what goes with the starting points."""
    return sa.select(
        start.c.person_id,
        neighbours.c.other.label("number"),
        neighbours.c.people,
        start.c.number.label("because"),
        sa.cast(sa.null(), sa.Text()).label("category"),
    ).join_from(start, neighbours, neighbours.c.number == start.c.number)


def _in_words(
    way: sa.ColumnElement[str], because: sa.ColumnElement[str], people: sa.ColumnElement[int]
) -> sa.ColumnElement[str]:
    who = sa.case((people == 1, sa.literal("1 person")), else_=sa.cast(people, sa.Text()) + " people")
    return sa.case(
        (way == "bought_together", who + sa.literal(" bought it in one order with ") + because),
        (way == "also_viewed", who + sa.literal(" who viewed ") + because + sa.literal(" viewed it too")),
        else_=who + sa.literal(" bought it, of the favourite category ") + because,
    )
