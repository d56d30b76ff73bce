"""Consent in effect: what people's newest valid statements say, per channel and purpose. It fails closed.

No statement, an unclear one, or a yes that does not hold is no consent. A yes holds when it can be proven (by the texts
that the project declares), has not expired, was given at an age at which one's own consent counts, and rests on a
ground that the law of the person's country takes for the channel. A refusal always holds, whatever it lacks. Where a
person's records contradict each other at the same moment, the refusal holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import sqlalchemy as sa

from hub.law import Terms, Text, age_groups, basis_groups
from hub.ledger import EVERY_CHANNEL
from hub.warehouse.constructs import utc

CLOCKS_APART = timedelta(days=1)
"""A system's clock may run ahead of ours: a withdrawal counts from a day before its own moment."""

CHANNELS = ("email", "sms", "letter", "phone", "ads", "push")

SOFT = "soft opt-in"

WITH_WORDS = ("consent", SOFT)
"""Grounds behind which stand words that somebody saw."""

WITHOUT_WORDS = ("contract", "legitimate interest")
"""Grounds that nobody agrees to: no text stands behind them."""


class Tables(Protocol):
    """Whatever gives the stored tables by their names: a transaction, or the schema."""

    def table(self, name: str) -> sa.Table:
        """Return a stored table."""
        ...


def in_effect(
    tables: Tables,
    terms: Terms,
    people: sa.FromClause,
    purpose: str,
    as_of: datetime,
    records: sa.FromClause | None = None,
    *,
    soft_opt_in: bool = False,
    ahead: timedelta | None = CLOCKS_APART,
) -> sa.Select:
    """Give the consent in effect of `people` (which has person_id): person_id, channel, given, at, consent_key.

    `given` is never null; `consent_key` names the statement (`connection:key`) that proves it. Nobody has more than
    one row per channel; who never stated anything valid has none. `records` (record_id, person_id) says whose the
    records are, where not `source_record` is asked.

    `soft_opt_in` says whether what is to be sent meets the conditions of a soft opt-in that lie in the message: own
    similar products, and a refusal offered in it. A withdrawal counts up to `ahead` before its own moment; None: it
    counts however late it is dated. Ask so before something goes out.
    """
    stated = _stated(tables, terms, people, purpose, as_of, records, soft_opt_in, ahead)
    newest = (
        sa.select(stated.c.person_id, stated.c.channel, sa.func.max(stated.c.at).label("at"))
        .group_by(stated.c.person_id, stated.c.channel)
        .cte(f"newest_on_{purpose}")
    )
    return (
        sa.select(
            stated.c.person_id,
            stated.c.channel,
            sa.func.bool_and(stated.c.given, type_=sa.Boolean()).label("given"),
            sa.func.max(stated.c.at).label("at"),
            sa.func.min(stated.c.consent_key).label("consent_key"),
        )
        .join(
            newest,
            sa.and_(
                newest.c.person_id == stated.c.person_id,
                newest.c.channel == stated.c.channel,
                newest.c.at == stated.c.at,
            ),
        )
        .group_by(stated.c.person_id, stated.c.channel)
    )


def answers(
    tables: Tables, terms: Terms, channel: str, purpose: str, as_of: datetime, *, ahead: timedelta | None = CLOCKS_APART
) -> sa.Select:
    """Give the consent in effect of everybody for one channel, without its proof: person_id, given, at.

    The same as `in_effect`, for audiences of millions: as a refusal holds against a yes of the same moment, the newest
    of each kind is all that is needed, and one look at the statements finds both.
    """
    said = _said(tables, None, purpose, as_of, None, (channel, EVERY_CHANNEL))
    yes, refused = _valid(said, terms, purpose, as_of, False, ahead)
    judged = sa.select(
        said.c.person_id,
        sa.case((sa.and_(said.c.channel == channel, yes), said.c.at)).label("agreed"),
        sa.case((refused, said.c.at)).label("declined"),
    ).subquery("judged")
    agreed, declined = sa.func.max(judged.c.agreed), sa.func.max(judged.c.declined)
    return (
        sa.select(
            judged.c.person_id,
            sa.func.coalesce(agreed > declined, agreed.is_not(None), type_=sa.Boolean()).label("given"),
            sa.func.greatest(agreed, declined, type_=sa.DateTime(timezone=True)).label("at"),
        )
        .group_by(judged.c.person_id)
        .having(sa.func.coalesce(agreed, declined).is_not(None))
    )


