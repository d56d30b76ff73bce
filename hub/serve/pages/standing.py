"""What stands: what a person said before, so that the page of preferences shows it.

It is asked of what the last run published, and of what was said by links since. Where nothing is known no box is
ticked: what is shown decides nothing, only what is changed is a statement.
"""

from __future__ import annotations

from hub import log
from hub.errors import HubError
from hub.ledger import EVERY_CHANNEL, Queued
from hub.published import ask
from hub.serve.site import Site

Standing = dict[tuple[str, str], bool]
"""By channel and purpose, whether the newest statement is a yes."""

_PUBLISHED = """
    WITH own AS (
        SELECT other.record_id FROM source_record AS one JOIN source_record AS other USING (person_id)
        WHERE one.record_id IN (SELECT record_id FROM message WHERE source_key = '{id}' AND connection = '{connection}')
    ), said AS (
        SELECT channel, purpose, coalesce(given, false) AS given, coalesce("at", source_time) AS moment
        FROM consent JOIN own USING (record_id)
    ), newest AS (
        SELECT channel, purpose, max(moment) AS moment FROM said GROUP BY channel, purpose
    )
    SELECT channel, purpose, bool_and(given) AS given FROM said JOIN newest USING (channel, purpose, moment)
    GROUP BY channel, purpose ORDER BY channel, purpose
"""


def standing(site: Site, message: Queued) -> Standing:
    """Say what stands for the person who got a message."""
    found = _published(site, message)
    for statement in site.ledger.statements.of_message(message.id):
        channels = [statement.channel]
        if statement.channel == EVERY_CHANNEL:
            channels = [channel for channel, purpose in found if purpose == statement.purpose]
        found |= {(channel, statement.purpose): statement.given for channel in channels}
    return found


def _published(site: Site, message: Queued) -> Standing:
    try:
        rows = ask(site.project, _PUBLISHED.format(id=_quoted(message.id), connection=_quoted(message.connection)))
    except HubError as error:
        log.get("hub.serve").warning("what people said before can't be shown", error=type(error).__name__)
        return {}
    return {(row["channel"], row["purpose"]): bool(row["given"]) for row in rows.to_pylist()}


def _quoted(text: str) -> str:
    return text.replace("\x00", "").replace("'", "''")
