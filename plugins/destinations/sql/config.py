"""What an admin writes to have people erased in a database.

erase:
  customers: {key: id}                                     # deleted
  orders: {key: customer_id, set: {billing_email: null}}   # kept for the books, without what is personal
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ErasedTable(BaseModel):
    """What becomes of a person's rows in one table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str | None = Field(None, description="The column that holds the record's key, as the mapping reads it.")
    email: str | None = Field(None, description="The column that holds the e-mail address, where rows are found by it.")
    set: dict[str, str | int | float | bool | None] = Field(
        {}, description="Columns with their new values, for rows that stay for the books; without it, rows are deleted."
    )

    @model_validator(mode="after")
    def _is_found(self) -> ErasedTable:
        if (self.key is None) == (self.email is None):
            raise ValueError("say how rows are found: by `key` or by `email`, one of them")
        return self
