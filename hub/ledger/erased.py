"""The erased, recognised: whether a value belongs to somebody who was erased, by keyed hashes and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from hub.errors import ConfigurationError
from hub.ledger.erasures import Mark, mark_of, name_of
from hub.ledger.suppression import hashed

CHANNELS: Mapping[str, str] = {"email": "email", "phone": "sms"}
"""The kinds of identifiers that are addresses, and the channel under which suppressions know them."""


class Erased:
    """Knows the erased by their marks. Raises ConfigurationError where a mark was made with a key that is not here."""

    def __init__(self, marks: Collection[Mark], keys: Sequence[bytes]) -> None:
        named = {name_of(key): key for key in keys if key}
        used = sorted({mark.key for mark in marks})
        if missing := [name for name in used if name not in named]:
            raise ConfigurationError(
                f"people were erased under another HUB_KEY ({', '.join(missing)}), and can't be recognised without it: "
                "give that one in HUB_FORMER_KEYS"
            )
        self._keys = [named[name] for name in used]
        self._hashes = {mark.hash for mark in marks}
        self._present = keys[0] if keys else b""

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def among(self, kind: str, values: Iterable[str]) -> set[str]:
        """Give those among values of a kind that belong to somebody who was erased."""
        channel = CHANNELS.get(kind, kind)
        return {value for value in values if any(hashed(key, channel, value) in self._hashes for key in self._keys)}

    def learn(self, kind: str, value: str) -> Mark:
        """Take in a further value of somebody who was erased; give its mark."""
        mark = mark_of(self._present, CHANNELS.get(kind, kind), value)
        self._hashes.add(mark.hash)
        return mark
