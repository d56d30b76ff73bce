"""The source `files` over SFTP and in S3, with real servers on loopback."""

import asyncio
import csv
import io
import threading
import warnings

import asyncssh
import pytest

from hub.contracts import Place
from hub.testing.sources import CONNECTION, SourceSuite, SourceWorld
from plugins.sources.files import Files, FilesConfig

PASSWORD = "s3same-0pen"


class SftpServer:
    """An SFTP server on loopback that shows one folder to one user."""

    def __init__(self, folder):
        self.folder = folder
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._server = self._call(self._start())
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self):
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    async def _start(self):
        class Gate(asyncssh.SSHServer):
            def begin_auth(self, username):
                return True

            def password_auth_supported(self):
                return True

            def validate_password(self, username, password):
                return (username, password) == ("hub", PASSWORD)

        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=Gate,
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(self.folder)),
        )

    async def _stop(self):
        self._server.close()
        await self._server.wait_closed()


def as_csv(records):
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(records[0]) if records else ["id", "name"])
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode()


class SftpWorld(SourceWorld):
    plugin = Files
    secrets = (PASSWORD, "wr0ng-s3same")

    def __init__(self, server):
        self.server = server
        (server.folder / "exports").mkdir()

    def config(self):
        return FilesConfig(path=f"sftp://127.0.0.1:{self.server.port}/exports/*.csv", user="hub", password=PASSWORD)

    def wrong_config(self):
        return self.config().model_copy(update={"password": FilesConfig(path="", password="wr0ng-s3same").password})

    def write(self, records):
        exports = self.server.folder / "exports"
        (exports / f"people_{len(list(exports.iterdir())):03}.csv").write_bytes(as_csv(records))


class TestSftpConforms(SourceSuite):
    @pytest.fixture
    def world(self, tmp_path):
        (tmp_path / "server").mkdir()
        server = SftpServer(tmp_path / "server")
        yield SftpWorld(server)
        server.close()


@pytest.fixture(scope="module")
def s3_server():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from moto.server import ThreadedMotoServer

        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


class S3World(SourceWorld):
    plugin = Files
    secrets = (PASSWORD,)

    def __init__(self, endpoint, bucket):
        import boto3

        self.endpoint, self.bucket, self.count = endpoint, bucket, 0
        self.client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id="hub",
            aws_secret_access_key=PASSWORD,
            region_name="us-east-1",
        )
        self.client.create_bucket(Bucket=bucket)

    def config(self):
        return FilesConfig(path=f"s3://{self.bucket}/exports", user="hub", password=PASSWORD, endpoint=self.endpoint)

    def wrong_config(self):
        return self.config().model_copy(update={"path": "s3://no-such-bucket/exports"})

    def write(self, records):
        self.count += 1
        self.client.put_object(Bucket=self.bucket, Key=f"exports/people_{self.count:03}.csv", Body=as_csv(records))


class TestS3Conforms(SourceSuite):
    @pytest.fixture
    def world(self, s3_server, request):
        return S3World(s3_server, f"bucket-{abs(hash(request.node.name))}")


def test_a_server_that_is_not_there_is_worth_another_try(tmp_path):
    config = FilesConfig(path="sftp://127.0.0.1:1/exports", user="hub", password=PASSWORD)
    check = Files(config, Place(CONNECTION, tmp_path)).check()
    assert not check.ok
    assert check.message.startswith("127.0.0.1:1: no connection")
