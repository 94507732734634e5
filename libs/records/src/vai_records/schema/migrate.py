"""Brings a database to this version's schema: `make migrate` (rule 16).

Without make: `python -m vai_records.schema.migrate` with VAI_DATABASE_DIRECT_URL.

Run before the new version starts, never by a service.
"""

import asyncio
import os
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from vai_common.clock import now
from vai_common.db import engine, open_pool
from vai_records.schema import scalers
from vai_records.schema.partitions import make_ahead

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('vai.migrate'))"


async def migrate(url: str, to: str = "head") -> None:
    """Upgrades to the newest revision and makes the partitions of the days ahead; safe to run twice, or by two.

    `to` names an older revision: a test begins with a database as an earlier version left it.
    """
    database = engine(url, "migrate", size=2)
    try:
        async with database.connect() as guard, database.connect() as connection:
            await guard.exec_driver_sql(_LOCK)
            await connection.run_sync(_upgrade, to)
            await connection.commit()
    finally:
        await database.dispose()
    pool = await open_pool(url, "migrate", 1)
    try:
        await make_ahead(pool, now().date())
        if to == "head":
            await scalers.let_read(pool)
    finally:
        await pool.close()


def _upgrade(connection: Connection, to: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)


if __name__ == "__main__":
    asyncio.run(migrate(os.environ.get("VAI_DATABASE_DIRECT_URL") or os.environ["VAI_DATABASE_URL"]))
