"""People: what expressions may say about them, and the file that the hub keeps on each."""

from __future__ import annotations

from hub.people.file import NobodyError, PersonFile, explain, find_person

__all__ = ["NobodyError", "PersonFile", "explain", "find_person"]
