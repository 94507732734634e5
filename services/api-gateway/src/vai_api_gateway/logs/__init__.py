"""Routes about a run's log: pages, and a stream of what is written."""