def allowed(given: sa.ColumnElement[bool], purpose: str) -> sa.ColumnElement[bool]:
    """Say whether a message of a purpose may go: marketing needs consent; service only the absence of a refusal."""
    return sa.func.coalesce(given, sa.true() if purpose == "service" else sa.false())


def refusal(given: sa.ColumnElement[bool]) -> sa.ColumnElement[str]:
    """Say why it may not go."""
    return sa.case((given.is_(None), sa.literal("no consent")), else_=sa.literal("consent withdrawn"))


def _stated(
    tables: Tables,
    terms: Terms,
    people: sa.FromClause,
    purpose: str,
    as_of: datetime,
    records: sa.FromClause | None,
    soft_opt_in: bool,
    ahead: timedelta | None,
) -> sa.CTE:
    """Give the statements that count: person_id, channel, given, at, consent_key. One about all channels is many."""
    said = _said(tables, people, purpose, as_of, records)
    yes, refused = _valid(said, terms, purpose, as_of, soft_opt_in, ahead)
    counting = sa.select(*(said.c[name] for name in ("person_id", "given", "at", "consent_key")))
    every = sa.union_all(*(sa.select(sa.literal(name, sa.Text()).label("channel")) for name in CHANNELS)).subquery()
    return sa.union_all(
        counting.add_columns(said.c.channel).where(said.c.channel != EVERY_CHANNEL, sa.or_(yes, refused)),
        counting.add_columns(every.c.channel).join(every, sa.true()).where(said.c.channel == EVERY_CHANNEL, refused),
    ).cte(f"stated_on_{purpose}")


def _valid(
    said: sa.CTE, terms: Terms, purpose: str, as_of: datetime, soft_opt_in: bool, ahead: timedelta | None
) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """Say which statements count as a yes, and which as a refusal."""
    refused = sa.not_(said.c.given)
    if ahead is not None:
        refused = sa.and_(refused, said.c.at <= _moment(as_of + ahead))
    yes = sa.and_(said.c.given, said.c.at <= _moment(as_of), *_conditions(said, terms, purpose, as_of, soft_opt_in))
    return yes, refused


def _said(
    tables: Tables,
    people: sa.FromClause | None,
    purpose: str,
    as_of: datetime,
    records: sa.FromClause | None,
    channels: Sequence[str] | None = None,
) -> sa.CTE:
    """Give all statements of people, with what is asked about them: a clear answer, a moment, country, birth date.

    Of everybody where no `people` are named, about all channels where no `channels` are.
    """
    consent = tables.table("consent")
    person = tables.table("person").alias("stating_person")
    record = tables.table("source_record") if records is None else records
    given = sa.func.coalesce(consent.c.given, sa.false())
    at = sa.func.coalesce(consent.c.at, consent.c.source_time)
    told = consent.join(record, record.c.record_id == consent.c.record_id)
    if people is not None:
        wanted = sa.select(people.c.person_id).distinct().subquery("wanted")
        told = told.join(wanted, wanted.c.person_id == record.c.person_id)
    asked = [consent.c.purpose == purpose, *([consent.c.channel.in_(channels)] if channels is not None else [])]
    return (
        sa.select(
            record.c.person_id,
            consent.c.channel,
            given.label("given"),
            # who refuses without a moment refuses now
            sa.case((given, at), else_=sa.func.coalesce(at, _moment(as_of))).label("at"),
            (consent.c.connection + ":" + consent.c.source_key).label("consent_key"),
            consent.c.basis,
            consent.c.text,
            sa.and_(consent.c.from_sale, consent.c.refusal_offered).label("well_collected"),
            sa.func.coalesce(sa.func.upper(sa.func.trim(person.c.country)), "").label("country"),
            person.c.birth_date,
        )
        .select_from(told.outerjoin(person, person.c.person_id == record.c.person_id))
        .where(*asked)
        .cte(f"said_on_{purpose}")
    )


