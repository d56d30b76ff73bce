"""What makes a yes valid: the dated rules of the law as we read it, and what the project asks beyond them."""

from hub.law.rules import AgeRule, Basis, ChannelRule, Stricter, age_groups, basis_groups, registers
from hub.law.terms import Span, Terms, Text

__all__ = [
    "AgeRule",
    "Basis",
    "ChannelRule",
    "Span",
    "Stricter",
    "Terms",
    "Text",
    "age_groups",
    "basis_groups",
    "registers",
]
