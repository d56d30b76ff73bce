"""A small Odoo on loopback that holds callers to the contract of its JSON-2 API.

Written from Odoo 19's own controller and its answers: the bearer key, POST only, arguments by name, `ids` for methods
of records, errors as objects with `name` and `message` and their status, False for what is empty, times in UTC to the
second, archived records hidden, one transaction per request. `tests_real` runs the same plugin against a real one.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "een-sleutel-van-odoo-1234567890"
Record = dict[str, Any]

_CHAR, _INT, _BOOL, _FLOAT = {"type": "char"}, {"type": "integer"}, {"type": "boolean"}, {"type": "float"}
_DATE, _MOMENT = {"type": "date"}, {"type": "datetime"}


def _one(model: str) -> Record:
    return {"type": "many2one", "relation": model}


def _many(model: str) -> Record:
    return {"type": "many2many", "relation": model}


_ALWAYS = {
    "id": {**_INT, "readonly": True},
    "create_date": {**_MOMENT, "readonly": True},
    "write_date": {**_MOMENT, "readonly": True},
}
_CONTACT = dict.fromkeys(
    [
        "name",
        "type",
        "email",
        "email_normalized",
        "phone",
        "street",
        "zip",
        "city",
        "lang",
        "function",
        "vat",
        "ref",
        "x_pets",
    ],
    _CHAR,
)
MODELS: dict[str, dict[str, Record]] = {
    model: {**_ALWAYS, **fields}
    for model, fields in {
        "res.partner": {
            **_CONTACT,
            "comment": {"type": "html"},
            "score": _INT,
            "credit_limit": _FLOAT,
            "birthday": _DATE,
            "active": _BOOL,
            "is_company": _BOOL,
            "partner_share": _BOOL,
            "is_blacklisted": {**_BOOL, "readonly": True},
            "parent_id": _one("res.partner"),
            "country_id": _one("res.country"),
            "category_id": _many("res.partner.category"),
        },
        "res.partner.category": {"name": _CHAR, "active": _BOOL},
        "res.country": {"code": _CHAR, "name": _CHAR},
        "crm.lead": {"name": _CHAR, "partner_id": _one("res.partner"), "active": _BOOL},
        "mail.message": {"message_id": _CHAR, "body": _CHAR, "model": _CHAR, "res_id": _INT, "message_type": _CHAR},
        "mail.blacklist": {"email": _CHAR, "active": _BOOL},
        "mailing.contact": {"name": _CHAR, "email": _CHAR},
        "mailing.subscription": {"contact_id": _one("mailing.contact"), "opt_out": _BOOL},
    }.items()
}
_METHODS = {
    "fields_get": {"allfields", "attributes"},
    "search": {"domain", "offset", "limit", "order"},
    "search_read": {"domain", "fields", "offset", "limit", "order", "load"},
    "web_search_read": {"domain", "specification", "offset", "limit", "order", "count_limit"},
    "create": {"vals_list"},
    "write": {"ids", "vals"},
    "web_save_multi": {"ids", "vals_list", "specification"},
    "unlink": {"ids"},
    "action_archive": {"ids"},
    "action_unarchive": {"ids"},
    "message_post": {"ids", "body", "message_type", "subtype_xmlid", "message_id"},
}


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status, self.name, self.message = status, name, message


class OdooServer:
    """The records by model, and what was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.models = copy.deepcopy(MODELS)
        self.records: dict[str, dict[int, Record]] = {model: {} for model in MODELS}
        self.clock = datetime(2026, 3, 1, 9, tzinfo=UTC)
        self.asked: list[tuple[str, str, Record]] = []
        self.forbidden: set[str] = set()
        self.before: Callable[[str, str, Record], tuple[int, dict[str, str], bytes] | None] = lambda *_: None
        """Answers in place of the server, where it gives something."""
        self.add("res.country", {"code": "NL", "name": "Nederland"})

    def now(self) -> str:
        return self.clock.strftime("%Y-%m-%d %H:%M:%S")

    def add(self, model: str, values: Record) -> int:
        """Add or replace a record as somebody in Odoo would; `write_date` may be given."""
        number = values.get("id") or max(self.records[model], default=0) + 1
        empty: Record = {name: [] if about["type"] == "many2many" else False for name, about in MODELS[model].items()}
        stamps = {"create_date": self.now(), "write_date": self.now()}
        if "active" in empty:
            stamps["active"] = True
        self.records[model][number] = {**empty, **stamps, **values, "id": number}
        self._computed(model, number)
        return number

    def _computed(self, model: str, number: int) -> None:
        record = self.records[model][number]
        if model == "res.partner":
            record["email_normalized"] = record["email"].strip().lower() if record["email"] else False

    def answer(self, path: str, key: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if path == "/web/version":
            return 200, {}, b'{"version_info": [19, 0, 0, "final", 0, ""], "version": "19.0"}'
        try:
            return 200, {}, json.dumps(self._answer(path, key, body)).encode()
        except Refused as refused:
            said = {"name": refused.name, "message": refused.message, "arguments": [], "debug": "Traceback ..."}
            return refused.status, {}, json.dumps(said).encode()

    def _answer(self, path: str, key: str, body: bytes) -> Any:
        if key != f"bearer {KEY}":
            raise Refused(401, "werkzeug.exceptions.Unauthorized", "Invalid apikey")
        _, _, version, model, method = path.split("/")
        assert version == "2"
        arguments = json.loads(body)
        self.asked.append((model, method, arguments))
        if model not in self.models:
            raise Refused(404, "werkzeug.exceptions.NotFound", f"the model '{model}' does not exist")
        if method not in _METHODS:
            raise Refused(404, "werkzeug.exceptions.NotFound", f"The method '{model}.{method}' does not exist")
        unknown = arguments.keys() - _METHODS[method] - {"context"}
        if unknown:
            raise Refused(422, "werkzeug.exceptions.UnprocessableEntity", f"unexpected argument {sorted(unknown)[0]}")
        if model in self.forbidden and method != "fields_get":
            raise Refused(403, "odoo.exceptions.AccessError", f"You are not allowed to access '{model}' records.")
        context = arguments.pop("context", {})
        before = copy.deepcopy(self.records)
        try:
            return getattr(self, f"_{method}")(model, context, **arguments)
        except Refused:
            self.records = before  # one transaction per request
            raise

    # methods that read --------------------------------------------------------------------------------------------

    def _fields_get(self, model: str, context: Record, attributes: list[str], allfields: Any = None) -> Any:
        return {
            name: {key: about[key] for key in attributes if key in about} for name, about in self.models[model].items()
        }

    def _search(self, model: str, context: Record, domain: Any, limit: Any = None, order: str = "id") -> list[int]:
        fields = {condition[0].partition(".")[0] for condition in domain if isinstance(condition, list)}
        self._known(model, fields)
        hidden = context.get("active_test", True) and "active" in self.models[model]
        found = [
            record
            for record in self.records[model].values()
            if not (hidden and not record["active"]) and self._holds(model, record, list(domain))
        ]
        for part in reversed(order.split(", ")):
            name, _, way = part.partition(" ")
            found.sort(key=lambda record: record[name], reverse=way == "desc")
        return [record["id"] for record in found][:limit]

    def _search_read(
        self,
        model: str,
        context: Record,
        domain: Any,
        fields: list[str],
        limit: Any = None,
        order: str = "id",
        load="x",
    ) -> list[Record]:
        self._known(model, set(fields))
        numbers = self._search(model, context, domain, limit, order)
        return [{name: self._read(model, number, name) for name in {"id", *fields}} for number in numbers]

    def _web_search_read(
        self, model: str, context: Record, domain: Any, specification: Record, limit: int, count_limit: int, order: str
    ) -> Record:
        numbers = self._search(model, context, domain, limit, order)
        rows = [self._web_read(model, number, specification) for number in numbers]
        return {"length": len(rows), "records": rows}

    def _web_read(self, model: str, number: int, specification: Record) -> Record:
        self._known(model, set(specification))
        row: Record = {"id": number}
        for name, inner in specification.items():
            value, about = self._read(model, number, name), self.models[model][name]
            if "fields" in inner and isinstance(value, list):
                value = [self._web_read(about["relation"], each, inner["fields"]) for each in value]
            elif "fields" in inner and value:
                value = self._web_read(about["relation"], value, inner["fields"])
            row[name] = value
        return row

    def _read(self, model: str, number: int, name: str) -> Any:
        if (model, name) == ("res.partner", "is_blacklisted"):
            email = self.records[model][number]["email_normalized"]
            return any(entry["email"] == email and entry["active"] for entry in self.records["mail.blacklist"].values())
        return self.records[model][number][name]

    def _known(self, model: str, names: set[str]) -> None:
        for name in sorted(names - self.models[model].keys()):
            raise Refused(500, "builtins.ValueError", f"Invalid field '{name}' on '{model}'")

    def _holds(self, model: str, record: Record, domain: list[Any]) -> bool:
        """Judge a domain in Odoo's Polish notation; conditions beside each other hold together."""

        def take() -> bool:
            term = domain.pop(0)
            if term == "|":
                first, second = take(), take()
                return first or second
            path, operator, value = term
            name, _, rest = path.partition(".")
            there = record[name]
            if rest:
                there = self.records[self.models[model][name]["relation"]][there][rest] if there else False
            if operator == "in":
                return there in value
            if operator == "=":
                return bool(there == value)
            if operator == "!=":
                return bool(there != value)
            return bool(there) and (there > value if operator == ">" else there >= value)

        results = []
        while domain:
            results.append(take())
        return all(results)

    # methods that write -------------------------------------------------------------------------------------------

    def _create(self, model: str, context: Record, vals_list: list[Record]) -> list[int]:
        made = []
        for values in vals_list:
            if model == "res.partner" and values.get("name") is False:
                raise Refused(422, "odoo.exceptions.ValidationError", "Contacts require a name")
            if model == "mail.blacklist":
                if "@" not in values["email"]:
                    raise Refused(422, "odoo.exceptions.UserError", f"Invalid email address “{values['email']}”")
                values = {"email": values["email"].lower()}
            number = self.add(model, {})
            self._set(model, number, values)
            made.append(number)
        return made

    def _write(self, model: str, context: Record, ids: list[int], vals: Record) -> bool:
        for number in ids:
            self._exists(model, number)
            self._set(model, number, vals)
        return True

    def _web_save_multi(
        self, model: str, context: Record, ids: Any, vals_list: Any, specification: Any
    ) -> list[Record]:
        if len(ids) != len(vals_list):
            raise Refused(500, "builtins.ValueError", "Each record must have a corresponding vals entry.")
        for number, values in zip(ids, vals_list, strict=True):
            self._write(model, context, [number], values)
        return [self._web_read(model, number, specification) for number in ids]

    def _unlink(self, model: str, context: Record, ids: list[int]) -> bool:
        for number in ids:
            self._exists(model, number)
            if model == "res.partner" and any(
                lead["partner_id"] == number for lead in self.records["crm.lead"].values()
            ):
                raise Refused(422, "odoo.exceptions.ValidationError", "Another model is using the record")
            del self.records[model][number]
        return True

    def _action_archive(self, model: str, context: Record, ids: list[int]) -> bool:
        return self._write(model, context, ids, {"active": False})

    def _action_unarchive(self, model: str, context: Record, ids: list[int]) -> bool:
        return self._write(model, context, ids, {"active": True})

    def _message_post(self, model: str, context: Record, ids: list[int], **message: Any) -> list[int]:
        assert message.pop("subtype_xmlid") == "mail.mt_note"
        return [self.add("mail.message", {**message, "model": model, "res_id": number}) for number in ids]

    def _exists(self, model: str, number: int) -> None:
        if number not in self.records[model]:
            raise Refused(404, "odoo.exceptions.MissingError", f"Record does not exist: {model}({number},)")

    def _set(self, model: str, number: int, values: Record) -> None:
        record = self.records[model][number]
        self._known(model, set(values))
        for name, value in values.items():
            if self.models[model][name]["type"] == "many2many":
                for command in value:
                    there = record[name]
                    if command[0] == 4:
                        record[name] = [*there, command[1]] if command[1] not in there else there
                    else:
                        record[name] = [] if command[0] == 5 else [each for each in there if each != command[1]]
            elif self.models[model][name]["type"] == "integer" and not isinstance(value, int):
                raise Refused(500, "builtins.ValueError", "invalid literal for int() with base 10")
            else:
                record[name] = value
        record["write_date"] = self.now()
        self._computed(model, number)

    def passes(self, **time: int) -> None:
        """Let time pass on the server's clock."""
        self.clock += timedelta(**time)


@contextmanager
def odoo_server() -> Iterator[OdooServer]:
    """Serve on loopback."""
    odoo = OdooServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body go out together: else the second waits 40 ms for the first

        def do_GET(self) -> None:
            self._respond(b"")

        def do_POST(self) -> None:
            self._respond(self.rfile.read(int(self.headers["Content-Length"])))

        def _respond(self, body: bytes) -> None:
            parts = self.path.split("/")
            instead = odoo.before(parts[-2], parts[-1], json.loads(body or b"{}"))
            status, headers, content = instead or odoo.answer(self.path, self.headers.get("Authorization", ""), body)
            self.send_response_only(status)
            self.send_header("Date", format_datetime(odoo.clock, usegmt=True))
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    odoo.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield odoo
    server.shutdown()
    server.server_close()
    thread.join(10)
