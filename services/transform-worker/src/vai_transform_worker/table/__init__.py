"""The Delta table that a transform writes."""
