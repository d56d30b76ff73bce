"""Kannel: an SMS gateway (bearerbox and smsbox) with a pretended telephone network (fakesmsc)."""

from __future__ import annotations

from tests_real.harness import Debian, Server, System, answers, free_port, once

CONFIGURATION = """
group = core
admin-port = {admin}
admin-password = {password}
admin-interface = 127.0.0.1
smsbox-port = {box}
smsbox-interface = 127.0.0.1
log-level = 0
box-deny-ip = "*.*.*.*"
box-allow-ip = "127.0.0.1"
dlr-storage = internal

group = smsc
smsc = fake
smsc-id = fake
port = {smsc}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {box}
sendsms-port = {send}
sendsms-interface = 127.0.0.1
log-level = 0
mo-recode = true

group = sendsms-user
username = {username}
password = {password}
max-messages = 5
concatenation = true

group = sms-service
keyword = default
get-url = "{inbound}"
max-messages = 1
omit-empty = true
catch-all = true
"""


class Kannel(System):
    """Sends over HTTP; what reaches the network is what fakesmsc says it got."""

    name = "kannel"
    username, password, secret = "schakel", "pr0ef-geheim", "kattenluik"
    hub_port: int

    def install(self) -> None:
        debian = Debian()
        self.version = debian.version("kannel")
        needed = debian.needed("kannel", "kannel-extras")
        self._root = once(
            self.folder / "root", f"{self.version} {needed}", lambda folder: debian.unpack(folder, *needed)
        )

    def start(self) -> None:
        """Start gateway and network. Every message that a telephone sends is pushed to the hub on `hub_port`."""
        ports = {name: free_port() for name in ("admin", "box", "smsc", "send", "hub")}
        self.hub_port = ports["hub"]
        inbound = f"http://127.0.0.1:{self.hub_port}/in/sms/{self.secret}?from=%p&text=%a&reply=%I&at=%T"
        path = self.folder / "kannel.conf"
        path.write_text(CONFIGURATION.format(**ports, username=self.username, password=self.password, inbound=inbound))
        env = {"LD_LIBRARY_PATH": ":".join(str(each) for each in sorted(self._root.glob("**/lib/*-linux-*")))}
        bearerbox = self.serve("bearerbox", [self._root / "usr/sbin/bearerbox", path], env)
        bearerbox.wait_until(lambda: answers(ports["box"]) and answers(ports["smsc"]))
        self.network: Server = self.serve(
            "fakesmsc",
            [
                self._root / "usr/lib/kannel/test/fakesmsc",
                "-H",
                "127.0.0.1",
                "-r",
                str(ports["smsc"]),
                "-i",
                "0.01",
                "-m",
                "-1",
            ],
            env,
            keep_stdin=True,
        )
        self.serve("smsbox", [self._root / "usr/sbin/smsbox", path], env).wait_until(lambda: answers(ports["send"]))
        self.url = f"http://127.0.0.1:{ports['send']}/cgi-bin/sendsms"

    def texts(self, sender: str, text: str) -> None:
        """Send a text message from a telephone."""
        self.network.write(f"{sender} 999 text {text}")

    def sent(self) -> list[str]:
        """Give what reached the network: one line per part."""
        return [line for line in self.network.log.read_text(errors="replace").splitlines() if "Got message" in line]
