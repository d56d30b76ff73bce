"""identity.yaml: who is who. Which values say that two records are one person, and which never do."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hub.project.matching import MatchRules
from hub.project.models import Form
from hub.project.survivorship import Golden

Strength = Literal["link", "attach", "none"]
NameField = Literal["name", "given_name", "surname", "birth_date"]
KeyField = Literal["given_name", "initial", "surname", "birth_date", "address"]

BUILT_IN_KINDS = ("email", "phone", "customer_number", "loyalty_card", "device", "email_hash")
"""The kinds of identifiers that every project has."""

BUILT_IN_SCOPED = ("customer_number",)
"""Those that mean something within one system only; their values carry its name."""


class IdentifierRule(Form):
    """How far a kind of identifier may be trusted; what you leave out stays as the hub has it.

    A kind that the hub does not know is your own: mappings may then give it, and it links unless you say otherwise.
    """

    strength: Strength | None = Field(
        None,
        description="link: records that share a value are one person. attach: it only brings anonymous visits to a "
        "person who is known otherwise. none: it is kept and links nothing. Default: link; attach for device.",
    )
    limit: int | None = Field(
        None,
        ge=1,
        description="A value that more records than this share is a crowd's, and links nothing. Default: 40.",
    )
    agree: list[NameField] | None = Field(
        None,
        description="What must not contradict before a shared value links two records, as far as both tell it. name: "
        "given name or surname agrees. given_name: short forms, initials and slips of typing agree; another surname "
        "may be a marriage. surname; birth_date. Empty: the value is enough. Default: [given_name, birth_date] for "
        "phone; [given_name] for email and email_hash; [name] for all others.",
    )
    scope: Literal["everywhere", "connection"] | None = Field(
        None,
        description="For a kind of your own. connection: a value counts only inside the system that gave it, as a "
        "customer number does. Default: everywhere.",
    )


class IdentityFile(Form):
    """identity.yaml: who is who; without the file, the hub's own rules hold."""

    identifiers: dict[str, IdentifierRule] = Field(
        default_factory=dict, description="Rules by kind of identifier; what you leave out stays as the hub has it."
    )
    together: list[list[KeyField]] | None = Field(
        None,
        description="Fields that make two records one person when all of them are equal. Given names and birth "
        "dates must not contradict besides. Default: initial, surname and birth date; birth date and address; initial, "
        "surname and address. Empty: none.",
    )
    blocked: dict[str, list[str]] = Field(
        default_factory=dict,
        description="Values that point at nobody, by kind of identifier, added to the hub's own: `*` stands for any "
        "characters, as in `nomail@*`.",
    )
    golden: Golden = Field(Golden(), description="Which value a person keeps where the records differ.")

    match: MatchRules | None = Field(
        None, description="Links by probability, with the extra `schakel[match]`; `match: {}` takes the defaults."
    )

    @property
    def kinds(self) -> tuple[str, ...]:
        """Give every kind of identifier that mappings may fill."""
        return (*BUILT_IN_KINDS, *(kind for kind in self.identifiers if kind not in BUILT_IN_KINDS))

    @property
    def scoped(self) -> tuple[str, ...]:
        """Give the kinds whose values count only inside one system."""
        own = (kind for kind, rule in self.identifiers.items() if rule.scope == "connection")
        return tuple(dict.fromkeys((*BUILT_IN_SCOPED, *own)))
