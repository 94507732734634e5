"""Routes about the journal of events."""
