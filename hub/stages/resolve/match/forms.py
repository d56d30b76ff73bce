"""Formal names: what each given name may stand for, so that Ria and Marie meet at Maria."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from hub.normalise.short_names import FORMAL_NAMES, folded


def formal_names(keys: Iterable[str], more: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Give (key, formal name) pairs: a name stands for itself, and for all that it is a short form of.

    `more` has short forms by formal name. Initials ("jw.") stand for nothing.
    """
    own: dict[str, set[str]] = {}
    for formal, short in more.items():
        for name in short:
            own.setdefault(folded(name), set()).add(folded(formal))
    for key in keys:
        if not key.endswith("."):
            words = key.split()
            known = (FORMAL_NAMES.get(word, frozenset()) | own.get(word, set()) for word in words)
            for formal in sorted({*words, *(formal for found in known for formal in found)}):
                yield key, formal


def name_forms(more: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Give (formal name, form) pairs: every name by which somebody with that formal name may go."""
    own = {(folded(formal), folded(name)) for formal, short in more.items() for name in short}
    known = {(formal, name) for name, formals in FORMAL_NAMES.items() for formal in formals}
    yield from sorted(own | known)
