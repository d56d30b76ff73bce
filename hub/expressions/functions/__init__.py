"""The functions that every expression may call, by subject."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hub.expressions.functions import business, choice, contact, dates, hashing, lists, names, numbers, text
from hub.expressions.functions.function import BuiltIn, FunctionDoc

__all__ = ["BUILT_INS", "FUNCTIONS"]

BUILT_INS: Mapping[str, BuiltIn] = MappingProxyType(
    {
        name: built_in
        for module in (text, choice, numbers, dates, contact, business, names, hashing, lists)
        for name, built_in in module.subject.functions.items()
    }
)
FUNCTIONS: Mapping[str, FunctionDoc] = MappingProxyType({name: built_in.doc for name, built_in in BUILT_INS.items()})
"""What the generated page shows."""
