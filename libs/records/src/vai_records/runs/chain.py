"""Which runs belong to a retry chain: a run, the run that it retries, and so on (decision 19)."""

CHAIN = """WITH RECURSIVE chain(id, retry_of, depth) AS (
    SELECT id, retry_of, 0 FROM runs WHERE id = $1
    UNION ALL SELECT r.id, r.retry_of, c.depth + 1 FROM chain c JOIN runs r ON r.id = c.retry_of
)"""
"""The run $1, the run that it retries, and so on: they go on from one another's checkpoint (decision 19)."""
