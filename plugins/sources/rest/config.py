"""What an admin writes to read a JSON API: how it is signed in to, its lists, and what of them is new."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from hub.errors import ConfigurationError
from hub.incoming import SCHEMES, Clock, Scheme, public_key
from hub.outgoing import AddressConfig
from hub.units import Duration, Rates
from plugins.destinations.rest.config import Erase, Mail, WrittenObject


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Auth(_Part):
    """How the API knows who asks."""

    type: Literal["bearer", "basic", "api_key", "oauth2"] = Field(description="bearer, basic, api_key or oauth2.")
    token: SecretStr | None = Field(None, description="The token (bearer) or the key (api_key).")
    user: str | None = Field(None, description="The user (basic).")
    password: SecretStr | None = Field(None, description="The password (basic).")
    name: str = Field("Authorization", description="The header or parameter of an api_key.")
    place: Literal["header", "query", "form"] = Field(
        "header", description="Where an api_key goes; form: lists are asked for by POST, with the key in a form."
    )
    token_url: str | None = Field(None, description="Where access tokens are handed out (oauth2).")
    client_id: str | None = Field(None, description="Whom the API knows the hub as (oauth2).")
    client_secret: SecretStr | None = Field(None, description="The secret of the client (oauth2).")
    refresh_token: SecretStr | None = Field(
        None, description="What a person's consent gave (oauth2); without it the client signs in as itself."
    )
    service_account: Path | None = Field(
        None, description="The key file of a service account (JSON), which signs in as itself (oauth2)."
    )
    scope: str | None = Field(None, description="What the token is to allow, with spaces between (oauth2).")

    @model_validator(mode="after")
    def _complete(self) -> Auth:
        if self.type == "basic" and (self.user is None or self.password is None):
            raise ValueError("basic needs `user` and `password`")
        if self.type in ("bearer", "api_key") and self.token is None:
            raise ValueError(f"{self.type} needs `token`")
        own = None not in (self.token_url, self.client_id, self.client_secret)
        if self.type == "oauth2" and self.service_account is None and not own:
            raise ValueError("oauth2 needs `token_url`, `client_id` and `client_secret`, or a `service_account`")
        return self


class Paginate(_Part):
    """How the API hands out a long list. Paths (`next`, `total`) are JSONPath, such as meta.next."""

    by: Literal["page", "offset", "cursor", "link", "header", "moment", "none"] = Field(
        description="page numbers, offsets, a cursor or link in the answer, a Link header, or none: one page. moment: "
        "each page begins at the moment of the last item before it, so that nothing that changes or goes meanwhile "
        "moves another out of sight; for a list in the order of its `cursor`."
    )
    param: str | None = Field(None, description="The parameter for the page, the offset or the cursor.")
    size: int | None = Field(None, gt=0, description="How many items a page has.")
    size_param: str | None = Field(None, description="The parameter for the size; by default limit.")
    first: int = Field(1, description="The number of the first page.")
    next: str | None = Field(None, description="Where the answer holds the next cursor or link.")
    total: str | None = Field(
        None, description="Where the answer holds the number of pages or items; else: until a page is empty."
    )
    counts: Literal["pages", "items"] = Field(
        "pages", description="What `total` counts, by page: items, where the API gives its last page again and again."
    )

    within: Literal["offset", "page"] = Field(
        "offset", description="By moment: what `param` counts where a page is full of items of one moment."
    )
    until: dict[str, bool] = Field(
        {}, description="What the last answer says, where a link or cursor is always there: {end_of_stream: true}."
    )

    @model_validator(mode="after")
    def _items_can_be_counted(self) -> Paginate:
        if self.counts == "items" and (self.by != "page" or self.size is None or self.total is None):
            raise ValueError("`counts: items` is for `by: page`, and needs `size` and `total`")
        return self


class Cursor(_Part):
    """Which field grows with every change."""

    field: str = Field(description="The field of an item, such as updated_at.")
    param: str | None = Field(
        None, description="The parameter that asks for items from a moment on; without it all are asked for."
    )
    initial: str | int | None = Field(None, description="The value of the parameter in the first run.")
    after: bool = Field(
        False, description="The API leaves out the very moment that it is given (>): ask from a second earlier."
    )
    ordered: bool = Field(
        False,
        description="The API gives the list in the order of this field, the oldest first: where an allowance is used "
        "up halfway, what came is kept, and the next run goes on there. `by: moment` is always so.",
    )
    overlap: Duration | None = Field(
        None,
        description="How long a change may take to become visible: so far each run looks back, by the API's clock, and "
        "lands nothing twice. For fields that hold moments in ISO 8601, or seconds since 1970.",
    )
    write: str = Field(
        "{value}", pattern=r"\{value\}", description="How the parameter is written: greater-or-equal(updated,{value})."
    )

    @model_validator(mode="after")
    def _looks_back(self) -> Cursor:
        if self.overlap is not None and self.overlap <= timedelta(0):
            raise ValueError("`overlap` is longer than nothing")
        return self


class LookUp(_Part):
    """A column that another list knows: the name of a product, by its number."""

    list: str = Field(description="The other list.")
    by: str = Field(description="Where an item says which one of them: product_id.")
    key: str = Field("id", description="Where those of the other list have their key.")
    field: str = Field(description="Where they have the value.")


_LOOK_UP: Any = Field(
    {}, description="Columns that another list knows: {product: {list: products, by: product_id, field: name}}."
)


class InnerList(_Part):
    """A list inside an item, by the name of its table."""

    at: str = Field(description="Where it stands in the item: line_items, or order.lines.")
    carry: dict[str, str] = Field(
        description="Columns that each entry gets from its item: {order_id: id}; they lead back to it."
    )
    look_up: dict[str, LookUp] = _LOOK_UP


class RestResource(_Part):
    """One list of things."""

    path: str = Field(description="The path below `url`.")
    body: dict[str, Any] | None = Field(
        None,
        description="Ask by POST with this JSON (GraphQL); every `param` is then a path in it: variables.after.",
    )
    error_at: str | None = Field(None, description="Where an answer of 200 holds an error, as GraphQL's do: errors.")
    busy: list[str] = Field([], description="Words in such an error that mean: later.")
    data: str | None = Field(None, description="Where the answer holds the items (JSONPath); by default it is found.")
    rate: Rates = Field((), description="The most that this list may be asked for, where that is less: 10/min.")
    may_lack: bool = Field(
        False, description="An answer without the list at `data` is an empty list; else it is an error."
    )
    for_each: dict[str, str] = Field(
        {},
        max_length=1,
        description="Read it once for every item of another list: {event: events.slug} puts the slug of each of the "
        "`events` into `{event}` of the path, and into a column `event`.",
    )
    paginate: Paginate = Field(Paginate(by="none"), description="How to get the pages.")
    params: dict[str, str | int | bool | list[str]] = Field(
        {}, description="Parameters of every request; one with a list is given once for each."
    )
    cursor: Cursor | None = Field(None, description="How to ask for what is new.")
    flat: bool = Field(
        False, description="Whether objects in an item become columns of their own: billing.email is billing_email."
    )
    columns: dict[str, str] = Field(
        {}, description="What of an item lands, by column: {day: dimensionValues.0.value}. By default all of it."
    )
    lists: dict[str, InnerList] = Field(
        {}, description="Lists inside an item that become tables of their own, such as the lines of an order."
    )
    look_up: dict[str, LookUp] = _LOOK_UP

    @property
    def in_order(self) -> bool:
        """Whether it comes in the order of its cursor, so that it can be read in parts."""
        return self.cursor is not None and (self.cursor.ordered or self.paginate.by == "moment")

    @property
    def look_ups(self) -> tuple[LookUp, ...]:
        """Give all that is looked up in other lists, for its items and for the lists inside them."""
        inner = [found for each in self.lists.values() for found in each.look_up.values()]
        return (*self.look_up.values(), *inner)

    @model_validator(mode="after")
    def _goes_by_moments_of_its_cursor(self) -> RestResource:
        if self.paginate.by == "moment" and (self.cursor is None or self.cursor.param is None):
            raise ValueError("`by: moment` needs a `cursor` with a `param`")
        if self.paginate.by == "moment" and self.body is not None:
            raise ValueError("`by: moment` asks with parameters, not with a `body`")
        return self

    @model_validator(mode="after")
    def _is_read_for_each_of_another(self) -> RestResource:
        for name, source in self.for_each.items():
            if f"{{{name}}}" not in self.path or not all(source.partition(".")):
                raise ValueError(f"`for_each` fills {{{name}}} in `path` from a field of a list: {name}: list.field")
            if self.cursor is not None:
                raise ValueError("a list that is read `for_each` item of another has no `cursor`")
        return self


class Push(_Part):
    """What the API tells by itself (a webhook), at `/in/<connection>`."""

    table: str | None = Field(
        None, description="The raw table in which it lands; one that is a list's name gets rows of the list's shape."
    )
    topic: str = Field("", description="The header that says what it is about, such as X-WC-Webhook-Topic.")
    topic_at: str = Field(
        "", description="Or where each thing that `data` holds says it, or else the whole body: subscriptionType."
    )
    tables: dict[str, str] = Field(
        {},
        description="The raw table by what it is about, where `*` stands for anything: {ticket.*: ticket_events}. What "
        "is about something else brings nothing.",
    )
    id: list[str] = Field(
        min_length=1,
        description="Where it says what tells two of them apart: [notification_id], or [id, updated_at]; in each thing "
        "that `data` holds, or else in the whole body.",
    )
    delivery: str = Field("", description="A header that names the delivery, where that tells two apart as well.")
    data: str = Field("", description="Where the body holds what lands; by default all of it.")
    columns: dict[str, dict[str, str]] = Field(
        {},
        description="What of each thing lands, by table and column: {contact_events: {contact: objectId}}; in the "
        "thing, or else in the whole body. Of a table that is not named, all of the thing.",
    )
    ping: str | None = Field(
        None,
        description="A pattern of a whole body that only asks whether somebody is there, unsigned: it is answered, and "
        "brings nothing.",
    )
    signed: Literal[
        "path",
        "header",
        "standard",
        "hubspot",
        "klaviyo",
        "sendgrid",
        "shopify",
        "typeform",
        "woocommerce",
        "zendesk",
    ] = Field(
        description="As that vendor signs; or the secret ends our address (path), Standard Webhooks (standard), or a "
        "header with a signature (header)."
    )
    secret: SecretStr = Field(
        description="The secret that only the API and the hub know; of ECDSA the API's public key, in base64 (DER)."
    )
    algorithm: Literal["hmac", "ecdsa"] = Field(
        "hmac", description="How the header is made: an HMAC-SHA-256, or ECDSA with P-256 and SHA-256."
    )
    header: str = Field("", description="The header with the signature, such as X-WC-Webhook-Signature.")
    encoding: Literal["base64", "hex"] = Field("base64", description="How the header writes it.")
    prefix: str = Field("", description="What stands before it in the header, such as sha256=.")
    over: str = Field(
        "{body}", description="What is signed, of {method}, {url}, {body} and {time}, such as {time}.{body}."
    )
    time: str = Field("", description="The header that is {time}; a push that is too old is refused.")
    clock: Clock = Field("seconds", description="How it writes the time: seconds or milliseconds, iso, or http.")

    @property
    def scheme(self) -> Scheme:
        """Say how it is signed, where a header holds the signature."""
        if self.signed == "header":
            return Scheme(
                self.header, self.over, self.encoding, self.prefix, self.time, self.clock, algorithm=self.algorithm
            )
        return SCHEMES[self.signed]

    @model_validator(mode="after")
    def _names_its_header(self) -> Push:
        if (self.signed == "header") != bool(self.header):
            raise ValueError("`signed: header` and `header` go together")
        own = {"algorithm", "encoding", "prefix", "over", "time", "clock"} & self.model_fields_set
        if own and self.signed != "header":
            raise ValueError(f"{', '.join(sorted(own))}: only with `signed: header`; a vendor's way is known")
        if ("{time}" in self.over) != bool(self.time):
            raise ValueError("`time` names the header that stands in `over` as {time}")
        return self

    @model_validator(mode="after")
    def _key_can_be_read(self) -> Push:
        if self.signed not in ("path", "standard") and self.scheme.algorithm == "ecdsa":
            try:
                public_key(self.secret.get_secret_value())
            except ConfigurationError as error:
                raise ValueError(str(error)) from None
        return self

    @model_validator(mode="after")
    def _has_a_table(self) -> Push:
        told = [bool(self.topic), bool(self.topic_at)].count(True)
        if (self.table is None) == (not self.tables) or told != bool(self.tables):
            raise ValueError("say where it lands: `table`, or `tables` and one of `topic` and `topic_at`")
        for name in self.columns.keys() - {self.table, *self.tables.values()}:
            raise ValueError(f"`columns` names '{name}', in which nothing lands")
        return self

    @model_validator(mode="after")
    def _asks_with_a_pattern(self) -> Push:
        try:
            re.compile(self.ping or "")
        except re.error:
            raise ValueError("`ping` is no regular expression") from None
        return self


class RestConfig(AddressConfig):
    """Which API, which of its lists are read, and what is written there."""

    plugin: Literal["rest"] = "rest"
    url: str = Field(description="What all paths begin with.")
    auth: Auth | None = Field(None, description="How the API knows who asks.")
    whoami: str | None = Field(
        None,
        description="A path that is answered only to those who are signed in, asked before anything is read: for an "
        "API that answers a wrong key as it answers strangers.",
    )
    headers: dict[str, str] = Field({}, description="Headers of every request; never secrets.")
    resources: dict[str, RestResource] = Field({}, description="The lists to read, by the name of their table.")
    objects: dict[str, WrittenObject] = Field(
        {}, description="What syncs write, by the name that they use; '*' takes every other name, as {object}."
    )
    push: Push | None = Field(None, description="What the API sends to us by itself, and how it is told from others.")
    mail: Mail | None = Field(None, description="How the e-mails of scenarios are sent.")
    erase: list[Erase] = Field(
        [], description="How a person's record is erased there: requests, of which the first is made that can be."
    )
    batch_size: int = Field(500, ge=1, description="How many rows or e-mails go over one connection.")
    rate: Rates = Field((), description="The most the API takes, of reading and of writing: 10/s, or [10/s, 5000/day].")
    concurrency: int = Field(1, ge=1, le=32, description="How many connections may be open at once.")
    retriable: frozenset[int] = Field(
        frozenset({408, 425, 429, 503}), description="Statuses that say: not taken, try again later."
    )
    timeout: float = Field(30.0, gt=0, description="Seconds to wait for the answer to what is sent.")
    authority: Path | None = Field(
        None, description="A PEM file with the root certificate of the API, where this machine does not trust it."
    )

    @model_validator(mode="after")
    def _does_something(self) -> RestConfig:
        if not (self.resources or self.objects or self.mail or self.push):
            raise ValueError("say what is read (`resources`, `push`) or what is sent (`objects`, `mail`)")
        return self

    @model_validator(mode="after")
    def _signs_what_it_writes(self) -> RestConfig:
        if self.auth is not None and self.auth.place == "form" and (self.objects or self.mail):
            raise ValueError("`place: form` is for reading; what is written takes its key in a header or the query")
        return self

    @model_validator(mode="after")
    def _lists_exist(self) -> RestConfig:
        for name, settings in self.resources.items():
            for source in settings.for_each.values():
                other = source.partition(".")[0]
                if other not in self.resources or self.resources[other].for_each:
                    raise ValueError(f"{name}: `for_each` names '{other}', which is no list of its own here")
            for found in settings.look_ups:
                if found.list not in self.resources:
                    raise ValueError(f"{name}: `look_up` names '{found.list}', which is no list here")
        return self

    @model_validator(mode="after")
    def _pushes_need_no_look_up(self) -> RestConfig:
        tables = {self.push.table, *self.push.tables.values()} if self.push is not None else set()
        for name in tables & self.resources.keys():
            if name is not None and self.resources[name].look_ups:
                raise ValueError(f"push: the list '{name}' looks things up, and a push asks nobody: use another table")
        return self
