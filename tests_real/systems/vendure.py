"""Vendure: a webshop with state. The Admin API is what a company has; the Shop API plays its customers."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from tests_real.harness import System, answers, free_port, node_packages
from tests_real.systems.postgresql import PostgreSQL

PACKAGES = ("@vendure/core@3.5.4", "pg@8.22.0")
SERVER = """
const { bootstrap, dummyPaymentHandler } = require('@vendure/core');
bootstrap({
  apiOptions: { port: +process.env.PORT, hostname: '127.0.0.1', adminApiPath: 'admin-api', shopApiPath: 'shop-api' },
  authOptions: {
    tokenMethod: 'bearer', requireVerification: false,
    superadminCredentials: { identifier: process.env.WHO, password: process.env.SECRET },
  },
  dbConnectionOptions: {
    type: 'postgres', host: process.env.DATABASE_HOST, username: 'vendure', database: 'vendure_run', synchronize: true,
  },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
}).catch((error) => { console.error(error); process.exit(1); });
"""


class Vendure(System):
    """A shop with nothing in it yet."""

    name = "vendure"
    version = "3.5.4"
    username, password = "beheer", "w1nkel-geheim"

    def __init__(self, postgresql: PostgreSQL) -> None:
        super().__init__()
        self._postgresql = postgresql

    def install(self) -> None:
        self._folder = node_packages(self.folder / "node", PACKAGES)
        (self._folder / "server.js").write_text(SERVER)

    def start(self) -> None:
        self._postgresql.user("vendure")
        self._postgresql.fresh("vendure_run", "vendure")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        env = {
            "PORT": str(port),
            "WHO": self.username,
            "SECRET": self.password,
            "DATABASE_HOST": self._postgresql.socket,
        }
        server = self.serve("server", ["node", self._folder / "server.js"], env)
        server.wait_until(lambda: answers(port) and "Admin API" in server.log.read_text(errors="replace"))
        self._tokens: dict[str, str] = {}
        login = "mutation ($u: String!, $p: String!) { login(username: $u, password: $p) { __typename } }"
        self.ask("admin", login, u=self.username, p=self.password)

    def ask(self, who: str, query: str, **variables: Any) -> dict[str, Any]:
        """Do what the admin, or a visitor by that name, does."""
        headers = {"Content-Type": "application/json"}
        if who in self._tokens:
            headers["Authorization"] = f"Bearer {self._tokens[who]}"
        api = "admin-api" if who == "admin" else "shop-api"
        content = json.dumps({"query": query, "variables": variables}).encode()
        with urllib.request.urlopen(
            urllib.request.Request(f"{self.url}/{api}", content, headers), timeout=30
        ) as answer:
            self._tokens[who] = answer.headers.get("vendure-auth-token") or self._tokens.get(who, "")
            said = json.load(answer)
        assert not said.get("errors"), said["errors"]
        return dict(said["data"])
