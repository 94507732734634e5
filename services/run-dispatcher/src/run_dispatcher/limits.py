"""How many runs may be live at once: counted from the rows themselves, so no counter can leak (rule 11)."""

from typing import Any

from run_dispatcher import lifecycle

_ORGANISATIONS = "SELECT DISTINCT org_id FROM runs WHERE phase = 'held' AND held_for = 'limit'"

# An organisation's room goes to runs that their connections let in, too: the others must not stand in the way.
_FITTING = """
WITH live AS MATERIALIZED (
    SELECT connection_id, count(*) AS runs FROM runs
    WHERE org_id = $1 AND phase IN ('queued', 'leased') GROUP BY connection_id
),
held AS (
    SELECT r.id, r.connection_id, row_number() OVER (PARTITION BY r.connection_id ORDER BY r.id) AS place
    FROM runs r WHERE r.org_id = $1 AND r.phase = 'held' AND r.held_for = 'limit'
),
admitted AS (
    SELECT h.id, row_number() OVER (ORDER BY h.id) AS place
    FROM held h LEFT JOIN connections c ON c.id = h.connection_id LEFT JOIN live l ON l.connection_id = c.id
    WHERE c.max_running IS NULL OR h.place <= c.max_running - coalesce(l.runs, 0)
)
SELECT a.id FROM admitted a JOIN organisations o ON o.id = $1
WHERE o.max_running IS NULL
   OR a.place <= o.max_running - (SELECT coalesce(sum(runs), 0) FROM live)
ORDER BY a.id LIMIT 200
"""


async def release_what_fits(pool: Any) -> list[Any]:
    """Lets in, of each organisation, as many held runs as its limits and its connections' leave room for."""
    released: list[Any] = []
    for row in await pool.fetch(_ORGANISATIONS):
        async with pool.acquire() as conn, conn.transaction():
            await conn.execute("SELECT pg_advisory_xact_lock(hashtext('vai.limits'), hashtext($1::text))", str(row[0]))
            fitting = [found["id"] for found in await conn.fetch(_FITTING, row[0])]
            if fitting:
                released += await lifecycle.release(conn, fitting)
    return released
