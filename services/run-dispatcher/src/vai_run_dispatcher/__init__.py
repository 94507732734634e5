"""What waits: approvals, limits, retries, deferred runs."""
