"""What makes a yes count in this project: the words that people agreed to, how long it holds, and stricter rules.

`consent-texts.yaml` declares the words; with the file, a yes that names none of them counts for nothing. `consent:` in
hub.yaml adds to the law's rules, and can only take away from what they allow.
"""

from __future__ import annotations

import json
from datetime import date, datetime, time
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from hub.law import Basis, Span, Stricter, Terms, Text

ConsentChannel = Literal["email", "sms", "letter", "phone", "ads"]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True)


def _span(value: Any) -> Any:
    if isinstance(value, str):
        Span.parse(value)
    return value


SpanText = Annotated[
    str,
    BeforeValidator(_span, json_schema_input_type=Annotated[str, Field(pattern=r"^\d{1,3} (day|week|month|year)s?$")]),
]
Country = Annotated[str, Field(pattern="^[A-Z]{2}$")]


class ConsentText(_Form):
    """One version of a text that people agree to. Other words are another text, with a name of its own."""

    channels: list[ConsentChannel] = Field(min_length=1, description="Which channels it asks for.")
    purpose: Literal["marketing", "profiling"] = Field("marketing", description="What it asks for.")
    from_: date = Field(alias="from", description="The first day it was shown.")
    until: date | None = Field(None, description="The first day it was not shown any more: a later yes is none.")
    words: dict[Annotated[str, Field(pattern="^[a-z]{2}$")], Annotated[str, Field(min_length=1)]] = Field(
        min_length=1, description="The exact words, by language: {nl: ..., fr: ...}."
    )

    @model_validator(mode="after")
    def _ends_later(self) -> Self:
        if self.until is not None and self.until <= self.from_:
            raise ValueError("`until` is the first day it was not shown any more, and lies after `from`")
        return self

    @property
    def exactly(self) -> str:
        """Write what people agreed to in one canonical form: that is what is pinned."""
        given = {"channels": sorted(self.channels), "purpose": self.purpose, "words": self.words}
        return json.dumps(given, sort_keys=True, ensure_ascii=False)


class ConsentTextsFile(_Form):
    """consent-texts.yaml: the words that people agree to. With this file, a yes must name one of them."""

    texts: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")], ConsentText] = Field(
        description="The texts by name and version, as mappings name them in `text:`: shop-newsletter-v3."
    )


class StricterRule(_Form):
    """What you ask of a yes beyond the law. It can make nothing looser."""

    channels: list[ConsentChannel] = Field(default_factory=list, description="By which channels; all where absent.")
    countries: list[Country] = Field(
        default_factory=list, description="For people in which countries; all where absent. Unknown ones are meant too."
    )
    without: list[Basis] = Field(default_factory=list, description="Grounds that do not count: [soft opt-in].")
    age: int | None = Field(None, ge=1, le=120, description="From which age one's own yes counts, if that is higher.")

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not self.without and self.age is None:
            raise ValueError("say what is asked: grounds that do not count in `without`, or an `age`")
        if self.age is not None and self.channels:
            raise ValueError("an age is asked for all channels at once: leave `channels` out")
        return self


class ConsentSection(_Form):
    """What you ask of a yes beyond the law."""

    valid_for: SpanText | None = Field(
        None, description="How long a yes counts: 24 months. Without it, until it is taken back."
    )
    stricter: list[StricterRule] = Field(default_factory=list, description="Rules beside those of the law.")


def terms_of(section: ConsentSection, texts: ConsentTextsFile | None, timezone: str) -> Terms:
    """Give what a yes must meet, with days turned into moments."""
    zone = ZoneInfo(timezone)

    def moment(day: date) -> datetime:
        return datetime.combine(day, time(), zone)

    return Terms(
        texts=None
        if texts is None
        else tuple(
            Text(
                name, tuple(text.channels), text.purpose, moment(text.from_), moment(text.until) if text.until else None
            )
            for name, text in texts.texts.items()
        ),
        valid_for=Span.parse(section.valid_for) if section.valid_for is not None else None,
        stricter=tuple(
            Stricter(tuple(rule.channels), tuple(rule.countries), frozenset(rule.without), rule.age)
            for rule in section.stricter
        ),
        timezone=timezone,
    )
