"""The tables of results: what scenarios brought, by channel, way, time and group; without persons (R35, R39).

`measure` fills them. `message_outcome` and `message_group` are its memory, by message; `scenario_result` is what
people look at.
"""

from __future__ import annotations

from hub.schema.shape import Column, Table

C = Column

RESULTS = (
    Table(
        "scenario_result",
        "derived",
        "What the messages of a scenario came to, cut in several ways; groups of few people are hidden.",
        (
            C("scenario", "text", "The scenario."),
            C("cut", "text", "all, channel, step, variant, weekday, hour, group, group_weekday or group_hour."),
            C("channel", "text", "The channel; empty in the cut `all`."),
            C("step", "text", "The step that sent them, in the cut `step`."),
            C(
                "variant",
                "text",
                "The way on which a split led them, in the cut `variant`; `none` before or without one.",
            ),
            C("grouped_by", "text", "By which trait, column or segment people are grouped, in the cuts by group."),
            C("group_value", "text", "The group: a value, `yes` or `no` for a segment, or `unknown`."),
            C(
                "weekday",
                "integer",
                "The day on which they were sent, 1 Monday to 7 Sunday, in the project's time zone.",
            ),
            C("hour", "integer", "The hour in which they were sent, 0 to 23, in the project's time zone."),
            C("hidden", "boolean", "Whether too few people are in it to tell, or it would give another such row away."),
            C("people", "integer", "To how many people they went."),
            C("sent", "integer", "Messages that went out; those refused, cancelled or expired before are none."),
            C("delivered", "integer", "Of these, messages that arrived."),
            C("opened", "integer", "Messages that somebody opened; programs that open mails do not count."),
            C("clicked", "integer", "Messages of which somebody followed a link."),
            C("unsubscribed", "integer", "Messages after which somebody unsubscribed."),
            C("bounced", "integer", "Messages that came back."),
            C("complained", "integer", "Messages that somebody called spam."),
            C(
                "conversions",
                "integer",
                "Messages after which the goal was reached, before the next message of the way.",
            ),
            C("revenue", "number", "What that was worth."),
            C("cost", "number", "What sending cost, where hub.yaml tells it for each channel."),
            C("roi", "number", "Revenue less cost, as a share of the cost."),
            C("as_of", "timestamp", "The moment it is true for."),
        ),
        mapped=False,
        key=("scenario", "cut"),
    ),
    Table(
        "message_outcome",
        "operations",
        "What became of each message that a scenario sent: what `scenario_result` adds up.",
        (
            C("decision_id", "text", "The message.", "decision"),
            C("scenario", "text", "The scenario."),
            C("channel", "text", "The channel."),
            C("step", "text", "The step."),
            C("variant", "text", "The way on which a split led it."),
            C("at", "timestamp", "When it was decided."),
            C("weekday", "integer", "The local day of the week, 1 Monday to 7 Sunday."),
            C("hour", "integer", "The local hour."),
            C("sent", "boolean", "Whether it went out."),
            C("delivered", "boolean", "Whether it arrived."),
            C("opened", "boolean", "Whether a reader opened it."),
            C("clicked", "boolean", "Whether a reader followed a link."),
            C("unsubscribed", "boolean", "Whether somebody unsubscribed from it."),
            C("bounced", "boolean", "Whether it came back."),
            C("complained", "boolean", "Whether somebody called it spam."),
            C("converted", "boolean", "Whether the goal was reached after it, before the next message."),
            C("revenue", "number", "What that was worth."),
        ),
        mapped=False,
        key=("decision_id",),
    ),
    Table(
        "message_group",
        "operations",
        "In which groups the person was when the message was decided: what came after it can't move it elsewhere.",
        (
            C("decision_id", "text", "The message.", "decision"),
            C("grouped_by", "text", "The trait, column or segment."),
            C("group_value", "text", "The group."),
        ),
        mapped=False,
        key=("decision_id", "grouped_by"),
    ),
)
