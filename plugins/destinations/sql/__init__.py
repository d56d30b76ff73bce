"""What the plugin `sql` writes: rows of a table, by its key, in transactions."""
