"""Bounces and complaints that arrive as mails, as rows of the table `reactions`.

Each mail is read once: of a mailbox the number of the last one is remembered (UIDVALIDITY and UID), of a folder the
names of those that are in it. No mail is moved, marked or deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dlt

from hub.errors import RejectedError
from plugins.destinations.smtp.arrived import Arrived
from plugins.destinations.smtp.config import BouncesConfig
from plugins.destinations.smtp.imap import Mailbox
from plugins.destinations.smtp.mail_folder import MailFolder
from plugins.destinations.smtp.reports import read_report
from plugins.destinations.smtp.verp import ReturnPaths

if TYPE_CHECKING:
    import pyarrow as pa
    from dlt.extract import DltResource

TABLE = "reactions"
PAGE = 500


def bounces(
    config: BouncesConfig, folder: Path, domain: str, timeout: float, paths: ReturnPaths | None = None
) -> DltResource:
    """Give the resource `bounces`, which fills `reactions`; `domain` is that of the hub's Message-IDs."""

    @dlt.resource(name="bounces", write_disposition="append")
    def read() -> Iterator[Any]:
        read_until: dict[str, Any] = dlt.current.resource_state().setdefault("read_until", {})
        for page in _pages(place(config, folder, timeout).unread(read_until)):
            yield from _tables(page, domain, paths)

    return read()


def look(config: BouncesConfig, folder: Path, timeout: float) -> str:
    """Say what is found where bounces arrive. Raises TemporaryError or ConfigurationError."""
    return place(config, folder, timeout).look()


def place(config: BouncesConfig, folder: Path, timeout: float) -> Mailbox | MailFolder:
    """Give the place where the mails are; a path is looked for in the project's folder."""
    if config.path is not None:
        return MailFolder(folder / config.path)
    return Mailbox(config, folder, timeout)


def _pages(mails: Iterable[Arrived]) -> Iterator[list[Arrived]]:
    """Gather mails, and ever fewer as they are larger, so that memory stays bounded."""
    page: list[Arrived] = []
    size = 0
    for mail in mails:
        page.append(mail)
        size += len(mail.content)
        if len(page) >= PAGE or size >= Arrived.LARGEST:
            yield page
            page, size = [], 0
    if page:
        yield page


def _tables(mails: Iterable[Arrived], domain: str, paths: ReturnPaths | None) -> Iterator[pa.Table]:
    """Yield the rows, and what can't be read for the table of what is set aside: by its name, without its text."""
    import pyarrow as pa

    from hub.arrow import set_aside
    from hub.lake import REJECTED
    from plugins.destinations.smtp.reactions import FIELDS

    rows: list[dict[str, str | None]] = []
    refused: list[tuple[str, str]] = []
    for mail in mails:
        try:
            mail.must_be_readable()
            rows.append(read_report(mail.content, domain, mail.at, paths))
        except RejectedError as error:
            refused.append((str(error), mail.name))
    if rows:
        columns = pa.schema([(name, pa.string()) for name in (*FIELDS, "message_key")])
        yield dlt.mark.with_table_name(pa.Table.from_pylist(rows, columns), TABLE)
    if refused:
        reasons, names = zip(*refused, strict=True)
        yield dlt.mark.with_table_name(set_aside(TABLE, reasons, names), REJECTED)
