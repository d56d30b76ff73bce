"""A project with a shop that pushes its orders, signed by Standard Webhooks; used by the tests beside it."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from hub.contracts import Check, ConnectionConfig, Place, Pushed, Received, Source
from hub.errors import RejectedError
from hub.incoming import json_object, standard_webhook
from hub.project import Connection, Project, load_project
from hub.project.models import HubFile
from hub.registry import Registry

KEY = b"a key of the tests"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class ShopConfig(ConnectionConfig):
    secret: SecretStr = SecretStr(SECRET)


class Shop(Source):
    """Takes orders that are pushed; one that asks for a challenge gets it; one of a bad kind breaks the plugin."""

    name = "pushing_shop"
    config_model = ShopConfig
    config: ShopConfig

    def check(self) -> Check:
        return Check(True, "there")

    def resources(self) -> Sequence[Any]:
        return []

    def webhook(self, request: Pushed) -> Received:
        if request.method == "GET":
            return Received("challenge", {}, answer=request.query.get("challenge", ""))
        id_ = standard_webhook(request, self.config.secret.get_secret_value())
        order = json_object(request)
        if "id" not in order:
            raise RejectedError("an order without a number")
        return Received(id_, {"orders": [{"id": order["id"] + 0, "note": order.get("note")}]})


class Deaf(Shop):
    name = "deaf_shop"
    webhook = Source.webhook


def project(folder: Path, **hub: Any) -> Project:
    """Give a project with the connections `shop`, which receives, and `deaf`, which does not."""
    folder.mkdir(exist_ok=True)
    (folder / "hub.yaml").write_text("name: test\nconnections: {}\n", encoding="utf-8")
    made = load_project(folder, Registry({}))
    plugins: Mapping[str, type[Source]] = {"shop": Shop, "deaf": Deaf}
    connections = {
        name: Connection(name, plugin, ShopConfig(), Place(name, folder, KEY)) for name, plugin in plugins.items()
    }
    return replace(made, connections=connections, key=KEY, hub=HubFile.model_validate({"name": "test", **hub}))


def signed(
    body: bytes | Mapping[str, Any], id_: str = "evt_1", at: datetime = NOW, secret: str = SECRET
) -> dict[str, Any]:
    """Give the content and headers of a push."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    stamp = str(int(at.timestamp()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, f"{id_}.{stamp}.".encode() + content, "sha256")).decode()
    headers = {"webhook-id": id_, "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}"}
    return {"content": content, "headers": headers}
