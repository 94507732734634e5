"""Routes about runs: make, find, decide, wait for their end, follow their changes."""
