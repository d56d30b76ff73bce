"""OpenSSH's own server: the SFTP drop of a printer, for one account with a key."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from pathlib import Path

from tests_real.harness import Debian, System, answers, free_port, once, run

CONFIGURATION = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
PidFile none
UsePAM yes
StrictModes no
AuthorizedKeysFile {folder}/client.pub
PasswordAuthentication no
Subsystem sftp internal-sftp
ForceCommand internal-sftp
"""


class OpenSSH(System):
    """Serves SFTP to whoever runs the tests; to `nobody`, where that is root."""

    name = "openssh"

    def install(self) -> None:
        debian = Debian()
        self.version = debian.version("openssh-server")
        packages = ("openssh-server", "openssh-client", "libwrap0")
        self._root = once(self.folder / "root", self.version, lambda folder: debian.unpack(folder, *packages))

    def start(self) -> None:
        self._place = Path(tempfile.mkdtemp(prefix="openssh-"))
        self.drop = self._place / "drop"
        self.drop.mkdir()
        self.port = free_port()
        for name in ("host", "client"):
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self._place / name], "a key")
        self.key = (self._place / "client").read_text()
        self.host_key = (self._place / "host.pub").read_text().strip()
        configuration = self._place / "sshd_config"
        configuration.write_text(CONFIGURATION.format(port=self.port, folder=self._place))
        libraries = ":".join(str(folder) for folder in sorted(self._root.glob("**/lib/*-linux-*")))
        command: list[str | Path] = [self._root / "usr/sbin/sshd", "-D", "-e", "-f", configuration]
        account = pwd.getpwuid(os.geteuid())
        if account.pw_uid == 0:
            account = pwd.getpwnam("nobody")
            for path in (self._place, *self._place.rglob("*")):
                os.chown(path, account.pw_uid, account.pw_gid)
            user = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
            command = ["setpriv", *user, *command]
        self.user = account.pw_name
        self.serve("server", command, {"LD_LIBRARY_PATH": libraries}).wait_until(lambda: answers(self.port))

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self._place, ignore_errors=True)
