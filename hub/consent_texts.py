"""The words that people agreed to are pinned on their first day: from then on, other words need another name."""

from __future__ import annotations

from datetime import datetime

from hub.errors import ConfigurationError
from hub.ledger import Ledger
from hub.project import Project


def pin_texts(project: Project, ledger: Ledger, as_of: datetime) -> None:
    """Keep the texts that are in force in the ledger.

    Raises ConfigurationError for those whose words are not the ones that people have seen.
    """
    if project.consent_texts is None:
        return
    today = project.terms.day(as_of)
    shown = {name: text.exactly for name, text in project.consent_texts.texts.items() if text.from_ <= today}
    changed = ledger.consent_texts.pin(shown, as_of)
    if changed:
        origin = project.origins["consent_texts",]
        raise ConfigurationError(
            [
                origin.at_key(
                    "texts",
                    name,
                    message=f"these are not the words that were in force on {pinned:%Y-%m-%d}, and people agreed to "
                    "those: put them back, and give the new words a name of their own",
                )
                for name, pinned in sorted(changed.items())
            ]
        )
