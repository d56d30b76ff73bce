"""What an admin writes to send rows and messages to a JSON API: one request per operation, and how to read its answer.

contacts:
upsert:
path: contacts/batch
body: {contacts: "{rows}"}
row: {email: "{email}", attributes: {TIER: "{tier}"}}
batch: 100
results: {at: results, key_at: email, key: "{email}", status_at: status, accepted: [created, updated]}
remove: {method: DELETE, path: "contacts/{key}", accepted: [404]}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hub.contracts import Operation
from hub.errors import suggest
from hub.templated import placeholders
from hub.units import Duration

ALL = frozenset({"fields", "others"})
"""A row's fields, and those of them that nothing else in the object names."""
OF_A_ROW = frozenset({"key", "remote_id", "object", "found"}) | ALL
OF_A_MAIL = frozenset({"id", "uuid", "to", "name", "sender", "subject", "text", "html", "unsubscribe_url"})

OF_AN_ERASURE = frozenset({"key", "id", "email", "phone", "object"})


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Results(_Part):
    """Where an answer to a request of many rows says what became of each."""

    at: str = Field("results", description="Where the list stands in the answer: results, or data.items.")
    key_at: str | None = Field(None, description="Where an entry names its row; see `key`. Else they are in order.")
    key: str = Field("{key}", description="What the entry calls a row, in words of the row: {key}, {email}.")
    index_at: str | None = Field(None, description="Where an entry says the place of its row in the request, from 0.")
    status_at: str | None = Field(None, description="Where an entry has its status; without it an entry is `unless`.")
    accepted: frozenset[str] = Field(frozenset(), description="The statuses that mean: taken.")
    later: frozenset[str] = Field(frozenset(), description="The statuses that mean: not taken, try again.")
    reason_at: str = Field("message", description="Where an entry says why not.")
    id_at: str = Field("id", description="Where an entry has the API's own id.")
    only: Literal["all", "failed", "taken"] = Field(
        "all", description="Which rows the answer lists: all of them, only those that failed, or only those taken."
    )

    @model_validator(mode="after")
    def _is_clear(self) -> Self:
        if self.only == "all" and self.status_at is None:
            raise ValueError(
                "say where the status of an entry stands (`status_at`), or which rows the answer lists (`only`)"
            )
        if self.only != "all" and self.key_at is None and self.index_at is None:
            raise ValueError("an answer that lists not all rows must name them: `key_at` or `index_at`")
        if self.status_at is not None and not self.accepted:
            raise ValueError("say which statuses mean that a row was taken: `accepted`")
        return self


class Request(_Part):
    """One request. {placeholders} stand for the values of a row or message; one alone keeps its type."""

    method: Literal["POST", "PUT", "PATCH", "DELETE", "GET"] = "POST"
    path: str = Field("", description="The path below `url`; values are escaped.")
    query: dict[str, Any] = Field({}, description="What stands behind the question mark.")
    headers: dict[str, str] = Field({}, description="Further headers, such as an idempotency key; never secrets.")
    body: Any = Field(None, description="The body. With `row`, {rows} is the list of rows.")
    encoding: Literal["json", "form"] = Field("json", description="How the body is written.")
    accepted: frozenset[int] = Field(
        frozenset(), description="Statuses that mean: it is so already. 404 for a removal, 409 for what is there."
    )
    missing: frozenset[int] = Field(
        frozenset(), description="Statuses that mean: no such row, so refused for good. 404 where the path names it."
    )
    code_at: str = Field("code", description="Where an error has its code.")
    done: frozenset[str] = Field(frozenset(), description="Codes that mean: it is so already, whatever the status.")
    id_at: str = Field("id", description="Where the API's own id stands in its answer.")
    id_header: str | None = Field(None, description="The header of its answer that holds it, where no body does.")
    error_at: str | None = Field(
        None, description="Where an answer of 200 holds an error; nothing or an empty value there means taken."
    )
    refused_at: str | None = Field(
        None, description="Where an answer of 5xx says why it refused; nothing there leaves it open what was taken."
    )
    busy: frozenset[str] = Field(frozenset(), description="Words in such an error that mean: try again later.")


