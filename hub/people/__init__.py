"""People: what expressions may say about them, and the file that the hub keeps on each."""
