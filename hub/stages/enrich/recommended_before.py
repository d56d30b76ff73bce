"""Before: what recommendations were made from the last time, so that only those are made again that may differ.

Somebody's recommendations follow from their own orders and views, of which a number is kept (`digest`), and from the
lists that they start from, as far down as they were read (`read`). Whose own number is another one, and who starts from
a list that differs at a place that was read, is looked at again. All others would get what they have.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.warehouse import Transaction
from hub.warehouse.digest import digest, way
from hub.warehouse.state import fingerprint, remember, seen

SETUP = "recommend:setup"
"""The state that names what the project asks for, and how values are digested, as they were the last time."""
PRODUCTS = "recommend:products"
"""The state that names what was known of the products the last time."""
LIST = ("way", "connection", "name")
"""What names a list."""


@dataclass(frozen=True)
class Before:
    """What is kept of the last time."""

    transaction: Transaction
    asked: object

    def differ(self, people: sa.TableClause, product: sa.TableClause) -> bool:
        """Say whether anything differs: who did what (person_id, mark), or what is known of the products (told)."""
        if seen(self.transaction, SETUP) != self._setup:
            self.forget()
        if seen(self.transaction, PRODUCTS) != self._products(product):
            return True
        return bool(self.transaction.count(self._own(people)))

    def touched(
        self, people: sa.TableClause, lists: sa.TableClause, starts: Iterable[sa.Select[Any]], step: int
    ) -> sa.TableClause:
        """Hold whose recommendations may differ: person_id.

        `people` (person_id, mark) and `lists` (way, connection, name, place, product_key) are those of now; `starts`
        (person_id, way, connection, name) say from which lists people start. In `read`, places lie `step` apart.
        """
        person, list_ = self.transaction.table("recommended_person"), self.transaction.table("recommended_list")
        same = _same(lists, list_, (*LIST, "place"))
        columns = [sa.func.coalesce(lists.c[name], list_.c[name]).label(name) for name in (*LIST, "place")]
        differs = (
            sa.select(*columns)
            .select_from(sa.join(lists, list_, same, full=True))
            .where(lists.c.product_key.is_distinct_from(list_.c.product_key))
            .subquery("differs")
        )
        of_list = [differs.c[name] for name in LIST]
        first = sa.func.min(differs.c.place).label("place")
        moved = self.transaction.hold("list_moved", sa.select(*of_list, first).group_by(*of_list))
        reached = [
            sa.select(start.c.person_id)
            .join_from(start, moved, _same(start, moved, LIST))
            .join(person, person.c.person_id == start.c.person_id)
            .where(sa.or_(person.c.read.is_(None), moved.c.place * step < person.c.read))
            for start in (query.subquery(f"start_{number}") for number, query in enumerate(starts))
        ]
        return self.transaction.hold("recommended_again", sa.union(sa.select(self._own(people)), *reached))

    def _own(self, people: sa.TableClause) -> sa.Subquery:
        """Give those who did something else than the last time: person_id."""
        person = self.transaction.table("recommended_person")
        return (
            sa.select(sa.func.coalesce(people.c.person_id, person.c.person_id).label("person_id"))
            .select_from(sa.join(people, person, people.c.person_id == person.c.person_id, full=True))
            .where(people.c.mark.is_distinct_from(person.c.mark))
            .subquery("own")
        )

    def keep(
        self,
        people: sa.TableClause,
        product: sa.TableClause,
        lists: sa.TableClause,
        read: sa.TableClause,
        as_of: datetime,
    ) -> None:
        """Keep what is so now for the next time; `read` (person_id, read) is how far down the touched have read."""
        for name, held in (("recommended_person", people), ("recommended_list", lists)):
            stored = self.transaction.table(name)
            same = _same(stored, held, stored.info["key"])
            self.transaction.execute(sa.delete(stored).where(~sa.exists().where(same)))
            self.transaction.merge(stored, held)
        self.transaction.merge(self.transaction.table("recommended_person"), read)
        remember(self.transaction, SETUP, self._setup, as_of)
        remember(self.transaction, PRODUCTS, self._products(product), as_of)

    def forget(self) -> None:
        """Forget everything, what was recommended too."""
        for name in ("recommendation", "recommended_person", "recommended_list"):
            self.transaction.execute(sa.delete(self.transaction.table(name)))

    def _products(self, product: sa.TableClause) -> str:
        return str(self.transaction.scalar(sa.select(marked(product.c.told))))

    @property
    def _setup(self) -> str:
        return fingerprint(self.asked, self.transaction.scalar(way()))


def marked(*values: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """Give a number for the rows of a group, in whatever order they come."""
    return digest(sa.func.sum(digest(*values)))


def _same(one: sa.FromClause, other: sa.FromClause, names: Iterable[str]) -> sa.ColumnElement[bool]:
    return sa.and_(*(one.c[name] == other.c[name] for name in names))
