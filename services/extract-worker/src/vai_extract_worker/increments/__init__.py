"""Which rows are new."""
