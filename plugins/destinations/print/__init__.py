"""print: letters as PDF with the address in the window of a Dutch envelope, in the drop of a printer.

Per batch the drop gets the PDFs and then, last, a manifest: `letters-<name>.csv`, or `.xml`. File names follow from the
messages' ids, so that a letter sent again replaces its own file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from hub.contracts import Capabilities, Check, Destination, Erasable, Message, PostalRecipient, Proof, Result
from hub.errors import HubError, RejectedError, TemporaryError
from hub.hookspecs import hookimpl
from hub.normalise.address import PostalAddress, address_lines, why_unaddressable
from hub.outgoing import NoAnswerError
from plugins.destinations.print.config import PrintConfig
from plugins.destinations.print.drop import Drop, open_drop, open_returns
from plugins.destinations.print.kix import bars_of, kix_of
from plugins.destinations.print.letters import Letter, Pages, Press, Sheet
from plugins.destinations.print.manifest import Entry, Form, without, write_manifest

if TYPE_CHECKING:
    from dlt.extract import DltResource

    from hub.contracts import Plugin

# Millimetres from the left edge of A4, folded in three, for the windows of Dutch DL and C5/6 envelopes; the height of
# the address, and where the letter begins below it.
_LEFT = {"left": 25.0, "right": 110.0}
_TOP = 50.0
_BODY = 98.0

_FORMS: tuple[Form, ...] = ("csv", "xml")


@dataclass(frozen=True)
class _Addressed:
    """A letter that can be set, and to whom it goes."""

    letter: Letter
    recipient: PostalRecipient
    kix: str

    def at(self, file: str, pages: Pages) -> Entry:
        """Say where in the drop it lies."""
        return Entry(self.letter.id, file, pages.first, pages.number, self.kix, self.recipient)


class Print(Destination):
    """Sets letters and puts them into the drop; a letter without a full address is rejected with the reason."""

    name = "print"
    summary = "Sets letters as PDF and puts them, with a manifest, into a printer's folder or SFTP server."
    config_model = PrintConfig
    proven = (
        Proof("real system", "OpenSSH", "9.2", date(2026, 11, 22)),
        Proof("real system", "AsyncSSH", "2", date(2026, 11, 22)),
    )
    config: PrintConfig
    default_mapping = Path(__file__).parents[3] / "mappings" / "print.yaml"

    @property
    def capabilities(self) -> Capabilities:
        """Letters; idempotent while files stay in the drop, if each letter has a file of its own."""
        window = self.config.kept_for if self.config.files == "letter" else None
        return Capabilities(
            channel="letter",
            batch_size=self.config.batch_size,
            concurrency=self.config.concurrency,
            idempotency_window=window,
            one_by_one=True,
        )

    def feedback(self) -> Iterable[DltResource]:
        """Give what the printer and the post report, where the configuration says so."""
        if self.config.returns is None:
            return []
        from plugins.destinations.print.returns import returns

        return [returns(self.config.returns, open_returns(self.config, self.place.folder))]

    def check(self) -> Check:
        """Look at the drop, and put nothing there."""
        try:
            with open_drop(self.config, self.place.folder) as drop:
                return Check(True, drop.look())
        except HubError as error:
            return Check(False, str(error))

    def send(self, batch: Sequence[Message]) -> Sequence[Result]:
        """Put the letters of a batch into the drop, then the manifest that announces them."""
        outcomes: dict[str, Result] = {}
        letters: list[_Addressed] = []
        for message in batch:
            try:
                letters.append(self._addressed(message))
            except RejectedError as error:
                outcomes[message.id] = Result(message.id, "rejected", reason=str(error))
        if letters:
            try:
                with (
                    Press(self._sheet(), self.place.folder / self.config.assets) as press,
                    open_drop(self.config, self.place.folder) as drop,
                ):
                    outcomes |= self._put(letters, press, drop)
            except TemporaryError as error:
                outcomes |= {item.letter.id: _later(item.letter.id, error) for item in letters}
        return [outcomes[message.id] for message in batch]

    @property
    def can_erase(self) -> bool:
        """Letters that lie in the drop still, where each has a file of its own."""
        return self.config.files == "letter"

    def erase(self, records: Sequence[Erasable]) -> Sequence[Result]:
        """Take letters out of the drop and of its manifests; what the printer took is not there any more."""
        if not self.can_erase:
            return super().erase(records)
        ids = {record.key for record in records}
        try:
            with open_drop(self.config, self.place.folder) as drop:
                there = drop.names()
                for id_ in sorted(ids):
                    drop.remove(_file_of(id_))
                for name in there:
                    for form in _FORMS:
                        if name.startswith("letters-") and name.endswith(f".{form}"):
                            left = without(drop.get(name), ids, form)
                            if left is not None:
                                drop.put(name, left)
        except TemporaryError as error:
            return [_later(record.key, error) for record in records]
        return [Result(record.key, "accepted") for record in records]

    def preview(self, message: Message) -> Mapping[str, bytes]:
        """Set one letter, and put it nowhere."""
        letter = self._addressed(message).letter
        with Press(self._sheet(), self.place.folder / self.config.assets) as press:
            return {"letter.pdf": press.set([letter])}

    def _addressed(self, message: Message) -> _Addressed:
        """Make a letter of a message. Raises RejectedError where it would not arrive."""
        to = message.recipient
        if not isinstance(to, PostalRecipient):
            raise RejectedError("the recipient has no postal address")
        is_belgian = to.country == "BE"
        address = PostalAddress(
            recipient=(to.name,),
            street=to.street,
            house_number=to.house_number,
            postcode=to.postcode,
            city=to.city,
            country=to.country,
            letter=to.house_letter,
            addition="" if is_belgian else to.house_addition,
            box=to.house_addition if is_belgian else "",
        )
        reason = why_unaddressable(address)
        if reason is None and not message.content.get("typst", "").strip():
            reason = "it has no text"
        if reason is not None:
            raise RejectedError(reason)
        lines = address_lines(address, self.config.sent_from)
        kix = kix_of(address) if self.config.sent_from == "NL" else ""
        bars = bars_of(kix) if self.config.kix else ""
        letter = Letter(message.id, lines, bars, message.content["typst"], message.data, message.queued_at)
        return _Addressed(letter, to, kix)

    def _put(self, letters: Sequence[_Addressed], press: Press, drop: Drop) -> dict[str, Result]:
        outcomes: dict[str, Result] = {}
        if self.config.files == "batch":
            entries = self._put_batch(letters, press, drop, outcomes)
        else:
            entries = self._put_each(letters, press, drop, outcomes)
        return outcomes | self._announce(entries, drop) if entries else outcomes

    def _announce(self, entries: Sequence[Entry], drop: Drop) -> dict[str, Result]:
        """Put the manifest: once it may be there, in one form, the printer may take the letters."""
        there = False
        try:
            for form in sorted(self.config.manifest):
                drop.put(f"letters-{_name_of(entries)}.{form}", write_manifest(entries, form))
                there = True
        except TemporaryError as error:
            if not (there or isinstance(error, NoAnswerError)):
                raise
            reason = f"the printer may have their manifest: {error}"
            return {entry.id: Result(entry.id, "unknown", entry.file, reason) for entry in entries}
        return {entry.id: Result(entry.id, "accepted", entry.file) for entry in entries}

    def _put_each(
        self, letters: Sequence[_Addressed], press: Press, drop: Drop, outcomes: dict[str, Result]
    ) -> list[Entry]:
        entries: list[Entry] = []
        for item in letters:
            pdf = _set(item, press, outcomes)
            if pdf is None:
                continue
            name = _file_of(item.letter.id)
            drop.put(name, pdf)
            entries += [item.at(name, pages) for pages in press.places()]
        return entries

    def _put_batch(
        self, letters: Sequence[_Addressed], press: Press, drop: Drop, outcomes: dict[str, Result]
    ) -> list[Entry]:
        good: Sequence[_Addressed] = letters
        try:
            pdf = press.set([item.letter for item in letters])
        except RejectedError:
            good = _settable(letters, press, outcomes)
            if not good:
                return []
            try:
                pdf = press.set([item.letter for item in good])
            except (RejectedError, TemporaryError) as error:
                reason = f"the letters can't share one file (`files: letter` keeps them apart): {error}"
                outcomes.update({item.letter.id: Result(item.letter.id, "later", reason=reason) for item in good})
                return []
        name = f"letters-{_name_of(good)}.pdf"
        drop.put(name, pdf)
        return [item.at(name, pages) for item, pages in zip(good, press.places(), strict=True)]

    def _sheet(self) -> Sheet:
        left = _LEFT[self.config.window]
        return Sheet(left, _TOP, _BODY, self.config.return_address, self.config.language)


def _settable(letters: Sequence[_Addressed], press: Press, outcomes: dict[str, Result]) -> Sequence[_Addressed]:
    """Leave out the letters that can't be set, each tried by itself."""
    return [item for item in letters if _set(item, press, outcomes) is not None]


def _set(item: _Addressed, press: Press, outcomes: dict[str, Result]) -> bytes | None:
    """Set one letter, or write down why it can't be, or not now."""
    try:
        return press.set([item.letter])
    except RejectedError as error:
        outcomes[item.letter.id] = Result(item.letter.id, "rejected", reason=str(error))
    except TemporaryError as error:
        outcomes[item.letter.id] = _later(item.letter.id, error)
    return None


def _name_of(items: Sequence[_Addressed] | Sequence[Entry]) -> str:
    """Name a batch by the ids of its letters."""
    ids = sorted(item.id if isinstance(item, Entry) else item.letter.id for item in items)
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16]


def _later(identity: str, error: TemporaryError) -> Result:
    return Result(identity, "later", reason=str(error))


def _file_of(id_: str) -> str:
    return f"{quote(id_, safe='')}.pdf"


@hookimpl
def hub_plugins() -> list[type[Plugin]]:
    """Hand over the destination."""
    return [Print]
