"""A lake in S3 walks the same road as one in a folder."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub import pipeline
from hub.project import load_project
from hub.warehouse.duckdb import query

AS_OF = datetime(2026, 3, 2, 9, tzinfo=UTC)
HUB = """
name: Small
lake: s3://company/lake
connections:
  shop: {plugin: files, path: ./in/customers.csv}
"""
MAPPING = """
connection: shop
person:
  from: customers
  key: id
  identifiers: {email: email(email)}
"""


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An S3 server with a bucket called company."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import boto3
        from moto.server import ThreadedMotoServer
        from s3fs import S3FileSystem

        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://{}:{}".format(*server.get_host_and_port()))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "hub")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3same")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    boto3.client("s3").create_bucket(Bucket="company")
    S3FileSystem.clear_instance_cache()  # those that remember the server of another test
    yield
    S3FileSystem.clear_instance_cache()
    server.stop()


def test_what_lies_in_s3_is_mapped_and_no_copy_stays(bucket: None, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    customers = tmp_path / "in" / "customers.csv"
    customers.write_text("id,email\n1,anna@example.nl\n2,bram@example.nl\n")
    (tmp_path / "hub.yaml").write_text(HUB)
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "shop.yaml").write_text(MAPPING)
    project = load_project(tmp_path)
    assert pipeline.run(project, AS_OF, ["ingest", "build"]).ok
    customers.write_text("id,email\n1,anna@example.nl\n2,bram@example.nl\n3,carla@example.nl\n")
    assert pipeline.run(project, AS_OF, ["ingest", "build"]).ok
    found = query(tmp_path / ".hub" / "published.duckdb", "SELECT email FROM person ORDER BY 1").to_pylist()
    assert [row["email"] for row in found] == ["anna@example.nl", "bram@example.nl", "carla@example.nl"]
    assert not project.lake_copies.exists()
    assert not (tmp_path / "s3:").exists()
