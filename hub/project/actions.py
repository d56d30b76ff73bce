"""Steps of a scenario that do something else than write to somebody: audiences, fields, tasks, banners, posted rows.

- add_to: winback
for: 30 days
- set: {offered_model: interest}
- task: Ring about the test drive
to: sales desk
by: phone
due: 2 days
- banner: toys_again
at: home
for: 14 days
- post: warm_lead
to: crm
content: {email: email, score: lead_score}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from hub.project.consent_terms import ConsentChannel
from hub.project.lengths import Length
from hub.project.models import Expression, Form
from hub.project.sync import SyncConsent

Path = tuple[str | int, ...]


class AddTo(Form):
    """Add the person to an audience. Who is in it already stays in it, as long as the longer of the two lasts."""

    add_to: str = Field(description="The audience, by a name of your own: in_audience('NAME') asks for it.")
    for_: Length | None = Field(None, alias="for", description="How long; until a step removes them where absent.")
    name: str | None = Field(None, description="The step's own name.")


class RemoveFrom(Form):
    """Take the person out of an audience."""

    remove_from: str = Field(description="The audience.")
    name: str | None = Field(None, description="The step's own name.")


class SetFields(Form):
    """Keep values about the person, each with its moment; a trait over `person_field` reads them."""

    set_: dict[str, Expression] = Field(alias="set", min_length=1, description="The values, by names of your own.")
    name: str | None = Field(None, description="The step's own name.")


class Task(Form):
    """Give a colleague something to do for the person. It is withdrawn where the way is interrupted before it is done.

    With `by`, the person is approached over that channel: it needs the consent for the scenario's purpose.
    """

    task: str = Field(description="What is to be done, in words.")
    to: str = Field(description="Who does it: a desk or a team.")
    by: ConsentChannel | None = Field(None, description="The channel by which the person is approached.")
    due: Length | None = Field(None, description="How soon it should be done.")
    done_when: Expression | None = Field(
        None, description="A condition that tells that it is done: happened('test_drive')."
    )
    content: dict[str, Expression] = Field(default_factory=dict, description="What goes with it, by name.")
    name: str | None = Field(None, description="The step's own name.")


class Banner(Form):
    """Let a site or an app show something to the person, when it asks. An interruption of the way ends it."""

    banner: str = Field(description="Which banner.")
    at: str = Field(description="Where it is shown, by a name that the site asks for: home.")
    for_: Length = Field(alias="for", description="How long it is shown: 14 days.")
    content: dict[str, Expression] = Field(default_factory=dict, description="What goes with it, by name.")
    name: str | None = Field(None, description="The step's own name.")


class Post(Form):
    """Hand a row to another system: a webhook, a list, a CRM. It goes once, under a key that is always the same."""

    post: str = Field(description="What the row is there: the name of the list or object.")
    to: str = Field(description="The connection that takes it.")
    content: dict[str, Expression] = Field(min_length=1, description="Its fields, by their name there.")
    consent: SyncConsent | None = Field(
        None,
        description="The consent that the person must have given, now and at the moment it goes; marketing scenarios "
        "need it.",
    )
    name: str | None = Field(None, description="The step's own name.")


Action = AddTo | RemoveFrom | SetFields | Task | Banner | Post

ACTION_KEYS = ("add_to", "remove_from", "set", "task", "banner", "post")
"""The keys by which these steps are known."""

Kind = Literal["condition", "value"]


def expressions_of(step: Action) -> Iterator[tuple[Path, Kind, str]]:
    """Give the expressions of a step: the keys that lead to each, what it must be, and its text."""
    match step:
        case SetFields():
            yield from ((("set", name), "value", text) for name, text in step.set_.items())
        case Task():
            if step.done_when is not None:
                yield ("done_when",), "condition", step.done_when
            yield from ((("content", name), "value", text) for name, text in step.content.items())
        case Banner() | Post():
            yield from ((("content", name), "value", text) for name, text in step.content.items())


def told(step: Action) -> str:
    """Say in a few words what a step does."""
    match step:
        case AddTo():
            return f"add to {step.add_to}" + (f"\nfor {step.for_}" if step.for_ else "")
        case RemoveFrom():
            return f"remove from {step.remove_from}"
        case SetFields():
            return f"set {', '.join(step.set_)}"
        case Task():
            return f"task: {step.task}\nto {step.to}" + (f", by {step.by}" if step.by else "")
        case Banner():
            return f"banner {step.banner}\nat {step.at}, for {step.for_}"
        case Post():
            return f"post {step.post}\nto {step.to}"
