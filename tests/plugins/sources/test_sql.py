"""The source `sql` on SQLite and on a real PostgreSQL."""

import sqlite3
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from hub.contracts import Place
from hub.incremental import MANY
from hub.lake import REJECTED
from hub.testing.sources import PEOPLE, Landing, SourceSuite, SourceWorld
from plugins.sources.sql import Sql, SqlConfig


class DatabaseWorld(SourceWorld):
    plugin = Sql

    def __init__(self, url: str, wrong_url: str, secrets=()):
        self.url, self.wrong_url, self.secrets = url, wrong_url, secrets
        self.engine = sa.create_engine(url, poolclass=sa.NullPool)
        with self.engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, changed_at TIMESTAMP)"))

    def config(self):
        return SqlConfig(url=self.url, tables=["people"], cursor="changed_at")

    def wrong_config(self):
        return SqlConfig(url=self.wrong_url, tables=["people"], cursor="changed_at")

    def write(self, records):
        with self.engine.begin() as connection:
            for record in records:
                if "nickname" in record:
                    connection.execute(sa.text("ALTER TABLE people ADD COLUMN nickname TEXT"))
                connection.execute(sa.text("DELETE FROM people WHERE id = :id"), {"id": record["id"]})
                names = ", ".join(record)
                values = ", ".join(f"CAST(:{n} AS TIMESTAMP)" if n == "changed_at" and "postgresql" in self.url else f":{n}" for n in record)
                connection.execute(sa.text(f"INSERT INTO people ({names}) VALUES ({values})"), record)


class TestSqliteConforms(SourceSuite):
    @pytest.fixture
    def world(self, tmp_path):
        return DatabaseWorld(f"sqlite:///{tmp_path}/shop.db", "sqlite:////nowhere/shop.db")


class TestPostgresqlConforms(SourceSuite):
    @pytest.fixture
    def world(self, postgres_url):
        url = sa.make_url(postgres_url).set(drivername="postgresql+psycopg")
        wrong = url.set(username="nobody", password="s3same-0pen")
        return DatabaseWorld(url.render_as_string(False), wrong.render_as_string(False), ["s3same-0pen"])