def _conditions(
    said: sa.CTE, terms: Terms, purpose: str, as_of: datetime, soft_opt_in: bool
) -> Iterator[sa.ColumnElement[bool]]:
    """Give all that a yes must meet. One for service messages need meet nothing: they go without."""
    if purpose == "service":
        return
    # where texts are declared, the ground is asked for too
    basis = sa.func.coalesce(said.c.basis, "" if terms.texts is not None else "consent")
    yield _of_age(said, terms)
    if terms.texts is not None:
        yield _proven(said, basis, terms.texts, purpose)
    if terms.valid_for is not None:
        yield said.c.at > _moment(terms.valid_for.before(as_of))
    if purpose == "marketing":
        yield _lawful(said, basis, terms, as_of)
    well = sa.func.coalesce(said.c.well_collected, sa.false()) if soft_opt_in else sa.false()
    yield sa.or_(basis != SOFT, well)


def _proven(said: sa.CTE, basis: sa.ColumnElement[str], texts: Sequence[Text], purpose: str) -> sa.ColumnElement[bool]:
    """Say whether the words that a person agreed to are known, and were shown by that channel at that moment."""
    shown = []
    for text in texts:
        if text.purpose == purpose:
            between = [said.c.at >= _moment(text.since)]
            if text.until is not None:
                between.append(said.c.at < _moment(text.until))
            shown.append(sa.and_(said.c.text == text.name, said.c.channel.in_(text.channels), *between))
    agreed = sa.and_(basis.in_(WITH_WORDS), sa.or_(sa.false(), *shown))
    return sa.or_(basis.in_(WITHOUT_WORDS), sa.func.coalesce(agreed, sa.false()))


def _lawful(said: sa.CTE, basis: sa.ColumnElement[str], terms: Terms, as_of: datetime) -> sa.ColumnElement[bool]:
    """Say whether the ground of a yes is one that the person's country takes for the channel today."""
    return sa.or_(
        sa.false(),
        *(
            sa.and_(
                said.c.channel.in_(group.channels),
                _there(said, group.countries, group.named),
                basis.in_(sorted(group.bases)),
            )
            for group in basis_groups(terms.day(as_of), terms.stricter)
        ),
    )


def _of_age(said: sa.CTE, terms: Terms) -> sa.ColumnElement[bool]:
    """Say whether somebody was old enough at the moment of a yes; whose age is not known counts as grown up."""
    years = sa.case(*((_there(said, group.countries, group.named), group.age) for group in age_groups(terms.stricter)))
    born = said.c.birth_date
    return sa.or_(born.is_(None), _day_number(utc(said.c.at)) >= _day_number(born) + years * 10_000)


def _there(said: sa.CTE, countries: tuple[str, ...], named: bool) -> sa.ColumnElement[bool]:
    if not countries:
        return sa.true()
    return said.c.country.in_(countries) if named else said.c.country.not_in(countries)


def _day_number(when: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """Write a day as a number that adds up in years: 20100229."""
    year, month, day = (sa.cast(sa.extract(part, when), sa.Integer()) for part in ("year", "month", "day"))
    return year * 10_000 + month * 100 + day


def _moment(when: datetime) -> sa.ColumnElement[datetime]:
    return sa.cast(sa.literal(when, sa.DateTime(timezone=True)), sa.DateTime(timezone=True))
