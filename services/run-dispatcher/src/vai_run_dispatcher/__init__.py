"""What waits: approvals, limits, retries, scheduled and deferred runs."""
