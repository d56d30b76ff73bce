"""Writing contacts: a tag per audience, fields, notes and the blacklist, one answer per row.

What is the same already is not written. A row that names `write_date` is written only while Odoo's record is no newer
than that; what somebody changed there since, lands first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hub.contracts import Result, Row, SyncBatch
from hub.errors import ConfigurationError, RejectedError, TemporaryError
from hub.outgoing import NoAnswerError, clean_reason
from plugins.sources.odoo.blacklist import put_on, take_off, written
from plugins.sources.odoo.client import Client, ForbiddenError
from plugins.sources.odoo.finding import Match, find
from plugins.sources.odoo.values import BLACKLISTED, NOTE, SINCE, Fields, different

CONTACTS = "contacts"
"""The target that is all contacts, and no tag."""

_CHANGED = "it was changed in Odoo since the hub read it: it goes again when that has landed"
_BLANK = dict.fromkeys(
    ("email", "phone", "street", "street2", "zip", "city", "function", "vat", "comment", "website", "ref"), False
)


@dataclass(frozen=True)
class Change:
    """What is to be done for one row: on the contact `number`, or on a new one where that is None."""

    row: Row
    number: int | None
    values: Mapping[str, Any]


class Contacts:
    """Writes one batch of rows."""

    def __init__(self, client: Client, match: Match, batch: SyncBatch) -> None:
        self._client = client
        self._match = match
        self._batch = batch
        self._fields = Fields(client)
        self._results: dict[str, Result] = {}
        self._unfinished: set[str] = set()
        """Rows that are saved, and whose note or place on the blacklist is still to come."""

    def results(self) -> list[Result]:
        """Do it, and say what became of each row, in order."""
        try:
            self._write()
        except ForbiddenError as error:
            raise ConfigurationError(f"{self._client.host}: {error}") from None
        except NoAnswerError as error:
            self._rest("unknown", str(error))
        except TemporaryError as error:
            self._rest("later", str(error), error.retry_after)
        return [self._results[row.key] for row in self._batch.rows]

    def _rest(self, status: str, reason: str, retry_after: float | None = None) -> None:
        for row in self._batch.rows:
            known = self._results.get(row.key)
            if known is None or (known.status == "accepted" and row.key in self._unfinished):
                self._results[row.key] = Result(row.key, status, "", reason, retry_after)  # type: ignore[arg-type]

    def _write(self) -> None:
        names = {name for row in self._batch.rows for name in self._fields.named(row.fields)}
        there = find(self._client, self._match, self._batch.rows, [*sorted(names), "category_id", "email"])
        if self._batch.operation == "delete":
            self._delete(there)
            return
        tag = self._tag()
        changes = [change for row in self._batch.rows if (change := self._change(row, there.get(row.key), tag))]
        made = [change for change in changes if change.number is None]
        kept = [change for change in changes if change.number is not None]
        self._together(kept, self._save)
        self._together(made, self._create)
        self._unfinished = {row.key for row in self._taken() if {BLACKLISTED, NOTE} & row.fields.keys()}
        self._blacklist(there)
        self._post_notes()
        self._unfinished.clear()

    def _tag(self) -> int | None:
        """Find the tag of the audience, and make it where something is to be tagged."""
        if self._batch.target == CONTACTS:
            return None
        found = self._client.ask(
            "res.partner.category",
            "search_read",
            domain=[["name", "=", self._batch.target]],
            fields=["id"],
            order="id",
            limit=1,
            context={"active_test": False},
        )
        if found or self._batch.operation == "remove":
            return int(found[0]["id"]) if found else None
        return self._made("res.partner.category", [{"name": self._batch.target}])[0]

    def _change(self, row: Row, there: Mapping[str, Any] | None, tag: int | None) -> Change | None:
        """Say what has to be written for a row; None where its result is known already."""
        operation = self._batch.operation
        if operation == "remove":
            if there is None or tag not in there["category_id"]:
                self._accept(row, there)
                return None
            return Change(row, there["id"], {"category_id": [[3, tag]]})
        try:
            wanted = self._fields.written(row.fields)
        except RejectedError as error:
            self._reject(row, str(error))
            return None
        if there is None:
            new = self._match.new(row.key)
            if operation == "update" or new is None:
                self._reject(row, "Odoo has no such contact")
                return None
            return Change(row, None, new | wanted | ({"category_id": [[4, tag]]} if tag is not None else {}))
        if SINCE in row.fields and _newer(there["write_date"], row.fields[SINCE]):
            self._results[row.key] = Result(row.key, "later", str(there["id"]), _CHANGED)
            return None
        values = {} if operation == "add" else different(wanted, there)
        if tag is not None and tag not in there["category_id"]:
            values["category_id"] = [[4, tag]]
        if not values:
            self._accept(row, there)
            return None
        return Change(row, there["id"], values)

    def _together(self, changes: Sequence[Change], do: Callable[[Sequence[Change]], None]) -> None:
        """Write all in one transaction; where Odoo refuses that, each by itself: one bad row spoils no other."""
        if not changes:
            return
        try:
            do(changes)
            return
        except ForbiddenError:
            raise
        except RejectedError as error:
            if len(changes) == 1:
                self._reject(changes[0].row, str(error))
                return
        for change in changes:
            self._together([change], do)

    def _save(self, changes: Sequence[Change]) -> None:
        self._client.do(
            "res.partner",
            "web_save_multi",
            ids=[change.number for change in changes],
            vals_list=[dict(change.values) for change in changes],
            specification={"id": {}},
        )
        for change in changes:
            self._results[change.row.key] = Result(change.row.key, "accepted", str(change.number))

    def _create(self, changes: Sequence[Change]) -> None:
        made = self._made("res.partner", [dict(change.values) for change in changes])
        for change, number in zip(changes, made, strict=True):
            self._results[change.row.key] = Result(change.row.key, "accepted", str(number))

    def _made(self, model: str, values: Sequence[Mapping[str, Any]]) -> list[int]:
        """Make records, and give their numbers, in order. Raises as `Client.do` does."""
        made = self._client.do(model, "create", vals_list=list(values))
        if not isinstance(made, list) or len(made) != len(values):
            raise NoAnswerError(f"{self._client.host}: the answer does not say what was made")
        return [int(number) for number in made]

    def _blacklist(self, there: Mapping[str, Mapping[str, Any]]) -> None:
        """Put addresses on the blacklist or take them off, where rows say so."""
        for wanted, write in ((True, put_on), (False, take_off)):
            emails = {
                row.key: str(row.fields.get("email") or there.get(row.key, {}).get("email") or "")
                for row in self._taken()
                if row.fields.get(BLACKLISTED) is wanted
            }
            rows = [row for row in self._taken() if emails.get(row.key)]
            results = written(self._client, [emails[row.key] for row in rows], write)
            for row, result in zip(rows, results, strict=True):
                if result.status == "rejected":
                    self._reject(row, result.reason)

    def _post_notes(self) -> None:
        """Post notes, each once: its id is derived, and looked for before."""
        noted = {row.key: self._note_id(row) for row in self._taken() if row.fields.get(NOTE)}
        if not noted or self._batch.operation not in ("upsert", "update"):
            return
        posted = self._client.ask(
            "mail.message",
            "search_read",
            domain=[["message_id", "in", sorted(noted.values())]],
            fields=["message_id"],
        )
        known = {message["message_id"] for message in posted}
        for row in self._taken():
            if row.key in noted and noted[row.key] not in known:
                self._post(row, noted[row.key])

    def _post(self, row: Row, id_: str) -> None:
        try:
            self._client.do(
                "res.partner",
                "message_post",
                ids=[int(self._results[row.key].remote_id)],
                body=str(row.fields[NOTE]),
                message_type="comment",
                subtype_xmlid="mail.mt_note",
                message_id=id_,
            )
        except ForbiddenError:
            raise
        except RejectedError as error:
            self._reject(row, str(error))

    def _note_id(self, row: Row) -> str:
        said = "\x1f".join((self._match.connection, self._batch.target, row.key, str(row.fields[NOTE])))
        return f"<{hashlib.sha256(said.encode()).hexdigest()[:32]}@schakel>"

    def _delete(self, there: Mapping[str, Mapping[str, Any]]) -> None:
        """Delete contacts. One that orders or invoices name stays for the books: archived, without what is personal."""
        for row in self._batch.rows:
            if row.key not in there:
                self._accept(row, None)
                continue
            number = there[row.key]["id"]
            try:
                self._client.do("res.partner", "unlink", ids=[number])
            except ForbiddenError:
                raise
            except RejectedError:
                known = {name: value for name, value in _BLANK.items() if name in self._fields.about}
                blank = {"name": f"#{number}", "active": False, "category_id": [[5]], **known}
                try:
                    self._client.do("res.partner", "write", ids=[number], vals=blank)
                except RejectedError as error:
                    self._reject(row, str(error))
                    continue
            self._results[row.key] = Result(row.key, "accepted", str(number))

    def _taken(self) -> list[Row]:
        return [
            row for row in self._batch.rows if row.key in self._results and self._results[row.key].status == "accepted"
        ]

    def _accept(self, row: Row, there: Mapping[str, Any] | None) -> None:
        self._results[row.key] = Result(row.key, "accepted", str(there["id"]) if there else "")

    def _reject(self, row: Row, reason: str) -> None:
        hidden = [value for value in (row.key, *row.fields.values()) if isinstance(value, str)]
        self._results[row.key] = Result(row.key, "rejected", reason=clean_reason(reason, *hidden))


def _newer(there: str, known: Any) -> bool:
    """Say whether Odoo's record is newer than what the hub read, to the second."""
    if known is None:
        return False
    moment = known if isinstance(known, datetime) else datetime.fromisoformat(str(known))
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return datetime.fromisoformat(there).replace(tzinfo=UTC) > moment.replace(microsecond=0)
