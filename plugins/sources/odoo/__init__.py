"""odoo: reads a company's Odoo, and writes back to it: tags, fields, notes and the blacklist.

    crm: {plugin: odoo, url: https://crm.example.com, key: ${CRM_KEY}}

It speaks the JSON-2 API of Odoo 19 and newer. What an Odoo lacks, because the app is not installed or the user may not
see it, is told and left out; a resource that the configuration names must be there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.contracts import Capabilities, Check, Destination, Erasable, Operation, Proof, Result, Row, Source, SyncBatch
from hub.errors import ConfigurationError, HubError
from hub.hookspecs import hookimpl
from hub.log import get
from plugins.sources.odoo import blacklist
from plugins.sources.odoo.client import AbsentError, Client, ForbiddenError
from plugins.sources.odoo.config import OdooConfig
from plugins.sources.odoo.contacts import CONTACTS, Contacts
from plugins.sources.odoo.erasing import erase_records
from plugins.sources.odoo.finding import Match, find
from plugins.sources.odoo.listings import LISTINGS
from plugins.sources.odoo.reading import Reading, changed

if TYPE_CHECKING:
    from dlt.extract import DltResource

    from hub.contracts import Plugin


class Odoo(Source, Destination):
    """A CRM and ERP: contacts, leads, notes, calls, orders, invoices, events, surveys and consent; and back."""

    name = "odoo"
    summary = "Odoo 19: CRM, sales, invoices, events, surveys; writes tags, fields, notes and the blacklist back."
    config_model = OdooConfig
    default_mapping = Path(__file__).parents[3] / "mappings" / "odoo.yaml"
    proven = (Proof("real system", "Odoo", "19.0", date(2026, 11, 22)),)
    config: OdooConfig

    # what comes in ------------------------------------------------------------------------------------------------

    def check(self) -> Check:
        """Sign in, and look which resources are there for this user."""
        there, missing = [], []
        try:
            with Client(self.config) as client:
                version = client.version()
                for name in self._wanted:
                    try:
                        client.ask(LISTINGS[name].model, "search", domain=[], limit=1)
                        there.append(name)
                    except (AbsentError, ForbiddenError) as error:
                        missing.append(self._missing(name, error))
        except HubError as error:
            return Check(False, str(error))
        lacking = f"; left out: {'; '.join(missing)}" if missing else ""
        message = f"Odoo {version}: {', '.join(there) or 'nothing'}{lacking}"
        return Check(bool(there) and not (missing and self.config.resources), message)

    def resources(self) -> Iterable[DltResource]:
        """Give one resource per list of records."""
        import dlt

        reading = Reading(self.config.page_size, self.config.overlap)
        return [dlt.resource(self._changed(name, reading), name=name) for name in self._wanted]

    @property
    def _wanted(self) -> Sequence[str]:
        return self.config.resources or tuple(LISTINGS)

    def _changed(self, name: str, reading: Reading) -> Iterator[Any]:
        import dlt

        state = dlt.current.resource_state()
        more = self.config.fields.get(name, ())
        with Client(self.config) as client:
            try:
                yield from changed(client, LISTINGS[name], more, reading, state)
            except (AbsentError, ForbiddenError) as error:
                told = self._missing(name, error)
                if self.config.resources:
                    raise ConfigurationError(f"{told}; or take it out of `resources`") from None
                get(__name__).warning("left out", resource=name, reason=told)

    def _missing(self, name: str, error: AbsentError | ForbiddenError) -> str:
        """Say in an admin's words why a resource can't be read."""
        if isinstance(error, AbsentError):
            return f"{name} (install the app {LISTINGS[name].app} in Odoo)"
        return f"{name} (the user of the key may not read {LISTINGS[name].model}: give the user that right in Odoo)"

    # what goes out ------------------------------------------------------------------------------------------------

    @property
    def capabilities(self) -> Capabilities:
        """Rows of contacts; each is written once however often it comes."""
        operations: frozenset[Operation] = frozenset({"upsert", "add", "update", "remove", "delete"})
        return Capabilities(operations=operations, batch_size=200, can_read=True)

    def sync(self, batch: SyncBatch) -> Sequence[Result]:
        """Write rows to contacts with a tag (the target's name), to `contacts` or to the `blacklist`."""
        with Client(self.config) as client:
            if batch.target == blacklist.BLACKLIST:
                return blacklist.sync(client, batch)
            return Contacts(client, self._match, batch).results()

    def read_back(self, target: str, rows: Sequence[Row], fields: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """Give the named fields of the contacts that have the tag, or of all; of the addresses on the blacklist."""
        with Client(self.config) as client:
            if target == blacklist.BLACKLIST:
                return {email: {} for email in sorted(blacklist.listed(client, [row.key for row in rows]))}
            there = find(client, self._match, rows, [*fields, "category_id"])
            if target != CONTACTS:
                tags = client.ask("res.partner.category", "search", domain=[["name", "=", target]])
                there = {key: record for key, record in there.items() if set(tags) & set(record["category_id"])}
            return {key: {name: record[name] or None for name in fields} for key, record in there.items()}

    @property
    def can_erase(self) -> bool:
        """Contacts, leads and registrations, where the user of the key may delete or change them."""
        return True

    def erase(self, records: Sequence[Erasable]) -> Sequence[Result]:
        """Delete them; what the books name is archived, without what is personal."""
        with Client(self.config) as client:
            return erase_records(client, self.place.connection, records)

    @property
    def _match(self) -> Match:
        return Match(self.config.match, self.place.connection)


@hookimpl
def hub_plugins() -> list[type[Plugin]]:
    """Hand over the source that is a destination as well."""
    return [Odoo]
