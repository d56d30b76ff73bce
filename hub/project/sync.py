"""syncs/*.yaml: keep rows at a destination as they are here: an audience, a list, the fields of a CRM.

sync: gold_customers
from: {segment: gold}
to: {connection: ads, object: Customers A}
fields: {email: sha256(email), first_name: given_name}
consent: {channel: ads}
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hub.project.consent_terms import ConsentChannel
from hub.project.models import Expression, Form, Percentage, Purpose

Mode = Literal["mirror", "upsert", "add", "update", "fill_empty"]
Leaving = Literal["remove", "clear", "keep", "delete"]
Owner = Literal["hub", "system"]

SOURCE_TIME = "source_time"
PERSON = "person"
"""The table of which the rows are people, with their traits and scores."""


class SyncFrom(Form):
    """Who or what is synced: exactly one of segment and table."""

    segment: str | None = Field(None, description="The segment whose members go.")
    table: str | None = Field(
        None,
        description="The table whose rows go: one that mappings fill, your own too; or person, for everybody with "
        "their traits and scores.",
    )
    where: Expression | None = Field(
        None, description="With a table: only these rows; the others count as having left."
    )


class SyncTo(Form):
    """Where it goes."""

    connection: str = Field(description="The connection that takes rows.")
    object: str = Field(description="What it is called there: an audience, a list, a table.")


class SyncConsent(Form):
    """The consent that each person must have given."""

    channel: ConsentChannel = Field(description="What may be done: write by that channel, call, or show ads.")
    purpose: Purpose = Field(
        "marketing", description="What for. service needs no yes, and goes to nobody who refused it."
    )


class ComesBack(Form):
    """How what is written comes back with the system's own rows, where names alone do not tell."""

    in_: str = Field(alias="in", description="The raw table that the rows come back in.")
    key: str | None = Field(
        None,
        description="The raw column that holds the sync's key; by default, rows are known by the id that the system "
        "gave them, or else by their key.",
    )
    fields: dict[str, str] = Field(
        default_factory=dict, description="Fields that the raw table calls otherwise: field: raw column."
    )


class Guards(Form):
    """What holds a sync, a scheduled one too, until a person has looked; removals of who refuses always go."""

    removes: Percentage = Field(0.2, description="Hold when a run would take out a larger share of the rows there.")
    rows: int | None = Field(None, ge=1, description="Hold when a run would change more rows than this.")
    drop: Percentage | None = Field(
        None, description="Hold when the source has shrunk by a larger share since the last run that was not held."
    )
    may_be_empty: bool = Field(
        False, description="An empty source is no mistake; without this it holds, as long as rows are there."
    )


class Sync(Form):
    """syncs/*.yaml: keep rows at a destination as they are here."""

    sync: str = Field(description="Its name, in one word.")
    from_: SyncFrom = Field(alias="from", description="Who or what is synced.")
    to: SyncTo = Field(description="Where they go.")
    key: Expression | None = Field(
        None,
        description="What tells rows apart at the destination; for people their number where absent, a table needs it. "
        "A row with an empty key does not go.",
    )
    shared_key: Literal["invalid", "first"] = Field(
        "invalid",
        description="What happens where several have one key and differ in a field. invalid: none of them goes. "
        "first: the one whom the hub has known longest goes.",
    )
    fields: dict[str, Expression] = Field(
        description="What goes along, by the name of the field there. Over a table whose rows belong to people, "
        "person.NAME is the person's column, trait or score."
    )
    mode: Mode = Field(
        "mirror",
        description="mirror: rows there are made, changed and taken out. upsert: made and changed. add: made, and then "
        "left alone. update: changed where they are there, never made. fill_empty: fields that are empty there are "
        "filled, and nothing else is touched.",
    )
    leaving: Leaving | None = Field(
        None,
        description="What happens to those who leave. remove: out of the audience or list. clear: the fields are "
        "emptied. delete: the row is deleted. keep: nothing. Default: remove for mirror, else keep.",
    )
    consent: SyncConsent | None = Field(
        None, description="What people must have agreed to; without it nobody goes: consent fails closed."
    )
    write_back: bool = Field(
        False,
        description="In place of consent: facts go back to a system that already holds these people, and to no "
        "other. Only people, or rows, that came from the connection go.",
    )
    comes_back: ComesBack | None = Field(
        None,
        description="How what is written comes back with the rows of that system: the hub's own values are no news. "
        "Needed only where the raw table is not called like `object`, or its columns not like `fields`.",
    )
    owner: Owner = Field(
        "system",
        description="Who has the last word where somebody changes a field there. system: it stays until the hub has "
        "another value. hub: it is written again, once for each other value.",
    )
    guards: Guards = Field(Guards(), description="What holds the sync until a person has looked.")
    schedule: str | None = Field(
        None,
        description="When it runs, as a cron expression in the project's time zone; without it, with `engage`.",
    )

    @property
    def of_people(self) -> bool:
        """Say whether each row is a person."""
        return self.from_.table in (None, PERSON)

    @property
    def row_key(self) -> str:
        """Give the expression of the key."""
        return self.key if self.key is not None else "person_id"

    @property
    def versions(self) -> frozenset[str]:
        """Name the fields that say how far the hub has read: `source_time` alone. That it goes on is no difference."""
        return frozenset(name for name, text in self.fields.items() if text.strip() == SOURCE_TIME)

    @property
    def never_shared(self) -> bool:
        """Say whether no two rows can have one key."""
        return self.of_people and self.row_key == "person_id"

    @property
    def on_leaving(self) -> Leaving:
        """Say what happens to those who leave."""
        return self.leaving or ("remove" if self.mode == "mirror" else "keep")
