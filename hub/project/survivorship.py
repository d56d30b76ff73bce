"""identity.yaml, `golden:`: which of several values a person keeps, field by field."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from hub.project.models import Form

RULES = {
    "newest": "the value of the record that its system changed last",
    "most frequent": "the value that most of the person's records give, capitals and accents apart",
    "longest": "the longest text",
    "verified": "a value from a record that its system verified: the column `verified` of a mapping",
}
"""The rules by their names; the name of a connection is a rule too: its records go before others."""


def _listed(value: Any) -> Any:
    """Read one rule as a list of one."""
    return [value] if isinstance(value, str) else value


_WORD = {
    "anyOf": [
        *({"const": name, "description": f"{text[0].upper()}{text[1:]}."} for name, text in RULES.items()),
        {"type": "string", "description": "A connection of hub.yaml: what it says goes first."},
    ]
}
Rules = Annotated[
    list[str],
    BeforeValidator(_listed),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [_WORD, {"type": "array", "items": _WORD, "minItems": 1}]}),
]


class Golden(Form):
    """Which value wins where a person's records differ.

    A rule is `newest`, `most frequent`, `longest`, `verified`, or the name of a connection, whose records then go
    before others. In a list, the first rule that tells two values apart decides. An empty value never wins. What no
    rule tells apart, the newest record decides, then the one with the smallest number.
    """

    default: Rules = Field(
        default_factory=lambda: ["newest"],
        description="The rule, or rules in order, of all fields that have none of their own; a rule that can't weigh "
        "a field, such as the longest date, is passed over there.",
    )
    fields: dict[str, Rules] = Field(
        default_factory=dict,
        description="Rules by field of person: given_name, birth_date, email, your own columns. `surname` brings its "
        "prefix and the partner's name along; `address` is chosen as a whole.",
    )
    from_one_record: list[list[str]] = Field(
        default_factory=list,
        description="Lists of columns of person that come from one record together. The first one leads: its "
        "rules choose, and a record without it is passed over.",
    )
