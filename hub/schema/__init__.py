"""The shared schema: which tables and columns every project has, and what admins add to them."""

from hub.schema.shape import Column, Schema, Table, Type
from hub.schema.tables import BUILT_IN

__all__ = ["BUILT_IN", "Column", "Schema", "Table", "Type"]
