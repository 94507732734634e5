"""Lists at a million runs: beside the bare SQL, and beside the same list at a thousand."""

from time import perf_counter
from typing import Any
from uuid import UUID

import asyncpg

from bench.load import Connection
from bench.measure import Figure, percentile
from vai_devstack.stack import Stack
from vai_records.runs.runs import COLUMNS

FEW, MANY = 1_000, 1_000_000
TRIES = 15
_PATH = "/api/v1/action-runs"

_FILL = """
INSERT INTO runs (id, org_id, kind, status, phase, definition, trigger_method, started_at, completed_at, result)
SELECT uuidv7(-interval '1 s' * ($2 - n)), $1, (ARRAY['dlt_extract', 'duckdb_transform', 'http_request'])[1 + n % 3],
    (ARRAY['completed', 'failed'])[1 + (n % 50 = 0)::int], 'done', '{"source": "noop"}', 'api', now(), now(),
    '{"recordsProcessed": 1}'
FROM generate_series(1, $2::int) n
"""
_FILTERS = {
    "": "true",
    "?status=failed": "status = 'failed'",
    "?status=completed": "status = 'completed'",
    "?kind=dlt_extract": "kind = 'dlt_extract'",
    "?kind=dlt_extract&status=failed": "kind = 'dlt_extract' AND status = 'failed'",
}


async def measure(stack: Stack) -> list[Figure]:
    database: Any = await asyncpg.connect(stack.database, server_settings={"jit": "off"})
    await fill(database, stack, FEW)
    few, _ = await _answered(stack, _PATH)
    await fill(database, stack, MANY)
    figures = [await _beside_sql(database, stack, query, where) for query, where in _FILTERS.items()]
    many, _ = await _answered(stack, _PATH)
    deep, _ = await _answered(stack, f"{_PATH}?offset=500000")
    await database.close()
    return [
        Figure(f"first page at {FEW:,} runs, p50", f"{few * 1e3:.1f} ms"),
        Figure(f"first page at {MANY:,} runs, p50", f"{many * 1e3:.1f} ms ({many / few:.2f} ×)", "≤ 3 ×"),
        Figure("the page behind half a million", f"{deep * 1e3:.0f} ms"),
        *figures,
    ]


async def fill(database: Any, stack: Stack, count: int) -> None:
    """Fill in finished runs; only the trigger that guards the lifecycle is left out, so that they are counted."""
    await database.execute("ALTER TABLE runs DISABLE TRIGGER guard_new_runs")
    await database.execute(_FILL, UUID(stack.org_id), count, timeout=600)
    await database.execute("ALTER TABLE runs ENABLE TRIGGER guard_new_runs")
    await database.execute("VACUUM ANALYZE runs", timeout=600)


async def _answered(stack: Stack, path: str) -> tuple[float, int]:
    """Seconds, the middle of some tries; and the total that the list said."""
    taken, total = [], 0
    async with Connection(stack.api_url, stack.api_key) as client:
        for _ in range(TRIES):
            start = perf_counter()
            answer = await client.request("GET", path)
            taken.append(perf_counter() - start)
            assert answer.status == 200, answer.body
            total = answer.json()["total"]
    return percentile(taken, 0.5), total


async def _beside_sql(database: Any, stack: Stack, query: str, where: str) -> Figure:
    """What the same takes without us: an index-only count, and a page."""
    mine = f"FROM runs WHERE org_id = $1 AND deleted_at IS NULL AND {where}"
    taken = []
    for _ in range(TRIES):
        start = perf_counter()
        counted = await database.fetchval(f"SELECT count(*) {mine}", UUID(stack.org_id))
        await database.fetch(f"SELECT {COLUMNS} {mine} ORDER BY id DESC LIMIT 100", UUID(stack.org_id))
        taken.append(perf_counter() - start)
    ours, total = await _answered(stack, _PATH + query)
    assert total == counted, (total, counted)
    bare = percentile(taken, 0.5)
    shown = f"{ours * 1e3:.1f} ms, bare {bare * 1e3:.1f} ms: {ours / bare:.2f} ×"
    return Figure(f"list{query or ' without a filter'}, {total:,} in all", shown, "≤ 2 ×")
