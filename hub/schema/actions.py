"""The tables that steps of scenarios fill: audiences, fields, tasks for people, banners, rows for other systems.

Their rows belong to people like all others, so traits, segments, conditions, exports and the person's file know them
without more. `connection` is `hub`, and `source_key` is derived from the way through the scenario and its step: doing
a step twice writes the same row.
"""

from __future__ import annotations

from hub.schema.shape import Column, Table

C = Column

HUB = "hub"
"""The `connection` of rows that the hub itself writes."""

DECIDED_BY = (
    C("enrolment_id", "text", "The way through the scenario that it comes from.", "enrolment"),
    C("scenario", "text", "The scenario."),
    C("step", "text", "The step of that scenario."),
)

ACTIONS = (
    Table(
        "audience_member",
        "actions",
        "Who is in an audience that scenarios fill, from when until when.",
        (
            C("audience", "text", "The audience."),
            C("since", "timestamp", "When the person was added."),
            C("until", "timestamp", "When the person left, or will leave; empty while nothing ends it."),
            *DECIDED_BY,
        ),
        personal=True,
        time="since",
    ),
    Table(
        "person_field",
        "actions",
        "A field of a person that a scenario set; history is kept, and the newest counts.",
        (
            C("field", "text", "The field."),
            C("value", "text", "Its value, as text."),
            C("at", "timestamp", "When it was set."),
            *DECIDED_BY,
        ),
        personal=True,
        time="at",
    ),
    Table(
        "task",
        "actions",
        "Something that a colleague is to do for a person: ring, write, look into it.",
        (
            C("subject", "text", "What is to be done."),
            C("assigned_to", "text", "Who does it: a desk or a team."),
            C("channel", "text", "How the person is approached; empty where the person is not."),
            C("at", "timestamp", "When it was given."),
            C("due_at", "timestamp", "When it should be done."),
            C("state", "text", "open, done, withdrawn (the way was interrupted), or refused."),
            C("reason", "text", "Why it was refused or withdrawn."),
            C("closed_at", "timestamp", "When it was done or withdrawn."),
            C("content", "text", "What goes with it, as JSON."),
            *DECIDED_BY,
        ),
        personal=True,
        time="at",
    ),
    Table(
        "banner",
        "actions",
        "What a site or an app shows a person when it asks, while it holds.",
        (
            C("banner", "text", "Which banner."),
            C("place", "text", "Where it is shown."),
            C("at", "timestamp", "From when."),
            C("until", "timestamp", "Until when; the moment of the interruption where the way was interrupted."),
            C("content", "text", "What goes with it, as JSON."),
            *DECIDED_BY,
        ),
        personal=True,
        time="at",
    ),
    Table(
        "posted_row",
        "actions",
        "A row for another system: a webhook, a list, a CRM.",
        (
            C("destination", "text", "The connection that takes it."),
            C("target", "text", "What it is there."),
            C("content", "text", "Its fields, as JSON."),
            C("at", "timestamp", "When it was decided."),
            C("expires_at", "timestamp", "After this moment it is not sent any more."),
            C("consent_channel", "text", "The channel whose consent it needs; empty where it needs none."),
            C("consent_purpose", "text", "The purpose of that consent."),
            C("state", "text", "waiting, taken, rejected, refused or expired."),
            C("reason", "text", "Why it was not taken."),
            C("remote_id", "text", "The other system's own reference."),
            C("settled_at", "timestamp", "When the other system answered."),
            *DECIDED_BY,
        ),
        personal=True,
        time="at",
    ),
)

FILLED_BY_DECIDE = frozenset({"message", *(table.name for table in ACTIONS)})
"""The tables in which scenarios leave what they did: what is computed from them may change after they decided."""
