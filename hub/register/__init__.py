"""Registers: what they say about the organisations that the hub has, and what follows from it.

The stage `look_up` asks and lands; here is how an organisation and an answer find each other, and the rule on print.
"""

from hub.register.entries import entries
from hub.register.non_mailing import objections
from hub.register.questions import asked, way_of

__all__ = ["asked", "entries", "objections", "way_of"]