class RowRequest(Request):
    """What writes rows."""

    row: Any = Field(None, description="One row in the body of a request of many.")
    batch: int = Field(1, ge=1, description="How many rows go in one request.")
    results: Results | None = Field(None, description="Where the answer says what became of each row.")
    holds: dict[str, list[dict[str, Any]]] = Field(
        {},
        description="What the answer lists of a row that was taken, by place, as an API may pass over what it does not "
        "know: {tags: [{name: '{tag}'}]}.",
    )
    unless: dict[str, str] = Field(
        {}, description="What the answer says, by place, of a row that stays out all the same: {status: archived}."
    )

    @model_validator(mode="after")
    def _rows_fit(self) -> Self:
        many = "rows" in placeholders(self.body)
        if many != (self.row is not None):
            raise ValueError("a request of many rows needs both: {rows} in `body`, and `row` for one of them")
        if self.batch > 1 and not many:
            raise ValueError("`batch` needs {rows} in `body`, and `row`")
        if self.results is not None and not many:
            raise ValueError("`results` is for requests of many rows")
        if (self.holds or self.unless) and many:
            raise ValueError("`holds` and `unless` are for requests of one row")
        single = placeholders([self.path, self.query, list(self.headers.values())]) - {"object"}
        if many and single:
            raise ValueError(
                f"a request of many rows can't hold the value of one of them outside `row`: {{{min(single)}}}"
            )
        return self


class Find(Request):
    """How to ask whether a thing is there before it is made: the answer that told of it may have been lost."""

    method: Literal["POST", "PUT", "PATCH", "DELETE", "GET"] = "GET"
    at: str = Field("", description="Where the answer holds it: 0, or items.0. Nothing there: it is not there.")
    ours: dict[str, str] = Field(
        {}, description="What it says if it is the row's: {customer: '{key}'}. Else it is left alone."
    )
    keep: tuple[str, ...] = Field(
        (), description="What `update` gives back of it, as {found}, to an API that wants more than what changes."
    )


