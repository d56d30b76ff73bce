"""Before: what recommendations were made from the last time, so that only those are made again that may differ.

Somebody's recommendations follow from their own orders and views, and from the lists of what goes with the products
that they start from. Of both a number is kept (`digest`): whose own number is another one, and who starts from a list
whose number is, is looked at again. All others would get what they have.
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


@dataclass(frozen=True)
class Before:
    """The numbers of the last time."""

    transaction: Transaction
    asked: object

    def touched(
        self, people: sa.TableClause, lists: sa.TableClause, starts: Iterable[sa.Select[Any]]
    ) -> sa.TableClause:
        """Hold whose recommendations may differ: person_id.

        `people` (person_id, mark) and `lists` (way, connection, name, mark) are the numbers of now; `starts`
        (person_id, way, connection, name) say from which lists people start.
        """
        person, list_ = self.transaction.table("recommended_person"), self.transaction.table("recommended_list")
        if seen(self.transaction, SETUP) != self._setup:
            self.forget()
        other = _joined(lists, list_)
        moved = self.transaction.hold(
            "list_moved",
            sa.select(
                *(sa.func.coalesce(lists.c[name], list_.c[name]).label(name) for name in ("way", "connection", "name"))
            )
            .select_from(sa.join(lists, list_, other, full=True))
            .where(lists.c.mark.is_distinct_from(list_.c.mark)),
        )
        own = (
            sa.select(sa.func.coalesce(people.c.person_id, person.c.person_id).label("person_id"))
            .select_from(sa.join(people, person, people.c.person_id == person.c.person_id, full=True))
            .where(people.c.mark.is_distinct_from(person.c.mark))
        )
        reached = [
            sa.select(start.c.person_id).join_from(start, moved, _joined(start, moved))
            for start in (query.subquery(f"start_{number}") for number, query in enumerate(starts))
        ]
        return self.transaction.hold("recommended_again", sa.union(own, *reached))

    def keep(self, people: sa.TableClause, lists: sa.TableClause, as_of: datetime) -> None:
        """Keep the numbers of now for the next time."""
        for name, held in (("recommended_person", people), ("recommended_list", lists)):
            stored = self.transaction.table(name)
            same = [stored.c[key] == held.c[key] for key in stored.info["key"]]
            self.transaction.execute(sa.delete(stored).where(~sa.exists().where(*same)))
            self.transaction.merge(stored, held)
        remember(self.transaction, SETUP, self._setup, as_of)

    def forget(self) -> None:
        """Forget everything, what was recommended too."""
        for name in ("recommendation", "recommended_person", "recommended_list"):
            self.transaction.execute(sa.delete(self.transaction.table(name)))

    @property
    def _setup(self) -> str:
        return fingerprint(self.asked, self.transaction.scalar(way()))


def marked(*values: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """Give a number for the rows of a group, in whatever order they come."""
    return digest(sa.func.sum(digest(*values)))


def _joined(one: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(*(one.c[name] == other.c[name] for name in ("way", "connection", "name")))
