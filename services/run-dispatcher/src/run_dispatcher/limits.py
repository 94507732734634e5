"""How many runs may be live at once: counted from the rows themselves, so no counter can leak (rule 11)."""

from typing import Any

from run_dispatcher import lifecycle

_ORGANISATIONS = "SELECT DISTINCT org_id FROM runs WHERE phase = 'held' AND held_for = 'limit'"

_FITTING = """
WITH held AS (
    SELECT r.id, r.connection_id, row_number() OVER (ORDER BY r.id) AS place,
           row_number() OVER (PARTITION BY r.connection_id ORDER BY r.id) AS place_of_connection
    FROM runs r WHERE r.org_id = $1 AND r.phase = 'held' AND r.held_for = 'limit' AND NOT EXISTS (
        SELECT FROM connections c WHERE c.id = r.connection_id AND c.max_running <= (
            SELECT count(*) FROM runs l
            WHERE l.org_id = $1 AND l.connection_id = c.id AND l.phase IN ('queued', 'leased')))
),
room AS (
    SELECT (o.settings->>'max_running')::int - (
        SELECT count(*) FROM runs l WHERE l.org_id = $1 AND l.phase IN ('queued', 'leased')) AS left
    FROM organisations o WHERE o.id = $1
)
SELECT h.id FROM held h CROSS JOIN room LEFT JOIN connections c ON c.id = h.connection_id
WHERE (room.left IS NULL OR h.place <= room.left)
  AND (c.max_running IS NULL OR h.place_of_connection <= c.max_running - (
    SELECT count(*) FROM runs l WHERE l.org_id = $1 AND l.connection_id = c.id AND l.phase IN ('queued', 'leased')))
ORDER BY h.id LIMIT 200
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
