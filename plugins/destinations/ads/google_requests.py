"""Uploads that Google has taken, and whose outcome it tells later: a small file each, until the outcome has landed."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hub.log import get


class TakenRequests:
    """The requests of one connection, below `.hub` in the project's folder."""

    def __init__(self, folder: Path, connection: str) -> None:
        self._folder = folder / ".hub" / "google_ads" / connection

    def add(self, request_id: str, about: Mapping[str, Any]) -> None:
        """Remember a request. It was taken, so that it can't be noted is told, and stops nothing."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            file = self._file(request_id)
            part = file.with_suffix(".part")  # a kill leaves no half of one
            part.write_text(json.dumps({"request_id": request_id, **about}), encoding="utf-8")
            part.replace(file)
        except OSError as error:
            get("plugins.google_ads").warning("the outcome of an upload will not be known", reason=error.strerror)

    def all(self) -> list[dict[str, Any]]:
        """Give the requests that are remembered, the first first."""
        found = [json.loads(file.read_text(encoding="utf-8")) for file in self._folder.glob("*.json")]
        return sorted(found, key=lambda one: (str(one.get("sent_at")), str(one["request_id"])))

    def forget(self, request_ids: Collection[str]) -> None:
        """Forget requests whose outcome is in the lake."""
        for request_id in request_ids:
            self._file(request_id).unlink(missing_ok=True)

    def _file(self, request_id: str) -> Path:
        return self._folder / f"{quote(request_id, safe='')}.json"
