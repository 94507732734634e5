"""An example: a database is extracted, and again with only what has changed."""
