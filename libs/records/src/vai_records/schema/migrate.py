"""Brings a database to this version's schema: `make migrate` (rule 16).

Without make: `python -m vai_records.schema.migrate` with VAI_DATABASE_DIRECT_URL.

Run before the new version starts, never by a service.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from vai_common.clock import now
from vai_common.db import AWAY, engine, open_pool
from vai_records.schema import needed, scalers
from vai_records.schema.partitions import make_ahead

PATIENCE_SECONDS = 300.0
"""How long a table may stay in use by others before the migration gives up."""

_FIRST_WAIT, _LONGEST_WAIT = 0.2, 5.0
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('vai.migrate'))"

_log = structlog.get_logger()


class TablesInUse(Exception):
    """Other sessions hold a table that has to change."""

    def __init__(self) -> None:
        super().__init__(
            f"Other sessions hold a table that has to change, for {PATIENCE_SECONDS:.0f} s now. The schema is as the"
            " last complete revision left it. Find who holds it: `SELECT pid, application_name, xact_start, query"
            " FROM pg_stat_activity ORDER BY xact_start`. End that transaction, and run the migration again."
        )


class SchemaIsNewer(Exception):
    """A later version has migrated the database, to a schema that no longer serves this one."""


async def migrate(url: str, to: str = "head") -> None:
    """Upgrades to the newest revision and makes the partitions of the days ahead; safe to run twice, or by two.

    A schema that a later version has made stays as it is: the version before may come back on it (a rollback, also one
    that GitOps makes by an older manifest). Raises `SchemaIsNewer` where it no longer serves this version.

    `to` names an older revision: a test begins with a database as an earlier version left it.

    Services may work meanwhile: a revision waits for a table only as long as `vai_common.db.bounds_of("migrate")`
    says, since everybody who comes after it waits, too. Then it is undone and tried again. Raises `TablesInUse` where
    that goes on for `PATIENCE_SECONDS`.
    """
    pool = await open_pool(url, "migrate", 1)
    try:
        if to == "head" and await needed.is_newer(pool):
            if fault := await needed.fault(pool):
                raise SchemaIsNewer(fault)
            _log.info("schema_is_newer", hint="a later version made it, and it serves this one: nothing to do")
            return
        await _bring(url, to)
        await _patiently(lambda: make_ahead(pool, now().date()))
        if to == "head":
            await _patiently(lambda: scalers.let_read(pool))
    finally:
        await pool.close()


async def _bring(url: str, to: str) -> None:
    database = engine(url, "migrate", size=2)
    try:
        async with database.connect() as guard, database.connect() as connection:
            await guard.exec_driver_sql("SET LOCAL lock_timeout = 0")
            await guard.exec_driver_sql(_LOCK)

            async def upgrade() -> None:
                try:
                    await connection.run_sync(_upgrade, to)
                    await connection.commit()
                finally:
                    await connection.rollback()

            await _patiently(upgrade)
    finally:
        await database.dispose()


async def _patiently(change: Callable[[], Awaitable[object]]) -> None:
    """Makes the change, again and again while tables are in use: a lock is not had in time, or two wait for each other.

    What was committed before the failure is not done again: each revision and each partition is one transaction.
    """
    wait, until = _FIRST_WAIT, time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            await change()
            return
        except Exception as error:
            if not _is_in_use(error):
                raise
            if time.monotonic() > until:
                raise TablesInUse from error
            _log.warning("migration_waits", error=str(error), again_in=wait)
        await asyncio.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT)


def _is_in_use(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, asyncpg.LockNotAvailableError | asyncpg.DeadlockDetectedError):
            return True
        error = error.__cause__
    return False


def _upgrade(connection: Connection, to: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def main() -> int:
    """The exit code: 1 where it says in one line what is wrong."""
    url = os.environ.get("VAI_DATABASE_DIRECT_URL") or os.environ.get("VAI_DATABASE_URL")
    if not url:
        sys.stderr.write("VAI_DATABASE_URL is not set: name the database to migrate.\n")
        return 1
    try:
        asyncio.run(migrate(url))
    except (SchemaIsNewer, TablesInUse) as error:
        sys.stderr.write(f"The database was not migrated: {error}\n")
        return 1
    except (asyncpg.PostgresError, *AWAY) as error:
        told = f"{type(error).__name__}: {error}"
        sys.stderr.write(
            f"The database was not migrated: {told}. See VAI_DATABASE_URL, the network, its user's rights.\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
