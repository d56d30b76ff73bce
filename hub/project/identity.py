"""identity.yaml: who is who. Which values say that two records are one person, and which never do."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hub.project.models import Form
from hub.project.survivorship import Golden


class IdentifierRule(Form):
    """How far a kind of identifier may be trusted."""

    strength: Literal["link", "attach", "none"] = Field(
        "link",
        description="link: records that share a value are one person. attach: it only brings anonymous visits to a "
        "person who is known otherwise. none: it is kept and links nothing.",
    )
    limit: int | None = Field(
        None, ge=1, description="A value that more records than this share is a crowd's, and links nothing."
    )


class IdentityFile(Form):
    """identity.yaml: who is who; without the file, the hub's own rules hold."""

    identifiers: dict[str, IdentifierRule] = Field(
        default_factory=dict, description="Rules by kind of identifier; what you leave out stays as the hub has it."
    )
    blocked: dict[str, list[str]] = Field(
        default_factory=dict,
        description="Values that point at nobody, by kind of identifier, added to the hub's own: `*` stands for any "
        "characters, as in `nomail@*`.",
    )
    golden: Golden = Field(Golden(), description="Which value a person keeps where the records differ.")
