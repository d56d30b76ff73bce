"""Cases: examples that stand in a scenario or beside segments, and run as tests with `hub test`.

cases:
subscribes and makes an account on one day:
person: {email: anna@example.nl, consents: [email]}
activity:
- {type: newsletter_subscribed, at: 2026-03-02 10:00}
- {type: account_created, at: 2026-03-02 11:00}
expect: {messages: [{step: welcome_offer, channel: email, on: 2026-03-03}]}
"""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field, model_validator

from hub.project.consent_terms import ConsentChannel
from hub.project.models import Form

Row = dict[str, Any]


class CasePerson(Form):
    """Who a case is about: columns of `person`, and what is needed to write to them."""

    model_config = ConfigDict(extra="allow")

    key: str = Field("1", description="A name of your own for rows to refer to: `person: anna`.")
    consents: list[ConsentChannel] = Field(
        default_factory=list, description="The channels with consent for marketing from long before."
    )
    __pydantic_extra__: dict[str, Any]


class Given(Form):
    """What is known in a case: a person or several, and rows of tables of the shared schema.

    A row belongs to the first person unless `person` names another; `key` names the row itself, where others refer to
    it. Rows come in at their own time; two with one key are one row that changes.
    """

    model_config = ConfigDict(extra="allow")

    person: CasePerson | list[CasePerson] = Field(CasePerson(), description="Who it is about.")
    __pydantic_extra__: dict[str, list[Row]]

    @property
    def people(self) -> list[CasePerson]:
        """Give the people."""
        return self.person if isinstance(self.person, list) else [self.person]

    @property
    def tables(self) -> dict[str, list[Row]]:
        """Give the rows by their table."""
        return self.__pydantic_extra__ or {}

    @model_validator(mode="after")
    def _told_apart(self) -> Given:
        keys = [person.key for person in self.people]
        if len(set(keys)) != len(keys) or not keys:
            raise ValueError("several people need a `key:` each: [{key: anna, ...}, {key: bert, ...}]")
        return self


class Expected(Form):
    """What must be so at the end; only what is written is looked at, and each list is complete."""

    model_config = ConfigDict(extra="allow")

    messages: int | list[Row] | None = Field(
        None,
        description="How many messages were decided, or each of them: step, template, channel, on (the day), at (the "
        "moment), person.",
    )
    ends: list[str] | str | None = Field(
        None,
        description="How the ways ended: a reason, or its beginning: interrupted, came to its end, too late. Who is "
        "still under way: active.",
    )
    entries: int | None = Field(None, description="How often somebody entered.")
    __pydantic_extra__: dict[str, list[Row]]

    @property
    def tables(self) -> dict[str, list[Row]]:
        """Give the rows that must be there, by their table."""
        return self.__pydantic_extra__ or {}


class ScenarioCase(Given):
    """One example: who, what happens on which day, and what the scenario must do."""

    until: str | None = Field(
        None,
        description="The last day: 2026-03-31. Where absent, so long after the last row that nothing can be under way.",
    )
    expect: Expected = Field(description="What must be so.")


class Belonging(Form):
    """Which segments the person must be in."""

    in_: list[str] = Field(default_factory=list, alias="in", description="These segments.")
    not_in: list[str] = Field(default_factory=list, description="None of these segments.")


class SegmentCase(Given):
    """One example: who, what is known, and which segments the first person is in at a moment."""

    at: str = Field(description="The day or moment: 2026-03-31.")
    expect: Belonging = Field(description="What must be so.")
