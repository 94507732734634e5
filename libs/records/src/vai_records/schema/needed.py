"""Which schema this version needs; a service checks it at boot and while it runs, and never changes it (rule 16)."""

import asyncpg

from vai_common.queries import Pool

NEEDED = "0050"
"""The newest revision under migrations/versions (a test holds them together)."""

_FOUND = "SELECT max(version_num) FROM alembic_version"
_OLDEST = "SELECT max(oldest) FROM schema_serves"


async def fault(pool: Pool) -> str | None:
    """What is wrong with the database's schema and what to do; None where it serves this version."""
    found = await _found(pool)
    if found is None:
        return f"the database has no schema, this version needs {NEEDED}: run `make migrate`"
    if found < NEEDED:
        return f"the database's schema {found} is older than {NEEDED}, which this version needs: run `make migrate`"
    oldest = await pool.fetchval(_OLDEST)
    if oldest is not None and str(oldest) > NEEDED:
        return (
            f"the database's schema {found} serves services of schema {oldest} or later, and this version is of"
            f" {NEEDED}: run a newer version"
        )
    return None


async def is_newer(pool: Pool) -> bool:
    """Whether a later version has migrated the database."""
    found = await _found(pool)
    return found is not None and found > NEEDED


async def _found(pool: Pool) -> str | None:
    try:
        found: str | None = await pool.fetchval(_FOUND)
    except asyncpg.UndefinedTableError:
        return None
    return found
