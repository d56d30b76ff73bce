"""Everything that can go wrong, sorted by what the reader does next.

    HubError
    ├── ConfigurationError     mend the configuration; lists every mistake with its place   (exit 2)
    │   └── PluginError        mend the installation: a plugin is missing, broken or double (exit 2)
    ├── TemporaryError         try again later: a server is down or asks us to wait         (exit 3)
    ├── RejectedError          this one record or message is refused; go on with the others (exit 1)
    │   └── UnsignedError      what was pushed is not signed as it must be, or too old      (exit 1)
    ├── StoppedError           nothing: it was told to stop; the next run goes on from here (exit 128 + signal)
    └── InternalError          call us: a promise of the hub itself was broken              (exit 70)

Messages say where, what and the remedy. They never hold personal data or secrets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


class HubError(Exception):
    """Any failure that the hub raises on purpose."""

    exit_code = 1


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in the configuration, with the place to mend it.

    `line` and `column` count from 1; 0 means that the place has no line (a missing file, a setting).
    """

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}"


class ConfigurationError(HubError):
    """The configuration has mistakes: all of them are in `problems`."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem] | str, file: Path | str = "") -> None:
        found = [Problem(str(file), 0, 0, problems)] if isinstance(problems, str) else sorted(set(problems))
        self.problems: tuple[Problem, ...] = tuple(found)
        super().__init__("\n".join(str(problem) if problem.file else problem.message for problem in found))


class PluginError(ConfigurationError):
    """A plugin is missing, does not load, or exists twice."""


class TemporaryError(HubError):
    """The other side is down, slow, or asks to wait `retry_after` seconds."""

    exit_code = 3

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RejectedError(HubError):
    """One record or message is refused for good; the others go on."""


class UnsignedError(RejectedError):
    """What was pushed to the hub is not signed as it must be, or too old: nobody knows who sent it."""


class StoppedError(HubError):
    """A signal told this process to stop: what was in flight is written down, the rest waits for the next run."""

    exit_code = 130

    def __init__(self, signal: int) -> None:
        super().__init__("stopped: what was under way is written down, and the rest waits for the next run")
        self.exit_code = 128 + signal


class InternalError(HubError):
    """A promise of the hub itself was broken: please report it."""

    exit_code = 70


def suggest(name: str, known: Iterable[str]) -> str:
    """Say " Did you mean 'x'?" where a known name is close, else nothing."""
    from difflib import get_close_matches

    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{near[0]}'?" if near else ""
