"""Ends the database sessions of a dead process: one that is only frozen would keep its locks (rule 24)."""

from uuid import UUID

import asyncpg
import structlog

from vai_common.queries import Pool

_log = structlog.get_logger()

# Only sessions that are certainly its own: the one that holds its lock (the key is a random number), and those with its
# name that are in a transaction. An idle session holds nothing, and a pooler may be giving it to another process.
_END = """
SELECT pg_terminate_backend(a.pid, 2000) FROM processes p JOIN pg_stat_activity a ON a.datname = current_database()
WHERE p.id = $1 AND a.pid <> pg_backend_pid() AND (
    a.application_name = p.session AND a.state <> 'idle'
    OR a.pid IN (
        SELECT l.pid FROM pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
          AND l.database = a.datid AND (l.classid::bigint << 32 | l.objid::bigint) = p.lock_key
    )
)
"""


async def end_sessions(pool: Pool, process_id: UUID) -> int:
    """End the sessions of a process that counts as dead, which frees its locks. Return how many there were.

    It needs the same database user as the process, or one with `pg_signal_backend`. Without, it logs that and goes on.
    """
    try:
        return len(await pool.fetch(_END, process_id))
    except asyncpg.InsufficientPrivilegeError as error:
        _log.error("sessions_not_ended", process=str(process_id), error=str(error))
        return 0
