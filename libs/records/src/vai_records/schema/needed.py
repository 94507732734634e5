"""Which schema this version needs; a service checks it at boot and while it runs, and never changes it (rule 16)."""

import asyncpg

from vai_common.queries import Pool

NEEDED = "0019"
"""The newest revision under migrations/versions (a test holds them together)."""


async def fits(pool: Pool) -> bool:
    """Whether the database has been migrated at least to this version's schema."""
    try:
        found = await pool.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return False
    return found is not None and str(found) >= NEEDED
