"""The values of a source as columns, unchanged."""
