"""The source `files` over SFTP and in S3, with real servers on loopback."""

import asyncio
import csv
import io
import threading
import warnings

import asyncssh
import pytest
from pydantic import ValidationError

from hub.contracts import Place
from hub.testing.sources import CONNECTION, SourceSuite, SourceWorld
from plugins.sources.files import Files, FilesConfig

PASSWORD = "s3same-0pen"


class SftpServer:
    """An SFTP server on loopback that shows one folder to one user."""

    def __init__(self, folder):
        self.folder, self.logins, self.silent = folder, [], False
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._key = asyncssh.generate_private_key("ssh-ed25519")
        self.host_key = self._key.export_public_key().decode().strip()
        self._server = self._call(self._start())
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self):
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    async def _start(self):
        logins = self.logins

        class Gate(asyncssh.SSHServer):
            def begin_auth(self, username):
                logins.append(username)
                return True

            def password_auth_supported(self):
                return True

            def validate_password(self, username, password):
                return (username, password) == ("hub", PASSWORD)

        server = self

        class Folder(asyncssh.SFTPServer):
            async def scandir(self, path):
                if server.silent:
                    await asyncio.sleep(20)
                async for entry in super().scandir(path):
                    yield entry

        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=Gate,
            server_host_keys=[self._key],
            sftp_factory=lambda channel: Folder(channel, chroot=str(self.folder)),
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
        return self.config().model_copy(update={"password": FilesConfig(path=".", password="wr0ng-s3same").password})

    def write(self, records):
        exports = self.server.folder / "exports"
        (exports / f"people_{len(list(exports.iterdir())):03}.csv").write_bytes(as_csv(records))


@pytest.fixture
def sftp(tmp_path):
    (tmp_path / "server").mkdir()
    server = SftpServer(tmp_path / "server")
    yield server
    server.close()


class TestSftpConforms(SourceSuite):
    @pytest.fixture
    def world(self, sftp):
        return SftpWorld(sftp)


def look(sftp, tmp_path, **given):
    """Look at the server with these settings."""
    (sftp.folder / "people.csv").write_bytes(as_csv([{"id": 1, "name": "Anna"}]))
    config = FilesConfig(path=f"sftp://127.0.0.1:{sftp.port}/*.csv", user="hub", password=PASSWORD, **given)
    return Files(config, Place(CONNECTION, tmp_path)).check()


def test_a_server_with_the_host_key_that_we_know_is_read(sftp, tmp_path):
    assert look(sftp, tmp_path, host_key=sftp.host_key).message == "1 file for 1 table: people"


def test_a_server_with_another_host_key_is_never_given_the_password(sftp, tmp_path):
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    check = look(sftp, tmp_path, host_key=other.strip())
    assert not check.ok
    assert check.message == f"[127.0.0.1]:{sftp.port}: its host key is another one than `host_key` says"
    assert sftp.logins == []


def test_a_server_that_falls_silent_is_waited_for_no_longer_than_it_may_be(sftp, tmp_path, monkeypatch):
    monkeypatch.setattr("plugins.sources.files.places.LONGEST_SILENCE", 2.0)
    sftp.silent = True
    check = look(sftp, tmp_path)
    assert not check.ok
    assert "nobody answers there" in check.message


@pytest.fixture
def far_away(monkeypatch, tmp_path):
    """Take the server for one that is not on this machine, and keep this machine's own known_hosts out."""
    monkeypatch.setattr("plugins.sources.files.host_keys._is_loopback", lambda address: False)
    monkeypatch.setattr("plugins.sources.files.host_keys.KNOWN_HOSTS", tmp_path / "known_hosts")
    return tmp_path / "known_hosts"


def test_a_server_that_is_not_on_this_machine_must_be_known(sftp, tmp_path, far_away):
    check = look(sftp, tmp_path)
    assert not check.ok
    assert check.message == f"[127.0.0.1]:{sftp.port}: its host key is not known: write it as `host_key`"
    assert sftp.logins == []


def test_a_server_may_be_known_from_the_known_hosts_of_the_user(sftp, tmp_path, far_away):
    far_away.write_text(f"[127.0.0.1]:{sftp.port} {sftp.host_key}\n")
    assert look(sftp, tmp_path).ok


def test_a_host_key_that_is_none_is_a_mistake_in_the_configuration():
    with pytest.raises(ValidationError, match="host_key"):
        FilesConfig(path="sftp://files.example/out", host_key="ssh-ed25519")


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
    assert check.message.startswith("127.0.0.1:1: nobody answers there: check the server's name and port")