class WrittenObject(_Part):
    """One kind of thing that syncs write, by operation."""

    find: Find | None = Field(
        None,
        description="Ask before it is made; what is found is {remote_id}. `add` makes what is not there and `update` "
        "changes what is, which together are an upsert; without `update` what is there stays as it is, and without "
        "`add` what is not there is rejected.",
    )
    upsert: RowRequest | None = Field(None, description="Make it, or change it.")
    add: RowRequest | None = Field(None, description="Make it, if it is not there.")
    update: RowRequest | None = Field(None, description="Change it, if it is there.")
    remove: RowRequest | None = Field(None, description="Take it out of the list.")
    delete: RowRequest | None = Field(None, description="Remove the thing itself.")

    @model_validator(mode="after")
    def _writes_something(self) -> Self:
        if not dict(self.requests()):
            raise ValueError("say at least one of: upsert, add, update, remove, delete")
        if self.find is not None and (not (self.add or self.update) or self.upsert is not None):
            raise ValueError("`find` needs `add` or `update`, and makes the upsert itself")
        given_back = {operation for operation, request in self.requests() if "found" in placeholders(request.body)}
        if given_back != ({"update"} if self.find is not None and self.find.keep else set()):
            raise ValueError("what `find` says to `keep` stands as {found} in the body of `update`: say both")
        if self.find is not None and any(request.row is not None for _, request in self.requests()):
            raise ValueError("with `find`, every request is about one row")
        for operation in ("remove", "delete"):
            request = getattr(self, operation)
            used = placeholders([request.path, request.query, request.body, request.row]) if request else set()
            if wrong := used - {*OF_A_ROW, "rows"} | used & {*ALL, "found"}:
                raise ValueError(
                    f"{operation}: a row that goes has no fields, so no {{{min(wrong)}}}: use {{key}} or {{remote_id}}"
                )
        return self

    @property
    def fields(self) -> frozenset[str] | None:
        """Name the fields of a row that any request holds; None where one holds all of them."""
        return None if self._used & ALL else self.named

    @property
    def named(self) -> frozenset[str]:
        """Name the fields of a row that any request holds by their names."""
        return self._used - OF_A_ROW - {"rows"}

    @property
    def _used(self) -> frozenset[str]:
        requests: list[Request] = [request for _, request in self.requests()]
        if self.find is not None:
            requests.append(self.find)
        told = [[it.path, it.query, list(it.headers.values()), it.body] for it in requests]
        rows = [request.row for _, request in self.requests()]
        ours = self.find.ours if self.find is not None else {}
        return frozenset(placeholders([told, rows, ours]))

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Name what a sync may want of it."""
        made: tuple[Operation, ...] = ("upsert",) if self.find is not None and self.add is not None else ()
        return (*made, *(operation for operation, _ in self.requests()))

    def requests(self) -> Iterator[tuple[Operation, RowRequest]]:
        """Give what is written, by operation."""
        operations: tuple[Operation, ...] = ("upsert", "add", "update", "remove", "delete")
        for operation in operations:
            request = getattr(self, operation)
            if request is not None:
                yield operation, request


class Erase(Request):
    """How a record is erased: {id} is the API's own name for it, {key} the hub's, {email} and {phone} its addresses."""

    takes_time: bool = Field(False, description="The API takes the request, and erases in its own time.")

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        used = placeholders([self.path, self.query, list(self.headers.values()), self.body])
        for name in sorted(used - OF_AN_ERASURE):
            near = suggest(name, OF_AN_ERASURE)
            known = ", ".join(sorted(OF_AN_ERASURE))
            raise ValueError(f"a record to erase has no value {{{name}}}.{near or f' It has: {known}'}")
        if not used - {"object"}:
            raise ValueError("the request must name the record: {id}, {email}, {phone} or {key}")
        return self

    @property
    def needs(self) -> frozenset[str]:
        """Name the values that a record must have for this request."""
        used = placeholders([self.path, self.query, list(self.headers.values()), self.body])
        return frozenset(used - {"object"})


class Question(Request):
    """How to ask what became of a message: {id} is ours, {remote_id} what the API called it."""

    method: Literal["POST", "PUT", "PATCH", "DELETE", "GET"] = "GET"
    status_at: str = Field("status", description="Where the answer has the state.")
    taken: frozenset[str] = Field(description="The states that mean: the API has it.")
    refused: frozenset[str] = Field(frozenset(), description="The states that mean: it was refused.")
    never_got: frozenset[int] = Field(frozenset({404}), description="HTTP statuses that mean: it never came.")


class Mail(Request):
    """How one e-mail becomes one request."""

    sender: str = Field("", description="Who writes, as {sender}.")
    unsubscribe_url: str | None = Field(
        None,
        description="The https address of your own that takes one-click unsubscribes; the token is added to it. "
        "Without it, the hub's own page takes them where hub.yaml has a `public_url`.",
    )
    idempotency_window: Duration | None = Field(
        None, description="How long the API takes the same {id} only once: 24 hours. None if it does not."
    )
    ask: Question | None = Field(None, description="How to ask what became of a mail whose answer never came.")

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        used = placeholders([self.path, self.query, list(self.headers.values()), self.body])
        for name in sorted(used - OF_A_MAIL):
            near = suggest(name, OF_A_MAIL)
            raise ValueError(f"a mail has no value {{{name}}}.{near or ' It has: ' + ', '.join(sorted(OF_A_MAIL))}")
        if "to" not in used or not used & {"text", "html"}:
            raise ValueError("the request must hold {to}, and {text} or {html}")
        if self.idempotency_window is not None and not used & {"id", "uuid"}:
            raise ValueError("idempotency_window needs {id} or {uuid} in the request: the API knows a mail by it")
        if self.ask is not None and (wrong := placeholders([self.ask.path, self.ask.query]) - {"id", "remote_id"}):
            raise ValueError(f"ask: only {{id}} and {{remote_id}} are known, not {{{min(wrong)}}}")
        return self
