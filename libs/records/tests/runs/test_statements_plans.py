"""The hot statements are planned once, while the tables are empty, and must still read only what they are asked for."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from vai_common.ids import uuid7
from vai_records.lifecycle.entry import Entry
from vai_records.runs import statements
from vai_records.runs.statements import Ending
from vai_testkit.database import Database, new_run

OWNER = uuid7()
NOTE = Entry("note", "A note", {})
OLD = 500

_OLD = """
INSERT INTO runs (id, org_id, kind, status, phase, definition, trigger_method, completed_at)
SELECT gen_random_uuid(), gen_random_uuid(), 'dlt_extract', 'completed', 'done', '{}', 'api', clock_timestamp()
FROM generate_series(1, $1)
"""
_READ = """
SELECT coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0)
FROM pg_stat_xact_user_tables WHERE relname = 'runs'
"""


async def _claim(conn: Any, ids: list[UUID]) -> None:
    assert len(await statements.claim(conn, OWNER, ["dlt_extract"], ids, len(ids), "worker-1")) == len(ids)


async def _pull(conn: Any, ids: list[UUID]) -> None:
    assert len(await statements.pull(conn, OWNER, ["dlt_extract"], len(ids), "worker-1")) == len(ids)


async def _log(conn: Any, ids: list[UUID]) -> None:
    await statements.log(conn, [(run_id, 1, NOTE) for run_id in ids], "worker-1")


async def _progress(conn: Any, ids: list[UUID]) -> None:
    await statements.progress(conn, [(run_id, 1, {"done": 1}) for run_id in ids])


async def _renew(conn: Any, ids: list[UUID]) -> None:
    await statements.renew(conn, OWNER, [(run_id, 1) for run_id in ids])


async def _finish(conn: Any, ids: list[UUID]) -> None:
    endings = [Ending(run_id, 1, "completed", {}, None, None, NOTE, {}) for run_id in ids]
    assert len(await statements.finish(conn, endings, OWNER, "worker-1")) == len(ids)


@pytest.mark.parametrize("first", [_claim, _pull])
async def test_a_plan_made_for_an_empty_table_reads_only_the_runs_that_it_is_asked_for(
    own_database: Database, first: Callable[[Any, list[UUID]], Awaitable[None]]
) -> None:
    pool = await own_database.pool("extract-worker", 1)
    (early,) = await own_database.make(new_run())
    for statement in (first, _log, _progress, _renew, _finish):
        await statement(pool, [early])
    await (await own_database.owner()).execute(_OLD, OLD)
    ids = await own_database.make(new_run(), new_run(), new_run())

    for statement in (first, _log, _progress, _renew, _finish):
        async with pool.acquire() as conn, conn.transaction():
            await statement(conn, ids)
            assert await conn.fetchval(_READ) < OLD / 10, statement.__name__
