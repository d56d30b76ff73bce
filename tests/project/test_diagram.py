"""A scenario drawn: every step, every arrow, and how many are where."""

from hub.project.diagram import Numbers, mermaid
from hub.project.scenario import Scenario

SCENARIO = {
    "scenario": "welcome",
    "who": "new people",
    "from": "prospect",
    "to": "first order",
    "trigger": {"any": [{"event": "account_created"}, {"of": "lead", "where": "topic <> 'x'"}]},
    "target": "true",
    "stop_when": "ordered",
    "valid_for": "14 days",
    "steps": [
        {"send": "welcome", "by": ["email", "sms"], "content": {"town": "city"}},
        {"wait": {"until": "clicked", "at_most": "7 days"}},
        {"if": "clicked", "then": "stop"},
        {"split": {"a": {"share": "30%", "steps": [{"wait": {"for": "1 day", "at": "09:00"}}]}, "b": {"share": "70%"}}},
        {"send": "reminder", "by": "email"},
    ],
}

DRAWN = """\
flowchart TD
    start("account_created or of lead where topic #lt;#gt; 'x'<br/>person, once") --> s1
    s1["send welcome<br/>by email, else sms<br/>3 messages"]
    s1 --> s2
    s2["wait until clicked, at most 7 days<br/>1,200 here"]
    s2 --> s3
    s3{"clicked"}
    s3 -- "yes" --> s4
    s3 -- "no" --> s5
    s4["end"]
    s4 --> finish
    s5{"split"}
    s5 -- "a: 30%" --> s6
    s5 -- "b: 70%" --> s7
    s6["wait 1 day, at 09:00"]
    s6 --> s7
    s7["send reminder<br/>by email"]
    s7 --> finish
    finish((end))
"""


def test_every_step_and_arrow_is_drawn_with_how_many_are_there() -> None:
    assert (
        mermaid(Scenario.model_validate(SCENARIO), {"wait": Numbers(1200), "welcome": Numbers(0, ("3 messages",))})
        == DRAWN
    )
