"""Install, start and stop real systems for tests: into a cache folder, on loopback, without root."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

CACHE = Path(os.environ.get("HUB_REAL_CACHE", Path(__file__).parents[1] / ".cache" / "real"))
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MIRROR = "http://deb.debian.org/debian"


class NotInstalledError(Exception):
    """The system can't be had on this machine today, and why: the run names it and goes on."""


class System(ABC):
    """A real system: installed once, started for the tests, stopped after them."""

    name: str
    version: str = ""

    def __init__(self) -> None:
        self.folder = CACHE / self.name
        self.folder.mkdir(parents=True, exist_ok=True)
        self._servers: list[Server] = []

    @abstractmethod
    def install(self) -> None:
        """Bring it into the cache; nothing to do where it is there. Raises NotInstalledError."""

    @abstractmethod
    def start(self) -> None:
        """Start it and wait until it answers."""

    def stop(self) -> None:
        """Stop what was started, the last first."""
        for server in reversed(self._servers):
            server.stop()
        self._servers.clear()

    def serve(
        self, name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None, keep_stdin: bool = False
    ) -> Server:
        """Start a process that `stop` will end; what it says is in a file of the cache."""
        server = Server(self.folder / f"{name}.log", command, env or {}, keep_stdin)
        self._servers.append(server)
        return server


class Server:
    """A process of ours, in a group of its own."""

    def __init__(self, log: Path, command: Sequence[str | Path], env: Mapping[str, str], keep_stdin: bool) -> None:
        self.log = log
        with log.open("wb") as said:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.PIPE if keep_stdin else subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                env={**os.environ, **env},
                start_new_session=True,
            )

    def write(self, line: str) -> None:
        """Type a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def wait_until(self, ready: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait until it is ready; its last words are in the error when it is not."""
        until = time.monotonic() + seconds
        while not ready():
            if self.process.poll() is not None or time.monotonic() > until:
                said = self.log.read_text(errors="replace")[-2000:]
                raise AssertionError(f"{self.log.stem} does not start:\n{said}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End the process and its children, and wait for it."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                os.killpg(self.process.pid, sign)
            try:
                self.process.wait(10)
                return
            except subprocess.TimeoutExpired:
                continue


def run(command: Sequence[str | Path], what: str, seconds: float = 600.0, **options: object) -> str:
    """Run a step of an installation; NotInstalledError with its last line where it fails."""
    tool = str(command[0])
    if shutil.which(tool) is None:
        raise NotInstalledError(f"{what}: this machine has no {tool}")
    try:
        done = subprocess.run(  # type: ignore[call-overload]
            [str(part) for part in command], capture_output=True, text=True, timeout=seconds, check=True, **options
        )
    except subprocess.CalledProcessError as error:
        said = f"{error.stdout}\n{error.stderr}".splitlines()
        words = [line for line in said if line.strip() and "complete log of this run" not in line]
        raise NotInstalledError(f"{what}: {words[-1] if words else error}") from None
    except subprocess.TimeoutExpired:
        raise NotInstalledError(f"{what}: not done within {seconds:.0f} s") from None
    return str(done.stdout)


def once(folder: Path, mark: str, make: Callable[[Path], None]) -> Path:
    """Make a folder completely or not at all; one that was made for the same mark is taken as it is."""
    done = folder / ".made"
    if not done.is_file() or done.read_text() != mark:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(folder)
        done.write_text(mark)
    return folder


def free_port() -> int:
    """Find a port of this machine that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Say whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Debian:
    """Packages of a Debian release, unpacked into the cache: the machine's own packages stay as they are."""

    def __init__(self, release: str = "") -> None:
        if not KEYRING.is_file():
            raise NotInstalledError(f"this machine has no Debian keyring ({KEYRING})")
        self.release = release or _own_release()
        self.folder = CACHE / "debian" / self.release
        for part in ("state/lists/partial", "cache/archives/partial"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        sources = self.folder / "sources.list"
        sources.write_text(f"deb [signed-by={KEYRING}] {MIRROR} {self.release} main\n")
        settings = {
            "Dir::Etc::sourcelist": sources,
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State": self.folder / "state",
            "Dir::State::status": "/var/lib/dpkg/status",
            "Dir::Cache": self.folder / "cache",
            "APT::Sandbox::User": "root",
        }
        self._options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]

    def version(self, package: str) -> str:
        """Say which version there is today; NotInstalledError where there is none."""
        lists = self.folder / "state" / "lists"
        if not any(lists.glob("*Packages*")) or time.time() - lists.stat().st_mtime > 86_400:
            run(["apt-get", *self._options, "-qq", "update"], f"Debian {self.release}")
            lists.touch()
        told = run(["apt-cache", *self._options, "policy", package], package)
        found = [line.split(":", 1)[1].strip() for line in told.splitlines() if "Candidate:" in line]
        if not found or found[0] == "(none)":
            raise NotInstalledError(f"Debian {self.release} has no {package} today")
        return found[0]

    def needed(self, *packages: str) -> list[str]:
        """List the packages with all that this machine lacks for them."""
        told = run(
            ["apt-get", *self._options, "-s", "install", "--no-install-recommends", *packages], " ".join(packages)
        )
        return [line.split()[1] for line in told.splitlines() if line.startswith("Inst ")]

    def unpack(self, folder: Path, *packages: str, without: Sequence[str] = ()) -> None:
        """Download packages and lay their files down in a folder."""
        run(["apt-get", *self._options, "download", *packages], " ".join(packages), cwd=folder)
        for archive in sorted(folder.glob("*.deb")):
            leave_out = " ".join(f"--exclude='{pattern}'" for pattern in without)
            command = f"dpkg-deb --fsys-tarfile '{archive.name}' | tar -x {leave_out} -f -"
            run(["bash", "-o", "pipefail", "-c", command], archive.name, cwd=folder)
            archive.unlink()


def _own_release() -> str:
    about = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    if about.get("ID") != "debian":
        raise NotInstalledError(f"its packages are Debian's, and this is {about.get('ID', 'another system')}")
    return about["VERSION_CODENAME"]


def python_packages(folder: Path, requirements: Sequence[str]) -> Path:
    """Make a virtual environment with packages; gives its python."""

    def make(folder: Path) -> None:
        run([sys.executable, "-m", "venv", folder], "venv")
        pip: list[str | Path] = [
            folder / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        run([*pip, *requirements], "pip", seconds=900)

    return once(folder, " ".join(requirements), make) / "bin" / "python"


def node_packages(folder: Path, packages: Sequence[str]) -> Path:
    """Install packages of Node; gives the folder that holds `node_modules`."""

    def make(folder: Path) -> None:
        (folder / "package.json").write_text('{"private": true}')
        run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *packages], "npm", cwd=folder)

    return once(folder, " ".join(packages), make)
