"""What a command answers: for people on the terminal, or as JSON for machines; and how errors are told.

Errors are words on standard error, never a traceback. With --json they are an object on standard output too:
`{"error": ..., "problems": [{"file": ..., "line": ..., "column": ..., "message": ...}]}`.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.errors import ConfigurationError, HubError, InternalError

if TYPE_CHECKING:
    from rich.console import Console


STOPPED = 130


@dataclass(frozen=True)
class Answer:
    """The answer of a command: `data` for machines, `show` for people, and the exit code."""

    data: Any
    show: Callable[[Console], None]
    exit_code: int = 0


def answer(as_json: bool, work: Callable[[], Answer]) -> None:
    """Do the work of a command, give its answer, and end with its exit code."""
    try:
        given = work()
        _give(given, as_json)
        sys.stdout.flush()
    except HubError as error:
        _tell(error, as_json)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)  # noqa: T201 - without a library that may be half loaded
        raise SystemExit(STOPPED) from None
    except BrokenPipeError:
        # The reader has seen enough (`| head`): nothing more is written, not even when Python flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except PermissionError as error:
        _tell(_forbidden(error), as_json)
        raise SystemExit(ConfigurationError.exit_code) from None
    except Exception as error:  # noqa: BLE001 - the last place where a bug can be told in words
        _tell(_bug(error), as_json)
        raise SystemExit(InternalError.exit_code) from None
    if given.exit_code:
        raise SystemExit(given.exit_code)


def _give(given: Answer, as_json: bool) -> None:
    if as_json:
        print(json.dumps(given.data, default=plain, ensure_ascii=False, indent=2))  # noqa: T201 - it is the answer
    else:
        from rich.console import Console

        given.show(Console(highlight=False, soft_wrap=not sys.stdout.isatty()))


def _tell(error: HubError, as_json: bool) -> None:
    if as_json:
        problems = error.problems if isinstance(error, ConfigurationError) else ()
        told: Mapping[str, Any] = {"error": str(error), "problems": [asdict(problem) for problem in problems]}
        print(json.dumps(told, ensure_ascii=False, indent=2))  # noqa: T201 - it is the answer
    from rich.console import Console

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(str(error), style="red", markup=False)
    if isinstance(error, ConfigurationError) and len(error.problems) > 1:
        console.print(f"\n{len(error.problems)} mistakes to mend.", markup=False)


def _forbidden(error: PermissionError) -> HubError:
    return ConfigurationError(f"{error.filename or 'a file'}: {error.strerror}. Check the rights on it and its folder.")


def _bug(error: Exception) -> HubError:
    """Say where a bug is without its message, which may hold a value; the message is shown on request only."""
    if os.environ.get("HUB_LOG_LEVEL", "").lower() == "debug":
        return InternalError("".join(traceback.format_exception(error)))
    frames = list(traceback.extract_tb(error.__traceback__))
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
    return InternalError(
        f"this is a bug of the hub ({type(error).__name__} at {place}): please report it. "
        "HUB_LOG_LEVEL=debug shows everything, values of your data included."
    )


def plain(value: Any) -> Any:
    """Write what JSON has no form for."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)
