"""The contracts that vendors publish, and two judges of an exchange: openapi-core, and a strict one of our own.

The files belong to their vendors and are not in this repository: they are read from the folder that HUB_CONTRACTS
names, by default beside the repository. Where they are not at hand the tests skip; in CI that is a failure.

openapi-core passes query parameters and fields that a contract does not know. The second judge, JSON Schema applied to
the contract's schemas directly, does not: a contract that lists properties knows no others.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_core import Config, OpenAPI
from openapi_core.testing import MockRequest, MockResponse

from tests.plugins.vendors.served import Answered, Asked

FOLDER = Path(os.environ.get("HUB_CONTRACTS", Path(__file__).parents[3] / "shared" / "contracts"))
FORM = "application/x-www-form-urlencoded"


@cache
def specification(file: str) -> Mapping[str, Any]:
    """Read a published file, such as `twilio/twilio_api_v2010.json`, as OpenAPI 3."""
    if not FOLDER.is_dir() and "HUB_CONTRACTS" not in os.environ:
        missing = "the published contracts are not at hand: set HUB_CONTRACTS to their folder"
        pytest.fail(missing) if "CI" in os.environ else pytest.skip(missing)
    text = (FOLDER / file).read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    spec = json.loads(text) if file.endswith(".json") else yaml.load(text, loader)
    return _modern(spec) if "swagger" in spec else spec


@dataclass(frozen=True)
class Judged:
    """What each judge has against an exchange."""

    core: Sequence[str]
    strict: Sequence[str]


class Contract:
    """One published contract, narrowed to the paths that matter."""

    def __init__(self, file: str, *paths: str, server: str | None = None) -> None:
        """Read it; `server` replaces where it says that it is served."""
        whole = specification(file)
        kept = {path: whole["paths"][path] for path in paths}
        schemas = whole.get("components", {}).get("schemas", {})
        others = {name: value for name, value in whole.get("components", {}).items() if name != "schemas"}
        self.spec = {
            **{name: value for name, value in whole.items() if name not in ("paths", "components", "tags")},
            "info": {"title": file, "version": str(whole["info"]["version"])},
            "paths": _cleaned(kept),
            "components": {
                **_cleaned(others),
                "schemas": _cleaned({name: schemas[name] for name in _reached([kept, others], schemas)}),
            },
        }
        if server is not None:
            self.spec["servers"] = [{"url": server}]
        self.server = self.spec["servers"][0]["url"].rstrip("/")
        hal = Config(extra_media_type_deserializers={"application/hal+json": json.loads})
        self._core = OpenAPI.from_dict(self.spec, config=hal)

    def judge(self, asked: Asked, answered: Answered) -> Judged:
        """Let both judge a request and its answer."""
        core = [*self._core_on_request(asked), *self._core_on_answer(asked, answered)]
        return Judged(core, [*self._strict_on_request(asked), *self._strict_on_answer(asked, answered)])

    def judge_request(self, asked: Asked) -> Judged:
        """Let both judge a request alone."""
        return Judged(list(self._core_on_request(asked)), list(self._strict_on_request(asked)))

    # openapi-core

    def _core_on_request(self, asked: Asked) -> Iterator[str]:
        for error in self._core.iter_request_errors(self._mocked(asked)):
            yield _said(error)

    def _core_on_answer(self, asked: Asked, answered: Answered) -> Iterator[str]:
        kind = answered.headers.get("Content-Type", self._kind_of(asked, answered.status))
        content = json.dumps(answered.body).encode()
        response = MockResponse(content, answered.status, dict(answered.headers), kind)
        for error in self._core.iter_response_errors(self._mocked(asked), response):
            yield _said(error)

    def _mocked(self, asked: Asked) -> MockRequest:
        host = re.match(r"https?://[^/]+", self.server)
        return MockRequest(
            host[0] if host else "http://localhost",
            asked.method.lower(),
            asked.path,
            args=dict(asked.query),
            headers=dict(asked.headers),
            data=asked.body or None,
            content_type=asked.headers.get("content-type", "").split(";")[0],
        )

    # the strict one

    def _strict_on_request(self, asked: Asked) -> Iterator[str]:
        operation = self._operation(asked)
        if operation is None:
            yield f"{asked.method} {asked.path} is not in the contract"
            return
        known = [self._resolved(parameter) for parameter in operation.get("parameters", ())]
        given = {"query": asked.query, "header": asked.headers}
        for place in ("query", "header"):
            listed = {
                one["name"] if place == "query" else one["name"].lower(): one for one in known if one["in"] == place
            }
            for name, one in listed.items():
                if name in given[place]:
                    yield from self._misfits(one["schema"], _read(given[place][name], one["schema"]), name)
                elif one.get("required"):
                    yield f"{place} {name} is missing"
            if place == "query":
                yield from (f"query {name} is not in the contract" for name in asked.query if name not in listed)
        yield from self._strict_on_body(asked, operation)

    def _strict_on_body(self, asked: Asked, operation: Mapping[str, Any]) -> Iterator[str]:
        if "requestBody" not in operation:
            if asked.body:
                yield "a body is not in the contract"
            return
        kind = asked.headers.get("content-type", "").split(";")[0]
        content = self._resolved(operation["requestBody"])["content"]
        if kind not in content:
            yield f"a body of {kind} is not in the contract"
        elif kind == FORM:
            schema = self._resolved(content[kind]["schema"])
            fields = dict(parse_qsl(asked.body.decode()))
            parts = schema.get("properties", {})
            yield from self._misfits(
                schema, {name: _read(text, parts.get(name, {})) for name, text in fields.items()}, "form"
            )
        else:
            yield from self._misfits(content[kind]["schema"], json.loads(asked.body), "body")

    def _strict_on_answer(self, asked: Asked, answered: Answered) -> Iterator[str]:
        operation = self._operation(asked)
        said = self._said(operation, answered.status) if operation is not None else None
        if said is None:
            yield f"an answer of {answered.status} is not in the contract"
            return
        for content in list(said.get("content", {}).values())[:1]:
            if "schema" in content:
                yield from self._misfits(content["schema"], answered.body, "answer")

    def _kind_of(self, asked: Asked, status: int) -> str:
        operation = self._operation(asked)
        said = (self._said(operation, status) if operation is not None else None) or {}
        return next(iter(said.get("content", {})), "application/json")

    def _said(self, operation: Mapping[str, Any], status: int) -> Mapping[str, Any] | None:
        responses = operation["responses"]
        found = responses.get(str(status), responses.get(f"{status // 100}XX", responses.get("default")))
        return self._resolved(found) if found is not None else None

    def _operation(self, asked: Asked) -> Mapping[str, Any] | None:
        inside = asked.path.removeprefix(re.sub(r"^https?://[^/]+", "", self.server))
        for template, item in self.spec["paths"].items():
            pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, inside) and asked.method.lower() in item:
                operation = dict(item[asked.method.lower()])
                operation["parameters"] = [*item.get("parameters", ()), *operation.get("parameters", ())]
                return operation
        return None

    def _misfits(self, schema: Mapping[str, Any], value: Any, place: str) -> Iterator[str]:
        whole = {**_strict(schema), "components": {"schemas": self._strict_schemas}}
        for error in Draft202012Validator(whole).iter_errors(value):
            yield f"{place}.{'.'.join(map(str, error.path))}: {error.message[:200]}"

    @property
    def _strict_schemas(self) -> Mapping[str, Any]:
        if not hasattr(self, "_translated"):
            schemas = self.spec["components"]["schemas"]
            open_ = frozenset(_composed(self.spec))
            self._translated = {name: _strict(schema, name not in open_) for name, schema in schemas.items()}
        return self._translated

    def _resolved(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in value:
            found: Any = self.spec
            for step in value["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            value = found
        return value


def _strict(schema: Any, closed: bool = True) -> Any:
    """Translate a schema of OpenAPI 3.0 to JSON Schema, in which what is not listed is not allowed.

    A part of an `allOf` stays open, with all that is in it: the other parts may list more.
    """
    if not isinstance(schema, Mapping):
        return schema
    made: dict[str, Any] = {}
    for name, value in schema.items():
        if name == "properties":
            made[name] = {inner: _strict(part, closed) for inner, part in value.items()}
        elif name in ("allOf", "anyOf", "oneOf"):
            made[name] = [_strict(part, closed and name != "allOf") for part in value]
        elif name in ("items", "not", "additionalProperties"):
            made[name] = _strict(value, closed)
        elif name not in ("nullable", "example", "discriminator", "xml", "format"):
            made[name] = value
    if closed and "properties" in made and "additionalProperties" not in made:
        made["additionalProperties"] = False
    return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") else made


def _read(text: Any, schema: Mapping[str, Any]) -> Any:
    """Read a text of a query or form as the type that its schema names."""
    match schema.get("type"):
        case "integer" if re.fullmatch(r"-?\d+", text):
            return int(text)
        case "number" if re.fullmatch(r"-?\d+(\.\d+)?", text):
            return float(text)
        case "boolean" if text in ("true", "false"):
            return text == "true"
        case "array":
            return [_read(part, schema.get("items", {})) for part in text.split(",")]
    return text


def _reached(value: Any, schemas: Mapping[str, Any]) -> list[str]:
    """List the schemas that something refers to, and those that these refer to."""
    found: list[str] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            name = str(one.get("$ref", "")).removeprefix("#/components/schemas/")
            if name in schemas and name not in found:
                found.append(name)
                waiting.append(schemas[name])
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return found


def _composed(value: Any) -> Iterator[str]:
    """List the schemas that are a part of another one (`allOf`): they don't say all that there may be."""
    if isinstance(value, Mapping):
        for part in value.get("allOf", ()) if isinstance(value.get("allOf"), list) else ():
            if "$ref" in part:
                yield part["$ref"].rsplit("/", 1)[-1]
        for inner in value.values():
            yield from _composed(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _composed(inner)


def _cleaned(value: Any) -> Any:
    """Drop examples: some are no valid ones (a header of KvK's holds a line break), and none is needed."""
    if isinstance(value, Mapping):
        return {
            name: _cleaned(inner)
            for name, inner in value.items()
            if name not in ("example", "examples") or (isinstance(inner, Mapping) and "type" in inner)
        }
    return [_cleaned(inner) for inner in value] if isinstance(value, list) else value


def _modern(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Write Swagger 2.0 as OpenAPI 3.0: where schemas stand, bodies and answers."""

    def moved(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {
                name: inner.replace("#/definitions/", "#/components/schemas/")
                if name == "$ref" and isinstance(inner, str)
                else moved(inner)
                for name, inner in value.items()
            }
        return [moved(inner) for inner in value] if isinstance(value, list) else value

    def operation(old: Mapping[str, Any]) -> dict[str, Any]:
        parameters = [
            {
                **{name: one[name] for name in ("name", "in", "required", "description") if name in one},
                "schema": {name: one[name] for name in ("type", "items", "enum") if name in one},
            }
            for one in old.get("parameters", ())
            if one["in"] != "body"
        ]
        bodies = [one for one in old.get("parameters", ()) if one["in"] == "body"]
        responses = {
            status: {
                "description": one.get("description", ""),
                **({"content": {"application/json": {"schema": moved(one["schema"])}}} if "schema" in one else {}),
            }
            for status, one in old["responses"].items()
        }
        made: dict[str, Any] = {"parameters": parameters, "responses": responses}
        if bodies:
            made["requestBody"] = {"content": {"application/json": {"schema": moved(bodies[0]["schema"])}}}
        return made

    methods = ("get", "post", "put", "patch", "delete")
    return {
        "openapi": "3.0.3",
        "info": spec["info"],
        "servers": [{"url": f"{spec['schemes'][0]}://{spec['host']}{spec['basePath']}"}],
        "paths": {
            path: {method: operation(one) for method, one in item.items() if method in methods}
            for path, item in spec["paths"].items()
        },
        "components": {"schemas": moved(spec["definitions"])},
    }


def _said(error: BaseException) -> str:
    cause: BaseException | None = error
    words = []
    while cause is not None:
        words.append(str(cause)[:200] or type(cause).__name__)
        inner = getattr(cause, "schema_errors", None)
        words += [str(one.message)[:200] for one in inner] if inner else []
        cause = cause.__cause__
    return ": ".join(words)
